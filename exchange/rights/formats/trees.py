"""XML and JSON documents as trees, read whole and within limits; names without their namespaces.

A document type is tolerated where it only points to a file (American gazettes) or declares drawings; entities
that would unfold or reach outside are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from exchange.core.errors import N_
from exchange.rights.formats import values
from exchange.rights.formats.record import Refused
from exchange.rights.formats.source import Source, bom, damaged, not_text, too_large, truncated

#: The largest single document: its tree takes some ten times as much memory.
MOST_DOCUMENT: Final = 24 * 1024 * 1024
_MOST_DEPTH: Final = 200
_DRAWINGS_ONLY: Final = re.compile(
    rb"(<!DOCTYPE\s+[\w.:-]+(?:\s+(?:SYSTEM|PUBLIC)\s+\"[^\"<>]*\"(?:\s+\"[^\"<>]*\")?)?)\s*\["
    rb"(?:\s*<!ENTITY\s+[\w.-]+\s+(?:SYSTEM|PUBLIC)\s+\"[^\"<>]*\"\s+NDATA\s+\w+\s*>)*\s*\]\s*>"
)


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rsplit("}", 1)[-1]


def xml(data: bytes) -> Element:
    """The tree of one XML document. Raises ``Refused``."""
    data = _DRAWINGS_ONLY.sub(rb"\1>", data, count=1)
    try:
        root: Element = fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise Refused(
            "xml.doctype", N_("The file holds a document type or entities and is not read.")
        ) from error
    except ParseError as error:
        if "no element found" in str(error) or "unclosed token" in str(error):
            raise truncated(N_("the XML is not closed")) from error
        raise damaged(N_("it is no well-formed XML")) from error
    except (ValueError, LookupError) as error:
        raise not_text() from error
    return root


def documents(source: Source) -> Iterator[bytes]:
    """The XML documents of a file: one, or several one behind the other as weekly issues have them."""
    parts: list[bytes] = []
    size = 0
    for _, line in source.lines():
        if line.startswith(b"<?xml ") and size:
            yield b"".join(parts)
            parts, size = [], 0
        parts.append(line)
        size += len(line)
        if size > MOST_DOCUMENT:
            raise too_large(MOST_DOCUMENT)
    if b"".join(parts).strip():
        yield b"".join(parts)


def each(element: Element, *path: str) -> Iterator[Element]:
    """The descendants reached by ``path``, each step a child by its local name (``*`` for any)."""
    if not path:
        yield element
        return
    for child in element:
        if path[0] in {"*", local(child)}:
            yield from each(child, *path[1:])


def within(element: Element, name: str) -> Iterator[Element]:
    """The descendants of a name at any depth."""
    return (found for found in element.iter() if local(found) == name)


def text(element: Element | None) -> str:
    """All text inside an element, cleaned; nothing for no element."""
    return values.clean("".join(element.itertext())) if element is not None else ""


def first(element: Element, *path: str) -> str:
    """The text of the first descendant reached by ``path``, or nothing."""
    return text(next(each(element, *path), None))


def anywhere(element: Element, name: str) -> str:
    """The text of the first descendant of a name, or nothing."""
    return text(next(within(element, name), None))


# -- JSON ------------------------------------------------------------------------------------------


def json_document(source: Source) -> Any:
    """The value of a JSON file. Raises ``Refused``."""
    data = source.whole(MOST_DOCUMENT)
    for encoding in dict.fromkeys((bom(data) or "utf-8", "utf-8", "gb18030")):
        try:
            written = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise not_text()
    try:
        return json.loads(written)
    except json.JSONDecodeError as error:
        if error.pos >= len(written.rstrip()) - 1:
            raise truncated(N_("the JSON is not closed")) from error
        raise damaged(N_("it is no JSON")) from error
    except (ValueError, RecursionError) as error:
        raise damaged(N_("it is no JSON")) from error


def as_text(found: Any) -> str:
    """A JSON value as the text of a cell: lists one to a line, whole floats without their zero."""
    if isinstance(found, str):
        return found
    if found is None or isinstance(found, bool):
        return "" if found is None else str(found).lower()
    if isinstance(found, list):
        try:
            return "\n".join(found[:1000])  # nearly always texts
        except TypeError:
            return "\n".join(as_text(part) for part in found[:1000])
    if isinstance(found, float):
        return repr(found)
    if isinstance(found, int):
        return str(found) if abs(found) < 10**40 else ""
    return ""


def as_tree(name: str, found: Any, depth: int = 0) -> Element:
    """JSON that was made from XML (``@attribute``, ``$`` for text) as the tree it came from."""
    element = Element(name)
    if depth > _MOST_DEPTH:
        raise damaged(N_("it is nested too deeply"))
    if isinstance(found, Mapping):
        for key, content in found.items():
            if key.startswith("@"):
                element.set(key[1:].rsplit(":", 1)[-1], str(content))
            elif key == "$":
                element.text = str(content)
            else:
                for part in content if isinstance(content, list) else [content]:
                    element.append(as_tree(key.rsplit(":", 1)[-1], part, depth + 1))
    elif isinstance(found, str | int | float):
        element.text = str(found)
    return element
