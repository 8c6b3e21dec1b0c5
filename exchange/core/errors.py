"""Refusals. Each has a stable code, an HTTP status, a sentence for the reader and the way out.

Messages are English msgids with ``%(name)s`` placeholders; the face translates and fills them, so the trade
never needs to know the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import Enum
from typing import Any

from exchange.core.labels import label


def N_(message: str) -> str:  # noqa: N802  the usual name of gettext's marker
    """Mark ``message`` for the catalogue without translating it here."""
    return message


class DomainError(Exception):
    """A refusal of the exchange.

    ``code`` is stable and dotted (``offer.expired``); ``message`` is a msgid; ``field`` names the input that is
    wrong, ``rule`` the rule that refuses it; ``params`` fill the message.
    """

    status = 422
    title = N_("The request cannot be carried out")

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        rule: str | None = None,
        **params: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.field = field
        self.rule = rule
        self.params = params

    def __str__(self) -> str:
        return f"{self.code}: {fill(self.message, self.params)}"


def fill(message: str, params: dict[str, Any]) -> str:
    """``message`` with its placeholders filled; a missing parameter leaves the message as it is."""
    if not params:
        return message
    try:
        return message % {k: label(v) if isinstance(v, Enum) else v for k, v in params.items()}
    except (KeyError, ValueError, TypeError):
        return message


class NotFound(DomainError):
    """The thing does not exist, or is none of this reader's business."""

    status = 404
    title = N_("Not found")

    def __init__(
        self,
        code: str = "not_found",
        message: str = N_("There is nothing here that you can see. Check the reference or the address."),
        **params: Any,
    ) -> None:
        super().__init__(code, message, **params)


class NotAllowed(DomainError):
    """The reader may see the thing and may not do this to it."""

    status = 403
    title = N_("Not allowed")


class NotSignedIn(DomainError):
    """The act needs a person who is signed in, or a valid token."""

    status = 401
    title = N_("Sign in first")


class Conflict(DomainError):
    """The thing is not in a state that permits the act, or another act came first."""

    status = 409
    title = N_("In conflict with the present state")


class IllegalMove(Conflict):
    """A lifecycle has no such move from the present state."""


class InsufficientFunds(Conflict):
    """An account does not hold the amount."""


class Stale(DomainError):
    """The caller changed an older version than the present one (If-Match)."""

    status = 412
    title = N_("Somebody changed this in the meantime")


class RuleBroken(DomainError):
    """A rule of the trade refuses the input."""


class KeyReused(DomainError):
    """An idempotency key came back with a different request."""

    def __init__(self) -> None:
        super().__init__(
            "idempotency.key_reused",
            N_("This key was already used for a different request. Send a new Idempotency-Key."),
            field="Idempotency-Key",
        )


class Throttled(DomainError):
    """Too many tries; ``retry_after`` seconds until the next."""

    status = 429
    title = N_("Too many tries")

    def __init__(self, code: str, message: str, *, retry_after: int, **params: Any) -> None:
        super().__init__(code, message, **params)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """A part that the act needs is out of reach for the moment."""

    status = 503
    title = N_("Out of service for the moment")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input: where, what, and the rule."""

    code: str
    message: str
    field: str | None = None
    rule: str | None = None
    params: dict[str, Any] = dataclass_field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The message in English, filled."""
        return fill(self.message, self.params)


class Invalid(DomainError):
    """Several things are wrong at once; ``problems`` names each."""

    def __init__(
        self,
        problems: Iterable[Problem],
        code: str = "invalid",
        message: str = N_("Some answers need to be corrected."),
    ) -> None:
        super().__init__(code, message)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "; ".join(f"{p.field or '-'}: {p.sentence}" for p in self.problems) or super().__str__()
