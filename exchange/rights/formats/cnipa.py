"""What Chinese registers and services answer about one right, with its legal events.

CNIPA's case inquiry (JSON with pinyin names), its bibliographic and legal-status XML, CNIPR's record of a patent,
and announcements as plain text. A text names no right: the caller must say whose announcements they are, so the
record of such a file has events and no number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final
from xml.etree.ElementTree import Element

from exchange.core.errors import N_
from exchange.rights.formats import legal, trees, values
from exchange.rights.formats.assemble import Draft, fill
from exchange.rights.formats.record import Event, Record, Refused, Row
from exchange.rights.formats.source import Source, encoding_of
from exchange.rights.formats.trees import anywhere, as_text, each, first, local, text, within

_MOST_EVENTS: Final = 2000


def _objects(found: Any) -> list[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _object(found: Any, *path: str) -> Mapping[str, Any]:
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _given(found: Any) -> str:
    """The text of a value, nothing for the dashes and blanks that stand for nothing."""
    return "\n".join(filter(None, map(values.value, as_text(found).split("\n"))))


# -- case inquiry ----------------------------------------------------------------------------------


def is_inquiry(found: Any) -> bool:
    """Whether an object is an answer of CNIPA's case inquiry."""
    return bool(_object(found, "data", "zhuluxmxx"))


def read_inquiry(found: Mapping[str, Any], today: date | None, line: int = 1) -> Row:
    """The right of a case inquiry."""
    data = _object(found, "data")
    head = _object(data, "zhuluxmxx", "zhuluxmxx")

    def people(group: str, one: str) -> str:
        return "\n".join(
            _given(person.get(one)) for person in _objects(_object(data, group).get(f"{group}List"))
        )

    agency = next(iter(_objects(_object(data, "dailijg").get("dailijgList"))), {})
    cells = {
        "source": "CNIPA",
        "app_no": _given(head.get("zhuanlisqh")),
        "title": _given(head.get("zhuanlimc")),
        "filed_on": _given(head.get("shenqingr")),
        "status": _given(head.get("anjianywzt")) or _given(head.get("falvzt")),
        "ipc": "\n".join((_given(head.get("zhufenlh")), _given(head.get("fufenlh")))),
        "applicants": people("shenqingren", "shenqingrxm"),
        "inventors": people("famingren", "famingrxm"),
        "agency": _given(agency.get("dailijgdm")),
        "agents": _given(agency.get("diyidlrxm")),
    }
    extra = {"divisional_filed_on": _given(head.get("fenantjr"))}
    draft = Draft(line, today=today)
    for change in _objects(_object(data, "zhuluxmbg").get("zhuluxmbgList")):
        _change(draft, change)
    return fill(draft, cells, extra)


def _change(draft: Draft, change: Mapping[str, Any]) -> None:
    """A change of bibliographic data; the inquiry gives item, before, after and day under several names."""
    named = {key: _given(found) for key, found in change.items()}
    item = next((found for key, found in named.items() if key.startswith("biangengsx")), "")
    before = next((found for key, found in named.items() if key.startswith("biangengq")), "")
    after = next((found for key, found in named.items() if key.startswith("biangengh")), "")
    day = next(
        (found for key, found in named.items() if key.startswith("biangengr") or key.endswith("rq")), ""
    )
    written = f"著录事项变更\n变更事项:{item}\n变更前:{before}\n变更后:{after}"
    event = legal.announcement("著录事项变更", written, announced_on=draft.date("events", day))
    draft.record.events.append(event)


# -- CNIPR -----------------------------------------------------------------------------------------


def is_record(found: Any) -> bool:
    """Whether an object is CNIPR's record of a patent."""
    return isinstance(found, Mapping) and "appNumber" in found and "pubNumber" in found


def read_record(found: Mapping[str, Any], today: date | None, line: int = 1) -> Row:
    """The patent of a CNIPR record. Owners are the present patentees; numbers come first in their lists."""

    def head(name: str) -> str:
        listed = found.get(name)
        return _given(listed[0] if isinstance(listed, list) and listed else listed)

    claim = re.sub(r"/n$", "", _given(found.get("independentClaims")) or _given(found.get("cl")))
    cells = {
        "source": "CNIPR",
        "app_no": head("appNumber"),
        "pub_no": head("pubNumber"),
        "title": _given(found.get("title")),
        "filed_on": _given(found.get("appDate")),
        "pub_date": _given(found.get("pubDate")),
        "granted_on": _given(found.get("grantDate")),
        "ipc_main": _given(found.get("mainIpc")),
        "ipc": _given(found.get("ipc")),
        "abstract": _given(found.get("abs")),
        "main_claim": claim,
        "applicants": _given(found.get("patentee")) or _given(found.get("applicantName")),
        "inventors": _given(found.get("inventorName")) or _given(found.get("inventroName")),
        "region": _given(found.get("patenteeAddrProvince") or found.get("provinceName")).rsplit(";", 1)[-1],
        "agency": _given(found.get("agencyName")),
        "agents": _given(found.get("agentName")),
        "address": _given(found.get("patenteeAddr") or found.get("address")),
    }
    extra = {
        "applicants_as_filed": _given(found.get("applicantName")).replace("\n", ";"),
        "expires_on": _given(found.get("expireDate")),
        "last_announcement": _given(found.get("lprs")),
    }
    draft = Draft(line, today=today)
    for one in _objects(found.get("legalList"))[:_MOST_EVENTS]:
        event = legal.announcement(
            as_text(one.get("prsCode")),
            as_text(one.get("codeExpl")),
            announced_on=draft.date("legalList", as_text(one.get("prsDate"))),
            given_code=as_text(one.get("strLegalCode")),
        )
        legal.check(draft, event)
    return fill(draft, cells, extra)


# -- CNIPA's XML -----------------------------------------------------------------------------------


def read_xml(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """Patent documents or legal-status records in CNIPA's XML. Raises ``Refused``."""
    line = 0
    for data in trees.documents(source):
        root = trees.xml(data)
        patents = list(within(root, "PatentDocumentAndRelated"))
        records = list(within(root, "PRSRecord"))
        for element in patents:
            line += 1
            yield _patent(line, element, today)
        for element in records:
            line += 1
            yield _status(line, element, today)
    if not line:
        raise Refused(
            "document.no_records", N_("The file holds neither a patent document nor a legal status.")
        )


def _patent(line: int, element: Element, today: date | None) -> Row:
    data = next(within(element, "BibliographicData"), element)
    country = element.get("country", "CN")
    digits = element.get("docNumber", "") or first(data, "PublicationReference", "DocumentID", "DocNumber")
    reference = next(each(data, "ApplicationReference", "DocumentID"), None)

    def names(group: str, one: str) -> str:
        return "\n".join(anywhere(person, "Name") for g in within(data, group) for person in each(g, one))

    claim = next(within(element, "ClaimText"), None)
    cells = {
        "source": "CNIPA",
        "pub_no": f"{country}{digits}{element.get('kind', '')}" if digits else "",
        "pub_date": element.get("datePublication", ""),
        "app_no": first(reference, "DocNumber") if reference is not None else "",
        "filed_on": first(reference, "Date") if reference is not None else "",
        "title": anywhere(data, "InventionTitle"),
        "ipc": "\n".join(first(symbol, "Text") for symbol in within(data, "ClassificationIPCR")),
        "applicants": names("AssigneeDetails", "Assignee") or names("ApplicantDetails", "Applicant"),
        "inventors": names("InventorDetails", "Inventor"),
        "region": anywhere(data, "Province"),
        "agency": anywhere(data, "OrganizationName"),
        "abstract": text(next(within(element, "Abstract"), None)),
        "main_claim": text(claim),
    }
    return fill(Draft(line, today=today), cells, {}, title="warning")


def _status(line: int, element: Element, today: date | None) -> Row:
    """One record of a legal status: the places are fixed, the order of the two application numbers is not."""
    draft = Draft(line, today=today)
    numbers = [part for part in element if next(within(part, "DocNumber"), None) is not None]
    numbers.sort(key=lambda part: part.get("dataFormat", "") != "standard")
    if numbers:
        number = draft.number("app_no", anywhere(numbers[0], "DocNumber"), expect="application")
        if number is not None:
            legal.place(draft.record, number)
        draft.record.filed_on = draft.date("filed_on", anywhere(numbers[0], "Date"))
    if not draft.record.app_no and not draft.failed():
        draft.error(
            "app_no",
            "number.missing",
            N_("The row has no number. Give the application or the publication number."),
        )
    rest = {local(part): text(part) for part in element if part not in numbers}
    day = draft.date("date", rest.get("PRSPublicationDate", ""))
    event = legal.announcement(
        rest.get("PRSValue", ""),
        rest.get("PRSInformation", "") or rest.get("PRSValue", ""),
        announced_on=day,
        given_code=rest.get("PRSCode", ""),
    )
    draft.record.source = "CNIPA"
    if day is None and not draft.failed():
        draft.error("date", "event.no_date", N_("The event has no date."))
    legal.check(draft, event)
    return draft.row()


# -- announcements as text -------------------------------------------------------------------------

_ENTRY: Final = re.compile(r"#?\s*法律状态公告日\s*[:：]")
_DAY: Final = re.compile(r"\s*([\d.\-/年月日]+)")
_STATUS: Final = re.compile(r"法律状态\s*[:：]\s*([^;；\r\n]*)")
_DESCRIPTION: Final = re.compile(r"描述信息\s*[:：]\s*(.*)", re.DOTALL)


def read_text(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The announcements of a text, each a row whose record has one event and no number. Raises ``Refused``."""
    encoding = encoding_of(source.lines(), source.head)
    whole = source.whole(trees.MOST_DOCUMENT).decode(encoding)
    line, before = 1, 0
    starts = list(_ENTRY.finditer(whole))
    for at, match in enumerate(starts):
        end = starts[at + 1].start() if at + 1 < len(starts) else len(whole)
        entry = whole[match.end() : end]
        line += whole.count("\n", before, match.start())
        before = match.start()
        draft = Draft(line, today=today)
        draft.record = Record(source="CNIPA", country="CN")
        draft.record.events.append(_entry(draft, entry))
        yield draft.row()
    if not starts:
        raise Refused("document.no_records", N_("The text holds no announcement."))


def _entry(draft: Draft, entry: str) -> Event:
    day = _DAY.match(entry)
    status = _STATUS.search(entry)
    description = _DESCRIPTION.search(entry)
    announced = draft.date("法律状态公告日", day.group(1) if day else "")
    if announced is None and not draft.failed():
        draft.error("法律状态公告日", "event.no_date", N_("The event has no date."))
    name = values.clean(status.group(1)) if status else ""
    event = legal.announcement(name, description.group(1) if description else name, announced_on=announced)
    if not event.code:
        draft.warn(
            "法律状态", "event.unknown", N_("The words %(words)s name no event known here."), words=name[:80]
        )
    return event
