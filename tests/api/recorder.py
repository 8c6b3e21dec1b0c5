"""What a request does to the database: every statement that writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_WRITES = re.compile(
    r"\s*(INSERT INTO|UPDATE|DELETE FROM|CREATE|DROP|ALTER|TRUNCATE)\s+\"?(\w+)", re.IGNORECASE
)


@contextmanager
def writes() -> Iterator[list[str]]:
    """Collect ``INSERT table``, ``UPDATE table`` … of every engine while the block runs."""
    found: list[str] = []

    def look(_conn: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: Any) -> None:
        if written := _WRITES.match(statement):
            found.append(f"{written[1].split()[0].upper()} {written[2]}")

    event.listen(Engine, "before_cursor_execute", look)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", look)
