"""What a deal may mean for the seller's income tax: an estimate to show beside the registration, never tax advice.

Income from technology transfer is exempt up to a yearly cap and half taxed above it, and only with the registration
that the law asks for (law.md §1.6, §9 invariant 36). Amounts are integer fen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from contracts import flows
from contracts.models import FilingKind, Flow, RegistrationStatus
from exchange import rulebook
from exchange.core import clock
from exchange.core.errors import N_
from exchange.parties.models import PartyKind

EXCLUDED: Final = frozenset({"trademark", "copyright", "data_ip", "geographical_indication", "know_how"})
"""Kinds of rights whose income is not relieved (law.md §1.6 lists those whose is)."""


@dataclass(frozen=True)
class Relief:
    """The estimate: ``exempt_fen`` is free of income tax, of ``halved_fen`` half is taxed; ``reason`` is a msgid."""

    applies: bool
    reason: str
    exempt_fen: int = 0
    halved_fen: int = 0


def split(income_fen: int, day: date) -> tuple[int, int]:
    """``income_fen`` of one tax year in its exempt and its halved part (rulebook ``cit.exempt_cap``).

    A loss has neither.
    """
    cap = rulebook.as_of("cit.exempt_cap", day).fen
    exempt = min(max(income_fen, 0), cap)
    return exempt, max(income_fen, 0) - exempt


def relief(flow: Flow, *, pattern_only: bool = False) -> Relief:
    """What the seller may expect for the technology amount of this deal alone, as if it had no cost and no other income.

    ``pattern_only``: a design that only changes pattern or shape has no relief.
    """
    seller = flow.deal.seller
    day = clock.today()
    registration = flows.registration_of(flow)
    if seller.kind is PartyKind.PERSON:
        return Relief(False, N_("Natural persons pay another tax; this relief is for organisations."))
    if pattern_only or any(filing.right.kind in EXCLUDED for filing in flow.filings):
        return Relief(False, N_("Income from rights of this kind is not relieved."))
    if any(filing.kind is FilingKind.LICENCE for filing in flow.filings) and not _five_years(flow):
        return Relief(False, N_("A licence must run for at least five years."))
    if flow.clearance is not None:
        return Relief(
            False, N_("A contract with a party abroad is registered with the commerce authority for this.")
        )
    if registration is None or registration.status is not RegistrationStatus.REGISTERED:
        return Relief(False, N_("Without registration of the contract there is no relief."))
    exempt, halved = split(registration.technology_fen or 0, day)
    return Relief(
        True,
        N_(
            "Estimate for this deal alone; costs and other income of the year change it. This is no tax advice."
        ),
        exempt,
        halved,
    )


def _five_years(flow: Flow) -> bool:
    licence = flows.contract_of(flow).terms.get("licence") or {}
    try:
        start, end = (date.fromisoformat(str(licence[name])) for name in ("from", "until"))
    except (KeyError, ValueError):
        return False
    return end >= clock.add_years(start, 5)
