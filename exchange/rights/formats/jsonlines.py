"""JSON lines: one record to a physical line, its keys understood as the headers of a table are.

A line with ``code`` and ``date`` beside a number is a legal event instead of a record; a line that is a whole
answer of a register is read as that register's answer.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from exchange.core.errors import N_
from exchange.rights.formats import cnipa, columns, legal, values
from exchange.rights.formats.assemble import Draft, fill
from exchange.rights.formats.record import Column, Mapping, Problem, Refused, Row
from exchange.rights.formats.source import Source, bom, not_text
from exchange.rights.formats.table import PREVIEW
from exchange.rights.formats.trees import as_text

_MOST_KEYS: Final = 120


class Bad(ValueError):
    """A line that is no JSON object."""


def load(line: bytes, encoding: str = "utf-8") -> dict[str, Any]:
    """The object on a line. Raises ``Bad``, or ``UnicodeDecodeError`` for a wrong byte."""
    text = line.decode(encoding)
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise Bad(str(error)[:120]) from error
    if not isinstance(found, dict):
        raise Bad(f"{type(found).__name__}")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
"""One for all lines: `json.loads` with an option makes a new one for each."""


@functools.cache
def _field(key: str) -> str:
    return columns.field_of(key) if len(key) <= 60 else ""


def _row(number: int, found: dict[str, Any], today: date | None) -> Row:
    cells: dict[str, str] = {}
    extra: dict[str, str] = {}
    headers: dict[str, str] = {}
    for key, content in found.items():
        text = content if isinstance(content, str) else as_text(content)
        field = _field(key)
        if field and field not in cells:
            cells[field], headers[field] = text, key
        elif text and len(extra) < _MOST_KEYS:
            extra[key] = text
    return fill(Draft(number, headers, today=today), cells, extra)


def is_event(found: dict[str, Any]) -> bool:
    """Whether an object is a legal event: a code and a date, and no title."""
    return "code" in found and ("date" in found or "effective_on" in found) and "title" not in found


def row_of(number: int, found: dict[str, Any], today: date | None = None) -> Row:
    """The row of one object."""
    if is_event(found):
        return _event_row(number, found, today)
    if cnipa.is_record(found):
        return cnipa.read_record(found, today, number)
    if cnipa.is_inquiry(found):
        return cnipa.read_inquiry(found, today, number)
    return _row(number, found, today)


def records_of(found: Any, depth: int = 3) -> list[dict[str, Any]]:
    """The objects of a JSON document that are records or events: itself, a list, or the list inside its wrapping."""
    if isinstance(found, list):
        some = [one for one in found if isinstance(one, dict)]
        return some if some and known(some[0]) else []
    if not isinstance(found, dict):
        return []
    if known(found):
        return [found]
    inside = (records_of(one, depth - 1) for one in found.values() if depth and isinstance(one, dict | list))
    return next((records for records in inside if records), [])


def known(found: dict[str, Any]) -> bool:
    """Whether an object says something about a right."""
    answers = cnipa.is_record(found) or cnipa.is_inquiry(found) or is_event(found)
    return answers or columns.looks_like_header(list(found))


def _event_row(number: int, found: dict[str, Any], today: date | None) -> Row:
    draft = Draft(number, today=today)
    named = {key: as_text(content) for key, content in found.items()}
    text = named.pop("number", "") or named.pop("app_no", "") or named.pop("pub_no", "")
    read = draft.number("number", text)
    if read is None and not draft.failed():
        draft.error("number", "number.missing", N_("The event names no number of a right."))
    if read is not None:
        legal.place(draft.record, read)
    legal.add_named(draft, named)
    return draft.row()


def _error(number: int, code: str, message: str, **params: Any) -> Row:
    return Row(number, None, [Problem(number, "", code, "error", message, params)])


def read(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The lines of a file. Raises ``Refused`` where it mixes encodings or breaks off."""
    encoding = bom(source.head) or _encoding(source.head)
    if encoding == "utf-16":
        raise not_text()
    found_any = False
    for number, line in source.lines():
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        found_any = True
        try:
            found = load(line, "gb18030" if encoding == "gb18030" else "utf-8")
        except UnicodeDecodeError as error:
            raise Refused(
                "file.mixed_encodings",
                N_(
                    "Line %(other)s is not written in the encoding of the lines before it. Save the file in UTF-8."
                ),
                other=number,
            ) from error
        except Bad as error:
            yield _error(
                number,
                "json.bad",
                N_("The line is no JSON object: %(detail)s."),
                detail=values.clean(str(error)),
            )
            continue
        yield row_of(number, found, today)
    if not found_any:
        raise Refused("file.empty", N_("The file is empty."))


def _encoding(head: bytes) -> str:
    """UTF-8 where the complete lines of the head are UTF-8, else GB18030."""
    complete = head[: head.rfind(b"\n") + 1] or head
    for name in ("utf-8", "gb18030"):
        try:
            complete.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    return "utf-8"


def mapping(source: Source, *, today: date | None = None) -> Mapping:
    """The keys of the first object, the fields they were taken for, and the first rows."""
    preview: list[Row] = []
    for row in read(source, today=today):
        preview.append(row)
        if len(preview) >= PREVIEW:
            break
    keys: list[str] = []
    for _, line in source.lines():
        if line.strip():
            try:
                keys = list(load(line.removeprefix(b"\xef\xbb\xbf")))[:_MOST_KEYS]
            except ValueError:
                continue
            break
    found = [Column(at, "", key, _field(key)) for at, key in enumerate(keys)]
    return Mapping(
        "jsonl",
        found,
        columns.missing_fields(found),
        [column.header for column in found if not column.field],
        0,
        preview,
    )
