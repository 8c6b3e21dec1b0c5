"""What is to be said of the rows of a table that is given back to who sent it: plain values, for both processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

WIDTH: Final = 60
"""Width of the column of remarks."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be said of one row: the words, whether they tell an error, and the headers of the cells concerned."""

    text: str
    error: bool = True
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notes:
    """What is to be said of a table, in the reader's language: the new column's header, and a note by row."""

    head: str
    rows: Mapping[int, Note] = field(default_factory=dict)

    def as_values(self) -> dict[str, Any]:
        """Plain values, for the way to the reading process."""
        return {
            "head": self.head,
            "rows": {
                str(line): [note.text, note.error, list(note.columns)] for line, note in self.rows.items()
            },
        }


def notes_from_values(values: Mapping[str, Any]) -> Notes:
    """The notes that ``as_values`` wrote."""
    rows = {
        int(line): Note(str(text), bool(error), tuple(columns))
        for line, (text, error, columns) in values["rows"].items()
    }
    return Notes(str(values["head"]), rows)


def is_table(key: str) -> bool:
    """Whether files of this format are tables that can be given back."""
    return key in {"csv", "html", "cnki-html"} or key.endswith("xlsx")
