"""Passwords: what is accepted, and argon2id. Hashing is slow on purpose, so it never stands inside a transaction."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from exchange import rulebook
from exchange.core.errors import N_, RuleBroken

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""19 MiB, two passes, one lane: the least that OWASP's password cheat sheet accepts, so that a small machine bears
many people signing in at once. A stored hash with other costs is renewed at the next sign-in."""

_AT_ONCE = threading.BoundedSemaphore(4)
"""At most four hashes at once in a process; the others wait (ux-reliability.md §2.1)."""

_OWN_WORDS = ("rongyi", "榕易")

_COMMON = frozenset(Path(__file__).with_name("common_passwords.txt").read_text("utf-8").split())
"""What people reach for, without digits and signs; a password that is nothing else is refused."""

_RUNS = ("0123456789" * 3, "9876543210" * 3, "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")


def _words(context: Iterable[str]) -> list[str]:
    """The words of a person and an organisation that must not make up a password, the longest first."""
    found = {*_OWN_WORDS}
    for text in context:
        for word in re.split(r"[\W_]+", text.lower()):
            if len(word) >= (3 if word.isascii() else 2):
                found.add(word)
    return sorted(found, key=len, reverse=True)


def check(password: str, *, context: Iterable[str] = (), field: str = "password") -> None:
    """Refuse a password that is too short, too long, common, or made of the words of its ``context``.

    No mixture of kinds of signs is asked for, and any sign may occur (ux-reliability.md R-038). Raises
    ``RuleBroken``: ``password.short``, ``password.long``, ``password.common``, ``password.context``.
    """
    least, most = rulebook.as_of("password.least").number, rulebook.as_of("password.most").number
    if len(password) < least:
        raise RuleBroken(
            "password.short",
            N_(
                "Use at least %(least)s characters. Three or four unconnected words are easy to keep in mind."
            ),
            field=field,
            rule="password.least",
            least=least,
        )
    if len(password) > most:
        raise RuleBroken(
            "password.long",
            N_("Use at most %(most)s characters."),
            field=field,
            rule="password.most",
            most=most,
        )
    plain = password.lower()
    letters = re.sub(r"[\W\d_]+", "", plain)
    if len(set(plain)) < 5 or letters in _COMMON or any(plain in run for run in _RUNS) or plain.isdigit():
        raise RuleBroken(
            "password.common",
            N_("This password is among the first that anybody would try. Choose another."),
            field=field,
            rule="ux-reliability.md R-038",
        )
    rest = plain
    for word in _words(context):
        rest = rest.replace(word, "")
    if rest != plain and len(re.sub(r"[\W_]+|(?:19|20)\d\d", "", rest)) < 8:
        raise RuleBroken(
            "password.context",
            N_(
                "Take away your name, your e-mail and the names of your organisation and of the exchange, and too "
                "little is left of this password. Choose another."
            ),
            field=field,
            rule="ux-reliability.md R-038",
        )


def hash(password: str) -> str:  # noqa: A001 - `passwords.hash` is the plainest name for it
    """The argon2id hash to keep."""
    with _AT_ONCE:
        return _hasher.hash(password)


def fits(hashed: str | None, password: str) -> bool:
    """Whether ``password`` is the one of ``hashed``. Without a hash it takes as long, and the answer is no."""
    with _AT_ONCE:
        try:
            _hasher.verify(hashed or _nobody(), password)
        except (VerificationError, InvalidHashError):
            return False
    return hashed is not None


def outdated(hashed: str) -> bool:
    """Whether ``hashed`` was made with other costs than the present ones."""
    return _hasher.check_needs_rehash(hashed)


_decoy: list[str] = []


def _nobody() -> str:
    """A hash of nobody's password, with the present costs: an unknown account takes as long as a known one."""
    if not _decoy:
        _decoy.append(_hasher.hash("nobody has this password"))
    return _decoy[0]
