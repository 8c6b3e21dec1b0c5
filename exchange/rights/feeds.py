"""Where the legal status of rights comes from while nobody types it: one port, several sources, asked in the background.

A source is asked for one number and answers with announcements, which go through the register like any other
(``history.announce``): what turns bad stops listings and filings within the same minute. No page ever waits for a
source; a source that fails is left alone for a while and the status keeps its old day (ux-reliability.md Part 3.H).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Select, select, update
from sqlalchemy.orm import selectinload

from exchange.core import clock, log
from exchange.core.db import changed, lock, session, transaction
from exchange.parties.policy import Actor, Permission
from exchange.rights import codes, history, numbers
from exchange.rights.actions import key_of
from exchange.rights.entry import keys_of, status_of
from exchange.rights.formats.record import Record
from exchange.rights.models import Right, RightStatus
from exchange.rights.numbers import Number
from exchange.rights.register import Announcement
from exchange.rights.source import Source

BATCH: Final = 100
"""Rights that are read at once; each is written in a transaction of its own."""
AGAIN: Final = timedelta(hours=20)
"""A right that was looked at less than this ago is not asked for again."""
_OVER: Final = frozenset({RightStatus.EXPIRED, RightStatus.INVALID})
"""Nothing brings these back; they are not asked for."""

R = TypeVar("R")


class FeedDown(Exception):
    """A source did not answer, or does not want to be asked now. The text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source says of one right; no announcements where it knows the right and has nothing to tell."""

    announcements: tuple[Announcement, ...] = ()


class Feed(Protocol):
    """A source of legal status."""

    name: str

    def ready(self, wanted: Collection[Number]) -> None:
        """These numbers will be asked for: the chance to read a file once for all. Raises ``FeedDown``."""
        ...

    def fetch(self, number: Number) -> Answer | None:
        """What the source says of ``number``; ``None`` where it does not know it. Raises ``FeedDown``."""
        ...


class Manual:
    """The source that always is there: people who read the register. It notes what they are needed for."""

    name = "manual"

    def __init__(self) -> None:
        self.waiting: list[Number] = []

    def ready(self, wanted: Collection[Number]) -> None:  # noqa: ARG002  people need no preparation
        """Begin a new list."""
        self.waiting = []

    def fetch(self, number: Number) -> None:
        """Note that somebody must look at ``number`` (``actions.complete``, ``gazette.record_event``)."""
        self.waiting.append(number)


class Breaker:
    """A source behind a breaker: after some failures in a row it is not asked for ``rest`` seconds."""

    def __init__(
        self,
        feed: Feed,
        *,
        failures: int = 3,
        rest: float = 900,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self.feed = feed
        self.name = feed.name
        self._most, self._rest, self._tick = failures, rest, tick
        self._failed = 0
        self._open_until = 0.0

    @property
    def open(self) -> bool:
        """Whether the source is left alone now."""
        return self._tick() < self._open_until

    def ready(self, wanted: Collection[Number]) -> None:
        """See the port."""
        self._ask(lambda: self.feed.ready(wanted))

    def fetch(self, number: Number) -> Answer | None:
        """See the port."""
        return self._ask(lambda: self.feed.fetch(number))

    def _ask(self, question: Callable[[], R]) -> R:
        if self.open:
            raise FeedDown(f"{self.name} failed {self._failed} times and is left alone for a while")
        try:
            answer = question()
        except FeedDown:
            self._failed += 1
            if self._failed >= self._most:
                self._open_until = self._tick() + self._rest
            raise
        self._failed = 0
        return answer


# -- reading records ------------------------------------------------------------------------------


def announcements(record: Record, source: Source) -> Iterator[Announcement]:
    """What a record says as announcements of ``source``; its status counts as of the source's day.

    A database writes names in its own spelling, so its changes of owner are kept as history and move nobody.
    """
    for event in record.events:
        found = history.announcement_from(event, source.token)
        if found is not None:
            yield replace(found, before=(), after=()) if found.second_hand else found
    status = status_of(record.status)
    if status is not None and source.as_of is not None:
        yield Announcement(
            codes.STATUS,
            source.as_of,
            fields={"status": status.value, "detail": record.status[:200]},
            source=source.token,
        )


def about(record: Record, number: Number) -> bool:
    """Whether ``record`` describes the right with ``number``."""
    return key_of(number) in keys_of(record)


def numbers_of(right: Right) -> list[Number]:
    """The numbers under which a source may know ``right``: publications first, the newest of them, then the application."""
    published = [one.number for one in reversed(right.publications)]
    found: dict[str, Number] = {}
    for text in [*published, right.app_no or ""]:
        read = numbers.try_parse(text) if text else None
        if isinstance(read, Number):
            found.setdefault(read.key, read)
    return list(found.values())


# -- taking answers -------------------------------------------------------------------------------


@dataclass
class Report:
    """What a look at the sources did. ``changed`` are references of rights that stand differently now."""

    asked: int = 0
    answered: int = 0
    unknown: int = 0
    failed: int = 0
    changed: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    """Numbers that no source knew: people must read the register."""
    down: dict[str, str] = field(default_factory=dict)
    """Sources that failed, with the last reason."""

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class _Wanted:
    id: int
    ref: str
    numbers: tuple[Number, ...]


@transaction
def take(actor: Actor, right_id: int, answers: Sequence[Answer]) -> list[str]:
    """Let what sources say of a right into its history, and note that it was looked at; what changed."""
    right = lock(Right, right_id)
    told = [one for answer in answers for one in answer.announcements]
    outcome = history.announce(actor, right, told) if told else history.Outcome()
    # Looking is no change of the right: its version stays, so that nobody's form goes stale every night.
    changed(
        update(Right)
        .where(Right.id == right.id)
        .values(status_checked_at=clock.now(), version=Right.version, updated_at=Right.updated_at)
        .execution_options(synchronize_session=False)
    )
    return outcome.changed


def due_ids(concerned: Select[int], *, limit: int, before: datetime | None = None) -> list[int]:
    """Ids of the rights among ``concerned`` that should be looked at, those that waited longest first."""
    latest = before or clock.now() - AGAIN
    query = (
        select(Right.id)
        .where(
            Right.id.in_(concerned),
            Right.merged_into_id.is_(None),
            Right.status.not_in(_OVER),
            Right.status_checked_at.is_(None) | (Right.status_checked_at < latest),
        )
        .order_by(Right.status_checked_at.is_not(None), Right.status_checked_at, Right.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def refresh(
    actor: Actor,
    ids: Sequence[int],
    feeds: Sequence[Feed],
    *,
    seconds: float = 1800,
    tick: Callable[[], float] = time.monotonic,
) -> Report:
    """Ask ``feeds`` for the rights ``ids``, in that order, and let what they say into the register.

    Every source that knows a right is heard. The database is free while a source is waited for. Ends early after
    ``seconds`` or when no source answers any more; what was not asked for keeps its old day. Raises ``NotAllowed``.
    """
    actor.must(Permission.RIGHT_RECORD_EVENT)
    report = Report()
    until = tick() + seconds
    wanted = [one for start in range(0, len(ids), BATCH) for one in _read(ids[start : start + BATCH])]
    every = [number for one in wanted for number in one.numbers]
    working = [feed for feed in feeds if _is_up(feed, every, report)]
    manual = Manual()
    for one in wanted:
        if not working or tick() > until:
            break
        report.asked += 1
        heard, failed = _hear(working, one.numbers, report)
        if not heard and failed:
            report.failed += 1
            continue
        if not heard:
            report.unknown += 1
            manual.fetch(one.numbers[0])
        report.answered += bool(heard)
        if take(actor, one.id, heard):
            report.changed.append(one.ref)
    report.by_hand = [number.shown for number in manual.waiting]
    told = report.as_json() | {"by_hand": len(report.by_hand), "changed": len(report.changed)}
    log.get("feeds").info("legal_status", **told)
    return report


def _hear(working: list[Feed], wanted: Iterable[Number], report: Report) -> tuple[list[Answer], bool]:
    """What the sources say, and whether one of them failed; one that is to be left alone drops out."""
    heard: list[Answer] = []
    failed = False
    for feed in list(working):
        try:
            heard += _first(feed, wanted)
        except FeedDown as error:
            failed = True
            _note(feed, error, report)
            if isinstance(feed, Breaker) and feed.open:
                working.remove(feed)
    return heard, failed


def _first(feed: Feed, wanted: Iterable[Number]) -> list[Answer]:
    """The answer to the first number that the source knows."""
    for number in wanted:
        found = feed.fetch(number)
        if found is not None:
            return [found]
    return []


def _is_up(feed: Feed, every: Collection[Number], report: Report) -> bool:
    try:
        feed.ready(every)
    except FeedDown as error:
        _note(feed, error, report)
        return False
    return True


def _note(feed: Feed, error: FeedDown, report: Report) -> None:
    report.down[feed.name] = str(error)
    log.get("feeds").warning("feed_down", feed=feed.name, reason=str(error))


def _read(ids: Sequence[int]) -> list[_Wanted]:
    """The rights' numbers as plain values; afterwards nothing of the database is held."""
    query = select(Right).where(Right.id.in_(ids)).options(selectinload(Right.publications))
    found = {
        right.id: _Wanted(right.id, right.ref, tuple(numbers_of(right))) for right in session.scalars(query)
    }
    session.rollback()
    return [found[id_] for id_ in ids if id_ in found and found[id_].numbers]
