"""What a contract says of its parties and rights, frozen when it is finalised.

The six facts that the law wants in every contract about a patent (law.md §1.2, §9 invariant 23) are checked here;
whichever is missing is named together with who can supply it. Everything is plain JSON, so that the signed document,
the filing package and the certificate all speak from the same snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from enum import Enum
from typing import Any, Final

from contracts import terms
from contracts.models import Flow, TechnologyContract
from exchange.core import clock, money
from exchange.core.errors import N_, Problem
from exchange.core.labels import labelled
from exchange.parties.models import Party
from exchange.rights import kinds, numbers
from exchange.rights.fees import expiry_of
from exchange.rights.models import EncumbranceKind, Right, RightStatus


@labelled(
    title=N_("name of the invention"),
    owners=N_("applicant or patentee"),
    filed_on=N_("filing date"),
    app_no=N_("application number"),
    patent_no=N_("patent number"),
    expires_on=N_("term of validity"),
)
class Fact(Enum):
    """The six facts that a contract about a patent must state (民法典 Art.845)."""

    TITLE = "title"
    OWNERS = "owners"
    FILED_ON = "filed_on"
    APP_NO = "app_no"
    PATENT_NO = "patent_no"
    EXPIRES_ON = "expires_on"


LICENCES: Final = frozenset(
    {EncumbranceKind.LICENCE, EncumbranceKind.EXCLUSIVE_LICENCE, EncumbranceKind.OPEN_LICENCE}
)


def shown_number(right: Right) -> str:
    """The number of ``right`` as its registry prints it: a granted patent with ``ZL``, else its own number."""
    if right.app_no is None:
        return right.publications[-1].number if right.publications else right.key
    number = numbers.try_parse(right.app_no, kind=right.kind)
    if isinstance(number, numbers.NumberError):
        return right.app_no
    if number.patent_number and right.status is RightStatus.GRANTED:
        return number.patent_number.replace("ZL ", "ZL")
    return number.shown


def right_facts(right: Right) -> dict[str, Any]:
    """The facts of one right for contract, filing package and certificate; an unknown one is ``None``."""
    kind = kinds.of(right.kind)
    number = numbers.try_parse(right.app_no, kind=right.kind) if right.app_no else None
    known = None if number is None or isinstance(number, numbers.NumberError) else number
    granted = right.status is RightStatus.GRANTED
    last = expiry_of(right)
    return {
        "ref": right.ref,
        "kind": right.kind,
        "kind_zh": kind.name_zh,
        "patent": kind.is_patent,
        "granted": granted,
        "title": right.title or None,
        "owners": [{"name": o.name, "share_bp": o.share_bp} for o in right.owners] or None,
        "inventors": list(right.inventors),
        "filed_on": _iso(right.filed_on),
        "granted_on": _iso(right.granted_on),
        "app_no": known.shown if known else right.app_no,
        "patent_no": known.patent_number.replace("ZL ", "ZL") or None if known and granted else None,
        "number": shown_number(right),
        "expires_on": _iso(last) if granted else None,
        "status": right.status.value,
        "status_as_of": _iso(right.status_as_of),
        "fees_paid_through": right.fees_paid_through,
        "licences": [
            {"holder": e.holder, "number": e.register_no, "since": _iso(e.since)}
            for e in right.encumbrances
            if e.kind in LICENCES
        ],
        "pledges": [
            {"holder": e.holder, "number": e.register_no}
            for e in right.encumbrances
            if e.kind is EncumbranceKind.PLEDGE
        ],
    }


def wanted(facts: dict[str, Any]) -> tuple[Fact, ...]:
    """Which of the six facts this right must have: a pending application has no patent number and no term yet."""
    if not facts["patent"]:
        return (Fact.TITLE, Fact.OWNERS)
    if not facts["granted"]:
        return (Fact.TITLE, Fact.OWNERS, Fact.FILED_ON, Fact.APP_NO)
    return tuple(Fact)


def missing_facts(rights: Iterable[Right]) -> list[Problem]:
    """Each of the required facts that is not known, for every right at once; the seller supplies them."""
    found = []
    for right in rights:
        facts = right_facts(right)
        found += [
            Problem(
                "contract.fact_missing",
                N_("“%(title)s” lacks its %(fact)s. The seller supplies it on the page of the right."),
                field=f"rights.{right.ref}.{fact.value}",
                rule="law.md §9 invariant 23; 民法典 Art.845",
                params={"title": right.title, "fact": fact, "who": "seller"},
            )
            for fact in wanted(facts)
            if not facts[fact.value]
        ]
    return found


def party_facts(party: Party) -> dict[str, Any]:
    """The facts of a party as a contract prints them."""
    return {
        "ref": party.ref,
        "kind": party.kind.value,
        "name": party.name,
        "uscc": party.uscc,
        "country": party.country,
        "region": party.region,
        "address": party.address,
        "legal_representative": party.legal_representative,
        "phone": party.phone,
    }


def earliest_expiry(rights: Sequence[Right]) -> date | None:
    """The first day on which one of ``rights`` expires; ``None`` where none is known."""
    return min((last for right in rights if (last := expiry_of(right)) is not None), default=None)


def rights_of(flow: Flow) -> list[Right]:
    """The rights of ``flow`` in the order of its filings."""
    return [filing.right for filing in flow.filings]


def take(flow: Flow, contract: TechnologyContract, *, version: int) -> dict[str, Any]:
    """The snapshot that the document is printed from."""
    deal = flow.deal
    kind = terms.KINDS[contract.kind]
    return {
        "made_on": clock.today().isoformat(),
        "version": version,
        "flow": flow.ref,
        "deal": deal.ref,
        "contract": contract.ref,
        "kind": contract.kind,
        "kind_zh": kind.name_zh,
        "seller": party_facts(deal.seller),
        "buyer": party_facts(deal.buyer),
        "price_fen": contract.price_fen,
        "price": money.yuan(contract.price_fen),
        "price_words": money.in_words(contract.price_fen),
        "technology_fen": contract.technology_fen,
        "technology": money.yuan(contract.technology_fen),
        "rights": [
            right_facts(filing.right)
            | {"price_fen": filing.price_fen, "price": money.yuan(filing.price_fen), "filing": filing.ref}
            for filing in flow.filings
        ],
        "terms": terms.filled(contract.terms),
    }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
