"""The quick check (线上快捷确权): numbers in, one answer each, with what the register says and what may be done.

Up to a thousand numbers are answered with the same few queries as one (law.md §2.7). Open to visitors, within a limit for
each address that is counted in the database, so that it holds over several processes.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from sqlalchemy import Select, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from exchange import rulebook
from exchange.core import clock
from exchange.core.config import settings
from exchange.core.db import changed, session, transaction
from exchange.core.errors import N_, RuleBroken, Throttled, fill
from exchange.core.labels import label
from exchange.parties.models import Party
from exchange.rights import fees, numbers, obstacles, registrations, standing
from exchange.rights import source as sources
from exchange.rights.actions import key_of
from exchange.rights.models import (
    CheckCount,
    Encumbrance,
    Holding,
    Publication,
    Right,
    RightOwner,
    RightStatus,
)
from exchange.rights.numbers import Number, NumberError
from exchange.rights.obstacles import Obstacle

MOST: Final = 1000
"""Numbers in one request."""
_SUGGESTIONS: Final = 8
ACTS: Final = (obstacles.LIST, obstacles.TRANSFER, obstacles.LICENSE, obstacles.PLEDGE)

Say = Callable[[str, Mapping[str, Any]], str]
"""Fills a msgid with parameters in some language."""


def in_english(message: str, params: Mapping[str, Any]) -> str:
    """The message as it stands, filled."""
    return fill(message, dict(params))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one number. ``error`` is a msgid with ``params``; ``may`` holds the obstacles of each act."""

    input: str
    number: Number | None
    right: Right | None
    day: date
    code: str = ""
    error: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    suggestions: tuple[str, ...] = ()
    may: Mapping[str, list[Obstacle]] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Whether it is the number of a right, known here or not."""
        return self.number is not None

    @property
    def kind(self) -> str:
        """Key of the kind of right, empty where the number does not say and the right is not known."""
        if self.right is not None:
            return self.right.kind
        if self.number is None:
            return ""
        return self.number.patent_type or (
            self.number.scheme if self.number.scheme in registrations.READERS else ""
        )

    @property
    def status(self) -> RightStatus:
        """The phase of the right on the day of the answer: expired as soon as its term is over."""
        return standing.phase(self.right, self.day) if self.right is not None else RightStatus.UNKNOWN

    @property
    def expires_on(self) -> date | None:
        """The last day of the term."""
        return fees.expiry_of(self.right) if self.right is not None else None

    @property
    def burdens(self) -> tuple[Encumbrance, ...]:
        """The burdens that last on the day of the answer."""
        return obstacles.live_burdens(self.right, self.day) if self.right is not None else ()

    def as_json(self, say: Say = in_english) -> dict[str, Any]:
        """The answer as ``flask rights check`` and the API give it (interface.md)."""
        right = self.right
        told = {
            id(one): {
                "code": one.code,
                "message": say(one.message, one.params),
                "rule": one.rule,
                "remedy": say(one.remedy, one.params),
                "source": one.source,
            }
            for one in self.reasons
        }
        return {
            "input": self.input,
            "normalized": self.number.shown if self.number is not None else None,
            "kind": self.kind or None,
            "valid": self.valid,
            "error": {"code": self.code, "message": say(self.error, self.params)} if self.error else None,
            "suggestions": list(self.suggestions),
            "ref": right.ref if right is not None else None,
            "title": right.title if right is not None else None,
            "status": self.status.value,
            "as_of": right.status_as_of.isoformat() if right is not None and right.status_as_of else None,
            "source": right.status_source if right is not None else None,
            "expires_on": self.expires_on.isoformat() if self.expires_on else None,
            "encumbrances": [
                {
                    "kind": burden.kind.value,
                    "since": burden.since.isoformat(),
                    "ends_on": burden.ends_on.isoformat() if burden.ends_on else None,
                    "holder": burden.holder or None,
                    "source": burden.source,
                }
                for burden in self.burdens
            ],
            "owners": [
                {
                    "name": owner.name,
                    "share": owner.share_bp,
                    "party": owner.party.ref if owner.party is not None else None,
                }
                for owner in (right.owners if right is not None else ())
            ],
            "may": {
                act: {"ok": not found, "obstacles": [told[id(one)] for one in found]}
                for act, found in self.may.items()
            },
        }

    @property
    def reasons(self) -> list[Obstacle]:
        """What stands in the way of any act, each once."""
        return list({id(one): one for found in self.may.values() for one in found}.values())


NOT_HERE: Final = N_("%(number)s is a valid number; no such right is known here. Import it to check it.")
_NO_RIGHT: Final = Obstacle(
    "right.unknown",
    N_("No right with this number is known here."),
    "law.md §7.1",
    N_("Import the right, or enter it with what the register says."),
)
_NO_NUMBER: Final = Obstacle(
    "number.invalid", N_("This is no number of a right."), "law.md §2.5", N_("Correct the number.")
)


def check(texts: Sequence[str], *, party: Party | None = None, kind: str = "") -> list[Answer]:
    """An answer to each of ``texts``, in their order; with ``party`` its holdings count among the obstacles.

    ``kind`` reads bare numbers of registers that need it (trade marks). Raises ``RuleBroken`` (``check.too_many``) for
    more than a thousand, ``check.nothing`` for none.
    """
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise RuleBroken("check.nothing", N_("Enter at least one number."), field="numbers")
    if len(texts) > MOST:
        raise RuleBroken(
            "check.too_many",
            N_(
                "At most %(most)s numbers can be checked at once; here are %(found)s. Send the rest separately."
            ),
            field="numbers",
            most=MOST,
            found=len(texts),
        )
    today = clock.today()
    read = [numbers.try_parse(text, kind=kind, today=today) for text in texts]
    rights = _rights([one for one in read if isinstance(one, Number)])
    suggested = _suggestions(
        {text for text, one in zip(texts, read, strict=True) if isinstance(one, NumberError)}
    )
    return [
        _answer(text, one, rights, suggested, today, party) for text, one in zip(texts, read, strict=True)
    ]


def _answer(
    text: str,
    read: Number | NumberError,
    rights: Mapping[str, Right],
    suggested: Mapping[str, tuple[str, ...]],
    today: date,
    party: Party | None,
) -> Answer:
    if isinstance(read, NumberError):
        return Answer(
            text,
            None,
            None,
            today,
            read.code,
            read.message,
            read.params,
            suggested.get(text, ()),
            _refused(_NO_NUMBER),
        )
    right = rights.get(key_of(read))
    if right is None:
        params = {"number": read.shown}
        return Answer(text, read, None, today, "right.unknown", NOT_HERE, params, (), _refused(_NO_RIGHT))
    may = obstacles.obstacles_to(right, ACTS, party=party, day=today)
    return Answer(text, read, right, today, may=may)


def _refused(reason: Obstacle) -> dict[str, list[Obstacle]]:
    return {act: [reason] for act in ACTS}


def _rights(read: Iterable[Number]) -> dict[str, Right]:
    """Rights by key, found by their own key or by a publication; owners, burdens and holdings loaded with them."""
    keys = {key_of(number): number.key for number in read}
    if not keys:
        return {}
    publications = {number: key for key, number in keys.items() if key.startswith("P:")}
    by_number: dict[int, list[str]] = {}
    pairs = select(Publication.number, Publication.right_id).where(Publication.number.in_(publications))
    for number, right_id in session.execute(pairs):
        by_number.setdefault(right_id, []).append(publications[number])
    rights = list(session.scalars(select(Right).where(Right.key.in_(keys) | Right.id.in_(by_number))))
    _load(rights)
    found: dict[str, Right] = {}
    for right in rights:
        found[right.key] = right
        found |= dict.fromkeys(by_number.get(right.id, ()), right)
    return found


def _load(rights: list[Right]) -> None:
    """Load owners, burdens and holdings of ``rights``, each with one query whatever their number."""
    ids = [right.id for right in rights]
    owner, burden = RightOwner, Encumbrance
    asked: tuple[tuple[str, Select[Any]], ...] = (
        (
            "owners",
            select(owner)
            .where(owner.right_id.in_(ids), owner.until.is_(None))
            .order_by(owner.position, owner.id)
            .options(joinedload(owner.party)),
        ),
        (
            "encumbrances",
            select(burden).where(burden.right_id.in_(ids), burden.ended_on.is_(None)).order_by(burden.id),
        ),
        ("holdings", select(Holding).where(Holding.right_id.in_(ids)).order_by(Holding.id)),
    )
    for name, query in asked:
        by_right: dict[int, list[Any]] = {}
        for row in session.scalars(query):
            by_right.setdefault(row.right_id, []).append(row)
        for right in rights:
            set_committed_value(right, name, by_right.get(right.id, []))


def _suggestions(wrong: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Numbers that a wrong one may have been meant for, those known here first."""
    today = clock.today()
    meant = {text: numbers.suggest(text, today=today) for text in wrong}
    keys = {f"CN{shown.replace('.', '')}": shown for found in meant.values() for shown in found}
    if not keys:
        return {}
    known = {keys[key] for key in session.scalars(select(Right.key).where(Right.key.in_(keys)))}

    def rank(text: str, shown: str) -> tuple[bool, bool]:
        """Known ones first, then the one that differs in its check digit only."""
        return shown not in known, shown.split(".", maxsplit=1)[0] not in text.replace(" ", "")

    return {
        text: tuple(sorted(found, key=lambda shown: rank(text, shown))[:_SUGGESTIONS])
        for text, found in meant.items()
    }


_BREAKS: Final = re.compile(r"[\r\n,，;；、\t|]+")


def split(text: str) -> list[str]:
    """The numbers of a pasted text: one to a line, or parted by commas, semicolons, tabs. Blanks inside stay."""
    return [part.strip() for part in _BREAKS.split(text) if part.strip()]


# -- the limit for visitors -----------------------------------------------------------------------


def count_request(address: str) -> None:
    """Count one request from ``address``. Raises ``Throttled`` above ``check.per_minute`` (rulebook)."""
    now = clock.now()
    minute = int(now.timestamp()) // 60
    digest = hashlib.blake2b(address.encode(), key=settings().secret_key.encode()[:64], digest_size=16)
    try:
        count = _counted(digest.hexdigest(), minute)
    except IntegrityError:  # another request of this minute made the row
        count = _counted(digest.hexdigest(), minute)
    limit = rulebook.as_of("check.per_minute").number
    if count > limit:
        raise Throttled(
            "check.throttled",
            N_("From one address %(limit)s requests a minute are answered. Wait a moment, or sign in."),
            retry_after=60 - int(now.timestamp()) % 60,
            limit=limit,
        )


@transaction
def _counted(address: str, minute: int) -> int:
    mine = (CheckCount.address == address, CheckCount.minute == minute)
    if not changed(update(CheckCount).where(*mine).values(count=CheckCount.count + 1)):
        session.execute(delete(CheckCount).where(CheckCount.minute < minute - 60))
        session.add(CheckCount(address=address, minute=minute, count=1))
        session.flush()
        return 1
    return session.scalar(select(CheckCount.count).where(*mine)) or 1


# -- as a workbook --------------------------------------------------------------------------------

HEADINGS: Final = (
    N_("As entered"),
    N_("Number"),
    N_("Reference"),
    N_("Title"),
    N_("Legal status"),
    N_("Status as of"),
    N_("Source"),
    N_("In force until"),
    N_("Owners of record"),
    N_("Burdens"),
    N_("Listing"),
    N_("Transfer"),
    N_("Licence"),
    N_("Pledge"),
    N_("Remark"),
)
POSSIBLE: Final = N_("possible")


def workbook(answers: Iterable[Answer], say: Say = in_english) -> bytes:
    """The answers as a workbook (.xlsx). Every cell is text, so that nothing is taken for a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(say(N_("Quick check"), {}))

    def line(values: Iterable[str]) -> None:
        cells = []
        for value in values:
            cell = WriteOnlyCell(sheet, value="")
            cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)[:32_000]
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)

    line(say(heading, {}) for heading in HEADINGS)
    for answer in answers:
        line(_cells(answer, say))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cells(answer: Answer, say: Say) -> list[str]:
    right = answer.right
    remark = say(answer.error, answer.params) if answer.error else ""
    if answer.suggestions:
        remark += " → " + " / ".join(answer.suggestions)
    return [
        answer.input,
        answer.number.shown if answer.number is not None else "",
        right.ref if right is not None else "",
        right.title if right is not None else "",
        say(label(answer.status), {}),
        right.status_as_of.isoformat() if right is not None and right.status_as_of else "",
        say(sources.name(right.status_source), {}) if right is not None and right.status_source else "",
        answer.expires_on.isoformat() if answer.expires_on else "",
        "、".join(owner.name for owner in (right.owners if right is not None else ())),
        "; ".join(f"{say(label(burden.kind), {})} {burden.since.isoformat()}" for burden in answer.burdens),
        *(
            "; ".join(say(one.message, one.params) for one in answer.may.get(act, ())) or say(POSSIBLE, {})
            for act in ACTS
        ),
        remark,
    ]
