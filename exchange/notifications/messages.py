"""Which event reaches whom, in which words: one table.

``relation`` is asked of the event's thing (``thing.parties_for``); ``exchange`` means people with one of the roles on
the exchange. Words may use ``%(title)s`` (what the thing is called), ``%(who)s`` (the party that acted) and the
event's own payload. Messages marked ``letter`` also go out by mail.
"""

from __future__ import annotations

from dataclasses import dataclass

from exchange.core.errors import N_
from exchange.parties.models import Role

_WORKERS = frozenset({Role.AGENT, Role.OWNER_ADMIN})
_SIGNERS = frozenset({Role.SIGNER, Role.AGENT, Role.OWNER_ADMIN})
_MONEY = frozenset({Role.FINANCE, Role.AGENT, Role.OWNER_ADMIN})
_ALL = frozenset({Role.AGENT, Role.OWNER_ADMIN, Role.SIGNER, Role.FINANCE})
_FIRST_KNOWN = ("was", "unknown")
"""A status that is entered for the first time has not changed."""


_BINDING = frozenset({"contract", "deal", "escrow", "filing", "party", "payout", "registration"})


@dataclass(frozen=True)
class Message:
    """One line: people of ``roles`` in the parties of ``relation`` hear of ``event`` in ``words``."""

    event: str
    relation: str
    roles: frozenset[Role]
    words: str
    letter: bool = True
    unless: tuple[str, str] | None = None
    """A value of the event's payload (name, value) with which it is no news."""

    @property
    def binding(self) -> bool:
        """Whether it tells of what binds, of a deadline, of money or of an office: such letters cannot be turned off."""
        return self.event == "offer.accepted" or self.event.partition(".")[0] in _BINDING

    @property
    def name(self) -> str:
        """Names the message within its event: an event may tell two sides different things."""
        return f"{self.event}/{self.relation}"


def _exchange(event: str, role: Role, words: str) -> Message:
    return Message(event, "exchange", frozenset({role}), words, letter=False)


MESSAGES: tuple[Message, ...] = (
    _exchange("party.submitted", Role.OPERATOR, N_("%(title)s asks to be verified.")),
    Message("party.verified", "self", _ALL, N_("%(title)s is verified. You can list and buy now.")),
    Message(
        "party.refused",
        "self",
        _WORKERS,
        N_("%(title)s could not be verified. See the reason and submit again."),
    ),
    Message("party.suspended", "self", _ALL, N_("%(title)s was suspended. See the reason.")),
    _exchange("listing.submitted", Role.REVIEWER, N_("“%(title)s” waits for review.")),
    Message("listing.published", "seller", _WORKERS, N_("“%(title)s” is published.")),
    Message(
        "listing.rejected", "seller", _WORKERS, N_("“%(title)s” was rejected. See the reason and correct it.")
    ),
    Message("listing.suspended", "seller", _WORKERS, N_("“%(title)s” was suspended. See the reason.")),
    Message(
        "listing.expired",
        "seller",
        _WORKERS,
        N_("“%(title)s” has run out. List it again if it is still for sale."),
    ),
    Message("listing.objected", "seller", _WORKERS, N_("Somebody objected to the publicity of “%(title)s”.")),
    _exchange("listing.objected", Role.REVIEWER, N_("An objection to “%(title)s” waits for a decision.")),
    Message("offer.made", "addressee", _WORKERS, N_("%(who)s made an offer for “%(title)s”.")),
    Message(
        "offer.countered",
        "maker",
        _WORKERS,
        N_("%(who)s answered your offer for “%(title)s” with other terms."),
    ),
    Message("offer.accepted", "either", _SIGNERS, N_("The offer for “%(title)s” was accepted.")),
    Message("offer.declined", "maker", _WORKERS, N_("%(who)s declined your offer for “%(title)s”.")),
    Message("offer.withdrawn", "addressee", _WORKERS, N_("%(who)s withdrew the offer for “%(title)s”.")),
    Message("offer.expired", "maker", _WORKERS, N_("Your offer for “%(title)s” ended without an answer.")),
    Message(
        "offer.superseded", "maker", _WORKERS, N_("“%(title)s” went to another buyer; your offer has ended.")
    ),
    # A watcher reads of it at once in the inbox, and in the daily digest by mail (law.md §9 invariant 55).
    Message(
        "right.status_changed",
        "holder",
        _WORKERS,
        N_("The legal status of “%(title)s”, which your organisation holds, has changed."),
        unless=_FIRST_KNOWN,
    ),
    Message(
        "right.status_changed",
        "watcher",
        _WORKERS,
        N_("The legal status of “%(title)s”, which your organisation watches, has changed."),
        letter=False,
        unless=_FIRST_KNOWN,
    ),
    Message(
        "right.encumbered",
        "holder",
        _WORKERS,
        N_("“%(title)s”, which your organisation holds, has a new burden on record."),
    ),
    Message(
        "right.encumbered",
        "watcher",
        _WORKERS,
        N_("“%(title)s”, which your organisation watches, has a new burden on record."),
        letter=False,
    ),
    Message(
        "right.released",
        "watcher",
        _WORKERS,
        N_("A burden of “%(title)s”, which your organisation watches, has ended."),
        letter=False,
    ),
    Message("flow.opened", "either", _SIGNERS, N_("The one-stop file of “%(title)s” is open.")),
    Message(
        "contract.finalised", "either", _SIGNERS, N_("The contract for “%(title)s” is ready to be signed.")
    ),
    Message("contract.signed", "either", _MONEY, N_("The contract for “%(title)s” is signed by all.")),
    Message("escrow.due", "buyer", _MONEY, N_("The price of “%(title)s” is due.")),
    Message("escrow.overdue", "either", _MONEY, N_("The price of “%(title)s” has not been paid in time.")),
    Message(
        "escrow.funded",
        "either",
        _WORKERS,
        N_("The price of “%(title)s” is in escrow. The change of owner can be filed."),
    ),
    Message(
        "escrow.released", "seller", _MONEY, N_("The price of “%(title)s” was credited to your balance.")
    ),
    Message(
        "escrow.refunded", "buyer", _MONEY, N_("The price of “%(title)s” was credited back to your balance.")
    ),
    _exchange(
        "registration.applied", Role.REGISTRAR, N_("The contract for “%(title)s” waits for registration.")
    ),
    Message(
        "registration.supplement_asked",
        "seller",
        _WORKERS,
        N_("The registrar asks for more papers for “%(title)s”."),
    ),
    Message("registration.registered", "either", _WORKERS, N_("The contract for “%(title)s” is registered.")),
    Message(
        "registration.refused",
        "seller",
        _WORKERS,
        N_("The contract for “%(title)s” was not registered. The transfer goes on."),
    ),
    Message("filing.submitted", "either", _WORKERS, N_("The ownership change of “%(title)s” was filed.")),
    Message(
        "filing.deemed_not_filed",
        "either",
        _WORKERS,
        N_("A filing for “%(title)s” counts as not made. File it again."),
    ),
    Message(
        "filing.supplement_asked",
        "either",
        _WORKERS,
        N_("The patent office asks for more papers for “%(title)s”."),
    ),
    _exchange(
        "filing.notice_entered",
        Role.REVIEWER,
        N_("A notice of the patent office for “%(title)s” waits to be verified."),
    ),
    _exchange(
        "registration.notice_entered",
        Role.REVIEWER,
        N_("A registrar’s answer for “%(title)s” waits to be verified."),
    ),
    Message(
        "filing.held",
        "either",
        _WORKERS,
        N_("The ownership change of “%(title)s” is on hold: something stands in the way of its right."),
    ),
    Message("filing.resumed", "either", _WORKERS, N_("The ownership change of “%(title)s” goes on.")),
    Message("filing.recorded", "either", _WORKERS, N_("The new owner of “%(title)s” is recorded.")),
    Message(
        "deal.completed", "either", _ALL, N_("The deal “%(title)s” is complete. The certificate is ready.")
    ),
    Message("deal.rescinded", "either", _ALL, N_("The deal “%(title)s” was rescinded.")),
    _exchange(
        "payout.requested", Role.FINANCE_OFFICER, N_("A payout for %(title)s waits for a second person.")
    ),
    Message("payout.paid", "seller", _MONEY, N_("The payout for %(title)s has left for your bank account.")),
)

BY_EVENT: dict[str, tuple[Message, ...]] = {}
for _message in MESSAGES:
    BY_EVENT[_message.event] = (*BY_EVENT.get(_message.event, ()), _message)

BY_NAME: dict[str, Message] = {message.name: message for message in MESSAGES}
