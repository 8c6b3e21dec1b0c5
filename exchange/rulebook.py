"""The rulebook: every period, fee and threshold as a dated row with its source (``rulebook.csv``; law.md §0 rule 1).

Code asks ``as_of(key, day)``; a changed value is a new row, and what was decided under the old one stays.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from exchange.core import clock


@dataclass(frozen=True)
class Rule:
    """One row. ``value`` is as written; ``verified`` is false where the source is knowledge or the platform's own."""

    key: str
    value: str
    unit: str
    valid_from: date
    valid_to: date | None
    verified: bool
    source: str

    @property
    def number(self) -> int:
        """The value as a whole number. Raises ``ValueError`` for rows that are no number."""
        return int(self.value)

    @property
    def numbers(self) -> list[int]:
        """The values of a row that lists several with ``/``."""
        return [int(part) for part in self.value.split("/")]

    @property
    def fen(self) -> int:
        """A value in CNY as fen. Raises ``ValueError`` for other units."""
        if not self.unit.startswith("CNY"):
            raise ValueError(f"{self.key} is in {self.unit}, not in CNY")
        return int(self.value) * 100


PATH = Path(__file__).with_name("rulebook.csv")


@functools.cache
def rows() -> tuple[Rule, ...]:
    """Every row of the book."""
    with PATH.open(encoding="utf-8", newline="") as file:
        return tuple(
            Rule(
                key=row["key"],
                value=row["value"],
                unit=row["unit"],
                valid_from=date.fromisoformat(row["valid_from"]),
                valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
                verified=row["verified"] == "yes",
                source=row["source"],
            )
            for row in csv.DictReader(file)
        )


@functools.cache
def _find(key: str, day: date) -> Rule:
    for rule in rows():
        if rule.key == key and rule.valid_from <= day and (rule.valid_to is None or day <= rule.valid_to):
            return rule
    raise KeyError(f"no rule {key} on {day}")


def as_of(key: str, day: date | None = None) -> Rule:
    """The rule ``key`` in force on ``day`` (default: today in Beijing). Raises ``KeyError`` where there is none."""
    return _find(key, day or clock.today())
