"""The EPO's Open Patent Services: bibliographic data, families with legal events, claims, as XML and as JSON.

A line is the ordinal of the document in the file. Lists that hold nothing but numbers (results of a search,
images, descriptions) are refused: there is nothing in them to import.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final
from xml.etree.ElementTree import Element

from exchange.core.errors import N_
from exchange.rights import numbers
from exchange.rights.formats import trees, values
from exchange.rights.formats.assemble import Draft, fill
from exchange.rights.formats.record import Event, Refused, Row
from exchange.rights.formats.source import Source
from exchange.rights.formats.trees import each, first, local, text, within
from exchange.rights.numbers import NumberError

_SOURCE: Final = "EPO OPS"
_COUNTRY_TAIL: Final = re.compile(r"\s*\[[A-Z]{2}\]$")
_MOST_EVENTS: Final = 2000


def nothing_here() -> Refused:
    """The refusal of an answer that describes no right."""
    return Refused(
        "document.no_records",
        N_(
            "The file names documents but describes none (no titles, claims or legal events). Fetch the data of each."
        ),
    )


def application_number(country: str, digits: str) -> str:
    """An application number of DOCDB as it is written elsewhere: with its check digit for China.

    Nothing for an American one in the old form (serial number and two digits of the year), whose series it
    does not tell.
    """
    if country == "US" and len(digits) != 12:
        return ""
    if country == "CN":
        try:
            return numbers.application_from_docdb(digits).shown
        except NumberError:
            return f"CN{digits}"
    return f"{country}{digits}"


def _reference(element: Element, name: str, kind: str = "docdb") -> tuple[str, str, str, str]:
    """Country, number, kind code and date of a reference, in one of its notations."""
    for reference in each(element, name):
        for document in each(reference, "document-id"):
            if document.get("document-id-type", kind) == kind:
                return (
                    first(document, "country"),
                    first(document, "doc-number"),
                    first(document, "kind"),
                    first(document, "date"),
                )
    return "", "", "", ""


def _names(parties: Element, group: str, one: str) -> list[str]:
    """Names as filed where there are any, else the EPO's own spelling."""
    found: dict[str, list[str]] = {}
    for person in each(parties, group, one):
        name = _COUNTRY_TAIL.sub("", text(next(within(person, "name"), None))).strip(" ,;")
        if name:
            found.setdefault(person.get("data-format", ""), []).append(name)
    return found.get("original") or found.get("epodoc") or next(iter(found.values()), [])


def _by_language(elements: Iterator[Element]) -> dict[str, str]:
    found: dict[str, str] = {}
    for element in elements:
        found.setdefault(element.get("lang", ""), text(element))
    return found


def _choose(found: dict[str, str]) -> str:
    """Chinese, else English, else whatever there is."""
    return found.get("zh") or found.get("en") or next(iter(found.values()), "")


def _bibliography(data: Element, cells: dict[str, str], extra: dict[str, str]) -> None:
    country, digits, kind, day = _reference(data, "publication-reference")
    if digits:
        cells["pub_no"], cells["pub_date"] = f"{country}{digits}{kind}", day
    country, digits, _, day = _reference(data, "application-reference")
    if digits:
        cells["app_no"] = application_number(country, digits)
        cells["filed_on"] = day or _reference(data, "application-reference", "epodoc")[3]
    titles = _by_language(each(data, "invention-title"))
    cells["title"] = _choose(titles)
    if titles.get("en") and titles["en"] != cells["title"]:
        extra["title_en"] = titles["en"]
    symbols = [text(t) for t in each(data, "classifications-ipcr", "classification-ipcr", "text")]
    cells["ipc"] = "\n".join(symbols or [text(t) for t in each(data, "classification-ipc", "text")])
    for parties in each(data, "parties"):
        cells["applicants"] = "\n".join(_names(parties, "applicants", "applicant"))
        cells["inventors"] = "\n".join(_names(parties, "inventors", "inventor"))


def _event(element: Element) -> Event:
    """One legal event of INPADOC. Its fields are named by what the EPO calls them."""
    event = Event(element.get("code", "").strip(), values.clean(element.get("desc", "")))
    lines: list[str] = []
    for part in element.iter():
        name = local(part)
        if name == "pre":
            lines.append(text(part))
        elif re.fullmatch(r"L\d{3}EP", name) and (found := text(part)):
            if name == "L007EP":
                event.announced_on = _day(found)
            elif name == "L525EP":
                event.effective_on = _day(found)
            elif name == "L509EP":
                event.after += values.names(found)
            elif name >= "L500EP" and len(part) == 0:
                event.fields[re.sub(r"\W+", "_", part.get("desc", name).lower())[:40]] = found[:2000]
    event.text = "\n".join(lines)[:20_000]
    return event


def _day(found: str) -> date | None:
    try:
        return values.read_date(found)
    except ValueError:
        return None


def _document(line: int, element: Element, today: date | None) -> Row:
    """An ``exchange-document``, or a ``family-member`` that may hold one, with its legal events."""
    cells: dict[str, str] = {"source": _SOURCE}
    extra: dict[str, str] = {}
    if element.get("family-id"):
        extra["family_id"] = element.get("family-id", "")
    inner = next(each(element, "exchange-document"), element)
    _bibliography(next(each(inner, "bibliographic-data"), inner), cells, extra)
    if not cells.get("pub_no") and inner.get("doc-number"):
        cells["pub_no"] = f"{inner.get('country', '')}{inner.get('doc-number')}{inner.get('kind', '')}"
    abstracts = _by_language(each(inner, "abstract"))
    cells["abstract"] = _choose(abstracts)
    if abstracts.get("en") and abstracts["en"] != cells["abstract"]:
        extra["abstract_en"] = abstracts["en"]
    cells["main_claim"] = _first_claim(element)
    draft = Draft(line, today=today)
    draft.record.events = [_event(found) for found in each(element, "legal")][:_MOST_EVENTS]
    return fill(draft, cells, extra, title="warning")


def _first_claim(element: Element) -> str:
    """The first claim; the EPO puts all claims into one text where the office sent them so."""
    claims = next(within(element, "claims"), None)
    if claims is None:
        return ""
    whole = text(next(within(claims, "claim-text"), None))
    return re.split(r"\s2\s?\.\s", whole, maxsplit=1)[0]


def read_xml(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The documents of an answer in XML. Raises ``Refused``."""
    line = 0
    for data in trees.documents(source):
        for row in _rows(trees.xml(data), line, today):
            line += 1
            yield row
    if not line:
        raise nothing_here()


def _rows(root: Element, line: int, today: date | None) -> Iterator[Row]:
    for name in ("family-member", "exchange-document", "fulltext-document"):
        found = list(within(root, name))
        if name == "fulltext-document":
            found = [element for element in found if next(within(element, "claims"), None) is not None]
        if found:
            for at, element in enumerate(found, line + 1):
                yield _document(at, element, today)
            return


def read_json(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The documents of an answer in JSON: the EPO's own form, or a client's with plain names. Raises ``Refused``."""
    found = trees.json_document(source)
    if not isinstance(found, Mapping):
        raise nothing_here()
    line = 0
    if any(key.endswith("world-patent-data") for key in found):
        for row in _rows(trees.as_tree("root", found), 0, today):
            line += 1
            yield row
    elif isinstance(found.get("documents"), list):
        for line, document in enumerate(found["documents"], 1):
            yield _plain_document(line, document if isinstance(document, Mapping) else {}, today)
    elif isinstance(found.get("document_id"), Mapping) and found.get("claims"):
        line = 1
        yield _plain_claims(found, today)
    if not line:
        raise nothing_here()


def _string(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _strings(found: Any) -> str:
    return "\n".join(part for part in found if isinstance(part, str)) if isinstance(found, list) else ""


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def _plain_document(line: int, document: Mapping[str, Any], today: date | None) -> Row:
    application = _part(document, "application_reference_docdb")
    country, digits = _string(application.get("country")), _string(application.get("number"))
    publication = _part(document, "publication_reference_docdb")
    cells = {
        "source": _SOURCE,
        "pub_no": _string(document.get("publication_number"))
        or f"{_string(document.get('country'))}{_string(document.get('doc_number'))}{_string(document.get('kind'))}",
        "pub_date": _string(publication.get("date")),
        "app_no": application_number(country, digits) if digits else "",
        "filed_on": _string(application.get("date"))
        or _string(_part(document, "application_reference_epodoc").get("date")),
        "title": _string(document.get("title")),
        "abstract": _string(document.get("abstract")),
        "ipc": _strings(document.get("intl_class")),
        "applicants": _plain_names(document, "applicants"),
        "inventors": _plain_names(document, "inventors"),
    }
    return fill(
        Draft(line, today=today), cells, {"family_id": _string(document.get("family_id"))}, title="warning"
    )


def _plain_names(document: Mapping[str, Any], name: str) -> str:
    found = _strings(document.get(f"{name}_original")) or _strings(document.get(f"{name}_epodoc"))
    return "\n".join(_COUNTRY_TAIL.sub("", part).strip(" ,;") for part in found.split("\n"))


def _plain_claims(found: Mapping[str, Any], today: date | None) -> Row:
    document = _part(found, "document_id")
    claims = found["claims"] if isinstance(found["claims"], list) else []
    claim = claims[0] if claims and isinstance(claims[0], Mapping) else {}
    cells = {
        "source": _SOURCE,
        "pub_no": "".join(_string(document.get(name)) for name in ("country", "doc_number", "kind")),
        "main_claim": _strings(claim.get("limitations")) or _string(claim.get("text")),
    }
    return fill(Draft(1, today=today), cells, {}, title="warning")
