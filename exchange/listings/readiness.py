"""What must be in order before a right is offered: content, holdings, obstacles, gates, limits of trade.

Each check answers with every problem it finds, so that a page can show them all before anybody presses a button.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from exchange.core import clock, money
from exchange.core.db import session
from exchange.core.errors import N_, Conflict, Invalid, Problem, RuleBroken
from exchange.listings import rules
from exchange.listings.models import Listing, ListingItem, ListingKind, ListingStatus
from exchange.parties.models import Party
from exchange.rights.models import Holding, Right
from exchange.rights.obstacles import CO_OWNERS, EXCLUSIVE, LICENSE, PLEDGEE, TRANSFER, Obstacle, obstacles

MAX_RIGHTS = 200
"""How many rights one listing may offer: a portfolio, not a register."""

STATEMENTS: dict[str, type] = {
    "co_owner_consents": list,
    "internal_decision": str,
    "licences_disclosed": str,
    "pledgee_consent": str,
    "inventors_notified": bool,
    "continued_use": str,
    "payment": str,
    "includes": str,
}
"""What a seller may state in ``Listing.terms``: names of consenting co-owners; number and date of the internal
decision; existing licences; the pledgee's agreement to the sale; whether the inventors were told; the seller's continued use (law.md §1.2); wishes for
payment; what comes with the right (samples, know-how, training)."""


def rights_of(listing: Listing) -> list[Right]:
    """The rights of ``listing`` in its order, as the database has them now."""
    ids = [item.right_id for item in listing.items]
    query = select(Right).where(Right.id.in_(ids)).execution_options(populate_existing=True)
    found = {right.id: right for right in session.scalars(query)}
    return [found[id_] for id_ in ids]


def names_of(party: Party) -> list[str]:
    """The name of ``party`` and its verified further names: an owner of record under one of them is the party."""
    return [party.name, *(name.name for name in party.names if name.verified)]


def gates_of(listing: Listing, rights: Sequence[Right] | None = None) -> list[rules.Gate]:
    """What must be at hand before publication, and whether it is; ``rights`` where they have been read already."""
    known = rights_of(listing) if rights is None else rights
    return rules.gates(listing, known, names_of(listing.seller))


def standing_in_the_way(listing: Listing, rights: Iterable[Right]) -> list[Obstacle]:
    """What register and holdings hold against listing ``rights`` today, each reason once per right.

    Co-owners are asked for by a gate of their own. A stated consent of the pledgee lets a pledged right be offered;
    the contract needs it again, naming the buyer (law.md §9 invariant 14).
    """
    agreed = {CO_OWNERS, *({PLEDGEE} if listing.terms.get("pledgee_consent") else ())}
    found: list[Obstacle] = []
    for right in rights:
        seen = obstacles(right, "list", party=listing.seller, agreed=agreed)
        codes = {one.code for one in seen}
        burdens = obstacles(right, act_of(listing), agreed=agreed)
        found += seen + [b for b in burdens if b.code.startswith("burden.") and b.code not in codes]
    return found


def in_the_way_of_the_deal(listing: Listing) -> list[Problem]:
    """What stands against transferring or licensing the rights of ``listing`` today, for the moment of agreement."""
    agreed = {CO_OWNERS, *({PLEDGEE} if listing.terms.get("pledgee_consent") else ())}
    return [
        Problem(found.code, found.message, field="listing", rule=found.rule, params=dict(found.params))
        for right in rights_of(listing)
        for found in obstacles(right, act_of(listing), party=listing.seller, agreed=agreed)
    ]


def act_of(listing: Listing) -> str:
    """What a deal on ``listing`` does with the right, in the words of ``rights.obstacles``."""
    if listing.kind is not ListingKind.LICENCE:
        return TRANSFER
    return EXCLUSIVE if listing.exclusive else LICENSE


def may_be_submitted(listing: Listing) -> list[Problem]:
    """Everything that ``submit`` would refuse today, for the task list of a draft."""
    found = [] if listing.seller.verified else [NOT_VERIFIED]
    return found + everything(listing, rights_of(listing))


def everything(listing: Listing, rights: Sequence[Right]) -> list[Problem]:
    """Obstacles, limits of trade and gates together."""
    return (
        obstacle_problems(listing, rights) + trade_problems(listing, rights) + gate_problems(listing, rights)
    )


NOT_VERIFIED = Problem(
    "party.not_verified",
    N_(
        "The exchange has not verified your organisation yet. Complete its data and submit it for verification."
    ),
    field="listing",
    rule="law.md §7.1",
)


def held_rights(seller: Party, right_refs: Sequence[str]) -> list[Right]:
    """The rights that ``seller`` has claimed, in this order.

    Raises ``RuleBroken`` (``listing.rights_count``, ``listing.no_holding`` naming what was not claimed).
    """
    refs = list(dict.fromkeys(right_refs))
    if not refs or len(refs) > MAX_RIGHTS:
        raise RuleBroken(
            "listing.rights_count",
            N_("Choose at least one right and at most %(most)s."),
            field="right_refs",
            most=MAX_RIGHTS,
        )
    query = (
        select(Right)
        .join(Holding, Holding.right_id == Right.id)
        .where(Right.ref.in_(refs), Holding.party_id == seller.id, Holding.ended_at.is_(None))
    )
    found = {right.ref: right for right in session.scalars(query)}
    if strange := [ref for ref in refs if ref not in found]:
        raise RuleBroken(
            "listing.no_holding",
            N_("%(refs)s: your organisation has not claimed this right. Claim it first, then list it."),
            field="right_refs",
            rule="law.md §7.1",
            refs=", ".join(strange),
        )
    return [found[ref] for ref in refs]


def check_price(price_fen: int | None) -> None:
    """Raise ``RuleBroken`` (``listing.price``) for an amount that is no price; ``None`` is negotiable."""
    if price_fen is not None and not 0 < price_fen <= money.MAX_FEN:
        raise RuleBroken(
            "listing.price",
            N_("The price is more than zero yuan. Leave it empty where it is negotiable."),
            field="price",
        )


def check_content(listing: Listing) -> None:
    """Raise ``Invalid`` with everything that is wrong with what the seller wrote."""
    check_price(listing.price_fen)
    problems = []
    if not listing.title:
        problems.append(Problem("listing.title", N_("Give the listing a title."), field="title"))
    if claim := rules.claim_in(listing.title, listing.title_en, listing.summary):
        problems.append(
            Problem(
                "listing.claim",
                N_(
                    "“%(claim)s” is not allowed: no public office and no exchange recommends a product. Remove it."
                ),
                field="summary",
                rule="law.md §9 invariant 72",
                params={"claim": claim},
            )
        )
    if listing.maturity is not None and listing.maturity not in rules.MATURITIES:
        problems.append(Problem("listing.maturity", N_("Choose a maturity from the list."), field="maturity"))
    if listing.kind is not ListingKind.LICENCE and (
        listing.licence_kind or listing.licence_years or listing.licence_region
    ):
        problems.append(
            Problem(
                "listing.licence_terms",
                N_("Kind, years and region belong to a licence. Leave them empty for a transfer."),
                field="licence_kind",
            )
        )
    if listing.licence_years is not None and not 1 <= listing.licence_years <= 50:
        problems.append(
            Problem("listing.licence_years", N_("A licence runs from 1 to 50 years."), field="licence_years")
        )
    for key, value in listing.terms.items():
        if key not in STATEMENTS or not isinstance(value, STATEMENTS[key]):
            problems.append(
                Problem(
                    "listing.statement",
                    N_("“%(key)s” is not a statement of a listing, or has the wrong shape."),
                    field="terms",
                    params={"key": key},
                )
            )
    if problems:
        raise Invalid(problems)


def refuse_other_live(listing: Listing) -> None:
    """Raise ``Conflict`` (``listing.already_live``) naming the listing of this kind that occupies one of the rights."""
    query = (
        select(Listing.ref, Right.title)
        .join(ListingItem, ListingItem.listing_id == Listing.id)
        .join(Right, Right.id == ListingItem.right_id)
        .where(
            ListingItem.live,
            ListingItem.kind == listing.kind,
            ListingItem.right_id.in_([item.right_id for item in listing.items]),
            Listing.id != listing.id,
        )
        .order_by(Listing.id)
    )
    other = session.execute(query).first()
    if other is not None:
        raise Conflict(
            "listing.already_live",
            N_("“%(title)s” is already listed as %(other)s. Wait until that listing ends, or withdraw it."),
            field="right_refs",
            rule="law.md §3.7",
            title=other.title,
            other=other.ref,
        )


def obstacle_problems(listing: Listing, rights: Iterable[Right]) -> list[Problem]:
    """``standing_in_the_way`` as problems of the fields that mend them."""
    return [
        Problem(
            found.code,
            found.message,
            field="pledgee_consent" if found.waiver == PLEDGEE else "right_refs",
            rule=found.rule,
            params=dict(found.params),
        )
        for found in standing_in_the_way(listing, rights)
    ]


def trade_problems(listing: Listing, rights: Sequence[Right]) -> list[Problem]:
    """No fractions, no crowd of holders, no quick resale (law.md §9 invariant 65)."""
    today = clock.today()
    problems: list[Problem] = []
    problems += [
        Problem(
            "listing.holders",
            N_("“%(title)s” has more holders than one object of trade may have. It cannot be listed."),
            field="right_refs",
            rule="exchange.holders_max",
            params={"title": right.title},
        )
        for right in rights
        if rules.too_many_holders(right, today)
    ]
    if listing.kind is ListingKind.TRANSFER:
        sold = (
            select(Listing.ended_at, Right.title)
            .join(ListingItem, ListingItem.listing_id == Listing.id)
            .join(Right, Right.id == ListingItem.right_id)
            .where(
                Listing.status == ListingStatus.SOLD,
                Listing.kind == ListingKind.TRANSFER,
                ListingItem.right_id.in_([right.id for right in rights]),
                Listing.ended_at.is_not(None),
            )
        )
        for ended_at, title in session.execute(sold):
            if ended_at is not None and today < (first := rules.resale_from(ended_at)):
                problems.append(
                    Problem(
                        "listing.resale_gap",
                        N_(
                            "“%(title)s” was bought here a few days ago. It can be listed again from %(when)s."
                        ),
                        field="right_refs",
                        rule="exchange.resale_gap",
                        params={"title": title, "when": first},
                    )
                )
    return problems


def gate_problems(listing: Listing, rights: Sequence[Right]) -> list[Problem]:
    """Gates that are not met, each with its field and its way out."""
    seller_names = names_of(listing.seller)
    problems = []
    for gate in rules.gates(listing, rights, seller_names):
        if gate.met or gate.key == "pledgee_consent":  # the obstacle says it already
            continue
        if gate.key == "consents":
            missing = rules.missing_consents(
                rights, listing.seller_id, seller_names, listing.terms.get("co_owner_consents", ())
            )
            problems.append(
                Problem(
                    gate.code,
                    N_("The consent of these co-owners is missing: %(names)s. Ask them, then declare it."),
                    field="co_owner_consents",
                    rule=gate.rule,
                    params={"names": "、".join(missing)},
                )
            )
        else:
            problems.append(Problem(gate.code, gate.message, field=gate.key, rule=gate.rule))
    return problems


def refuse(problems: list[Problem]) -> None:
    """Raise ``Invalid`` (``listing.obstacles``) where there is any problem."""
    if problems:
        raise Invalid(problems, "listing.obstacles", N_("Something stands in the way of this listing."))
