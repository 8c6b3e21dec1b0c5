"""Many rows into one table with little ado: each column is prepared once, and the driver gets plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, insert

from exchange.core.db import session


def insert_rows(
    table: Table, rows: Sequence[Mapping[str, Any]], same: Mapping[str, Any] | None = None
) -> None:
    """Insert ``rows`` (all with the names of the first) in the present transaction; ``same`` holds for every row.

    Values pass through the types of their columns, as in any other insert; defaults of the model do not apply.
    Raises ``IntegrityError``.
    """
    if not rows:
        return
    shared = same or {}
    connection = session.connection()
    dialect = connection.dialect
    names = [*rows[0], *shared]
    compiled = insert(table).compile(dialect=dialect, column_keys=names)
    order = list(compiled.positiontup or names) if compiled.positional else names
    columns: list[Sequence[Any]] = []
    for name in order:
        process = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        if name in shared:
            value = shared[name]
            columns.append([process(value) if process is not None else value] * len(rows))
            continue
        values = [row[name] for row in rows]
        columns.append([process(value) for value in values] if process is not None else values)
    plain = zip(*columns, strict=True)
    if compiled.positional:
        connection.exec_driver_sql(compiled.string, list(plain))
    else:
        connection.exec_driver_sql(
            compiled.string, [dict(zip(order, values, strict=True)) for values in plain]
        )
