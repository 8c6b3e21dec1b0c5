"""The reading process: limits itself, reads one file, writes its rows as lines of JSON to standard output.

Started by ``exchange.rights.sandbox`` and by nobody else. The last line says how it ended; a process that dies
before it wrote that line has died of the file.
"""

from __future__ import annotations

import base64
import gc
import json
import resource
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from exchange.core.errors import N_
from exchange.rights import formats
from exchange.rights.formats import sniffing, workbook
from exchange.rights.formats.notes import notes_from_values
from exchange.rights.formats.record import Refused, as_json, mapping_values, row_values
from exchange.rights.formats.source import Source


def limit(memory: int, seconds: int, file: int = 0) -> None:
    """Take away what a hostile file would want: memory, time, files of more than ``file`` octets, core dumps."""
    if sys.platform != "darwin":  # which knows the limit and does not let it be set
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file, file))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


LONGEST_PART = 64 * 1024 * 1024
"""Octets of a sheet that openpyxl puts aside while it writes a workbook: in the folder of the notes, nowhere else."""
ROWS = 50
"""Rows on one line of the answer."""
WIDEST, LONGEST_CELL = 20, 100
"""Cells of a row, and signs of a cell, in which a list of numbers is looked for."""


def say(*values: Any) -> None:
    """Write one line."""
    sys.stdout.write(as_json(list(values)) + "\n")


PIECE = 192 * 1024
"""Octets of a document on one line of the answer."""


def work(task: str, path: Path, name: str, today: date | None, notes: str = "") -> None:
    """Read the file and write what was asked for; ``notes`` names a file with what a table is to be marked with."""
    key = sniffing.sniff(Source(path)) if name == formats.AUTO else name
    say("format", key)
    if task == "mapping":
        say("mapping", mapping_values(formats.mapping(path, key, today=today)))
    elif task in {"cells", "marked"}:
        give_back(task, path, key, notes)
    elif task == "sheet":
        for cells in workbook.cells(Source(path)):
            say("sheet", [cell[:LONGEST_CELL] for cell in cells[:WIDEST]])
    elif task == "rows":
        some: list[Any] = []
        try:
            for row in formats.read(path, key, today=today):
                some.append(row_values(row))
                if len(some) == ROWS:
                    say("rows", some)
                    some = []
        finally:  # what was read before a refusal counts
            if some:
                say("rows", some)


def give_back(task: str, path: Path, key: str, notes: str) -> None:
    """Write the cells of a table, or the workbook marked with the notes of a file."""
    from exchange.rights.formats import marking  # brings openpyxl, which no import needs

    if task == "cells":
        for line in marking.lines(Source(path), key):
            say("cells", line.line, line.cells)
        return
    told = notes_from_values(json.loads(Path(notes).read_text(encoding="utf-8")))
    made = marking.marked(Source(path), told)
    for at in range(0, len(made), PIECE):
        say("piece", base64.b64encode(made[at : at + PIECE]).decode())


def main(arguments: list[str]) -> int:
    """``TASK PATH FORMAT TODAY MEMORY SECONDS [NOTES]``.

    A task is ``format``, ``mapping``, ``rows``, ``cells`` or ``marked``.
    """
    task, path, name, today, memory, seconds, *notes = arguments
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.setrecursionlimit(2000)
    gc.set_threshold(100_000, 50, 50)  # rows hold no cycles; the collector would look in vain
    limit(int(memory), int(seconds), LONGEST_PART if notes else 0)
    if notes:
        tempfile.tempdir = str(Path(notes[0]).parent)
    try:
        work(task, Path(path), name, date.fromisoformat(today) if today else None, *notes)
        say("end")
    except Refused as refusal:
        say("refused", refusal.code, refusal.message, refusal.params)
    except MemoryError:
        say("refused", "file.memory", N_("The file needs more memory than an import may have. Split it."), {})
    except BrokenPipeError:
        return 1
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
