"""Pages of registration, of one's account and organisation, of parties; and what strangers get instead."""

import io
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import session
from exchange.parties import actions, members, tokens
from exchange.parties.actions import Paper
from exchange.parties.models import PaperKind, Party, PartyKind, PartyStatus, Role, User
from exchange.parties.policy import SYSTEM
from tests.parties.given import (
    PASSWORD,
    fresh_uscc,
    given_actor,
    given_party,
    given_user,
    hidden,
    sign_in,
    signed_in,
    submit,
)

if TYPE_CHECKING:
    from flask.testing import FlaskClient

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 50


def fresh(ref: str) -> Party:
    session.expire_all()
    return session.scalars(select(Party).where(Party.ref == ref)).one()


# -- registering -------------------------------------------------------------------------------


def test_registering_step_by_step_to_being_verified(client: "FlaskClient", db_app: Flask) -> None:
    first = submit(client, "/register", name="He Yifan", email="he@example.cn", password=PASSWORD)
    assert first.location == "/register/organisation"
    code = fresh_uscc()
    second = submit(
        client,
        first.location,
        kind="enterprise",
        name="Minhai Materials",
        uscc=code,
        region="3502",
        country="CN",
    )
    assert second.location == "/organisation/verification"
    third = client.post(
        second.location,
        data={**hidden(client.get(second.location).text), "licence": (io.BytesIO(PNG), "licence.png")},
        content_type="multipart/form-data",
    )
    assert third.location == "/organisation"
    party = session.scalars(select(Party).where(Party.uscc == code)).one()
    assert party.status is PartyStatus.SUBMITTED

    operator = db_app.test_client()
    signed_in(operator, given_party(PartyKind.OPERATOR), Role.OPERATOR)
    page = operator.get(f"/parties/{party.ref}/verify")
    assert "licence.png" in page.text
    assert code in page.text
    shown = re.search(r'href="(/parties/[^"]+/documents/[^"]+)"', page.text)
    assert shown is not None
    paper = operator.get(shown[1])
    assert (paper.data, paper.content_type) == (PNG, "image/png")
    assert paper.headers["X-Content-Type-Options"] == "nosniff"
    version = re.search(r'name="version" value="(\d+)"', page.text)
    assert version is not None
    decided = operator.post(
        f"/parties/{party.ref}/verify",
        data={**hidden(page.text), "decision": "verify", "version": version[1], "reason": ""},
    )
    assert decided.location == f"/parties/{party.ref}"
    assert fresh(party.ref).verified
    assert client.get("/organisation").status_code == 200


def test_who_stops_after_the_first_step_goes_on_after_signing_in(
    client: "FlaskClient", db_app: Flask
) -> None:
    submit(client, "/register", name="He Yifan", email="he@example.cn", password=PASSWORD)
    later = db_app.test_client()
    user = session.scalars(select(User).where(User.email == "he@example.cn")).one()
    sign_in(later, user)
    assert later.get("/organisation").location == "/register/organisation"
    assert later.get("/register").location == "/register/organisation"


def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_is_kept(client: "FlaskClient") -> None:
    signed_in(client, given_party())
    answer = submit(
        client,
        "/register/organisation",
        kind="enterprise",
        name="Minhai",
        uscc="91110000600037341N",
        country="CN",
    )
    assert answer.status_code == 422
    assert 'value="91110000600037341N"' in answer.text
    assert "91110000600037341L" in answer.text, "what was meant is proposed"
    assert 'href="#f-uscc"' in answer.text


def test_the_form_does_not_offer_to_register_as_the_exchange(client: "FlaskClient") -> None:
    signed_in(client, given_party())
    page = client.get("/register/organisation").text
    assert 'value="operator"' not in page
    assert 'value="registrar"' not in page
    answer = submit(client, "/register/organisation", kind="operator", name="Exchange", country="CN")
    assert answer.status_code == 422


def test_registrations_from_one_address_are_limited(client: "FlaskClient") -> None:
    for number in range(20):
        client.delete_cookie("rongyi")
        assert (
            submit(
                client, "/register", name="N", email=f"n{number}@example.cn", password=PASSWORD
            ).status_code
            == 303
        )
    client.delete_cookie("rongyi")
    assert (
        submit(client, "/register", name="N", email="last@example.cn", password=PASSWORD).status_code == 429
    )


def test_an_invitation_is_taken_up_from_its_link(client: "FlaskClient") -> None:
    party = given_party(name="Minhai Materials")
    invitation = members.invite(given_actor(party), party.ref, email="new@example.cn", roles=[Role.AGENT])
    path = f"/invitations/{members.invitation_secret(invitation)}"
    page = client.get(path)
    assert "Minhai Materials" in page.text
    assert submit(client, path, name="Zhou Ming", password=PASSWORD).location == "/organisation"
    assert "Minhai Materials" in client.get("/organisation").text
    assert client.get(path).status_code == 404


def test_an_invitation_to_a_known_address_asks_to_sign_in_first(client: "FlaskClient") -> None:
    party, user = given_party(name="Minhai Materials"), given_user(given_party(name="A first"))
    invitation = members.invite(given_actor(party), party.ref, email=user.email, roles=[Role.AGENT])
    path = f"/invitations/{members.invitation_secret(invitation)}"
    page = client.get(path).text
    assert 'name="password"' not in page
    assert (
        client.post(
            path, data={**hidden(client.get("/login").text), "name": "x", "password": PASSWORD}
        ).status_code
        == 303
    )
    assert submit(client, f"/login?next={path}", email=user.email, password=PASSWORD).location == path
    assert submit(client, path, to=f"{path}/accept").location == "/organisation"
    assert "Minhai Materials" in client.get("/organisation").text


# -- one's account -----------------------------------------------------------------------------


def test_setting_up_a_second_factor(client: "FlaskClient") -> None:
    user = signed_in(client, given_party())
    page = client.get("/account")
    begun = client.post("/account/second-factor/begin", data=hidden(page.text))
    assert begun.location == "/account/second-factor"
    shown = client.get(begun.location)
    assert "<svg" in shown.text
    key = re.search(r"<code>([A-Z2-7 ]+)</code>", shown.text)
    assert key is not None
    authenticator = pyotp.TOTP(key[1].replace(" ", ""))
    wrong = submit(client, begun.location, code="000000")
    assert wrong.status_code == 422
    done = submit(client, begun.location, code=authenticator.at(clock.wall()))
    codes = re.findall(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", done.text)
    assert len(codes) == 10
    assert client.get("/account/second-factor").location == "/account", "shown once"
    session.expire_all()
    assert user.totp_secret is not None
    assert (
        client.post("/account/second-factor/remove", data=hidden(client.get("/account").text)).status_code
        == 303
    )
    session.expire_all()
    assert user.totp_secret is None


def test_a_stale_session_is_asked_for_a_proof_before_it_changes_the_second_factor(
    client: "FlaskClient",
) -> None:
    signed_in(client, given_party())
    clock.advance(timedelta(minutes=6))
    page = client.get("/account")
    for path in ("/account/second-factor/begin", "/account/second-factor/remove", "/account/recovery-codes"):
        answer = client.post(path, data=hidden(page.text), headers={"Referer": "http://localhost/account"})
        assert (answer.status_code, answer.location) == (303, "/login/confirm?next=/account")


def test_changing_the_password(client: "FlaskClient", db_app: Flask) -> None:
    user = signed_in(client, given_party())
    other = db_app.test_client()
    sign_in(other, user)
    assert submit(client, "/account/password", present="wrong", new="nine quiet mountains").status_code == 422
    assert (
        submit(client, "/account/password", present=PASSWORD, new="nine quiet mountains").location
        == "/account"
    )
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 303


def test_name_and_language(client: "FlaskClient") -> None:
    user = signed_in(client, given_party())
    answer = submit(client, "/account/person", name="Lin  Zhixia", locale="en")
    assert answer.location == "/account"
    assert any(line.startswith("lang=en") for line in answer.headers.getlist("Set-Cookie"))
    session.expire_all()
    assert (user.name, user.locale) == ("Lin Zhixia", "en")
    assert submit(client, "/account/person", name="Lin", locale="fr").status_code == 422


def test_a_token_is_shown_once_and_can_be_revoked(client: "FlaskClient") -> None:
    signed_in(client, given_party(), Role.AGENT)
    made = submit(client, "/account/tokens/new", label="nightly", scopes=["read", "trade"], days="30")
    found = re.search(r"ry_[\w-]{43}", made.text)
    assert found is not None
    token = tokens.find(found[0])
    assert token.scopes == ["read", "trade"]
    page = client.get("/account").text
    assert found[0] not in page
    assert token.prefix in page
    assert client.post(f"/account/tokens/{token.ref}/revoke", data=hidden(page)).status_code == 303
    assert token.prefix not in client.get("/account").text.split('id="tokens"')[1]
    assert submit(client, "/account/tokens/new", label="x").status_code == 422


# -- one's organisation ------------------------------------------------------------------------


def test_editing_what_is_known(client: "FlaskClient") -> None:
    party = given_party(verified=False, name="Minhai")
    signed_in(client, party)
    assert (
        submit(
            client,
            "/organisation/edit",
            kind="institute",
            name="Minhai New",
            uscc=party.uscc,
            region="3502",
            country="CN",
            phone="0591-1",
        ).location
        == "/organisation"
    )
    changed = fresh(party.ref)
    assert (changed.name, changed.kind, changed.region, changed.phone) == (
        "Minhai New",
        PartyKind.INSTITUTE,
        "3502",
        "0591-1",
    )


def test_a_verified_party_edits_only_what_is_not_fixed(client: "FlaskClient") -> None:
    party = given_party(name="Minhai")
    signed_in(client, party)
    page = client.get("/organisation/edit").text
    assert 'name="uscc"' not in page
    assert 'name="kind"' not in page
    assert submit(client, "/organisation/edit", name="Other", region="3505").status_code == 303
    changed = fresh(party.ref)
    assert (changed.name, changed.region, changed.country) == ("Minhai", "3505", "CN")


def test_the_account_for_payouts_asks_for_a_proof(client: "FlaskClient") -> None:
    party = given_party()
    signed_in(client, party)
    assert (
        submit(
            client, "/organisation/payout", bank_name="ICBC Fuzhou", bank_account="6222 0000 1234"
        ).status_code
        == 303
    )
    assert fresh(party.ref).bank_account == "6222 0000 1234"
    page = client.get("/organisation").text
    assert "1234" in page
    assert "6222" not in page
    clock.advance(timedelta(minutes=6))
    assert client.get("/organisation/payout").location.startswith("/login/confirm")


def test_inviting_changing_and_letting_go(client: "FlaskClient") -> None:
    party = given_party()
    colleague = given_user(party, Role.AGENT)
    signed_in(client, party)
    invited = submit(client, "/organisation/invite", email="new@example.cn", roles=["agent", "signer"])
    page = client.get(invited.location)
    [invitation] = members.open_invitations(party)
    assert members.invitation_secret(invitation) in page.text
    withdrawn = client.post(f"/organisation/invitations/{invitation.id}/withdraw", data=hidden(page.text))
    assert withdrawn.status_code == 303
    assert client.get(invited.location).status_code == 404

    path = f"/organisation/members/{colleague.ref}"
    assert 'value="operator"' not in client.get(path).text, "roles of the exchange are not offered"
    assert submit(client, path, roles=["finance"]).status_code == 303
    assert submit(client, path, roles=["operator"]).status_code == 422
    assert submit(client, path).status_code == 422
    assert client.post(f"{path}/remove", data=hidden(client.get(path).text)).status_code == 303
    assert client.get(path).status_code == 404


def test_the_last_administrator_is_told_why_they_stay(client: "FlaskClient") -> None:
    party = given_party()
    user = signed_in(client, party)
    answer = submit(client, f"/organisation/members/{user.ref}", roles=["agent"])
    assert answer.status_code == 409
    assert (
        client.post(
            f"/organisation/members/{user.ref}/remove", data=hidden(client.get("/account").text)
        ).status_code
        == 409
    )


def test_leaving_signs_out(client: "FlaskClient") -> None:
    party = given_party()
    given_user(party)
    user = signed_in(client, party, Role.AGENT)
    page = client.get("/organisation").text
    assert client.post(f"/organisation/members/{user.ref}/remove", data=hidden(page)).location == "/login"
    assert client.get("/account").status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        "/organisation/edit",
        "/organisation/payout",
        "/organisation/verification",
        "/organisation/names",
        "/organisation/invite",
    ],
)
def test_only_the_administrator_changes_the_organisation(client: "FlaskClient", path: str) -> None:
    party = given_party()
    signed_in(client, party, Role.AGENT, Role.SIGNER, Role.FINANCE)
    assert client.get(path).status_code == 403
    page = client.get("/account").text
    assert (
        client.post(
            path, data={**hidden(page), "name": "Other", "email": "x@example.cn", "roles": "owner_admin"}
        ).status_code
        == 403
    )
    assert fresh(party.ref).name == party.name
    assert "/organisation/invite" not in client.get("/organisation").text


@pytest.mark.parametrize("path", ["/organisation/edit", "/organisation/invite", "/organisation/members/US-0"])
def test_without_an_organisation_there_is_nothing_to_change(client: "FlaskClient", path: str) -> None:
    sign_in(client, given_user())
    assert client.get(path).status_code == 404


# -- any party ---------------------------------------------------------------------------------


def test_everybody_sees_the_card_of_a_verified_party_and_nothing_more(client: "FlaskClient") -> None:
    party = given_party(
        name="Minhai Materials", region="3502", phone="0591-777", legal_representative="He Yifan"
    )
    page = client.get(f"/parties/{party.ref}").text
    assert "Minhai Materials" in page
    for private in (party.uscc or "", "0591-777", "He Yifan"):
        assert private not in page


def test_a_party_that_is_not_verified_is_nobodys_business(client: "FlaskClient", db_app: Flask) -> None:
    party = given_party(verified=False)
    missing = client.get("/parties/PT-00000000000")
    hidden_ = client.get(f"/parties/{party.ref}")
    assert missing.status_code == hidden_.status_code == 404
    signed_in(client, given_party())
    assert client.get(f"/parties/{party.ref}").status_code == 404
    own = db_app.test_client()
    signed_in(own, party, Role.AGENT)
    assert own.get(f"/parties/{party.ref}").status_code == 200


def test_papers_are_seen_by_the_party_and_the_exchange_only(client: "FlaskClient", db_app: Flask) -> None:
    party, other = given_party(verified=False), given_party()
    [paper] = actions.add_papers(
        given_actor(party), party.ref, [Paper(PaperKind.LICENCE, PNG, "营业执照.png")]
    )
    path = f"/parties/{party.ref}/documents/{paper.ref}"
    assert client.get(path).status_code == 303, "a visitor is asked to sign in"
    signed_in(client, other)
    assert client.get(path).status_code == 404
    assert client.get(f"/parties/{other.ref}/documents/{paper.ref}").status_code == 404, (
        "not through one's own party"
    )
    own = db_app.test_client()
    signed_in(own, party, Role.AGENT)
    answer = own.get(path)
    assert answer.data == PNG
    assert "营业执照" not in answer.headers["Content-Disposition"], "headers are plain"
    assert "filename*=UTF-8''" in answer.headers["Content-Disposition"]


def test_the_check_is_for_operators(client: "FlaskClient", db_app: Flask) -> None:
    party = given_party(verified=False)
    path = f"/parties/{party.ref}/verify"
    assert client.get(path).status_code == 303
    signed_in(client, party)
    assert client.get(path).status_code == 404
    reviewer = db_app.test_client()
    signed_in(reviewer, given_party(PartyKind.OPERATOR), Role.REVIEWER)
    assert reviewer.get(path).status_code == 404


def test_an_operator_refuses_with_a_reason_that_the_party_reads(client: "FlaskClient", db_app: Flask) -> None:
    party = given_party(verified=False)
    actions.submit_verification(given_actor(party), party.ref, [Paper(PaperKind.LICENCE, PNG, "l.png")])
    signed_in(client, given_party(PartyKind.OPERATOR), Role.OPERATOR)
    path = f"/parties/{party.ref}/verify"
    assert submit(client, path, decision="refuse", reason=" ").status_code == 422
    assert submit(client, path, decision="nonsense", reason="x").status_code == 422
    assert submit(client, path, decision="refuse", reason="The seal cannot be read.").status_code == 303
    own = db_app.test_client()
    signed_in(own, party)
    assert "The seal cannot be read." in own.get("/organisation").text


def test_a_page_that_is_out_of_date_decides_nothing(client: "FlaskClient") -> None:
    party = given_party(verified=False)
    admin = given_actor(party)
    actions.submit_verification(admin, party.ref, [Paper(PaperKind.LICENCE, PNG, "l.png")])
    signed_in(client, given_party(PartyKind.OPERATOR), Role.OPERATOR)
    seen = fresh(party.ref).version
    actions.edit(admin, party.ref, address="Another street 1")
    answer = submit(client, f"/parties/{party.ref}/verify", decision="verify", version=str(seen))
    assert answer.status_code == 412
    assert fresh(party.ref).status is PartyStatus.SUBMITTED


def test_a_further_name_is_told_and_verified(client: "FlaskClient", db_app: Flask) -> None:
    party = given_party()
    signed_in(client, party)
    assert submit(client, "/organisation/names", name="Min Hai Ltd").location == "/organisation/names"
    operator = db_app.test_client()
    signed_in(operator, given_party(PartyKind.OPERATOR), Role.OPERATOR)
    page = operator.get(f"/parties/{party.ref}/verify").text
    assert (
        operator.post(
            f"/parties/{party.ref}/names/verify", data={**hidden(page), "name": "Min Hai Ltd"}
        ).status_code
        == 303
    )
    assert fresh(party.ref).names[0].verified
    refused = client.post(
        f"/parties/{party.ref}/names/verify",
        data={**hidden(client.get("/account").text), "name": "Min Hai Ltd"},
    )
    assert refused.status_code == 404


def test_what_people_write_is_text_and_never_markup(client: "FlaskClient") -> None:
    nasty = "<script>alert(1)</script>\"'{{ 7*7 }}"
    party = given_party(name=nasty, phone=nasty[:40], legal_representative=nasty)
    admin = given_actor(party)
    actions.add_name(admin, party.ref, nasty + "2")
    user = given_user(party, name=nasty)
    members.add_user(
        SYSTEM, email=user.email, party_ref=given_party(PartyKind.OPERATOR).ref, roles=[Role.OPERATOR]
    )
    sign_in(client, user)
    for path in (
        "/account",
        "/organisation",
        f"/parties/{party.ref}",
        f"/organisation/members/{user.ref}",
        f"/parties/{party.ref}/verify",
    ):
        text = client.get(path).text
        assert "<script>alert" not in text, path
        assert "{{ 7*7 }}" in text, path
