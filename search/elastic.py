"""Elasticsearch behind the port: servers 8.14 and later, and 9.x, with client 8.

Only what every such server has without module, plugin or licence: strict mappings, bulk with external versions,
aliases, search with built-in queries and aggregations. Text arrives cut by ``text.py``; the analyser is
``whitespace``. One primary shard, so that counts and scores are exact (search.md §3).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any as Anything

from elasticsearch import ApiError, Elasticsearch, NotFoundError, TransportError
from elasticsearch.helpers import streaming_bulk

from search import fields, likeness, plan
from search.clauses import All, Any, Clause, Exists, Not, Phrase, Prefix, Range, Term
from search.embedded import match_saved
from search.engine import (
    RELEVANCE_WINDOW,
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
    SearchDown,
    Suggestion,
)
from search.fields import Kind
from search.plan import Count, Found, Planner, Run

ALIAS = "rongyi-listings"
BULK_DOCUMENTS = 500
BULK_BYTES = 5_000_000
COUNT_UP_TO = 10_000
_META = 0  # the id of the document that holds the watermark; never visible
_LAST, _FIRST = (1 << 63) - 1, -(1 << 63)  # what the server sorts a missing number as

_VISIBLE = {"term": {"visible": True}}

Json = dict[str, Anything]


def mapping() -> Json:
    """The strict mapping, made of ``fields.FIELDS``."""
    properties: Json = {
        "id": {"type": "long"},
        "version": {"type": "long"},
        "visible": {"type": "boolean"},
        "ref": {"type": "keyword", "index": False, "doc_values": False},
    }
    shapes: dict[Kind, Json] = {
        Kind.WORDS: {"type": "text", "analyzer": "whitespace"},
        Kind.STEMS: {"type": "text", "analyzer": "whitespace", "index_options": "freqs"},
        Kind.SIGNS: {"type": "text", "analyzer": "whitespace", "index_options": "docs", "norms": False},
        Kind.KEYWORDS: {"type": "keyword"},
        Kind.NUMBER: {"type": "long"},
    }
    properties.update({field.name: shapes[field.kind] for field in fields.FIELDS})
    return {
        "dynamic": "strict",
        "_meta": {"schema": fields.schema_hash()},
        "_source": {"includes": ["id", "ref", "version", "visible"]},
        "properties": properties,
    }


class ElasticEngine:
    """The port over an Elasticsearch alias. ``urls`` are the nodes; ``timeout`` is for one try, in seconds."""

    capabilities = Capabilities("elasticsearch", multi_writer=True, exact_total_up_to=COUNT_UP_TO)

    def __init__(
        self, urls: Sequence[str], secret: str, *, alias: str = ALIAS, replicas: int = 1, timeout: float = 2.0
    ) -> None:
        self._planner = Planner(secret)
        self._alias = alias
        self._replicas = replicas
        self._client = Elasticsearch(
            list(urls), request_timeout=timeout, retry_on_timeout=True, max_retries=2
        )
        self._patient = self._client.options(request_timeout=60, max_retries=5, retry_on_timeout=True)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    # -- writing

    def apply(self, ops: Sequence[Operation], *, watermark: int | None = None) -> Applied:
        """See the port."""
        outcomes: list[Result | None] = [None] * len(ops)
        actions: list[tuple[int | None, Json]] = []
        for place, op in enumerate(ops):
            try:
                actions.append((place, _action(op)))
            except ValueError as error:
                outcomes[place] = Result(op.id, Outcome.REJECTED, str(error))
        if watermark is not None:
            actions.append((None, _action(Document(_META, "", watermark, visible=False))))
        with _reach():
            answers = self._bulk(self._alias, (action for _, action in actions), require_alias=True)
            for (at, action), (fine, item) in zip(actions, answers, strict=True):
                result = _outcome(int(action["_id"]), fine, item)
                if at is not None:
                    outcomes[at] = result
        return Applied(self._alias, tuple(result for result in outcomes if result is not None))

    def _bulk(self, index: str, actions: Iterable[Json], **options: Anything) -> Iterable[tuple[bool, Json]]:
        return streaming_bulk(
            self._patient,
            actions,
            index=index,
            chunk_size=BULK_DOCUMENTS,
            max_chunk_bytes=BULK_BYTES,
            raise_on_error=False,
            max_retries=4,
            initial_backoff=0.2,
            max_backoff=5,
            **options,
        )

    def wait_visible(self, token: str) -> bool:
        """Refresh the index."""
        with _reach():
            self._patient.indices.refresh(index=token)
        return True

    def rebuild(self, documents: Iterable[Document], *, watermark: int = 0) -> int:
        """See the port. The index that was used before is kept until the next rebuild."""
        name = f"{self._alias}-{fields.schema_hash()}-{time.time_ns()}"
        with _reach():
            previous = self._indices()
            self._patient.indices.create(
                index=name,
                settings={
                    "index": {
                        "number_of_shards": 1,
                        "number_of_replicas": 0,
                        "refresh_interval": "-1",
                        "max_result_window": RELEVANCE_WINDOW,
                        "gc_deletes": "1h",
                    }
                },
                mappings=mapping(),
            )
            count = 0
            meta = _action(Document(_META, "", watermark, visible=False))
            for fine, item in self._bulk(name, _chain(meta, documents)):
                if not fine:
                    raise SearchDown(str(item))
                count += 1
            self._patient.indices.put_settings(
                index=name,
                settings={"index": {"number_of_replicas": self._replicas, "refresh_interval": "1s"}},
            )
            self._patient.indices.refresh(index=name)
            actions: list[Json] = [{"remove": {"index": old, "alias": self._alias}} for old in previous]
            self._patient.indices.update_aliases(
                actions=[*actions, {"add": {"index": name, "alias": self._alias}}]
            )
            self._forget({name, *previous})
        return count - 1

    def _indices(self) -> list[str]:
        """The indices behind the alias: one, or none before the first build."""
        try:
            return list(self._patient.indices.get_alias(name=self._alias))
        except NotFoundError:
            return []

    def _forget(self, kept: set[str]) -> None:
        for old in self._patient.indices.get(index=f"{self._alias}-*"):
            if old not in kept:
                self._patient.indices.delete(index=old)

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
        documents = self._ask(size=0, query=_VISIBLE, track_total_hits=True)["hits"]["total"]["value"]
        clause = likeness.likeness(like, self._frequencies, documents)
        return plan.similar(self._run, clause, like, filters, limit)

    def _frequencies(self, words: Sequence[str]) -> Mapping[str, int]:
        asked = {f"{name} {word}": {"term": {name: word}} for word in words for name in likeness.FIELDS}
        answer = self._ask(size=0, track_total_hits=False, aggs={"words": {"filters": {"filters": asked}}})
        buckets = answer["aggregations"]["words"]["buckets"]
        return {
            word: sum(buckets[f"{name} {word}"]["doc_count"] for name in likeness.FIELDS) for word in words
        }

    def suggest(self, prefix: str, *, limit: int = 8) -> tuple[Suggestion, ...]:
        """See the port."""
        start = likeness.prefix(prefix)
        if not start:
            return ()
        begins = [{"prefix": {field.name: {"value": start}}} for field in fields.SUGGEST]
        counted = {
            field.name: {
                "terms": {
                    "field": field.name,
                    "include": re.sub(r"([^\w\s])", r"\\\1", start) + ".*",
                    "size": likeness.SUGGESTION_CANDIDATES,
                    "order": {"_key": "asc"},
                }
            }
            for field in fields.SUGGEST
        }
        answer = self._ask(
            size=0,
            track_total_hits=False,
            query={"bool": {"filter": [_VISIBLE], "should": begins, "minimum_should_match": 1}},
            aggs=counted,
        )
        found = [
            (name, bucket["key"], bucket["doc_count"])
            for name, counts in answer["aggregations"].items()
            for bucket in counts["buckets"]
        ]
        return likeness.suggestions(found, limit)

    def match_saved(
        self, documents: Sequence[Document], searches: Mapping[str, Query]
    ) -> dict[str, list[int]]:
        """See the port: the batch is matched in memory, no percolator is needed."""
        return match_saved(documents, searches)

    def watermark(self) -> int:
        """See the port."""
        answer = self._ask(size=1, query={"term": {"id": _META}}, source=["version"])
        return int(next((hit["_source"]["version"] for hit in answer["hits"]["hits"]), 0))

    def versions(self, after: int = 0, limit: int = 10_000) -> list[tuple[int, int, bool]]:
        """See the port."""
        answer = self._ask(
            size=min(limit, RELEVANCE_WINDOW),
            query={"range": {"id": {"gt": max(after, _META)}}},
            sort=[{"id": "asc"}],
            source=["id", "version", "visible"],
            track_total_hits=False,
        )
        sources = [hit["_source"] for hit in answer["hits"]["hits"]]
        return [(source["id"], source["version"], source["visible"]) for source in sources]

    def health(self) -> Health:
        """See the port."""
        try:
            with _reach():
                found = self._client.indices.get_mapping(index=self._alias)
                built = [index["mappings"].get("_meta", {}).get("schema") for index in found.values()]
            if built != [fields.schema_hash()]:
                return Health(ok=False, stale=True, reason="the index has another schema")
            answer = self._ask(size=0, query=_VISIBLE, track_total_hits=True)
            return Health(ok=True, documents=answer["hits"]["total"]["value"])
        except SearchDown as error:
            missing = isinstance(error.__cause__, NotFoundError)
            return Health(ok=False, stale=missing, reason=str(error.params.get("reason", "")))

    def _ask(self, **asked: Anything) -> Json:
        with _reach():
            return dict(self._client.search(index=self._alias, timeout="1500ms", **asked))

    def _run(self, run: Run) -> Found:
        shared = [f for f in run.filters if all(f in count.filters for count in run.counts)]
        apart = [f for f in run.filters if f not in shared]
        asked: Json = {
            "query": _bool(must=[_dsl(run.clause)], silent=[_VISIBLE, *map(_dsl, shared)]),
            "size": min(run.limit, RELEVANCE_WINDOW - run.offset),
            "track_total_hits": COUNT_UP_TO,
            "source": ["id", "ref", "version"],
            "sort": _order(run),
        }
        if apart:
            asked["post_filter"] = _bool(silent=[_dsl(f) for f in apart])
        if run.counts:
            asked["aggs"] = {count.rule.name: _counted(count, shared) for count in run.counts}
        if run.after is not None:
            value, id_ = run.after
            missing = _FIRST if run.sort.descending else _LAST
            asked["search_after"] = [missing if value is None else value, id_]
        elif run.offset:
            asked["from_"] = run.offset
        answer = self._ask(**asked)
        total = answer["hits"]["total"]
        return Found(
            hits=[_hit(hit, run) for hit in answer["hits"]["hits"]],
            total=total["value"],
            exact=total["relation"] == "eq" and not answer["timed_out"],
            counts={
                count.rule.name: _counts(answer["aggregations"][count.rule.name]) for count in run.counts
            },
        )


@contextmanager
def _reach() -> Iterator[None]:
    """Turn what the client raises into ``SearchDown``."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise SearchDown(str(error)) from error


# -- writing ---------------------------------------------------------------------------------------------------


def _chain(first: Json, documents: Iterable[Document]) -> Iterator[Json]:
    yield first
    for document in documents:
        yield _action(document)


def _action(op: Operation) -> Json:
    """One line of a bulk request: what is older than the index loses. Raises ``ValueError``."""
    action: Json = {"_id": str(op.id), "version": op.version, "version_type": "external"}
    if isinstance(op, Removal):
        return {**action, "_op_type": "delete"}
    source: Json = {"id": op.id, "ref": op.ref, "version": op.version, "visible": op.visible}
    if op.visible:
        source.update(fields.prepare(op.values))
    return {**action, "_op_type": "index", "_source": source}


def _outcome(id_: int, fine: bool, item: Json) -> Result:
    answer = next(iter(item.values()))
    status = answer.get("status", 500)
    if fine:
        return Result(id_, Outcome.APPLIED)
    if status == 409:
        return Result(id_, Outcome.STALE)
    reason = str(answer.get("error", answer.get("result", "")))
    if status == 400:
        return Result(id_, Outcome.REJECTED, reason)
    if status == 404 and answer.get("result") == "not_found":
        return Result(id_, Outcome.APPLIED)  # it was not there to be removed
    raise SearchDown(reason)


# -- reading ---------------------------------------------------------------------------------------------------


def _order(run: Run) -> list[Json]:
    if run.sort.field is None:
        return [{"_score": "desc"}, {"id": "asc"}]
    order = "desc" if run.sort.descending else "asc"
    return [{run.sort.field: {"order": order, "missing": "_last"}}, {"id": "asc"}]


def _hit(hit: Json, run: Run) -> tuple[Hit, int | None]:
    source = hit["_source"]
    value = hit["sort"][0] if run.sort.field is not None else None
    return Hit(source["id"], source["ref"], source["version"]), None if value in (_LAST, _FIRST) else value


def _counted(count: Count, shared: Sequence[Clause]) -> Json:
    """The aggregation of one facet, under the filters that the query leaves out for the sake of others."""
    inner: Json
    if count.bands:
        ranges = [
            {"key": band.key}
            | ({} if band.low is None else {"from": band.low})
            | ({} if band.high is None else {"to": band.high})
            for band in count.bands
        ]
        inner = {"values": {"range": {"field": count.rule.field, "ranges": ranges}}}
    else:
        inner = {"values": {"terms": {"field": count.rule.field, "size": count.rule.limit}}}
        if count.selected:
            chosen = sorted(count.selected)
            inner["chosen"] = {"terms": {"field": count.rule.field, "include": chosen, "size": len(chosen)}}
    apart = [_dsl(f) for f in count.filters if f not in shared]
    return {"filter": _bool(silent=apart) if apart else {"match_all": {}}, "aggs": inner}


def _counts(answer: Json) -> dict[str, int]:
    buckets = [*answer["values"]["buckets"], *answer.get("chosen", {}).get("buckets", ())]
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets}


def _bool(*, must: Sequence[Json] = (), silent: Sequence[Json] = (), must_not: Sequence[Json] = ()) -> Json:
    parts = {"must": list(must), "filter": list(silent), "must_not": list(must_not)}
    return {"bool": {name: part for name, part in parts.items() if part}}


def _constant(query: Json, score: float = 1.0) -> Json:
    return {"constant_score": {"filter": query, "boost": score}}


def _dsl(clause: Clause) -> Json:
    """One clause in the server's query language."""
    match clause:
        case Term(name, value, boost):
            if fields.BY_NAME[name].kind in (Kind.WORDS, Kind.STEMS):
                return {"term": {name: {"value": value, "boost": boost}}}
            return _constant({"term": {name: value}}, boost)
        case Phrase(name, words, boost):
            return {"match_phrase": {name: {"query": " ".join(words), "boost": boost}}}
        case Prefix(name, prefix):
            return _constant({"prefix": {name: {"value": prefix}}})
        case Range(name, low, high):
            ends = {"gte": low, "lte": high}
            return _constant(
                {"range": {name: {end: value for end, value in ends.items() if value is not None}}}
            )
        case Exists(name):
            return _constant({"exists": {"field": name}})
        case Not(inner):
            return _bool(must_not=[_dsl(inner)])
        case All(of):
            must = [_dsl(part) for part in of if not isinstance(part, Not)]
            must_not = [_dsl(part.clause) for part in of if isinstance(part, Not)]
            return _bool(must=must or [{"match_all": {}}], must_not=must_not)
        case Any(of, least):
            if len(of) < least:
                return {"match_none": {}}
            return {"bool": {"should": [_dsl(part) for part in of], "minimum_should_match": least}}
