"""One conformance suite for every engine: the same market, the same questions, the same answers.

``Conformance`` is inherited by one test class per engine, in a module that brings the fixture ``make``: a function
that makes an engine with an empty index of its own. The table ``CASES`` states ids, totals and counts exactly.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from exchange.core.errors import RuleBroken
from search import fields
from search.engine import (
    BadCursor,
    Document,
    Filter,
    Outcome,
    Query,
    Reading,
    Removal,
    SearchEngine,
)
from tests.search.market import ALL, MARKET, TODAY, WAN, doc


@dataclass(frozen=True)
class Case:
    """A question and its answer. ``ids`` in their order; where ``any_order``, as a set."""

    name: str
    query: Query
    ids: tuple[int, ...]
    any_order: bool = False
    reading: Reading | None = None
    percent: int = 100
    strict: int | None = None
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def words(text: str, *ids: int, **more: Any) -> Case:
    """A question of words by relevance, which all engines must answer with these ids."""
    more.setdefault("any_order", True)
    return Case(text, Query(text, today=TODAY), ids, **more)


def fielded(text: str, *ids: int) -> Case:
    """A question in the fielded language."""
    return Case(text, Query(text, today=TODAY), ids, any_order=True, reading=Reading.FIELDED)


def browse(name: str, *ids: int, filters: Iterable[Filter] = (), sort: str = "newest", **more: Any) -> Case:
    """A question of filters in a settled order."""
    return Case(name, Query("", tuple(filters), sort=sort, today=TODAY), ids, **more)


def counted(name: str, query: Query, ids: tuple[int, ...], **facets: Mapping[str, int]) -> Case:
    """A question whose facets are stated exactly, zeros left out."""
    asked = dataclasses.replace(query, facets=tuple(facets), today=TODAY, sort="newest")
    return Case(name, asked, ids, facets=facets)


CASES: tuple[Case, ...] = (
    # -- words
    words("电池", 1, 2, 3, 13, reading=Reading.WORDS),
    words("膜分离", 4, 5, 6),
    words("纳滤膜", 4, 5, 6, percent=50, strict=2),
    words("锂電池", 1, 13, 2, 3, percent=50, strict=2),
    words("专利管理软件", 10, percent=100),
    words("ＬｉＦｅＰＯ４", 1),
    words("lifepo4", 1),
    words("0.5mm", 12),
    words("batteries", 7),
    words("BATTERY", 7),
    words("testing", 7),
    words("铝", 2, 11),
    words("茶", 6, 8),
    words("水杯", 9),
    words("阀", 11),
    words("榕江理工大学", 1, 3, 5, strict=3),
    words("陈一", 1, 3),
    words("650 700", 1),
    words("温度为650", 1),
    words("量子纠缠", percent=100, strict=0),
    words("？！，", reading=Reading.WORDS),
    words("()[]{}*?:^~\\/&|+-!", reading=Reading.WORDS),
    words("锂电池 AND", 1, 13, 2, 3, percent=30, strict=0),
    words('"膜分离"', 4, 5, 6),
    words('"分离膜"'),
    words("“中空纤维”", 5),
    words('"茶" "膜"', 6),
    words('"纳滤膜" 清洗', 4),
    words("batch size", 12),
    words("池电"),
    words("5G", 7),
    # -- numbers
    words("ZL202310123456.7", 1, reading=Reading.NUMBER),
    words("2023101234567", 1, reading=Reading.NUMBER),
    words("２０２３１０１２３４５６．７", 1, reading=Reading.NUMBER),
    words("2023101234567.0", 1, reading=Reading.NUMBER),
    words("CN 2023 1 0123456.7", 1, reading=Reading.NUMBER),
    words("202310123456", 1, reading=Reading.NUMBER),
    words("CN116123456A", 1, reading=Reading.NUMBER),
    words("cn116123456b", 1, reading=Reading.NUMBER),
    words("201220249766.X", 2, reading=Reading.NUMBER),
    words("201220249766x", 2, reading=Reading.NUMBER),
    words("US9014905B1", 7, reading=Reading.NUMBER),
    words("US 9,014,905", 7, reading=Reading.NUMBER),
    words("2023SR0123456", 10, reading=Reading.NUMBER),
    words("CN999999999A", reading=Reading.WORDS),
    # -- the fielded language
    fielded("TI=电池", 1, 2, 3, 13),
    fielded("TI=锂电池", 1, 13),
    fielded("ti = 锂电池 or ti=茶叶", 1, 8, 13),
    fielded("TI=锂电池 AND AB=正极", 1),
    fielded("TI=电池 NOT PA=榕江理工大学", 2, 13),
    fielded("NOT TI=电池 IPC=B01D", 4, 5, 6),
    fielded("NOT (TI=电池 OR TI=膜 OR TI=茶)", 7, 9, 10, 11, 12),
    fielded("CL=铝箔", 1),
    fielded("IN=陈一 PA=泉州", 3),
    fielded("标题=膜 AND 权利人=研究院", 4),
    fielded("IPC=H", 1, 2, 3),
    fielded("IPC=H01M4", 1, 3),
    fielded("IPC=h01m 4/58", 1),
    fielded("IPC=H01M4/5*", 1),
    fielded("IPC=H99Z"),
    fielded("NO=CN1161*", 1),
    fielded("NO=ZL202310123456.7 OR NO=US9014905", 1, 7),
    fielded("PRICE=[5 TO 22]", 2, 4, 9, 10),
    fielded("PRICE=[100万 TO *] TI=方法", 12),
    fielded("PRICE=50", 1),
    fielded("PRICE=[* TO 1元]", 11),
    fielded("TI=(茶 OR 阀) NOT IPC=A23F3/06", 6, 11),
    fielded('TI="纳滤膜"', 5),
    fielded("TI=battery", 7),
    fielded("TI=tests AB=tests"),
    fielded("TI＝（钠 ＯＲ 铝）"),
    fielded("TI＝（钠 OR 铝）", 2, 3, 11),
    fielded("膜分离 IPC=C02F", 5),
    # -- orders
    browse("everything, newest first", *ALL, reading=Reading.BROWSE),
    browse("cheapest first, negotiable last", 11, 8, 9, 2, 10, 4, 1, 12, 5, 7, 3, 6, 13, sort="price"),
    browse("dearest first, negotiable last", 7, 5, 12, 1, 4, 10, 2, 9, 8, 11, 3, 6, 13, sort="price_desc"),
    browse("longest life first, unknown last", 1, 5, 3, 9, 7, 2, 4, 8, 6, 11, 10, 12, 13, sort="life"),
    Case("words by price", Query("电池", sort="price", today=TODAY), (2, 1, 3, 13)),
    Case("words by price are not relaxed", Query("锂电池", sort="price", today=TODAY), (1, 13)),
    # -- filters
    browse("a kind", 12, 7, 6, 5, 3, 1, filters=[Filter("kind", ("invention",))]),
    browse("two kinds", 10, 9, filters=[Filter("kind", ("design", "software"))]),
    browse("a kind nobody has", filters=[Filter("kind", ("trademark",))]),
    browse("a kind of deal", 3, filters=[Filter("deal", ("ordinary_licence",))]),
    browse("a kind of listing", 6, 3, filters=[Filter("listing", ("licence",))]),
    browse("an IPC section", 6, 5, 4, filters=[Filter("ipc", ("B",))]),
    browse("an IPC subclass or a group", 6, 5, 4, 1, filters=[Filter("ipc", ("B01D", "H01M4/58"))]),
    browse("a province", 13, 11, 10, 9, 8, 6, 5, 4, 3, 2, 1, filters=[Filter("region", ("35",))]),
    browse("a city", 13, 9, 4, 1, filters=[Filter("region", ("3501",))]),
    browse("a city by its full code", 10, 5, 2, filters=[Filter("region", ("350200",))]),
    browse("a district", 9, 4, 1, filters=[Filter("region", ("350102",))]),
    browse("an owner", 5, 3, 1, filters=[Filter("applicant", ("榕江理工大学",))]),
    browse("unburdened", 12, 10, 9, 8, 7, 6, 5, 4, 1, filters=[Filter("burden", ("none",))]),
    browse("pledged", 11, 2, filters=[Filter("burden", ("pledge",))]),
    browse("a status", 8, filters=[Filter("status", ("lapsed",))]),
    browse("from a price", 12, 7, 5, filters=[Filter("price", low=100 * WAN)]),
    browse("up to a price", 11, 9, 8, filters=[Filter("price", high=5 * WAN)]),
    browse("between prices", 10, 9, 4, 2, filters=[Filter("price", low=5 * WAN, high=22 * WAN)]),
    browse("negotiable", 13, 6, 3, filters=[Filter("price", or_missing=True)]),
    browse("cheap or negotiable", 13, 11, 8, 6, 3, filters=[Filter("price", high=3 * WAN, or_missing=True)]),
    browse("a price band", 9, 2, filters=[Filter("price", ("5-20",))]),
    browse("two price bands", 11, 9, 8, 2, filters=[Filter("price", ("0-5", "5-20"))]),
    browse("ten years to live", 9, 7, 5, 3, 1, filters=[Filter("life", low=10)]),
    browse("less than a band's five years", 11, 8, 6, 4, filters=[Filter("life", ("0-5",))]),
    browse("five to ten years", 2, filters=[Filter("life", ("5-10",))]),
    browse("filters are joined by and", 5, 1, filters=[
        Filter("kind", ("invention",)), Filter("applicant", ("榕江理工大学",)), Filter("deal", ("transfer",))]),
    Case("words and a filter", Query("电池", (Filter("region", ("3502",)),), today=TODAY), (2,), any_order=True),
    # -- facets
    counted("counts of everything", Query(), ALL,
            kind={"invention": 6, "utility_model": 4, "design": 1, "software": 1},
            ipc_section={"B": 3, "H": 3, "A": 2, "G": 2, "C": 1, "F": 1},
            ipc_subclass={"B01D": 3, "H01M": 3, "A23F": 2, "C02F": 1, "F16K": 1, "G01R": 1, "G06N": 1, "G06T": 1},
            price={"0-5": 2, "5-20": 2, "20-50": 2, "50-100": 1, "100-500": 2, "500-": 1},
            life={"10-": 5, "5-10": 1, "0-5": 4},
            province={"35": 11, "11": 1, "44": 1},
            city={"3501": 4, "3502": 3, "3505": 2, "3507": 2, "1101": 1, "4403": 1},
            burden={"none": 9, "licence": 2, "pledge": 2},
            status={"granted": 10, "lapsed": 1, "pending": 1}),
    counted("counts of what was found", Query("膜分离"), (6, 5, 4),
            kind={"invention": 2, "utility_model": 1}, deal={"transfer": 2, "exclusive_licence": 1}),
    counted("a facet ignores its own filter", Query("", (Filter("kind", ("utility_model",)),)), (11, 8, 4, 2),
            kind={"invention": 6, "utility_model": 4, "design": 1, "software": 1},
            province={"35": 4}),
    counted("two facets, each with its filter", Query(
        "", (Filter("kind", ("invention",)), Filter("region", ("35",)))), (6, 5, 3, 1),
        kind={"invention": 4, "utility_model": 4, "design": 1, "software": 1},
        province={"35": 4, "11": 1, "44": 1},
        deal={"transfer": 2, "exclusive_licence": 1, "ordinary_licence": 1}),
    counted("IPC facets ignore the IPC filter", Query("", (Filter("ipc", ("H01M",)),)), (3, 2, 1),
            ipc_section={"B": 3, "H": 3, "A": 2, "G": 2, "C": 1, "F": 1}, kind={"invention": 2, "utility_model": 1}),
    counted("a chosen value stays at zero", Query("茶", (Filter("kind", ("design",)),)), (),
            kind={"invention": 1, "utility_model": 1, "design": 0}, status={}),
    counted("a price facet ignores the price filter", Query("", (Filter("price", ("500-",)),)), (7,),
            price={"0-5": 2, "5-20": 2, "20-50": 2, "50-100": 1, "100-500": 2, "500-": 1}),
)  # fmt: skip


def filled(engine: SearchEngine) -> SearchEngine:
    """``engine`` with the market in it."""
    applied = engine.apply(MARKET)
    assert applied.count(Outcome.APPLIED) == len(MARKET)
    assert engine.wait_visible(applied.token)
    return engine


class Conformance:
    """What every engine must do."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_case(self, market: SearchEngine, case: Case) -> None:
        page = market.search(case.query)
        found = tuple(hit.id for hit in page.hits)
        if case.any_order:
            assert sorted(found) == sorted(case.ids)
        else:
            assert found == case.ids
        assert (page.total, page.exact, page.next) == (len(case.ids), True, None)
        assert page.matched_percent == case.percent
        if case.strict is not None:
            assert page.total_strict == case.strict
        if case.reading is not None:
            assert page.reading is case.reading
        for name, counts in case.facets.items():
            shown = {b.value: b.count for b in page.facets[name].buckets if b.count or b.selected}
            assert shown == dict(counts), name

    # -- hits

    def test_a_hit_names_the_listing(self, market: SearchEngine) -> None:
        (hit,) = market.search(Query("水杯")).hits
        assert (hit.id, hit.ref, hit.version) == (9, "LS-9", 1)

    def test_what_matches_better_comes_first(self, engine: SearchEngine) -> None:
        engine.wait_visible(
            engine.apply(
                [
                    doc(1, "导热涂料", "涂料的配方与涂布，石墨烯也可以掺入。"),
                    doc(2, "石墨烯石墨烯导热膜", "石墨烯导热膜。"),
                    doc(3, "涂料", "与石墨烯无关的涂料，" + "其他内容的说明很长很长，" * 20),
                    *(doc(n, "别的东西") for n in range(4, 30)),
                ]
            ).token
        )
        assert [hit.id for hit in engine.search(Query("石墨烯")).hits] == [2, 1, 3]

    def test_equal_hits_stand_by_age(self, engine: SearchEngine) -> None:
        engine.wait_visible(engine.apply([doc(n, "同一个标题") for n in (5, 3, 9, 1, 7)]).token)
        assert [hit.id for hit in engine.search(Query("同一个标题")).hits] == [1, 3, 5, 7, 9]

    def test_marks_only_words_that_are_wanted(self, market: SearchEngine) -> None:
        page = market.search(Query("TI=电池 NOT PA=榕江理工"))
        assert page.words == {"电池"}

    # -- pages

    @pytest.mark.parametrize("sort", ["relevance", "newest", "price", "price_desc", "life"])
    def test_pages_show_each_hit_once_in_order(self, market: SearchEngine, sort: str) -> None:
        whole = [hit.id for hit in market.search(Query(sort=sort, limit=50)).hits]
        paged: list[int] = []
        cursor: str | None = None
        for _ in range(20):
            page = market.search(Query(sort=sort, limit=2, cursor=cursor))
            assert page.total == 13
            paged.extend(hit.id for hit in page.hits)
            cursor = page.next
            if cursor is None:
                break
        assert paged == whole
        assert len(paged) == 13

    def test_pages_by_relevance(self, engine: SearchEngine) -> None:
        many = [doc(n, "铝合金型材" if n % 3 else "铝合金型材铝合金型材") for n in range(1, 41)]
        engine.wait_visible(engine.apply(many).token)
        paged: list[int] = []
        cursor: str | None = None
        while True:
            page = engine.search(Query("铝合金型材", limit=7, cursor=cursor))
            paged.extend(hit.id for hit in page.hits)
            cursor = page.next
            if cursor is None:
                break
        assert paged == [hit.id for hit in engine.search(Query("铝合金型材", limit=100)).hits]
        assert sorted(paged) == list(range(1, 41))

    def test_a_later_page_stays_as_relaxed_as_the_first(self, engine: SearchEngine) -> None:
        some = [doc(1, "甲乙丙"), *(doc(n, "甲乙") for n in range(2, 30))]
        engine.wait_visible(engine.apply(some).token)
        first = engine.search(Query("甲乙丙", limit=10))
        assert (first.matched_percent, first.total_strict, first.total) == (50, 1, 29)
        second = engine.search(Query("甲乙丙", limit=10, cursor=first.next))
        assert (second.matched_percent, second.total_strict, second.total) == (50, 1, 29)
        assert not {hit.id for hit in first.hits} & {hit.id for hit in second.hits}

    def test_words_are_relaxed_only_where_a_page_is_not_full(self, engine: SearchEngine) -> None:
        some = [*(doc(n, "甲乙丙") for n in range(1, 6)), *(doc(n, "甲乙") for n in range(6, 12))]
        engine.wait_visible(engine.apply(some).token)
        assert engine.search(Query("甲乙丙", limit=5)).matched_percent == 100
        assert engine.search(Query("甲乙丙", limit=6)).matched_percent == 50

    def test_a_cursor_of_another_query_is_refused(self, market: SearchEngine) -> None:
        page = market.search(Query(sort="price", limit=2))
        with pytest.raises(BadCursor):
            market.search(Query(sort="newest", limit=2, cursor=page.next))
        with pytest.raises(BadCursor):
            market.search(Query("电池", sort="price", limit=2, cursor=page.next))

    @pytest.mark.parametrize("cursor", ["", "x", "AAAA", "ÄÖ", "eyJxIjoiIn0", "A" * 80])
    def test_a_cursor_of_nobody_is_refused(self, market: SearchEngine, cursor: str) -> None:
        with pytest.raises(BadCursor):
            market.search(Query(cursor=cursor))

    def test_a_changed_cursor_is_refused(self, market: SearchEngine) -> None:
        cursor = market.search(Query(limit=2)).next
        assert cursor is not None
        with pytest.raises(BadCursor):
            market.search(Query(limit=2, cursor=cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")))

    def test_a_page_has_a_limit(self, engine: SearchEngine) -> None:
        engine.wait_visible(engine.apply([doc(n, "同名") for n in range(1, 130)]).token)
        page = engine.search(Query("同名", limit=10_000))
        assert (len(page.hits), page.total) == (100, 129)

    # -- refusals

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            (Query("长" * 257), "search.too_long"),
            (Query(" ".join(["TI=a"] * 33)), "search.too_many_clauses"),
            (Query(" ".join(f'"{n}"' for n in range(33))), "search.too_many_clauses"),
            (Query("(" * 40 + "TI=a"), "search.too_many_clauses"),
            (Query("TI=电池 AND"), "search.syntax"),
            (Query("TI="), "search.syntax"),
            (Query("TI=(电池"), "search.syntax"),
            (Query("TI=电池)"), "search.syntax"),
            (Query("TI=？"), "search.syntax"),
            (Query("PRICE=便宜"), "search.syntax"),
            (Query("PRICE=[1]"), "search.syntax"),
            (Query("PRICE=[1 TO 9999999999999]"), "search.syntax"),
            (Query("NO=1*"), "search.syntax"),
            (Query(filters=(Filter("colour", ("red",)),)), "search.unknown_filter"),
            (Query(filters=(Filter("kind"),)), "search.bad_filter"),
            (Query(filters=(Filter("kind", low=1),)), "search.bad_filter"),
            (Query(filters=(Filter("region", ("福建",)),)), "search.bad_filter"),
            (Query(filters=(Filter("price", ("cheap",)),)), "search.bad_filter"),
            (Query(filters=(Filter("life"),)), "search.bad_filter"),
            (Query(sort="beauty"), "search.unknown_sort"),
            (Query(facets=("seller_name",)), "search.unknown_facet"),
        ],
        ids=lambda value: value if isinstance(value, str) else value.text[:20] or repr(value.filters)[:40],
    )
    def test_what_cannot_be_read_is_refused(self, market: SearchEngine, query: Query, code: str) -> None:
        with pytest.raises(RuleBroken) as refused:
            market.search(query)
        assert refused.value.code == code
        assert refused.value.field

    # -- writing

    def test_a_newer_version_replaces(self, changed: SearchEngine) -> None:
        applied = changed.apply([doc(9, "保温杯", version=2)])
        assert changed.wait_visible(applied.token)
        assert changed.search(Query("水杯", sort="price")).total == 0
        (hit,) = changed.search(Query("保温杯", sort="price")).hits
        assert (hit.id, hit.version) == (9, 2)
        assert changed.search(Query()).total == 13

    @pytest.mark.parametrize("version", [1, 0])
    def test_an_older_or_equal_version_changes_nothing(self, changed: SearchEngine, version: int) -> None:
        applied = changed.apply([doc(9, "保温杯", version=version)])
        assert [result.outcome for result in applied.results] == [Outcome.STALE]
        changed.wait_visible(applied.token)
        assert changed.search(Query("水杯")).total == 1
        assert changed.search(Query("保温杯", sort="price")).total == 0

    def test_a_batch_may_name_a_listing_twice_in_any_order(self, engine: SearchEngine) -> None:
        applied = engine.apply(
            [doc(1, "新", version=5), doc(1, "旧", version=4), doc(2, "甲"), doc(2, "乙", version=2)]
        )
        assert [result.outcome for result in applied.results] == [
            Outcome.APPLIED,
            Outcome.STALE,
            Outcome.APPLIED,
            Outcome.APPLIED,
        ]
        engine.wait_visible(applied.token)
        assert [hit.version for hit in engine.search(Query(sort="newest")).hits] == [2, 5]

    def test_a_withdrawn_listing_is_not_found_and_does_not_come_back(self, changed: SearchEngine) -> None:
        changed.apply([Document(9, "LS-9", 2, visible=False)])
        late = changed.apply([doc(9, "水杯", version=1)])
        assert late.count(Outcome.STALE) == 1
        changed.wait_visible(late.token)
        assert changed.search(Query("水杯")).total == 0
        assert changed.search(Query(facets=("kind",))).facets["kind"].buckets[-1].value != "design"

    def test_a_removed_listing_is_gone(self, changed: SearchEngine) -> None:
        applied = changed.apply([Removal(9, 2), Removal(99, 1)])
        assert applied.count(Outcome.APPLIED) == 2
        changed.wait_visible(applied.token)
        assert 9 not in {id_ for id_, _, _ in changed.versions()}
        assert changed.search(Query("水杯")).total == 0

    def test_what_cannot_be_indexed_is_named_and_harms_no_other(self, engine: SearchEngine) -> None:
        bad = Document(1, "LS-1", 1, values={"colour": "red"})
        worse = Document(2, "LS-2", 1, values={"price": "cheap"})
        applied = engine.apply([bad, doc(3, "好"), worse])
        assert [result.id for result in applied.rejected] == [1, 2]
        assert "colour" in applied.rejected[0].reason
        engine.wait_visible(applied.token)
        assert engine.search(Query()).total == 1

    def test_an_empty_batch_is_fine(self, engine: SearchEngine) -> None:
        assert engine.apply([]).results == ()

    def test_the_watermark_only_rises(self, engine: SearchEngine) -> None:
        assert engine.watermark() == 0
        engine.wait_visible(engine.apply([doc(1, "甲")], watermark=7).token)
        assert engine.watermark() == 7
        engine.wait_visible(engine.apply([doc(2, "乙")], watermark=3).token)
        assert engine.watermark() == 7
        assert engine.search(Query()).total == 2

    def test_versions_are_listed_by_id(self, market: SearchEngine) -> None:
        assert market.versions(limit=3) == [(1, 1, True), (2, 1, True), (3, 1, True)]
        assert market.versions(after=12) == [(13, 1, True), (14, 3, False)]
        assert market.versions(after=14) == []

    def test_a_rebuild_replaces_everything(self, changed: SearchEngine) -> None:
        assert changed.rebuild([doc(3, "唯一", version=9)], watermark=70) == 1
        assert [hit.id for hit in changed.search(Query()).hits] == [3]
        assert (changed.watermark(), changed.versions()) == (70, [(3, 9, True)])
        assert changed.health().documents == 1

    def test_long_text_is_cut_not_refused(self, engine: SearchEngine) -> None:
        sequence = "atgc" * 20_000
        applied = engine.apply(
            [doc(1, "基因序列", "甲" * 30_000 + sequence, claims=sequence, applicant=["长" * 2000])]
        )
        assert applied.count(Outcome.APPLIED) == 1
        engine.wait_visible(applied.token)
        assert engine.search(Query("基因序列")).total == 1

    def test_health_counts_what_is_offered(self, market: SearchEngine) -> None:
        health = market.health()
        assert (health.ok, health.documents, health.stale) == (True, 13, False)

    # -- more

    def test_similar(self, market: SearchEngine) -> None:
        assert sorted(hit.id for hit in market.similar(MARKET[4], limit=2)) == [4, 6]

    def test_similar_obeys_filters(self, market: SearchEngine) -> None:
        only = (Filter("kind", ("utility_model",)),)
        assert [hit.id for hit in market.similar(MARKET[4], filters=only)][:1] == [4]

    def test_similar_to_a_pasted_text(self, market: SearchEngine) -> None:
        pasted = Document(0, "", 0, values={"abstract": "一种硬碳负极，用于钠电池"})
        assert market.similar(pasted)[0].id == 3
        assert market.similar(Document(0, "", 0, values={"abstract": ""})) == ()

    @pytest.mark.parametrize(
        ("typed", "texts"),
        [
            ("榕江", ["榕江理工大学"]),
            ("廈門", ["厦门屿光传感有限公司"]),
            ("harb", ["Harbour Instruments Ltd"]),
            ("專利", ["專利管理軟體"]),
            ("专利管", ["專利管理軟體"]),
            ("一种", ["一种茶叶杀青机", "一种锂电池正极材料及其制备方法"]),
            ("(.*", []),
            ("  ", []),
        ],
    )
    def test_suggest(self, market: SearchEngine, typed: str, texts: list[str]) -> None:
        assert sorted(suggestion.text for suggestion in market.suggest(typed)) == sorted(texts)

    def test_suggestions_are_counted_and_the_commonest_first(self, market: SearchEngine) -> None:
        first = market.suggest("榕")[0]
        assert (first.field, first.count) == ("applicant", 3)

    def test_saved_searches_match_a_batch(self, engine: SearchEngine) -> None:
        searches = {
            "battery": Query("电池"),
            "all words": Query("锂电池"),
            "cheap": Query("", (Filter("price", high=5 * WAN),), today=TODAY),
            "number": Query("ZL202310123456.7"),
            "fielded": Query("TI=膜 NOT IPC=C02F"),
            "nothing": Query("量子"),
        }
        assert engine.match_saved(MARKET, searches) == {
            "battery": [1, 2, 3, 13],
            "all words": [1, 13],
            "cheap": [8, 9, 11],
            "number": [1],
            "fielded": [4, 6, 13],
        }

    def test_export_gives_every_hit_once(self, engine: SearchEngine) -> None:
        engine.wait_visible(engine.apply([doc(n, "同名") for n in range(1, 251)]).token)
        assert [hit.id for hit in engine.export(Query("同名"))] == list(range(250, 0, -1))

    def test_a_code_outside_the_classification_breaks_nothing(self, engine: SearchEngine) -> None:
        engine.wait_visible(engine.apply([doc(1, "怪", ipc=["??", "H01M", "", "Z9"])]).token)
        assert engine.search(Query(filters=(Filter("ipc", ("H01M",)),))).total == 1
        assert engine.search(Query(filters=(Filter("ipc", ("Z9",)),))).total == 1

    def test_every_field_of_the_table_can_be_indexed(self, engine: SearchEngine) -> None:
        values = {
            source: 5
            if any(f.kind is fields.Kind.NUMBER and source in f.sources for f in fields.FIELDS)
            else "H01M"
            for source in fields.SOURCES
        }
        applied = engine.apply([Document(1, "LS-1", 1, values=values)])
        assert applied.count(Outcome.APPLIED) == 1
