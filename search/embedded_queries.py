"""Our schema, documents and clauses as tantivy has them; the engine around it is ``embedded.py``.

tantivy sorts by one field and breaks ties by accident, so every order has a packed key of its own: the value above,
the listing's id below. Values beyond 2^39 (5 billion yuan) tie, and ids end at 2^24.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any as Anything

import tantivy

from search import fields, plan
from search.clauses import All, Any, Clause, Exists, Not, Phrase, Prefix, Range, Term
from search.engine import RELEVANCE_WINDOW, Document, Hit
from search.fields import Kind, SortRule
from search.plan import Count, Found, Run

ID_BITS = 24
VALUE_BITS = 39
_LAST = (1 << VALUE_BITS) - 1
_COUNTED_KEYS = 50_000
_PREFIX_TERMS = 50_000

_MUST, _SHOULD, _MUST_NOT = tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot


def packed(sort: SortRule, value: int | None, id_: int) -> int:
    """The key by which an order sorts, ascending: none last, ties by id."""
    if value is None:
        return _LAST << ID_BITS | id_
    clamped = min(max(value, 0), _LAST - 1)
    return (_LAST - 1 - clamped if sort.descending else clamped) << ID_BITS | id_


_ORDERS = tuple(rule for rule in fields.SORTS.values() if rule.field is not None)


def schema() -> tantivy.Schema:
    """The index's schema, made of ``fields.FIELDS`` and the keys of the orders."""
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", stored=True, indexed=True, fast=True)
    builder.add_integer_field("version", indexed=True, fast=True)
    builder.add_boolean_field("visible", indexed=True, fast=True)
    builder.add_text_field("ref", stored=True, tokenizer_name="raw", index_option="basic")
    for field in fields.FIELDS:
        if field.kind is Kind.NUMBER:
            builder.add_integer_field(field.name, indexed=True, fast=True)
        elif field.kind is Kind.KEYWORDS:
            builder.add_text_field(
                field.name, tokenizer_name="raw", index_option="basic", fast=not field.suggest
            )
        else:
            option = {Kind.WORDS: "position", Kind.STEMS: "freq", Kind.SIGNS: "basic"}[field.kind]
            builder.add_text_field(field.name, tokenizer_name="blanks", index_option=option)
    for order in _ORDERS:
        builder.add_integer_field(f"order_{order.name}", indexed=True, fast=True)
    return builder.build()


def prepared(index: tantivy.Index) -> tantivy.Index:
    """The index with the tokeniser of its text fields, reloading only when told."""
    blanks = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    index.register_tokenizer("blanks", blanks)
    index.config_reader("manual")
    return index


def indexed(document: Document) -> dict[str, Anything]:
    """The document as tantivy takes it. Raises ``ValueError``."""
    if not 0 < document.id < 1 << ID_BITS:
        raise ValueError(f"the embedded index takes ids from 1 to {(1 << ID_BITS) - 1}")
    made: dict[str, Anything] = {
        "id": document.id,
        "version": document.version,
        "visible": document.visible,
        "ref": document.ref,
    }
    if document.visible:
        values = fields.prepare(document.values)
        made.update(values)
        for order in _ORDERS:
            value = values.get(order.field or "")
            made[f"order_{order.name}"] = packed(
                order, value if isinstance(value, int) else None, document.id
            )
    return made


def total(found: tantivy.SearchResult) -> int:
    """How many documents a search matched."""
    return int(found.count)  # type: ignore[attr-defined]  # left out of the package's type stubs


def numbers(searcher: tantivy.Searcher, name: str, addresses: list[tantivy.DocAddress]) -> list[int]:
    """A number that every document has, for each address."""
    return [int(value or 0) for value in searcher.fast_field_values(name, addresses)]


class Interpreter:
    """Clauses as tantivy's query objects, and one run of them."""

    def __init__(self, shape: tantivy.Schema, searcher: tantivy.Searcher) -> None:
        self._schema = shape
        self._searcher = searcher

    def asked(self, clause: Clause, filters: Sequence[Clause]) -> tantivy.Query:
        """The clause that scores, with filters that do not, over visible documents."""
        visible = tantivy.Query.term_query(self._schema, "visible", True)
        silent = [visible, *(self.query(condition) for condition in filters)]
        parts = [(_MUST, self.query(clause))]
        parts.extend((_MUST, tantivy.Query.const_score_query(query, 0.0)) for query in silent)
        return tantivy.Query.boolean_query(parts)

    def run(self, run: Run) -> Found:
        """Hits, total and counts of one question."""
        asked = self.asked(run.clause, run.filters)
        hits, count = self._by_relevance(asked, run) if run.sort.field is None else self._by_field(asked, run)
        return Found(hits, count, counts=self._counts(run))

    def _by_relevance(self, asked: tantivy.Query, run: Run) -> tuple[list[tuple[Hit, int | None]], int]:
        """The page by (score, id): fetched far enough that no tie is cut in two."""
        end = run.offset + run.limit
        fetch = end + 16
        while True:
            found = self._searcher.search(asked, limit=fetch)
            scores = [plan.bucket(score) for score, _ in found.hits]
            if len(scores) < fetch or scores[-1] < scores[end - 1] or fetch > 2 * RELEVANCE_WINDOW:
                break
            fetch *= 4
        addresses = [address for _, address in found.hits]
        ids = numbers(self._searcher, "id", addresses)
        ordered = sorted(zip(scores, ids, addresses, strict=True), key=lambda hit: (-hit[0], hit[1]))
        chosen = [address for _, _, address in ordered[run.offset : end]]
        return [(hit, None) for hit in self._hits(chosen)], total(found)

    def _by_field(self, asked: tantivy.Query, run: Run) -> tuple[list[tuple[Hit, int | None]], int]:
        key = f"order_{run.sort.name}"
        if run.after is None:
            found = self._searcher.search(asked, limit=run.limit, order_by_field=key, order=tantivy.Order.Asc)
            count = total(found)
        else:
            beyond = tantivy.Query.range_query(
                self._schema,
                key,
                tantivy.FieldType.Integer,
                packed(run.sort, *run.after),
                None,
                include_lower=False,
            )
            count = total(self._searcher.search(asked, limit=1))
            found = self._searcher.search(
                tantivy.Query.boolean_query([(_MUST, asked), (_MUST, beyond)]),
                limit=run.limit,
                count=False,
                order_by_field=key,
                order=tantivy.Order.Asc,
            )
        addresses = [address for _, address in found.hits]
        values = self._searcher.fast_field_values(run.sort.field or "", addresses)
        return [
            (hit, None if v is None else int(v)) for hit, v in zip(self._hits(addresses), values, strict=True)
        ], count

    def _hits(self, addresses: list[tantivy.DocAddress]) -> list[Hit]:
        ids = numbers(self._searcher, "id", addresses)
        versions = numbers(self._searcher, "version", addresses)
        refs = [self._searcher.doc(address)["ref"][0] for address in addresses]
        return [Hit(i, str(r), v) for i, r, v in zip(ids, refs, versions, strict=True)]

    # -- counting

    def _counts(self, run: Run) -> dict[str, dict[str, int]]:
        """All facets over the same filters in one pass."""
        together: dict[tuple[Clause, ...], list[Count]] = {}
        for count in run.counts:
            together.setdefault(count.filters, []).append(count)
        counted: dict[str, dict[str, int]] = {}
        for filters, counts in together.items():
            asked = {count.rule.name: _aggregation(count) for count in counts}
            answer = self._searcher.aggregate(self.asked(run.clause, filters), asked)
            for count in counts:
                buckets = answer[count.rule.name]["buckets"]
                counted[count.rule.name] = {b["key"]: int(b["doc_count"]) for b in buckets}
        return counted

    # -- clauses

    def query(self, clause: Clause) -> tantivy.Query:
        """One clause as tantivy has it."""
        match clause:
            case Term(name, value, boost):
                return self._term(name, value, boost)
            case Phrase(name, words, boost):
                return _boosted(tantivy.Query.phrase_query(self._schema, name, list(words)), boost)
            case Prefix(name, prefix):
                terms = self._searcher.terms_with_prefix(name, prefix, None, _PREFIX_TERMS)
                found = [word for word, _ in terms]
                return _constant(tantivy.Query.term_set_query(self._schema, name, found) if found else None)
            case Range(name, low, high):
                return _constant(
                    tantivy.Query.range_query(self._schema, name, tantivy.FieldType.Integer, low, high)
                    if low is not None or high is not None
                    else tantivy.Query.exists_query(name)
                )
            case Exists(name):
                return _constant(tantivy.Query.exists_query(name))
            case Not(inner):
                return tantivy.Query.boolean_query(
                    [
                        (_MUST, _constant(tantivy.Query.all_query(), 0.0)),
                        (_MUST_NOT, self.query(inner)),
                    ]
                )
            case All(of):
                return self._all(of)
            case Any(of, least):
                return self._any(of, least)

    def _term(self, name: str, value: str | int | bool, boost: float) -> tantivy.Query:
        kind = fields.BY_NAME[name].kind
        if kind in (Kind.WORDS, Kind.STEMS):
            return _boosted(tantivy.Query.term_query(self._schema, name, value, "freq"), boost)
        return _constant(tantivy.Query.term_query(self._schema, name, value, "basic"), boost)

    def _all(self, clauses: Sequence[Clause]) -> tantivy.Query:
        parts = [
            (_MUST_NOT, self.query(clause.clause)) if isinstance(clause, Not) else (_MUST, self.query(clause))
            for clause in clauses
        ]
        if all(occur is _MUST_NOT for occur, _ in parts):
            parts.append((_MUST, _constant(tantivy.Query.all_query())))
        return tantivy.Query.boolean_query(parts)

    def _any(self, clauses: Sequence[Clause], least: int) -> tantivy.Query:
        if len(clauses) < least:
            return tantivy.Query.empty_query()
        parts = [(_SHOULD, self.query(clause)) for clause in clauses]
        if least == 1:
            return tantivy.Query.boolean_query(parts)
        return tantivy.Query.boolean_query(parts, minimum_number_should_match=least)


def _aggregation(count: Count) -> dict[str, Anything]:
    if not count.bands:
        return {"terms": {"field": count.rule.field, "size": _COUNTED_KEYS}}
    ranges = []
    for band in sorted(count.bands, key=lambda band: (band.low is not None, band.low or 0)):
        ends = {"from": band.low, "to": band.high}
        ranges.append({"key": band.key} | {name: end for name, end in ends.items() if end is not None})
    return {"range": {"field": count.rule.field, "ranges": ranges}}


def _boosted(query: tantivy.Query, boost: float) -> tantivy.Query:
    return query if boost == 1.0 else tantivy.Query.boost_query(query, boost)


def _constant(query: tantivy.Query | None, score: float = 1.0) -> tantivy.Query:
    return tantivy.Query.empty_query() if query is None else tantivy.Query.const_score_query(query, score)
