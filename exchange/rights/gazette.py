"""Announcements of a gazette or register from a file, applied to the rights they name (law.md §2.7).

The same announcement twice is known; one of a right that is not here is counted and left; a code without an effect is
kept as history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import lock, session, transaction
from exchange.core.errors import N_, RuleBroken, fill
from exchange.parties.policy import Actor, Permission
from exchange.rights import codes, history, numbers, sandbox
from exchange.rights.actions import get_for, key_of
from exchange.rights.entry import keys_of
from exchange.rights.formats import legal
from exchange.rights.formats.record import Problem, Record, Refused, Row
from exchange.rights.imports import refusal
from exchange.rights.models import Publication, Right
from exchange.rights.numbers import NumberError
from exchange.rights.register import Announcement

BATCH = 200
"""Rows in one transaction."""
MAX_PROBLEMS = 5000

NO_NUMBER = N_("The file names no number for this announcement. Give the number of its right.")
UNKNOWN_RIGHT = N_("The right %(number)s is not known here. Import it first.")
NO_DATE = N_("The announcement has no date.")


@dataclass
class EventsReport:
    """What became of the announcements of a file. ``read`` is the sum of the other five."""

    read: int = 0
    applied: int = 0
    recorded: int = 0
    known: int = 0
    unknown_right: int = 0
    rejected: int = 0
    warned: int = 0
    format: str = ""
    problems: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The answer of ``flask rights events --json`` (interface.md)."""
        return {
            "format": self.format,
            "read": self.read,
            "applied": self.applied,
            "recorded": self.recorded,
            "known": self.known,
            "unknown_right": self.unknown_right,
            "rejected": self.rejected,
            "warned": self.warned,
            "problems": [
                {**problem, "message": fill(problem["message"], problem["params"])}
                for problem in self.problems
            ],
        }

    def say(self, line: int, code: str, severity: str, message: str, **params: Any) -> None:
        """Note a problem, within the limit."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(
                {
                    "line": line,
                    "column": "",
                    "code": code,
                    "severity": severity,
                    "message": message,
                    "params": params,
                }
            )

    def keep(self, problem: Problem) -> None:
        """Note a problem of the reader."""
        self.say(problem.line, problem.code, problem.severity, problem.message, **problem.params)


def import_events(
    actor: Actor,
    path: Path,
    *,
    number: str | None = None,
    fmt: str = sandbox.AUTO,
) -> EventsReport:
    """Apply the announcements of a file. ``number`` names the right where the file does not.

    Any order of rows and of files arrives at the same state. Raises ``NotAllowed``; ``RuleBroken`` for a number that is
    none and, with the reason, for a file that cannot be read (what came before the break stays).
    """
    actor.must(Permission.RIGHT_RECORD_EVENT)
    default = _default(number)
    report = EventsReport()
    try:
        with sandbox.stream(path, fmt, today=clock.today()) as (key, rows):
            report.format = key
            for some in _some(rows):
                _apply(actor, some, default, report)
    except Refused as refused:
        raise refusal(refused) from refused
    return report


def _default(number: str | None) -> list[str]:
    if not number:
        return []
    try:
        read = numbers.parse(number)
    except NumberError as error:
        raise RuleBroken(error.code, error.message, field="number", **error.params) from error
    return [key_of(read)]


def _some(rows: Iterable[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some


def _numbered(record: Record) -> list[str]:
    """Keys by the numbers that a record names; none where it names none."""
    return keys_of(record) if record.app_no or record.pub_no or record.reg_no else []


@transaction
def _apply(actor: Actor, rows: list[Row], default: list[str], report: EventsReport) -> None:
    """Apply some rows: rights are locked in the order of their ids, each gets all its announcements at once."""
    found = _find({key for row in rows if row.record is not None for key in _numbered(row.record) or default})
    by_right: dict[int, list[tuple[int, Announcement]]] = {}
    for row in rows:
        for problem in row.problems:
            report.keep(problem)
        if row.record is None:
            report.read += row.counts
            report.rejected += row.counts
            continue
        keys = _numbered(row.record) or default
        right_id = next((found[key] for key in keys if key in found), None)
        report.read += len(row.record.events)
        for event in row.record.events:
            announcement = history.announcement_from(event)
            if announcement is None:
                report.rejected += 1
                report.say(row.line, "event.no_date", "error", NO_DATE)
            elif not keys:
                report.rejected += 1
                report.say(row.line, "number.missing", "error", NO_NUMBER)
            elif right_id is None:
                report.unknown_right += 1
                report.say(
                    row.line, "right.unknown", "warning", UNKNOWN_RIGHT, number=keys[0].removeprefix("P:")
                )
            else:
                by_right.setdefault(right_id, []).append((row.line, announcement))
    for right_id in sorted(by_right):
        events = by_right[right_id]
        right = lock(Right, right_id)
        outcome = history.announce(actor, right, [event for _, event in events])
        report.applied += outcome.applied
        report.recorded += outcome.recorded
        report.known += outcome.known
        lines = {event.fingerprint: line for line, event in events}
        report.warned += len({told.fingerprint for told, _ in outcome.warnings})
        for told, warning in outcome.warnings:
            report.say(lines[told.fingerprint], f"event.{told.code}", "warning", warning)


@transaction
def record_event(
    actor: Actor,
    right_ref: str,
    *,
    announced_on: date,
    code: str = "",
    effective_on: date | None = None,
    text: str = "",
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    fields: Mapping[str, str] | None = None,
) -> Right:
    """Enter one announcement by hand: its code, or words that name one. A repeat changes nothing.

    Raises ``NotAllowed``; ``RuleBroken`` where neither code nor words say what happened, or the day lies ahead.
    """
    actor.must(Permission.RIGHT_RECORD_EVENT)
    right = lock(Right, get_for(actor, right_ref).ref)
    if announced_on > clock.today():
        raise RuleBroken(
            "date.future", N_("%(day)s lies in the future."), field="announced_on", day=announced_on
        )
    event = legal.announcement("", text, announced_on=announced_on, given_code=code)
    event.effective_on = effective_on or event.effective_on
    event.before, event.after = list(before) or event.before, list(after) or event.after
    event.fields |= dict(fields or {})
    announcement = history.announcement_from(event)
    if announcement is None or not announcement.code or announcement.code in codes.OURS:
        raise RuleBroken(
            "event.no_code",
            N_("Give the code of the event, or the words of the announcement."),
            field="code",
            rule="law.md §2.7",
        )
    history.announce(actor, right, [announcement])
    return right


def _find(keys: set[str]) -> dict[str, int]:
    """Ids of the rights under these keys: by their own key, or by a publication."""
    rows = session.execute(select(Right.key, Right.id).where(Right.key.in_(keys)))
    found = {row.key: row.id for row in rows}
    publications = {key.removeprefix("P:"): key for key in keys if key.startswith("P:")}
    by_number = select(Publication.number, Publication.right_id).where(Publication.number.in_(publications))
    for number, right_id in session.execute(by_number):
        found.setdefault(publications[number], right_id)
    return found
