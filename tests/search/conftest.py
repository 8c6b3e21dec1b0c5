"""What the search tests share: engines made by the module's ``make``, empty or with the market in them."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from elasticsearch import Elasticsearch

pytest.register_assert_rewrite("tests.search.engine_suite")

from search.elastic import ElasticEngine  # noqa: E402 - after the registration, which must come first
from search.engine import SearchEngine  # noqa: E402 - likewise
from tests.search.engine_suite import filled  # noqa: E402 - likewise


@pytest.fixture
def engine(make: Callable[[], SearchEngine]) -> SearchEngine:
    """An engine with nothing in it."""
    return make()


@pytest.fixture
def changed(engine: SearchEngine) -> SearchEngine:
    """An engine with the market in it, to be changed."""
    return filled(engine)


@pytest.fixture(scope="module")
def market(make: Callable[[], SearchEngine]) -> SearchEngine:
    """An engine with the market in it, only to be read."""
    return filled(make())


@pytest.fixture(scope="module")
def make_elastic(es_url: str) -> Iterator[Callable[[], ElasticEngine]]:
    """Makes engines with an index of their own on the real server; their indices go at the end."""
    aliases: list[str] = []
    engines: list[ElasticEngine] = []

    def made() -> ElasticEngine:
        aliases.append(f"test-{secrets.token_hex(6)}")
        engines.append(ElasticEngine([es_url], "secret", alias=aliases[-1], replicas=0, timeout=20))
        return engines[-1]

    yield made
    with Elasticsearch(es_url) as client:
        for alias in aliases:
            for index in client.indices.get(index=f"{alias}-*"):
                client.indices.delete(index=index)
    for engine in engines:
        engine.close()
