"""A look at an archive before any library opens it: how much it would unpack to, and what is in it.

``check_archive`` reads only the central directory, so it costs the asking process next to nothing and no memory
that the sender chooses. ``check_workbook`` unpacks the parts of a workbook piece by piece and keeps none; it
runs in the reading process.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from exchange.core.errors import N_
from exchange.rights.formats.record import Refused
from exchange.rights.formats.source import damaged, too_large

#: Limits of an archive (ux-reliability.md §1.3).
MOST_ENTRIES: Final = 200
MOST_RATIO: Final = 100
MOST_UNPACKED: Final = 200 * 1024 * 1024
#: Limits of a sheet. A university's whole portfolio fits.
MOST_ROWS: Final = 50_000
MOST_SHEETS: Final = 50

_MOST_DIRECTORY: Final = 256 * 1024
_END: Final = b"PK\x05\x06"
_END_SIZE: Final = 22
_ARCHIVES: Final = (".zip", ".xlsx", ".xlsm", ".xlsb", ".jar", ".docx", ".7z", ".rar", ".gz", ".tar")


def check_archive(path: Path) -> list[str]:
    """The names in a zip file that keeps every limit. Raises ``Refused``.

    The file must begin and end as an archive: nothing before the first entry or behind the directory, no entry
    that overlaps another, none encrypted, none itself an archive.
    """
    _check_directory(path)
    with as_refusals(), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise _too_many()
        if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
            raise too_large(MOST_UNPACKED)
        for entry in entries:
            _check_entry(entry)
        names = [entry.filename for entry in entries]
        if len(set(names)) < len(names):
            raise damaged(N_("two entries of the archive have the same name"))
        _check_places(entries, archive.start_dir)
    return names


def _check_directory(path: Path) -> None:
    """Read the end of the directory by hand: the library would believe its size and load all of it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = max(0, size - _END_SIZE - 0xFFFF)
        file.seek(start)
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise Refused(
            "file.truncated", N_("The file ends too early: the archive has no directory. Download it again.")
        )
    _, _, _, count, total, length, offset, comment = struct.unpack("<4s4H2LH", tail[at : at + _END_SIZE])
    if total > MOST_ENTRIES or count > MOST_ENTRIES or length > _MOST_DIRECTORY:
        raise _too_many()
    if at + _END_SIZE + comment != len(tail) or start + at - length != offset:
        raise Refused(
            "zip.polyglot",
            N_(
                "Other data stand before or behind the archive. Save the file again with the program that made it."
            ),
        )


def _too_many() -> Refused:
    return Refused(
        "zip.too_many",
        N_("The archive holds more than %(most)s entries and is not opened."),
        most=MOST_ENTRIES,
    )


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    if entry.flag_bits & 0x1:
        raise Refused("zip.encrypted", N_("The file is protected by a password. Save it without one."))
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise damaged(N_("an entry of the archive is packed by an unusual method"))
    if entry.file_size > MOST_RATIO * max(entry.compress_size, 1) and entry.file_size > 4096:
        raise Refused(
            "zip.ratio",
            N_("%(name)s unpacks to more than %(ratio)s times its size; the archive is not opened."),
            name=name[:80],
            ratio=MOST_RATIO,
        )
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or "\x00" in name:
        raise damaged(N_("an entry of the archive has a name that leads out of it"))
    if name.lower().endswith(_ARCHIVES):
        raise Refused(
            "zip.nested",
            N_("The archive holds another archive (%(name)s). Send the files themselves."),
            name=name[:80],
        )


def _check_places(entries: list[zipfile.ZipInfo], directory: int) -> None:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise Refused("zip.overlap", N_("Entries of the archive overlap; it is not opened."))
        end = entry.header_offset + 30 + len(entry.filename.encode()) + entry.compress_size
    if end > directory or (entries and min(entry.header_offset for entry in entries) != 0):
        raise Refused("zip.overlap", N_("Entries of the archive overlap; it is not opened."))


@contextmanager
def as_refusals() -> Iterator[None]:
    """Whatever a library raises about a damaged archive becomes ``Refused``."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, OverflowError, UnicodeError) as error:
        raise damaged(N_("it cannot be unpacked")) from error
    except (NotImplementedError, RuntimeError) as error:
        raise damaged(N_("it cannot be unpacked")) from error


# -- workbooks -------------------------------------------------------------------------------------

_MACROS: Final = re.compile(r"vbaProject|macrosheets/|activeX/|\.bin$", re.IGNORECASE)
_HARMLESS_BINARY: Final = re.compile(r"printerSettings/", re.IGNORECASE)
_EXTERNAL: Final = re.compile(r"xl/(externalLinks|connections|queryTables|embeddings)", re.IGNORECASE)
_DOCTYPE: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_DIMENSION: Final = re.compile(rb"<(?:\w+:)?dimension\s+ref=\"(?:[A-Za-z]+\d+:)?([A-Za-z]+)(\d+)\"")
_EXTERNAL_TARGET: Final = re.compile(
    rb"relationships/(?:externalLinkPath|oleObject|attachedTemplate|frame|package)\"[^>]*TargetMode=\"External\""
)
_PIECE: Final = 256 * 1024


def check_workbook(archive: zipfile.ZipFile) -> None:
    """Refuse a workbook with macros, links to the outside, document types, or sheets of too many rows."""
    for name in archive.namelist():
        if _MACROS.search(name) and not _HARMLESS_BINARY.search(name):
            raise Refused("xlsx.macros", N_("The workbook holds macros. Save it as .xlsx without macros."))
        if _EXTERNAL.match(name):
            raise Refused(
                "xlsx.external",
                N_(
                    "The workbook is linked to other files or databases (%(name)s). Paste the values into a new one."
                ),
                name=name,
            )
    for name in archive.namelist():
        if name.lower().endswith((".xml", ".rels", ".vml")):
            _check_part(archive, name)


def _check_part(archive: zipfile.ZipFile, name: str) -> None:
    with archive.open(name) as part:
        tail = b""
        first = True
        while piece := part.read(_PIECE):
            if first:
                if piece[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in piece[:4]:
                    raise damaged(N_("a part is not written in UTF-8"))
                _check_dimension(piece, name)
                first = False
            joined = tail + piece
            if _DOCTYPE.search(joined):
                raise Refused(
                    "xml.doctype",
                    N_("%(name)s holds a document type or entities, which no spreadsheet program writes."),
                    name=name,
                )
            if name.endswith(".rels") and _EXTERNAL_TARGET.search(joined):
                raise Refused(
                    "xlsx.external",
                    N_(
                        "The workbook is linked to other files or databases (%(name)s). Paste the values into a new one."
                    ),
                    name=name,
                )
            tail = joined[-64:] if not name.endswith(".rels") else joined[-4096:]


def _check_dimension(piece: bytes, name: str) -> None:
    match = _DIMENSION.search(piece)
    if match and (len(match.group(2)) > 9 or int(match.group(2)) > MOST_ROWS):
        raise too_many_rows(name, match.group(2).decode())


def too_many_rows(where: str, found: str) -> Refused:
    """The refusal of a sheet that has, or claims, more rows than are read."""
    return Refused(
        "file.too_many_rows",
        N_(
            "%(where)s reaches to row %(found)s; at most %(most)s rows are read. Copy the rows into a new sheet, "
            "or split them."
        ),
        where=where,
        found=found[:20],
        most=MOST_ROWS,
    )
