"""Five people, a real server, and the API: from a file to a recorded, paid transfer."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from exchange.core import clock
from exchange.demo import words
from exchange.rights import sandbox
from exchange.rights.formats.record import Record
from tests.conftest import Databases
from tests.crash.test_crash import patents
from tests.flows.server import PASSWORD, Exchange, Person, running, until

PRICE, FIRST = "480000.00", "420000.00"


def yuan(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


def staff(exchange: Exchange) -> dict[str, Person]:
    """The exchange's own people and the registrar, set up from the machine."""
    house = json.loads(
        exchange.flask("parties", "add", "--name", "榕易平台", "--kind", "operator", "--verified", "--json")
    )
    desk = json.loads(
        exchange.flask(
            "parties",
            "add",
            "--name",
            "榕城登记站",
            "--kind",
            "registrar",
            "--region",
            "350100",
            "--verified",
            "--json",
        )
    )
    people = {}
    for name, party, role in (
        ("operator", house, "operator"),
        ("reviewer", house, "reviewer"),
        ("cashier", house, "finance_officer"),
        ("cashier2", house, "finance_officer"),
        ("registrar", desk, "registrar"),
    ):
        email = f"{name}@staff.example"
        exchange.flask(
            "users",
            "add",
            "--email",
            email,
            "--party",
            party["ref"],
            "--role",
            role,
            "--password-stdin",
            "--json",
            stdin=PASSWORD,
        )
        people[name] = Person(exchange, email).sign_in().take_token()
    return people


def register(exchange: Exchange, operator: Person, email: str, name: str, kind: str) -> tuple[Person, str]:
    """Somebody registers an organisation, brings its papers, is verified, and takes every role of its own."""
    dice = Random(name)
    answer = httpx.post(
        f"{exchange.url}/api/v1/users",
        json={
            "email": email,
            "password": PASSWORD,
            "name": words.person(dice),
            "organisation": {
                "kind": kind,
                "name": name,
                "uscc": words.credit_code(dice, "350100", public=kind == "university"),
                "region": "350100",
            },
        },
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    made = answer.json()
    person = Person(exchange, email).sign_in().take_token()
    person.call(
        "POST",
        f"/parties/{made['party']}/papers",
        expect=201,
        files={"file": ("licence.txt", b"Business licence", "text/plain")},
        data={"kind": "licence"},
    )
    assert person.post(f"/parties/{made['party']}/submit")["status"] == "submitted"
    assert (
        operator.post(f"/parties/{made['party']}/verify", {"reason": "papers compared"})["status"]
        == "verified"
    )
    person.call(
        "PATCH",
        f"/parties/{made['party']}/members/{made['user']}",
        json={"roles": ["owner_admin", "agent", "signer", "finance"]},
    )
    party = person.get(f"/parties/{made['party']}")
    person.call(
        "PATCH",
        f"/parties/{made['party']}",
        json={"bank_name": "榕海银行", "bank_account": "6222000011112222"},
        headers={"If-Match": f'"{party["version"]}"'},
    )
    return person, made["party"]


def attach(person: Person, flow: str, name: str) -> str:
    """Upload a proof to the flow; its reference."""
    answer = person.call(
        "POST",
        f"/flows/{flow}/documents",
        expect=201,
        files={"file": (name, f"{name} for {flow}".encode(), "text/plain")},
    )
    return str(answer["ref"])


def pass_days(exchange: Exchange, operator: Person, days: int) -> None:
    """Development: the operator puts the clock forward."""
    answer = operator.browser.post(
        "/desk/system/clock", data={"days": days, "csrf_token": operator.csrf("/desk/system")}
    )
    assert answer.status_code == 200, answer.text[-1500:]


def first_of(path: Path) -> Record:
    """The first granted patent with a single owner."""
    for row in sandbox.rows(path):
        record = row.record
        if (
            record
            and record.kind_code[:1] in ("B", "U")
            and len(record.applicants) == 1
            and record.country == "CN"
        ):
            return record
    raise AssertionError(f"no granted patent in {path}")


def story(exchange: Exchange, file: Path) -> dict[str, Any]:
    """The whole walk; what is left at the end."""
    people = staff(exchange)
    record = first_of(file)
    owner, publication = record.applicants[0], record.pub_no
    tto, seller = register(exchange, people["operator"], "tto@uni.example", owner, "university")
    buyer, _ = register(
        exchange, people["operator"], "buyer@firm.example", "福州澄川膜材料有限公司", "enterprise"
    )

    # 1 the university brings its patents in
    with file.open("rb") as opened:
        done = tto.call(
            "POST",
            "/rights/import",
            expect=201,
            files={"file": (file.name, opened, "application/octet-stream")},
        )
    assert done["rejected"] == 0
    assert done["added"] + done["unchanged"] == done["read"] > 0
    right = tto.get("/rights", params={"q": record.title, "mine": True})["items"][0]

    # 2 it completes what the export lacks and lists
    digit = {"invention": "1", "utility_model": "2"}[right["kind"]]
    full = tto.get(f"/rights/{right['ref']}")
    granted = full["published_on"]
    filed = date(int(granted[:4]) - 2, 3, 4)
    tto.post(
        f"/rights/{right['ref']}/complete",
        {
            "app_no": words.application_number(Random(1), filed.year, digit),
            "filed_on": filed.isoformat(),
            "granted_on": granted,
            "fees_paid_through": min(10, clock.today().year - filed.year + 2),
            "status": "granted",
            "status_as_of": clock.today().isoformat(),
            "status_source": "register extract",
        },
        headers={"If-Match": f'"{full["version"]}"'},
    )
    listing = tto.post(
        "/listings",
        {
            "kind": "transfer",
            "right_refs": [right["ref"]],
            "summary": "已完成中试。",
            "price": yuan(PRICE),
            "internal_decision": "会议纪要第12号",
            "inventors_notified": True,
            "licences_disclosed": "无",
        },
        expect=201,
    )
    ref = listing["ref"]
    stranger = httpx.get(f"{exchange.url}/listings/{ref}")
    assert stranger.status_code == 404, "a draft is nobody else's business"
    tto.post(f"/listings/{ref}/submit")
    for verb in ("verify", "pass_gates", "publish"):
        people["reviewer"].post(f"/listings/{ref}/{verb}")
    assert httpx.get(f"{exchange.url}/listings/{ref}").status_code == 200

    # 3 the enterprise finds it by words, IPC, owner and number, and offers
    title = listing["title"]
    queries = [{"q": title[:12]}, {"q": owner}, {"q": publication}]
    if full["ipc"]:
        queries.append({"ipc": full["ipc"][0][:4]})
    for query in queries:

        def found(query: dict[str, str] = query) -> bool:
            return ref in [hit["ref"] for hit in buyer.get("/search", params=query)["items"]]

        until(f"search by {query} finds the listing", found)
    offer = buyer.post(f"/listings/{ref}/offers", {"price": yuan(FIRST), "message": "两周内签约"}, expect=201)
    counter = tto.post(f"/offers/{offer['ref']}/counter", {"price": yuan(PRICE)}, expect=201)
    deal = buyer.post(f"/offers/{counter['ref']}/accept", expect=201)

    # 4 the flow opens by itself
    flow = until("the flow opens", lambda: buyer.get("/flows")["items"])[0]["ref"]
    shown = tto.get(f"/flows/{flow}")
    waiver = attach(tto, flow, "waiver.txt")
    asked = [consent["ref"] for consent in shown["consents"] if consent["status"] != "given"]
    if asked:
        tto.post(f"/flows/{flow}/consents/give", {"consents": asked, "document": waiver})
    contract = tto.post(f"/flows/{flow}/contract/finalise")
    refused = tto.call(
        "POST", f"/flows/{flow}/contract/sign", json={"sha256": contract["sha256"]}, expect=422
    )
    assert "publicity" in json.dumps(refused), "15 days of publicity are enforced"
    pass_days(exchange, people["operator"], 17)
    for person in (tto, buyer):
        contract = person.post(f"/flows/{flow}/contract/sign", {"sha256": contract["sha256"]})
    assert contract["status"] == "signed"
    people["cashier"].post(
        f"/flows/{flow}/receive_price", {"amount": yuan(PRICE), "bank_reference": "BANK-0001"}, expect=201
    )
    registration = tto.post(f"/flows/{flow}/registrations", expect=201)
    registrar, reviewer = people["registrar"], people["reviewer"]
    registrar.post(f"/registrations/{registration['ref']}/accept")
    funded = datetime.fromisoformat(tto.get(f"/flows/{flow}")["escrow"]["funded_at"])
    today = clock.beijing(funded).date().isoformat()
    decided = registrar.post(
        f"/registrations/{registration['ref']}/decide",
        {
            "register": True,
            "number": "3501202600000001",
            "dated": today,
            "document": attach(registrar, flow, "certificate.txt"),
        },
        expect=201,
    )
    reviewer.post(f"/notices/{decided['ref']}/verify")
    (filing,) = tto.get(f"/flows/{flow}/filings")["items"]
    buyer.post(f"/filings/{filing['ref']}/submit")
    buyer.post(f"/filings/{filing['ref']}/pay_fee", {"receipt": "FEE-0001"})
    notice = buyer.post(
        f"/filings/{filing['ref']}/notices",
        {
            "code": "200028",
            "number": "2026112400001",
            "dated": today,
            "document": attach(buyer, flow, "notice.txt"),
        },
        expect=201,
    )
    # 5 another person verifies: owner, deal, escrow, certificate
    reviewer.post(f"/notices/{notice['ref']}/verify")
    end = buyer.get(f"/flows/{flow}")
    until(
        "search no longer offers it",
        lambda: ref not in [h["ref"] for h in buyer.get("/search", params={"q": title[:12]})["items"]],
    )
    owners = [o["name"] for o in buyer.get(f"/rights/{right['ref']}")["owners"]]
    balance = tto.get("/ledger/accounts")["items"][0]
    payout = people["cashier"].post(
        "/payouts", {"party": seller, "amount": balance["balance"], "flow": flow}, expect=201
    )
    people["cashier"].post(f"/payouts/{payout['ref']}/approve", {"bank_reference": "OUT-0001"}, expect=403)
    paid = people["cashier2"].post(f"/payouts/{payout['ref']}/approve", {"bank_reference": "OUT-0001"})
    return {
        "deal": buyer.get(f"/deals/{deal['ref']}")["status"],
        "owners": owners,
        "balance": balance["balance"]["amount"],
        "payout": paid["status"],
        "certificate": end["certificate"],
        "ledger": json.loads(exchange.flask("ledger", "verify", "--json")),
    }


def check(exchange: Exchange, left: dict[str, Any]) -> None:
    assert left["deal"] == "completed"
    assert left["owners"] == ["福州澄川膜材料有限公司"]
    assert left["balance"] == "470400.00", "the price less 2 % of fee"
    assert left["payout"] == "paid"
    assert left["ledger"]["ok"] is True
    code = left["certificate"]
    page = httpx.get(f"{exchange.url}/verify/{code}")
    assert page.status_code == 200
    assert len(code) == 26


def test_five_people_through_the_api(databases: Databases, tmp_path: Path) -> None:
    url = databases.url()
    with running(url, tmp_path) as exchange:
        check(exchange, story(exchange, patents(tmp_path / "patents.jsonl")))
    databases.drop(url)


def test_the_same_on_a_real_export(databases: Databases, tmp_path: Path, real_data: Path) -> None:
    file = sorted((real_data / "cn_patents" / "cnki_raw_xls").glob("*.xls"))
    if not file:
        pytest.skip("no CNKI export in REAL_DATA")
    url = databases.url()
    with running(url, tmp_path) as exchange:
        check(exchange, story(exchange, file[0]))
    databases.drop(url)
