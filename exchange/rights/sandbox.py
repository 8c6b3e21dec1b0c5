"""Strangers' files, read in a process of their own that has little memory, little time and nothing to write to.

The asking process looks at the size and, for an archive, at its directory; it never opens the content. The
reading process (``python -m exchange.rights.formats``) writes rows as lines of JSON and is read at the pace of
the caller. Whatever happens to it, a refusal with a reason comes back and the asking process lives on.

``rows`` streams. A caller that must not keep half a file (an import) takes ``spool``, which reads to the end
first and holds the rows in a temporary file, so that a refusal always comes before the first row.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any, Final

from exchange.core.errors import N_
from exchange.rights.formats.notes import Notes
from exchange.rights.formats.prescan import check_archive
from exchange.rights.formats.record import Mapping, Refused, Row, mapping_from_values, row_from_values
from exchange.rights.formats.source import MOST_BYTES, damaged, too_large

__all__ = [
    "AUTO",
    "Limits",
    "Refused",
    "Spooled",
    "cells",
    "mapping",
    "marked",
    "rows",
    "sniff",
    "spool",
    "stream",
]

AUTO: Final = "auto"
_ROOT: Final = Path(__file__).resolve().parents[2]
_PIECE: Final = 256 * 1024
_WAITING: Final = 128
"""Pieces that may wait for the caller: 8 MB where a pipe holds 64 kB."""
_LONGEST_ANSWER: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the reading process may use: bytes of address space, seconds of processor, seconds without a sign of
    life, seconds of waiting for it in all, and bytes of answers.
    """

    memory: int = 512 * 1024 * 1024
    processor: int = 20
    silence: float = 20
    waiting: float = 90
    answers: int = 1024 * 1024 * 1024


LIMITS: Final = Limits()


def _check(path: Path) -> None:
    """What the asking process itself looks at: the size, and the directory of an archive."""
    size = path.stat().st_size
    if size == 0:
        raise Refused("file.empty", N_("The file is empty."))
    if size > MOST_BYTES:
        raise too_large(MOST_BYTES)
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(b"PK"):
        check_archive(path)


class _Process:
    """The reading process and its answers, line by line."""

    def __init__(
        self, task: str, path: Path, name: str, today: date | None, limits: Limits, *more: str
    ) -> None:
        self._limits = limits
        self._waited = 0.0
        self._received = 0
        self._ready: queue.Queue[bytes] = queue.Queue(_WAITING)
        self._closed = threading.Event()
        self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module, no shell)
            [
                sys.executable,
                "-s",
                "-B",
                "-m",
                "exchange.rights.formats",
                task,
                str(path.resolve()),
                name,
                today.isoformat() if today else "",
                str(limits.memory),
                str(limits.processor),
                *more,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            # Nothing of this process's environment (keys, addresses) goes along.
            env={
                "LC_ALL": "C.UTF-8",
                "PYTHONUTF8": "1",
                **{name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
            },
            start_new_session=True,
        )

    def close(self) -> None:
        """End the process, whatever it does."""
        self._closed.set()
        if self._process.poll() is None:
            self._process.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()

    def answers(self) -> Iterator[list[Any]]:
        """The lines as they come. Raises ``Refused`` where the process refused, died, or fell silent."""
        ended = False
        for line in self._lines():
            answer = self._answer(line)
            match answer:
                case ["end"]:
                    ended = True
                case ["refused", str(code), str(message), dict(params)]:
                    raise Refused(code, message, **params)
                case _:
                    yield answer
        if not ended:
            raise self._died()

    def _answer(self, line: bytes) -> list[Any]:
        try:
            found = json.loads(line)
        except ValueError as error:
            raise self._died() from error
        if not isinstance(found, list) or not found:
            raise self._died()
        return found

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for piece in self._pieces():
            rest += piece
            *lines, rest = rest.split(b"\n")
            yield from lines
            if len(rest) > _LONGEST_ANSWER:
                raise too_large(_LONGEST_ANSWER)
        if rest:
            yield rest

    def _pieces(self) -> Iterator[bytes]:
        """What the process writes. Only time spent waiting for it counts, not the time the caller takes.

        A thread empties the pipe, so that the process reads on while the caller works; a few pieces may wait.
        """
        threading.Thread(target=self._empty, name="sandbox-pipe", daemon=True).start()
        while True:
            began = time.monotonic()
            try:
                piece = self._ready.get(timeout=self._limits.silence)
            except queue.Empty:
                raise self._too_slow() from None
            self._waited += time.monotonic() - began
            if self._waited > self._limits.waiting:
                raise self._too_slow()
            if not piece:
                return
            self._received += len(piece)
            if self._received > self._limits.answers:
                raise too_large(self._limits.answers)
            yield piece

    def _empty(self) -> None:
        """Move what stands in the pipe to the waiting pieces, until the process ends or nobody listens."""
        pipe = self._process.stdout
        piece = b"-"
        while pipe is not None and piece and not self._closed.is_set():
            try:
                piece = os.read(pipe.fileno(), _PIECE)
            except (OSError, ValueError):  # closed meanwhile
                return
            while not self._closed.is_set():
                try:
                    self._ready.put(piece, timeout=0.1)
                    break
                except queue.Full:
                    continue

    def _too_slow(self) -> Refused:
        return Refused(
            "file.too_slow",
            N_("Reading the file took longer than an import may take. Split it, or save it again as .csv."),
        )

    def _died(self) -> Refused:
        """The reason of a process that ended without saying so."""
        try:
            code = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return self._too_slow()
        if -code in {signal.SIGXCPU, signal.SIGKILL}:
            return self._too_slow()
        return damaged(N_("the reader did not survive it"))


@contextmanager
def _asked(
    task: str, path: Path, name: str, today: date | None, limits: Limits, *more: str
) -> Iterator[tuple[str, Iterator[list[Any]]]]:
    """A running process, the format it found, and its further answers."""
    _check(path)
    process = _Process(task, path, name, today, limits, *more)
    try:
        answers = process.answers()
        match next(answers, None):
            case ["format", str(key)]:
                yield key, answers
            case _:
                raise damaged(N_("the reader said nothing"))
    finally:
        process.close()


def sniff(path: Path, *, limits: Limits = LIMITS) -> str:
    """The key of the format that the content has (``formats.FORMATS``). Raises ``Refused`` with the reason."""
    with _asked("format", path, AUTO, None, limits) as (key, answers):
        for _ in answers:
            break
        return key


def mapping(path: Path, format: str = AUTO, *, today: date | None = None, limits: Limits = LIMITS) -> Mapping:  # noqa: A002  (the option's name)
    """How the file is understood: columns, fields, the first rows. Raises ``Refused``."""
    with _asked("mapping", path, format, today, limits) as (_, answers):
        for answer in answers:
            match answer:
                case ["mapping", list(values)]:
                    return mapping_from_values(values)
        raise damaged(N_("the reader said nothing"))


def sheet(path: Path, *, limits: Limits = LIMITS) -> Iterator[list[str]]:
    """The cells of a workbook's first sheet, row by row, with or without a header. Raises ``Refused``."""
    with _asked("sheet", path, "xlsx", None, limits) as (_, answers):
        for answer in answers:
            match answer:
                case ["sheet", list(found)]:
                    yield [str(cell) for cell in found]


def rows(
    path: Path,
    format: str = AUTO,  # noqa: A002  (the option's name)
    *,
    today: date | None = None,
    limits: Limits = LIMITS,
) -> Iterator[Row]:
    """The rows of the file, read at the caller's pace and in constant memory.

    Raises ``Refused``, possibly after rows: where the file breaks off. Closing the generator ends the process.
    """
    with stream(path, format, today=today, limits=limits) as (_, found):
        yield from found


@contextmanager
def stream(
    path: Path,
    format: str = AUTO,  # noqa: A002  (the option's name)
    *,
    today: date | None = None,
    limits: Limits = LIMITS,
) -> Iterator[tuple[str, Iterator[Row]]]:
    """The format that was found, and the rows while they are read; they end, or break off, as those of ``rows`` do."""
    with _asked("rows", path, format, today, limits) as (key, answers):
        yield key, (row_from_values(one) for answer in answers if answer[0] == "rows" for one in answer[1])


def cells(path: Path, format: str = AUTO, *, limits: Limits = LIMITS) -> Iterator[tuple[int, list[str]]]:  # noqa: A002  (the option's name)
    """The rows of a table as they stand in the file: the line of each and its cells. Raises ``Refused``."""
    with _asked("cells", path, format, None, limits) as (_, answers):
        for answer in answers:
            match answer:
                case ["cells", int(line), list(found)]:
                    yield line, [str(one) for one in found]


HEAVY: Final = Limits(memory=1024 * 1024 * 1024, processor=25, silence=30, waiting=40)
"""For a workbook that is held in memory as a whole."""


def marked(path: Path, notes: Notes, *, limits: Limits = HEAVY) -> bytes:
    """The workbook itself with ``notes`` in a column of their own. Raises ``Refused`` where that is too much for it."""
    with tempfile.TemporaryDirectory(prefix="rongyi-") as folder:  # the only place it may write to
        told = Path(folder) / "notes.json"
        told.write_text(json.dumps(notes.as_values(), ensure_ascii=False), encoding="utf-8")
        with _asked("marked", path, AUTO, None, limits, str(told)) as (_, answers):
            return b"".join(base64.b64decode(str(answer[1])) for answer in answers if answer[0] == "piece")


class Spooled:
    """A file that was read to its end: its format, how many rows it has, and the rows as often as wanted."""

    def __init__(self, key: str, file: IO[bytes], count: int) -> None:
        self.format = key
        self.count = count
        """Rows of data (``Row.counts``), remarks about the file not among them."""
        self._file = file

    def __iter__(self) -> Iterator[Row]:
        return self.since(0)

    def since(self, done: int) -> Iterator[Row]:
        """The rows after the first ``done`` (remarks counted), for a run that goes on where one broke off."""
        self._file.seek(0)
        for at, line in enumerate(self._file):
            if at >= done:
                yield row_from_values(json.loads(line))


@contextmanager
def spool(
    path: Path,
    format: str = AUTO,  # noqa: A002  (the option's name)
    *,
    today: date | None = None,
    limits: Limits = LIMITS,
) -> Iterator[Spooled]:
    """The file read to its end, or ``Refused``: then no row of it was seen.

    The rows lie in a temporary file, which is gone after the block.
    """
    with tempfile.TemporaryFile() as file:
        count = 0
        with _asked("rows", path, format, today, limits) as (key, answers):
            for answer in answers:
                match answer:
                    case ["rows", list(some)]:
                        for values in some:
                            file.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
                            count += bool(row_from_values(values).counts)
        yield Spooled(key, file, count)
