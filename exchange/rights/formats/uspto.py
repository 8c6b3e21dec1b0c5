"""American gazettes: grants and applications in XML, older grants in SGML, and file contents in ST.96 style.

A line is the ordinal of the document in the file. Owners are the assignees where there are any: before 2012 the
applicants of an American patent are its inventors.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from typing import Final
from xml.etree.ElementTree import Element

from exchange.core.errors import N_
from exchange.rights.formats import trees, values
from exchange.rights.formats.assemble import Draft, fill
from exchange.rights.formats.prescan import as_refusals, check_archive
from exchange.rights.formats.record import Refused, Row
from exchange.rights.formats.source import Source, encoding_of, too_large
from exchange.rights.formats.trees import anywhere, each, first, text, within

_SOURCE: Final = "USPTO"
_MOST_PART: Final = 16 * 1024 * 1024


# -- grants and applications in XML ----------------------------------------------------------------


def _person(element: Element) -> str:
    """An organisation's name, or family name first as the gazette sorts them."""
    organisation = anywhere(element, "orgname") or anywhere(element, "organization-name")
    if organisation:
        return organisation
    last = anywhere(element, "last-name") or anywhere(element, "family-name")
    given = anywhere(element, "first-name") or anywhere(element, "given-name")
    return ", ".join(part for part in (last, given) if part)


def _people(root: Element, *names: str) -> str:
    found = [_person(element) for name in names for element in within(root, name)]
    return "\n".join(name for name in found if name)


def _symbols(root: Element) -> str:
    found: list[str] = []
    for symbol in within(root, "classification-ipcr"):
        parts = [first(symbol, name) for name in ("section", "class", "subclass", "main-group", "subgroup")]
        if all(parts):
            found.append("{}{}{}{}/{}".format(*parts))
    for group in [*within(root, "classification-ipc"), *within(root, "classification-locarno")]:
        found += [
            first(group, "main-classification"),
            *(text(e) for e in each(group, "further-classification")),
        ]
    found += [text(element) for element in within(root, "ipc")]
    return "\n".join(symbol for symbol in found if symbol)


def _biblio(line: int, root: Element, today: date | None) -> Row:
    head = next(
        (
            e
            for name in ("us-bibliographic-data-grant", "us-bibliographic-data-application")
            for e in each(root, name)
        ),
        root,
    )
    publication = next(each(head, "publication-reference", "document-id"), None)
    application = next(each(head, "application-reference", "document-id"), None)
    kind_of = next((e.get("appl-type", "") for e in each(head, "application-reference")), "")
    cells = {
        "source": _SOURCE,
        "pub_no": _number(publication),
        "pub_date": first(publication, "date") if publication is not None else "",
        "app_no": _number(application, kind=False),
        "filed_on": first(application, "date") if application is not None else "",
        "title": first(head, "invention-title"),
        "abstract": first(root, "abstract"),
        "main_claim": _first_claim(root),
        "ipc": _symbols(head),
        "inventors": _people(head, "inventor")
        or "\n".join(
            _person(e) for e in within(head, "applicant") if e.get("app-type", "").endswith("inventor")
        ),
        "applicants": _people(head, "assignee") or _people(head, "us-applicant", "applicant"),
        "agency": next((_person(agent) for agent in within(head, "agent")), ""),
    }
    extra = {"appl_type": kind_of, "term_extension_days": anywhere(head, "us-term-extension")}
    return fill(Draft(line, today=today), cells, extra, title="warning")


def _number(document: Element | None, *, kind: bool = True) -> str:
    if document is None:
        return ""
    country, digits = first(document, "country") or "US", first(document, "doc-number")
    return f"{country}{digits}{first(document, 'kind') if kind else ''}" if digits else ""


def _first_claim(root: Element) -> str:
    claims = list(within(root, "claim"))
    claim = next((claim for claim in claims if claim.get("num", "").lstrip("0") == "1"), None)
    return text(claim if claim is not None else next(iter(claims), None))


def _old_application(line: int, root: Element, today: date | None) -> Row:
    """An application published from 2001 to 2004 (``patent-application-publication``)."""
    head = next(each(root, "subdoc-bibliographic-information"), root)
    publication = next(each(head, "document-id"), None)
    domestic = next(each(head, "domestic-filing-data"), head)
    cells = {
        "source": _SOURCE,
        "pub_no": f"US{first(publication, 'doc-number')}{first(publication, 'kind-code')}" if publication is not None else "",
        "pub_date": first(publication, "document-date") if publication is not None else "",
        "app_no": f"US{first(domestic, 'application-number', 'doc-number')}",
        "filed_on": first(domestic, "filing-date"),
        "title": anywhere(head, "title-of-invention"),
        "abstract": first(root, "subdoc-abstract"),
        "main_claim": _first_claim(root),
        "ipc": "\n".join(text(e) for e in within(head, "classification-ipc-primary")),
        "inventors": "\n".join(_person(e) for group in ("first-named-inventor", "inventor") for e in within(head, group)),
        "applicants": _people(head, "assignee"),
    }  # fmt: skip
    return fill(Draft(line, today=today), cells, {}, title="warning")


def read_xml(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The documents of a gazette in XML. Raises ``Refused``."""
    for line, data in enumerate(trees.documents(source), 1):
        root = trees.xml(data)
        reader = _old_application if trees.local(root) == "patent-application-publication" else _biblio
        yield reader(line, root, today)


# -- grants in SGML (ST.32) ------------------------------------------------------------------------

_MOST_TEXT: Final = 100_000


class _Sgml(HTMLParser):
    """Text of the ST.32 elements, whether or not every tag is closed: SGML leaves some ends out."""

    _LISTS: Final = frozenset({"b721", "b731", "b741"})
    _WANTED: Final = frozenset(
        {"b110", "b130", "b140", "b190", "b210", "b220", "b511", "b512", "b540", "sdoab", "clm", *_LISTS}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, list[str]] = {}
        self._open: list[str] = []
        self._part = ""

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._WANTED:
            self._open.append(tag)
            self.found.setdefault(tag, []).append("")
        if tag in {"fnm", "snm", "onm"}:
            self._part = tag

    def handle_startendtag(self, _tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        """An empty element holds nothing that is wanted."""

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == self._part:
            self._part = ""

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        tag = self._open[-1]
        if tag in self._LISTS and not self._part:
            return
        mark = {"snm": "\x1f", "fnm": "\x1e"}.get(self._part, "") if tag in self._LISTS else ""
        whole = self.found[tag]
        if len(whole[-1]) < _MOST_TEXT:
            whole[-1] += mark + data

    def one(self, tag: str) -> str:
        """The text of the first element of a kind."""
        return values.clean(next(iter(self.found.get(tag, ())), ""))

    def people(self, tag: str) -> str:
        """The names in elements of a kind, family name first."""
        names = []
        for raw in self.found.get(tag, ()):
            last = "".join(re.findall(r"\x1f([^\x1e\x1f]*)", raw))
            given = "".join(re.findall(r"\x1e([^\x1e\x1f]*)", raw))
            whole = ", ".join(values.clean(p) for p in (last, given) if p.strip()) or values.clean(raw)
            names.append(whole)
        return "\n".join(name for name in names if name)


_SGML_PATENT: Final = re.compile(r"<PATDOC\b", re.IGNORECASE)


def read_sgml(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The grants of an issue in SGML. Raises ``Refused``."""
    encoding = encoding_of(source.lines(), source.head)
    whole = source.whole(trees.MOST_DOCUMENT).decode(encoding)
    for line, part in enumerate(_SGML_PATENT.split(whole)[1:], 1):
        parser = _Sgml()
        parser.feed("<PATDOC " + part)
        parser.close()
        country = parser.one("b190") or "US"
        cells = {
            "source": _SOURCE,
            "pub_no": f"{country}{parser.one('b110')}{parser.one('b130')}",
            "pub_date": parser.one("b140"),
            "app_no": f"{country}{parser.one('b210')}" if parser.one("b210") else "",
            "filed_on": parser.one("b220"),
            "title": parser.one("b540"),
            "abstract": parser.one("sdoab"),
            "main_claim": parser.one("clm"),
            "ipc": "\n".join(
                map(values.clean, [*parser.found.get("b511", ()), *parser.found.get("b512", ())])
            ),
            "inventors": parser.people("b721"),
            "applicants": parser.people("b731"),
            "agency": parser.people("b741").split("\n")[0],
        }
        yield fill(Draft(line, today=today), cells, {}, title="warning")


# -- file contents in ST.96 style ------------------------------------------------------------------


def _contents(line: int, root: Element, today: date | None) -> Row | None:
    """Claims or abstract of an application as filed; a description alone is nothing to import."""
    number = anywhere(root, "ApplicationNumberText") or anywhere(root, "ApplicationNumber")
    country = anywhere(root, "IPOfficeCode") or "US"
    claim = next((e for e in within(root, "Claim") if first(e, "ClaimNumber").lstrip("0") == "1"), None)
    cells = {
        "source": f"{_SOURCE} ST.96",
        "app_no": f"{country}{number}" if number else "",
        "title": anywhere(root, "InventionTitle"),
        "main_claim": "\n".join(text(part) for part in each(claim, "ClaimText")) if claim is not None else "",
    }
    if first(root, "DocumentCode") == "ABST":
        cells["abstract"] = " ".join(text(part) for part in within(root, "P"))
    elif (abstract := next(within(root, "Abstract"), None)) is not None:
        cells["abstract"] = text(abstract)
    if not any(cells.get(name) for name in ("title", "abstract", "main_claim")):
        return None
    extra = {"mail_room_date": first(root, "MailRoomDate")}
    return fill(Draft(line, today=today), cells, extra, title="warning")


def read_st96(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """One document in ST.96 style. Raises ``Refused``."""
    row = _contents(1, trees.xml(source.whole(_MOST_PART)), today)
    if row is None:
        raise _no_records()
    yield row


def read_zip(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The documents of an archive, in the order of their names; a line is an entry's ordinal. Raises ``Refused``."""
    names = sorted(name for name in check_archive(source.path) if name.lower().endswith(".xml"))
    found = False
    with as_refusals(), zipfile.ZipFile(source.path) as archive:
        for line, name in enumerate(names, 1):
            info = archive.getinfo(name)
            if info.file_size > _MOST_PART:
                raise too_large(_MOST_PART)
            row = _contents(line, trees.xml(archive.read(info)), today)
            if row is not None:
                found = True
                yield row
    if not found:
        raise _no_records()


def _no_records() -> Refused:
    return Refused(
        "document.no_records",
        N_(
            "The file names documents but describes none (no titles, claims or legal events). Fetch the data of each."
        ),
    )
