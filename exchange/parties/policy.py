"""Who may do what to which thing: one table, and the Actor that asks it.

A rule names the roles that may, and the relation in which the actor's party must stand to the thing. ``exchange``
means a role given by the exchange (operator) or the registrar's desk; it needs no relation. A token narrows its
owner further by scopes. The people of a suspended party can still read what is theirs, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import NoReturn, Protocol

from exchange.core.errors import N_, NotAllowed, NotFound
from exchange.parties.models import EXCHANGE_ROLES, Party, PartyKind, PartyStatus, Role, User


class Permission(Enum):
    """``resource.action``, in alphabetical order."""

    AUDIT_READ = "audit.read"
    CONTRACT_DRAFT = "contract.draft"
    CONTRACT_SIGN = "contract.sign"
    DEAL_READ = "deal.read"
    DEAL_RESCIND = "deal.rescind"
    DELIVERY_RETRY = "delivery.retry"
    DESK_READ = "desk.read"
    ESCROW_PAY_OUT = "escrow.pay_out"
    ESCROW_RECEIVE = "escrow.receive"
    FILING_ANSWER = "filing.answer"
    FILING_SUBMIT = "filing.submit"
    FILING_VERIFY = "filing.verify"
    FLOW_ATTACH = "flow.attach"
    FLOW_READ = "flow.read"
    LEDGER_READ = "ledger.read"
    LISTING_DRAFT = "listing.draft"
    LISTING_OBJECT = "listing.object"
    LISTING_READ = "listing.read"
    LISTING_REVIEW = "listing.review"
    LISTING_SUBMIT = "listing.submit"
    LISTING_WITHDRAW = "listing.withdraw"
    MEMBER_MANAGE = "member.manage"
    MONEY_READ = "money.read"
    OFFER_ANSWER = "offer.answer"
    OFFER_MAKE = "offer.make"
    OFFER_READ = "offer.read"
    OFFER_WITHDRAW = "offer.withdraw"
    PARTY_EDIT = "party.edit"
    PARTY_READ = "party.read"
    PARTY_VERIFY = "party.verify"
    REGISTRATION_APPLY = "registration.apply"
    REGISTRATION_DECIDE = "registration.decide"
    RIGHT_COMPLETE = "right.complete"
    RIGHT_CONFIRM = "right.confirm"
    RIGHT_IMPORT = "right.import"
    RIGHT_MERGE = "right.merge"
    RIGHT_RECORD_EVENT = "right.record_event"
    RIGHT_WATCH = "right.watch"
    HOLDING_CLAIM = "holding.claim"
    HOLDING_VERIFY = "holding.verify"
    TOKEN_MANAGE = "token.manage"  # noqa: S105  a name, not a secret


@dataclass(frozen=True)
class Grant:
    """One line of the table: these roles, in this relation to the thing.

    ``relation`` is asked of the thing (``thing.parties_for(relation)`` → ids of parties). Three relations are not:
    ``exchange`` is a role on the exchange, ``own`` a role in the acting organisation whoever's the thing may be, and
    ``new`` such a role while there is no thing yet (a first draft); it opens nothing that exists.
    """

    roles: frozenset[Role]
    relation: str


def _grant(relation: str, *roles: Role) -> Grant:
    return Grant(frozenset(roles), relation)


_ADMIN, _AGENT, _SIGNER, _FINANCE = Role.OWNER_ADMIN, Role.AGENT, Role.SIGNER, Role.FINANCE
_OPERATOR, _REVIEWER, _OFFICER, _REGISTRAR, _AUDITOR = (
    Role.OPERATOR,
    Role.REVIEWER,
    Role.FINANCE_OFFICER,
    Role.REGISTRAR,
    Role.AUDITOR,
)
_MEMBERS = (_ADMIN, _AGENT, _SIGNER, _FINANCE)
_STAFF = (_OPERATOR, _REVIEWER, _OFFICER, _AUDITOR)

POLICY: dict[Permission, tuple[Grant, ...]] = {
    Permission.AUDIT_READ: (_grant("exchange", _OPERATOR, _AUDITOR),),
    Permission.CONTRACT_DRAFT: (_grant("either", _AGENT, _ADMIN),),
    Permission.CONTRACT_SIGN: (_grant("either", _SIGNER),),
    Permission.DEAL_READ: (_grant("either", *_MEMBERS), _grant("exchange", *_STAFF)),
    Permission.DEAL_RESCIND: (_grant("exchange", _OPERATOR),),
    Permission.DELIVERY_RETRY: (_grant("exchange", _OPERATOR),),
    Permission.DESK_READ: (_grant("exchange", *_STAFF, _REGISTRAR),),
    Permission.ESCROW_PAY_OUT: (_grant("exchange", _OFFICER),),
    Permission.ESCROW_RECEIVE: (_grant("exchange", _OFFICER),),
    Permission.FILING_ANSWER: (_grant("either", _AGENT, _ADMIN),),
    Permission.FILING_SUBMIT: (_grant("either", _AGENT, _ADMIN),),
    Permission.FILING_VERIFY: (_grant("exchange", _REVIEWER),),
    Permission.FLOW_ATTACH: (
        _grant("either", *_MEMBERS),
        _grant("exchange", _OPERATOR, _REVIEWER, _OFFICER, _REGISTRAR),
    ),
    Permission.FLOW_READ: (_grant("either", *_MEMBERS), _grant("exchange", *_STAFF, _REGISTRAR)),
    Permission.LEDGER_READ: (_grant("exchange", _OFFICER, _AUDITOR, _OPERATOR),),
    Permission.LISTING_DRAFT: (_grant("seller", _AGENT, _ADMIN), _grant("new", _AGENT, _ADMIN)),
    Permission.LISTING_OBJECT: (_grant("own", *_MEMBERS),),
    Permission.LISTING_READ: (_grant("seller", *_MEMBERS), _grant("exchange", *_STAFF)),
    Permission.LISTING_REVIEW: (_grant("exchange", _REVIEWER),),
    Permission.LISTING_SUBMIT: (_grant("seller", _AGENT, _ADMIN),),
    Permission.LISTING_WITHDRAW: (_grant("seller", _AGENT, _ADMIN), _grant("exchange", _REVIEWER)),
    Permission.MEMBER_MANAGE: (_grant("self", _ADMIN),),
    Permission.MONEY_READ: (_grant("either", _FINANCE, _ADMIN), _grant("exchange", _OFFICER, _AUDITOR)),
    Permission.OFFER_ANSWER: (_grant("addressee", _AGENT, _ADMIN),),
    Permission.OFFER_MAKE: (_grant("own", _AGENT, _ADMIN),),
    Permission.OFFER_READ: (_grant("either", *_MEMBERS), _grant("exchange", *_STAFF)),
    Permission.OFFER_WITHDRAW: (_grant("maker", _AGENT, _ADMIN),),
    Permission.PARTY_EDIT: (_grant("self", _ADMIN), _grant("exchange", _OPERATOR)),
    Permission.PARTY_READ: (_grant("self", *_MEMBERS), _grant("exchange", *_STAFF, _REGISTRAR)),
    Permission.PARTY_VERIFY: (_grant("exchange", _OPERATOR),),
    Permission.REGISTRATION_APPLY: (_grant("seller", _AGENT, _ADMIN),),
    Permission.REGISTRATION_DECIDE: (_grant("exchange", _REGISTRAR),),
    Permission.RIGHT_COMPLETE: (_grant("holder", _AGENT, _ADMIN), _grant("exchange", _OPERATOR)),
    Permission.RIGHT_CONFIRM: (_grant("own", *_MEMBERS), _grant("exchange", *_STAFF, _REGISTRAR)),
    Permission.RIGHT_IMPORT: (_grant("own", _AGENT, _ADMIN), _grant("exchange", _OPERATOR)),
    Permission.RIGHT_MERGE: (_grant("exchange", _OPERATOR),),
    Permission.RIGHT_RECORD_EVENT: (_grant("exchange", _OPERATOR, _REVIEWER),),
    Permission.RIGHT_WATCH: (_grant("own", _AGENT, _ADMIN),),
    Permission.HOLDING_CLAIM: (_grant("own", _AGENT, _ADMIN),),
    Permission.HOLDING_VERIFY: (_grant("exchange", _OPERATOR),),
    Permission.TOKEN_MANAGE: (_grant("own", _ADMIN, _AGENT, _FINANCE, _SIGNER, *_STAFF, _REGISTRAR),),
}

SCOPES: dict[str, frozenset[Permission] | None] = {
    "read": frozenset(p for p in Permission if p.value.endswith(".read")),
    "rights": frozenset(
        {
            Permission.RIGHT_IMPORT,
            Permission.RIGHT_COMPLETE,
            Permission.RIGHT_CONFIRM,
            Permission.RIGHT_WATCH,
            Permission.HOLDING_CLAIM,
            Permission.RIGHT_RECORD_EVENT,
        }
    ),
    "trade": frozenset(
        {
            Permission.LISTING_DRAFT,
            Permission.LISTING_SUBMIT,
            Permission.LISTING_WITHDRAW,
            Permission.LISTING_OBJECT,
            Permission.OFFER_MAKE,
            Permission.OFFER_ANSWER,
            Permission.OFFER_WITHDRAW,
        }
    ),
    "flow": frozenset(
        {
            Permission.CONTRACT_DRAFT,
            Permission.CONTRACT_SIGN,
            Permission.FILING_SUBMIT,
            Permission.FILING_ANSWER,
            Permission.FLOW_ATTACH,
            Permission.REGISTRATION_APPLY,
        }
    ),
    "exchange": frozenset(
        {
            Permission.PARTY_VERIFY,
            Permission.LISTING_REVIEW,
            Permission.FILING_VERIFY,
            Permission.FLOW_ATTACH,
            Permission.HOLDING_VERIFY,
            Permission.REGISTRATION_DECIDE,
            Permission.ESCROW_RECEIVE,
            Permission.ESCROW_PAY_OUT,
            Permission.RIGHT_MERGE,
            Permission.DEAL_RESCIND,
            Permission.DELIVERY_RETRY,
        }
    ),
    "account": frozenset({Permission.PARTY_EDIT, Permission.MEMBER_MANAGE, Permission.TOKEN_MANAGE}),
    "all": None,
}
"""What an API token may be limited to; ``all`` is everything its owner may."""


class Thing(Protocol):
    """A thing that knows which parties stand in which relation to it."""

    def parties_for(self, relation: str) -> frozenset[int]:
        """Ids of the parties in ``relation``."""
        ...


@dataclass(frozen=True)
class Actor:
    """Who acts, for which organisation, with which roles, and through which token scopes (``None``: a session)."""

    user: User | None = None
    party: Party | None = None
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[str] | None = None
    system: bool = False
    stepped_up: bool = False

    @property
    def user_ref(self) -> str | None:
        """Reference of the person."""
        return self.user.ref if self.user else None

    @property
    def party_ref(self) -> str | None:
        """Reference of the organisation."""
        return self.party.ref if self.party else None

    @property
    def key(self) -> str:
        """What idempotency keys belong to: the person, else the clock."""
        return self.user_ref or "system"

    @property
    def label(self) -> str:
        """The name to print in a trail."""
        return self.user.name if self.user else "system"

    @property
    def signed_in(self) -> bool:
        """Whether a person stands behind it."""
        return self.user is not None

    def can(self, permission: Permission, thing: Thing | None = None) -> bool:
        """Whether the table lets this actor do it to ``thing`` (to anything of its own where ``None``)."""
        if self.system:
            return True
        if self.user is None or self.party is None:
            return False
        if self.party.status is PartyStatus.SUSPENDED and not permission.value.endswith(".read"):
            return False
        return self._in_scope(permission) and any(self._granted(grant, thing) for grant in POLICY[permission])

    def _in_scope(self, permission: Permission) -> bool:
        return self.scopes is None or any(
            (allowed := SCOPES[scope]) is None or permission in allowed
            for scope in self.scopes
            if scope in SCOPES
        )

    def _granted(self, grant: Grant, thing: Thing | None) -> bool:
        assert self.party is not None
        if not self.roles & grant.roles:
            return False
        if grant.relation == "exchange":
            return bool(self.roles & grant.roles & exchange_roles(self.party, self.roles))
        if grant.relation == "own":
            return True
        if grant.relation == "new":
            return thing is None
        return thing is not None and self.party.id in thing.parties_for(grant.relation)

    def must(self, permission: Permission, thing: Thing | None = None) -> None:
        """Raise ``NotAllowed`` (403) unless ``can``."""
        if not self.can(permission, thing):
            self._must_not_be_a_scope(permission, thing)
            raise NotAllowed(
                "not_allowed",
                N_(
                    "Your role does not include “%(permission)s” here. Ask the administrator of your organisation."
                ),
                rule=permission.value,
                permission=permission.value,
            )

    def must_see(self, permission: Permission, thing: Thing) -> None:
        """Raise ``NotFound`` unless ``can``: to strangers a thing that is not theirs does not exist.

        Where only the token's scopes stand in the way it is no stranger, and ``NotAllowed`` says so.
        """
        if not self.can(permission, thing):
            self._must_not_be_a_scope(permission, thing)
            raise NotFound

    def must_be_in_scope(self, *permissions: Permission) -> None:
        """Raise ``NotAllowed`` (``token.scope``) where a token's scopes hold none of ``permissions``.

        For lists and for what is one's own, where the table is not asked; a session has no scopes and passes.
        """
        if not any(self._in_scope(permission) for permission in permissions):
            self._refuse_scope(permissions)

    def _must_not_be_a_scope(self, permission: Permission, thing: Thing | None) -> None:
        if self.scopes is not None and replace(self, scopes=None).can(permission, thing):
            self._refuse_scope((permission,))

    def _refuse_scope(self, permissions: tuple[Permission, ...]) -> NoReturn:
        wanted = set(permissions)
        wider = sorted(name for name, allowed in SCOPES.items() if allowed is None or wanted & allowed)
        raise NotAllowed(
            "token.scope",
            N_("This token may not do that: it needs one of the scopes %(scopes)s."),
            rule=permissions[0].value,
            scopes=", ".join(wider),
        )

    def must_step_up(self) -> None:
        """Raise ``StepUp`` unless the person showed all factors in the last minutes (``session.step_up``).

        For acts that a stolen session must not do: signing, the account money goes to, making keys
        (ux-reliability.md R-042). The clock passes, and a token: making it asked for this already.
        """
        if not (self.system or self.scopes is not None or self.stepped_up):
            raise StepUp


class StepUp(NotAllowed):
    """The act asks for a fresh proof of who is at the keyboard; pages lead to ``/login/confirm`` and back."""

    title = N_("Confirm that it is you")

    def __init__(self) -> None:
        super().__init__(
            "auth.step_up",
            N_("Confirm that it is you first: sign in again, or confirm under /login/confirm."),
            rule="session.step_up",
        )


SYSTEM = Actor(system=True)
"""The clock and the relay."""

VISITOR = Actor()
"""Nobody has signed in."""


def exchange_roles(party: Party, roles: frozenset[Role]) -> frozenset[Role]:
    """``roles`` without those that ``party`` cannot give (law: only the exchange's own people act for it)."""
    if party.kind is PartyKind.OPERATOR:
        return roles
    if party.kind is PartyKind.REGISTRAR:
        return roles - (EXCHANGE_ROLES - {Role.REGISTRAR})
    return roles - EXCHANGE_ROLES
