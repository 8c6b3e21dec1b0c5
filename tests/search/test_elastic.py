"""Elasticsearch: the suite on a real server, and what is its own: the alias, the mapping, being out of reach."""

from collections.abc import Callable

import pytest
from elasticsearch import Elasticsearch

from search import fields
from search.breaker import Guarded
from search.elastic import ElasticEngine
from search.engine import Outcome, Query, SearchDown, SearchEngine
from tests.search.engine_suite import Conformance
from tests.search.market import doc


@pytest.fixture(scope="module")
def make(make_elastic: Callable[[], ElasticEngine]) -> Callable[[], SearchEngine]:
    """Makes engines with an empty index."""

    def built() -> SearchEngine:
        engine = make_elastic()
        engine.rebuild([])
        return engine

    return built


class TestElastic(Conformance):
    """The suite on a real Elasticsearch."""


def test_without_an_index_it_is_down_and_says_that_a_rebuild_is_due(
    make_elastic: Callable[[], ElasticEngine],
) -> None:
    engine = make_elastic()
    health = engine.health()
    assert (health.ok, health.stale) == (False, True)
    with pytest.raises(SearchDown):
        engine.search(Query())
    with pytest.raises(SearchDown):
        engine.apply([doc(1, "甲")])
    assert engine.rebuild([doc(1, "甲")]) == 1
    assert engine.search(Query("甲")).total == 1


def test_the_server_makes_no_index_of_its_own_accord(
    make_elastic: Callable[[], ElasticEngine], es_url: str
) -> None:
    engine = make_elastic()
    with pytest.raises(SearchDown):
        engine.apply([doc(1, "甲")])
    with Elasticsearch(es_url) as client:
        assert not client.indices.exists(index=engine._alias)


def test_an_index_of_another_schema_is_stale(make_elastic: Callable[[], ElasticEngine], es_url: str) -> None:
    engine = make_elastic()
    engine.rebuild([])
    assert engine.health().ok
    with Elasticsearch(es_url) as client:
        client.indices.put_mapping(index=engine._alias, meta={"schema": "another"})
    health = engine.health()
    assert (health.ok, health.stale) == (False, True)


def test_a_rebuild_swaps_the_alias_and_keeps_one_index_back(
    make_elastic: Callable[[], ElasticEngine], es_url: str
) -> None:
    engine = make_elastic()
    for n in range(1, 4):
        engine.rebuild([doc(i, "甲") for i in range(1, n + 1)])
    with Elasticsearch(es_url) as client:
        assert len(client.indices.get(index=f"{engine._alias}-*")) == 2
        assert len(client.indices.get_alias(name=engine._alias)) == 1
        (settings,) = client.indices.get_settings(index=engine._alias).values()
    assert settings["settings"]["index"]["refresh_interval"] == "1s"
    assert engine.search(Query("甲")).total == 3


def test_totals_beyond_ten_thousand_say_that_they_are_not_exact(
    make_elastic: Callable[[], ElasticEngine],
) -> None:
    engine = make_elastic()
    engine.rebuild([doc(n, "同") for n in range(1, 10_052)])
    page = engine.search(Query(limit=5))
    assert (page.total, page.exact) == (10_000, False)
    assert engine.search(Query("PRICE=[* TO *]")).exact


def test_out_of_reach_it_is_down_and_the_breaker_spares_the_wait() -> None:
    # Port 9 is discard: nothing answers there.
    engine = ElasticEngine(["http://127.0.0.1:9"], "secret", timeout=0.5)
    health = engine.health()
    assert (health.ok, health.stale) == (False, False)
    guarded = Guarded(engine, failures=2, rest=60)
    for _ in range(2):
        with pytest.raises(SearchDown) as refused:
            guarded.search(Query())
        assert refused.value.params["reason"] != "the breaker is open"
    with pytest.raises(SearchDown) as refused:
        guarded.search(Query())
    assert refused.value.params["reason"] == "the breaker is open"
    engine.close()


def test_the_breaker_closes_when_the_engine_answers(make_elastic: Callable[[], ElasticEngine]) -> None:
    engine = make_elastic()
    guarded = Guarded(engine, failures=1, rest=60)
    with pytest.raises(SearchDown):
        guarded.search(Query())
    with pytest.raises(SearchDown) as refused:
        guarded.search(Query())
    assert refused.value.params["reason"] == "the breaker is open"
    assert guarded.rebuild([doc(1, "甲")]) == 1
    assert guarded.search(Query("甲")).total == 1
    assert guarded.apply([doc(2, "乙")]).count(Outcome.APPLIED) == 1
    assert guarded.health().ok


def test_the_mapping_takes_every_field_and_no_other(
    make_elastic: Callable[[], ElasticEngine], es_url: str
) -> None:
    engine = make_elastic()
    engine.rebuild([])
    with Elasticsearch(es_url) as client:
        (found,) = client.indices.get_mapping(index=engine._alias).values()
    assert found["mappings"]["dynamic"] == "strict"
    assert set(found["mappings"]["properties"]) == {f.name for f in fields.FIELDS} | {
        "id",
        "ref",
        "version",
        "visible",
    }
