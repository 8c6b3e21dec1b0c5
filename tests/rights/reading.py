"""What tests of readers say again and again: read this file, give the record, the codes, the refusal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.rights import formats
from exchange.rights.formats.record import Record, Refused, Row

#: Writes bytes under a name that says nothing about them (the fixture ``put``).
Put = Callable[[bytes], Path]


def read(path: Path) -> list[Row]:
    """Every row of a file."""
    return list(formats.read(path))


def record(row: Row) -> Record:
    """The record of a row that must have one."""
    assert row.record is not None, [problem.sentence for problem in row.problems]
    return row.record


def codes(row: Row) -> list[str]:
    """The codes of a row's problems."""
    return [problem.code for problem in row.problems]


def refusal(path: Path, name: str = formats.AUTO) -> Refused:
    """The refusal of a file that must be refused."""
    with pytest.raises(Refused) as refused:
        list(formats.read(path, name))
    assert "%(" not in str(refused.value)
    return refused.value
