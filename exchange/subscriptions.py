"""Which event reaches whom: the table of subscribers, and how things are found for notices."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from contracts import filings, onestop
from contracts.models import (
    Consent,
    ContractRegistration,
    Filing,
    Flow,
    OfficeNotice,
    Payout,
    TechnologyContract,
)
from exchange.core.db import session
from exchange.core.events import Event, Subscriber
from exchange.deals import actions as deals
from exchange.deals.models import Deal, Offer
from exchange.listings import actions as listings
from exchange.listings.models import Listing, Objection
from exchange.notifications import actions as notifications
from exchange.notifications import door
from exchange.notifications.actions import Resolver
from exchange.notifications.messages import BY_EVENT
from exchange.parties.models import Party
from exchange.rights import actions as rights
from exchange.rights.models import Right
from search import indexer


def _tell(batch: list[Event]) -> None:
    for event in batch:
        notifications.tell(event)


SUBSCRIBERS: tuple[Subscriber, ...] = (
    Subscriber(
        "rights.link_party", ("party.verified", "party.name_verified"), rights.link_party, prompt=True
    ),
    Subscriber(
        "listings.follow_right",
        ("right.status_changed", "right.encumbered"),
        listings.on_right_event,
        prompt=True,
    ),
    Subscriber("contracts.open_flow", ("deal.agreed",), onestop.on_deal_agreed, prompt=True),
    Subscriber(
        "contracts.follow_right",
        ("right.status_changed", "right.encumbered", "right.released"),
        onestop.on_right_event,
        prompt=True,
    ),
    Subscriber("contracts.hand_over", ("filing.submitted",), filings.hand_over),
    Subscriber("deals.follow_listing", ("listing.withdrawn", "listing.expired"), deals.on_listing_event),
    Subscriber("notifications", tuple(BY_EVENT), handle_batch=_tell),
    Subscriber("letters_of_the_door", ("member.invited", "user.reset_asked"), door.tell, prompt=True),
    Subscriber(
        "search",
        ("listing.*", "right.*", "deal.*", "offer.accepted", "party.verified", "party.suspended"),
        handle_batch=indexer.handle,
    ),
)


def _by_ref(model: Any) -> Any:
    return lambda ref: session.scalar(select(model).where(model.ref == ref))


def _deal_title(deal: Deal) -> str:
    return deal.listing.title


RESOLVERS: dict[str, Resolver] = {
    "PT": Resolver(_by_ref(Party), lambda party: party.name, "/parties/%s"),
    "RT": Resolver(_by_ref(Right), lambda right: right.title, "/rights/%s"),
    "LS": Resolver(_by_ref(Listing), lambda listing: listing.title, "/listings/%s"),
    "OB": Resolver(_by_ref(Objection), lambda objection: objection.publicity.listing.title, ""),
    "OF": Resolver(_by_ref(Offer), lambda offer: offer.listing.title, "/offers/%s"),
    "DL": Resolver(_by_ref(Deal), _deal_title, "/deals/%s"),
    "FL": Resolver(_by_ref(Flow), lambda flow: flow.deal.listing.title, "/flows/%s"),
    "TC": Resolver(_by_ref(TechnologyContract), lambda contract: contract.flow.deal.listing.title, ""),
    "CO": Resolver(_by_ref(Consent), lambda consent: consent.flow.deal.listing.title, ""),
    "CR": Resolver(_by_ref(ContractRegistration), lambda one: one.flow.deal.listing.title, ""),
    "FI": Resolver(_by_ref(Filing), lambda filing: filing.right.title, ""),
    "ON": Resolver(_by_ref(OfficeNotice), lambda notice: notice.flow.deal.listing.title, ""),
    "PO": Resolver(_by_ref(Payout), lambda payout: payout.party.name, "/ledger"),
}
