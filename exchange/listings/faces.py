"""What every page of the room shares: the blueprint, words for kinds and titles, links upward, forms of one button."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template, url_for
from flask_babel import gettext

from exchange.core.labels import label
from exchange.listings import present, rules
from exchange.listings.models import Listing, ListingKind
from exchange.listings.schemas import Nothing
from exchange.parties import regions
from exchange.rights import source as sources
from exchange.web import i18n
from exchange.web.forms import Form

bp = Blueprint("listings", __name__)

VOCABULARY = "https://schema.org/"
"""Words of the microdata on public pages; nothing is fetched from there."""


def link(endpoint: str, **values: Any) -> str | None:
    """The address of a page of a higher room, or ``None`` where no such room is there."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else None


def title_of(listing: Listing) -> str:
    """The title in the reader's language, as far as the seller wrote it."""
    return (i18n.language_tag() == "en" and listing.title_en) or listing.title


def right_title(right: Any) -> str:
    """The title of a right in the reader's language, as far as it is known."""
    return str((i18n.language_tag() == "en" and right.title_en) or right.title)


def kind_words(listing: Listing) -> str:
    """What is offered: ``Transfer``, ``Sole licence`` …"""
    if listing.kind is ListingKind.LICENCE and listing.licence_kind is not None:
        return str(gettext(label(listing.licence_kind)))
    return str(gettext(label(listing.kind)))


def price_words(listing: Listing) -> str:
    """What is offered and how the price is meant."""
    if listing.price_fen is None:
        return str(gettext("%(kind)s, price to be negotiated", kind=kind_words(listing)))
    return str(gettext("%(kind)s, asking price", kind=kind_words(listing)))


def maturity_words(listing: Listing) -> str | None:
    """How far the result is developed, in words."""
    return gettext(rules.MATURITIES[listing.maturity]) if listing.maturity in rules.MATURITIES else None


def region_words(listing: Listing) -> str | None:
    """Where the seller is, in words."""
    name = regions.name(listing.region)
    return gettext(name) if name else None


def last_minute(instant: datetime) -> datetime:
    """The last minute before ``instant``: what ends at midnight is shown as ending on the day before."""
    return instant - timedelta(minutes=1)


def source_name(token: str) -> str:
    """The kind of source of a fact of the register (``holder:PT-…``), in the reader's language."""
    return str(gettext(sources.name(token)))


WORDS = {
    "last_minute": last_minute,
    "link": link,
    "title_of": title_of,
    "right_title": right_title,
    "kind_words": kind_words,
    "price_words": price_words,
    "maturity_words": maturity_words,
    "region_words": region_words,
    "number_of": present.number_of,
    "source_name": source_name,
    "vocabulary": VOCABULARY,
}
"""What templates of listings and deals may call."""


def page(template: str, **context: Any) -> str:
    """A page of the room with its words."""
    return render_template(template, **WORDS, **context)


def press(act: Callable[[], str], back: Callable[[Form], str]) -> Response:
    """A form of one button: do ``act`` and go where it says; what is refused is shown on ``back(form)``."""
    form = Form(Nothing)
    return form.answer(lambda _values: act(), lambda: back(form))
