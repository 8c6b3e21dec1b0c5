"""For any documents and any question, every engine finds the same listings with the same counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.elastic import ElasticEngine
from search.embedded import EmbeddedEngine
from search.engine import Document, Filter, Operation, Page, Query, SearchEngine
from search.reference import ReferenceEngine

TODAY = date(2026, 6, 15)
SIGNS = "锂电池正极膜铝"
FACETS = ("kind", "ipc_section", "ipc_subclass", "province", "city", "burden", "price", "life")

texts = st.text(alphabet=f"{SIGNS}電，、 -LiFe4", max_size=14)
codes = st.sampled_from(["H01M4/04", "H01M10/05", "H01M", "B01D61/02", "A23F3/16", "??", "G06T7/10"])
prices = st.one_of(st.none(), st.integers(0, 3_000), st.integers(4_900_000, 2_100_000_000))
ends = st.one_of(st.none(), st.integers(20_500, 28_000))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A listing, sometimes one that is no longer offered."""
    id_ = draw(st.integers(1, 12))
    return Document(
        id_,
        f"LS-{id_}",
        draw(st.integers(1, 4)),
        visible=draw(st.sampled_from([True, True, True, False])),
        values={
            "title": draw(st.lists(texts, max_size=2)),
            "abstract": draw(texts),
            "applicant": draw(st.lists(st.sampled_from(["锂电所", "膜厂", "Acme Ltd"]), max_size=2)),
            "number": draw(st.lists(st.sampled_from(["CN116123456A", "2023101234567"]), max_size=1)),
            "ipc": draw(st.lists(codes, max_size=3)),
            "kind": draw(st.sampled_from(["invention", "design", None])),
            "burden": draw(st.lists(st.sampled_from(["none", "pledge", "licence"]), max_size=2)),
            "region": draw(st.sampled_from(["350102", "350200", "110108", None])),
            "price": draw(prices),
            "expires": draw(ends),
            "listed": draw(st.integers(0, 5)),
        },
    )


def _quoted(value: str) -> str:
    return f'"{value}"' if value.strip() else '"膜"'


conditions = st.one_of(
    st.builds(
        lambda field, word: f"{field}={word}",
        st.sampled_from(["TI", "AB", "PA"]),
        st.text(alphabet=SIGNS, min_size=1, max_size=3),
    ),
    st.builds(lambda code: f"IPC={code}", st.sampled_from(["H", "H01M", "H01M4", "B01D61/0*", "X9"])),
    st.sampled_from(["PRICE=[* TO 5]", "PRICE=[5 TO 20]", "PRICE=[1000元 TO *]", "NO=CN1161*", "TI=LiFe4"]),
    st.text(alphabet=SIGNS, min_size=1, max_size=3),
)
fielded = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(lambda a, b: f"{a} AND {b}", inner, inner),
        st.builds(lambda a, b: f"({a} OR {b})", inner, inner),
        st.builds(lambda a, b: f"{a} {b}", inner, inner),
        st.builds(lambda a: f"NOT ({a})", inner),
    ),
    max_leaves=5,
).map(lambda text: f"TI=锂 OR {text}" if "=" not in text else text)

filters = st.lists(
    st.one_of(
        st.builds(lambda v: Filter("kind", tuple(v)), st.sets(st.sampled_from(["invention", "design"]), min_size=1)),
        st.builds(lambda v: Filter("ipc", (v,)), st.sampled_from(["H", "H01M", "H01M4/04", "B01D6"])),
        st.builds(lambda v: Filter("region", (v,)), st.sampled_from(["35", "3501", "350200"])),
        st.builds(lambda v: Filter("burden", (v,)), st.sampled_from(["none", "pledge"])),
        st.builds(
            lambda low, missing: Filter("price", low=low, or_missing=missing), st.integers(0, 5_000_000), st.booleans()
        ),
        st.builds(lambda v: Filter("price", tuple(v)), st.sets(st.sampled_from(["0-5", "5-20", "500-"]), min_size=1)),
        st.builds(lambda low: Filter("life", low=low), st.integers(0, 20)),
        st.builds(lambda v: Filter("life", (v,)), st.sampled_from(["10-", "5-10", "0-5"])),
    ),
    max_size=3,
).map(tuple)  # fmt: skip

queries = st.builds(
    lambda text, filters_, sort, limit: Query(text, filters_, sort, limit, facets=FACETS, today=TODAY),
    st.one_of(
        st.just(""), texts, texts.map(_quoted), fielded, st.sampled_from(["CN116123456A", "2023101234567"])
    ),
    filters,
    st.sampled_from(["relevance", "newest", "price", "price_desc", "life"]),
    st.integers(1, 5),
)


def pages(engine: SearchEngine, query: Query) -> tuple[Page, list[int]]:
    """The first page, and the ids of all pages in their order."""
    first = page = engine.search(query)
    ids = [hit.id for hit in page.hits]
    while page.next is not None:
        page = engine.search(replace(query, cursor=page.next))
        ids.extend(hit.id for hit in page.hits)
    return first, ids


def compare(engine: SearchEngine, batches: list[list[Operation]], asked: list[Query]) -> None:
    """The same writes and questions, to the reference and to ``engine``."""
    reference = ReferenceEngine("secret")
    for batch in batches:
        expected = [result.outcome for result in reference.apply(batch).results]
        applied = engine.apply(batch)
        assert [result.outcome for result in applied.results] == expected
        assert engine.wait_visible(applied.token)
    assert engine.versions() == reference.versions()
    for query in asked:
        want, want_ids = pages(reference, query)
        got, got_ids = pages(engine, query)
        assert (got.total, got.exact, got.reading, got.matched_percent, got.total_strict) == (
            want.total,
            True,
            want.reading,
            want.matched_percent,
            want.total_strict,
        )
        assert got.facets == want.facets
        assert len(got_ids) == len(set(got_ids)) == got.total
        if query.sort == "relevance" and query.text.strip():
            assert sorted(got_ids) == sorted(want_ids)  # scores may differ where lengths are rounded
        else:
            assert got_ids == want_ids


def check(make: Callable[[], SearchEngine], examples: int) -> None:
    """Run the property on engines that ``make`` makes."""

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        print_blob=True,
    )
    @given(
        st.lists(st.lists(documents(), max_size=8), min_size=1, max_size=3),
        st.lists(queries, min_size=1, max_size=6),
    )
    def same(batches: list[list[Operation]], asked: list[Query]) -> None:
        compare(make(), batches, asked)

    same()


def test_embedded_is_the_reference(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path, "secret")

    def emptied() -> SearchEngine:
        engine.rebuild([])
        return engine

    check(emptied, 120)


def test_elasticsearch_is_the_reference(make_elastic: Callable[[], ElasticEngine]) -> None:
    engine = make_elastic()

    def emptied() -> SearchEngine:
        engine.rebuild([])
        return engine

    check(emptied, 40)
