"""Relevance on real patents (search.md §4): known items are found first, and like stands by like.

A: the six best words of a claim find its record, whose title and abstract are indexed. B: so do the first forty signs
of the claim. C: a title finds other titles of its IPC subclass. D: so does "more like this". The bounds are the gate
of search.md §4; a record of the same title counts as the record.
"""

import gzip
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from search import fields, text
from search.elastic import ElasticEngine
from search.embedded import EmbeddedEngine
from search.engine import Document, Hit, Query, SearchEngine
from search.reference import ReferenceEngine

QUESTIONS = 250
SMALL = 2_500


@dataclass(frozen=True)
class Patents:
    """Real records, the same by title, and how common each word is."""

    rows: Sequence[dict[str, Any]]
    documents: Sequence[Document]
    common: Counter[str]

    def best_words(self, claim: str, how_many: int = 6) -> str:
        """The words of a claim that say the most: tf-idf over the indexed text."""
        counted = Counter(word for word in text.bigrams(claim) if len(word) > 1)
        worth = {w: n * math.log(1 + len(self.rows) / (self.common[w] + 1)) for w, n in counted.items()}
        return " ".join(sorted(worth, key=lambda word: (-worth[word], word))[:how_many])

    def subclasses(self, place: int) -> set[str]:
        """IPC subclasses of a record."""
        return {fields.ipc_code(code)[:4] for code in self.rows[place]["ipc"]}

    def reciprocal_rank(self, hits: Sequence[Hit], place: int) -> float:
        """1 over the place at which the record, or one of its title, stands among the first ten."""
        for rank, hit in enumerate(hits[:10], 1):
            if self.rows[hit.id - 1]["title"] == self.rows[place]["title"]:
                return 1 / rank
        return 0.0

    def coherence(self, hits: Sequence[Hit], place: int) -> float:
        """How many of the first ten others share a subclass with the record."""
        others = (h for h in hits if self.rows[h.id - 1]["title"] != self.rows[place]["title"])
        return sum(bool(self.subclasses(h.id - 1) & self.subclasses(place)) for h in islice(others, 10)) / 10


def read(folder: Path, every: int = 1) -> Patents:
    """The shared file of real patents, or every n-th of it."""
    path = folder / "cn_patents" / "sysu_cnki.jsonl.gz"
    if not path.exists():
        pytest.skip("real files: cn_patents/sysu_cnki.jsonl.gz is not there")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, 0, None, every)]
    common: Counter[str] = Counter()
    documents: list[Document] = []
    for n, row in enumerate(rows, 1):
        common.update({*text.bigrams(row["title"]), *text.bigrams(row["abstract"])})
        values = {"title": row["title"], "abstract": row["abstract"], "ipc": row["ipc"]}
        documents.append(Document(n, f"LS-{n}", 1, values=values))
    return Patents(rows, documents, common)


def places(patents: Patents, wanted: Callable[[dict[str, Any]], bool], how_many: int) -> list[int]:
    """Records to ask for, the same in every run."""
    fit = [n for n, row in enumerate(patents.rows) if wanted(row)]
    return random.Random(20).sample(fit, how_many)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def has_claim(row: dict[str, Any]) -> bool:
    return len(row.get("main_claim") or "") > 40


def by_words(engine: SearchEngine, patents: Patents, how_many: int) -> float:
    """Measure A."""
    asked = places(patents, has_claim, how_many)
    return mean(
        [
            patents.reciprocal_rank(
                engine.search(Query(patents.best_words(patents.rows[n]["main_claim"]), limit=10)).hits, n
            )
            for n in asked
        ]
    )


@pytest.mark.timeout(300)
def test_known_items_are_found_and_like_stands_by_like(real_data: Path, tmp_path: Path) -> None:
    patents = read(real_data)
    assert len(patents.rows) == 27_940
    engine = EmbeddedEngine(tmp_path, "secret")
    engine.rebuild(patents.documents)
    assert by_words(engine, patents, QUESTIONS) >= 0.84

    claims = places(patents, has_claim, QUESTIONS)
    heads = [engine.search(Query(patents.rows[n]["main_claim"][:40], limit=10)).hits for n in claims]
    assert mean([patents.reciprocal_rank(hits, n) for hits, n in zip(heads, claims, strict=True)]) >= 0.97

    classed = places(patents, lambda row: bool(row["ipc"]), QUESTIONS)
    titles = [engine.search(Query(patents.rows[n]["title"], limit=40)).hits for n in classed]
    assert mean([patents.coherence(hits, n) for hits, n in zip(titles, classed, strict=True)]) >= 0.62

    alike = [engine.similar(patents.documents[n], limit=40) for n in classed]
    assert mean([patents.coherence(hits, n) for hits, n in zip(alike, classed, strict=True)]) >= 0.62


@pytest.fixture(scope="module")
def small(real_data: Path) -> Patents:
    """Few enough for the reference engine."""
    return read(real_data, every=27_940 // SMALL)


@pytest.fixture(scope="module")
def specified(small: Patents) -> float:
    """Measure A of the reference engine."""
    engine = ReferenceEngine("secret")
    engine.rebuild(small.documents)
    return by_words(engine, small, 200)


def test_the_embedded_engine_ranks_as_the_reference(small: Patents, specified: float, tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path, "secret")
    engine.rebuild(small.documents)
    assert abs(by_words(engine, small, 200) - specified) <= 0.005


def test_elasticsearch_ranks_as_the_reference(
    small: Patents, specified: float, make_elastic: Callable[[], ElasticEngine]
) -> None:
    engine = make_elastic()
    engine.rebuild(small.documents)
    assert abs(by_words(engine, small, 200) - specified) <= 0.005


def test_without_real_files_an_invented_market_is_ranked() -> None:
    """The same measure on invented records, so that a change of ranking is seen where no real file is at hand."""
    things = ["锂电池", "纳滤膜", "茶叶", "齿轮箱", "传感器", "叶轮", "胶粘剂", "光伏板"]
    acts = ["清洗", "封装", "检测", "干燥", "涂覆", "回收", "装配", "冷却"]
    made: list[Document] = []
    for n, (thing, act) in enumerate(((t, a) for t in things for a in acts), 1):
        others = "、".join(other for other in things if other != thing)
        abstract = (
            f"本发明涉及{thing}的{act}。将{thing}放入{act}机构，{act}后取出，适用于{others}以外的场合。"
        )
        made.append(
            Document(n, f"LS-{n}", 1, values={"title": f"一种{thing}{act}装置", "abstract": abstract})
        )
    engine = ReferenceEngine("secret")
    engine.rebuild(made)
    asked = [f"{act}{thing}用的机构" for thing in things for act in acts]
    found = [engine.search(Query(words, limit=10)).hits for words in asked]
    ranks = [
        next((1 / r for r, h in enumerate(hits, 1) if h.id == n), 0.0) for n, hits in enumerate(found, 1)
    ]
    assert mean(ranks) == 1.0
