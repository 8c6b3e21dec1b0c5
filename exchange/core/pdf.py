"""Documents as PDF/A-2a and PDF/UA-1, set by Typst from a form and data.

What people wrote goes in as data and never as markup. The standards make a missing glyph an error, so every sign that
no font at hand has is written by its number first (``〔U+20BB7〕``): the document says what it cannot show, and a rare
name never stops it.
"""

from __future__ import annotations

import functools
import json
import struct
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typst

from exchange.core.config import settings

STANDARDS: Final[list[Any]] = ["a-2a", "ua-1"]
_ENDINGS: Final = {".ttf", ".otf", ".ttc", ".otc"}


class NoFont(Exception):
    """There is no font to set a document in; the text names the folders that were looked at."""


def typeset(form: str, data: Mapping[str, Any], *, fonts: Sequence[Path]) -> bytes:
    """The document that ``form`` (Typst, written by us) makes of ``data``; the form reads ``sys.inputs.data``.

    ``fonts`` are folders; those of the setting ``FONTS`` are added. Every text in ``data`` is made printable, texts
    whose key begins with ``svg`` stay as they are. Raises ``NoFont``.
    """
    folders = [*fonts, *settings().fonts]
    shapes = shapes_of(folders)
    if not shapes:
        raise NoFont(", ".join(str(folder) for folder in folders))
    book = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(folder) for folder in folders],
    )
    made = typst.compile(
        form.encode(),
        font_paths=book,
        format="pdf",
        pdf_standards=STANDARDS,
        sys_inputs={"data": json.dumps(_printable(data, shapes), ensure_ascii=False)},
    )
    if not isinstance(made, bytes):
        raise TypeError("a PDF is one file")
    return made


def _printable(value: Any, shapes: frozenset[int]) -> Any:
    if isinstance(value, str):
        return printable(value, shapes)
    if isinstance(value, Mapping):
        return {key: one if key.startswith("svg") else _printable(one, shapes) for key, one in value.items()}
    if isinstance(value, Sequence):
        return [_printable(one, shapes) for one in value]
    return value


# -- signs and their shapes -----------------------------------------------------------------------

_DRAWN_BY_OTHERS: Final = frozenset({"Cc", "Cf", "Cs"})
_BLANKS: Final = {"\n": "\n", "\t": " ", "\u2028": "\n", "\u2029": "\n"}


def printable(text: str, shapes: frozenset[int]) -> str:
    """``text`` in signs that have a shape; each of the others as ``〔U+1F600〕``.

    Marks of control and direction and variation selectors are left out: they only say how another sign is drawn.
    """
    return "".join(_signs(unicodedata.normalize("NFC", text), shapes))


def _signs(text: str, shapes: frozenset[int]) -> Iterator[str]:
    for sign in text:
        point, category = ord(sign), unicodedata.category(sign)
        if sign in _BLANKS:
            yield _BLANKS[sign]
        elif category in _DRAWN_BY_OTHERS or 0xFE00 <= point <= 0xFE0F or 0xE0100 <= point <= 0xE01EF:
            continue
        elif point in shapes:
            yield sign
        else:
            yield " " if category == "Zs" else _by_number(point)


def _by_number(point: int) -> str:
    return f"〔U+{point:04X}〕"


def shapes_of(folders: Iterable[Path]) -> frozenset[int]:
    """The code points that some font of ``folders`` has a shape for."""
    found: frozenset[int] = frozenset()
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix.lower() in _ENDINGS:
                found |= _shapes(path, path.stat().st_mtime_ns)
    return found


@functools.lru_cache(maxsize=32)
def _shapes(path: Path, _changed: int) -> frozenset[int]:
    """The code points of a font file, or of a collection of fonts (OpenType, table ``cmap``)."""
    data = path.read_bytes()
    if data[:4] == b"ttcf":
        (count,) = struct.unpack_from(">I", data, 8)
        starts = struct.unpack_from(f">{count}I", data, 12)
    else:
        starts = (0,)
    return frozenset(point for start in starts for point in _of_font(data, start))


def _of_font(data: bytes, start: int) -> Iterator[int]:
    (tables,) = struct.unpack_from(">H", data, start + 4)
    for at in range(start + 12, start + 12 + 16 * tables, 16):
        tag, _sum, offset, _length = struct.unpack_from(">4sIII", data, at)
        if tag == b"cmap":
            (parts,) = struct.unpack_from(">H", data, offset + 2)
            for part in range(parts):
                platform, _encoding, inner = struct.unpack_from(">HHI", data, offset + 4 + 8 * part)
                if platform in {0, 3}:
                    yield from _of_table(data, offset + inner)


def _of_table(data: bytes, at: int) -> Iterator[int]:
    (kind,) = struct.unpack_from(">H", data, at)
    if kind == 12:
        (groups,) = struct.unpack_from(">I", data, at + 12)
        for group in range(groups):
            first, last, glyph = struct.unpack_from(">III", data, at + 16 + 12 * group)
            yield from range(first + (glyph == 0), last + 1)
    elif kind == 4:
        yield from _of_segments(data, at)


def _of_segments(data: bytes, at: int) -> Iterator[int]:
    (double,) = struct.unpack_from(">H", data, at + 6)
    count = double // 2
    ends = struct.unpack_from(f">{count}H", data, at + 14)
    starts = struct.unpack_from(f">{count}H", data, at + 16 + double)
    deltas = struct.unpack_from(f">{count}H", data, at + 16 + 2 * double)
    ranges = at + 16 + 3 * double
    for index, (first, last, delta) in enumerate(zip(starts, ends, deltas, strict=True)):
        (shift,) = struct.unpack_from(">H", data, ranges + 2 * index)
        for point in range(first, min(last, 0xFFFE) + 1):
            if not shift:
                glyph = (point + delta) & 0xFFFF
            else:
                (glyph,) = struct.unpack_from(">H", data, ranges + 2 * index + shift + 2 * (point - first))
            if glyph:
                yield point
