"""One market with a thing of every kind in a state in which something can be done to it, and one person per role.

Built once in a database of its own, on a clock that stands still; every request is undone after it, so that all of
them find the same market.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from contracts import certificates, export, filings, money_track, notices, registration
from contracts.models import Flow
from contracts.throttle import verifying
from exchange.core import clock, config, events
from exchange.core.db import session, transaction
from exchange.core.events import Delivery, DeliveryStatus
from exchange.deals import actions as deals
from exchange.listings import actions as listings
from exchange.listings import publicity
from exchange.parties import actions as parties
from exchange.parties import logins, members, sessions, tokens
from exchange.parties.actions import Paper
from exchange.parties.models import ApiToken, PaperKind, Party, PartyKind, Role, Session, User
from exchange.parties.policy import SYSTEM, Actor
from exchange.parties.sessions import Caller
from exchange.rights import confirmation, imports
from exchange.rights.page_confirmation import fonts
from tests.conftest import OwnContext, undone
from tests.contracts import scene
from tests.listings import scene as shelf
from tests.parties import given

ORGANISATION = (Role.OWNER_ADMIN, Role.AGENT, Role.SIGNER, Role.FINANCE)

SECRET_WORDS = {
    "bank account": "6222 0000 5150 2026",
    "legal representative": "欧阳守密",
    "internal decision": "内部纪要第九九号",
    "draft title": "尚未公开的草稿",
    "offer message": "只给卖方看的话",
    "paper": "未公开的营业执照",
    "import": "未公开的专利清单",
    "document": "未公开的证明文件",
    "refusal": "仅当事人可见的理由",
    "other tenant": "隔壁企业",
}
"""What only its owners (and the exchange) may read; each stands somewhere in the market."""

_count = itertools.count(1)


@dataclass
class Market:
    """The market: who is in it, and the references of its things by what they are good for."""

    app: Flask
    settings: config.Settings
    people: dict[str, Actor] = field(default_factory=dict)
    logins: dict[str, tuple[int, int]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever is written inside never happened."""
        verifying.forget()
        with undone(self.app):
            yield

    def actor(self, who: str) -> Actor:
        """``who`` as the verbs know them; inside ``undone``."""
        user, party = self.logins[who]
        return sessions.actor_for(session.get_one(User, user), session.get_one(Party, party), stepped_up=True)

    def key(self, who: str, *scopes: str) -> dict[str, str]:
        """The headers of a program of ``who`` that may only do what ``scopes`` say; inside ``undone``."""
        return {"Authorization": f"Bearer {tokens.create(self.actor(who), scopes=scopes)[1]}"}

    def browser(self, who: str) -> FlaskClient:
        """A browser in which ``who`` is signed in (or was, or never)."""
        client = self.app.test_client()
        client.set_cookie("rongyi", self.cookies[who])
        client.set_cookie("lang", "en")
        return client

    def by_session(self, who: str, method: str, path: str, **more: Any) -> TestResponse:
        """A request of a browser, with the form token where it is unsafe."""
        if method != "GET":
            more["data"] = {"csrf_token": self.csrf[who], **more.get("data", {})}
        return self.browser(who).open(path, method=method, **more)

    def by_token(self, who: str, method: str, path: str, **more: Any) -> TestResponse:
        """A request of a program, with an ``Idempotency-Key`` of its own where it is unsafe."""
        headers = {"Authorization": f"Bearer {self.secrets[who]}"} if who in self.secrets else {}
        if method != "GET":
            headers |= {"Idempotency-Key": f"call-{next(_count)}", "If-Match": "*"}
        headers |= more.pop("headers", {})
        return self.app.test_client().open(path, method=method, headers=headers, **more)

    def ask(self, who: str, method: str, path: str, **more: Any) -> TestResponse:
        """A request of a program under ``/api/``, else of a browser."""
        asked = self.by_token if path.startswith("/api/") else self.by_session
        return asked(who, method, path, **more)


def build(app: Flask) -> Market:
    """Make the market in the (empty) database of ``app``; call on a clock that stands at ``MOMENT``."""
    market = Market(app, config.settings())
    app.wsgi_app = OwnContext(app)  # type: ignore[method-assign]
    with app.app_context():
        house = _people(market)
        _shelf(market, house)
        _imports(market)
        _parties(market)
        _flows(market, house)
        events.drain_all()
        _delivery(market)
        _keys(market)
    return market


# -- people ----------------------------------------------------------------------------------------


def _people(market: Market) -> scene.House:
    house = scene.house()
    selling, buying = house.seller.party, house.buyer.party
    assert selling is not None
    assert buying is not None
    with transaction():
        for party in (selling, buying):
            row = session.get_one(Party, party.id)
            row.uscc = given.fresh_uscc()
            row.legal_representative = SECRET_WORDS["legal representative"]
            row.bank_account = SECRET_WORDS["bank account"] if party is selling else "6222 9999 8888 7777"
    other = shelf.party(name=SECRET_WORDS["other tenant"])
    market.people = {
        "stranger": scene.member(other, *ORGANISATION),
        "admin": scene.member(selling, Role.OWNER_ADMIN),
        "agent": house.seller,
        "signer": house.seller_signer,
        "finance": scene.member(selling, Role.FINANCE),
        "buyer": scene.member(buying, *ORGANISATION),
        "operator": house.operator,
        "reviewer": house.reviewer,
        "officer": house.officer,
        "registrar": house.registrar,
        "auditor": house.auditor,
        "disabled": scene.member(selling, *ORGANISATION),
        "expired": scene.member(selling, *ORGANISATION),
    }
    market.refs |= {
        "party": selling.ref,
        "other_party": other.ref,
        "buyer_party": buying.ref,
        "user": str(house.seller_signer.user_ref),
        "member": str(scene.member(selling, Role.AGENT).user_ref),
    }
    house.buyer = market.people["buyer"]
    return house


# -- listings, offers ------------------------------------------------------------------------------


def _shelf(market: Market, house: scene.House) -> None:
    agent, buyer, reviewer = house.seller, house.buyer, house.reviewer
    assert agent.party is not None
    assert buyer.party is not None
    refs = market.refs
    terms = {"internal_decision": SECRET_WORDS["internal decision"], "inventors_notified": True}
    facts = {"terms": terms, "title": SECRET_WORDS["draft title"]}
    refs["right"] = shelf.right(agent.party).ref
    refs["right_twin"] = shelf.right(agent.party, title="重复登记的权利", app_no=None, key="CN-TWIN").ref
    refs["right_claimed"] = shelf.right(buyer.party, verified=False).ref
    refs["draft"] = shelf.draft(agent, **facts).ref
    refs["submitted"] = shelf.submitted(agent, **facts).ref
    refs["verified"] = listings.verify(reviewer, shelf.submitted(agent, **facts).ref).ref
    gated = listings.verify(reviewer, shelf.submitted(agent, **facts).ref)
    refs["gated"] = listings.pass_gates(reviewer, gated.ref).ref
    refs["rejected"] = listings.reject(
        reviewer, shelf.submitted(agent, **facts).ref, reason=SECRET_WORDS["refusal"]
    ).ref
    suspended = shelf.published(agent, by=reviewer, terms=terms)
    refs["suspended"] = listings.suspend(SYSTEM, suspended.ref, reason=SECRET_WORDS["refusal"]).ref
    listed = shelf.published(agent, by=reviewer, terms=terms)
    refs["listed"] = listed.ref
    refs["offer"] = shelf.offered(buyer, listed, 90_000_000, message=SECRET_WORDS["offer message"]).ref
    countered = shelf.published(agent, by=reviewer, terms=terms)
    first = shelf.offered(buyer, countered, 90_000_000, message=SECRET_WORDS["offer message"])
    refs["counter"] = deals.counter(agent, first.ref, price_fen=100_000_000).ref
    university = shelf.member(shelf.party(PartyKind.UNIVERSITY, "榕江理工大学"))
    public = shelf.published(university, by=reviewer)
    refs["public"] = public.ref
    refs["objection"] = publicity.object_to(buyer, public.ref, text="作价偏低").ref


def _imports(market: Market) -> None:
    agent = market.people["agent"]
    line = '{"title": "纳滤膜", "applicants": ["某企业"], "pub_no": "CN120000001B"}\n'
    table = "公开号,名称,申请人\nCN120000002B,纳滤膜,某企业\n不是号码,没有号码的一行,某企业\n"
    name = SECRET_WORDS["import"]
    market.refs["import"] = imports.upload(agent, line.encode(), f"{name}.jsonl").ref
    market.refs["import_done"] = imports.upload(agent, table.encode(), f"{name}.csv").ref
    done = imports.start(agent, market.refs["import_done"])
    assert (done.added, done.rejected) == (1, 1), done.problems
    market.refs["confirmation"] = confirmation.issue(agent, ["CN120000002B"], fonts=fonts()).code


# -- parties ---------------------------------------------------------------------------------------


def _parties(market: Market) -> None:
    refs = market.refs
    paper = Paper(PaperKind.LICENCE, scene.PDF, f"{SECRET_WORDS['paper']}.pdf")
    waiting = given.given_party(verified=False, name="待核验企业")
    admin = given.given_actor(waiting, Role.OWNER_ADMIN)
    parties.submit_verification(admin, waiting.ref, [paper])
    parties.add_name(admin, waiting.ref, "旧名企业")
    suspended = given.given_party(name="停用企业")
    parties.suspend(market.people["operator"], suspended.ref, SECRET_WORDS["refusal"])
    agent, admin = market.people["agent"], market.people["admin"]
    assert admin.party is not None
    own = parties.add_papers(admin, admin.party.ref, [paper])[0]
    invitation = members.invite(admin, admin.party.ref, email="colleague@example.cn", roles=[Role.AGENT])
    stranger = market.people["stranger"]
    assert stranger.user is not None
    called = members.invite(admin, admin.party.ref, email=stranger.user.email, roles=[Role.AGENT])
    assert agent.user is not None
    sessions.start(agent.user, Caller("127.0.0.9", "Firefox/1"))
    out_of_service = given.given_user(suspended, Role.AGENT)
    logins.disable(market.people["operator"], out_of_service.ref, "离职")
    refs |= {
        "waiting": waiting.ref,
        "suspended_party": suspended.ref,
        "paper": own.ref,
        "invitation": str(invitation.id),
        "invitation_secret": members.invitation_secret(invitation),
        "invitation_called": members.invitation_secret(called),
        "session": str(session.scalars(select(Session.id).where(Session.address == "127.0.0.9")).one()),
        "token": tokens.create(agent, scopes=["read"], label="another")[0].ref,
        "user_disabled": out_of_service.ref,
    }


# -- flows -----------------------------------------------------------------------------------------


def _flows(market: Market, house: scene.House) -> None:
    refs = market.refs
    agent = house.seller
    assert agent.party is not None

    def keep(name: str, flow: Flow) -> Flow:
        refs[f"flow_{name}"] = flow.ref
        refs[f"filing_{name}"] = flow.filings[0].ref
        refs[f"proof_{name}"] = scene.proof(agent, flow, f"{SECRET_WORDS['document']}.pdf")
        return flow

    keep("draft", scene.agreed(house))
    asked = scene.agreed(house, shelf.right(agent.party, inventors=["陈砚"]))
    refs["consent"] = keep("asked", asked).consents[0].ref
    final = scene.final(house, keep("final", scene.agreed(house)))
    refs["sha256"] = str(final.contracts[-1].sha256)
    keep("signed", scene.signed(house, scene.agreed(house)))
    funded = keep("funded", scene.funded(house, scene.agreed(house)))
    refs["receipt"] = f"BANK-{funded.ref}"
    for name in ("applied", "accepted", "supplement", "large", "registered"):
        price = 20_000_000_00 if name == "large" else scene.PRICE
        _registered(
            market, house, name, keep(name, scene.signed(house, scene.agreed(house, price_fen=price)))
        )
    fileable = keep("filed", scene.funded(house, scene.agreed(house)))
    filings.submit_filing(house.buyer, fileable.filings[0].ref)
    keep("paid", scene.filed(house, scene.agreed(house)))
    asking = keep("asking", scene.filed(house, scene.agreed(house)))
    supplement = scene.noticed(house, asking, code="200029", due_on=clock.today() + timedelta(days=30))
    notices.verify_notice(house.reviewer, supplement.ref)
    waiting = keep("noticed", scene.filed(house, scene.agreed(house)))
    refs["notice"] = scene.noticed(house, waiting).ref
    _recorded(market, house, keep("done", scene.agreed(house)))
    abroad = scene.house(country="DE")
    abroad.seller, abroad.reviewer = house.seller, house.reviewer
    assert abroad.buyer.party is not None
    for name in ("abroad", "declared", "applying"):
        flow = keep(name, scene.agreed(abroad))
        if name != "abroad":
            export.declare(agent, flow.ref, category="free")
        if name == "applying":
            export.apply(agent, flow.ref, certificate_no="EX-2026-0001", document=refs["proof_applying"])
    refs["deal"] = asked.deal.ref
    refs["document"] = refs["proof_asked"]


def _registered(market: Market, house: scene.House, name: str, flow: Flow) -> None:
    one = registration.apply(house.seller, flow.ref)
    market.refs[f"registration_{name}"] = one.ref
    if name == "applied":
        return
    registration.accept(house.other_registrar, one.ref)
    if name == "supplement":
        registration.ask_supplement(house.other_registrar, one.ref, note="请补充技术资料")
    if name == "registered":
        answer = registration.decide(
            house.other_registrar,
            one.ref,
            register=True,
            number="3501202600000009",
            dated=clock.today(),
            document=scene.proof(house.other_registrar, flow),
        )
        notices.verify_notice(house.reviewer, answer.ref)


def _recorded(market: Market, house: scene.House, flow: Flow) -> None:
    flow = scene.filed(house, flow)
    notices.verify_notice(house.other_reviewer, scene.noticed(house, flow).ref)
    flow = scene.fresh(flow)
    assert flow.certificate is not None
    assert flow.deal.seller is not None
    market.refs["certificate"] = flow.certificate.code
    market.refs["account"] = f"party:{flow.deal.seller.ref}"
    payout = money_track.request_payout(
        house.other_officer, flow.deal.seller.ref, amount_fen=100_000, flow_ref=flow.ref
    )
    market.refs["payout"] = payout.ref
    assert certificates.check(flow.certificate.code).state == "valid"


def _delivery(market: Market) -> None:
    with transaction():
        row = session.scalars(select(Delivery).order_by(Delivery.id).limit(1)).one()
        row.status = DeliveryStatus.PARKED
        market.refs["delivery"] = str(row.id)


# -- keys ------------------------------------------------------------------------------------------


def _keys(market: Market) -> None:
    with transaction():
        session.execute(update(User).values(password_hash=given._hashed()))
    agent = market.people["agent"].user
    assert agent is not None
    session.refresh(agent)
    reset = logins.reset_link(agent, int(clock.wall().timestamp()) + 600)
    market.refs["reset"] = reset.rpartition("/")[2]
    for who, actor in market.people.items():
        assert actor.user is not None
        assert actor.party is not None
        market.logins[who] = (actor.user.id, actor.party.id)
        client = market.app.test_client()
        assert given.sign_in(client, actor.user).status_code == 303
        market.secrets[who] = tokens.create(actor, scopes=["all"], label=who)[1]
        _keep_cookie(market, who, client, "/account")
    _keep_cookie(market, "visitor", market.app.test_client(), "/login")
    gone, idle = market.people["disabled"].user, market.people["expired"].user
    assert gone is not None
    assert idle is not None
    logins.disable(market.people["operator"], gone.ref, "离职")
    with transaction():
        past = clock.wall() - timedelta(days=2)
        session.execute(update(Session).where(Session.user_id == idle.id).values(seen_at=past))
        session.execute(update(ApiToken).values(last_used_at=clock.wall()))
        session.execute(update(ApiToken).where(ApiToken.user_id == idle.id).values(expires_at=past))


def _keep_cookie(market: Market, who: str, client: FlaskClient, path: str) -> None:
    page = client.get(path)
    cookie = client.get_cookie("rongyi")
    assert cookie is not None
    market.cookies[who] = cookie.value
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert token, f"no form on {path} for {who}"
    market.csrf[who] = token
