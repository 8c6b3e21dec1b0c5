"""States and moves of a flow's tracks, as data: contract, consents, export, money, registration, filings, notices.

Independent facts are independent lifecycles: registration and recordal do not wait for each other (law.md §7.2), and
a flow has no status of its own; its stage is computed from its tracks (``tracks.stage``).
"""

from __future__ import annotations

from enum import Enum

from exchange.core.errors import N_
from exchange.core.labels import labelled
from exchange.core.lifecycle import Lifecycle, move


@labelled(
    draft=N_("Draft"),
    ready=N_("Ready for signature"),
    signed=N_("Signed by all"),
    void=N_("Void"),
)
class ContractStatus(Enum):
    """Where the written contract stands."""

    DRAFT = "draft"
    READY = "ready"
    SIGNED = "signed"
    VOID = "void"


CONTRACT = Lifecycle(
    "contract",
    ContractStatus,
    initial="draft",
    moves=[
        move("finalise", {"draft"}, "ready", by="either", note="complete by law.md §1.2; its hash is fixed"),
        move("reopen", {"ready"}, "draft", by="either", note="nobody has signed yet"),
        move("sign", {"ready"}, "signed", by="signer", note="the last signature"),
        move(
            "void",
            {"draft", "ready", "signed"},
            "void",
            by="system",
            note="replaced, or the deal was rescinded",
        ),
    ],
)


@labelled(
    co_owner=N_("Co-owner’s consent"), pledgee=N_("Pledgee’s consent"), inventor=N_("Inventor’s pre-emption")
)
class ConsentKind(Enum):
    """Whose word is needed (law.md §1.2 pre-emption, §2.1 co-owners, §2.4 pledge)."""

    CO_OWNER = "co_owner"
    PLEDGEE = "pledgee"
    INVENTOR = "inventor"


@labelled(asked=N_("Asked"), given=N_("Given"), refused=N_("Refused"))
class ConsentStatus(Enum):
    """Where a consent stands; ``given`` includes the waiver of a pre-emption."""

    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"


CONSENT = Lifecycle(
    "consent",
    ConsentStatus,
    initial="asked",
    moves=[
        move("give", {"asked", "refused"}, "given", by="seller", note="with the document that says so"),
        move("refuse", {"asked"}, "refused", by="seller"),
    ],
)


@labelled(
    required=N_("Required"),
    applied=N_("Applied for"),
    cleared=N_("Cleared"),
    refused=N_("Refused"),
)
class ClearanceStatus(Enum):
    """Technology export to a foreign buyer (law.md §2.3)."""

    REQUIRED = "required"
    APPLIED = "applied"
    CLEARED = "cleared"
    REFUSED = "refused"


CLEARANCE = Lifecycle(
    "clearance",
    ClearanceStatus,
    initial="required",
    moves=[
        move("apply", {"required", "refused"}, "applied", by="seller"),
        move(
            "clear",
            {"applied"},
            "cleared",
            by="reviewer",
            note="licence or registration certificate verified",
        ),
        move("refuse", {"applied"}, "refused", by="reviewer"),
    ],
)


@labelled(
    awaiting=N_("Waiting for the price"),
    funded=N_("In escrow"),
    released=N_("Credited to the seller"),
    refunded=N_("Refunded to the buyer"),
    void=N_("Not needed"),
)
class EscrowStatus(Enum):
    """Where the price is; the ledger has the amounts."""

    AWAITING = "awaiting"
    FUNDED = "funded"
    RELEASED = "released"
    REFUNDED = "refunded"
    VOID = "void"


ESCROW = Lifecycle(
    "escrow",
    EscrowStatus,
    initial="awaiting",
    moves=[
        move("fund", {"awaiting"}, "funded", by="finance_officer", note="the whole price is in"),
        move("release", {"funded"}, "released", by="system", note="every filing is recorded"),
        move(
            "take_back",
            {"funded"},
            "awaiting",
            by="finance_officer",
            note="a receipt was booked by mistake and reversed; nothing has been filed yet",
        ),
        move("refund", {"funded"}, "refunded", by="system", note="rescinded before recording"),
        move("void", {"awaiting"}, "void", by="system", note="rescinded before payment"),
    ],
)


@labelled(requested=N_("Requested"), paid=N_("Paid out"), refused=N_("Refused"))
class PayoutStatus(Enum):
    """Where a payout stands."""

    REQUESTED = "requested"
    PAID = "paid"
    REFUSED = "refused"


PAYOUT = Lifecycle(
    "payout",
    PayoutStatus,
    initial="requested",
    moves=[
        move(
            "approve",
            {"requested"},
            "paid",
            by="finance_officer",
            note="another person than the one who asked",
        ),
        move("refuse", {"requested"}, "refused", by="finance_officer"),
    ],
)


@labelled(
    draft=N_("Not applied for"),
    applied=N_("Applied for"),
    accepted=N_("Accepted for examination"),
    supplement=N_("To be supplemented"),
    large_review=N_("Second examination (large amount)"),
    registered=N_("Registered"),
    refused=N_("Refused"),
    cancelled=N_("Cancelled"),
    revoked=N_("Revoked"),
)
class RegistrationStatus(Enum):
    """Technology-contract registration (law.md §7.3)."""

    DRAFT = "draft"
    APPLIED = "applied"
    ACCEPTED = "accepted"
    SUPPLEMENT = "supplement"
    LARGE_REVIEW = "large_review"
    REGISTERED = "registered"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    REVOKED = "revoked"


REGISTRATION = Lifecycle(
    "registration",
    RegistrationStatus,
    initial="draft",
    moves=[
        move("apply", {"draft"}, "applied", by="seller"),
        move("accept", {"applied"}, "accepted", by="registrar"),
        move("ask_supplement", {"accepted"}, "supplement", by="registrar"),
        move("supplement", {"supplement"}, "accepted", by="seller"),
        move("large_review", {"accepted"}, "large_review", by="registrar", rule="tcontract.large_amount"),
        move(
            "register", {"accepted", "large_review"}, "registered", by="reviewer", note="certificate verified"
        ),
        move("refuse", {"accepted", "large_review"}, "refused", by="reviewer", note="refusal verified"),
        move(
            "cancel",
            {"applied", "accepted", "supplement", "large_review", "registered"},
            "cancelled",
            by="seller",
        ),
        move("revoke", {"registered"}, "revoked", by="registrar"),
    ],
)


@labelled(
    draft=N_("Not filed"),
    filed=N_("Filed, fee not yet paid"),
    fee_paid=N_("Filed, fee paid"),
    supplement=N_("To be supplemented"),
    recorded=N_("Recorded"),
    deemed_not_filed=N_("Deemed not filed"),
    on_hold=N_("On hold"),
    abandoned=N_("Abandoned"),
)
class FilingStatus(Enum):
    """Ownership-change filing at the patent office, one per right (law.md §7.2)."""

    DRAFT = "draft"
    FILED = "filed"
    FEE_PAID = "fee_paid"
    SUPPLEMENT = "supplement"
    RECORDED = "recorded"
    DEEMED_NOT_FILED = "deemed_not_filed"
    ON_HOLD = "on_hold"
    ABANDONED = "abandoned"


FILING = Lifecycle(
    "filing",
    FilingStatus,
    initial="draft",
    moves=[
        move("submit", {"draft", "deemed_not_filed"}, "filed", by="either"),
        move("pay_fee", {"filed"}, "fee_paid", by="either"),
        move("ask_supplement", {"fee_paid"}, "supplement", by="reviewer", note="notice 200029"),
        move("answer", {"supplement"}, "fee_paid", by="either"),
        move("record", {"fee_paid", "supplement"}, "recorded", by="reviewer", note="notice 200028 verified"),
        move(
            "deem_not_filed",
            {"filed", "fee_paid", "supplement"},
            "deemed_not_filed",
            by="clock or reviewer",
            rule="recordal.pay_within",
            note="fee not paid in time, or notice 200023",
        ),
        move(
            "hold",
            {"draft", "filed", "fee_paid", "supplement"},
            "on_hold",
            by="system",
            note="a block appeared",
        ),
        move(
            "resume",
            {"on_hold"},
            "draft",
            by="system",
            note="the block has gone; the package is checked again",
        ),
        move(
            "abandon",
            {"draft", "filed", "fee_paid", "supplement", "deemed_not_filed", "on_hold"},
            "abandoned",
            by="system",
            note="the deal was rescinded",
        ),
    ],
)


@labelled(transfer=N_("Ownership change"), licence=N_("Licence recordal"))
class FilingKind(Enum):
    """What is filed."""

    TRANSFER = "transfer"
    LICENCE = "licence"


@labelled(entered=N_("Entered, to be verified"), verified=N_("Verified"), rejected=N_("Rejected"))
class NoticeStatus(Enum):
    """What a registry said is entered by one person and verified by another."""

    ENTERED = "entered"
    VERIFIED = "verified"
    REJECTED = "rejected"


NOTICE = Lifecycle(
    "notice",
    NoticeStatus,
    initial="entered",
    moves=[
        move("verify", {"entered"}, "verified", by="reviewer", note="not the one who entered it"),
        move("reject", {"entered"}, "rejected", by="reviewer"),
    ],
)
