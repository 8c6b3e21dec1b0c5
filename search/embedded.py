"""The embedded engine: tantivy in a folder of its own.

The folder holds one ``index-…`` folder per build and a ``CURRENT`` file naming the one in use; beside each index
lies ``ABOUT.json`` with the schema's hash and tantivy's version, and an index of another schema is as good as none.
A writer is opened for one batch and closed again (0.3 ms), so any process may write when no other does. Readers
look at ``meta.json`` before each search and reload only when it changed.

"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any as Anything
from typing import TypeAlias

import tantivy

from search import embedded_queries as queries
from search import fields, likeness, plan
from search.embedded_queries import Interpreter, numbers, total
from search.engine import (
    Applied,
    Capabilities,
    Document,
    EngineBusy,
    Filter,
    Health,
    Hit,
    Operation,
    Outcome,
    Page,
    Query,
    Removal,
    Result,
    SearchDown,
    Suggestion,
)
from search.plan import Found, Planner, Run

_META = 0  # the id of the document that holds the watermark; never visible

BATCH_HEAP = 30_000_000
BUILD_HEAP = 300_000_000


@dataclass
class _Opened:
    """An index that this process has open, and the state of its files when it was last read."""

    folder: Path
    index: tantivy.Index
    process: int
    chosen: _Stamp
    state: _Stamp
    meta: str


_Stamp: TypeAlias = tuple[int, int, int]


def _stamp(path: str) -> _Stamp:
    """Changes whenever a file was written or replaced."""
    stat = os.stat(path)  # noqa: PTH116 - asked twice before every search, and a Path costs more than the call
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


class EmbeddedEngine:
    """The port over tantivy. ``patience`` is how many seconds ``apply`` waits for another writer."""

    capabilities = Capabilities("embedded", multi_writer=False, exact_total_up_to=None)

    def __init__(self, folder: Path, secret: str, *, patience: float = 5.0) -> None:
        self._folder = folder
        self._chosen = str(folder / "CURRENT")
        self._planner = Planner(secret)
        self._patience = patience
        self._schema = queries.schema()
        self._opened: _Opened | None = None
        self._guard = threading.Lock()

    # -- opening

    def _current(self) -> Path:
        """The folder in use. Raises ``SearchDown`` where there is none of this schema."""
        try:
            name = (self._folder / "CURRENT").read_text().strip()
            about = json.loads((self._folder / name / "ABOUT.json").read_text())
        except (OSError, ValueError):
            raise SearchDown("no index has been built") from None
        if about != _about():
            raise SearchDown("the index has another schema")
        return self._folder / name

    def _open(self) -> _Opened:
        """The index in use, reloaded if its files changed; opened again after a fork."""
        with self._guard:
            opened = self._opened
            try:
                chosen = _stamp(self._chosen)
                if opened is None or opened.process != os.getpid() or opened.chosen != chosen:
                    folder = self._current()
                    meta = str(folder / "meta.json")
                    state = _stamp(meta)
                    index = queries.prepared(tantivy.Index(self._schema, path=str(folder)))
                    index.reload()
                    opened = self._opened = _Opened(folder, index, os.getpid(), chosen, state, meta)
                elif (state := _stamp(opened.meta)) != opened.state:
                    opened.index.reload()
                    opened.state = state
            except (OSError, ValueError) as error:
                raise SearchDown(str(error)) from error
            return opened

    def _named(self) -> Path:
        return self._folder / (self._folder / "CURRENT").read_text().strip()

    def _searcher(self) -> tantivy.Searcher:
        return self._open().index.searcher()

    # -- writing

    def apply(self, ops: Sequence[Operation], *, watermark: int | None = None) -> Applied:
        """See the port."""
        while True:
            opened = self._open()
            results = self._write(opened, ops, watermark)
            if opened.folder == self._named():
                return Applied(opened.folder.name, results)
            # A rebuild swapped meanwhile: what went to the old index belongs into the new one too.

    def _write(self, opened: _Opened, ops: Sequence[Operation], watermark: int | None) -> tuple[Result, ...]:
        writer = self._writer(opened.index)
        try:
            opened.index.reload()
            held = self._held(opened.index.searcher(), {op.id for op in ops} | {_META})
            pending, results = _decide(ops, held)
            if watermark is not None and watermark > held.get(_META, 0):
                pending[_META] = {"id": _META, "version": watermark, "visible": False, "ref": ""}
            for id_, made in pending.items():
                writer.delete_documents_by_term("id", id_)
                if made is not None:
                    writer.add_document(tantivy.Document.from_dict(made, self._schema))
            if pending:
                writer.commit()
        finally:
            writer.wait_merging_threads()
        return results

    def _writer(self, index: tantivy.Index) -> tantivy.IndexWriter:
        until = time.monotonic() + self._patience
        while True:
            try:
                return index.writer(BATCH_HEAP, 1)
            except ValueError as error:
                if "LockBusy" not in str(error):
                    raise SearchDown(str(error)) from error
                if time.monotonic() > until:
                    raise EngineBusy from None
                time.sleep(0.02)

    def _held(self, searcher: tantivy.Searcher, ids: set[int]) -> dict[int, int]:
        query = tantivy.Query.term_set_query(self._schema, "id", sorted(ids))
        found = searcher.search(query, limit=len(ids) + 1, count=False)
        addresses = [address for _, address in found.hits]
        return dict(
            zip(numbers(searcher, "id", addresses), numbers(searcher, "version", addresses), strict=True)
        )

    def wait_visible(self, token: str) -> bool:
        """What was committed is seen by the next search of any process."""
        return self._open().folder.name >= token

    def rebuild(self, documents: Iterable[Document], *, watermark: int = 0) -> int:
        """See the port."""
        name = f"index-{time.time_ns():020d}-{secrets.token_hex(4)}"
        folder = self._folder / name
        folder.mkdir(parents=True)
        index = queries.prepared(tantivy.Index(self._schema, path=str(folder)))
        writer = index.writer(BUILD_HEAP, 2)
        writer.add_document(
            tantivy.Document.from_dict(
                {"id": _META, "version": watermark, "visible": False, "ref": ""}, self._schema
            )
        )
        count = 0
        for document in documents:
            writer.add_document(tantivy.Document.from_dict(queries.indexed(document), self._schema))
            count += 1
        writer.commit()
        writer.wait_merging_threads()
        (folder / "ABOUT.json").write_text(json.dumps(_about()))
        previous = self._swap(name)
        for old in self._folder.glob("index-*"):
            if old.name not in (name, previous):
                shutil.rmtree(old, ignore_errors=True)
        return count

    def _swap(self, name: str) -> str:
        """Point ``CURRENT`` to a new index in one step, and say what it pointed to."""
        try:
            previous = self._named().name
        except OSError:
            previous = ""
        fresh = self._folder / f"CURRENT.{name}"
        with fresh.open("w") as file:
            file.write(name)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / "CURRENT")
        return previous

    # -- reading

    def search(self, query: Query) -> Page:
        """See the port."""
        searcher = self._searcher()
        return self._planner.search(query, lambda run: self._run(searcher, run))

    def export(self, query: Query) -> Iterator[Hit]:
        """See the port."""
        searcher = self._searcher()
        return plan.export(self._planner, query, lambda run: self._run(searcher, run))

    def similar(
        self, like: Document, *, limit: int = 10, filters: tuple[Filter, ...] = ()
    ) -> tuple[Hit, ...]:
        """See the port."""
        searcher = self._searcher()

        def frequencies(words: Sequence[str]) -> Mapping[str, int]:
            return {word: sum(searcher.doc_freq(name, word) for name in likeness.FIELDS) for word in words}

        clause = likeness.likeness(like, frequencies, self._visible(searcher))
        return plan.similar(lambda run: self._run(searcher, run), clause, like, filters, limit)

    def suggest(self, prefix: str, *, limit: int = 8) -> tuple[Suggestion, ...]:
        """See the port."""
        start = likeness.prefix(prefix)
        if not start:
            return ()
        searcher = self._searcher()
        visible = tantivy.Query.term_query(self._schema, "visible", True)
        found = [
            (field.name, word, count)
            for field in fields.SUGGEST
            for word, count in searcher.terms_with_prefix(
                field.name, start, visible, likeness.SUGGESTION_CANDIDATES
            )
        ]
        return likeness.suggestions(found, limit)

    def match_saved(
        self, documents: Sequence[Document], searches: Mapping[str, Query]
    ) -> dict[str, list[int]]:
        """See the port."""
        return match_saved(documents, searches)

    def watermark(self) -> int:
        """See the port."""
        return self._held(self._searcher(), {_META}).get(_META, 0)

    def versions(self, after: int = 0, limit: int = 10_000) -> list[tuple[int, int, bool]]:
        """See the port."""
        searcher = self._searcher()
        beyond = tantivy.Query.range_query(
            self._schema, "id", tantivy.FieldType.Integer, max(after, _META), None, include_lower=False
        )
        found = searcher.search(
            beyond, limit=limit, count=False, order_by_field="id", order=tantivy.Order.Asc
        )
        addresses = [address for _, address in found.hits]
        columns = [numbers(searcher, name, addresses) for name in ("id", "version", "visible")]
        return [(id_, version, bool(seen)) for id_, version, seen in zip(*columns, strict=True)]

    def health(self) -> Health:
        """See the port."""
        try:
            return Health(ok=True, documents=self._visible(self._searcher()))
        except SearchDown as error:
            reason = str(error.params.get("reason", ""))
            return Health(ok=False, stale=True, reason=reason)

    def _visible(self, searcher: tantivy.Searcher) -> int:
        visible = tantivy.Query.term_query(self._schema, "visible", True)
        return total(searcher.search(visible, limit=1))

    def _run(self, searcher: tantivy.Searcher, run: Run) -> Found:
        return Interpreter(self._schema, searcher).run(run)


def _about() -> dict[str, str]:
    return {"schema": fields.schema_hash(), "tantivy": metadata.version("tantivy")}


def _decide(
    ops: Sequence[Operation], held: Mapping[int, int]
) -> tuple[dict[int, dict[str, Anything] | None], tuple[Result, ...]]:
    """What is written (``None``: only deleted) and the outcome of each operation, given the versions held."""
    versions = dict(held)
    pending: dict[int, dict[str, Anything] | None] = {}
    results: list[Result] = []
    for op in ops:
        if versions.get(op.id, -1) >= op.version:
            results.append(Result(op.id, Outcome.STALE))
            continue
        try:
            pending[op.id] = None if isinstance(op, Removal) else queries.indexed(op)
        except ValueError as error:
            results.append(Result(op.id, Outcome.REJECTED, str(error)))
            continue
        versions[op.id] = op.version
        results.append(Result(op.id, Outcome.APPLIED))
    return pending, tuple(results)


def match_saved(documents: Sequence[Document], searches: Mapping[str, Query]) -> dict[str, list[int]]:
    """Saved searches over a batch of new documents, in an index in memory: the same code for every engine."""
    shape = queries.schema()
    index = queries.prepared(tantivy.Index(shape))
    writer = index.writer(15_000_000, 1)
    for document in documents:
        writer.add_document(tantivy.Document.from_dict(queries.indexed(document), shape))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    interpreter = Interpreter(shape, searcher)
    found: dict[str, list[int]] = {}
    for name, query in searches.items():
        clause, filters = plan.strict(query)
        hits = searcher.search(interpreter.asked(clause, filters), limit=len(documents) + 1, count=False).hits
        if hits:
            found[name] = sorted(numbers(searcher, "id", [address for _, address in hits]))
    return found
