"""Walks: a whole story driven through the verbs, step by step, as the people of the story would.

``one_stop`` brings one patent from a file to a recorded, paid transfer. Every step first looks whether it has been
done; so a walk that was killed goes on where it stood when it is started again with the same file.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select

from contracts import consents, documents, filings, money_track, notices, registration, signing
from contracts.models import (
    ConsentStatus,
    ContractStatus,
    EscrowStatus,
    Filing,
    FilingStatus,
    Flow,
    NoticeStatus,
    OfficeNotice,
    Payout,
    PayoutStatus,
    TechnologyContract,
)
from contracts.states import RegistrationStatus
from exchange.core import clock, events, kept
from exchange.core.db import session
from exchange.core.errors import N_, RuleBroken
from exchange.deals import actions as deals
from exchange.deals.models import Deal, Offer, OfferStatus
from exchange.demo import words
from exchange.ledger import book, chart
from exchange.ledger.verify import verify
from exchange.listings import actions as listings
from exchange.listings.models import Listing, ListingItem, ListingKind, ListingStatus
from exchange.parties import actions as parties
from exchange.parties import members, sessions
from exchange.parties.models import Party, PartyKind, Role, User
from exchange.parties.policy import SYSTEM, Actor
from exchange.rights import actions as rights
from exchange.rights import imports, sandbox
from exchange.rights.formats.record import Record
from exchange.rights.models import Publication, Right, RightStatus
from search import indexer

LASTS = timedelta(days=75)
"""How long before now a walk begins, so that nothing it writes lies in the future."""

PASSWORD = "walk-the-banyan-2026"  # noqa: S105  people of a story; refused in production
PRICE, FIRST_OFFER = 480_000_00, 420_000_00

Say = Callable[[str], None]


@dataclass
class Step:
    """One step as the answer shows it."""

    step: str
    ref: str
    seconds: float


@dataclass
class People:
    """Everybody in the story, each acting for their organisation."""

    tto: Actor
    tto_signer: Actor
    buyer: Actor
    buyer_signer: Actor
    operator: Actor
    reviewer: Actor
    cashier: Actor
    second_cashier: Actor
    registrar: Actor


@dataclass
class Walk:
    """A walk under way: its people, its clock, and the steps done."""

    say: Say
    began: datetime
    steps: list[Step] = field(default_factory=list)

    def on_day(self, day: int, hour: int = 2) -> None:
        """Let time pass until ``day`` of the story."""
        clock.advance_to(self.began + timedelta(days=day, hours=hour))

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Take one step: the block puts the reference it leads to into the list."""
        started = time.perf_counter()
        ref: list[str] = []
        yield ref
        seconds = round(time.perf_counter() - started, 3)
        self.steps.append(Step(name, ref[0] if ref else "", seconds))
        self.say(
            f"{name:<14} {self.steps[-1].ref:<16} {seconds:7.3f} s   {clock.beijing(clock.now()):%Y-%m-%d %H:%M}"
        )


def one_stop(file: Path | None, say: Say = lambda _line: None) -> dict[str, Any]:
    """Import → list → publish → find → offer → agree → contract → signatures → escrow → registration → filing →
    recorded → money released → certificate → payout.

    Takes the first granted patent of ``file`` with a single owner that has not been sold yet, and the owner's name
    for the seller. Raises ``RuleBroken`` (``walk.no_patent``) where the file has none, and every refusal of a verb.
    """
    if file is None:
        with tempfile.TemporaryDirectory() as folder:
            return one_stop(_made_file(Path(folder)), say)
    name = _name(file)
    state: dict[str, Any] = kept.get(name) or {}
    if not state or state.get("done"):
        record = _choose(file)
        state = {
            "began": (clock.now() - LASTS).isoformat(),
            "pub_no": record.pub_no,
            "owner": record.applicants[0],
            "kind": record.kind,
        }
        kept.put(name, state)
    with clock.frozen(datetime.fromisoformat(state["began"])):
        walk = Walk(say, clock.now())
        answer = _story(walk, file, state)
        kept.put(name, {**state, "done": True})
    return answer


def _name(file: Path) -> str:
    return f"walk.{hashlib.sha256(file.read_bytes()).hexdigest()[:32]}"


def told(file: Path) -> bool:
    """Whether the story of ``file`` has come to its end; another walk with it would tell the next one."""
    return bool((kept.get(_name(file)) or {}).get("done"))


def _story(walk: Walk, file: Path, state: dict[str, Any]) -> dict[str, Any]:
    people = everybody(state["owner"])
    with walk.step("import") as ref:
        done = imports.import_file(people.tto, file, owner=people.tto.party, filename=file.name)
        events.drain_all()
        ref.append(done.ref or "")
    right = _right_of(state["pub_no"])
    assert right is not None
    with walk.step("complete") as ref:
        complete(people, right)
        ref.append(right.ref)
    walk.on_day(1)
    with walk.step("list") as ref:
        listing = list_for_sale(people, right)
        ref.append(listing.ref)
    walk.on_day(2)
    with walk.step("publish") as ref:
        publish(people, listing)
        events.drain_all()
        ref.append(listing.ref)
    with walk.step("find") as ref:
        find(listing)
        ref.append(listing.ref)
    walk.on_day(3)
    with walk.step("offer") as ref:
        ref.append(offer(people, listing).ref)
        counter(people, listing)
    walk.on_day(4)
    with walk.step("agree") as ref:
        deal = agree(people, listing)
        ref.append(deal.ref)
    flow = session.scalars(select(Flow).where(Flow.deal_id == deal.id)).one()
    with walk.step("contract") as ref:
        ref.append(write_contract(people, flow).ref)
    walk.on_day(18)
    with walk.step("signatures") as ref:
        sign(people, flow)
        ref.append(flow.ref)
    walk.on_day(20)
    with walk.step("escrow") as ref:
        pay(people, flow)
        ref.append(flow.ref)
    walk.on_day(21)
    with walk.step("registration") as ref:
        apply_for_registration(people, flow)
        ref.append(answer_registration(people, flow))
    walk.on_day(22)
    with walk.step("filing") as ref:
        ref.append(file_change(people, flow))
    walk.on_day(30)
    with walk.step("recorded") as ref:
        enter_notices(people, flow)
        verify_notices(people, flow)
        ref.append(flow.filings[0].ref)
    return _end(walk, people, flow)


# -- the people ------------------------------------------------------------------------------------


def _party(kind: PartyKind, name: str, region: str) -> Party:
    known = session.scalar(select(Party).where(Party.name == name, Party.kind == kind))
    if known is not None:
        return known
    dice = Random(f"{kind.value}:{name}")  # noqa: S311  a made-up code, the same each time
    code = words.credit_code(dice, region, public=kind is not PartyKind.ENTERPRISE)
    return parties.add_party(
        SYSTEM,
        kind=kind,
        name=name,
        uscc=code,
        region=region,
        verified=True,
        address="福建省福州市鼓楼区榕荫路1号",
        legal_representative=words.person(dice),
        phone="0591-00000000",
        bank_account="6222" + f"{dice.randrange(10**12):012d}",
        bank_name="榕海银行福州分行",
    )


def _user(party: Party, email: str, *roles: Role) -> Actor:
    user = session.scalar(select(User).where(User.email == email))
    if user is None or members.membership(party, user) is None:
        dice = Random(email)  # noqa: S311  a made-up name, the same each time
        user = members.add_user(
            SYSTEM, email=email, party_ref=party.ref, roles=roles, password=PASSWORD, name=words.person(dice)
        )
    return sessions.actor_for(user, party, stepped_up=True)


def everybody(owner: str, buyer: str = "福州澄川膜材料有限公司") -> People:
    """The people of a story in which ``owner`` sells to ``buyer``; made where they do not exist yet."""
    seller = _party(PartyKind.UNIVERSITY, owner, "350100")
    enterprise = _party(PartyKind.ENTERPRISE, buyer, "350100")
    house = _party(PartyKind.OPERATOR, "榕易知识产权交易平台", "350100")
    desk = _party(PartyKind.REGISTRAR, "榕城技术合同登记站", "350100")
    mark = hashlib.sha256(owner.encode()).hexdigest()[:8]
    return People(
        tto=_user(seller, f"agent.{mark}@walk.example", Role.OWNER_ADMIN, Role.AGENT),
        tto_signer=_user(seller, f"signer.{mark}@walk.example", Role.SIGNER, Role.FINANCE),
        buyer=_user(enterprise, "agent.buyer@walk.example", Role.OWNER_ADMIN, Role.AGENT),
        buyer_signer=_user(enterprise, "signer.buyer@walk.example", Role.SIGNER, Role.FINANCE),
        operator=_user(house, "operator@walk.example", Role.OPERATOR),
        reviewer=_user(house, "reviewer@walk.example", Role.REVIEWER),
        cashier=_user(house, "cashier@walk.example", Role.FINANCE_OFFICER),
        second_cashier=_user(house, "cashier2@walk.example", Role.FINANCE_OFFICER),
        registrar=_user(desk, "registrar@walk.example", Role.REGISTRAR),
    )


# -- the steps -------------------------------------------------------------------------------------


def _choose(file: Path) -> Record:
    """The first granted patent with one owner that is not on the register under another owner."""
    for row in sandbox.rows(file):
        record = row.record
        if record is None or record.kind_code[:1] not in ("B", "U") or len(record.applicants) != 1:
            continue
        if record.country != "CN":
            continue
        known = _right_of(record.pub_no)
        if known is None or (
            [owner.name for owner in known.owners] == record.applicants and not _ever_listed(known)
        ):
            return record
    raise RuleBroken(
        "walk.no_patent",
        N_("The file has no granted patent with a single owner that is still for sale."),
        field="file",
    )


def _right_of(publication: str) -> Right | None:
    return session.scalar(
        select(Right)
        .join(Publication, Publication.right_id == Right.id)
        .where(Publication.number == publication)
    )


def _ever_listed(right: Right) -> bool:
    return session.scalar(select(ListingItem.id).where(ListingItem.right_id == right.id).limit(1)) is not None


def complete(people: People, right: Right) -> None:
    """Add what an export lacks: application number, filing date, fees, status."""
    if right.app_no is not None and right.status is RightStatus.GRANTED:
        return
    published = right.published_on or clock.today() - timedelta(days=400)
    filed = right.filed_on or clock.add_months(published, -24)
    digit = {"invention": "1", "utility_model": "2", "design": "3"}[right.kind]
    dice = Random(right.key)  # noqa: S311  a valid number, the same each time
    rights.complete(
        people.tto,
        right.ref,
        app_no=right.app_no or words.application_number(dice, filed.year, digit),
        filed_on=filed,
        granted_on=right.granted_on or published,
        fees_paid_through=min(20, (clock.today() - filed).days // 365 + 2),
        status=RightStatus.GRANTED,
        status_as_of=clock.today(),
        status_source="登记簿副本",
    )


def list_for_sale(people: People, right: Right, price_fen: int | None = PRICE) -> Listing:
    """The office lists the right for transfer and submits the listing."""
    listing = session.scalar(
        select(Listing).join(ListingItem).where(ListingItem.right_id == right.id).order_by(Listing.id.desc())
    )
    if listing is None:
        listing = listings.draft(
            people.tto,
            kind=ListingKind.TRANSFER,
            right_refs=[right.ref],
            summary="已完成中试，可提供技术资料与人员培训。",
            price_fen=price_fen,
            terms={
                "internal_decision": "科技成果转化办公会纪要第12号",
                "inventors_notified": True,
                "licences_disclosed": "无",
            },
        )
    if listing.status in (ListingStatus.DRAFT, ListingStatus.REJECTED):
        listings.submit(people.tto, listing.ref)
    return listing


def publish(people: People, listing: Listing) -> None:
    """The reviewer approves and publishes."""
    if listing.status in (ListingStatus.SUBMITTED, ListingStatus.VERIFIED, ListingStatus.GATED):
        listings.approve(people.reviewer, listing.ref)


def find(listing: Listing) -> None:
    """Search offers the listing under its own title. Raises ``RuleBroken`` where it does not."""
    if listing.status is ListingStatus.LISTED:
        found = [hit.ref for hit in indexer.ask(listing.title[:60]).hits]
        if listing.ref not in found:
            raise RuleBroken("walk.not_found", N_("The published listing is not found by its own title."))


def offer(people: People, listing: Listing, price_fen: int = FIRST_OFFER) -> Offer:
    """The enterprise offers less than is asked."""
    rounds = _rounds(listing)
    if rounds:
        return rounds[0]
    return deals.make_offer(people.buyer, listing.ref, price_fen=price_fen, message="希望两周内完成签约。")


def counter(people: People, listing: Listing, price_fen: int = PRICE) -> None:
    """The office answers with its price."""
    rounds = _rounds(listing)
    if len(rounds) == 1 and rounds[0].status is OfferStatus.OPEN:
        deals.counter(people.tto, rounds[0].ref, price_fen=price_fen, message="可含三个月技术指导。")


def agree(people: People, listing: Listing) -> Deal:
    """The enterprise accepts; the flow opens by itself."""
    last = _rounds(listing)[-1]
    if last.status is OfferStatus.OPEN:
        deals.accept(people.buyer, last.ref)
    events.drain_all()
    return session.scalars(select(Deal).where(Deal.listing_id == listing.id).order_by(Deal.id.desc())).all()[
        0
    ]


def _rounds(listing: Listing) -> list[Offer]:
    return list(session.scalars(select(Offer).where(Offer.listing_id == listing.id).order_by(Offer.id)))


def write_contract(people: People, flow: Flow) -> TechnologyContract:
    """The office brings the inventors' waiver and makes the contract final."""
    asked = [c.ref for c in flow.consents if c.status is not ConsentStatus.GIVEN]
    if asked:
        proof = _attach(people.tto, flow, "发明人放弃优先受让权声明.txt", "我等放弃同等条件下的优先受让权。")
        consents.give(people.tto, asked, document=proof)
    contract = flow.contracts[-1]
    if contract.status is ContractStatus.DRAFT:
        signing.finalise(people.tto, flow.ref)
    return contract


def sign(people: People, flow: Flow) -> None:
    """Both sides sign the same hash."""
    contract = flow.contracts[-1]
    session.refresh(contract)
    signed = {signature.party_id for signature in contract.signatures}
    for actor in (people.tto_signer, people.buyer_signer):
        assert actor.party is not None
        if actor.party.id not in signed:
            signing.sign(actor, contract.ref, contract.sha256 or "")


def _attach(actor: Actor, flow: Flow, name: str, text: str) -> str:
    return documents.attach(actor, flow.ref, text.encode(), name).ref


def pay(people: People, flow: Flow) -> None:
    """The finance officer enters the receipt of the price."""
    session.refresh(flow.escrow)
    if flow.escrow.status is EscrowStatus.AWAITING:
        money_track.receive_price(
            people.cashier,
            flow.ref,
            amount_fen=money_track.outstanding(flow),
            bank_reference=f"BANK-{flow.ref}",
        )


def apply_for_registration(people: People, flow: Flow) -> None:
    """The office applies; the registrar accepts the file."""
    one = registration.apply(people.tto, flow.ref)
    if one.status is RegistrationStatus.APPLIED:
        registration.accept(people.registrar, one.ref)


def answer_registration(people: People, flow: Flow) -> str:
    """The registrar registers, the reviewer verifies; the reference of the registration."""
    one = flow.registrations[-1] if flow.registrations else registration.apply(people.tto, flow.ref)
    if one.status is RegistrationStatus.ACCEPTED and not _entered(one.notices):
        proof = _attach(people.registrar, flow, "技术合同登记证明.txt", f"{one.ref} 予以登记。")
        number = f"{int(hashlib.sha256(one.ref.encode()).hexdigest(), 16) % 10**12:012d}"
        registration.decide(
            people.registrar,
            one.ref,
            register=True,
            number=f"3501{number}",
            dated=clock.today(),
            document=proof,
        )
    session.refresh(one)
    for notice in _entered(one.notices):
        notices.verify_notice(people.reviewer, notice.ref)
    return one.ref


def _entered(found: list[OfficeNotice]) -> list[OfficeNotice]:
    return [notice for notice in found if notice.status is NoticeStatus.ENTERED]


def _filings(flow: Flow) -> list[Filing]:
    query = select(Filing).where(Filing.flow_id == flow.id).order_by(Filing.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def file_change(people: People, flow: Flow) -> str:
    """The enterprise files the change of owner of every right and pays the fee; a filing's reference."""
    for filing in _filings(flow):
        if filing.status is FilingStatus.DRAFT:
            filings.submit_filing(people.buyer, filing.ref)
        if filing.status is FilingStatus.FILED:
            filings.pay_fee(people.buyer, filing.ref, receipt=f"FEE-{filing.ref}")
    return _filings(flow)[0].ref


def enter_notices(people: People, flow: Flow) -> None:
    """The enterprise enters what the office answered."""
    for filing in _filings(flow):
        if filing.status is FilingStatus.FEE_PAID and not _entered(filing.notices):
            proof = _attach(people.buyer, flow, "手续合格通知书.txt", f"{filing.ref} 手续合格。")
            filings.record_notice(
                people.buyer,
                filing.ref,
                code="200028",
                number=f"NOTICE-{filing.ref}",
                dated=clock.today(),
                document=proof,
            )


def verify_notices(people: People, flow: Flow) -> None:
    """The reviewer verifies: owner, deal, escrow and certificate in one transaction."""
    for filing in _filings(flow):
        session.refresh(filing)
        for notice in _entered(filing.notices):
            notices.verify_notice(people.reviewer, notice.ref)


def pay_out(people: People, flow: Flow) -> str:
    """Two finance officers pay the seller; the payout's reference."""
    payout = session.scalar(select(Payout).where(Payout.flow_id == flow.id))
    if payout is None:
        payout = money_track.request_payout(
            people.cashier,
            flow.deal.seller.ref,
            amount_fen=flow.escrow.price_fen - flow.escrow.fee_fen,
            flow_ref=flow.ref,
        )
    if payout.status is PayoutStatus.REQUESTED:
        money_track.approve_payout(people.second_cashier, payout.ref, bank_reference=f"OUT-{payout.ref}")
    return payout.ref


def _end(walk: Walk, people: People, flow: Flow) -> dict[str, Any]:
    session.expire_all()
    deal = flow.deal
    with walk.step("released") as ref:
        if flow.escrow.status is not EscrowStatus.RELEASED:
            raise RuleBroken("walk.not_released", N_("The price was not released."))
        ref.append(flow.ref)
    with walk.step("certificate") as ref:
        assert flow.certificate is not None
        ref.append(flow.certificate.code)
    walk.on_day(31)
    with walk.step("payout") as ref:
        ref.append(pay_out(people, flow))
    events.drain_all()
    proof = verify()
    return {
        "steps": [{"step": s.step, "ref": s.ref, "seconds": s.seconds} for s in walk.steps],
        "deal": deal.ref,
        "flow": flow.ref,
        "certificate": flow.certificate.code,
        "ledger": {
            "ok": proof.ok,
            "entries": proof.entries,
            "head": proof.head,
            "escrow_fen": book.balance(chart.escrow(deal.ref)),
        },
        "ok": proof.ok,
        "wrong": proof.wrong,
    }


def _made_file(folder: Path) -> Path:
    """A file of one university's generated patents, for a walk without a file of one's own."""
    dice = Random(clock.now().isoformat())  # noqa: S311  a story, not a secret
    path = folder / "patents.jsonl"
    lines = []
    for _ in range(5):
        made = words.invention(dice, clock.today() - LASTS)
        lines.append(
            json.dumps(
                {
                    "title": made.title,
                    "applicants": ["榕江理工大学"],
                    "inventors": list(made.inventors),
                    "region": "福建省",
                    "pub_no": made.pub_no,
                    "pub_date": made.granted_on.isoformat(),
                    "abstract": made.abstract,
                    "main_claim": made.claim,
                    "ipc": list(made.ipc),
                },
                ensure_ascii=False,
            )
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
