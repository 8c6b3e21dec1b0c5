"""Changes of ownership recorded by the USPTO, as answers of its search (XML) and as lines of JSON.

Every property of a conveyance is a row of its own, with one event; the line is that of the conveyance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final
from xml.etree.ElementTree import Element

from exchange.core.errors import N_
from exchange.rights.formats import jsonlines, trees, values
from exchange.rights.formats.assemble import Draft, fill
from exchange.rights.formats.record import Event, Problem, Refused, Row
from exchange.rights.formats.source import Source, not_text
from exchange.rights.formats.trees import as_text, each, text, within

CODE: Final = "US-ASSIGNMENT"
_SOURCE: Final = "USPTO Assignment"
_MOST_PROPERTIES: Final = 2000


def _event(
    conveyance: str,
    before: list[str],
    after: list[str],
    recorded: str,
    executed: str,
    fields: dict[str, str],
) -> Event:
    event = Event(CODE, values.clean(conveyance)[:255], text=values.clean(conveyance)[:2000])
    event.before, event.after = before, after
    event.announced_on, event.effective_on = _day(recorded), _day(executed)
    event.fields = {name: found for name, found in fields.items() if found}
    return event


def _day(raw: str) -> date | None:
    """A day of the register; its year 1 stands for nothing, and a wrong one is no reason to lose the event."""
    try:
        return values.american_date(raw)
    except ValueError:
        return None


def _property(line: int, event: Event, cells: dict[str, str], today: date | None) -> Row:
    draft = Draft(line, today=today)
    draft.record.events = [event]
    row = fill(draft, {"source": _SOURCE, **cells}, {}, title="warning")
    if row.record is not None:
        row.record.country = row.record.country or "US"
    return row


# -- XML -------------------------------------------------------------------------------------------


def _values(doc: Element, name: str) -> list[str]:
    """The values of a field of an answer, in order; the register writes NULL for an empty one."""
    for child in doc:
        if child.get("name") == name:
            found = [text(part) for part in child] if len(child) else [text(child)]
            return ["" if part == "NULL" else part for part in found]
    return []


def _at(found: list[str], index: int) -> str:
    return found[index] if index < len(found) else ""


def read_xml(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The conveyances of an answer in XML. Raises ``Refused``."""
    root = trees.xml(source.whole(trees.MOST_DOCUMENT))
    docs = [doc for result in within(root, "result") for doc in each(result, "doc")]
    if not docs:
        raise Refused("document.no_records", N_("The answer holds no conveyance."))
    for line, doc in enumerate(docs, 1):
        yield from _conveyance(line, doc, today)


def _conveyance(line: int, doc: Element, today: date | None) -> Iterator[Row]:
    executed = _values(doc, "patAssignorExDate")
    event = _event(
        " ".join(_values(doc, "conveyanceText")),
        values.names("\n".join(_values(doc, "patAssignorName"))),
        values.names("\n".join(_values(doc, "patAssigneeName"))),
        _at(_values(doc, "recordedDate"), 0),
        max(executed, default=""),
        {"reel": _at(_values(doc, "reelNo"), 0), "frame": _at(_values(doc, "frameNo"), 0)},
    )
    columns = {
        name: _values(doc, name)
        for name in (
            "applNum",
            "patNum",
            "publNum",
            "pctNum",
            "filingDate",
            "issueDate",
            "publDate",
            "inventionTitle",
        )
    }
    most = max(len(columns[name]) for name in ("applNum", "patNum", "pctNum"))
    for index in range(min(most, _MOST_PROPERTIES)):
        grant, publication = _at(columns["patNum"], index), _at(columns["publNum"], index)
        cells = {
            "app_no": _us(_at(columns["applNum"], index)) or _at(columns["pctNum"], index),
            "pub_no": _us(grant) or _us(publication),
            "filed_on": _iso(_at(columns["filingDate"], index)),
            "pub_date": _iso(_at(columns["issueDate" if grant else "publDate"], index)),
            "title": _at(columns["inventionTitle"], index),
        }
        yield _property(line, event, cells, today)


def _us(digits: str) -> str:
    return f"US{digits}" if digits.strip() else ""


def _iso(raw: str) -> str:
    found = _day(raw) if raw else None
    return found.isoformat() if found and found.year > 1 else ""


# -- lines of JSON ---------------------------------------------------------------------------------


def is_conveyance(found: Mapping[str, Any]) -> bool:
    """Whether an object is a conveyance of the register."""
    return "reelNumber" in found and isinstance(found.get("properties"), list)


def read_lines(source: Source, *, today: date | None = None) -> Iterator[Row]:
    """The conveyances of a file of JSON lines. Raises ``Refused``."""
    for number, line in source.lines():
        if not line.strip():
            continue
        try:
            found = jsonlines.load(line)
        except UnicodeDecodeError as error:
            raise not_text() from error
        except jsonlines.Bad as error:
            yield _refused(
                number,
                "json.bad",
                N_("The line is no JSON object: %(detail)s."),
                detail=values.clean(str(error)),
            )
            continue
        if not is_conveyance(found):
            yield _refused(
                number, "conveyance.bad", N_("The line is no conveyance: it has no reel and no properties.")
            )
            continue
        yield from _line(number, found, today)


def _refused(number: int, code: str, message: str, **params: str) -> Row:
    return Row(number, None, [Problem(number, "", code, "error", message, dict(params))])


def _line(number: int, found: Mapping[str, Any], today: date | None) -> Iterator[Row]:
    before: list[str] = []
    assignors = found.get("assignors")
    for one in assignors if isinstance(assignors, list) else []:
        before += values.names(as_text(one.get("assignorName") if isinstance(one, Mapping) else one))
    event = _event(
        as_text(found.get("conveyance")),
        before,
        values.names(as_text(found.get("assignees"))),
        as_text(found.get("recordedDate")),
        as_text(found.get("assignorExecutionDate")),
        {
            "reel": as_text(found.get("reelNumber")),
            "frame": as_text(found.get("frameNumber")),
            "conveyance_code": as_text(found.get("conveyanceCode")),
        },
    )
    properties = [one for one in found["properties"] if isinstance(one, Mapping)][:_MOST_PROPERTIES]
    if not properties:
        yield _refused(
            number, "conveyance.bad", N_("The line is no conveyance: it has no reel and no properties.")
        )
    for one in properties:
        grant, publication = as_text(one.get("patentNumber")), as_text(one.get("publicationNumber"))
        cells = {
            "app_no": _us(as_text(one.get("applicationNumber")))
            or as_text(one.get("pctNumber17") or one.get("pctNumber")),
            "pub_no": _us(grant) or _us(publication),
            "filed_on": _iso(as_text(one.get("fillingDate") or one.get("filingDate"))),
            "pub_date": _iso(as_text(one.get("issueDate") if grant else one.get("publicationDate"))),
            "title": as_text(one.get("inventionTitle")),
            "inventors": as_text(one.get("inventors")).replace(", ", "\n"),
        }
        yield _property(number, event, cells, today)
