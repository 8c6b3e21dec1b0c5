"""Search against the raw engine: the same documents, the same questions, in one run.

    python -m bench.search [--listings 20000] [--market 2000] [--questions 200]

The arm is tantivy itself, with words cut beforehand and queries built by hand; beside it stand our embedded engine and,
where ``TEST_SEARCH_URL`` names a server, Elasticsearch behind the same port. Then the search page's API on a market in
a database, against the engine under it. Ratios are what counts; milliseconds depend on the machine
(search.md §5: R1 added latency, R2 tail, R3 indexing, R4 freshness, R5 facets, R9 alerts).
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tantivy

from search import fields, text
from search.embedded import EmbeddedEngine
from search.engine import Document, Filter, Query, SearchEngine

if TYPE_CHECKING:
    from flask import Flask

FACETS = ("kind", "ipc_section", "ipc_subclass", "status", "burden", "price")
SIGNS = [chr(code) for code in range(0x4E00, 0x4E00 + 2_500)]
CODES = [f"{s}{c:02d}{g}{m}/00" for s in "ABCDEFGH" for c in (1, 5, 9) for g in "BKM" for m in (1, 4)]


class Corpus:
    """Invented listings whose words are as unequally frequent as those of a language."""

    def __init__(self, how_many: int, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.words = [
            "".join(self.random.choices(SIGNS, k=self.random.choice((2, 2, 2, 3, 4)))) for _ in range(20_000)
        ]
        self.weights = [1 / (rank + 1) for rank in range(len(self.words))]
        self.documents = [self._document(n) for n in range(1, how_many + 1)]

    def sentence(self, signs: int) -> str:
        """Words joined without blanks, about so many signs."""
        return "".join(self.random.choices(self.words, self.weights, k=max(1, round(signs / 2.4))))

    def _document(self, id_: int) -> Document:
        draw = self.random
        return Document(
            id_,
            f"LS-{id_}",
            1,
            values={
                "title": self.sentence(16),
                "abstract": "，".join(self.sentence(24) for _ in range(11)),
                "ipc": draw.sample(CODES, draw.randint(1, 3)),
                "applicant": [f"单位{draw.randrange(2_000)}"],
                "kind": draw.choice(["invention", "utility_model", "design"]),
                "deal": draw.choice(["transfer", "ordinary_licence"]),
                "status": draw.choice(["granted", "granted", "granted", "pending"]),
                "burden": draw.choice(["none", "none", "pledge"]),
                "region": draw.choice(["350100", "350200", "440300", "110100"]),
                "price": draw.choice([None, draw.randrange(1, 10**10)]),
                "listed": 1_700_000_000 + id_,
                "expires": 25_000 + draw.randrange(5_000),
            },
        )

    def questions(self, how_many: int) -> dict[str, list[Query]]:
        """Questions drawn from the documents, by kind."""
        asked: dict[str, list[Query]] = {name: [] for name in KINDS}
        for document in self.random.choices(self.documents, k=how_many):
            title = str(document.values["title"])
            abstract = str(document.values["abstract"])
            start = self.random.randrange(max(1, len(title) - 8))
            one, two = title[start : start + 2], abstract[30:32]
            asked["one word"].append(Query(one))
            asked["two words"].append(Query(f"{one} {two}"))
            asked["phrase"].append(Query(f'"{title[start : start + 6]}"'))
            asked["buyer's query"].append(Query(title[start : start + 8]))
            chosen = (Filter("kind", ("invention",)), Filter("status", ("granted",)))
            asked["filter + 6 facets"].append(Query(one, chosen, facets=FACETS))
            asked["browse + 6 facets"].append(Query("", chosen, facets=FACETS))
            asked["sort by price"].append(Query(one, sort="price"))
        return asked


KINDS = (
    "one word",
    "two words",
    "phrase",
    "buyer's query",
    "filter + 6 facets",
    "browse + 6 facets",
    "sort by price",
)


# -- the arm ---------------------------------------------------------------------------------------------------


class Raw:
    """tantivy by hand: title and abstract as bigrams, what is counted as raw words, the price to sort by."""

    def __init__(self, folder: Path, prepared: Sequence[dict[str, Any]]) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("id", stored=True, indexed=True, fast=True)
        for name in ("title", "abstract"):
            builder.add_text_field(name, tokenizer_name="blanks")
        for name in (*FACETS[:-1], "ipc"):
            builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
        builder.add_integer_field("price", indexed=True, fast=True)
        self.schema = builder.build()
        self.index = tantivy.Index(self.schema, path=str(folder))
        blanks = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self.index.register_tokenizer("blanks", blanks)
        started = time.perf_counter()
        writer = self.index.writer(300_000_000, 2)
        for values in prepared:
            writer.add_document(tantivy.Document.from_dict(values, self.schema))
        writer.commit()
        writer.wait_merging_threads()
        self.seconds = time.perf_counter() - started
        self.index.reload()

    def ask(self, kind: str, query: Query) -> None:
        """One question of a kind, with the exact total."""
        searcher = self.index.searcher()
        made = self._query(kind, query)
        if kind == "sort by price":
            searcher.search(made, 20, order_by_field="price", order=tantivy.Order.Asc)
        else:
            found = searcher.search(made, 20)
            if kind == "buyer's query" and found.count < 20:  # type: ignore[attr-defined]  # not in the stubs
                searcher.search(self._words(query.text, half=True), 20)
        if "facets" in kind:
            terms: dict[str, Any] = {name: {"terms": {"field": name, "size": 50}} for name in FACETS[:-1]}
            ranges = [{"to": 10**8}, {"from": 10**8, "to": 10**9}, {"from": 10**9}]
            searcher.aggregate(made, {**terms, "price": {"range": {"field": "price", "ranges": ranges}}})

    def _query(self, kind: str, query: Query) -> tantivy.Query:
        q, must = tantivy.Query, tantivy.Occur.Must
        if kind == "phrase":
            words: list[str | tuple[int, str]] = [*text.bigrams(query.text)]
            phrases = [
                (tantivy.Occur.Should, q.phrase_query(self.schema, f, words)) for f in ("title", "abstract")
            ]
            return q.boolean_query(phrases)
        base = self._words(query.text) if query.text else q.all_query()
        if "facets" not in kind:
            return base
        kept = [
            (must, q.const_score_query(q.term_query(self.schema, f.name, f.any_of[0], "basic"), 0))
            for f in query.filters
        ]
        return q.boolean_query([(must, base), *kept])

    def _words(self, words: str, *, half: bool = False) -> tantivy.Query:
        q, should = tantivy.Query, tantivy.Occur.Should
        each = [
            q.boolean_query([(should, q.term_query(self.schema, f, w)) for f in ("title", "abstract")])
            for w in text.bigrams(words)
        ]
        if half:
            return q.boolean_query(
                [(should, w) for w in each], minimum_number_should_match=(len(each) + 1) // 2
            )
        return q.boolean_query([(tantivy.Occur.Must, w) for w in each])


# -- measuring -------------------------------------------------------------------------------------------------


def timed(ask: Callable[[Query], object], questions: Sequence[Query]) -> tuple[float, float]:
    """p50 and p99 in milliseconds; every question once to warm up, then once measured."""
    for query in questions[: len(questions) // 4]:
        ask(query)
    taken = []
    for query in questions:
        started = time.perf_counter()
        ask(query)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken), sorted(taken)[int(len(taken) * 0.99) - 1]


def line(name: str, *columns: object) -> None:
    """One row of the table."""
    print(f"{name:22}" + "".join(f"{column!s:>18}" for column in columns))


def engines(corpus: Corpus, questions: int) -> dict[str, dict[str, tuple[float, float]]]:
    """The arm and our engines on the same corpus."""
    measured: dict[str, dict[str, tuple[float, float]]] = {}
    asked = corpus.questions(questions)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keep = {"title", "abstract", "price", *FACETS, "ipc"}
        started = time.perf_counter()
        ready = [fields.prepare(document.values) for document in corpus.documents]
        cut = time.perf_counter() - started
        (folder / "raw").mkdir()
        raw = Raw(
            folder / "raw",
            [
                {"id": document.id, **{key: value for key, value in values.items() if key in keep}}
                for document, values in zip(corpus.documents, ready, strict=True)
            ],
        )
        measured["raw"] = {kind: timed(lambda q, k=kind: raw.ask(k, q), asked[kind]) for kind in KINDS}  # type: ignore[misc]  # a lambda cannot be annotated
        ours: list[SearchEngine] = [EmbeddedEngine(folder / "ours", "bench")]
        if url := os.environ.get("TEST_SEARCH_URL"):
            from search.elastic import ElasticEngine

            ours.append(
                ElasticEngine([url], "bench", alias=f"bench-{secrets.token_hex(4)}", replicas=0, timeout=30)
            )
        for engine in ours:
            title = engine.capabilities.name
            started = time.perf_counter()
            engine.rebuild(corpus.documents)
            seconds = time.perf_counter() - started
            count = len(corpus.documents)
            print(f"{title}: indexed {count / seconds:,.0f} documents/s; raw with words cut beforehand "
                  f"{count / raw.seconds:,.0f}; cutting alone {count / cut:,.0f}")  # fmt: skip
            print(
                f"R3  indexing, ours / raw with cutting: {(raw.seconds + cut) / seconds:.2f}   (at least 0.6)"
            )
            measured[title] = {kind: timed(engine.search, asked[kind]) for kind in KINDS}
            freshness(engine, corpus)
            alerts(engine, corpus)
    print()
    line("p50 / p99 ms", *measured, "ours/raw p50", "p99")
    for kind in KINDS:
        pairs = [measured[name][kind] for name in measured]
        shown = [f"{p50:.2f} / {p99:.2f}" for p50, p99 in pairs]
        line(kind, *shown, f"{pairs[1][0] / pairs[0][0]:.2f}", f"{pairs[1][1] / pairs[0][1]:.2f}")
    surcharge = measured["embedded"]["filter + 6 facets"][0] / measured["embedded"]["one word"][0]
    print(f"R5  six facets and two filters / one word, engine alone: {surcharge:.2f}")
    return measured


def freshness(engine: SearchEngine, corpus: Corpus) -> None:
    """R4, the engine's part: from one changed listing to finding it."""
    taken = []
    for n in range(1, 31):
        word = f"新{n}鲜度"
        changed = Document(n, f"LS-{n}", 2, values={**corpus.documents[n - 1].values, "title": word})
        started = time.perf_counter()
        engine.wait_visible(engine.apply([changed]).token)
        assert any(hit.id == n for hit in engine.search(Query(word)).hits)
        taken.append((time.perf_counter() - started) * 1000)
    print(f"R4  one change, written and found: p50 {statistics.median(taken):.0f} ms, worst {max(taken):.0f} ms   "
          "(at most 500)")  # fmt: skip


def alerts(engine: SearchEngine, corpus: Corpus, saved: int = 2_000) -> None:
    """R9: saved searches against fifty new listings."""
    searches = {str(n): Query(corpus.sentence(4)[:4]) for n in range(saved)}
    started = time.perf_counter()
    engine.match_saved(corpus.documents[:50], searches)
    taken = (time.perf_counter() - started) * 1000
    print(f"R9  {saved:,} saved searches over 50 listings: {taken:.0f} ms")


# -- the API over a market in a database -----------------------------------------------------------------------


def fill(app: Flask, how_many: int) -> None:
    """A market of listed rights, written straight into the tables."""
    from exchange.core.db import db, session, transaction
    from exchange.listings.models import Listing, ListingItem, ListingKind, ListingStatus
    from exchange.parties.models import Party, PartyKind, PartyStatus
    from exchange.rights.models import Publication, Right, RightOwner, RightStatus

    corpus = Corpus(how_many, seed=2)
    with app.app_context():
        db.create_all()
        with transaction():
            seller = Party(
                kind=PartyKind.ENTERPRISE, name="单位", status=PartyStatus.VERIFIED, region="350100"
            )
            session.add(seller)
            session.flush()
            for n, document in enumerate(corpus.documents, 1):
                title, abstract = str(document.values["title"]), str(document.values["abstract"])
                right = Right(
                    key=f"CN{n:013d}",
                    kind=str(document.values["kind"]),
                    title=title,
                    ipc=[str(code) for code in document.values["ipc"]],  # type: ignore[union-attr]
                    filed_on=date(2020, 1, 1),
                    status=RightStatus.GRANTED,
                )
                price = document.values["price"]
                listing = Listing(
                    seller_id=seller.id,
                    kind=ListingKind.TRANSFER,
                    title=title,
                    price_fen=price if isinstance(price, int) else None,
                    status=ListingStatus.LISTED,
                    region="350100",
                    published_at=datetime(2026, 1, 1, tzinfo=UTC),
                )
                session.add_all([right, listing])
                session.flush()
                session.add_all(
                    [
                        ListingItem(
                            listing_id=listing.id, right_id=right.id, kind=ListingKind.TRANSFER, live=True
                        ),
                        RightOwner(right_id=right.id, name=f"单位{n % 500}"),
                        Publication(right_id=right.id, number=f"CN{n:09d}", title=title, abstract=abstract),
                    ]
                )


def api(how_many: int, questions: int) -> None:
    """R1, R2, R5: the API's answer with rows read and marked, against the engine under it."""
    import search
    from exchange.app import create_app
    from search import indexer

    with tempfile.TemporaryDirectory() as name:
        app = create_app(
            {"VAR": name, "DATABASE_URL": f"sqlite:///{name}/bench.db", "SEARCH_URL": "", "JOBS": "off"}
        )
        fill(app, how_many)
        asked = Corpus(how_many, seed=2).questions(questions)
        with app.app_context():
            started = time.perf_counter()
            indexer.rebuild()
            seconds = time.perf_counter() - started
            engine = search.current()
        print(
            f"\nmarket of {how_many:,} listings: rebuilt from the database at {how_many / seconds:,.0f} listings/s"
        )
        client = app.test_client()

        def ask(query: Query) -> None:
            values = {"q": query.text, "facets": list(query.facets), "sort": query.sort}
            chosen = {filter_.name: list(filter_.any_of) for filter_ in query.filters}
            answer = client.get("/api/v1/search", query_string={**values, **chosen})
            assert answer.status_code == 200, answer.text

        line("p50 / p99 ms", "engine", "API", "added p50", "p99 ratio")
        shown = {}
        for kind in ("one word", "filter + 6 facets", "sort by price"):
            under, over = timed(engine.search, asked[kind]), timed(ask, asked[kind])
            shown[kind] = over
            line(
                kind,
                f"{under[0]:.2f} / {under[1]:.2f}",
                f"{over[0]:.2f} / {over[1]:.2f}",
                f"{over[0] - under[0]:.2f}",
                f"{over[1] / under[1]:.2f}",
            )
        print("R1  the API adds at most 4 ms over HTTP; here its test client is asked, without a socket")
        print(
            f"R5  API with six facets / without: {shown['filter + 6 facets'][0] / shown['one word'][0]:.2f}   (at most 2)"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listings", type=int, default=20_000)
    parser.add_argument("--market", type=int, default=2_000)
    parser.add_argument("--questions", type=int, default=200)
    asked = parser.parse_args()
    print(f"{asked.listings:,} invented listings, {asked.questions} questions of each kind")
    engines(Corpus(asked.listings), asked.questions)
    api(asked.market, asked.questions)


if __name__ == "__main__":
    main()
