"""Announcements of legal events: the code by the text, the owners before and after, the dates inside (law.md §2.7).

Registers and databases write one announcement in several ways: pairs of a name and a value parted by semicolons
or line breaks, with groups that begin at 变更事项, or with the item in the name (变更前专利权人). What is read here is
the same for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from exchange.core.errors import N_
from exchange.rights import numbers
from exchange.rights.formats import values
from exchange.rights.formats.assemble import Draft
from exchange.rights.formats.record import Event, Record
from exchange.rights.numbers import Number

#: Meaning of an announcement to its code. Longer names come first, because they contain shorter ones.
_CODES: Final = tuple(
    sorted(
        {
            "专利权人的姓名或者名称、地址的变更": "CP03",
            "专利权人的姓名或者名称的变更": "CP01",
            "专利权人的地址的变更": "CP02",
            "专利申请权的转移": "TA01",
            "专利申请权、专利权的转移": "TR01",
            "专利权的转移": "TR01",
            "专利权质押合同登记的生效": "PE01",
            "专利权质押登记的生效": "PE01",
            "专利权质押合同登记的变更": "PM01",
            "专利权质押登记的变更": "PM01",
            "专利权质押合同登记的注销": "PC01",
            "专利权质押登记的注销": "PC01",
            "专利权保全的解除": "PD01",
            "专利权的保全的解除": "PD01",
            "专利权的保全": "PP01",
            "专利实施许可合同备案的生效": "EE01",
            "专利实施许可合同备案的变更": "EM01",
            "专利实施许可合同备案的注销": "EC01",
            "未缴年费专利权终止": "CF01",
            "因未缴年费专利权终止": "CF01",
            "专利权有效期届满": "CX01",
            "专利权的主动放弃": "AV01",
            "专利权的放弃": "AV01",
            "避免重复授权放弃专利权": "AR01",
            "视为放弃专利权": "AD01",
            "视为放弃取得专利权": "AD01",
            "专利权全部无效": "IW01",
            "专利权的全部无效": "IW01",
            "专利权部分无效": "IP01",
            "专利权的部分无效": "IP01",
            "无效公告": "IP01",
            "权利的恢复": "RR01",
            "著录事项变更": "CB03",
            "文件的公告送达": "DD01",
            "实质审查的生效": "SE01",
            "进入实质审查": "SE01",
            "发明专利申请公布后的视为撤回": "WD01",
            "发明专利申请公布后的撤回": "WW01",
            "发明专利申请公布后的驳回": "RJ01",
            "外观设计专利权授予": "GR01",
            "授权": "GR01",
            "授予": "GR01",
            "专利权的授予": "GR01",
            "公开": "PB01",
            "公布": "PB01",
        }.items(),
        key=lambda pair: -len(pair[0]),
    )
)  # fmt: skip

#: Headings of older gazettes that name a group of events; which one it is stands behind them.
_GROUPS: Final = {
    "专利权质押合同登记的生效、变更及注销": "",
    "专利权质押登记的生效、变更及注销": "",
    "专利实施许可合同备案的生效、变更及注销": "",
    "专利权的保全及其解除": "",
    "专利权的保全及解除": "",
    "发明专利申请公布后的撤回、视为撤回和驳回": "",
    "专利申请权、专利权的转移": "TR01",
    "专利权的无效、部分无效宣告": "",
    "专利权的终止": "",
}
_PAIR_BREAK: Final = re.compile(r"[;；\r\n]+|(?<=[\u4e00-\u9fff)])\s{2,}")
_DAY: Final = re.compile(r"\d{4}[.\-/年]?\d{1,2}[.\-/月]?\d{1,2}日?")
#: Name of a pair to its field; names not listed are kept as they are.
_NAMES: Final = {
    "登记生效日": "effective_on",
    "生效日": "effective_on",
    "合同登记生效日": "effective_on",
    "登记号": "registration_no",
    "合同登记号": "registration_no",
    "合同备案号": "recordal_no",
    "备案日": "effective_on",
    "备案日期": "effective_on",
    "解除日": "released_on",
    "变更日": "changed_on",
    "出质人": "pledgor",
    "质权人": "pledgee",
    "让与人": "licensor",
    "许可人": "licensor",
    "受让人": "licensee",
    "被许可人": "licensee",
    "许可种类": "licence_kind",
    "授权公告日": "granted_on",
    "申请日": "filed_on",
    "申请公布日": "published_on",
    "专利号": "patent_no",
    "申请号": "patent_no",
    "无效宣告决定号": "decision_no",
    "无效宣告决定日": "decided_on",
    "无效宣告决定": "decision",
    "恢复权利的决定": "decision",
    "原决定": "decision",
    "终止日期": "ended_on",
    "终止日": "ended_on",
    "放弃生效日": "effective_on",
    "IPC(主分类)": "ipc",
    "保全登记生效日": "effective_on",
    "登记解除日": "released_on",
}  # fmt: skip
_OWNER_ITEMS: Final = (
    "专利权人",
    "权利人",
    "共同专利权人",
    "共同权利人",
    "申请人",
    "共同申请人",
    "共有权利人",
)
_BEFORE: Final = re.compile(r"变更前(.*)")
_AFTER: Final = re.compile(r"变更后(.*)")
_DAYS: Final = ("effective_on", "released_on", "changed_on", "ended_on")


def code_of(name: str) -> str:
    """The code of an announcement by the words it begins with, or nothing."""
    name = values.clean(name).lstrip("因")
    for group, code in _GROUPS.items():
        if name.startswith(group):
            return code_of(name[len(group) :].lstrip("(（:：、,， ")) or code
    for words, code in _CODES:
        if name.startswith(words):
            return code
    return ""


def _without_heading(name: str) -> str:
    """The name of a pair without the heading that ran into it."""
    while name not in _NAMES:
        heading = next((w for w in (*_GROUPS, *(words for words, _ in _CODES)) if name.startswith(w)), "")
        if not heading or len(name) == len(heading):
            break
        name = name[len(heading) :].lstrip("()（）、,， ")
    return name


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    """Names and values, in order. The heading runs into the first name where no break parts them.

    A piece without a name goes on with the value before it: owners too are parted by semicolons.
    """
    last = ""
    for piece in _PAIR_BREAK.split(text):
        name, mark, content = piece.replace("：", ":").partition(":")
        if not mark:
            if last and values.value(piece):
                yield last, values.value(piece)
            continue
        name = _without_heading(values.clean(name))
        last = name
        yield name, values.value(content)


class _Reading:
    """The state of one announcement while its pairs are read."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.before: list[str] = []
        self.after: list[str] = []
        self._item = ""

    def take(self, name: str, content: str) -> None:
        if name in {"变更事项", "变更项目"}:
            self._item = content
            self._keep("changed_item", content)
            return
        for pattern, owners, side in ((_BEFORE, self.before, "before"), (_AFTER, self.after, "after")):
            match = pattern.fullmatch(name)
            if match:
                self._changed(match.group(1), content, owners, side)
                return
        self._keep(_NAMES.get(name, name), content)

    def _changed(self, item: str, content: str, owners: list[str], side: str) -> None:
        """A value before or after. 变更前权利人 under the item 地址 is an address: the item decides."""
        subject = item if item not in {"", "权利人"} else self._item or item
        if subject in _OWNER_ITEMS or (not subject and side == "after" and not content):
            owners += [name for name in values.names(content) if name not in owners]
        elif "地址" in subject:
            self._keep(f"address_{side}", content)
        else:
            self._keep(f"changed_{side}", content)

    def _keep(self, name: str, content: str) -> None:
        if not content or len(self.fields) >= 60:
            return
        name, content = name[:40], content[:2000]
        known = self.fields.get(name)
        if known is None:
            self.fields[name] = content
        elif content not in known.split("; "):
            self.fields[name] = f"{known}; {content}"


def announcement(name: str, text: str, *, announced_on: date | None = None, given_code: str = "") -> Event:
    """One announcement as an event.

    ``name`` is what the register calls it, ``text`` the whole of it. Where the words and ``given_code`` name
    different events the words win and the given code is kept beside them; where the words name none the given
    code stands.
    """
    heading = values.clean(_PAIR_BREAK.split(text.strip(), maxsplit=1)[0]) if text.strip() else ""
    code = code_of(heading) or code_of(name) or given_code.strip().upper()
    reading = _Reading()
    for pair in _pairs(text):
        reading.take(*pair)
    event = Event(
        code,
        values.clean(name) or heading,
        announced_on,
        text=values.clean(text, lines=True)[:20_000],
        before=reading.before,
        after=reading.after,
        fields=reading.fields,
    )
    if given_code.strip() and given_code.strip().upper() != code:
        event.given_code = given_code.strip().upper()
    event.effective_on = _effective(reading.fields)
    return event


def _effective(fields: dict[str, str]) -> date | None:
    for name in _DAYS:
        match = _DAY.match(fields.get(name, ""))
        if match:
            try:
                return values.read_date(match.group())
            except ValueError:
                continue
    return None


def place(record: Record, number: Number) -> None:
    """Put a number of either kind where it belongs in ``record``."""
    record.country = record.country or number.country
    record.kind = record.kind or number.patent_type
    if number.scheme in {numbers.CN_APPLICATION, numbers.PCT_APPLICATION}:
        record.app_no = number.key
    elif number.scheme in {numbers.CN_PUBLICATION, numbers.FOREIGN}:
        record.pub_no, record.kind_code = number.key, number.kind_code
    else:
        record.reg_no, record.kind = number.key, number.scheme


def check(draft: Draft, event: Event) -> None:
    """Add ``event`` to the draft's record, warning where its code and its words disagree or it has no date."""
    if event.given_code:
        draft.warn(
            "code",
            "event.code_contradiction",
            N_(
                "The code %(given)s and the words of the announcement (%(code_by_words)s) disagree; the words were taken."
            ),
            given=event.given_code,
            code_by_words=event.code,
        )
    draft.record.events.append(event)


def add_named(draft: Draft, named: dict[str, str]) -> None:
    """Add the event of a line whose values come by name: ``code``, ``date``, ``effective_on``, ``text`` and others."""
    announced = draft.date("date", named.pop("date", ""))
    effective = draft.date("effective_on", named.pop("effective_on", ""))
    event = announcement(
        named.pop("name", ""), named.pop("text", ""), announced_on=announced, given_code=named.pop("code", "")
    )
    event.effective_on = effective or event.effective_on
    for side, owners in (("before", event.before), ("after", event.after)):
        given = values.names(named.pop(side, ""))
        if given:
            owners[:] = given
    for name, content in named.items():
        text = values.value(content)
        if text and len(event.fields) < 60:
            event.fields[values.clean(name)[:40]] = text[:2000]
    if not event.code:
        draft.error("code", "event.no_code", N_("The event has neither a code nor words that name one."))
    if announced is None and effective is None and not draft.failed():
        draft.error("date", "event.no_date", N_("The event has no date."))
    check(draft, event)
