"""The executable specification: an engine over Python sets, for up to some 5,000 documents.

What this engine answers is right by definition; the conformance suite holds the others to it. It keeps everything
in memory and is fast enough for tests and for the alerts of a small market, no more.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from search import fields, likeness, plan
from search.clauses import All, Any, Clause, Exists, Not, Phrase, Prefix, Range, Term
from search.engine import (
    Applied,
    Capabilities,
    Document,
    Filter,
    Health,
    Hit,
    Operation,
    Outcome,
    Page,
    Query,
    Removal,
    Result,
    Suggestion,
)
from search.fields import Kind, Prepared
from search.plan import Found, Planner, Run

K1 = 1.2
B = 0.75
_SCORED = (Kind.WORDS, Kind.STEMS)


class ReferenceEngine:
    """The port over dictionaries."""

    capabilities = Capabilities("reference", multi_writer=False, exact_total_up_to=None)

    def __init__(self, secret: str = "") -> None:
        self._planner = Planner(secret)
        self._watermark = 0
        self._batches = 0
        self._documents: dict[int, Document] = {}
        self._prepared: dict[int, Prepared] = {}
        self._postings: dict[str, dict[str, dict[int, list[int]]]] = defaultdict(lambda: defaultdict(dict))
        self._lengths: dict[str, dict[int, int]] = defaultdict(dict)

    # -- writing

    def apply(self, ops: Sequence[Operation], *, watermark: int | None = None) -> Applied:
        """See the port."""
        results = tuple(self._apply_one(op) for op in ops)
        self._watermark = max(self._watermark, watermark or 0)
        self._batches += 1
        return Applied(str(self._batches), results)

    def _apply_one(self, op: Operation) -> Result:
        held = self._documents.get(op.id)
        if held is not None and held.version >= op.version:
            return Result(op.id, Outcome.STALE)
        try:
            prepared = {} if isinstance(op, Removal) or not op.visible else fields.prepare(op.values)
        except ValueError as error:
            return Result(op.id, Outcome.REJECTED, str(error))
        self._forget(op.id)
        if isinstance(op, Document):
            self._documents[op.id] = op
            self._prepared[op.id] = prepared
            self._learn(op.id, prepared)
        return Result(op.id, Outcome.APPLIED)

    def _learn(self, id_: int, prepared: Prepared) -> None:
        for name, value in prepared.items():
            if fields.BY_NAME[name].kind is Kind.NUMBER:
                continue
            words = value.split() if isinstance(value, str) else value
            assert not isinstance(words, int)
            self._lengths[name][id_] = len(words)
            for position, word in enumerate(words):
                self._postings[name][word].setdefault(id_, []).append(position)

    def _forget(self, id_: int) -> None:
        self._documents.pop(id_, None)
        for name in self._prepared.pop(id_, {}):
            self._lengths[name].pop(id_, None)
            for postings in self._postings[name].values():
                postings.pop(id_, None)

    def wait_visible(self, token: str) -> bool:
        """What is applied is seen at once."""
        return int(token) <= self._batches

    def rebuild(self, documents: Iterable[Document], *, watermark: int = 0) -> int:
        """See the port."""
        fresh = ReferenceEngine()
        for document in documents:
            fresh.apply([document])
        self._documents, self._prepared = fresh._documents, fresh._prepared
        self._postings, self._lengths = fresh._postings, fresh._lengths
        self._watermark = watermark
        return len(self._documents)

    # -- reading

    def search(self, query: Query) -> Page:
        """See the port."""
        return self._planner.search(query, self._run)

    def export(self, query: Query) -> Iterator[Hit]:
        """See the port."""
        return plan.export(self._planner, query, self._run)

    def similar(
        self, like: Document, *, limit: int = 10, filters: tuple[Filter, ...] = ()
    ) -> tuple[Hit, ...]:
        """See the port."""
        clause = likeness.likeness(like, self._frequencies, len(self._visible()))
        return plan.similar(self._run, clause, like, filters, limit)

    def _frequencies(self, words: Sequence[str]) -> Mapping[str, int]:
        return {word: sum(len(self._postings[f].get(word, ())) for f in likeness.FIELDS) for word in words}

    def suggest(self, prefix: str, *, limit: int = 8) -> tuple[Suggestion, ...]:
        """See the port."""
        start = likeness.prefix(prefix)
        found: list[tuple[str, str, int]] = []
        for field in fields.SUGGEST if start else ():
            matching = sorted(
                word for word, ids in self._postings[field.name].items() if word.startswith(start) and ids
            )
            found.extend(
                (field.name, word, len(self._postings[field.name][word]))
                for word in matching[: likeness.SUGGESTION_CANDIDATES]
            )
        return likeness.suggestions(found, limit)

    def match_saved(
        self, documents: Sequence[Document], searches: Mapping[str, Query]
    ) -> dict[str, list[int]]:
        """See the port."""
        batch = ReferenceEngine()
        batch.apply(documents)
        found: dict[str, list[int]] = {}
        for name, query in searches.items():
            clause, filters = plan.strict(query)
            ids = batch._matching(clause, filters)
            if ids:
                found[name] = sorted(ids)
        return found

    def watermark(self) -> int:
        """See the port."""
        return self._watermark

    def versions(self, after: int = 0, limit: int = 10_000) -> list[tuple[int, int, bool]]:
        """See the port."""
        ids = sorted(id_ for id_ in self._documents if id_ > after)[:limit]
        return [(id_, self._documents[id_].version, self._documents[id_].visible) for id_ in ids]

    def health(self) -> Health:
        """Always well."""
        return Health(ok=True, documents=sum(d.visible for d in self._documents.values()))

    # -- interpreting

    def _visible(self) -> set[int]:
        return {id_ for id_, document in self._documents.items() if document.visible}

    def _matching(self, clause: Clause, filters: Sequence[Clause]) -> dict[int, float]:
        scores = self._scores(clause)
        ids = self._visible().intersection(scores)
        for condition in filters:
            ids &= set(self._scores(condition))
        return {id_: scores[id_] for id_ in ids}

    def _run(self, run: Run) -> Found:
        matching = self._matching(run.clause, run.filters)
        hits = [(self._hit(id_), self._number(id_, run.sort.field)) for id_ in matching]
        if run.sort.field is None:
            hits.sort(key=lambda found: (-plan.bucket(matching[found[0].id]), found[0].id))
            hits = hits[run.offset :]
        else:
            hits.sort(key=lambda found: plan.order_key(run.sort, found[1], found[0].id))
            if run.after is not None:
                start = plan.order_key(run.sort, *run.after)
                hits = [found for found in hits if plan.order_key(run.sort, found[1], found[0].id) > start]
        counts = {count.rule.name: self._count(run.clause, count) for count in run.counts}
        return Found(hits[: run.limit], len(matching), counts=counts)

    def _hit(self, id_: int) -> Hit:
        document = self._documents[id_]
        return Hit(id_, document.ref, document.version)

    def _number(self, id_: int, name: str | None) -> int | None:
        value = self._prepared[id_].get(name) if name else None
        return value if isinstance(value, int) else None

    def _count(self, clause: Clause, count: plan.Count) -> dict[str, int]:
        ids = set(self._matching(clause, count.filters))
        if not count.bands:
            postings = self._postings[count.rule.field]
            return {key: len(ids.intersection(of)) for key, of in postings.items()}
        numbers = [value for id_ in ids if (value := self._number(id_, count.rule.field)) is not None]
        return {
            band.key: sum(
                (band.low is None or value >= band.low) and (band.high is None or value < band.high)
                for value in numbers
            )
            for band in count.bands
        }

    def _scores(self, clause: Clause) -> dict[int, float]:
        match clause:
            case Term():
                return self._term(clause)
            case Phrase():
                return self._phrase(clause)
            case Prefix(name, prefix):
                postings = self._postings[name]
                return {id_: 1.0 for word in postings if word.startswith(prefix) for id_ in postings[word]}
            case Range(name, low, high):
                return {
                    id_: 1.0
                    for id_ in self._documents
                    if (value := self._number(id_, name)) is not None
                    and (low is None or value >= low)
                    and (high is None or value <= high)
                }
            case Exists(name):
                return {id_: 1.0 for id_ in self._documents if self._number(id_, name) is not None}
            case Not(inner):
                without = self._scores(inner)
                return {id_: 0.0 for id_ in self._documents if id_ not in without}
            case All(of):
                return self._all(of)
            case Any(of, least):
                return self._any(of, least)

    def _all(self, clauses: Sequence[Clause]) -> dict[int, float]:
        ids = set(self._documents)
        parts = [self._scores(clause) for clause in clauses]
        for part in parts:
            ids &= set(part)
        # Where only exclusions are asked for, what is left scores 1, as every document does.
        base = 0.0 if any(not isinstance(clause, Not) for clause in clauses) else 1.0
        return {id_: base + sum(part[id_] for part in parts) for id_ in ids}

    def _any(self, clauses: Sequence[Clause], least: int) -> dict[int, float]:
        matched: dict[int, int] = defaultdict(int)
        scores: dict[int, float] = defaultdict(float)
        for clause in clauses:
            for id_, score in self._scores(clause).items():
                matched[id_] += 1
                scores[id_] += score
        return {id_: scores[id_] for id_, times in matched.items() if times >= least}

    def _term(self, clause: Term) -> dict[int, float]:
        postings = self._postings[clause.field].get(str(clause.value), {})
        if fields.BY_NAME[clause.field].kind not in _SCORED:
            return dict.fromkeys(postings, clause.boost)
        frequencies = {id_: len(positions) for id_, positions in postings.items()}
        return self._bm25(clause.field, frequencies, self._idf(clause.field, str(clause.value)), clause.boost)

    def _phrase(self, clause: Phrase) -> dict[int, float]:
        postings = [self._postings[clause.field].get(word, {}) for word in clause.words]
        frequencies: dict[int, int] = {}
        for id_ in set(postings[0]).intersection(*postings[1:]):
            starts = set(postings[0][id_])
            for distance, of in enumerate(postings[1:], 1):
                starts &= {position - distance for position in of[id_]}
            if starts:
                frequencies[id_] = len(starts)
        idf = sum(self._idf(clause.field, word) for word in clause.words)
        return self._bm25(clause.field, frequencies, idf, clause.boost)

    def _idf(self, name: str, word: str) -> float:
        total, having = len(self._lengths[name]), len(self._postings[name].get(word, ()))
        return math.log(1 + (total - having + 0.5) / (having + 0.5))

    def _bm25(self, name: str, frequencies: Mapping[int, int], idf: float, boost: float) -> dict[int, float]:
        lengths = self._lengths[name]
        mean = sum(lengths.values()) / len(lengths) if lengths else 1.0
        return {
            id_: boost * idf * (K1 + 1) * tf / (tf + K1 * (1 - B + B * lengths[id_] / mean))
            for id_, tf in frequencies.items()
        }
