"""What marshmallow says, in the reader's language, and with a stable code.

marshmallow fills its English sentences itself, so the way back is by pattern: each of its templates stands here
as a msgid of ours. A sentence that is not known is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exchange.core.errors import N_, Problem, fill


class Said(str):
    """A sentence about an answer that still knows its msgid, parameters and code (a plain ``str`` to marshmallow)."""

    __slots__ = ("code", "msgid", "params")

    code: str
    msgid: str
    params: dict[str, Any]

    def __new__(cls, msgid: str, *, code: str = "field.invalid", **params: Any) -> Said:
        """The English sentence, remembering what it was made of."""
        self = super().__new__(cls, fill(msgid, params))
        self.msgid = msgid
        self.code = code
        self.params = params
        return self


PLAIN: dict[str, tuple[str, str]] = {
    # marshmallow's sentence: (our code, our msgid)
    "Missing data for required field.": ("field.required", N_("This is needed.")),
    "Field may not be null.": ("field.required", N_("This is needed.")),
    "Unknown field.": ("field.unknown", N_("There is no such field. Check its spelling.")),
    "Invalid value.": ("field.invalid", N_("This value is not accepted.")),
    "Invalid input.": ("field.invalid", N_("This value is not accepted.")),
    "Invalid type.": ("field.type", N_("This is not of the expected type.")),
    "Invalid input type.": ("field.type", N_("This is not of the expected type.")),
    "Not a valid string.": ("field.type", N_("Write this as text.")),
    "Not a valid utf-8 string.": ("field.type", N_("Write this as text in UTF-8.")),
    "Not a valid integer.": ("field.type", N_("Write a whole number.")),
    "Not a valid number.": ("field.type", N_("Write a number.")),
    "Number too large.": ("field.range", N_("This number is too large.")),
    "Special numeric values (nan or infinity) are not permitted.": ("field.type", N_("Write a number.")),
    "Not a valid boolean.": ("field.type", N_("Answer with yes or no.")),
    "Not a valid list.": ("field.type", N_("Write this as a list.")),
    "Not a valid mapping type.": ("field.type", N_("Write this as an object.")),
    "Not a valid tuple.": ("field.type", N_("Write this as a list.")),
    "Not a valid date.": ("field.date", N_("This is not a date. Write it like 2026-11-30.")),
    "Not a valid datetime.": (
        "field.date",
        N_("This is not an instant. Write it like 2026-11-30T06:00:00Z."),
    ),
    "Not a valid time.": ("field.date", N_("This is not a time of day. Write it like 14:05.")),
    "Not a valid email address.": (
        "field.email",
        N_("This is not an e-mail address. Write it like name@example.cn."),
    ),
    "Not a valid URL.": ("field.url", N_("This is not a web address. Write it like https://example.cn/.")),
    "Not a valid UUID.": ("field.invalid", N_("This is not a UUID.")),
    "Not a valid IP address.": ("field.invalid", N_("This is not an IP address.")),
    "String does not match expected pattern.": ("field.pattern", N_("This does not have the expected form.")),
}

_FILLED: tuple[tuple[str, str, str], ...] = (
    ("Shorter than minimum length {min}.", "field.length", N_("Write at least %(min)s characters.")),
    ("Longer than maximum length {max}.", "field.length", N_("Write at most %(max)s characters.")),
    ("Length must be between {min} and {max}.", "field.length", N_("Write between %(min)s and %(max)s characters.")),
    ("Length must be {equal}.", "field.length", N_("Write exactly %(equal)s characters.")),
    ("Must be greater than or equal to {min} and less than or equal to {max}.", "field.range",
     N_("Choose a number from %(min)s to %(max)s.")),
    ("Must be greater than or equal to {min}.", "field.range", N_("This must be at least %(min)s.")),
    ("Must be less than or equal to {max}.", "field.range", N_("This must be at most %(max)s.")),
    ("Must be greater than {min}.", "field.range", N_("This must be more than %(min)s.")),
    ("Must be less than {max}.", "field.range", N_("This must be less than %(max)s.")),
    ("Must be equal to {other}.", "field.invalid", N_("This must be %(other)s.")),
    ("Must be one of: {choices}.", "field.choice", N_("Choose one of: %(choices)s.")),
    ("One or more of the choices you made was not in: {choices}.", "field.choice",
     N_("Choose only from: %(choices)s.")),
    ("One or more of the choices you made was in: {values}.", "field.choice", N_("Not allowed here: %(values)s.")),
)  # fmt: skip

PATTERNS: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (
        re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template)) + r"\Z", re.DOTALL),
        code,
        msgid,
    )
    for template, code, msgid in _FILLED
)


def problem(message: object, field: str | None) -> Problem:
    """A problem of ours for a sentence of marshmallow's (or of a schema of ours) about ``field``."""
    if isinstance(message, Said):
        return Problem(message.code, message.msgid, field=field, params=message.params)
    text = str(message)
    if text in PLAIN:
        code, msgid = PLAIN[text]
        return Problem(code, msgid, field=field)
    for pattern, code, msgid in PATTERNS:
        if found := pattern.match(text):
            return Problem(code, msgid, field=field, params=found.groupdict())
    return Problem("field.invalid", text, field=field)


def problems(messages: Mapping[Any, Any] | Sequence[Any], at: str = "") -> Iterator[Problem]:
    """Every problem in marshmallow's nested messages; the path of a field is dotted (``items.0.price``)."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            path = at if name == "_schema" else f"{at}.{name}" if at else str(name)
            yield from problems(inner, path)
    elif isinstance(messages, str):
        yield problem(messages, at or None)
    else:
        for message in messages:
            if isinstance(message, Mapping):
                yield from problems(message, at)
            else:
                yield problem(message, at or None)
