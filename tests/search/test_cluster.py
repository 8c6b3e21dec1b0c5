"""Three Elasticsearch nodes: one with the primary dies in mid-load, and nothing that was acknowledged is lost."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from elasticsearch import Elasticsearch as Client

from search.elastic import ElasticEngine
from search.engine import Outcome, Query
from tests.search.market import doc
from tests.services.elasticsearch import Elasticsearch

BATCHES = 20
SIZE = 100


@pytest.mark.timeout(300)
def test_a_dead_node_loses_nothing(
    es_cluster: Callable[[int], AbstractContextManager[Elasticsearch]],
) -> None:
    with es_cluster(3) as cluster:
        urls = cluster.url.split(",")
        engine = ElasticEngine(urls, "secret", alias="survivor", replicas=1, timeout=5)
        engine.rebuild([])
        with Client(urls) as client:
            client.cluster.health(wait_for_status="green", timeout="60s", index="survivor")
            shards = client.cat.shards(index="survivor", h=["prirep", "node"], format="json")
        primary = next(shard["node"] for shard in shards if shard["prirep"] == "p")  # type: ignore[index]  # format=json gives a list of objects
        acknowledged: set[int] = set()
        for batch in range(BATCHES):
            if batch == BATCHES // 2:
                next(node for node in cluster.nodes if node.name == primary).kill()
            ids = range(batch * SIZE + 1, (batch + 1) * SIZE + 1)
            applied = engine.apply([doc(n, "耐久") for n in ids])
            assert applied.count(Outcome.APPLIED) + applied.count(Outcome.STALE) == SIZE
            acknowledged.update(ids)
        assert engine.wait_visible(applied.token)
        page = engine.search(Query("耐久", sort="newest"))
        assert page.total == len(acknowledged) == BATCHES * SIZE
        assert [id_ for id_, _, _ in engine.versions()] == sorted(acknowledged)
        assert engine.health().ok
        engine.close()
