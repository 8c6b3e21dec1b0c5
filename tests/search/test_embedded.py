"""The embedded engine: the suite, and what is its own: folders, the writer's lock, other processes, old schemas."""

import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from search import fields
from search.embedded import EmbeddedEngine
from search.embedded_queries import packed
from search.engine import Document, EngineBusy, Outcome, Query, SearchDown, SearchEngine
from tests.search.engine_suite import Conformance, filled
from tests.search.market import doc


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], SearchEngine]:
    """Makes engines with an empty index in a folder of their own."""
    folder = tmp_path_factory.mktemp("search")
    number = count()

    def made() -> SearchEngine:
        fresh = EmbeddedEngine(folder / str(next(number)), "secret")
        fresh.rebuild([])
        return fresh

    return made


class TestEmbedded(Conformance):
    """The suite on the embedded engine."""


@pytest.fixture
def own(tmp_path: Path) -> EmbeddedEngine:
    """An impatient engine in ``tmp_path``."""
    fresh = EmbeddedEngine(tmp_path, "secret", patience=0.2)
    fresh.rebuild([])
    return fresh


def test_without_an_index_it_is_down_and_says_that_a_rebuild_is_due(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path / "none", "secret")
    health = engine.health()
    assert (health.ok, health.stale) == (False, True)
    with pytest.raises(SearchDown):
        engine.search(Query())
    with pytest.raises(SearchDown):
        engine.apply([doc(1, "甲")])
    assert engine.rebuild([doc(1, "甲")]) == 1
    assert engine.search(Query("甲")).total == 1


@pytest.mark.parametrize("name", ["schema", "tantivy"])
def test_an_index_of_another_schema_or_tantivy_is_as_good_as_none(tmp_path: Path, name: str) -> None:
    EmbeddedEngine(tmp_path, "secret").rebuild([doc(1, "甲")])
    about = tmp_path / (tmp_path / "CURRENT").read_text() / "ABOUT.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), name: "another"}))
    engine = EmbeddedEngine(tmp_path, "secret")
    assert engine.health().stale
    with pytest.raises(SearchDown):
        engine.search(Query())


def test_a_damaged_index_is_down_not_broken(tmp_path: Path) -> None:
    EmbeddedEngine(tmp_path, "secret").rebuild([doc(1, "甲")])
    (tmp_path / (tmp_path / "CURRENT").read_text() / "meta.json").write_text("{")
    with pytest.raises(SearchDown):
        EmbeddedEngine(tmp_path, "secret").search(Query())


def test_one_writer_at_a_time(own: EmbeddedEngine) -> None:
    held = own._open().index.writer(15_000_000, 1)
    with pytest.raises(EngineBusy):
        own.apply([doc(1, "甲")])
    held.wait_merging_threads()
    assert own.apply([doc(1, "甲")]).count(Outcome.APPLIED) == 1


def test_many_threads_write_and_nothing_is_lost(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path, "secret", patience=30)
    engine.rebuild([])
    threads = [
        threading.Thread(target=engine.apply, args=([doc(n * 10 + i, "并发") for i in range(10)],))
        for n in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.search(Query("并发")).total == 80


def test_a_reader_sees_what_another_engine_wrote(own: EmbeddedEngine, tmp_path: Path) -> None:
    reader = EmbeddedEngine(tmp_path, "secret")
    assert reader.search(Query()).total == 0
    own.apply([doc(1, "甲")])
    assert reader.search(Query()).total == 1
    own.rebuild([doc(1, "甲"), doc(2, "乙")])
    assert reader.search(Query()).total == 2


def _write_in_child(folder: Path, ready: "multiprocessing.synchronize.Event") -> None:
    engine = EmbeddedEngine(folder, "secret")
    engine.apply([doc(n, "子进程") for n in range(1, 21)])
    ready.set()
    while True:  # writes until it is killed
        engine.apply([doc(n, "子进程", version=os.getpid()) for n in range(21, 41)])


def test_a_writer_that_dies_takes_its_lock_with_it(own: EmbeddedEngine, tmp_path: Path) -> None:
    assert own.search(Query()).total == 0
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    child = context.Process(target=_write_in_child, args=(tmp_path, ready), daemon=True)
    child.start()
    assert ready.wait(30)
    child.kill()
    child.join()
    patient = EmbeddedEngine(tmp_path, "secret", patience=10)
    assert patient.apply([doc(99, "子进程")]).count(Outcome.APPLIED) == 1
    found = [hit.id for hit in patient.search(Query("子进程", sort="newest", limit=100)).hits]
    assert set(range(1, 21)) | {99} <= set(found)
    assert len(found) == len(set(found))


def test_a_write_during_a_rebuild_reaches_the_new_index(own: EmbeddedEngine) -> None:
    class Swapping(EmbeddedEngine):
        """Another process swaps the index between this one's commit and its look at CURRENT."""

        swapped = False

        def _named(self) -> Path:
            if (
                not self.swapped
                and self._opened is not None
                and self._held(self._opened.index.searcher(), {7})
            ):
                self.swapped = True
                own.rebuild([doc(1, "甲")])
            return super()._named()

    writer = Swapping(own._folder, "secret")
    writer.search(Query())
    writer.apply([doc(7, "乙")])
    writer.search(Query())
    writer.apply([doc(7, "乙", version=2)])
    assert {hit.id for hit in own.search(Query()).hits} == {1, 7}


def test_old_indexes_are_cleared_away_but_the_last(own: EmbeddedEngine, tmp_path: Path) -> None:
    for _ in range(4):
        own.rebuild([])
    assert len(list(tmp_path.glob("index-*"))) == 2
    assert not list(tmp_path.glob("CURRENT.*"))


def test_ids_beyond_the_packed_keys_are_rejected(own: EmbeddedEngine) -> None:
    applied = own.apply([Document(1 << 24, "LS-X", 1), Document(0, "LS-Y", 1), doc((1 << 24) - 1, "最后")])
    assert [result.outcome for result in applied.results] == [
        Outcome.REJECTED,
        Outcome.REJECTED,
        Outcome.APPLIED,
    ]


def test_packed_keys_sort_as_the_orders_say() -> None:
    for rule in fields.SORTS.values():
        if rule.field is None:
            continue
        values = [0, 1, 7, 10**11, (1 << 39) - 2]
        keys = [packed(rule, value, 5) for value in values]
        assert keys == sorted(keys, reverse=rule.descending)
        assert packed(rule, None, 1) > max(keys)
        assert packed(rule, 7, 1) < packed(rule, 7, 2)
        assert all(0 <= key < 1 << 63 for key in [*keys, packed(rule, None, (1 << 24) - 1)])


def test_prices_beyond_the_packed_keys_tie_and_are_still_found(own: EmbeddedEngine) -> None:
    own.apply([doc(1, "贵", price=10**15), doc(2, "更贵", price=10**16), doc(3, "便宜", price=1)])
    assert [hit.id for hit in own.search(Query(sort="price")).hits] == [3, 1, 2]
    assert [hit.id for hit in own.search(Query("PRICE=[1亿 TO *]", sort="newest")).hits] == [2, 1]


def test_the_market_survives_a_new_process(own: EmbeddedEngine, tmp_path: Path) -> None:
    filled(own)
    assert EmbeddedEngine(tmp_path, "secret").search(Query("电池")).total == 4
