"""What cannot be read is refused at the door, before any view sees it.

No database keeps the character NUL or half of a surrogate pair, no row has a number of more than 64 bits, and JSON
that nests without end exhausts whoever reads it. A browser sends none of these on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask, abort, request
from werkzeug.routing import IntegerConverter, Map

from exchange.web import security

DEPTH = 32
"""How deep JSON may nest; no command of ours needs more than five levels."""

MOST = 2**63 - 1
"""The largest number a column holds."""


def row_number(text: str) -> int:
    """A whole number that a row can have, for ``request.args.get(name, type=row_number)``. Raises ``ValueError``."""
    found = int(text)
    if not -MOST <= found <= MOST:
        raise ValueError(text[:30])
    return found


class RowNumber(IntegerConverter):
    """``<int:…>`` of an address: what no row can have is no address."""

    def __init__(self, map_: Map, *args: Any, **options: Any) -> None:
        super().__init__(map_, *args, **{"max": MOST, **options})


def _is_text(text: str) -> bool:
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _strings(body: Any) -> Iterator[str]:
    """Every key and text of a body of JSON. Raises ``RecursionError`` where it nests too deeply."""
    waiting = [(body, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEPTH:
            raise RecursionError
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value
            waiting += [(one, depth + 1) for one in value.values()]
        elif isinstance(value, list):
            waiting += [(one, depth + 1) for one in value]


def _sent() -> Iterator[str]:
    yield request.path
    for name, value in request.args.items(multi=True):
        yield from (name, value)
    if request.method in security.SAFE:
        return
    for name, value in request.form.items(multi=True):
        yield from (name or "", value)  # a part of a multipart body may be without a name
    if request.is_json:
        yield from _strings(request.get_json(silent=True))


def check() -> None:
    """Refuse (400 ``request.malformed``) a request with something in it that is no text."""
    try:
        legible = all(_is_text(text) for text in _sent())
    except RecursionError:
        legible = False
    if not legible:
        abort(400)


def init_app(app: Flask) -> None:
    """Check every request of ``app``; before any blueprint is registered."""
    app.url_map.converters["int"] = RowNumber
    app.before_request(check)
