"""Decisions about listings: publicity of a price, consents, gates, shares of a price. Pure: values in, values out.

Publicity binds universities and research institutes that set the price by agreement: name and price are published
for 15 full days, and nobody signs before they are over or while an objection is open (law.md §4.1, §9 invariant 20).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from exchange import rulebook
from exchange.core import clock, money
from exchange.core.errors import N_, Problem
from exchange.listings.models import LicenceKind, Listing, ListingKind, Publicity
from exchange.parties.models import PartyKind
from exchange.rights.models import EncumbranceKind, Right

OPEN_KINDS = frozenset({ListingKind.TRANSFER, ListingKind.LICENCE})
"""Kinds that people can list today."""

MATURITIES: dict[str, str] = {
    "laboratory": N_("Laboratory stage"),
    "small_trial": N_("Small trial"),
    "pilot": N_("Pilot scale"),
    "industrial": N_("Ready for industry"),
}
"""How far a result is developed (law.md §8): value → msgid."""

FULL_SHARE = 10_000
"""All of a price, in basis points."""


# -- publicity ---------------------------------------------------------------------------------------


class PriceMode(Enum):
    """How the price comes about: by agreement of the two sides, or by open bidding."""

    AGREEMENT = "agreement"
    BIDDING = "bidding"


def price_mode(kind: ListingKind) -> PriceMode:
    """How the price of this kind of listing comes about: pledges are realised by bidding, all else by agreement."""
    return PriceMode.BIDDING if kind is ListingKind.PLEDGE_DISPOSAL else PriceMode.AGREEMENT


def needs_publicity(seller: PartyKind, mode: PriceMode) -> bool:
    """Whether name and price must be published before signing (law.md §4.1; S6 Art.18)."""
    return mode is PriceMode.AGREEMENT and seller in {PartyKind.UNIVERSITY, PartyKind.INSTITUTE}


def bound_by_publicity(listing: Listing) -> bool:
    """Whether the price of ``listing`` must be published before signing."""
    return needs_publicity(listing.seller.kind, price_mode(listing.kind))


def publicity_days(day: date) -> int:
    """How many full days the publicity that starts on ``day`` lasts (rulebook ``univ.publicity``)."""
    return rulebook.as_of("univ.publicity", day).number


def first_full_day(started_at: datetime) -> date:
    """The first day that counts: the one after the Beijing day of the start, whatever the hour."""
    return clock.beijing(started_at).date() + timedelta(days=1)


def signing_from(started_at: datetime, days: int) -> datetime:
    """When signing opens: 00:00 in Beijing after ``days`` full days, working day or not."""
    return clock.at_beijing_midnight(first_full_day(started_at) + timedelta(days=days))


def ran_in_full(publicity: Publicity, now: datetime) -> bool:
    """Whether all its days are over and it was not ended before."""
    ended = publicity.ended_at
    return publicity.signing_from <= now and (ended is None or ended >= publicity.signing_from)


def stands(publicity: Publicity, now: datetime) -> bool:
    """Whether it is running or ran in full, and no objection against it was upheld."""
    if any(objection.upheld for objection in publicity.objections):
        return False
    return publicity.ended_at is None or ran_in_full(publicity, now)


def covers(publicity: Publicity, *, name: str, price_fen: int, buyer_is_inventor: bool = False) -> bool:
    """Whether what was published is what is to be signed.

    The name is the same, the price agreed is not lower than the price published, and a buyer who is an inventor is
    named as such.
    """
    return (
        publicity.name == name
        and price_fen >= publicity.price_fen
        and (publicity.buyer_is_inventor or not buyer_is_inventor)
    )


def open_objections(publicity: Publicity) -> int:
    """How many objections nobody has decided yet."""
    return sum(1 for objection in publicity.objections if objection.decided_at is None)


def find_publicity(
    listing: Listing, price_fen: int, now: datetime, *, buyer_is_inventor: bool = False
) -> Publicity | None:
    """The publicity that covers a signing at ``price_fen``: the one that opens first, ``None`` where there is none."""
    found = [
        publicity
        for publicity in listing.publicities
        if stands(publicity, now)
        and covers(publicity, name=listing.title, price_fen=price_fen, buyer_is_inventor=buyer_is_inventor)
    ]
    return min(found, key=lambda publicity: publicity.signing_from, default=None)


class Signing(NamedTuple):
    """Whether the publicity lets the parties sign, from when, and what is still in the way."""

    open: bool
    when: datetime | None
    reasons: tuple[Problem, ...]


def signing_open(
    listing: Listing, price_fen: int, now: datetime, *, buyer_is_inventor: bool = False
) -> Signing:
    """Whether a contract at ``price_fen`` may be signed at ``now`` as far as publicity goes (invariant 20).

    ``when`` is the instant at which signing opens (or opened), ``None`` where no publicity leads there.
    """
    if not bound_by_publicity(listing):
        return Signing(True, listing.published_at, ())
    publicity = find_publicity(listing, price_fen, now, buyer_is_inventor=buyer_is_inventor)
    if publicity is None:
        return Signing(
            False,
            None,
            (
                Problem(
                    "publicity.none",
                    N_(
                        "This name and price have not been published. Publicity starts when the price is agreed."
                    ),
                    field="price",
                    rule="law.md §4.1",
                ),
            ),
        )
    reasons = []
    if now < publicity.signing_from:
        reasons.append(
            Problem(
                "publicity.running",
                N_("The price is public until %(last)s. Signing opens on %(when)s at 00:00 Beijing time."),
                field="price",
                rule="univ.publicity",
                params={
                    "last": last_day(publicity),
                    "when": clock.beijing(publicity.signing_from).date(),
                },
            )
        )
    if count := open_objections(publicity):
        reasons.append(
            Problem(
                "publicity.objection",
                N_("%(count)s objection(s) against the price are open. Signing waits for the decision."),
                field="price",
                rule="law.md §4.1",
                params={"count": count},
            )
        )
    return Signing(not reasons, publicity.signing_from, tuple(reasons))


def last_day(publicity: Publicity) -> date:
    """The last full day of the publicity, in Beijing."""
    return clock.beijing(publicity.signing_from).date() - timedelta(days=1)


def day_of(publicity: Publicity, now: datetime) -> tuple[int, int]:
    """Which day of the publicity ``now`` lies in, and of how many: (0, 15) on the day of the start, at most (15, 15)."""
    total = (clock.beijing(publicity.signing_from).date() - publicity.first_day).days
    gone = (clock.beijing(now).date() - publicity.first_day).days + 1
    return max(0, min(gone, total)), total


def is_inventor(buyer_name: str, rights: Iterable[Right], declared: bool) -> bool:
    """Whether the buyer is an inventor of one of the rights, or says that they are or are close to one."""
    return declared or any(buyer_name in right.inventors for right in rights)


# -- consents and gates ------------------------------------------------------------------------------


def needs_all_owners(kind: ListingKind, licence: LicenceKind | None) -> bool:
    """Whether every co-owner must agree: for all but an ordinary licence (law.md §9 invariant 12)."""
    return not (kind is ListingKind.LICENCE and licence in (None, LicenceKind.ORDINARY))


def other_owners(right: Right, seller_id: int, seller_names: Iterable[str]) -> list[str]:
    """The owners of record beside the seller, by name."""
    own = set(seller_names)
    return [owner.name for owner in right.owners if owner.party_id != seller_id and owner.name not in own]


def missing_consents(
    rights: Iterable[Right], seller_id: int, seller_names: Iterable[str], consents: Iterable[str]
) -> list[str]:
    """Co-owners of ``rights`` whose consent is not declared, each once."""
    own, given = list(seller_names), set(consents)
    wanted = (name for right in rights for name in other_owners(right, seller_id, own))
    return list(dict.fromkeys(name for name in wanted if name not in given))


def existing_licences(rights: Iterable[Right]) -> bool:
    """Whether a licence is on record for one of ``rights``; it goes with the right (law.md §9 invariant 19)."""
    kinds = {EncumbranceKind.LICENCE, EncumbranceKind.EXCLUSIVE_LICENCE, EncumbranceKind.OPEN_LICENCE}
    return any(burden.kind in kinds for right in rights for burden in right.encumbrances)


@dataclass(frozen=True)
class Gate:
    """One thing that must be at hand before publication: what the seller states for it, and whether they did."""

    key: str
    label: str
    met: bool
    statement: str
    code: str
    message: str
    rule: str


def gates(listing: Listing, rights: Sequence[Right], seller_names: Iterable[str]) -> list[Gate]:
    """The gates of ``listing`` (law.md §7.1 VERIFIED → GATED): only those that apply."""
    terms: Mapping[str, Any] = listing.terms
    found = []
    missing = missing_consents(rights, listing.seller_id, seller_names, terms.get("co_owner_consents", ()))
    shared = any(len(right.owners) > 1 for right in rights)
    if shared and needs_all_owners(listing.kind, listing.licence_kind):
        found.append(
            Gate(
                "consents",
                N_("Consent of every co-owner"),
                not missing,
                "、".join(terms.get("co_owner_consents", ())),
                "listing.consent_missing",
                N_("The consent of every co-owner must be declared."),
                "law.md §9 invariant 12",
            )
        )
    if listing.seller.kind in {PartyKind.UNIVERSITY, PartyKind.INSTITUTE}:
        found.append(
            Gate(
                "internal_decision",
                N_("Internal decision of the university or institute"),
                bool(terms.get("internal_decision")),
                str(terms.get("internal_decision", "")),
                "listing.decision_missing",
                N_("State the number and date of your unit's decision to transfer or license."),
                "law.md §4.1",
            )
        )
    if existing_licences(rights):
        found.append(
            Gate(
                "licences_disclosed",
                N_("Existing licences are disclosed"),
                bool(terms.get("licences_disclosed")),
                str(terms.get("licences_disclosed", "")),
                "listing.licences_undisclosed",
                N_("A licence is on record. Describe it: it goes with the right to the buyer."),
                "law.md §1.2",
            )
        )
    if any(burden.kind is EncumbranceKind.PLEDGE for right in rights for burden in right.encumbrances):
        found.append(
            Gate(
                "pledgee_consent",
                N_("The pledgee agrees to the sale"),
                bool(terms.get("pledgee_consent")),
                str(terms.get("pledgee_consent", "")),
                "listing.pledgee_consent_missing",
                N_(
                    "The right is pledged. State the pledgee's written agreement: who, when, for which right."
                ),
                "law.md §9 invariant 14",
            )
        )
    if listing.kind is ListingKind.TRANSFER and listing.seller.kind is not PartyKind.PERSON:
        found.append(
            Gate(
                "inventors_notified",
                N_("The inventors were told of the sale and its terms"),
                bool(terms.get("inventors_notified")),
                "",
                "listing.inventors_not_notified",
                N_("Tell the inventors first: under the same conditions they may buy before others."),
                "law.md §1.2",
            )
        )
    return found


# -- what may be offered -----------------------------------------------------------------------------

CLAIMS = ("官方推荐", "政府推荐", "国家推荐", "平台推荐", "交易所推荐", "officially recommended")
"""Words that make a public office or the exchange vouch for a product (law.md §8; §9 invariant 72)."""


def claim_in(*texts: str | None) -> str | None:
    """The first forbidden recommendation in ``texts``, or ``None``."""
    joined = " ".join(text or "" for text in texts)
    plain = joined.casefold()
    return next((claim for claim in CLAIMS if claim in plain), None)


def resale_from(sold_at: datetime) -> date:
    """The first day on which a right that was bought here may be offered again (law.md §9 invariant 65)."""
    sold_on = clock.beijing(sold_at).date()
    gap = rulebook.as_of("exchange.resale_gap", sold_on).number
    return clock.add_working_days(sold_on, gap)[0]


def too_many_holders(right: Right, day: date) -> bool:
    """Whether more persons hold the right than may hold one object (law.md §9 invariant 65)."""
    return len(right.owners) > rulebook.as_of("exchange.holders_max", day).number


def expires_at(published_at: datetime) -> datetime:
    """When a listing published at this instant ends: after ``listing.period`` days, at the end of the Beijing day."""
    day = clock.beijing(published_at).date()
    return clock.end_of_beijing_day(day + timedelta(days=rulebook.as_of("listing.period", day).number))


# -- shares of the price -----------------------------------------------------------------------------


def price_shares(weights: Sequence[int]) -> list[int]:
    """Basis points of the price per right, by weight, together exactly 10,000."""
    return money.allocate(FULL_SHARE, weights)


def item_prices(listing: Listing, price_fen: int) -> dict[int, int]:
    """Fen of ``price_fen`` per right (id of the right → fen); together exactly the price."""
    shares = [item.price_share_bp or 0 for item in listing.items]
    if not any(shares):
        shares = [1] * len(listing.items)
    parts = money.allocate(price_fen, shares)
    return {item.right_id: part for item, part in zip(listing.items, parts, strict=True)}
