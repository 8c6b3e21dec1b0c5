"""``/api/v1/flows`` and its kin: the whole way by programs, what each may see, repeats, versions, refusals."""

import io
from typing import Any

import pytest
from flask import Flask

from contracts import flows
from contracts.models import Flow
from contracts.throttle import verifying
from exchange.core import clock, files
from exchange.core.money import decimal_yuan
from exchange.parties import tokens
from exchange.parties.models import Role
from exchange.parties.policy import Actor
from tests.contracts import scene
from tests.contracts.scene import House
from tests.listings import scene as market

pytestmark = pytest.mark.usefixtures("db_app")

API = "/api/v1"
TODAY = "2026-06-15"


class Programs:
    """A program of everybody, each with a token of its own."""

    def __init__(self, app: Flask, people: House) -> None:
        self.app = app
        self.people = people
        self.keys: dict[str, str] = {}
        self.count = 0

    def key(self, who: str | Actor) -> str:
        actor = getattr(self.people, who) if isinstance(who, str) else who
        name = str(actor.user_ref)
        if name not in self.keys:
            self.keys[name] = tokens.create(actor, scopes=["all"])[1]
        return self.keys[name]

    def __call__(self, who: str | Actor, method: str, path: str, body: Any = None, **headers: str) -> Any:
        self.count += 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Idempotency-Key", f"key-{self.count}")
        bearer = {"Authorization": f"Bearer {self.key(who)}"}
        return self.app.test_client().open(API + path, method=method, json=body, headers={**bearer, **named})

    def ok(self, who: str | Actor, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self(who, method, path, body, **headers)
        assert answer.status_code in {200, 201}, (path, answer.status_code, answer.text)
        return answer.json

    def upload(self, who: str, flow: Flow, name: str = "通知书.pdf") -> str:
        answer = self.app.test_client().post(
            f"{API}/flows/{flow.ref}/documents",
            data={"file": (io.BytesIO(scene.PDF + name.encode()), name)},
            headers={"Authorization": f"Bearer {self.key(who)}"},
        )
        assert answer.status_code == 201, answer.text
        return str(said(answer)["ref"])


@pytest.fixture
def people(db_app: Flask) -> House:
    return scene.house()


@pytest.fixture
def call(db_app: Flask, people: House) -> Programs:
    return Programs(db_app, people)


def said(answer: Any) -> Any:
    """The body of an answer."""
    return answer.json


def money(fen: int) -> dict[str, str]:
    return {"amount": decimal_yuan(fen), "currency": "CNY"}


def test_the_whole_way_by_programs(people: House, call: Programs, db_app: Flask) -> None:
    verifying.forget()
    flow = scene.agreed(people)
    home = f"/flows/{flow.ref}"
    draft = call.ok("seller", "PATCH", f"{home}/contract", {"clauses": {"other": "培训两次"}})
    assert (draft["status"], draft["actions"]) == ("draft", ["finalise"])
    final = call.ok("buyer", "POST", f"{home}/contract/finalise")
    for who in ("seller_signer", "buyer_signer"):
        signed = call.ok(who, "POST", f"{home}/contract/sign", {"sha256": final["sha256"]})
    assert (signed["status"], signed["signed_on"], len(signed["signatures"])) == ("signed", TODAY, 2)
    shown = call.ok("buyer", "GET", home)
    assert shown["stage"] == "payment"
    pay = next(item for item in shown["missing"] if item["code"] == "escrow.pay")
    assert (pay["mine"], pay["by"], pay["track"]) == (True, "2026-06-25", "money")
    entry = call.ok(
        "officer",
        "POST",
        f"{home}/receive_price",
        {"amount": money(scene.PRICE), "bank_reference": "BANK-0001"},
    )
    assert entry["movement"] == "price_in"
    one = call.ok("seller", "POST", f"{home}/registrations", {"contact": "林知夏"})
    call.ok("registrar", "POST", f"/registrations/{one['ref']}/accept")
    (filing,) = call.ok("buyer", "GET", f"{home}/filings")["items"]
    assert filing["actions"] == ["submit"]
    path = f"/filings/{filing['ref']}"
    assert call.ok("buyer", "POST", f"{path}/submit", {})["package"]["form"] == "100016"
    assert call.ok("buyer", "POST", f"{path}/pay_fee", {"receipt": "RCPT-0001"})["status"] == "fee_paid"
    notice = call.ok(
        "buyer",
        "POST",
        f"{path}/notices",
        {
            "code": "200028",
            "number": "GA000102391597",
            "dated": TODAY,
            "document": call.upload("buyer", flow),
        },
    )
    assert notice["actions"] == []
    assert set(call.ok("reviewer", "GET", f"/notices/{notice['ref']}")["actions"]) == {"verify", "reject"}
    call.ok("reviewer", "POST", f"/notices/{notice['ref']}/verify")
    end = call.ok("seller", "GET", home)
    assert (end["stage"], end["escrow"]["status"]) == ("done", "released")
    assert end["escrow"]["received"] == money(0)
    verdict = said(db_app.test_client().get(f"{API}/certificates/{end['certificate']}"))
    assert (verdict["state"], verdict["altered"]) == ("valid", None)
    assert said(db_app.test_client().get(f"{API}/certificates/{'0' * 26}"))["state"] == "unknown"
    payout = call.ok(
        "officer",
        "POST",
        "/payouts",
        {"party": end["seller"]["ref"], "amount": money(scene.PRICE - scene.PRICE // 50), "flow": flow.ref},
    )
    assert payout["actions"] == []
    done = call.ok(
        "other_officer", "POST", f"/payouts/{payout['ref']}/approve", {"bank_reference": "OUT-0001"}
    )
    assert done["status"] == "paid"
    assert people.seller.party is not None
    bookkeeper = scene.member(people.seller.party, Role.FINANCE)
    assert call.ok(bookkeeper, "GET", "/payouts")["total"] == 1
    assert call.ok("seller", "GET", "/payouts")["total"] == 0, "an agent does not see the money"
    assert call.ok("buyer", "GET", "/payouts")["total"] == 0


def test_the_registrar_decides_by_program(people: House, call: Programs) -> None:
    flow = scene.signed(people, scene.agreed(people))
    one = call.ok("seller", "POST", f"/flows/{flow.ref}/registrations", {})
    path = f"/registrations/{one['ref']}"
    assert set(call.ok("registrar", "POST", f"{path}/accept")["actions"]) >= {"ask_supplement", "register"}
    call.ok("registrar", "POST", f"{path}/ask_supplement", {"note": "补附件"})
    call.ok("seller", "POST", f"{path}/supplement", {"document": call.upload("seller", flow)})
    answer = call.ok(
        "registrar",
        "POST",
        f"{path}/decide",
        {
            "register": True,
            "number": "2026350100001234",
            "dated": TODAY,
            "technology": money(1_000_000),
            "document": call.upload("registrar", flow),
        },
    )
    call.ok("reviewer", "POST", f"/notices/{answer['ref']}/verify")
    shown = call.ok("seller", "GET", path)
    assert (shown["status"], shown["number"], shown["technology"]) == (
        "registered",
        "2026350100001234",
        money(1_000_000),
    )
    assert call.ok("registrar", "GET", "/registrations?status=registered")["total"] == 1
    assert call.ok("buyer", "GET", "/registrations")["total"] == 1


# -- who sees what --------------------------------------------------------------------------------


def test_strangers_get_nothing(people: House, call: Programs) -> None:
    flow = scene.filed(people, scene.agreed(people))
    document = flows.contract_of(flow).document
    assert document is not None
    filing, notice = flow.filings[0].ref, scene.noticed(people, flow).ref
    other = scene.member(market.party(), Role.AGENT, Role.OWNER_ADMIN, Role.SIGNER, Role.FINANCE)
    for path in (
        f"/flows/{flow.ref}",
        f"/flows/{flow.ref}/contract",
        f"/flows/{flow.ref}/filings",
        f"/flows/{flow.ref}/documents",
        f"/filings/{filing}",
        f"/notices/{notice}",
        f"/documents/{document.ref}",
        f"/documents/{document.ref}/content",
    ):
        assert call(other, "GET", path).status_code == 404, path
        assert call("buyer", "GET", path).status_code == 200, path
    for path, body in (
        (f"/flows/{flow.ref}/contract/finalise", None),
        (f"/flows/{flow.ref}/contract/sign", {"sha256": "0" * 64}),
        (f"/flows/{flow.ref}/receive_price", {"amount": money(1), "bank_reference": "BANK-1"}),
        (f"/flows/{flow.ref}/rescind", {"reason": "无"}),
        (f"/filings/{filing}/submit", {}),
        (f"/notices/{notice}/verify", None),
    ):
        assert call(other, "POST", path, body).status_code == 404, path
    assert call.ok(other, "GET", "/flows")["total"] == 0


@pytest.mark.parametrize(
    ("who", "path", "body"),
    [
        ("buyer", "receive_price", {"amount": money(1), "bank_reference": "BANK-1"}),
        ("seller", "rescind", {"reason": "无"}),
        ("buyer", "registrations", {}),
        ("auditor", "contract/finalise", None),
        ("seller", "contract/sign", {"sha256": "0" * 64}),
    ],
)
def test_a_wrong_role_is_refused(people: House, call: Programs, who: str, path: str, body: Any) -> None:
    flow = scene.signed(people, scene.agreed(people))
    answer = call(who, "POST", f"/flows/{flow.ref}/{path}", body)
    assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")


def test_a_file_comes_back_as_it_was(people: House, call: Programs) -> None:
    flow = scene.agreed(people)
    ref = call.upload("seller", flow, "同意书.pdf")
    answer = call("buyer", "GET", f"/documents/{ref}/content")
    assert answer.data == scene.PDF + "同意书.pdf".encode()
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert call.ok("buyer", "GET", f"/flows/{flow.ref}/documents")["total"] == 1


# -- repeats, versions, refusals ------------------------------------------------------------------


def test_money_asks_for_a_key_and_counts_once(people: House, call: Programs) -> None:
    flow = scene.signed(people, scene.agreed(people))
    path = f"/flows/{flow.ref}/receive_price"
    body = {"amount": money(700), "bank_reference": "BANK-0001"}
    answers = [call("officer", "POST", path, body, Idempotency_Key="k1") for _ in range(2)]
    assert answers[0].json == answers[1].json
    other = call("officer", "POST", path, {**body, "amount": money(701)}, Idempotency_Key="k1")
    assert (other.status_code, other.json["code"]) == (422, "idempotency.key_reused")
    keyless = call.app.test_client().post(
        API + path, json=body, headers={"Authorization": f"Bearer {call.key('officer')}"}
    )
    assert (keyless.status_code, said(keyless)["code"]) == (422, "idempotency.key_required")
    assert call.ok("buyer", "GET", f"/flows/{flow.ref}")["escrow"]["received"] == money(700)


def test_an_older_contract_is_not_changed(people: House, call: Programs) -> None:
    flow = scene.agreed(people)
    path = f"/flows/{flow.ref}/contract"
    tag = call("seller", "GET", path).headers["ETag"]
    call.ok("seller", "PATCH", path, {"valid_until": "2027-12-31"}, If_Match=tag)
    late = call("buyer", "PATCH", path, {"valid_until": "2028-12-31"}, If_Match=tag)
    assert (late.status_code, late.json["code"]) == (412, "stale")


def test_what_a_patch_leaves_out_stays(people: House, call: Programs) -> None:
    flow = scene.agreed(people)
    path = f"/flows/{flow.ref}/contract"
    call.ok("seller", "PATCH", path, {"payment_text": "三日内付清", "clauses": {"other": "培训"}})
    said = call.ok("seller", "PATCH", path, {"clauses": {"acceptance": "以登记为准"}})["terms"]
    assert said["payment"] == {"mode": "LUMP", "text": "三日内付清"}
    assert said["clauses"] == {"other": "培训", "acceptance": "以登记为准"}
    said = call.ok("seller", "PATCH", path, {"clauses": {"other": None}})["terms"]
    assert said["clauses"] == {"acceptance": "以登记为准"}


def test_a_refusal_names_every_reason(people: House, call: Programs) -> None:
    flow = scene.agreed(people)
    answer = call("buyer", "POST", f"/filings/{flow.filings[0].ref}/submit", {})
    assert (answer.status_code, answer.json["code"]) == (422, "filing.not_ready")
    assert [one["code"] for one in answer.json["errors"]] == ["filing.not_signed", "filing.not_funded"]
    assert all(one["message"] and one["field"] for one in answer.json["errors"])


def test_unknown_fields_are_refused(people: House, call: Programs) -> None:
    flow = scene.agreed(people)
    for method, path, body in (
        ("PATCH", f"/flows/{flow.ref}/contract", {"price_fen": 1}),
        ("POST", f"/flows/{flow.ref}/contract/sign", {"sha256": "0" * 64, "status": "signed"}),
        ("POST", f"/filings/{flow.filings[0].ref}/submit", {"status": "recorded"}),
    ):
        answer = call("seller_signer" if "sign" in path else "seller", method, path, body)
        assert answer.status_code == 422, path


def test_consents_and_export_by_program(db_app: Flask) -> None:
    people = scene.house(country="DE")
    assert people.seller.party is not None
    call = Programs(db_app, people)
    flow = scene.agreed(people, market.right(people.seller.party, inventors=["陈砚"]))
    home = f"/flows/{flow.ref}"
    asked = call.ok("seller", "GET", home)["consents"]
    paper = call.upload("seller", flow)
    given = call.ok(
        "seller", "POST", f"{home}/consents/give", {"consents": [c["ref"] for c in asked], "document": paper}
    )
    assert [c["status"] for c in given["consents"]] == ["given"]
    call.ok("seller", "POST", f"{home}/export/declare", {"category": "free"})
    call.ok("seller", "POST", f"{home}/export/apply", {"certificate_no": "EX-0001", "document": paper})
    refused = call.ok("reviewer", "POST", f"{home}/export/refuse", {"reason": "查无此证"})
    assert refused["export"] == "refused"
    call.ok("seller", "POST", f"{home}/export/apply", {"certificate_no": "EX-0002", "document": paper})
    assert call.ok("reviewer", "POST", f"{home}/export/clear")["export"] == "cleared"


def test_an_operator_rescinds_by_program(people: House, call: Programs) -> None:
    flow = scene.funded(people, scene.agreed(people))
    assert "rescind" in call.ok("operator", "GET", f"/flows/{flow.ref}")["actions"]
    end = call.ok("operator", "POST", f"/flows/{flow.ref}/rescind", {"reason": "双方协商解除"})
    assert (end["stage"], end["escrow"]["status"]) == ("rescinded", "refunded")
    assert call.ok("buyer", "GET", "/flows?ended=true")["total"] == 1
    assert call.ok("buyer", "GET", "/flows?ended=false")["total"] == 0


def test_a_certificate_file_is_compared_by_hash(people: House, db_app: Flask) -> None:
    verifying.forget()
    flow = scene.recorded(people, scene.agreed(people))
    assert flow.certificate is not None
    client = db_app.test_client()
    path = f"{API}/certificates/{flow.certificate.code}?sha256="
    assert said(client.get(path + flow.certificate.sha256))["altered"] is False
    assert said(client.get(path + "0" * 64))["altered"] is True
    verifying.forget()


def test_the_kept_contract_is_read_back_checked(people: House, call: Programs) -> None:
    """A changed byte on the disk is not handed out."""
    flow = scene.final(people, scene.agreed(people))
    document = flows.contract_of(flow).document
    assert document is not None
    path = files.folder() / document.sha256[:2] / document.sha256
    kept = path.read_bytes()
    try:
        path.write_bytes(kept.replace("合同".encode(), "协议".encode(), 1))
        assert call("buyer", "GET", f"/documents/{document.ref}/content").status_code == 404
    finally:
        path.write_bytes(kept)
    assert clock.today().isoformat() == TODAY
