"""Stored documents: the bytes by SHA-256 in a folder, the facts in a row.

The same bytes are kept once. A document belongs to a ``subject`` (a reference); who may read it is decided by the
room of that subject, never here.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import puremagic
from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from exchange.core import clock
from exchange.core.config import settings
from exchange.core.db import Base, Referenced, failpoint, session
from exchange.core.errors import N_, NotFound, RuleBroken

MAX_BYTES = 30 * 1024 * 1024

TYPES: dict[str, tuple[str, ...]] = {
    ".pdf": ("application/pdf",),
    ".png": ("image/png",),
    ".jpg": ("image/jpeg",),
    ".jpeg": ("image/jpeg",),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/zip"),
    ".docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip"),
    ".html": ("text/html",),
    ".txt": ("text/plain",),
    ".eml": ("message/rfc822", "text/plain"),
}
"""What may be kept, by ending, with the types its first bytes may show. Others are refused."""

_MAGIC = {
    ".pdf": (b"%PDF-",),
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".xlsx": (b"PK\x03\x04",),
    ".docx": (b"PK\x03\x04",),
}


class Document(Referenced, Base):
    """A file that somebody gave or the exchange made."""

    __tablename__ = "document"
    REF = "DC"

    sha256: Mapped[str] = mapped_column(String(64), index=True)
    filename: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(128))
    size: Mapped[int] = mapped_column(BigInteger)
    subject_ref: Mapped[str] = mapped_column(String(16), index=True)
    purpose: Mapped[str] = mapped_column(String(32), default="")
    uploaded_by: Mapped[str | None] = mapped_column(String(16))
    party_ref: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


def clean_name(filename: str) -> str:
    """A harmless name for showing and downloading: no path, no control or direction marks, at most 200 bytes."""
    name = unicodedata.normalize("NFC", filename).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C").strip(" .")
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if dot else (name, "")
    while len((stem + ending).encode()) > 200:
        stem = stem[:-1]
    return stem + ending or "document"


def store(
    actor_ref: str | None,
    data: bytes,
    filename: str,
    *,
    subject: str,
    purpose: str = "",
    party_ref: str | None = None,
    made_here: bool = False,
) -> Document:
    """Keep ``data`` and return its row (in the present transaction).

    Raises ``RuleBroken``: ``file.empty``, ``file.too_large``, ``file.type`` (ending not allowed, or the content
    does not fit it).
    """
    name = clean_name(filename)
    ending = re.sub(r"^.*(\.[^.]+)$", r"\1", name).lower()
    if not data:
        raise RuleBroken("file.empty", N_("The file is empty. Choose the file again."), field="file")
    if len(data) > MAX_BYTES:
        raise RuleBroken(
            "file.too_large",
            N_("The file has more than %(limit)s MB. Make it smaller or split it."),
            field="file",
            limit=MAX_BYTES // 1024 // 1024,
        )
    if ending not in TYPES or (not made_here and not _fits(data, ending)):
        raise RuleBroken(
            "file.type",
            N_("Files of this kind are not accepted. Send one of: %(types)s."),
            field="file",
            types=", ".join(sorted(TYPES)),
        )
    digest = hashlib.sha256(data).hexdigest()
    _keep(digest, data)
    document = Document(
        sha256=digest,
        filename=name,
        media_type=TYPES[ending][0],
        size=len(data),
        subject_ref=subject,
        purpose=purpose,
        uploaded_by=actor_ref,
        party_ref=party_ref,
    )
    session.add(document)
    session.flush()
    return document


def _fits(data: bytes, ending: str) -> bool:
    if ending in _MAGIC:
        return data.startswith(_MAGIC[ending])
    try:
        guess = puremagic.from_string(data[:4096])
    except (puremagic.PureError, ValueError):
        guess = ""
    if guess in (".exe", ".elf", ".zip", ".pdf", ".png", ".jpg"):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x00" not in data


def folder() -> Path:
    """Where the bytes lie."""
    return Path(unquote(urlsplit(settings().files_url).path))


def _path(digest: str) -> Path:
    return folder() / digest[:2] / digest


def _keep(digest: str, data: bytes) -> None:
    path = _path(digest)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{digest}.{os.getpid()}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    failpoint("file written")
    fresh.replace(path)


def read(document: Document) -> bytes:
    """The bytes of ``document``, checked against its hash. Raises ``NotFound`` where they are gone or changed."""
    try:
        data = _path(document.sha256).read_bytes()
    except FileNotFoundError:
        data = b""
    if hashlib.sha256(data).hexdigest() != document.sha256:
        raise NotFound(
            "file.lost",
            N_("The stored file is missing or was changed. Tell the operator the reference %(ref)s."),
            ref=document.ref,
        )
    return data
