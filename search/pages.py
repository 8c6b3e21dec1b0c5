"""The page where visitors find listings: box, filters with counts, order, pages. Works without a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from exchange.core.errors import N_, DomainError, RuleBroken
from exchange.listings import shelf
from exchange.web import i18n
from exchange.web.access import public
from search import conditions, fields, results, wording
from search.engine import MAX_TEXT, Facet
from search.results import Results

bp = Blueprint("search", __name__, template_folder="templates")

SUBCLASSES_SHOWN = 12


@dataclass(frozen=True)
class Option:
    """One choice of a facet: the filter and its value, the words, how many hits, and whether it is chosen."""

    name: str
    value: str
    text: str
    count: int
    chosen: bool
    level: int = 1


@dataclass(frozen=True)
class Chip:
    """A condition in force, and the address without it."""

    text: str
    href: str


Chosen = Mapping[str, list[str]]


@bp.get("/search")
@public
def index() -> ResponseReturnValue:
    """Listings that match the words and conditions of the address."""
    text = request.args.get("q", "").strip()
    sort = request.args.get("sort") or fields.RELEVANCE
    chosen = {
        name: values
        for name in conditions.NAMES
        if (values := [value for value in request.args.getlist(name) if value.strip()])
    }
    found: Results | None = None
    refusal: DomainError | None = None
    try:
        found = results.find(text, chosen, sort=sort, cursor=request.args.get("cursor") or None)
    except RuleBroken as error:
        refusal = error
    page = render_template(
        "search/index.html",
        q=text,
        sort=sort if sort in fields.SORTS else fields.RELEVANCE,
        sorts=[(name, gettext(words)) for name, words in wording.SORT_NAMES.items()],
        chosen=chosen,
        kept=_kept(text, sort, chosen),
        found=found,
        refusal=i18n.say(refusal.message, refusal.params) if refusal else None,
        groups=_groups(found.facets) if found else [],
        price_bars=_price_bars(found.facets, chosen) if found else None,
        chips=_chips(text, sort, chosen),
        next_url=_address(text, sort, chosen, cursor=found.next) if found and found.next else None,
        first_url=_address(text, sort, chosen) if request.args.get("cursor") else None,
        longest=MAX_TEXT,
        value_name=lambda name, value: gettext(wording.value_name(name, value)),
        remaining=results.remaining,
    )
    return page, 422 if refusal else 200


@bp.get("/listings/<ref>/similar")
@public
def similar(ref: str) -> str:
    """What else is on offer that is like one listing."""
    listing = shelf.get_for(g.actor, ref)
    return render_template(
        "search/similar.html",
        listing=listing,
        rows=results.like(listing),
        value_name=lambda name, value: gettext(wording.value_name(name, value)),
        remaining=results.remaining,
    )


def _address(text: str, sort: str, chosen: Chosen, *, cursor: str | None = None) -> str:
    values: dict[str, Any] = {name: kept for name, kept in chosen.items() if kept}
    values |= {"q": text or None, "sort": None if sort == fields.RELEVANCE else sort, "cursor": cursor}
    return url_for("search.index", **values)


def _kept(text: str, sort: str, chosen: Chosen) -> dict[str, list[tuple[str, str]]]:
    """Hidden fields: what the form of the filters keeps, and what the form of the order keeps."""
    asked = [("q", text)] if text else []
    order = [("sort", sort)] if sort != fields.RELEVANCE else []
    # Conditions that the form of the filters has no control for must not be lost when it is sent.
    hidden = [(name, value) for name, values in chosen.items() for value in values if name not in _CONTROLLED]
    every = [(name, value) for name, values in chosen.items() for value in values]
    return {"filters": asked + order + hidden, "order": asked + every}


GROUPS: tuple[tuple[str, str], ...] = (
    ("deal", N_("Manner of trade")),
    ("price", N_("Price")),
    ("status", N_("Legal status")),
    ("burden", N_("Burdens")),
    ("life", N_("Remaining life")),
    ("kind", N_("Kind of right")),
    ("city", N_("Where the seller is")),
    ("applicant", N_("Owner")),
)
"""Facets in the order of the page, after the technical field: facet and heading."""


_CONTROLLED = {fields.FACETS[name].filter for name, _ in GROUPS} | {"ipc", "wan_from", "wan_to", "negotiable"}
"""Conditions that the form of the filters has controls for."""


def _groups(facets: Mapping[str, Facet]) -> list[tuple[str, str, list[Option]]]:
    """(facet, heading, options); a facet without options is not shown."""
    groups = [("ipc", gettext("Technical field (IPC)"), _ipc_options(facets))]
    for name, heading in GROUPS:
        options = _region_options(facets) if name == "city" else _options(name, facets.get(name))
        groups.append((name, gettext(heading), options))
    return [group for group in groups if group[2]]


def _options(name: str, facet: Facet | None) -> list[Option]:
    return [
        Option(
            fields.FACETS[name].filter,
            bucket.value,
            gettext(wording.value_name(name, bucket.value)),
            bucket.count,
            bucket.selected,
        )
        for bucket in results.buckets(facet)
    ]


def _ipc_options(facets: Mapping[str, Facet]) -> list[Option]:
    """Sections with their names, each with its most frequent subclasses beneath."""
    subclasses = [
        bucket
        for place, bucket in enumerate(results.buckets(facets.get("ipc_subclass")))
        if place < SUBCLASSES_SHOWN or bucket.selected
    ]
    options: list[Option] = []
    for section in results.buckets(facets.get("ipc_section")):
        name = gettext(wording.value_name("ipc_section", section.value))
        options.append(
            Option("ipc", section.value, f"{section.value} {name}", section.count, section.selected)
        )
        options.extend(
            Option("ipc", bucket.value, bucket.value, bucket.count, bucket.selected, level=2)
            for bucket in subclasses
            if bucket.value.startswith(section.value)
        )
    return options


def _region_options(facets: Mapping[str, Facet]) -> list[Option]:
    """The cities of Fujian, then the other provinces."""
    cities = [option for option in _options("city", facets.get("city")) if option.value.startswith("35")]
    provinces = [option for option in _options("province", facets.get("province")) if option.value != "35"]
    return cities + provinces


def _price_bars(facets: Mapping[str, Facet], chosen: Chosen) -> tuple[list[int], list[bool]] | None:
    """Counts of the price bands for the bars, and which bands are chosen (all where none is)."""
    bands = results.buckets(facets.get("price"))
    if not any(bucket.count for bucket in bands):
        return None
    return [b.count for b in bands], [b.selected or not chosen.get("price") for b in bands]


def _chips(text: str, sort: str, chosen: Chosen) -> list[Chip]:
    chips: list[Chip] = []
    for name, values in chosen.items():
        for value in values:
            rest = {other: [v for v in kept if (other, v) != (name, value)] for other, kept in chosen.items()}
            chips.append(Chip(_chip_text(name, value), _address(text, sort, rest)))
    return chips


def _chip_text(name: str, value: str) -> str:
    if name in conditions.YUAN:
        amount = _amount(name, value)
        if name.endswith("_from"):
            return str(gettext("From %(amount)s", amount=amount))
        return str(gettext("Up to %(amount)s", amount=amount))
    if name == "negotiable":
        return str(gettext("Negotiable prices too"))
    if name == "life_from":
        return str(gettext("At least %(years)s years left", years=value))
    if name == "life_to":
        return str(gettext("At most %(years)s years left", years=value))
    if name == "ipc" and value in wording.IPC_SECTIONS:
        return f"{value} {gettext(wording.IPC_SECTIONS[value])}"
    return str(gettext(wording.value_name(name, value)))


def _amount(name: str, value: str) -> str:
    """An amount as people read it; what is none, as it was typed (the refusal beside it says why)."""
    try:
        fen = conditions.fen(name, value)
    except RuleBroken:
        return value
    return i18n.wan(fen) if fen >= fields.WAN else i18n.money_text(fen)
