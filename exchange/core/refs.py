"""Public references: a type, an unguessable part, and a check character (``LS-7F3K9Q2M8XA``)."""

from __future__ import annotations

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's 32 signs: no I, L, O, U, so that nothing can be misread on paper."""

_SIGNS = ALPHABET[:31]
"""References use 31 of them, a prime number: with 32, two signs would look alike to the check."""

_VALUES = {sign: value for value, sign in enumerate(_SIGNS)}

_LENGTH = 10
_SHAPE = re.compile(rf"^[A-Z]{{2}}-[{_SIGNS}]{{{_LENGTH + 1}}}$")


def _check(prefix: str, body: str) -> str:
    """A weighted sum modulo 31 (a prime): every changed sign and every swap of neighbours is seen."""
    total = 2 * ord(prefix[0]) + 3 * ord(prefix[1])
    for weight, sign in enumerate(body, 4):
        total += weight * _VALUES[sign]
    return _SIGNS[total % 31]


def new(prefix: str) -> str:
    """A new reference of the type ``prefix`` with 49 random bits."""
    value = secrets.randbelow(31**_LENGTH)  # one draw for all signs: an import makes tens of thousands
    body = ""
    for _ in range(_LENGTH):
        value, digit = divmod(value, 31)
        body += _SIGNS[digit]
    return f"{prefix}-{body}{_check(prefix, body)}"


def valid(ref: str) -> bool:
    """Whether ``ref`` has the shape of a reference and its check character fits."""
    if not _SHAPE.match(ref):
        return False
    prefix, body = ref.split("-")
    return _check(prefix, body[:-1]) == body[-1]


def code() -> str:
    """A verification code of 26 signs (128 bits), for ``/verify/<code>``."""
    value = secrets.randbits(128)
    signs = []
    for _ in range(26):
        value, digit = divmod(value, 32)
        signs.append(ALPHABET[digit])
    return "".join(signs)
