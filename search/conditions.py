"""Conditions as people write them in an address or on a command line, read into filters.

``ipc=H01M&deal=transfer&price_from=50000&negotiable=1``: prices in yuan, or in units of 10,000 yuan as ``wan_from``
and ``wan_to``; ``life_from`` in whole years.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from exchange.core.errors import N_, RuleBroken
from search import fields
from search.engine import Filter

MAX_VALUES = 50
"""So many values of one filter at most."""

YUAN = {"price_from": 1, "price_to": 1, "wan_from": 10_000, "wan_to": 10_000}
_LIFE = ("life_from", "life_to")
NAMES = (*fields.FILTERS, *YUAN, "negotiable", *_LIFE)


def read(chosen: Mapping[str, Sequence[str]]) -> tuple[Filter, ...]:
    """The filters of ``{name: values}``. Raises ``RuleBroken`` naming what it cannot read; blank values count not."""
    given = {name: [v.strip() for v in values if v.strip()] for name, values in chosen.items()}
    found: dict[str, Filter] = {}
    for name, values in given.items():
        if not values:
            continue
        if name in fields.FILTERS:
            found[name] = Filter(name, any_of=tuple(dict.fromkeys(values[:MAX_VALUES])))
        elif name not in NAMES:
            raise RuleBroken(
                "search.unknown_filter",
                N_("There is no filter “%(name)s”. Filters are: %(names)s."),
                field=name,
                name=name,
                names=", ".join(NAMES),
            )
    for filter_ in (_price(given, found.get("price")), _life(given, found.get("life"))):
        if filter_ is not None:
            found[filter_.name] = filter_
    return tuple(found.values())


def _first(given: Mapping[str, Sequence[str]], name: str) -> str | None:
    return next(iter(given.get(name, ())), None)


def _price(given: Mapping[str, Sequence[str]], bands: Filter | None) -> Filter | None:
    ends: dict[str, int] = {}
    for name in YUAN:
        if (typed := _first(given, name)) is not None:
            ends[name.partition("_")[2]] = fen(name, typed)
    negotiable = _first(given, "negotiable") in ("1", "true", "yes", "on")
    if not ends and not negotiable:
        return bands
    return Filter(
        "price",
        any_of=bands.any_of if bands else (),
        low=ends.get("from"),
        high=ends.get("to"),
        or_missing=negotiable,
    )


def fen(name: str, typed: str) -> int:
    """The amount that was typed for one of the price conditions, in fen. Raises ``RuleBroken``."""
    try:
        amount = Decimal(typed.replace(",", "")) * YUAN[name] * 100
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < 10**17:
        raise RuleBroken(
            "search.bad_filter",
            N_("The filter “%(name)s” cannot be “%(value)s”."),
            field=name,
            name=name,
            value=typed[:80],
        )
    return int(amount)


def _life(given: Mapping[str, Sequence[str]], bands: Filter | None) -> Filter | None:
    ends: dict[str, int] = {}
    for name in _LIFE:
        if (typed := _first(given, name)) is None:
            continue
        if not typed.isascii() or not typed.isdigit() or int(typed) > 200:
            raise RuleBroken(
                "search.bad_filter",
                N_("The filter “%(name)s” cannot be “%(value)s”."),
                field=name,
                name=name,
                value=typed[:80],
            )
        ends[name.partition("_")[2]] = int(typed)
    if not ends:
        return bands
    return Filter("life", any_of=bands.any_of if bands else (), low=ends.get("from"), high=ends.get("to"))
