"""The transaction certificate (交易凭证): issued once, checked by anyone, revoked by the exchange with a reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from contracts import documents, flows, paper, snapshot
from contracts.models import Certificate, Filing, Flow, NoticeStatus
from exchange.core import clock, money, refs
from exchange.core.config import settings
from exchange.core.db import lock, session, transaction
from exchange.core.errors import N_, NotFound, RuleBroken
from exchange.core.events import record
from exchange.listings import rules as listing_rules
from exchange.parties.models import Party, PartyKind
from exchange.parties.policy import Actor, Permission

QUALIFIED: Final = "200028"
"""Notice of the patent office that the change qualifies (手续合格通知书, law.md §2.2)."""

_LOOKALIKES: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V", "-": None, " ": None, "　": None})
_CODE: Final = re.compile(rf"^[{refs.ALPHABET}]{{26}}$")


def issue(actor: Actor, flow: Flow) -> Certificate:
    """Issue the certificate of a settled flow, in the present transaction. A repeat returns the one there is.

    Its number is that of the flow behind the year; its code has 128 random bits, so that nobody finds one by trying.
    """
    known = session.scalar(select(Certificate).where(Certificate.flow_id == flow.id))
    if known is not None:
        return known
    now, today = clock.now(), clock.today()
    code = refs.code()
    number = f"RY-{today.year}-{flow.ref.partition('-')[2]}"
    facts = _facts(flow, code=code, number=number)
    document = documents.keep(
        actor, flow, paper.certificate(facts), f"交易凭证-{number}.html", documents.CERTIFICATE
    )
    certificate = Certificate(
        code=code,
        number=number,
        flow=flow,
        snapshot=facts,
        sha256=document.sha256,
        document_id=document.id,
        issued_at=now,
    )
    session.add(certificate)
    session.flush()
    record(actor, "certificate.issued", flow, number=number, sha256=document.sha256)
    return certificate


def _facts(flow: Flow, *, code: str, number: str) -> dict[str, Any]:
    deal, contract = flow.deal, flows.contract_of(flow)
    registration = flows.registration_of(flow)
    signed_at = clock.at_beijing_midnight(contract.signed_on) if contract.signed_on else clock.now()
    publicity = listing_rules.find_publicity(
        deal.listing, deal.price_fen, clock.now(), buyer_is_inventor=bool(deal.terms.get("buyer_is_inventor"))
    )
    shown = publicity is not None and publicity.signing_from <= signed_at
    return {
        "code": code,
        "number": number,
        "verify_url": f"{settings().public_url}/verify/{code}",
        "kind": contract.kind,
        "flow": flow.ref,
        "deal": deal.ref,
        "contract": contract.ref,
        "contract_sha256": contract.sha256,
        "signed_on": contract.signed_on.isoformat() if contract.signed_on else None,
        "seller": deal.seller.name,
        "buyer": deal.buyer.name,
        "seller_public": public_name(deal.seller),
        "buyer_public": public_name(deal.buyer),
        "price_fen": deal.price_fen,
        "price": money.yuan(deal.price_fen),
        "price_words": money.in_words(deal.price_fen),
        "publicity": [publicity.first_day.isoformat(), listing_rules.last_day(publicity).isoformat()]
        if shown and publicity is not None
        else None,
        "registration_no": registration.number if registration and registration.registered_on else None,
        "rights": [
            _recorded(filing, said)
            for filing, said in zip(flow.filings, contract.snapshot["rights"], strict=True)
        ],
        "issued_on": clock.today().isoformat(),
    }


def _recorded(filing: Filing, said: dict[str, Any]) -> dict[str, Any]:
    """One right as it was contracted, with the day and the notice by which it was recorded."""
    notice = next(
        (n for n in filing.notices if n.code == QUALIFIED and n.status is NoticeStatus.VERIFIED), None
    )
    return {
        "ref": filing.right.ref,
        "title": said["title"],
        "kind_zh": said["kind_zh"],
        "number": said.get("number") or snapshot.shown_number(filing.right),
        "patent_no": said["patent_no"],
        "expires_on": said["expires_on"],
        "recorded_on": filing.recorded_on.isoformat() if filing.recorded_on else None,
        "notice_no": notice.number if notice else "",
    }


def public_name(party: Party) -> str:
    """A name for everybody's eyes: an organisation's in full, of a person only the first sign."""
    if party.kind is not PartyKind.PERSON or not party.name:
        return party.name
    return party.name[0] + "*" * max(1, len(party.name) - 1)


# -- checking -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What a check of a code found: ``state`` is ``valid``, ``revoked`` or ``unknown``.

    ``altered`` is set where a hash was given to compare: whether it differs from the certificate's.
    """

    state: str
    code: str
    certificate: Certificate | None = None
    altered: bool | None = None


def read_code(text: str) -> str:
    """A code as a person typed it: upper case, without blanks and hyphens, look-alike letters mended."""
    return text.strip().upper().translate(_LOOKALIKES)


def check(text: str, *, sha256: str | None = None) -> Verdict:
    """Check a code, and the hash of a file against it. Never raises: an unknown code is a finding."""
    code = read_code(text)[:64]
    found = session.scalar(select(Certificate).where(Certificate.code == code)) if _CODE.match(code) else None
    if found is None:
        return Verdict("unknown", code)
    altered = None if sha256 is None else sha256.strip().lower() != found.sha256
    return Verdict("revoked" if found.revoked_at else "valid", code, found, altered)


@transaction
def revoke(actor: Actor, code: str, *, reason: str) -> Certificate:
    """Take the certificate back; its page then says so and why. A repeat is harmless.

    Raises ``NotFound``, ``NotAllowed``, ``RuleBroken`` (``certificate.reason_missing``).
    """
    found = session.scalar(select(Certificate).where(Certificate.code == read_code(code)))
    if found is None:
        raise NotFound
    flow = flows.locked(actor, found.flow.ref)
    actor.must(Permission.DEAL_RESCIND, flow)
    certificate = lock(Certificate, found.id)
    if certificate.revoked_at is not None:
        return certificate
    if not reason.strip():
        raise RuleBroken(
            "certificate.reason_missing", N_("Say why the certificate is revoked."), field="reason"
        )
    certificate.revoked_at = clock.now()
    certificate.revoked_reason = reason.strip()
    record(actor, "certificate.revoked", flow, number=certificate.number, reason=reason.strip())
    return certificate
