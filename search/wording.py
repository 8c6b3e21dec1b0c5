"""What values of filters and facets, and orders, are called: msgids, translated by the face."""

from __future__ import annotations

from collections.abc import Mapping

from exchange.core import labels
from exchange.core.errors import N_
from exchange.listings.models import LicenceKind, ListingKind
from exchange.listings.rules import MATURITIES
from exchange.parties import regions
from exchange.rights import kinds
from exchange.rights.models import EncumbranceKind, RightStatus
from search.documents import NO_BURDEN

IPC_SECTIONS: Mapping[str, str] = {
    "A": N_("Human necessities"),
    "B": N_("Performing operations; transporting"),
    "C": N_("Chemistry; metallurgy"),
    "D": N_("Textiles; paper"),
    "E": N_("Fixed constructions"),
    "F": N_("Mechanical engineering; lighting; heating; weapons; blasting"),
    "G": N_("Physics"),
    "H": N_("Electricity"),
}
"""Sections of the International Patent Classification: letter → msgid."""

PRICE_NAMES: Mapping[str, str] = {
    "0-5": N_("Under 50,000 yuan"),
    "5-20": N_("50,000 to 200,000 yuan"),
    "20-50": N_("200,000 to 500,000 yuan"),
    "50-100": N_("500,000 to 1 million yuan"),
    "100-500": N_("1 to 5 million yuan"),
    "500-": N_("5 million yuan and more"),
}
LIFE_NAMES: Mapping[str, str] = {
    "10-": N_("10 years and more"),
    "5-10": N_("5 to 10 years"),
    "0-5": N_("Less than 5 years"),
}
SORT_NAMES: Mapping[str, str] = {
    "relevance": N_("Most relevant"),
    "newest": N_("Newest first"),
    "price": N_("Price, low to high"),
    "price_desc": N_("Price, high to low"),
    "life": N_("Remaining life, long to short"),
}


def value_name(name: str, value: str) -> str:
    """The msgid of a value of a filter or facet; values that are names themselves (owners) come back as they are."""
    if name == "kind":
        return kinds.KINDS[value].name if value in kinds.KINDS else value
    if name in _NAMED:
        return _NAMED[name].get(value, value)
    if name in ("region", "province", "city"):
        return regions.name(value) or value
    return value


_NAMED: Mapping[str, Mapping[str, str]] = {
    "listing": labels.labels(ListingKind),
    "deal": {
        **labels.labels(ListingKind),
        **{f"{kind.value}_licence": labels.label(kind) for kind in LicenceKind},
        "open_licence": labels.label(ListingKind.OPEN_LICENCE),
    },
    "status": labels.labels(RightStatus),
    "burden": {**labels.labels(EncumbranceKind), NO_BURDEN: N_("No burden on record")},
    "maturity": MATURITIES,
    "ipc_section": IPC_SECTIONS,
    "price": PRICE_NAMES,
    "life": LIFE_NAMES,
}
