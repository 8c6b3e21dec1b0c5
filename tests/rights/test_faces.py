"""Rights over HTTP and on the command line: who may see and do what, tenants apart, shapes of answers."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exchange.core.db import session
from exchange.parties.models import Party, PartyKind, Role
from exchange.parties.policy import SYSTEM
from exchange.rights import actions, imports
from exchange.rights.models import ImportStatus, Right, RightImport, RightStatus
from tests.parties.given import given_actor, given_party, signed_in, submit
from tests.rights.given import given_right, import_rows, number, right_of, row, write


@pytest.fixture
def party(db_app: Flask) -> Party:
    """The owner of record of most rights here."""
    return given_party(name="甲公司")


def held(folder: Path, party: Party) -> Right:
    """A granted right that ``party`` holds."""
    right = given_right(folder)
    actions.claim_holding(given_actor(party, Role.AGENT), right.ref)
    return right


# -- pages -----------------------------------------------------------------------------------------


def test_one_sees_what_ones_organisation_holds(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    mine, other = held(tmp_path, party), given_right(tmp_path, owners=["乙公司"])
    other_title = "别人的权利"
    import_rows(tmp_path, row(title=other_title))
    signed_in(client, party, Role.AGENT)
    page = client.get("/rights")
    assert page.status_code == 200
    assert mine.ref in page.text
    assert other.ref not in page.text
    assert other_title not in page.text
    assert mine.ref in client.get(f"/rights?q={mine.app_no}").text
    assert mine.ref not in client.get("/rights?status=lapsed").text
    assert mine.ref not in client.get("/rights?kind=trademark").text


def test_the_staff_see_the_whole_register(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    mine = held(tmp_path, party)
    signed_in(client, given_party(PartyKind.OPERATOR), Role.OPERATOR)
    assert mine.ref in client.get("/rights").text


def test_a_right_is_public_and_tells_sources(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    right = held(tmp_path, party)
    page = client.get(f"/rights/{right.ref}?lang=en")
    assert page.status_code == 200
    for words in (right.title, "甲公司", "2040-03-02"[:4], "Register"):
        assert words in page.text
    assert "Claim the holding" not in page.text
    assert client.get("/rights/RT-00000000000").status_code == 404


def test_an_import_page_by_page(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    signed_in(client, party, Role.AGENT)
    data = write(tmp_path, row(), row(app_no="201710601862.4"), row(applicants=["乙公司"])).read_bytes()
    sent = submit(client, "/rights/import", file=(io.BytesIO(data), "清单.jsonl"))
    assert sent.status_code == 303
    look = client.get(sent.location)
    assert "一种纳滤膜" in look.text
    assert session.scalars(select(Right)).all() == []
    started = submit(client, sent.location, to=f"{sent.location}/start")
    assert started.status_code == 303
    done = client.get(started.location)
    assert "number.check_digit" in done.text
    assert "owner.differs" in done.text
    kept = session.scalars(select(RightImport).execution_options(populate_existing=True)).one()
    assert (kept.status, kept.added, kept.rejected, kept.party_id) == (ImportStatus.DONE, 2, 1, party.id)
    book = client.get(f"{started.location}/problems.xlsx")
    assert book.data.startswith(b"PK")
    assert client.get("/rights/import/template.xlsx").data.startswith(b"PK")


def test_a_file_that_cannot_be_read_says_why(client: FlaskClient, party: Party) -> None:
    signed_in(client, party, Role.AGENT)
    sent = submit(client, "/rights/import", file=(io.BytesIO(b"\x00\x01\x02" * 50), "x.csv"))
    page = client.get(f"{sent.location}?lang=en")
    assert page.status_code == 200
    assert "This file cannot be read" in page.text


def test_imports_of_others_do_not_exist(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    agent = given_actor(party, Role.AGENT)
    kept = imports.upload(agent, write(tmp_path, row()).read_bytes(), "a.jsonl")
    signed_in(client, given_party(), Role.AGENT)
    for path in (
        f"/rights/imports/{kept.ref}",
        f"/rights/imports/{kept.ref}/problems.xlsx",
        f"/api/v1/rights/imports/{kept.ref}",
    ):
        assert client.get(path).status_code == 404, path


def test_completing_on_the_page(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    said = row()
    import_rows(tmp_path, said)
    right = right_of(said["pub_no"])
    actions.claim_holding(given_actor(party, Role.AGENT), right.ref)
    signed_in(client, party, Role.AGENT)
    path = f"/rights/{right.ref}/complete"
    typed: dict[str, Any] = {"filed_on-y": "2020", "filed_on-m": "3", "filed_on-d": "2", "status": "granted"}
    wrong = submit(client, path, app_no="201710601862.4", **typed)
    assert wrong.status_code == 422
    assert "201710601862.4" in wrong.text
    version = session.scalars(select(Right.version).where(Right.id == right.id)).one()
    app = number()
    assert submit(client, path, app_no=app, version=version, **typed).status_code == 303
    done = right_of(said["pub_no"])
    assert (done.app_no, done.status) == (app, RightStatus.GRANTED)
    stale = submit(client, path, fees_paid_through="7", version=version)
    assert stale.status_code == 412


def test_who_holds_nothing_cannot_complete(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    right = held(tmp_path, party)
    signed_in(client, given_party(), Role.OWNER_ADMIN, Role.AGENT)
    assert client.get(f"/rights/{right.ref}/complete").status_code == 403


def test_claiming_and_giving_up(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    right = given_right(tmp_path)
    signed_in(client, party, Role.AGENT)
    page = f"/rights/{right.ref}"
    assert submit(client, page, to=f"{page}/claim").status_code == 303
    assert actions.holding_of(party, right) is not None
    assert submit(client, page, to=f"{page}/give-up").status_code == 303
    session.expire_all()
    assert actions.holding_of(party, right) is None


# -- API -------------------------------------------------------------------------------------------


def test_a_right_as_data(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    right = held(tmp_path, party)
    answer = client.get(f"/api/v1/rights/{right.ref}")
    assert answer.status_code == 200
    assert answer.json is not None
    found = answer.json
    assert answer.headers["ETag"] == f'"{right.version}"'
    assert (found["status"], found["expires_on"], found["actions"]) == ("granted", "2040-03-02", [])
    assert found["patent_no"].startswith("ZL 2020")
    assert found["facts"]["filed_on"]["source"] == "register"
    assert found["facts"]["title"] == {"source": "operator", "as_of": "2022-05-03"}
    assert found["fees"]["status"] == "paid"
    assert found["fees"]["payable"] == {"amount": "2000.00", "currency": "CNY"}
    assert found["holding"] is None
    assert found["may"]["list"]["ok"] is True
    events = client.get(f"/api/v1/rights/{right.ref}/events").json
    assert events is not None
    assert [one["code"] for one in events["items"]] == ["STATUS", "PUBLICATION", "FILED"]


def test_the_verbs_of_the_api(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    right = given_right(tmp_path)
    path = f"/api/v1/rights/{right.ref}"
    assert client.post(f"{path}/claim").status_code == 401
    signed_in(client, party, Role.AGENT)
    token = client.get("/rights").text
    assert token
    csrf = {"X-CSRFToken": token.split('name="csrf-token" content="')[1].split('"')[0]}
    claimed = client.post(f"{path}/claim", headers=csrf)
    assert claimed.status_code == 200, claimed.text
    assert claimed.json is not None
    assert claimed.json["verified"] is True
    own = client.get(path).json
    assert own is not None
    assert own["holding"]["verified"] is True
    assert own["actions"][:2] == ["complete", "give_up"]
    stale = client.post(
        f"{path}/complete", json={"title_en": "Membrane"}, headers={**csrf, "If-Match": '"0"'}
    )
    assert stale.status_code == 412
    done = client.post(
        f"{path}/complete", json={"title_en": "Membrane"}, headers={**csrf, "If-Match": f'"{own["version"]}"'}
    )
    assert done.json is not None
    assert (done.status_code, done.json["title_en"]) == (200, "Membrane")
    other = given_right(tmp_path, owners=["乙公司"])
    taken = client.post(f"{path}/complete", json={"app_no": other.app_no}, headers=csrf)
    assert taken.status_code in {409, 422}
    assert client.post(f"{path}/merge", json={"other": other.ref}, headers=csrf).status_code == 404
    assert (
        client.post(
            f"{path}/events", json={"announced_on": "2026-01-05", "code": "CF01"}, headers=csrf
        ).status_code
        == 404
    )


def test_a_number_of_another_right_answers_409_and_names_it(
    client: FlaskClient, tmp_path: Path, party: Party
) -> None:
    other = given_right(tmp_path, owners=["乙公司"])
    said = row()
    import_rows(tmp_path, said)
    right = right_of(said["pub_no"])
    actions.claim_holding(given_actor(party, Role.AGENT), right.ref)
    signed_in(client, party, Role.AGENT)
    csrf = {"X-CSRFToken": client.get("/rights").text.split('name="csrf-token" content="')[1].split('"')[0]}
    answer = client.post(f"/api/v1/rights/{right.ref}/complete", json={"app_no": other.app_no}, headers=csrf)
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["code"] == "right.number_taken"
    assert other.ref in answer.json["detail"]


def test_staff_record_and_merge(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    right = held(tmp_path, party)
    said = row()
    import_rows(tmp_path, said)
    copy = right_of(said["pub_no"])
    signed_in(client, given_party(PartyKind.OPERATOR), Role.OPERATOR)
    csrf = {"X-CSRFToken": client.get("/rights").text.split('name="csrf-token" content="')[1].split('"')[0]}
    path = f"/api/v1/rights/{right.ref}"
    event = {
        "announced_on": "2026-03-03",
        "code": "PE01",
        "fields": {"register_no": "Y1", "pledgee": "榕江银行"},
    }
    recorded = client.post(f"{path}/events", json=event, headers=csrf)
    assert recorded.status_code == 201, recorded.text
    assert recorded.json is not None
    assert [one["register_no"] for one in recorded.json["encumbrances"]] == ["Y1"]
    merged = client.post(f"{path}/merge", json={"other": copy.ref}, headers=csrf)
    assert merged.status_code == 200, merged.text
    assert client.get(f"/rights/{copy.ref}").status_code == 301


def test_an_import_by_program(client: FlaskClient, tmp_path: Path, party: Party) -> None:
    signed_in(client, party, Role.AGENT)
    csrf = {"X-CSRFToken": client.get("/rights").text.split('name="csrf-token" content="')[1].split('"')[0]}
    data = write(tmp_path, row(), row()).read_bytes()
    for added, unchanged in ((2, 0), (0, 2)):
        answer = client.post(
            "/api/v1/rights/import", data={"file": (io.BytesIO(data), "a.jsonl")}, headers=csrf
        )
        assert answer.status_code == 201, answer.text
        assert answer.json is not None
        assert (answer.json["status"], answer.json["added"], answer.json["unchanged"]) == (
            "done",
            added,
            unchanged,
        )
    answer = client.get("/api/v1/rights?mine=true")
    assert answer.status_code == 200, answer.text
    mine = answer.json
    assert mine is not None
    assert mine["total"] == 2


# -- commands --------------------------------------------------------------------------------------


def run(app: Flask, *words: str, code: int = 0) -> Any:
    done = app.test_cli_runner().invoke(args=["rights", *words])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 and "--json" in words else done


def test_the_commands(clean_app: Flask, tmp_path: Path) -> None:
    with clean_app.app_context():
        ref = given_party(name="甲公司").ref
    said = row(app_no=number())
    path = str(write(tmp_path, said, row(applicants=["乙公司"])))
    dry = run(clean_app, "import", path, "--owner", ref, "--dry-run", "--json")
    wet = run(clean_app, "import", path, "--owner", ref, "--json")
    names = ("format", "read", "added", "updated", "unchanged", "rejected", "warned", "problems")
    assert [dry[name] for name in names] == [wet[name] for name in names]
    assert (wet["read"], wet["added"], wet["warned"]) == (2, 2, 1)
    assert wet["problems"][0]["code"] == "owner.differs"
    answer = run(clean_app, "check", said["app_no"], "201710601862.4", "--json")["items"]
    assert [item["valid"] for item in answer] == [True, False]
    assert answer[0]["owners"][0]["party"] == ref
    told = tmp_path / "events.jsonl"
    told.write_text(json.dumps({"number": said["app_no"], "code": "CF01", "date": "2026-01-06"}) + "\n")
    events = run(clean_app, "events", str(told), "--json")
    assert (events["read"], events["applied"]) == (1, 1)
    assert run(clean_app, "check", said["app_no"], "--json")["items"][0]["status"] == "lapsed"
    assert "read" in run(clean_app, "import", path).stdout
    assert said["app_no"][:12] in run(clean_app, "check", said["app_no"]).stdout


def test_wrong_usage_and_refusals_have_their_codes(clean_app: Flask, tmp_path: Path) -> None:
    run(clean_app, "import", str(tmp_path / "absent.csv"), code=2)
    run(clean_app, "import", str(write(tmp_path, row())), "--owner", "PT-00000000000", code=1)
    empty = tmp_path / "empty.csv"
    empty.touch()
    refused = run(clean_app, "import", str(empty), code=1)
    assert "empty" in refused.stderr
    run(clean_app, "check", code=2)
    assert SYSTEM.system
