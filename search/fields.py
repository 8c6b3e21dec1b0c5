"""Every searchable field once, with what it is for; filters, facets and sort orders refer to it by name.

A document brings *values* (``SOURCES``); ``prepare`` turns them into what is indexed, the same for every engine.
The hash of this table is written beside each index, and an index of another hash is built anew.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TypeAlias

from search import text
from search.clauses import Prefix, Term

FOLD = "nfkc+casefold+t2s+bigrams/1"
"""Changes whenever ``text.py`` would cut a text differently than before."""

LONGEST_TEXT = 20_000
"""Signs of one text that are indexed; a claim beyond it is still shown, not found."""

LONGEST_KEYWORD = 500


class Kind(Enum):
    """How a field is indexed."""

    WORDS = "words"  # bigrams and words with positions: scored, phrases
    SIGNS = "signs"  # single Han signs: matched, not scored by frequency
    STEMS = "stems"  # English stems: scored
    KEYWORDS = "keywords"  # whole values, several: matched, counted
    NUMBER = "number"  # one whole number or none: ranges, order


Value: TypeAlias = str | int | Iterable[str] | None
Prepared: TypeAlias = dict[str, str | int | list[str]]


@dataclass(frozen=True)
class Field:
    """A field of the index.

    ``sources`` are the values it is made of, ``derive`` how. ``box`` fields are searched by the plain box; ``boost``
    weighs them (search.md §4: do not weight the title). ``code`` names it in the fielded language.
    """

    name: str
    kind: Kind
    sources: tuple[str, ...]
    derive: Callable[[str], Iterable[str]] | None = None
    box: bool = False
    boost: float = 1.0
    code: str | None = None
    suggest: bool = False


# -- hierarchical codes ----------------------------------------------------------------------------------------

_IPC = re.compile(r"([A-H])(?:(\d{2})(?:([A-Z])(?:(\d{1,4})(?:/(\d{2,6}))?)?)?)?")


def ipc_code(raw: str) -> str:
    """An IPC code in one spelling: ``h01m 4/04 (2006.01)`` is ``H01M4/04``; anything else, upper case."""
    return re.sub(r"\s+", "", re.sub(r"[(\[（].*", "", text.fold(raw))).upper()


@lru_cache(maxsize=100_000)
def ipc_levels(raw: str) -> tuple[str, ...]:
    """A code and everything it lies under: ``H``, ``H01``, ``H01M``, ``H01M4``, ``H01M4/04``.

    A code that is not in the form of the classification is kept as it is: it must not break a search.
    """
    code = ipc_code(raw)
    match = _IPC.fullmatch(code)
    if match is None:
        return (code,) if code else ()
    ends = [match.end(group) for group in range(1, 6) if match.group(group) is not None]
    return tuple(code[:end] for end in ends)


def _ipc_level(level: int) -> Callable[[str], Iterable[str]]:
    return lambda raw: [
        part for i, part in enumerate(ipc_levels(raw)) if i == level and part[0] in "ABCDEFGH"
    ]


def region_levels(raw: str) -> list[str]:
    """A division code and what it lies in: ``350102`` is in ``3501`` and ``35`` (GB/T 2260)."""
    code = raw.strip()
    while len(code) > 2 and code.endswith("00"):
        code = code[:-2]
    return [code[:end] for end in (2, 4, 6) if end <= len(code)] if code.isdigit() else []


def _region_level(length: int) -> Callable[[str], Iterable[str]]:
    return lambda raw: [part for part in region_levels(raw) if len(part) == length]


def suggestion(value: str) -> str:
    """A value under its folded form, so that a prefix finds it in any script and the reader sees the original."""
    shown = " ".join(value.split())[:120]
    return f"{text.fold(shown)}\x1f{shown}"


# -- the table -------------------------------------------------------------------------------------------------

FIELDS: tuple[Field, ...] = (
    Field("title", Kind.WORDS, ("title",), box=True, code="TI"),
    Field("abstract", Kind.WORDS, ("abstract",), box=True, code="AB"),
    Field("claims", Kind.WORDS, ("claims",), box=True, code="CL"),
    Field("title_u", Kind.SIGNS, ("title",), text.unigrams, box=True, boost=2.0),
    Field("abstract_u", Kind.SIGNS, ("abstract",), text.unigrams, box=True),
    Field("title_en", Kind.STEMS, ("title", "title_en"), text.stems, box=True),
    Field("abstract_en", Kind.STEMS, ("abstract", "abstract_en"), text.stems, box=True),
    Field("owners", Kind.WORDS, ("applicant",), box=True, code="PA"),
    Field("inventors", Kind.WORDS, ("inventor",), box=True, code="IN"),
    Field("numbers", Kind.KEYWORDS, ("number",), text.canonical_numbers, code="NO"),
    Field("ipc", Kind.KEYWORDS, ("ipc",), ipc_levels, code="IPC"),
    Field("ipc_section", Kind.KEYWORDS, ("ipc",), _ipc_level(0)),
    Field("ipc_class", Kind.KEYWORDS, ("ipc",), _ipc_level(1)),
    Field("ipc_subclass", Kind.KEYWORDS, ("ipc",), _ipc_level(2)),
    Field("applicant", Kind.KEYWORDS, ("applicant",)),
    Field("region", Kind.KEYWORDS, ("region",), region_levels),
    Field("province", Kind.KEYWORDS, ("region",), _region_level(2)),
    Field("city", Kind.KEYWORDS, ("region",), _region_level(4)),
    Field("kind", Kind.KEYWORDS, ("kind",)),
    Field("listing", Kind.KEYWORDS, ("listing",)),
    Field("deal", Kind.KEYWORDS, ("deal",)),
    Field("status", Kind.KEYWORDS, ("status",)),
    Field("burden", Kind.KEYWORDS, ("burden",)),
    Field("maturity", Kind.KEYWORDS, ("maturity",)),
    Field("seller", Kind.KEYWORDS, ("seller",)),
    Field("price", Kind.NUMBER, ("price",), code="PRICE"),  # fen; none where the price is negotiable
    Field("filed", Kind.NUMBER, ("filed",)),  # days since 1970-01-01
    Field("expires", Kind.NUMBER, ("expires",)),  # days since 1970-01-01
    Field("listed", Kind.NUMBER, ("listed",)),  # seconds since 1970-01-01 UTC
    Field("suggest_title", Kind.KEYWORDS, ("title",), lambda raw: [suggestion(raw)], suggest=True),
    Field("suggest_applicant", Kind.KEYWORDS, ("applicant",), lambda raw: [suggestion(raw)], suggest=True),
)

BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
SOURCES = frozenset(source for field in FIELDS for source in field.sources)
BOX = tuple(field for field in FIELDS if field.box)
SUGGEST = tuple(field for field in FIELDS if field.suggest)


def prepare(values: Mapping[str, Value]) -> Prepared:
    """What is indexed of a document's values. Raises ``ValueError`` for a value that no field knows.

    Text becomes words joined by blanks; keywords become a list without repeats; a missing value is left out.
    """
    unknown = set(values) - SOURCES
    if unknown:
        raise ValueError(f"no field is made of {', '.join(sorted(unknown))}")
    prepared: Prepared = {}
    for field in FIELDS:
        made = _made(field, [values[source] for source in field.sources if values.get(source) is not None])
        if made is not None and made not in ("", []):
            prepared[field.name] = made
    return prepared


def _made(field: Field, given: list[Value]) -> str | int | list[str] | None:
    if field.kind is Kind.NUMBER:
        if any(not isinstance(value, int) for value in given):
            raise ValueError(f"{field.name} must be a whole number")
        return next((value for value in given if isinstance(value, int)), None)
    parts = [part[:LONGEST_TEXT] for value in given for part in _parts(value) if part]
    if field.kind is Kind.WORDS:
        return " ".join(text.with_breaks(text.joined(dict.fromkeys(parts))))
    derive = field.derive or (lambda raw: [raw])
    words = (word for part in parts for word in derive(part))
    if field.kind is Kind.STEMS:
        return " ".join(words)
    unique = dict.fromkeys(word[:LONGEST_KEYWORD] for word in words if word)
    return " ".join(unique) if field.kind is Kind.SIGNS else sorted(unique)


def _parts(value: Value) -> list[str]:
    if isinstance(value, str):
        return [value]
    return list(value) if isinstance(value, Iterable) else []


# -- filters ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Band:
    """A named range of a number: ``low`` included, ``high`` not; ``None`` is open."""

    key: str
    low: int | None
    high: int | None


YUAN = 100
WAN = 10_000 * YUAN

PRICE_BANDS: tuple[Band, ...] = (
    Band("0-5", None, 5 * WAN),
    Band("5-20", 5 * WAN, 20 * WAN),
    Band("20-50", 20 * WAN, 50 * WAN),
    Band("50-100", 50 * WAN, 100 * WAN),
    Band("100-500", 100 * WAN, 500 * WAN),
    Band("500-", 500 * WAN, None),
)
"""Price bands in fen; the keys are in units of 10,000 yuan, as prices are spoken of."""

LIFE_BANDS: tuple[Band, ...] = (Band("10-", 10, None), Band("5-10", 5, 10), Band("0-5", 0, 5))
"""Remaining life in whole years from the day of the query."""


class FilterKind(Enum):
    """How the values of a filter are read."""

    VALUES = "values"
    IPC = "ipc"
    REGION = "region"
    PRICE = "price"
    LIFE = "life"


@dataclass(frozen=True)
class FilterRule:
    """A filter people can set: the field it looks at and how its values are read."""

    name: str
    field: str
    kind: FilterKind = FilterKind.VALUES


FILTERS: Mapping[str, FilterRule] = {
    rule.name: rule
    for rule in (
        FilterRule("kind", "kind"),
        FilterRule("listing", "listing"),
        FilterRule("deal", "deal"),
        FilterRule("ipc", "ipc", FilterKind.IPC),
        FilterRule("price", "price", FilterKind.PRICE),
        FilterRule("status", "status"),
        FilterRule("burden", "burden"),
        FilterRule("region", "region", FilterKind.REGION),
        FilterRule("applicant", "applicant"),
        FilterRule("maturity", "maturity"),
        FilterRule("seller", "seller"),
        FilterRule("life", "expires", FilterKind.LIFE),
    )
}


def ipc_clause(code: str) -> Term | Prefix:
    """Everything under an IPC code; a code that stops inside a level is a prefix of the full codes."""
    code = ipc_code(code)
    match = _IPC.fullmatch(code)
    return Term("ipc", code) if match and not code.endswith("/") else Prefix("ipc", code)


# -- facets and orders -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FacetRule:
    """Something that is counted: the field, the filter that belongs to it, and its bands if it is a number."""

    name: str
    field: str
    filter: str
    limit: int = 20
    bands: tuple[Band, ...] = ()


FACETS: Mapping[str, FacetRule] = {
    rule.name: rule
    for rule in (
        FacetRule("kind", "kind", "kind"),
        FacetRule("listing", "listing", "listing"),
        FacetRule("deal", "deal", "deal"),
        FacetRule("ipc_section", "ipc_section", "ipc"),
        FacetRule("ipc_class", "ipc_class", "ipc", limit=40),
        FacetRule("ipc_subclass", "ipc_subclass", "ipc", limit=40),
        FacetRule("status", "status", "status"),
        FacetRule("burden", "burden", "burden"),
        FacetRule("province", "province", "region", limit=40),
        FacetRule("city", "city", "region", limit=40),
        FacetRule("applicant", "applicant", "applicant"),
        FacetRule("maturity", "maturity", "maturity"),
        FacetRule("price", "price", "price", bands=PRICE_BANDS),
        FacetRule("life", "expires", "life", bands=LIFE_BANDS),
    )
}
"""Counts of a facet ignore its own filter, so that a second value of it can be chosen."""


@dataclass(frozen=True)
class SortRule:
    """An order of hits: by a number field, ties by the older listing; those without a value come last."""

    name: str
    field: str | None
    descending: bool = False


RELEVANCE = "relevance"
NEWEST = "newest"

SORTS: Mapping[str, SortRule] = {
    rule.name: rule
    for rule in (
        SortRule(RELEVANCE, None),
        SortRule(NEWEST, "listed", descending=True),
        SortRule("price", "price"),
        SortRule("price_desc", "price", descending=True),
        SortRule("life", "expires", descending=True),
    )
}


def schema_hash() -> str:
    """Changes with everything that decides what an index holds: fields, derivations, folding."""
    shape = [(f.name, f.kind.value, f.sources) for f in FIELDS]
    orders = [(s.name, s.field, s.descending) for s in SORTS.values()]
    return hashlib.sha256(repr((FOLD, LONGEST_TEXT, shape, orders)).encode()).hexdigest()[:12]
