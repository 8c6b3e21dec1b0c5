"""A believable Fujian market of nobody: generated people and patents, real structure, two years of history.

Everything goes through the same verbs that people use, in the order of time, on a clock that stands where each act
belongs. The same seed makes the same market. Development only.
"""

from __future__ import annotations

import heapq
import itertools
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select

from contracts.models import Flow
from exchange import walks
from exchange.core import clock, due, events
from exchange.core.config import settings
from exchange.core.db import session, transaction
from exchange.core.errors import N_, Conflict, DomainError, NotAllowed
from exchange.deals import actions as deals
from exchange.deals.models import Deal
from exchange.demo import words
from exchange.listings import actions as listings
from exchange.listings.models import LicenceKind, Listing, ListingKind, ListingStatus
from exchange.listings.rules import MATURITIES
from exchange.parties import actions as parties
from exchange.parties import logins, members, passwords, sessions
from exchange.parties.models import PaperKind, Party, PartyKind, Role
from exchange.parties.policy import SYSTEM, Actor
from exchange.rights import actions as rights
from exchange.rights import imports
from exchange.rights.models import Publication, Right, RightStatus
from search import indexer

PASSWORD = "banyan-harbour-2026"  # noqa: S105  shown on the login page of a development machine
HISTORY = timedelta(days=730)
PERIOD = 170
"""Days before today within which what is on offer was published."""

MATURITY = tuple(MATURITIES)


@dataclass(frozen=True)
class Seller:
    """A party that sells, with the people who do it."""

    party: Party
    agent: Actor
    signer: Actor


class Market:
    """The market while it is made."""

    def __init__(self, seed: int, today: datetime, progress: Callable[[int, int], None]) -> None:
        self.dice = Random(f"rongyi:{seed}")  # noqa: S311  a market of nobody, the same each time
        self.today = today
        self.progress = progress
        self.began = today - HISTORY
        self.agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.logins: list[dict[str, str]] = []
        self.sellers: list[Seller] = []
        self.buyers: list[Seller] = []
        self.rights: dict[int, list[Right]] = {}
        self.made: dict[int, words.Invention] = {}
        self.refused = 0
        self.password_hash = passwords.hash(PASSWORD)  # one for all: making it takes a while on purpose

    # -- time --------------------------------------------------------------------------------------

    def at(self, when: datetime, act: Callable[[], None]) -> None:
        """Do ``act`` at ``when`` of the history."""
        heapq.heappush(self.agenda, (when, next(self.order), act))

    def live(self) -> None:
        """Let everything on the agenda happen, oldest first, and deadlines in between."""
        last_look = clock.now()
        done = 0
        while self.agenda:
            when, _, act = heapq.heappop(self.agenda)
            done += 1
            self.progress(done, done + len(self.agenda))
            clock.advance_to(when)
            if clock.now() - last_look > timedelta(days=3):
                last_look = clock.now()
                due.run()
            try:
                act()
            except DomainError:
                self.refused += (
                    1  # history does not always go as planned: an offer has run out, a buyer was faster
                )
        clock.advance_to(self.today)
        while due.run():
            pass

    # -- people ------------------------------------------------------------------------------------

    def person(self, party: Party, mailbox: str, *roles: Role, shown: bool = False) -> Actor:
        """A person with a login; ``shown`` ones stand on the login page."""
        email = f"{mailbox}@demo.example"
        members.enrol(SYSTEM, email=email, name=words.person(self.dice), password_hash=self.password_hash)
        user = members.add_user(SYSTEM, email=email, party_ref=party.ref, roles=roles)
        if shown:
            logins.remember_demo_password(SYSTEM, user.ref, PASSWORD)
            self.logins.append({"email": user.email, "password": PASSWORD, "role": roles[0].value})
        return sessions.actor_for(user, party, stepped_up=True)

    def party(self, kind: PartyKind, name: str, region: str, *, verified: bool = True) -> Party:
        """An organisation."""
        public = kind in (PartyKind.UNIVERSITY, PartyKind.INSTITUTE, PartyKind.OPERATOR, PartyKind.REGISTRAR)
        return parties.add_party(
            SYSTEM,
            kind=kind,
            name=name,
            uscc=words.credit_code(self.dice, region, public=public),
            region=region,
            verified=verified,
            address=f"福建省{words.CITIES[region]}市榕荫路{self.dice.randint(1, 299)}号",
            legal_representative=words.person(self.dice),
            phone=f"0591-8{self.dice.randrange(10**6, 10**7)}",
            bank_account=f"6222{self.dice.randrange(10**14, 10**15)}",
            bank_name="榕海银行福州分行",
        )

    def settle(self) -> None:
        """The house and its desks, sellers, buyers, banks."""
        house = self.party(PartyKind.OPERATOR, "榕易知识产权交易平台", "350100")
        fuzhou = self.party(PartyKind.REGISTRAR, "榕城技术合同登记站", "350100")
        xiamen = self.party(PartyKind.REGISTRAR, "鹭岛技术合同登记站", "350200")
        self.operator = self.person(house, "operator", Role.OPERATOR, shown=True)
        self.reviewer = self.person(house, "reviewer", Role.REVIEWER, shown=True)
        self.cashier = self.person(house, "cashier", Role.FINANCE_OFFICER, shown=True)
        self.second_cashier = self.person(house, "cashier2", Role.FINANCE_OFFICER, shown=True)
        self.person(house, "auditor", Role.AUDITOR, shown=True)
        self.registrars = {
            "35": self.person(fuzhou, "registrar", Role.REGISTRAR, shown=True),
            "3502": self.person(xiamen, "registrar.xiamen", Role.REGISTRAR, shown=True),
        }
        for number, (name, region) in enumerate(words.UNIVERSITIES):
            self._seller(PartyKind.UNIVERSITY, name, region, f"tto{number or ''}", shown=not number)
        for number, (name, region) in enumerate(words.INSTITUTES):
            self._seller(PartyKind.INSTITUTE, name, region, f"institute{number or ''}")
        for name, region in words.BANKS:
            self.party(PartyKind.BANK, name, region)
        names: set[str] = set()
        while len(names) < 24:
            name, region = words.company(self.dice)
            if name in names:
                continue
            names.add(name)
            number = len(names)
            party = self.party(PartyKind.ENTERPRISE, name, region)
            someone = self._staff(party, "buyer" if number == 1 else f"company{number}", shown=number == 1)
            (self.sellers if number % 4 == 0 else self.buyers).append(someone)
        for number in range(2):
            name, region = words.company(self.dice)
            waiting = self.party(PartyKind.ENTERPRISE, f"{name[:-4]}科技有限公司", region, verified=False)
            admin = self.person(waiting, f"newcomer{number}", Role.OWNER_ADMIN)
            paper = parties.Paper(PaperKind.LICENCE, "营业执照（演示）".encode(), "营业执照.txt")
            self.at(self.today - timedelta(days=2 + number), _asking(admin, waiting.ref, paper))

    def _seller(self, kind: PartyKind, name: str, region: str, mailbox: str, *, shown: bool = False) -> None:
        self.sellers.append(self._staff(self.party(kind, name, region), mailbox, shown=shown))

    def _staff(self, party: Party, mailbox: str, *, shown: bool = False) -> Seller:
        return Seller(
            party,
            self.person(party, mailbox, Role.AGENT, Role.OWNER_ADMIN, shown=shown),
            self.person(party, f"{mailbox}.signer", Role.SIGNER, Role.FINANCE, shown=shown),
        )

    # -- rights ------------------------------------------------------------------------------------

    def bring(self, count: int) -> None:
        """Each seller imports a file of its own patents, with what a register says of them."""
        share = -(-count // len(self.sellers))
        with tempfile.TemporaryDirectory() as folder:
            for number, seller in enumerate(self.sellers):
                path = Path(folder) / f"{number}.jsonl"
                made = [words.invention(self.dice, self.began.date()) for _ in range(share)]
                path.write_text("".join(_line(one, seller.party.name) for one in made), encoding="utf-8")
                imports.import_file(
                    seller.agent, path, owner=seller.party, filename=f"{seller.party.name}-专利清单.jsonl"
                )
                numbers = [one.pub_no[:-1] for one in made]
                found = session.execute(
                    select(Publication.number, Right).join(Right).where(Publication.number.in_(numbers))
                ).all()
                by_number = {number_: right for number_, right in found}  # noqa: C416  rows are no pairs to dict()
                self.rights[seller.party.id] = [by_number[n] for n in numbers if n in by_number]
                self.made |= {
                    by_number[n].id: one for n, one in zip(numbers, made, strict=True) if n in by_number
                }

    def _complete(self, agent: Actor, right: Right) -> None:
        """What the file lacks, and the status as the register gives it on the day of listing."""
        made = self.made[right.id]
        rights.complete(
            agent,
            right.ref,
            app_no=made.app_no,
            filed_on=made.filed_on,
            granted_on=made.granted_on,
            fees_paid_through=min(
                10 if made.kind == "utility_model" else 20,
                (self.today.date() - made.filed_on).days // 365 + 2,
            ),
            status=RightStatus.GRANTED,
            status_as_of=clock.today(),
            status_source="登记簿副本",
        )

    # -- the trade ---------------------------------------------------------------------------------

    def trade(self, count: int) -> None:
        """Plan ``count`` listings with their fates over the two years."""
        pool = [(seller, right) for seller in self.sellers for right in self.rights[seller.party.id]]
        self.dice.shuffle(pool)
        # Who chooses a person on the login page finds work on the desk.
        own = [pair for pair in pool if pair[0] is self.sellers[0]]
        for number, fate in enumerate(STAGES):
            if fate in SHOWN_SELLER and own:
                pool.remove(pair := own.pop())
                pool.insert(number, pair)
        for number, (seller, right) in enumerate(pool[:count]):
            self._plan(number, seller, right)

    def _plan(self, number: int, seller: Seller, right: Right) -> None:
        fate = _fate(number)
        dice = self.dice
        price: int | None = dice.choice((60, 85, 120, 180, 260, 320, 480, 750, 980, 1500)) * 1000_00
        if fate == "listed" and dice.random() < 0.2:
            price = None
        if fate in STAGES:
            begin = self.today - timedelta(days=STAGES[fate] + dice.randint(0, 2), hours=dice.randint(1, 8))
        elif fate == "sold":
            begin = self.began + timedelta(days=dice.randint(30, 640), hours=dice.randint(1, 8))
        elif fate == "expired":
            begin = self.began + timedelta(days=dice.randint(30, 500), hours=dice.randint(1, 8))
        else:
            begin = self.today - timedelta(days=dice.randint(1, PERIOD), hours=dice.randint(1, 8))
        licence = fate == "listed" and dice.random() < 0.25
        self.at(begin, lambda: self._draft(fate, seller, right, price, licence=licence))

    def _draft(self, fate: str, seller: Seller, right: Right, price: int | None, *, licence: bool) -> None:
        dice = self.dice
        with transaction():
            self._complete(seller.agent, right)
            listing = listings.draft(
                seller.agent,
                kind=ListingKind.LICENCE if licence else ListingKind.TRANSFER,
                right_refs=[right.ref],
                summary=dice.choice(SUMMARIES),
                price_fen=price,
                licence_kind=dice.choice((LicenceKind.ORDINARY, LicenceKind.EXCLUSIVE)) if licence else None,
                licence_years=dice.choice((3, 5)) if licence else None,
                licence_region="福建省" if licence else None,
                maturity=dice.choice(MATURITY),
                terms={
                    "internal_decision": f"科技成果转化办公会纪要第{dice.randint(1, 60)}号",
                    "inventors_notified": True,
                    "licences_disclosed": "无",
                },
            )
            if fate == "draft":
                return
            listings.submit(seller.agent, listing.ref)
            if fate == "submitted":
                return
            if fate == "rejected":
                listings.reject(self.reviewer, listing.ref, reason="请补充说明技术成熟度的依据材料。")
                return
            listings.approve(self.reviewer, listing.ref)
        if fate == "withdrawn":
            later = clock.now() + timedelta(days=dice.randint(5, 20))
            self.at(min(later, self.today), lambda: self._withdraw(seller, listing))
        elif fate in STAGES or fate == "sold":
            self._plan_deal(fate, seller, listing)
        elif dice.random() < 0.15:
            buyer = dice.choice(self.buyers)
            when = min(clock.now() + timedelta(days=dice.randint(1, 9)), self.today - timedelta(hours=5))
            self.at(when, lambda: self._only_offer(buyer, listing))

    def _withdraw(self, seller: Seller, listing: Listing) -> None:
        listings.withdraw(seller.agent, listing.ref, reason="权利人决定自行实施")

    def _only_offer(self, buyer: Seller, listing: Listing) -> None:
        if listing.status is ListingStatus.LISTED and listing.seller_id != buyer.party.id:
            asked = listing.price_fen or 200_000_00
            deals.make_offer(
                buyer.agent, listing.ref, price_fen=asked * 8 // 10, message="请问可否提供样品测试？"
            )

    def _plan_deal(self, fate: str, seller: Seller, listing: Listing) -> None:
        """A deal goes the way of the walk, each step on its day, as far as ``fate`` lets it."""
        buyer = self.buyers[0] if fate in SHOWN_BUYER else self.dice.choice(self.buyers)
        registrar = self.registrars["3502" if (seller.party.region or "").startswith("3502") else "35"]
        people = walks.People(
            tto=seller.agent,
            tto_signer=seller.signer,
            buyer=buyer.agent,
            buyer_signer=buyer.signer,
            operator=self.operator,
            reviewer=self.reviewer,
            cashier=self.cashier,
            second_cashier=self.second_cashier,
            registrar=registrar,
        )
        asked = listing.price_fen or 200_000_00
        begin = clock.now()
        last = LAST_STEP.get(fate, len(STEPS))
        for name, day in STEPS[:last]:
            step = _steps(people, listing, asked)[name]
            self.at(begin + timedelta(days=day), step)


SUMMARIES = (
    "已完成中试，可提供技术资料与人员培训。",
    "实验室验证完成，欢迎企业联合开展中试。",
    "已在合作企业小批量应用，可现场考察。",
    "技术成熟，转让后提供三个月技术指导。",
    "适合中小企业实施，设备投入较小。",
)

STEPS: tuple[tuple[str, int], ...] = (
    ("offer", 2),
    ("counter", 3),
    ("agree", 5),
    ("contract", 7),
    ("sign", 18),
    ("pay", 20),
    ("apply", 21),
    ("register", 24),
    ("file", 25),
    ("notice", 33),
    ("verify", 34),
    ("payout", 36),
)

STAGES: dict[str, int] = {
    "offered": 2,
    "countered": 4,
    "agreed": 6,
    "contract": 9,
    "signed": 19,
    "paid": 21,
    "applied": 22,
    "filed": 28,
    "noticed": 34,
    "completed": 35,
}
"""Deals under way: how many days ago they began."""

SHOWN_SELLER = ("offered", "contract", "filed")
SHOWN_BUYER = ("countered", "contract", "signed", "filed", "completed")
"""Deals under way of the seller and of the buyer whose logins are shown."""

LAST_STEP: dict[str, int] = {
    "offered": 1,
    "countered": 2,
    "agreed": 3,
    "contract": 4,
    "signed": 5,
    "paid": 6,
    "applied": 7,
    "filed": 9,
    "noticed": 10,
    "completed": 11,
}


def _asking(admin: Actor, ref: str, paper: parties.Paper) -> Callable[[], None]:
    def ask() -> None:
        parties.submit_verification(admin, ref, [paper])

    return ask


def _fate(number: int) -> str:
    """What becomes of the listing: first one deal in each stage; of the others, in fifty, two sold, two expired …"""
    stages = list(STAGES)
    if number < len(stages):
        return stages[number]
    return FATES.get(number % 50, "listed")


FATES: dict[int, str] = {
    10: "sold",
    11: "sold",
    12: "expired",
    13: "expired",
    14: "withdrawn",
    15: "draft",
    16: "submitted",
    17: "rejected",
}


def _steps(people: walks.People, listing: Listing, asked: int) -> dict[str, Callable[[], None]]:
    def flow() -> Flow:
        deal = session.scalars(
            select(Deal).where(Deal.listing_id == listing.id).order_by(Deal.id.desc())
        ).first()
        found = session.scalar(select(Flow).where(Flow.deal_id == deal.id)) if deal is not None else None
        if found is None:
            raise Conflict("demo.no_flow", N_("The deal did not come about."))
        return found

    def nothing(_value: object) -> None:
        return None

    return {
        "offer": lambda: nothing(walks.offer(people, listing, asked * 85 // 100)),
        "counter": lambda: walks.counter(people, listing, asked),
        "agree": lambda: nothing(walks.agree(people, listing)),
        "contract": lambda: nothing(walks.write_contract(people, flow())),
        "sign": lambda: walks.sign(people, flow()),
        "pay": lambda: walks.pay(people, flow()),
        "apply": lambda: walks.apply_for_registration(people, flow()),
        "register": lambda: nothing(walks.answer_registration(people, flow())),
        "file": lambda: nothing(walks.file_change(people, flow())),
        "notice": lambda: walks.enter_notices(people, flow()),
        "verify": lambda: walks.verify_notices(people, flow()),
        "payout": lambda: nothing(walks.pay_out(people, flow())),
    }


def _line(made: words.Invention, owner: str) -> str:
    return (
        json.dumps(
            {
                "title": made.title,
                "applicants": [owner],
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
        + "\n"
    )


def load(
    *,
    seed: int,
    listings: int,
    if_empty: bool,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[str, Any]:
    """Make the market. With ``if_empty`` nothing happens where a party exists already.

    Raises ``NotAllowed`` in production, ``Conflict`` (``demo.not_empty``) where parties exist.
    """
    if settings().production:
        raise NotAllowed("demo.production", N_("The demo market is for development only."))
    if session.scalar(select(func.count()).select_from(Party)):
        if if_empty:
            shown = [
                {"email": one.email, "password": one.password, "role": ", ".join(one.roles)}
                for one in logins.demo_logins()
            ]
            return _answer(shown)
        raise Conflict(
            "demo.not_empty", N_("There are parties already. The demo market needs an empty database.")
        )
    today = clock.now()
    market = Market(seed, today, progress)
    with clock.frozen(market.began):
        with transaction():
            market.settle()
        market.bring(listings)
        market.trade(listings)
        market.live()
    with clock.frozen(today):
        events.drain_all()
    indexer.rebuild()
    return _answer(market.logins)


def _answer(shown: list[dict[str, str]]) -> dict[str, Any]:
    def count(model: Any) -> int:
        return session.scalar(select(func.count()).select_from(model)) or 0

    return {"parties": count(Party), "rights": count(Right), "listings": count(Listing), "logins": shown}
