"""A file as bytes: opened through gzip where it is gzip, counted while it is read, its encoding found.

Every limit on size is here, so that no reader can forget one. Everything that is wrong with the bytes ends as
``Refused``, never as an exception of a library.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from exchange.core.errors import N_
from exchange.rights.formats.record import Refused

#: The largest file that is opened at all.
MOST_BYTES: Final = 128 * 1024 * 1024
#: The most that may come out of a compressed file.
MOST_UNPACKED: Final = 512 * 1024 * 1024
#: How much more may come out than went in, once there is more than a little.
MOST_RATIO: Final = 100
_LITTLE: Final = 8 * 1024 * 1024
#: The longest line or table row.
LONGEST_LINE: Final = 4 * 1024 * 1024
HEAD: Final = 64 * 1024


def too_large(limit: int) -> Refused:
    """The refusal of a file that is, or unpacks to, more than ``limit`` bytes."""
    return Refused(
        "file.too_large",
        N_("The file holds more than %(limit)s MB. Split it and import the parts."),
        limit=limit // (1024 * 1024),
    )


def damaged(detail: str) -> Refused:
    """The refusal of a file whose bytes contradict its format."""
    return Refused(
        "file.damaged", N_("The file is damaged: %(detail)s. Export it again."), detail=detail[:200]
    )


def truncated(detail: str) -> Refused:
    """The refusal of a file that ends too early."""
    return Refused(
        "file.truncated", N_("The file ends too early: %(detail)s. Download it again."), detail=detail[:200]
    )


class _Counted(io.RawIOBase):
    """A stream that refuses to give more than the limits allow, and turns a broken gzip into a refusal."""

    def __init__(self, stream: BinaryIO, packed: int | None) -> None:
        super().__init__()
        self._stream = stream
        self._packed = packed
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._stream.read(len(buffer))
        except EOFError as error:
            raise truncated(N_("the compressed data break off")) from error
        except (OSError, zlib.error) as error:
            raise damaged(N_("the compressed data cannot be unpacked")) from error
        self._given += len(data)
        if self._packed is not None:
            if self._given > MOST_UNPACKED:
                raise too_large(MOST_UNPACKED)
            if self._given > _LITTLE and self._given > MOST_RATIO * self._packed:
                raise Refused(
                    "file.bomb",
                    N_("The file unpacks to more than %(ratio)s times its size and is not read."),
                    ratio=MOST_RATIO,
                )
        buffer[: len(data)] = data
        return len(data)


class Source:
    """A file on disk. Raises ``Refused`` for one that is empty or too large."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        if self.size == 0:
            raise Refused("file.empty", N_("The file is empty."))
        if self.size > MOST_BYTES:
            raise too_large(MOST_BYTES)
        with path.open("rb") as file:
            self.magic = file.read(8)
        self.packed = self.magic.startswith(b"\x1f\x8b")
        with self.open() as stream:
            self.head = stream.read(HEAD)
        if not self.head.strip(b"\x00 \t\r\n"):
            raise Refused("file.empty", N_("The file is empty."))

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The unpacked bytes."""
        with self.path.open("rb") as file:
            if not self.packed:
                yield io.BufferedReader(_Counted(file, None), 256 * 1024)
                return
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield io.BufferedReader(_Counted(unpacked, self.size), 256 * 1024)  # type: ignore[arg-type]

    @contextmanager
    def text(self, encoding: str) -> Iterator[io.TextIOWrapper]:
        """The unpacked text, line ends as they are. A wrong byte raises ``UnicodeDecodeError``."""
        with self.open() as stream, io.TextIOWrapper(stream, encoding, "strict", newline="") as wrapped:
            yield wrapped

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The physical lines with their numbers. Raises ``Refused`` for one that is absurdly long."""
        with self.open() as stream:
            number = 0
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise line_too_long(number)
                yield number, line

    def whole(self, limit: int) -> bytes:
        """All unpacked bytes, at most ``limit``."""
        with self.open() as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise too_large(limit)
        return data


def line_too_long(number: int) -> Refused:
    """The refusal of a file with an endless line."""
    return Refused(
        "line.too_long",
        N_(
            "Line %(line)s is longer than %(limit)s MB: a quotation mark or a tag is never closed, or this is no table."
        ),
        line=number,
        limit=LONGEST_LINE // (1024 * 1024),
    )


# -- encodings -------------------------------------------------------------------------------------

_THREE_HAN: Final = re.compile(rb"(?:[\xe3-\xe9][\x80-\xbf]{2}){3}")
_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def bom(head: bytes) -> str:
    """The encoding that a byte order mark names, or nothing."""
    return next((name for mark, name in _BOMS if head.startswith(mark)), "")


def encoding_of(pieces: Iterable[tuple[int, bytes]], head: bytes) -> str:
    """The one encoding of all ``pieces`` (line number and bytes): UTF-8, GB18030, or what a mark names.

    Raises ``Refused`` where some lines are Chinese in UTF-8 and others in another encoding, where the last
    character is cut, and where the bytes are no text.
    """
    marked = bom(head)
    if marked == "utf-16":
        return marked
    utf8_line = other_line = 0
    other: list[bytes] = []
    last = b""
    for number, piece in pieces:
        last = piece
        if piece.isascii():
            if b"\x00" in piece:
                raise not_text()
            continue
        try:
            piece.decode()
        except UnicodeDecodeError:
            other_line = other_line or number
            if len(other) < 1000:
                other.append(piece)
            continue
        if not utf8_line and _THREE_HAN.search(piece):
            utf8_line = number
    if not other:
        return marked or "utf-8"
    if other == [last] and _cut_character(last):
        raise truncated(N_("the last character is cut"))
    if utf8_line or marked:
        raise Refused(
            "file.mixed_encodings",
            N_(
                "Line %(utf8)s is written in UTF-8 and line %(other)s in another encoding. "
                "Save the whole file in one encoding."
            ),
            utf8=utf8_line or 1,
            other=other_line,
        )
    try:
        b"".join(other).decode("gb18030")
    except UnicodeDecodeError as error:
        raise not_text() from error
    return "gb18030"


def _cut_character(piece: bytes) -> bool:
    for missing in (1, 2, 3):
        try:
            piece[:-missing].decode()
        except UnicodeDecodeError:
            continue
        return piece[-missing] >= 0xC2
    return False


def not_text() -> Refused:
    """The refusal of bytes that are no text in an encoding known here."""
    return Refused(
        "file.encoding",
        N_("The file is no text in UTF-8, GB18030 or UTF-16. Save it as UTF-8 and send it again."),
    )
