"""The look: the colour and icon of a state, and what the frame of a page shows of its reader."""

from __future__ import annotations

import uuid
from enum import Enum
from typing import Any
from urllib.parse import quote, urlencode

from flask import Flask, g, request, url_for

from exchange.web import hooks, navigation

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"

TONES: dict[str, str] = {
    # Nothing asked, nothing running: plain.
    "draft": "",
    "withdrawn": "",
    "expired": "",
    "superseded": "",
    "declined": "",
    "refunded": "",
    "not_applied": "",
    "not_started": "",
    "unknown": "",
    "pending": "",
    "closed": "",
    "cancelled": "",
    "countered": "",
    "void": "",
    "waiting": "",
    "awaiting": "",
    "abandoned": "",
    # Under way.
    "submitted": "go",
    "verified": "go",
    "gated": "go",
    "publicity": "go",
    "listed": "go",
    "open": "go",
    "active": "go",
    "agreed": "go",
    "accepted": "go",
    "signing": "go",
    "held": "go",
    "filed": "go",
    "fee_paid": "go",
    "under_review": "go",
    "scheduled": "go",
    "announced": "go",
    "reserved": "go",
    "ready": "go",
    "applied": "go",
    "large_review": "go",
    "funded": "go",
    "requested": "go",
    "entered": "go",
    "running": "go",
    # Asks something of somebody.
    "returned": "ask",
    "supplement": "ask",
    "fee_due": "ask",
    "pledged": "ask",
    "grace": "ask",
    "overdue": "ask",
    "mine": "ask",
    "asked": "ask",
    "required": "ask",
    # Stopped, or wrong.
    "rejected": "stop",
    "refused": "stop",
    "suspended": "stop",
    "paused": "stop",
    "on_hold": "stop",
    "deemed_not_filed": "stop",
    "rescinded": "stop",
    "disputed": "stop",
    "preserved": "stop",
    "lapsed": "stop",
    "invalid": "stop",
    "revoked": "stop",
    "failed": "stop",
    "frozen": "stop",
    "parked": "stop",
    # Had: steps back.
    "matched": "done",
    "granted": "done",
    "recorded": "done",
    "registered": "done",
    "completed": "done",
    "signed": "done",
    "settled": "done",
    "released": "done",
    "paid": "done",
    "done": "done",
    "sold": "done",
    "sent": "done",
    "given": "done",
    "cleared": "done",
    # A live bid.
    "live": "live",
    "bidding": "live",
}
"""Tone of a state by its value: ``""`` plain, ``go``, ``ask``, ``stop``, ``done``, ``live`` (visual.md §3)."""

OWN_TONES: dict[str, str] = {
    "PartyStatus.registered": "",
    "PartyStatus.verified": "done",
    "NoticeStatus.verified": "done",
    "RightStatus.expired": "stop",
    "RightStatus.withdrawn": "stop",
    "ListingStatus.withdrawn": "",
}
"""Where a word means something else for one kind of thing: ``Enum.value`` to tone."""

TONE_ICONS = {"ask": "alert-triangle", "stop": "alert-circle", "done": "check"}


def tone(member: Any) -> str:
    """The tone of a state; a state of its own kind comes before the common table; unknown states are plain."""
    if not isinstance(member, Enum):
        return TONES.get(str(member), "")
    own = OWN_TONES.get(f"{type(member).__name__}.{member.value}")
    return TONES.get(str(member.value), "") if own is None else own


def theme() -> str:
    """The reader's choice of theme: ``light``, ``dark``, or ``auto`` (the system decides)."""
    asked = request.cookies.get(THEME_COOKIE, "auto")
    return asked if asked in THEMES else "auto"


def frame() -> dict[str, Any]:
    """What the frame of a page shows of this reader, asked for once in a request. A page that must not touch the database asks for less."""
    actor = g.get("actor") or hooks.Nobody()
    signed_in = getattr(actor, "user", None) is not None
    if g.get("bare_frame"):
        return {"actor": hooks.Nobody(), "signed_in": False, "organisations": (), "unread": 0, "bare": True}
    kept: dict[str, Any] | None = g.get("frame")
    if kept is not None and kept["actor"] is actor:
        return kept
    hook = hooks.of()
    g.frame = {
        "actor": actor,
        "signed_in": signed_in,
        "organisations": tuple(hook.organisations(actor)) if signed_in else (),
        "unread": hook.unread(actor) if signed_in else 0,
        "bare": False,
    }
    made: dict[str, Any] = g.frame
    return made


def here_in(language: str) -> str:
    """The address of this page in another language: the same path and query with ``lang`` set."""
    if request.url_rule is None or "GET" not in (request.url_rule.methods or ()):
        return url_for("site.language", lang=language)
    arguments = request.args.to_dict(flat=False) | {"lang": [language]}
    return f"{request.script_root}{quote(request.path)}?{urlencode(arguments, doseq=True)}"


def fresh_key() -> str:
    """A new key for a form: the same answer sent twice counts once."""
    return uuid.uuid4().hex


def init_app(app: Flask) -> None:
    """Offer the look to templates."""
    app.jinja_env.filters["tone"] = tone
    app.jinja_env.globals.update(
        theme=theme,
        frame=frame,
        here_in=here_in,
        fresh_key=fresh_key,
        tone_icons=TONE_ICONS,
        navigation=navigation.links,
        footer_links=navigation.footer,
        goes_somewhere=navigation.goes_somewhere,
    )
    app.jinja_env.add_extension("jinja2.ext.do")
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
