"""A circuit breaker before an engine that is reached over the network.

After a few failures in a row the engine is not asked for some seconds, so that a page falls back to the database at
once and does not wait for a time-out each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from search.engine import (
    Applied,
    Capabilities,
    Document,
    Filter,
    Health,
    Hit,
    Operation,
    Page,
    Query,
    SearchDown,
    SearchEngine,
    Suggestion,
)

R = TypeVar("R")

FAILURES = 3
REST_SECONDS = 5.0


class Guarded:
    """An engine behind a breaker: the port, and ``SearchDown`` without asking while the breaker is open."""

    def __init__(self, engine: SearchEngine, *, failures: int = FAILURES, rest: float = REST_SECONDS) -> None:
        self.engine = engine
        self._failures = failures
        self._rest = rest
        self._failed = 0
        self._closed_again_at = 0.0

    def _ask(self, question: Callable[[], R]) -> R:
        if time.monotonic() < self._closed_again_at:
            raise SearchDown("the breaker is open")
        try:
            answer = question()
        except SearchDown:
            self._failed += 1
            if self._failed >= self._failures:
                self._closed_again_at = time.monotonic() + self._rest
            raise
        self._failed = 0
        return answer

    @property
    def capabilities(self) -> Capabilities:
        """See the port."""
        return self.engine.capabilities

    def apply(self, ops: Sequence[Operation], *, watermark: int | None = None) -> Applied:
        """See the port."""
        return self._ask(lambda: self.engine.apply(ops, watermark=watermark))

    def wait_visible(self, token: str) -> bool:
        """See the port."""
        return self._ask(lambda: self.engine.wait_visible(token))

    def search(self, query: Query) -> Page:
        """See the port."""
        return self._ask(lambda: self.engine.search(query))

    def similar(
        self, like: Document, *, limit: int = 10, filters: tuple[Filter, ...] = ()
    ) -> tuple[Hit, ...]:
        """See the port."""
        return self._ask(lambda: self.engine.similar(like, limit=limit, filters=filters))

    def suggest(self, prefix: str, *, limit: int = 8) -> tuple[Suggestion, ...]:
        """See the port."""
        return self._ask(lambda: self.engine.suggest(prefix, limit=limit))

    def match_saved(
        self, documents: Sequence[Document], searches: Mapping[str, Query]
    ) -> dict[str, list[int]]:
        """See the port."""
        return self.engine.match_saved(documents, searches)

    def export(self, query: Query) -> Iterator[Hit]:
        """See the port."""
        return self.engine.export(query)

    def rebuild(self, documents: Iterable[Document], *, watermark: int = 0) -> int:
        """See the port. Always tried: it is what heals a missing index."""
        count = self.engine.rebuild(documents, watermark=watermark)
        self._failed, self._closed_again_at = 0, 0.0
        return count

    def watermark(self) -> int:
        """See the port."""
        return self._ask(self.engine.watermark)

    def versions(self, after: int = 0, limit: int = 10_000) -> list[tuple[int, int, bool]]:
        """See the port."""
        return self._ask(lambda: self.engine.versions(after, limit))

    def health(self) -> Health:
        """Always asked, so that a readiness probe sees the engine come back."""
        found = self.engine.health()
        if found.ok:
            self._failed, self._closed_again_at = 0, 0.0
        return found
