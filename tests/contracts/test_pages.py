"""The pages: the whole way of a deal by forms, each role at its own page; and what strangers see."""

import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from contracts import flows
from contracts.models import EscrowStatus, Flow
from exchange.core import clock
from exchange.core.money import yuan
from exchange.deals.models import DealStatus
from exchange.parties.models import PartyKind, Role
from exchange.parties.policy import Actor
from tests.contracts import scene
from tests.contracts.scene import House
from tests.listings import scene as market
from tests.parties.given import hidden, submit

pytestmark = pytest.mark.usefixtures("db_app")


@pytest.fixture
def people(db_app: Flask) -> House:
    return scene.house()


class Desk:
    """Browsers of everybody, opened when first needed."""

    def __init__(self, app: Flask, people: House) -> None:
        self.app = app
        self.people = people
        self.open: dict[str, FlaskClient] = {}

    def __getitem__(self, name: str) -> FlaskClient:
        if name not in self.open:
            self.open[name] = scene.browser(self.app, getattr(self.people, name))
        return self.open[name]


@pytest.fixture
def desk(db_app: Flask, people: House) -> Desk:
    return Desk(db_app, people)


def pdf(name: str = "通知书.pdf") -> tuple[io.BytesIO, str]:
    return io.BytesIO(scene.PDF), name


def day(prefix: str) -> dict[str, str]:
    today = clock.today()
    return {f"{prefix}-y": str(today.year), f"{prefix}-m": str(today.month), f"{prefix}-d": str(today.day)}


def send(client: FlaskClient, page: str, *, to: str, **data: Any) -> None:
    answer = submit(client, page, to=to, **data)
    assert answer.status_code == 303, (
        to,
        answer.status_code,
        re.findall(r'class="ry-err".*?</p>', answer.text, re.DOTALL),
    )


def test_the_whole_way_by_forms(people: House, desk: Desk) -> None:
    flow = scene.agreed(people)
    home = f"/flows/{flow.ref}"
    # The contract: terms, text, two signatures.
    send(
        desk["seller"],
        f"{home}/contract/edit",
        to=f"{home}/contract/edit",
        payment_mode="LUMP",
        clause_other="双方另行签订培训协议。",
    )
    send(desk["buyer"], f"{home}/contract", to=f"{home}/contract/finalise")
    contract = flows.contract_of(scene.fresh(flow))
    assert "双方另行签订培训协议。" in desk["buyer_signer"].get(f"{home}/contract").text
    for who in ("seller_signer", "buyer_signer"):
        send(desk[who], f"{home}/contract", to=f"{home}/contract/sign", sha256=str(contract.sha256))
    # The price, in two parts.
    price = flow.deal.price_fen
    for part, reference in ((price // 3, "BANK-0001"), (price - price // 3, "BANK-0002")):
        send(
            desk["officer"],
            f"{home}/receipt",
            to=f"{home}/receipt",
            amount=yuan(part),
            bank_reference=reference,
        )
    assert scene.fresh(flow).escrow.status is EscrowStatus.FUNDED
    # The filing: request, fee, notice, verification.
    filing = f"/filings/{flow.filings[0].ref}"
    send(desk["buyer"], filing, to=f"{filing}/submit")
    send(desk["buyer"], filing, to=f"{filing}/fee", receipt="NO-778812")
    send(
        desk["buyer"],
        filing,
        to=f"{filing}/notice",
        code="200028",
        number="GA000102391597",
        file=pdf(),
        **day("dated"),
    )
    notice = f"/notices/{scene.fresh(flow).filings[0].notices[0].ref}"
    assert "btn-seal" in desk["reviewer"].get(notice).text  # the last right: verifying it releases the price
    send(desk["reviewer"], notice, to=f"{notice}/verify")
    flow = scene.fresh(flow)
    assert flow.deal.status is DealStatus.COMPLETED
    # The payout, by two people.
    seller = flow.deal.seller
    send(
        desk["officer"],
        "/money",
        to="/payouts",
        party=seller.ref,
        amount=yuan(flow.escrow.price_fen - flow.escrow.fee_fen),
    )
    from contracts.models import Payout
    from exchange.core.db import session

    payout = session.query(Payout).one()
    send(desk["other_officer"], "/money", to=f"/payouts/{payout.ref}/approve", bank_reference="OUT-778812")
    # Everybody sees the end; anybody can check the certificate.
    assert flow.certificate is not None
    for who in ("seller", "buyer_signer", "auditor", "operator"):
        assert desk[who].get(home).status_code == 200
    sheet = desk.app.test_client().get(f"/verify/{flow.certificate.code}")
    assert sheet.status_code == 200
    assert flow.certificate.number in sheet.text


def test_the_registration_by_forms(people: House, desk: Desk) -> None:
    flow = scene.signed(people, scene.agreed(people))
    send(
        desk["seller"],
        f"/flows/{flow.ref}/registration",
        to=f"/flows/{flow.ref}/registration",
        contact="林知夏",
    )
    one = scene.fresh(flow).registrations[0]
    page = f"/registrations/{one.ref}"
    assert flow.deal.listing.title in desk["registrar"].get("/registrations").text
    send(desk["registrar"], page, to=f"{page}/accept")
    send(desk["registrar"], page, to=f"{page}/ask", note="补合同附件")
    send(desk["seller"], page, to=f"{page}/supplement", file=pdf())
    send(
        desk["registrar"],
        page,
        to=f"{page}/decide",
        register="true",
        number="2026350100001234",
        file=pdf(),
        **day("dated"),
    )
    notice = scene.fresh(flow).registrations[0].notices[0]
    send(desk["reviewer"], f"/notices/{notice.ref}", to=f"/notices/{notice.ref}/verify")
    assert "2026350100001234" in desk["seller"].get(f"/flows/{flow.ref}").text
    assert flow.deal.listing.title in desk["registrar"].get("/registrations?ended=1").text


def test_consents_and_export_by_forms(db_app: Flask) -> None:
    people = scene.house(seller=PartyKind.UNIVERSITY, country="DE")
    assert people.seller.party is not None
    desk = Desk(db_app, people)
    right = market.right(people.seller.party, "闽东新材料研究院", inventors=["陈砚"])
    flow = scene.agreed(people, right, terms={**market.STATEMENTS, "co_owner_consents": ["闽东新材料研究院"]})
    page = f"/flows/{flow.ref}/consents"
    asked = [consent.ref for consent in flow.consents]
    assert len(asked) == 2
    send(desk["seller"], page, to=page, consent=asked, file=pdf("同意书.pdf"))
    assert desk["buyer"].get(page).status_code == 200
    track = f"/flows/{flow.ref}/export"
    send(desk["seller"], track, to=f"{track}/declare", category="free")
    send(desk["seller"], track, to=f"{track}/apply", certificate_no="EX-2026-0001", file=pdf())
    send(desk["reviewer"], track, to=f"{track}/clear")
    assert desk["reviewer"].get(f"/flows/{flow.ref}").status_code == 200


# -- who sees what --------------------------------------------------------------------------------


def stranger(app: Flask) -> FlaskClient:
    return scene.browser(app, scene.member(market.party(), Role.AGENT, Role.OWNER_ADMIN))


def pages_of(flow: Flow) -> list[str]:
    home = f"/flows/{flow.ref}"
    return [
        home,
        f"{home}/contract",
        f"{home}/contract/edit",
        f"{home}/consents",
        f"{home}/registration",
        f"/filings/{flow.filings[0].ref}",
    ]


def test_strangers_find_nothing(people: House, db_app: Flask) -> None:
    flow = scene.agreed(people)
    other = stranger(db_app)
    assert flow.ref not in other.get("/flows").text
    for path in [*pages_of(flow), f"/flows/{flow.ref}/receipt", f"/flows/{flow.ref}/rescind", "/money"]:
        assert other.get(path).status_code == 404, path


def test_visitors_are_sent_to_sign_in(people: House, db_app: Flask) -> None:
    flow = scene.agreed(people)
    for path in pages_of(flow):
        answer = db_app.test_client().get(path)
        assert (answer.status_code, answer.location.split("?")[0]) == (303, "/login"), path


def test_a_file_is_for_those_of_the_flow(people: House, desk: Desk, db_app: Flask) -> None:
    flow = scene.final(people, scene.agreed(people))
    document = flows.contract_of(flow).document
    assert document is not None
    path = f"/documents/{document.ref}"
    answer = desk["buyer"].get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert stranger(db_app).get(path).status_code == 404


def test_the_flow_page_says_whose_turn_it_is(people: House, desk: Desk) -> None:
    flow = scene.signed(people, scene.agreed(people))
    home = f"/flows/{flow.ref}"
    assert "ry-deep ry-now" in desk["buyer"].get(home).text
    waiting = desk["registrar"].get(home).text
    assert "ry-now--wait" in waiting
    assert flow.deal.buyer.name in waiting


def test_a_refusal_stands_on_the_form(people: House, desk: Desk) -> None:
    flow = scene.signed(people, scene.agreed(people))
    page = f"/flows/{flow.ref}/receipt"
    answer = submit(desk["officer"], page, amount="99999999999.00", bank_reference="BANK-9")
    assert answer.status_code == 422
    assert "BANK-9" in answer.text
    assert "f-amount" in answer.text


def test_a_double_click_is_one_receipt(people: House, desk: Desk) -> None:
    flow = scene.signed(people, scene.agreed(people))
    page = f"/flows/{flow.ref}/receipt"
    form = {**hidden(desk["officer"].get(page).text), "amount": "10.00", "bank_reference": "BANK-10"}
    assert [desk["officer"].post(page, data=form).status_code for _ in range(2)] == [303, 303]
    from contracts import money_track

    assert money_track.received(scene.fresh(flow)) == 1000


# -- the certificate's page -----------------------------------------------------------------------


def test_the_check_is_limited_by_address(people: House, db_app: Flask) -> None:
    from contracts.throttle import verifying

    verifying.forget()
    client = db_app.test_client()
    answers = [client.get("/verify/" + "0" * 26).status_code for _ in range(22)]
    assert answers == [404] * 20 + [429] * 2
    elsewhere = client.get("/verify/" + "0" * 26, environ_base={"REMOTE_ADDR": "198.51.100.7"})
    assert elsewhere.status_code == 404
    verifying.forget()


def test_the_check_tells_an_altered_file(people: House, db_app: Flask) -> None:
    from contracts import documents
    from contracts.throttle import verifying
    from exchange.core import files

    verifying.forget()
    flow = scene.recorded(people, scene.agreed(people))
    assert flow.certificate is not None
    data = files.read(next(d for d in documents.of_flow(flow) if d.purpose == documents.CERTIFICATE))
    path = f"/verify/{flow.certificate.code}"
    client = db_app.test_client()
    same = client.post(path + "?lang=en", data={"file": (io.BytesIO(data), "c.html")})
    other = client.post(path + "?lang=en", data={"file": (io.BytesIO(data + b" "), "c.html")})
    assert "bit for bit" in same.text
    assert "was altered" in other.text
    assert client.get("/verify", query_string={"code": flow.certificate.code.lower()}).location == path
    verifying.forget()


def test_a_person_is_not_named_in_full_to_everybody(db_app: Flask) -> None:
    from contracts import certificates

    person = market.party(PartyKind.PERSON, "林知夏")
    assert certificates.public_name(person) == "林**"
    assert certificates.public_name(market.party(name="福州澄川膜材料有限公司")) == "福州澄川膜材料有限公司"


def test_every_actor_in_the_house_can_open_the_list(people: House, desk: Desk) -> None:
    flow = scene.agreed(people)
    for name, actor in vars(people).items():
        assert isinstance(actor, Actor)
        page = desk[name].get("/flows")
        assert page.status_code == 200
        assert flow.ref in page.text
