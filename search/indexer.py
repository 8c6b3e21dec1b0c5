"""Keeps the index true: a subscriber of events, a rebuild, a nightly comparison, and the question itself.

The payload of an event is ignored: the listing is read again and written with its version, so order and repeats do
not matter (architecture.md §3.8). What several events tell of one listing is written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import func, select

import search
from exchange.core import log
from exchange.core.db import in_transaction, session
from exchange.core.events import Event
from exchange.listings.models import Listing, ListingItem
from exchange.parties.models import Party
from exchange.rights.models import Right
from search import conditions, documents
from search.engine import Document, Operation, Page, Query, Removal, SearchDown, SearchEngine

BATCH = 200
SHOWN_FACETS = (
    "kind",
    "deal",
    "ipc_section",
    "ipc_subclass",
    "price",
    "status",
    "burden",
    "life",
    "province",
    "city",
    "applicant",
)
"""What is counted where nobody asks for something else."""


def handle(events: Sequence[Event]) -> None:
    """Bring the listings that these events touch up to date in the index (the relay calls this with a batch).

    Builds the index where there is none. Raises ``SearchDown`` or ``EngineBusy``: the relay tries again later.
    """
    refs = {ref for event in events for ref in (event.subject_ref, event.about_ref) if ref}
    ids = touched(refs)
    if ids:
        engine = _ready()
        if engine is not None:
            _apply(engine, documents.build(ids), watermark=max(event.id for event in events))


def touched(refs: set[str]) -> set[int]:
    """The ids of the listings that the things with these references belong to."""
    kinds: dict[str, set[str]] = {}
    for ref in refs:
        kinds.setdefault(ref.partition("-")[0], set()).add(ref)
    found: set[int] = set()
    if listings := kinds.get(Listing.REF):
        found.update(session.scalars(select(Listing.id).where(Listing.ref.in_(listings))))
    if rights := kinds.get(Right.REF):
        query = select(ListingItem.listing_id).join(Right, Right.id == ListingItem.right_id)
        found.update(session.scalars(query.where(Right.ref.in_(rights))))
    if parties := kinds.get(Party.REF):
        query = select(Listing.id).join(Party, Party.id == Listing.seller_id)
        found.update(session.scalars(query.where(Party.ref.in_(parties))))
    return found


def _ready() -> SearchEngine | None:
    """The engine; ``None`` where its index had to be built first, which brought everything up to date."""
    engine = search.current()
    if engine.health().stale:
        rebuild()
        return None
    return engine


def _apply(engine: SearchEngine, ops: Sequence[Operation], *, watermark: int | None = None) -> int:
    """Write in batches; what the engine refuses is logged, for it would be refused again. How many were written."""
    written = 0
    for start in range(0, len(ops), BATCH):
        some = ops[start : start + BATCH]
        applied = engine.apply(some, watermark=watermark if start + BATCH >= len(ops) else None)
        for result in applied.rejected:
            log.get("search").error("document_rejected", listing=result.id, reason=result.reason)
        written += sum(result.outcome.value == "applied" for result in applied.results)
    return written


def rebuild() -> int:
    """Build a new index from the database beside the old one, swap, and repair what changed meanwhile.

    How many listings it holds.
    """
    engine = search.current()
    last = session.scalar(select(func.max(Event.id))) or 0
    count = engine.rebuild(documents.everything(), watermark=last)
    if not in_transaction():
        session.rollback()  # ends the snapshot of the build, so that the comparison sees what changed meanwhile
    _repair(engine)
    return count


def ensure() -> bool:
    """Build the index where there is none of this schema (at start); whether it was built now."""
    health = search.current().health()
    if not health.ok and not health.stale:
        raise SearchDown(health.reason)
    if health.stale:
        rebuild()
    return health.stale


def reconcile() -> dict[str, int]:
    """Compare (listing, version) of the database and the index, and repair.

    ``missing`` are offered and not in the index, ``stale`` there in another version, ``extra`` there and not
    offered or unknown to the database; ``repaired`` is how many were put right.
    """
    engine = _ready()
    if engine is None:
        engine = search.current()
    return _repair(engine)


def _repair(engine: SearchEngine) -> dict[str, int]:
    found = {"missing": 0, "stale": 0, "extra": 0}
    again: list[int] = []
    gone: list[Removal] = []
    ahead = False
    for id_, held, indexed in _side_by_side(documents.versions(), _indexed(engine)):
        if held is None:
            assert indexed is not None
            found["extra"] += indexed[1]
            gone.append(Removal(id_, indexed[0] + 1))
        elif indexed is None:
            if held[1]:
                found["missing"] += 1
                again.append(id_)
        elif held != indexed and (held[1] or indexed[1]):
            found["extra" if not held[1] else "stale"] += 1
            ahead = ahead or indexed[0] >= held[0]
            again.append(id_)
    if ahead:
        # The database is older than the index (it was restored): versions cannot decide, so all is built anew.
        repaired = len(again) + len(gone)
        engine.rebuild(documents.everything())
    else:
        repaired = _apply(engine, gone)
        for start in range(0, len(again), BATCH):
            repaired += _apply(engine, documents.build(again[start : start + BATCH]))
    return {**found, "repaired": repaired}


_Held = tuple[int, bool]


def _indexed(engine: SearchEngine) -> Iterator[tuple[int, int, bool]]:
    after = 0
    while some := engine.versions(after):
        yield from some
        after = some[-1][0]


def _side_by_side(
    database: Iterator[tuple[int, int, bool]], index: Iterator[tuple[int, int, bool]]
) -> Iterator[tuple[int, _Held | None, _Held | None]]:
    """Both sides by id, each ascending, where at least one has it."""
    left, right = next(database, None), next(index, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            yield left[0], left[1:], None
            left = next(database, None)
        elif left is None or right[0] < left[0]:
            yield right[0], None, right[1:]
            right = next(index, None)
        else:
            yield left[0], left[1:], right[1:]
            left, right = next(database, None), next(index, None)


def ask(text: str, chosen: Mapping[str, Sequence[str]] | None = None, *, limit: int = 20) -> Page:
    """Ask as visitors do, with ``chosen`` conditions as ``conditions.read`` takes them."""
    filters = conditions.read(chosen or {})
    return search.current().search(Query(text, filters, limit=limit, facets=SHOWN_FACETS))


def similar(listing: Listing, *, limit: int = 6) -> list[str]:
    """References of listings like this one. Raises ``SearchDown``."""
    like = Document(listing.id, listing.ref, 0, values=documents.words_of(listing))
    return [hit.ref for hit in search.current().similar(like, limit=limit)]


def health() -> dict[str, object]:
    """How the index stands, for the readiness probe and the desk."""
    engine = search.current()
    found = engine.health()
    return {
        "ok": found.ok,
        "engine": engine.capabilities.name,
        "documents": found.documents,
        "stale": found.stale,
        "reason": found.reason,
    }
