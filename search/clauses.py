"""What a query is made of when words and filters are understood: a small algebra that every engine interprets.

Seven shapes over the fields of ``fields.py``. A text clause scores by BM25; every other clause that matches scores
its ``boost`` (1 where it has none). ``All`` and ``Any`` add up the scores of the clauses that match.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Term:
    """Documents whose ``field`` holds exactly the word or value."""

    field: str
    value: str | int | bool
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """Documents whose text ``field`` holds the words one after the other; at least two words."""

    field: str
    words: tuple[str, ...]
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Prefix:
    """Documents whose keyword ``field`` has a value that starts with ``prefix``."""

    field: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Range:
    """Documents whose whole-number ``field`` lies between ``low`` and ``high``, both included; ``None`` is open."""

    field: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """Documents that have a value in a whole-number ``field``."""

    field: str


@dataclass(frozen=True, slots=True)
class All:
    """Documents that match every clause; ``All(())`` is every document."""

    of: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Any:
    """Documents that match at least ``least`` of the clauses; ``Any(())`` is no document."""

    of: tuple[Clause, ...] = ()
    least: int = 1


@dataclass(frozen=True, slots=True)
class Not:
    """Documents that do not match the clause; scores nothing by itself."""

    clause: Clause


Clause: TypeAlias = Term | Phrase | Prefix | Range | Exists | All | Any | Not

EVERYTHING = All()
NOTHING = Any()


def any_of(clauses: tuple[Clause, ...]) -> Clause:
    """``Any``, without the wrapping where there is only one clause."""
    return clauses[0] if len(clauses) == 1 else Any(clauses)


def all_of(clauses: tuple[Clause, ...]) -> Clause:
    """``All``, without the wrapping where there is only one clause."""
    return clauses[0] if len(clauses) == 1 else All(clauses)
