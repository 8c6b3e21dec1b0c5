"""The service navigation as a table: where readers can go, and who sees which place.

A place whose address no room answers (yet) is not shown: a link never leads nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from flask import Flask, current_app, g, request
from flask_babel import gettext
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect

from exchange.core.errors import N_
from exchange.web import hooks


class Audience(Enum):
    """Who sees a place."""

    VISITOR = "visitor"
    MEMBER = "member"
    EXCHANGE = "exchange"


@dataclass(frozen=True)
class Place:
    """One entry of the navigation: an address, its name, and who sees it."""

    path: str
    label: str
    audiences: frozenset[Audience]
    roles: tuple[str, ...] = ()
    """On the exchange: who of its people sees it; empty is everybody."""


@dataclass(frozen=True)
class Link:
    """A place as this reader sees it on this page."""

    href: str
    label: str
    current: bool


_V, _M, _X = Audience.VISITOR, Audience.MEMBER, Audience.EXCHANGE


def _place(path: str, label: str, *audiences: Audience, roles: tuple[str, ...] = ()) -> Place:
    return Place(path, label, frozenset(audiences), roles)


PLACES: tuple[Place, ...] = (
    _place("/desk", N_("Desk"), _M, _X),
    _place("/search", N_("Find"), _V),
    _place("/rights/check", N_("Quick check"), _V, _M),
    _place("/rights", N_("Rights"), _M),
    _place("/listings", N_("Listings"), _M),
    _place("/offers", N_("Offers"), _M),
    _place("/deals", N_("Deals"), _M),
    _place("/flows", N_("Contracts"), _M),
    _place("/ledger", N_("Money"), _M),
    _place("/auctions", N_("Disposal bidding"), _V),
    _place("/desk/listings", N_("Listings to review"), _X, roles=("reviewer",)),
    _place("/desk/objections", N_("Objections"), _X, roles=("reviewer",)),
    _place("/desk/filings", N_("Notices to verify"), _X, roles=("reviewer",)),
    _place("/desk/parties", N_("Parties to verify"), _X, roles=("operator",)),
    _place("/desk/registrations", N_("Contract registration"), _X, roles=("registrar",)),
    _place("/desk/money", N_("Payments to match"), _X, roles=("finance_officer",)),
    _place("/desk/payouts", N_("Payouts to approve"), _X, roles=("finance_officer",)),
    _place("/ledger", N_("Ledger"), _X, roles=("finance_officer", "auditor", "operator")),
    _place("/desk/system", N_("System"), _X, roles=("operator", "auditor")),
    _place("/help", N_("Guides"), _V),
    _place("/verify", N_("Verify a certificate"), _V),
)

SHELL_PATHS = frozenset(
    {
        "/",
        "/search",
        "/login",
        "/logout",
        "/register",
        "/inbox",
        "/account",
        "/organisation",
        "/organisation/switch",
        "/listings/new",
    }
)
"""Addresses of rooms that the frame itself leads to."""

FOOTER: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        N_("About Rongyi"),
        (
            _place("/help/operator", N_("Who runs the exchange"), _V),
            _place("/help/rules", N_("Trading rules and fees"), _V),
            _place("/readyz", N_("System status"), _V),
        ),
    ),
    (
        N_("Help"),
        (
            _place("/help", N_("Guides"), _V),
            _place("/help/complaints", N_("Complaints and objections"), _V),
            _place("/help/accessibility", N_("Accessibility"), _V),
        ),
    ),
    (
        N_("Open data"),
        (
            _place("/verify", N_("Verify a certificate"), _V),
            _place("/audit", N_("Audit checkpoints"), _V),
            _place("/api/docs", N_("API"), _V),
        ),
    ),
)


def audience() -> Audience:
    """What kind of reader this is."""
    actor = g.get("actor")
    if getattr(actor, "user", None) is None or g.get("bare_frame"):
        return Audience.VISITOR
    return Audience.EXCHANGE if hooks.of().has_role(actor, ()) else Audience.MEMBER


def links() -> list[Link]:
    """The navigation of this page for this reader; the entry with the longest fitting address is current."""
    kind, actor, hook = audience(), g.get("actor"), hooks.of()
    return _links(
        tuple(
            place
            for place in PLACES
            if kind in place.audiences
            and (not place.roles or kind is not Audience.EXCHANGE or hook.has_role(actor, place.roles))
        )
    )


def footer() -> list[tuple[str, list[Link]]]:
    """The columns of the footer: a heading and its links."""
    return [(gettext(heading), found) for heading, places in FOOTER if (found := _links(places))]


def goes_somewhere(path: str) -> bool:
    """Whether a page answers at ``path``."""
    return path in _answered(current_app._get_current_object())  # type: ignore[attr-defined]


def _links(places: Sequence[Place]) -> list[Link]:
    answered = [place for place in places if goes_somewhere(place.path)]
    here = request.path
    fitting = [p.path for p in answered if here == p.path or here.startswith(p.path + "/")]
    current = max(fitting, key=len, default=None)
    return [Link(request.script_root + p.path, gettext(p.label), p.path == current) for p in answered]


def _answered(app: Flask) -> frozenset[str]:
    """The addresses of the tables at which a page answers; worked out once, after all rooms are in."""
    known = app.extensions.get("rongyi_places")
    if known is None:
        adapter = app.url_map.bind("localhost")
        paths = {place.path for place in PLACES} | {p.path for _heading, places in FOOTER for p in places}
        paths |= SHELL_PATHS
        known = frozenset(path for path in paths if _matches(adapter.match, path))
        app.extensions["rongyi_places"] = known
    return known


def _matches(match: object, path: str) -> bool:
    try:
        match(path)  # type: ignore[operator]
    except (RequestRedirect, MethodNotAllowed):
        return True
    except HTTPException:
        return False
    return True
