"""What a file is, by its content: names and endings lie (CNKI's .xls is HTML, two of the EPO's .xml are JSON)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from exchange.core.errors import N_
from exchange.rights.formats import (
    assignments,
    cnipa,
    columns,
    epo,
    jsonlines,
    trees,
    workbook,
)
from exchange.rights.formats.prescan import as_refusals, check_archive
from exchange.rights.formats.record import Refused
from exchange.rights.formats.source import Source, bom, damaged

#: First bytes of files that are no lists of rights, and what to do instead.
_FOREIGN: Final = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "file.old_excel",
        N_("This is an old binary Excel file (.xls), or one protected by a password. Save it as .xlsx and send that."),
    ),
    (b"%PDF", "file.pdf", N_("This is a PDF. Send the table or the data it was made from.")),
    (b"\x89PNG", "file.picture", N_("This is a picture. Send the table it shows.")),
    (b"GIF8", "file.picture", N_("This is a picture. Send the table it shows.")),
    (b"\xff\xd8\xff", "file.picture", N_("This is a picture. Send the table it shows.")),
    (b"7z\xbc\xaf", "file.packed", N_("This is a packed archive. Unpack it and send the files themselves.")),
    (b"Rar!", "file.packed", N_("This is a packed archive. Unpack it and send the files themselves.")),
    (b"{\\rtf", "file.word", N_("This is a text document. Send a table (.xlsx or .csv).")),
    (b"MZ", "file.program", N_("This is a program, not a list of rights.")),
    (b"\x7fELF", "file.program", N_("This is a program, not a list of rights.")),
    (b"MIME-Version:", "file.web_archive", N_("This is a saved web page. Save it as .xlsx and send that.")),
)  # fmt: skip

_ROOTS: Final = {
    "world-patent-data": "ops-xml",
    "exchange-documents": "ops-xml",
    "exchange-document": "ops-xml",
    "us-patent-grant": "uspto-xml",
    "us-patent-application": "uspto-xml",
    "patent-application-publication": "uspto-xml",
    "PATDOC": "uspto-sgml",
    "response": "us-assignment-xml",
    "PatentDocumentAndRelated": "cnipa-xml",
    "PatentDocumentAndRelatedBag": "cnipa-xml",
    "cn-patent-document": "cnipa-xml",
    "PRS": "cnipa-xml",
    "PRSRecord": "cnipa-xml",
    "ClaimsDocument": "st96-xml",
    "SpecificationDocument": "st96-xml",
    "AbstractDocument": "st96-xml",
    "html": "html",
    "table": "html",
    "meta": "html",
    "style": "html",
}  # fmt: skip
_PROLOGUE: Final = re.compile(
    r"\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE\s[^\[>]*(?:\[.*?\]\s*)?>)", re.DOTALL | re.IGNORECASE
)
_ELEMENT: Final = re.compile(r"\s*<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_ANNOUNCEMENT: Final = re.compile(r"\s*#?\s*法律状态公告日\s*[:：]")


def unknown(detail: str) -> Refused:
    """The refusal of a file whose content is of no kind known here."""
    return Refused(
        "format.unknown",
        N_(
            "The content of the file is of no kind that can be read here (%(detail)s). See the list of formats."
        ),
        detail=detail[:120],
    )


def sniff(source: Source) -> str:
    """The key in ``FORMATS`` of what the file holds. Raises ``Refused`` with the reason."""
    head = source.head
    for magic, code, message in _FOREIGN:
        if head.startswith(magic):
            raise Refused(code, message)
    if source.magic.startswith(b"PK"):
        return _archive(source)
    if source.packed and head.startswith((b"\x1f\x8b", b"PK")):
        raise Refused("zip.nested", N_("The file was packed twice. Unpack it once and send it again."))
    marked = bom(head)
    text = head.decode(marked or "utf-8", "replace").lstrip("\ufeff")
    if not marked and b"\x00" in head:
        raise unknown(N_("binary data"))
    start = text.lstrip()
    if start.startswith("<"):
        return _markup(text)
    if start.startswith(("{", "[")):
        return _json(source)
    if not marked and _ANNOUNCEMENT.match(head.decode("gb18030", "replace")):
        return "status-text"
    return "status-text" if _ANNOUNCEMENT.match(text) else "csv"


def _archive(source: Source) -> str:
    names = check_archive(source.path)
    if "xl/workbook.xml" in names:
        return _workbook(source)
    if any(name.startswith("word/") for name in names):
        raise Refused("file.word", N_("This is a text document. Send a table (.xlsx or .csv)."))
    if "content.xml" in names and "mimetype" in names:
        raise Refused(
            "file.opendocument", N_("This is an OpenDocument file. Save it as .xlsx and send that.")
        )
    if "xl/workbook.bin" in names:
        raise Refused("file.xlsb", N_("This is a binary workbook (.xlsb). Save it as .xlsx and send that."))
    if any(name.lower().endswith(".xml") for name in names):
        with as_refusals(), zipfile.ZipFile(source.path) as archive:
            name = min(name for name in names if name.lower().endswith(".xml"))
            with archive.open(name) as part:
                root = _root(part.read(8192).decode("utf-8", "replace"))
        if _ROOTS.get(root) == "st96-xml":
            return "st96-zip"
    raise unknown(N_("an archive without a workbook or documents of claims"))


def _workbook(source: Source) -> str:
    flavour = columns.flavour(workbook.headers(source))
    return f"{flavour}-xlsx" if flavour else "xlsx"


def _root(text: str) -> str:
    at = 0
    while match := _PROLOGUE.match(text, at):
        at = match.end()
    element = _ELEMENT.match(text, at)
    return element.group(1) if element else ""


def _markup(text: str) -> str:
    root = _root(text)
    key = _ROOTS.get(root) or _ROOTS.get(root.lower(), "")
    if key:
        return "cnki-html" if key == "html" and "SrcDatabase-来源库" in text else key
    if "<table" in text[:20_000].lower():
        return "html"
    if root == "Workbook":
        raise Refused(
            "file.xml_excel", N_("This is an Excel file in XML (2003). Save it as .xlsx and send that.")
        )
    raise unknown(f"<{root}>" if root else N_("markup without a root"))


def _json(source: Source) -> str:
    lines = [line for line in source.head.split(b"\n")[:-1] if line.strip()] or [source.head]
    for line in lines[:20]:
        try:
            found = jsonlines.load(line.removeprefix(b"\xef\xbb\xbf"), _encoding(line))
        except (jsonlines.Bad, UnicodeDecodeError):
            continue
        if len(lines) == 1 and _only_line(source):
            alone = _object_key(found)
            if alone or not (jsonlines.known(found) or assignments.is_conveyance(found)):
                return alone or _document_key(found)
        return _line_key(found)
    if source.head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and lines[0].rstrip().endswith(b"}"):
        return "jsonl"
    return _document_key(trees.json_document(source))


def _encoding(line: bytes) -> str:
    try:
        line.decode()
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _only_line(source: Source) -> bool:
    return sum(1 for number, line in source.lines() if number <= 2 and line.strip()) == 1


def _object_key(found: Mapping[str, Any]) -> str:
    """The kind of document that one object is, or nothing for a plain record."""
    if any(key.endswith("world-patent-data") for key in found):
        return "ops-json"
    if isinstance(found.get("documents"), list) or isinstance(found.get("document_id"), Mapping):
        return "ops-json"
    if cnipa.is_inquiry(found):
        return "cnipa-json"
    return "cnipr-json" if cnipa.is_record(found) else ""


def _line_key(found: dict[str, Any]) -> str:
    if assignments.is_conveyance(found):
        return "us-assignment-jsonl"
    if jsonlines.is_event(found):
        return "events-jsonl"
    if jsonlines.known(found):
        return "jsonl"
    if jsonlines.records_of(found):
        return "json"
    raise _no_fields(found)


def _no_fields(found: Mapping[str, Any]) -> Refused:
    fields = {columns.field_of(key) for key in map(str, found) if len(key) <= 60}
    return columns.missing_headers(
        map(str, found), 1, number=fields.isdisjoint(columns.NUMBER_FIELDS), title="title" not in fields
    )


def _document_key(found: Any) -> str:
    if isinstance(found, Mapping):
        key = _object_key(found)
        if key:
            return key
    if jsonlines.records_of(found):
        return "json"
    if isinstance(found, list):
        raise damaged(N_("the JSON list holds no objects"))
    if not isinstance(found, Mapping):
        raise unknown(N_("JSON without an object"))
    if isinstance(found.get("results"), list):
        raise epo.nothing_here()
    raise _no_fields(found)
