"""The port: what the exchange asks of a search engine, in the exchange's words.

An engine hides its analysis, its scores, its ties and its delay. What it shows: hits in a settled order, exact
counts (or says that they are not exact), facets whose counts ignore their own filter, and opaque signed cursors
that any engine of the exchange can go on from (search.md §3, "One port").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Protocol

from exchange.core import clock
from exchange.core.errors import N_, RuleBroken, Unavailable
from search.fields import RELEVANCE, Value

MAX_TEXT = 256
MAX_CLAUSES = 32
MAX_LIMIT = 100
RELEVANCE_WINDOW = 10_000
"""How many hits can be paged through by relevance; the other orders have no end."""


class SearchDown(Unavailable):
    """The engine cannot be reached or has no index yet; callers fall back to the database and say so."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "search.down", N_("Search is out of service for the moment. Try again shortly."), reason=reason
        )


class EngineBusy(Unavailable):
    """Another process is writing to the index; the same changes can be applied later."""

    def __init__(self) -> None:
        super().__init__("search.busy", N_("The search index is being written. Try again shortly."))


class BadCursor(RuleBroken):
    """A cursor that this exchange did not sign, or that belongs to another query."""

    def __init__(self) -> None:
        super().__init__(
            "search.bad_cursor",
            N_("This page mark does not belong to this search. Start again from the first page."),
            field="cursor",
        )


# -- asking ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filter:
    """One condition by its name in ``fields.FILTERS``: any of the values, or a range, or both.

    ``low`` and ``high`` are included: fen for ``price``, whole years for ``life``. ``or_missing`` lets documents
    without a value pass too (a price that is negotiable).
    """

    name: str
    any_of: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    or_missing: bool = False


@dataclass(frozen=True)
class Query:
    """What a person asks: the text of the box, conditions, order, page, and what is to be counted."""

    text: str = ""
    filters: tuple[Filter, ...] = ()
    sort: str = RELEVANCE
    limit: int = 20
    cursor: str | None = None
    facets: tuple[str, ...] = ()
    today: date = field(default_factory=clock.today)


# -- answering -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hit:
    """A listing that was found; what is shown of it is read from the database."""

    id: int
    ref: str
    version: int


@dataclass(frozen=True)
class Bucket:
    """A value of a facet and how many hits have it."""

    value: str
    count: int
    selected: bool = False


@dataclass(frozen=True)
class Facet:
    """What is counted: the most frequent values first, ties by key; chosen values are there even at zero."""

    name: str
    filter: str
    buckets: tuple[Bucket, ...]


class Reading(Enum):
    """How the text of the box was understood."""

    BROWSE = "browse"
    NUMBER = "number"
    WORDS = "words"
    FIELDED = "fielded"


@dataclass(frozen=True)
class Page:
    """One page of hits.

    ``total`` counts all hits, exactly where ``exact``. ``matched_percent`` below 100 says that the words were
    relaxed, because fewer than a page matched all of them; ``total_strict`` is how many did. ``words`` are the
    folded words to mark in what is shown.
    """

    hits: tuple[Hit, ...]
    total: int
    exact: bool
    next: str | None
    facets: Mapping[str, Facet]
    reading: Reading
    matched_percent: int = 100
    total_strict: int = 0
    words: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Suggestion:
    """A value that begins as the reader began to type: an owner or a title, and how many listings have it."""

    field: str
    text: str
    count: int


# -- writing ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Document:
    """A listing as it is indexed. ``values`` are named by ``fields.SOURCES``; invisible ones are never found.

    A listing that leaves the market is written again with ``visible=False`` and its new version, so that a late
    message cannot bring it back (search.md §3, Writes).
    """

    id: int
    ref: str
    version: int
    visible: bool = True
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Removal:
    """A listing whose row is gone for good. A later write of an old version could bring it back, so reconcile
    alone removes, and only what the database does not have.
    """

    id: int
    version: int


Operation = Document | Removal


class Outcome(Enum):
    """What became of one operation."""

    APPLIED = "applied"
    STALE = "stale"  # the index already holds this version or a newer one
    REJECTED = "rejected"


@dataclass(frozen=True)
class Result:
    """The outcome for one listing."""

    id: int
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Applied:
    """What became of a batch, in its order. ``token`` is for ``wait_visible``."""

    token: str
    results: tuple[Result, ...]

    def count(self, outcome: Outcome) -> int:
        """How many operations ended so."""
        return sum(result.outcome is outcome for result in self.results)

    @property
    def rejected(self) -> tuple[Result, ...]:
        """The operations that the engine refused, with reasons."""
        return tuple(result for result in self.results if result.outcome is Outcome.REJECTED)


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do beyond the port's promise."""

    name: str
    multi_writer: bool
    exact_total_up_to: int | None
    max_relevance_window: int = RELEVANCE_WINDOW
    semantic: bool = False


@dataclass(frozen=True)
class Health:
    """Whether searches can be answered now; ``reason`` says why not, ``stale`` that a rebuild is due."""

    ok: bool
    documents: int = 0
    stale: bool = False
    reason: str = ""


class SearchEngine(Protocol):
    """An index of listings. Every method may raise ``SearchDown``."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def apply(self, ops: Sequence[Operation], *, watermark: int | None = None) -> Applied:
        """Write a batch; what the index knows newer is left alone, so order and repeats do not matter.

        ``watermark`` is the last event the batch tells of. Raises ``EngineBusy`` where another process writes.
        """
        ...

    def wait_visible(self, token: str) -> bool:
        """Make what ``apply`` wrote visible to searches now, and say whether it is (tests, walks)."""
        ...

    def search(self, query: Query) -> Page:
        """One page of hits. Raises ``RuleBroken`` for text, filters, order or cursors it cannot read."""
        ...

    def similar(
        self, like: Document, *, limit: int = 10, filters: tuple[Filter, ...] = ()
    ) -> tuple[Hit, ...]:
        """Listings whose words are like those of ``like`` (title, abstract); the one with its id is left out."""
        ...

    def suggest(self, prefix: str, *, limit: int = 8) -> tuple[Suggestion, ...]:
        """Owners and titles that begin with ``prefix`` in any script, width or case."""
        ...

    def match_saved(
        self, documents: Sequence[Document], searches: Mapping[str, Query]
    ) -> dict[str, list[int]]:
        """Which of the saved searches find which of the documents, all words required; ids ascending."""
        ...

    def export(self, query: Query) -> Iterator[Hit]:
        """Every hit of the query once, in the order of the sort, by newest where the sort is relevance."""
        ...

    def rebuild(self, documents: Iterable[Document], *, watermark: int = 0) -> int:
        """Build a new index beside the old one, swap, and say how many documents it holds.

        What is applied meanwhile goes to the old one: compare versions afterwards. The first index is made by
        ``rebuild`` too; before it every other method raises ``SearchDown``.
        """
        ...

    def watermark(self) -> int:
        """The last event that the index was told of; 0 where none."""
        ...

    def versions(self, after: int = 0, limit: int = 10_000) -> list[tuple[int, int, bool]]:
        """(id, version, visible) of indexed listings with ids above ``after``, ascending: what reconcile compares."""
        ...

    def health(self) -> Health:
        """Whether it answers; never raises."""
        ...


def facet_counts(page: Page) -> dict[str, tuple[Bucket, ...]]:
    """The counts of a page by facet."""
    return {name: facet.buckets for name, facet in page.facets.items()}
