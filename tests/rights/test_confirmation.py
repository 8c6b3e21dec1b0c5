"""The confirmation of a quick check: the document and its seal, who may open it, what the verify page says."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from exchange.core import clock, config, files, pdf, seal
from exchange.core.db import session, transaction
from exchange.core.errors import NotAllowed, NotFound, RuleBroken, Unavailable
from exchange.parties.models import Party, PartyKind, Role
from exchange.parties.policy import SYSTEM, VISITOR, Actor
from exchange.rights import actions, confirmation
from exchange.rights.models import Confirmation, EncumbranceKind, RightStatus
from exchange.web.assets import vendor_path
from tests.parties.given import given_actor, given_party, signed_in, submit
from tests.rights.given import given_right, number

FONTS = [vendor_path("NotoSansSC_400Regular.ttf").parent]
RARE = "𠮷野家、㛃𬭸𫖯、Ĉapek、ก😀"


@pytest.fixture
def party(db_app: Flask) -> Party:
    return given_party(name="甲公司")


@pytest.fixture
def agent(party: Party) -> Actor:
    return given_actor(party, Role.AGENT)


def issue(actor: Actor, *numbers: str) -> Confirmation:
    return confirmation.issue(actor, numbers, fonts=FONTS)


def document(one: Confirmation) -> bytes:
    return files.read(one.document)


# -- the document ----------------------------------------------------------------------------------


def test_the_document_is_sealed_as_a_whole(agent: Actor, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    one = issue(agent, right.app_no or "", "201710601862.4")
    made = document(one)
    (signature,) = PdfFileReader(io.BytesIO(made)).embedded_signatures
    context = ValidationContext(trust_roots=[signature.signer_cert], allow_fetching=False)
    with ThreadPoolExecutor() as apart:  # the library starts an event loop, and a browser may run one here
        status = apart.submit(validate_pdf_signature, signature, context).result()
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert status.intact
    assert status.valid
    assert status.trusted
    assert status.docmdp_ok
    assert seal.check(made).good
    assert b"pdfaid" in made
    assert b"pdfuaid" in made


def test_one_flipped_byte_breaks_the_seal(agent: Actor, tmp_path: Path) -> None:
    made = document(issue(agent, given_right(tmp_path).app_no or ""))
    for at in (len(made) // 20, len(made) // 3, len(made) // 2):
        altered = bytearray(made)
        altered[at] ^= 1
        found = seal.check(bytes(altered))
        assert not found.intact
        assert not found.good


def test_what_is_added_behind_the_seal_is_seen(agent: Actor, tmp_path: Path) -> None:
    made = document(issue(agent, given_right(tmp_path).app_no or ""))
    found = seal.check(made + b"\n% more\n")
    assert found.signed
    assert not found.whole
    assert not found.good


@pytest.mark.parametrize("data", [b"", b"no document", b"%PDF-1.7\n%%EOF"])
def test_what_is_no_document_is_not_sealed(db_app: Flask, data: bytes) -> None:
    assert seal.check(data) == seal.Seal(signed=False)


def test_a_document_of_another_house_is_not_ours(
    agent: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = document(issue(agent, given_right(tmp_path).app_no or ""))
    other = {**config.settings().__dict__, "var": tmp_path / "other"}
    monkeypatch.setattr(config, "_current", [config.Settings(**other)])
    found = seal.check(made)
    assert found.intact
    assert not found.ours


def test_a_key_of_the_operator_signs_and_production_needs_one(
    db_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = '#set document(title: "t", date: datetime(year: 2026, month: 1, day: 1))\n#set text(font: "Noto Sans SC")\n榕'
    made = pdf.typeset(form, {}, fonts=FONTS)
    before = config.settings().__dict__
    seal.sign(made, reason="first")
    own = config.settings().var / "signing"
    given_ = {"signing_key": own / "key.pem", "signing_certificate": own / "certificate.pem"}
    production = {**before, "environment": "production", "var": tmp_path / "empty"}
    monkeypatch.setattr(config, "_current", [config.Settings(**{**production, **given_})])
    assert seal.check(seal.sign(made, reason="second")).good
    assert b"BEGIN CERTIFICATE" in seal.certificate()
    monkeypatch.setattr(config, "_current", [config.Settings(**production)])
    with pytest.raises(Unavailable, match=r"seal\.no_key"):
        seal.sign(made, reason="third")
    assert not (tmp_path / "empty").exists()
    assert (own / "key.pem").stat().st_mode & 0o077 == 0


def test_settings_of_the_key_are_checked(tmp_path: Path) -> None:
    environ = {"VAR": str(tmp_path), "SIGNING_KEY": str(tmp_path / "none.pem")}
    with pytest.raises(config.BadSetting, match="belong together"):
        config.load(environ)
    with pytest.raises(config.BadSetting, match="must be a file"):
        config.load({**environ, "SIGNING_CERTIFICATE": str(tmp_path / "none.pem")})
    with pytest.raises(config.BadSetting, match="FONTS"):
        config.load({"VAR": str(tmp_path), "FONTS": f"{tmp_path}:{tmp_path / 'none'}"})
    with pytest.raises(config.BadSetting, match="OPS_KEY"):
        config.load({"VAR": str(tmp_path), "OPS_URL": "https://127.0.0.1"})
    whole = config.load({"VAR": str(tmp_path), "FONTS": str(tmp_path), "OPS_SECRET": "hidden"})
    assert whole.fonts == (tmp_path,)
    assert "hidden" not in repr(whole)


# -- signs -----------------------------------------------------------------------------------------


def test_rare_names_are_printed_or_told_by_their_number(agent: Actor, tmp_path: Path) -> None:
    right = given_right(tmp_path, owners=["甲公司", RARE])
    one = issue(agent, right.app_no or "")
    assert one.snapshot["rows"][0]["standing"]["owners"] == ["甲公司", RARE]
    shapes = pdf.shapes_of(FONTS)
    assert pdf.printable(RARE, shapes) == "〔U+20BB7〕野家、㛃𬭸𫖯、〔U+0108〕apek、〔U+0E01〕〔U+1F600〕"
    assert pdf.printable("a\u202eb\u200b c\x00\td\ufe0f龘\U000e0100", shapes) == "ab c d龘"


def test_every_shape_that_the_font_claims_can_be_set(db_app: Flask) -> None:
    shapes = sorted(pdf.shapes_of(FONTS))
    assert len(shapes) > 20_000
    form = '#set document(title: "t", date: datetime(year: 2026, month: 1, day: 1))\n#set text(font: "Noto Sans SC")\n#json(bytes(sys.inputs.data)).x'
    made = pdf.typeset(form, {"x": " ".join(map(chr, shapes[::7]))}, fonts=FONTS)
    assert made.startswith(b"%PDF")


_FORM = '#let d = json(bytes(sys.inputs.data))\n#set document(title: "t", date: datetime(year: 2026, month: 1, day: 1))\n#set text(font: "Noto Sans SC", lang: "zh")\n#d.x'


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_no_text_of_a_stranger_stops_a_document(text_: str) -> None:
    assert pdf.typeset(_FORM, {"x": text_}, fonts=FONTS).startswith(b"%PDF")


def test_markup_of_a_stranger_is_text(agent: Actor, tmp_path: Path) -> None:
    hostile = '#panic("x") *b* $a$ #read("/etc/passwd") ] \\ "'
    right = given_right(tmp_path, owners=["甲公司", hostile])
    one = issue(agent, right.app_no or "", hostile)
    assert one.snapshot["rows"][0]["standing"]["owners"][1] == hostile
    assert seal.check(document(one)).good


def test_without_a_font_nothing_is_issued(agent: Actor, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    with pytest.raises(Unavailable, match=r"confirmation\.no_font"):
        confirmation.issue(agent, [right.app_no or ""], fonts=[tmp_path])
    assert session.scalar(select(func.count(Confirmation.id))) == 0


# -- what it says ----------------------------------------------------------------------------------


def test_it_says_what_was_known_with_its_day(agent: Actor, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    actions.encumber(SYSTEM, right, EncumbranceKind.PLEDGE, by="DB2026", holder="某银行")
    unknown, wrong = number(), "201710601862.4"
    one = issue(agent, right.app_no or "", unknown, wrong)
    rows = one.snapshot["rows"]
    assert (one.asked, one.known) == (3, 1)
    assert rows[0]["as_of"] == "2022-05-03"
    assert rows[0]["stale"] is True
    assert rows[0]["standing"]["status"] == "granted"
    assert rows[0]["standing"]["burdens"][0]["holder"] == "某银行"
    assert "burden.pledge" in {found["code"] for found in rows[0]["may"]["transfer"]}
    assert rows[1]["error"]["code"] == "right.unknown"
    assert rows[2]["error"]["code"] == "number.check_digit"
    assert one.snapshot["asked_by"] == "甲公司"
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", one.code)


def test_the_same_answer_on_one_day_is_one_paper(agent: Actor, party: Party, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    first = issue(agent, right.app_no or "")
    assert issue(agent, right.app_no or "").ref == first.ref
    other = given_actor(given_party(name="乙公司"), Role.SIGNER)
    assert issue(other, right.app_no or "").ref != first.ref
    actions.encumber(SYSTEM, right, EncumbranceKind.PRESERVATION, by="C1")
    changed = issue(agent, right.app_no or "")
    assert changed.ref != first.ref
    clock.advance(timedelta(days=1))
    assert issue(agent, right.app_no or "").ref != changed.ref


def test_who_may_not(db_app: Flask, agent: Actor, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    with pytest.raises(NotAllowed):
        issue(VISITOR, right.app_no or "")
    with pytest.raises(RuleBroken, match=r"check\.nothing"):
        issue(agent)
    one = issue(agent, right.app_no or "")
    stranger = given_actor(given_party(name="乙公司"), Role.AGENT)
    with pytest.raises(NotFound):
        confirmation.open_for(stranger, one.code)
    with pytest.raises(NotFound):
        confirmation.open_for(agent, "0" * 26)
    staff = given_actor(given_party(PartyKind.OPERATOR), Role.OPERATOR)
    assert confirmation.open_for(staff, one.code).ref == one.ref


def test_it_cannot_be_rewritten(agent: Actor, tmp_path: Path) -> None:
    one = issue(agent, given_right(tmp_path).app_no or "")
    with pytest.raises(DBAPIError), transaction():
        session.execute(text("UPDATE right_confirmation SET sha256 = 'x' WHERE id = :id"), {"id": one.id})


def test_a_thousand_numbers(agent: Actor, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    one = issue(agent, right.app_no or "", *(number() for _ in range(999)))
    assert (one.asked, one.known) == (1000, 1)
    assert seal.check(document(one)).good


def test_what_has_changed_since(agent: Actor, tmp_path: Path) -> None:
    right, other = given_right(tmp_path), given_right(tmp_path)
    one = issue(agent, right.app_no or "", other.app_no or "")
    assert confirmation.since(one) == []
    actions.complete(
        SYSTEM, right.ref, status=RightStatus.LAPSED, status_as_of=clock.today(), status_source="register"
    )
    (changed,) = confirmation.since(one)
    assert changed.ref == right.ref
    assert changed.changes[0].what == "status"
    assert changed.changes[0].grave
    assert changed.changes[0].sentence == "Legal status: In force → Lapsed"


# -- pages and API ---------------------------------------------------------------------------------


def test_from_the_check_to_the_document(client: FlaskClient, party: Party, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    signed_in(client, party, Role.AGENT)
    shown = client.get(f"/rights/check?number={right.app_no}&lang=en")
    assert "Issue a signed confirmation" in shown.text
    sent = submit(client, "/rights/confirmations", numbers=f"{right.app_no}\n201710601862.4")
    assert sent.status_code == 303
    page = client.get(f"{sent.location}?lang=en")
    assert right.title in page.text
    assert "/verify/" in page.text
    made = client.get(f"{sent.location}/document.pdf")
    assert made.mimetype == "application/pdf"
    assert seal.check(made.data).good
    listed = client.get("/rights/confirmations?lang=en")
    assert sent.location in listed.text
    upload = submit(client, "/rights/confirmations", file=(io.BytesIO(f"{right.app_no}\n".encode()), "n.csv"))
    assert upload.status_code == 303
    nothing = submit(client, "/rights/confirmations", numbers="")
    assert nothing.status_code == 422
    stranger = client.application.test_client()
    signed_in(stranger, given_party(name="乙公司"), Role.AGENT)
    for path in (sent.location, f"{sent.location}/document.pdf"):
        assert stranger.get(path).status_code == 404


def test_visitors_are_asked_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/rights/confirmations").status_code == 303
    assert (
        client.post("/api/v1/rights/check/confirmation", json={"numbers": ["201710601862.3"]}).status_code
        == 401
    )


def test_the_verify_page_says_right_altered_unknown(
    client: FlaskClient, agent: Actor, tmp_path: Path
) -> None:
    right = given_right(tmp_path)
    one = issue(agent, right.app_no or "")
    made = document(one)
    page = client.get(f"/verify/{one.code}?lang=en")
    assert page.status_code == 200
    for words in ("This confirmation is genuine", right.title, one.sha256, "甲公司", "Nothing that it says"):
        assert words in page.text
    typed = client.get(f"/verify?code={one.code[:5].lower()} {one.code[5:]}")
    assert typed.location.endswith(one.code)
    same = client.post(f"/verify/{one.code}?lang=en", data={"file": (io.BytesIO(made), "a.pdf")})
    assert "The file is the original" in same.text
    other = client.post(f"/verify/{one.code}?lang=en", data={"file": (io.BytesIO(made + b" "), "a.pdf")})
    assert "The file was altered" in other.text
    assert client.get(f"/verify/{'0' * 26}").status_code == 404
    actions.encumber(SYSTEM, right, EncumbranceKind.PLEDGE, by="DB1", holder="某银行")
    after = client.get(f"/verify/{one.code}?lang=en")
    assert "1 right has changed since then" in after.text
    assert "New burden: Pledge" in after.text


def test_a_persons_name_is_hidden_from_strangers(client: FlaskClient, tmp_path: Path) -> None:
    person = given_actor(given_party(PartyKind.PERSON, name="林知夏"), Role.OWNER_ADMIN)
    one = issue(person, given_right(tmp_path).app_no or "")
    page = client.get(f"/verify/{one.code}")
    assert "林**" in page.text
    assert "林知夏" not in page.text.split("一种纳滤膜")[0]


def test_through_the_api(client: FlaskClient, party: Party, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    signed_in(client, party, Role.AGENT)
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/rights/confirmations").text)
    assert token is not None
    headers = {"X-CSRFToken": token.group(1)}
    answer = client.post(
        "/api/v1/rights/check/confirmation", json={"numbers": [right.app_no]}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    body = answer.json
    assert body is not None
    assert (body["asked"], body["known"]) == (1, 1)
    made = client.get(body["document"])
    assert made.mimetype == "application/pdf"
    assert seal.check(made.data).good
    assert client.get(f"/api/v1/rights/confirmations/{body['code']}").json == body
    verdict = client.get(f"/api/v1/certificates/{body['code']}?sha256={body['sha256']}").json
    assert verdict is not None
    assert (verdict["state"], verdict["number"], verdict["altered"]) == ("valid", body["ref"], False)
    again = client.get(f"/api/v1/certificates/{body['code']}?sha256={'0' * 64}").json
    assert again is not None
    assert again["altered"] is True
