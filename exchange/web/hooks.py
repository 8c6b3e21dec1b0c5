"""What higher rooms lend to the shell. The shell imports no room; ``exchange/app.py`` fills these hooks.

Each hook has a harmless default, so that the shell works alone (in its own tests, and on the maintenance page).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, cast

from flask import Flask, current_app


class ActorLike(Protocol):
    """What the shell needs to know of an actor (``exchange.parties.policy.Actor`` is one)."""

    @property
    def user(self) -> Any:
        """The person who is signed in, or ``None`` for a visitor."""

    @property
    def party(self) -> Any:
        """The organisation the person acts for, or ``None``."""

    @property
    def label(self) -> str:
        """The actor's name as the record shows it."""


@dataclass(frozen=True)
class Nobody:
    """The actor of the shell alone: a visitor."""

    user: Any = None
    party: Any = None
    label: str = "visitor"


@dataclass(frozen=True)
class Organisation:
    """One organisation the reader may act for: its reference, its name, and whether it is the present one."""

    ref: str
    name: str
    current: bool = False


@dataclass(frozen=True)
class Finding:
    """The answer of a readiness probe; ``reason`` says in one sentence what is wrong, or how it stands."""

    ok: bool
    reason: str = ""


@dataclass(frozen=True)
class SitemapEntry:
    """One public address for ``/sitemap.xml``: a path beginning with ``/``, and when it last changed."""

    path: str
    changed_at: datetime | None = None


Probe = Callable[[], Finding]


@dataclass
class Hooks:
    """The hooks of one app. ``exchange/app.py`` sets them; nothing else does."""

    load_actor: Callable[[], Any] = Nobody
    """Reads the request (session cookie or bearer token) and answers with the actor."""

    has_role: Callable[[Any, Sequence[str]], bool] = lambda _actor, _roles: False
    """Whether the actor holds one of these roles on the exchange; an empty list asks for any of them."""

    organisations: Callable[[Any], Sequence[Organisation]] = lambda _actor: ()
    """The organisations among which the reader can switch."""

    unread: Callable[[Any], int] = lambda _actor: 0
    """How many notices wait in the inbox."""

    probes: dict[str, Probe] = field(default_factory=dict)
    """What ``/readyz`` asks: name to probe."""

    sitemap: list[Callable[[], Iterable[SitemapEntry]]] = field(default_factory=list)
    """Where ``/sitemap.xml`` gets its addresses from."""

    maintenance: Callable[[], str | None] = lambda: None
    """Asked at the beginning of each request: a sentence to readers while the exchange is closed, else ``None``."""


def init_app(app: Flask) -> None:
    """Give ``app`` its (empty) hooks."""
    app.extensions["rongyi_hooks"] = Hooks()


def of(app: Flask | None = None) -> Hooks:
    """The hooks of ``app``, or of the app in charge of this request."""
    return cast("Hooks", (app or current_app).extensions["rongyi_hooks"])
