"""CSV and its relatives: commas, semicolons or tabs, UTF-8 or GB18030; a line is a physical line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final

from exchange.core.errors import N_
from exchange.rights.formats import columns
from exchange.rights.formats.record import Mapping, Refused, Row
from exchange.rights.formats.source import Source, encoding_of, line_too_long, not_text
from exchange.rights.formats.table import Line, Table

_DELIMITERS: Final = (",", "\t", ";", "|", "，")
_LONGEST_CELL: Final = 1024 * 1024


def delimiter_of(head: str) -> str:
    """The delimiter with which one of the first lines names the most fields; a comma where none does."""
    best, most = ",", 0
    for line in head.splitlines()[: columns.HEADER_WITHIN]:
        for mark in _DELIMITERS:
            named = sum(1 for cell in line.split(mark) if columns.field_of(cell.strip(' "')))
            if named > most:
                best, most = mark, named
    return best


@contextmanager
def _table(source: Source, today: date | None) -> Iterator[Table]:
    encoding = encoding_of(source.lines(), source.head)
    try:
        with source.text(encoding) as text:
            head = text.read(16 * 1024)
        with source.text(encoding) as text:
            yield Table(_lines(text, delimiter_of(head)), "csv", strict=True, today=today)
    except UnicodeDecodeError as error:
        raise not_text() from error


def _lines(text: io.TextIOWrapper, delimiter: str) -> Iterator[Line]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field larger" in str(error):
                raise line_too_long(start) from error
            if "unexpected end" in str(error):
                raise Refused(
                    "file.truncated",
                    N_("The file ends too early: the quotation mark in line %(line)s is never closed."),
                    line=start,
                ) from error
            raise Refused(
                "csv.quotes",
                N_(
                    "Line %(line)s: a quotation mark stands where none may. Double it, or quote the whole cell."
                ),
                line=reader.line_num,
            ) from error
        if any(cells):
            yield Line(start, [cell.strip() for cell in cells])


def lines(source: Source) -> Iterator[Line]:
    """Every row with its cells, the header among them. Raises ``Refused``."""
    encoding = encoding_of(source.lines(), source.head)
    try:
        with source.text(encoding) as text:
            head = text.read(16 * 1024)
        with source.text(encoding) as text:
            yield from _lines(text, delimiter_of(head))
    except UnicodeDecodeError as error:
        raise not_text() from error


def read(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The rows of a delimited table. Raises ``Refused``."""
    with _table(source, today) as table:
        yield from table.rows()


def mapping(source: Source, *, today: date | None = None) -> Mapping:
    """The columns of a delimited table and its first rows. Raises ``Refused``."""
    with _table(source, today) as table:
        return table.mapping()
