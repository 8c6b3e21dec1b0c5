"""From a query to what an engine runs, and from what it found to a page: the same for every engine.

Here live the relaxing of words, the meaning of filters, the facets that ignore their own filter, and the signed
cursors. An engine brings one function: run one clause with filters, an order, a start and counts.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any as Anything

from exchange.core import clock
from exchange.core.errors import N_, RuleBroken
from search import fields
from search.clauses import Any, Clause, Exists, Not, Range, Term, any_of
from search.engine import (
    MAX_LIMIT,
    RELEVANCE_WINDOW,
    BadCursor,
    Bucket,
    Document,
    Facet,
    Filter,
    Hit,
    Page,
    Query,
    Reading,
)
from search.fields import Band, FacetRule, FilterKind, SortRule
from search.language import Level, understand

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Count:
    """One facet to count: over which filters, and for numbers in which ranges."""

    rule: FacetRule
    filters: tuple[Clause, ...]
    bands: tuple[Band, ...]
    selected: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Run:
    """One question to an engine.

    ``clause`` scores, ``filters`` do not. Hits start after ``after`` (sort value, id) where the order is by a
    field, and after ``offset`` hits where it is by relevance.
    """

    clause: Clause
    filters: tuple[Clause, ...]
    sort: SortRule
    limit: int
    after: tuple[int | None, int] | None = None
    offset: int = 0
    counts: tuple[Count, ...] = ()


@dataclass(frozen=True)
class Found:
    """What an engine answers: hits with their sort values, the total, and counts by facet and key."""

    hits: Sequence[tuple[Hit, int | None]]
    total: int
    exact: bool = True
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def days(day: date) -> int:
    """Days since 1970-01-01, as dates are indexed."""
    return (day - EPOCH).days


def later(day: date, years: int) -> date:
    """The corresponding day ``years`` later, at most the last day that dates know."""
    return date.max if day.year + years > date.max.year else clock.add_years(day, years)


# -- filters ---------------------------------------------------------------------------------------------------


def filter_clause(wanted: Filter, today: date) -> Clause:
    """The clause of one condition. Raises ``RuleBroken`` for a name or value it does not know."""
    rule = fields.FILTERS.get(wanted.name)
    if rule is None:
        raise RuleBroken(
            "search.unknown_filter",
            N_("There is no filter “%(name)s”. Filters are: %(names)s."),
            field=wanted.name,
            name=wanted.name,
            names=", ".join(sorted(fields.FILTERS)),
        )
    if rule.kind in (FilterKind.PRICE, FilterKind.LIFE):
        return _number_clause(rule, wanted, today)
    if wanted.low is not None or wanted.high is not None or wanted.or_missing or not wanted.any_of:
        raise _bad_filter(wanted.name, ", ".join(wanted.any_of))
    return any_of(tuple(_value_clause(rule, value) for value in wanted.any_of))


def _value_clause(rule: fields.FilterRule, value: str) -> Clause:
    if rule.kind is FilterKind.IPC:
        return fields.ipc_clause(value)
    if rule.kind is FilterKind.REGION:
        levels = fields.region_levels(value)
        if not levels:
            raise _bad_filter(rule.name, value)
        return Term(rule.field, levels[-1])
    return Term(rule.field, value)


def _number_clause(rule: fields.FilterRule, wanted: Filter, today: date) -> Clause:
    bands = {band.key: band for band in _bands(rule.name, today)}
    found: list[Clause] = []
    for key in wanted.any_of:
        if key not in bands:
            raise _bad_filter(rule.name, key)
        found.append(_band_range(rule.field, bands[key]))
    low, high = wanted.low, wanted.high
    if low is not None or high is not None:
        if rule.kind is FilterKind.LIFE:
            low = None if low is None else days(later(today, low))
            high = None if high is None else days(later(today, high))
        found.append(Range(rule.field, low, high))
    if wanted.or_missing:
        found.append(Not(Exists(rule.field)))
    if not found:
        raise _bad_filter(rule.name, "")
    return any_of(tuple(found))


def _bands(filter_name: str, today: date) -> tuple[Band, ...]:
    if filter_name == "price":
        return fields.PRICE_BANDS
    at = {
        b: None if b is None else days(later(today, b))
        for band in fields.LIFE_BANDS
        for b in (band.low, band.high)
    }
    return tuple(Band(band.key, at[band.low], at[band.high]) for band in fields.LIFE_BANDS)


def _band_range(name: str, band: Band) -> Range:
    return Range(name, band.low, None if band.high is None else band.high - 1)


def _bad_filter(name: str, value: str) -> RuleBroken:
    return RuleBroken(
        "search.bad_filter",
        N_("The filter “%(name)s” cannot be “%(value)s”."),
        field=name,
        name=name,
        value=value,
    )


def _selected(rule: FacetRule, filters: Sequence[Filter]) -> frozenset[str]:
    """The keys of a facet that are chosen. A chosen code of another level chooses nothing here."""
    chosen: set[str] = set()
    for wanted in filters:
        if wanted.name != rule.filter:
            continue
        kind = fields.FILTERS[rule.filter].kind
        for value in wanted.any_of:
            if kind is FilterKind.IPC:
                level = fields.ipc_code(value)
                chosen.update(
                    [level] if len(level) == {"ipc_section": 1, "ipc_class": 3}.get(rule.name, 4) else []
                )
            elif kind is FilterKind.REGION:
                level = fields.region_levels(value)[-1]
                chosen.update([level] if len(level) == {"province": 2}.get(rule.name, 4) else [])
            else:
                chosen.add(value)
    return frozenset(chosen)


# -- running ---------------------------------------------------------------------------------------------------


class Planner:
    """Runs queries on an engine. ``secret`` signs the cursors; every process of an instance shares it."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"search cursor:" + secret.encode()).digest()

    def search(self, query: Query, run: Callable[[Run], Found]) -> Page:
        """A page of hits. Raises ``RuleBroken`` where the query cannot be read."""
        understood = understand(query.text)
        clauses = _filter_clauses(query)
        digest = _digest(query)
        start = self._read_cursor(query.cursor, digest)
        levels = understood.levels
        sort = _sort(query, levels)
        if start is not None:
            levels = tuple(level for level in levels if _name(level) == start.level) or levels
        plan = Run(
            clause=levels[0].clause,
            filters=tuple(clauses.values()),
            sort=sort,
            limit=min(max(query.limit, 1), MAX_LIMIT) + 1,
            after=start.after if start else None,
            offset=start.offset if start else 0,
            counts=_counts(query, clauses),
        )
        if plan.offset + plan.limit - 1 > RELEVANCE_WINDOW:
            raise BadCursor
        level, found, strict = self._climb_down(levels, plan, run, resuming=start is not None)
        return self._page(plan, level, found, start.strict if start else strict, digest, understood.words)

    def _climb_down(
        self, levels: Sequence[Level], plan: Run, run: Callable[[Run], Found], *, resuming: bool
    ) -> tuple[Level, Found, int]:
        """Relax until a page is full. Orders other than relevance are relaxed only where nothing was found:
        a cheap listing that matches half of the words must not stand before one that matches all.
        """
        enough = plan.limit - 1 if plan.sort.field is None else 1
        strict: int | None = None
        best: tuple[Level, Found] | None = None
        for level in levels:
            found = run(replace(plan, clause=level.clause))
            if level.reading is Reading.NUMBER:
                if found.total or resuming:
                    return level, found, found.total
                continue
            strict = found.total if strict is None else strict
            if best is None or found.total > best[1].total:
                best = level, found
            if resuming or found.total >= enough:
                break
        if best is None:
            raise BadCursor
        return best[0], best[1], strict or 0

    def _page(
        self,
        plan: Run,
        level: Level,
        found: Found,
        strict: int,
        digest: str,
        words: frozenset[str],
    ) -> Page:
        size = plan.limit - 1
        shown = found.hits[:size]
        following: str | None = None
        if len(found.hits) > size:
            last, value = shown[-1]
            end = plan.offset + size
            if plan.sort.field is not None:
                following = self._write_cursor(digest, level, strict, {"k": [value, last.id]})
            elif end + size <= RELEVANCE_WINDOW:
                following = self._write_cursor(digest, level, strict, {"o": end})
        return Page(
            hits=tuple(hit for hit, _ in shown),
            total=found.total,
            exact=found.exact,
            next=following,
            facets={c.rule.name: _facet(c, found.counts[c.rule.name]) for c in plan.counts},
            reading=level.reading,
            matched_percent=level.percent,
            total_strict=strict,
            words=words,
        )

    # -- cursors

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()[:12]

    def _write_cursor(self, digest: str, level: Level, strict: int, place: dict[str, Anything]) -> str:
        told = {"q": digest, "l": _name(level), "s": strict, **place}
        body = json.dumps(told, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(body) + body).decode().rstrip("=")

    def _read_cursor(self, cursor: str | None, digest: str) -> _Start | None:
        if cursor is None:
            return None
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise BadCursor from None
        signature, body = raw[:12], raw[12:]
        if not hmac.compare_digest(signature, self._sign(body)):
            raise BadCursor
        told = json.loads(body)
        if told["q"] != digest:
            raise BadCursor
        after = told.get("k")
        return _Start(
            level=told["l"],
            strict=told["s"],
            after=None if after is None else (after[0], after[1]),
            offset=told.get("o", 0),
        )


@dataclass(frozen=True)
class _Start:
    level: str
    strict: int
    after: tuple[int | None, int] | None
    offset: int


def _name(level: Level) -> str:
    return f"{level.reading.value}{level.percent}"


def _digest(query: Query) -> str:
    """Names a query apart from its page and its day."""
    told = (query.text, sorted(map(repr, query.filters)), query.sort)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def _sort(query: Query, levels: Sequence[Level]) -> SortRule:
    rule = fields.SORTS.get(query.sort)
    if rule is None:
        raise RuleBroken(
            "search.unknown_sort",
            N_("There is no order “%(name)s”. Orders are: %(names)s."),
            field="sort",
            name=query.sort,
            names=", ".join(fields.SORTS),
        )
    if rule.field is None and levels[0].reading is Reading.BROWSE:
        return fields.SORTS[fields.NEWEST]  # without words everything is equally relevant
    return rule


def _filter_clauses(query: Query) -> dict[str, Clause]:
    """One clause per filter name; the same name twice means any of both."""
    found: dict[str, Clause] = {}
    for wanted in query.filters:
        clause = filter_clause(wanted, query.today)
        found[wanted.name] = Any((found[wanted.name], clause)) if wanted.name in found else clause
    return found


def _counts(query: Query, clauses: Mapping[str, Clause]) -> tuple[Count, ...]:
    found: list[Count] = []
    for name in dict.fromkeys(query.facets):
        rule = fields.FACETS.get(name)
        if rule is None:
            raise RuleBroken(
                "search.unknown_facet",
                N_("There is no facet “%(name)s”. Facets are: %(names)s."),
                field="facets",
                name=name,
                names=", ".join(fields.FACETS),
            )
        others = tuple(clause for key, clause in clauses.items() if key != rule.filter)
        bands = _bands(rule.filter, query.today) if rule.bands else ()
        found.append(Count(rule, others, bands, _selected(rule, query.filters)))
    return tuple(found)


def _facet(count: Count, counted: Mapping[str, int]) -> Facet:
    rule, selected = count.rule, count.selected
    if rule.bands:
        keys = [band.key for band in rule.bands]
    else:
        ordered = sorted((key for key, n in counted.items() if n), key=lambda key: (-counted[key], key))
        keys = ordered[: rule.limit]
        keys.extend(sorted(selected - set(keys)))
    return Facet(rule.name, rule.filter, tuple(Bucket(k, counted.get(k, 0), k in selected) for k in keys))


def strict(query: Query) -> tuple[Clause, tuple[Clause, ...]]:
    """What a saved search matches: all its words (or its number), and its filters."""
    asked = tuple(level.clause for level in understand(query.text).levels if level.percent == 100)
    return any_of(asked), tuple(_filter_clauses(query).values())


# -- what engines share ----------------------------------------------------------------------------------------


def bucket(score: float) -> float:
    """Scores that differ less than this are equal: the sum of the same parts in another order is the same."""
    return round(score, 3)


def order_key(sort: SortRule, value: int | None, id_: int) -> tuple[bool, int, int]:
    """Where a document stands in an order by a field: none last, ties by id."""
    number = value or 0
    return value is None, -number if sort.descending else number, id_


def export(planner: Planner, query: Query, run: Callable[[Run], Found]) -> Iterator[Hit]:
    """Every hit of a query once, page after page, by newest where the sort is relevance."""
    if query.sort == fields.RELEVANCE:
        query = replace(query, sort=fields.NEWEST)
    query = replace(query, limit=MAX_LIMIT, facets=(), cursor=None)
    while True:
        page = planner.search(query, run)
        yield from page.hits
        if page.next is None:
            return
        query = replace(query, cursor=page.next)


def similar(
    run: Callable[[Run], Found], clause: Clause, like: Document, filters: Sequence[Filter], limit: int
) -> tuple[Hit, ...]:
    """The best hits of a clause of likeness without the document itself."""
    today = clock.today()
    conditions = tuple(filter_clause(wanted, today) for wanted in filters)
    asked = Run(clause, conditions, fields.SORTS[fields.RELEVANCE], min(limit, MAX_LIMIT) + 1)
    return tuple(hit for hit, _ in run(asked).hits if hit.id != like.id)[:limit]
