"""Parties, users and tokens over REST: what is shown to whom, versions, repeats, unknown fields, other tenants."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from sqlalchemy import select

from exchange.core.db import session
from exchange.parties import actions, members, tokens
from exchange.parties.actions import Paper
from exchange.parties.models import PaperKind, Party, PartyKind, Role, User
from exchange.parties.policy import SYSTEM, Actor
from tests.parties.given import (
    PASSWORD,
    fresh_uscc,
    given_actor,
    given_party,
    given_user,
    hidden,
    signed_in,
)

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 50

Call = Callable[..., "TestResponse"]


def caller(client: "FlaskClient", actor: Actor, *scopes: str) -> Call:
    """A program that acts as ``actor``: ``call("get", "/parties")``."""
    assert actor.user is not None
    assert actor.party is not None
    _, secret = tokens.create(SYSTEM, scopes=scopes or ["all"], user=actor.user, party=actor.party)

    def call(method: str, path: str, body: Any = None, **headers: str) -> "TestResponse":
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.open(
            f"/api/v1{path}",
            method=method.upper(),
            json=body,
            headers={"Authorization": f"Bearer {secret}", **sent},
        )

    return call


def operator(client: "FlaskClient") -> Call:
    return caller(client, given_actor(given_party(PartyKind.OPERATOR), Role.OPERATOR))


def code(answer: "TestResponse") -> tuple[int, str]:
    body = answer.get_json()
    assert answer.content_type == "application/problem+json", body
    return answer.status_code, body["code"]


# -- parties -----------------------------------------------------------------------------------


def test_registering_submitting_verifying(client: "FlaskClient") -> None:
    made = client.post(
        "/api/v1/users",
        json={
            "name": "He Yifan",
            "email": "he@example.cn",
            "password": PASSWORD,
            "organisation": {
                "kind": "enterprise",
                "name": "Minhai Materials",
                "uscc": fresh_uscc(),
                "region": "3502",
            },
        },
    )
    assert made.status_code == 201, made.text
    ref = made.get_json()["party"]
    user = session.scalars(select(User).where(User.ref == made.get_json()["user"])).one()
    party = session.scalars(select(Party).where(Party.ref == ref)).one()
    own = caller(client, Actor(user=user, party=party))
    assert code(own("post", f"/parties/{ref}/submit")) == (422, "party.no_papers")
    given = own_paper(client, user, party)
    assert given.status_code == 201, given.text
    assert given.get_json()["kind"] == "licence"
    assert own("get", f"/parties/{ref}/papers").get_json()["total"] == 1
    submitted = own("post", f"/parties/{ref}/submit")
    assert submitted.get_json()["status"] == "submitted"
    desk = operator(client)
    assert desk("get", f"/parties/{ref}").get_json()["actions"] == ["verify", "refuse", "edit"]
    assert [item["ref"] for item in desk("get", "/parties?status=submitted").get_json()["items"]] == [ref]
    verified = desk("post", f"/parties/{ref}/verify", {"reason": ""})
    assert (verified.status_code, verified.get_json()["status"]) == (200, "verified")
    assert code(desk("post", f"/parties/{ref}/verify", {})) == (409, "party.cannot_verify")


def own_paper(client: "FlaskClient", user: User, party: Party) -> "TestResponse":
    _, secret = tokens.create(SYSTEM, scopes=["account", "read"], user=user, party=party)
    return client.post(
        f"/api/v1/parties/{party.ref}/papers",
        data={"file": (io.BytesIO(PNG), "licence.png"), "kind": "licence"},
        headers={"Authorization": f"Bearer {secret}"},
    )


def test_what_is_shown_to_whom(client: "FlaskClient") -> None:
    party = given_party(name="Minhai", phone="0591-777")
    admin = given_actor(party)
    actions.edit(admin, party.ref, bank_account="6222 0000", bank_name="ICBC")
    card = {"ref", "name", "name_en", "kind", "region", "country", "verified", "actions"}
    private = {"status", "uscc", "phone", "address", "version", "created_at"}
    anyone = client.get(f"/api/v1/parties/{party.ref}").get_json()
    stranger = caller(client, given_actor(given_party()))("get", f"/parties/{party.ref}").get_json()
    assert set(anyone) == set(stranger) == card
    member = caller(client, given_actor(party, Role.AGENT))("get", f"/parties/{party.ref}").get_json()
    assert private <= set(member)
    assert "bank_account" not in member
    assert caller(client, admin)("get", f"/parties/{party.ref}").get_json()["bank_account"] == "6222 0000"
    registrar = caller(client, given_actor(given_party(PartyKind.REGISTRAR), Role.REGISTRAR))
    seen = registrar("get", f"/parties/{party.ref}").get_json()
    assert private <= set(seen)
    assert "bank_account" not in seen
    assert seen["actions"] == []


def test_lists_hold_verified_parties_and_ones_own(client: "FlaskClient") -> None:
    verified, fresh, own = (
        given_party(name="Q one"),
        given_party(verified=False, name="Q two"),
        given_party(verified=False, name="Q own"),
    )
    ask = caller(client, given_actor(own))
    assert {item["ref"] for item in ask("get", "/parties?q=Q%20").get_json()["items"]} == {
        verified.ref,
        own.ref,
    }
    assert {item["ref"] for item in operator(client)("get", "/parties?q=Q%20").get_json()["items"]} == {
        verified.ref,
        fresh.ref,
        own.ref,
    }
    assert ask("get", "/parties?status=registered&q=Q%20").get_json()["total"] == 1, "a filter shows no more"
    assert ask("get", "/parties?q=%25").get_json()["total"] == 0, "a percent sign is a sign"
    assert client.get("/api/v1/parties").status_code == 401


def test_a_list_goes_on_by_cursor(client: "FlaskClient") -> None:
    wanted = {given_party(name=f"Page {number}").ref for number in range(5)}
    ask = operator(client)
    seen: list[str] = []
    path = "/parties?q=Page&limit=2"
    cursor = None
    for _ in range(4):
        page = ask("get", path + (f"&cursor={cursor}" if cursor else "")).get_json()
        seen += [item["ref"] for item in page["items"]]
        assert page["total"] == 5
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert set(seen) == wanted


def test_changing_needs_the_present_version(client: "FlaskClient") -> None:
    party = given_party()
    own = caller(client, given_actor(party))
    read = own("get", f"/parties/{party.ref}")
    tag = read.headers["ETag"]
    assert tag == f'"{read.get_json()["version"]}"'
    assert code(own("patch", f"/parties/{party.ref}", {"phone": "1"})) == (428, "if_match.required")
    changed = own("patch", f"/parties/{party.ref}", {"phone": "0591-1"}, If_Match=tag)
    assert changed.get_json()["phone"] == "0591-1"
    assert changed.headers["ETag"] != tag
    assert code(own("patch", f"/parties/{party.ref}", {"phone": "0591-2"}, If_Match=tag)) == (412, "stale")
    assert own("get", f"/parties/{party.ref}").get_json()["phone"] == "0591-1"


@pytest.mark.parametrize(
    "field",
    sorted(
        {column.name for column in Party.__table__.columns}
        - {
            "kind",
            "name",
            "uscc",
            "country",
            "region",
            "name_en",
            "address",
            "legal_representative",
            "phone",
            "bank_account",
            "bank_name",
        }
    ),
)
def test_no_column_can_be_written_that_the_api_does_not_offer(client: "FlaskClient", field: str) -> None:
    party = given_party(verified=False)
    own = caller(client, given_actor(party))
    tag = own("get", f"/parties/{party.ref}").headers["ETag"]
    for method, path in (("patch", f"/parties/{party.ref}"), ("post", "/parties")):
        answer = own(method, path, {"kind": "person", "name": "x", field: "verified"}, If_Match=tag)
        assert answer.status_code == 422
        assert any(
            error["field"] == field and error["code"] == "field.unknown"
            for error in answer.get_json()["errors"]
        )
    assert not session.scalars(select(Party.name).where(Party.name == "x")).all()


def test_the_same_key_founds_one_organisation(client: "FlaskClient") -> None:
    own = caller(client, given_actor(given_party()))
    body = {"kind": "enterprise", "name": "Once", "uscc": fresh_uscc()}
    first = own("post", "/parties", body, Idempotency_Key="k1")
    again = own("post", "/parties", body, Idempotency_Key="k1")
    assert first.status_code == again.status_code == 201
    assert first.get_json()["ref"] == again.get_json()["ref"]
    assert again.headers["ETag"] == first.headers["ETag"]
    other = own("post", "/parties", {**body, "name": "Twice"}, Idempotency_Key="k1")
    assert code(other) == (422, "idempotency.key_reused")
    assert code(own("post", "/parties", body, Idempotency_Key="k2")) == (422, "party.uscc_taken")


def test_decisions_are_the_operators(client: "FlaskClient") -> None:
    party = given_party(verified=False)
    actions.submit_verification(given_actor(party), party.ref, [Paper(PaperKind.LICENCE, PNG, "l.png")])
    others = [
        caller(client, given_actor(party)),
        caller(client, given_actor(given_party(), *Role)),
        caller(client, given_actor(given_party(PartyKind.OPERATOR), Role.REVIEWER, Role.AUDITOR)),
    ]
    for call in others:
        for verb in ("verify", "refuse", "suspend", "restore"):
            assert call("post", f"/parties/{party.ref}/{verb}", {"reason": "x"}).status_code == 404
    narrow = caller(client, given_actor(given_party(PartyKind.OPERATOR), Role.OPERATOR), "read")
    assert code(narrow("post", f"/parties/{party.ref}/verify", {})) == (403, "token.scope")
    assert code(operator(client)("post", f"/parties/{party.ref}/refuse", {})) == (422, "party.reason")


def test_suspending_counts_with_the_next_request(client: "FlaskClient") -> None:
    party = given_party()
    own, desk = caller(client, given_actor(party)), operator(client)
    tag = own("get", f"/parties/{party.ref}").headers["ETag"]
    assert desk("post", f"/parties/{party.ref}/suspend", {"reason": "A court."}).status_code == 200
    assert own("get", f"/parties/{party.ref}").get_json()["status_reason"] == "A court."
    assert code(own("patch", f"/parties/{party.ref}", {"phone": "1"}, If_Match="*"))[0] == 403
    assert client.get(f"/api/v1/parties/{party.ref}").status_code == 404
    assert desk("post", f"/parties/{party.ref}/restore", {}).status_code == 200
    assert code(own("patch", f"/parties/{party.ref}", {"phone": "1"}, If_Match=tag)) == (412, "stale")


# -- people ------------------------------------------------------------------------------------


def test_members_invitations_and_roles(client: "FlaskClient") -> None:
    party = given_party()
    own = caller(client, given_actor(party))
    colleague = given_user(party, Role.AGENT)
    listed = own("get", f"/parties/{party.ref}/members").get_json()
    assert listed["total"] == 2
    changed = own("patch", f"/parties/{party.ref}/members/{colleague.ref}", {"roles": ["signer"]})
    assert changed.get_json()["roles"] == ["signer"]
    assert code(own("patch", f"/parties/{party.ref}/members/{colleague.ref}", {"roles": ["operator"]})) == (
        422,
        "role.not_givable",
    )
    assert own("delete", f"/parties/{party.ref}/members/{colleague.ref}").status_code == 204
    invited = own(
        "post", f"/parties/{party.ref}/invitations", {"email": "new@example.cn", "roles": ["agent"]}
    )
    assert invited.status_code == 201
    assert "secret" not in invited.text
    assert own("get", f"/parties/{party.ref}/invitations").get_json()["total"] == 1
    assert own("delete", f"/parties/{party.ref}/invitations/{invited.get_json()['id']}").status_code == 204
    assert own("get", f"/parties/{party.ref}/invitations").get_json()["total"] == 0


def test_other_tenants_answer_as_if_they_were_not_there(client: "FlaskClient") -> None:
    party = given_party()
    member = given_user(party, Role.AGENT)
    invitation = members.invite(given_actor(party), party.ref, email="new@example.cn", roles=[Role.AGENT])
    token, _ = tokens.create(given_actor(party), scopes=["read"])
    [name] = [actions.add_name(given_actor(party), party.ref, "Other Name")]
    stranger_party = given_party()
    call = caller(
        client, given_actor(stranger_party, Role.OWNER_ADMIN, Role.AGENT, Role.SIGNER, Role.FINANCE)
    )
    missing = code(call("get", "/tokens/TK-00000000000"))
    assert missing == (404, "not_found")
    attempts: list[tuple[str, str, Any]] = [
        ("patch", f"/parties/{party.ref}", {"phone": "1"}),
        ("get", f"/parties/{party.ref}/papers", None),
        ("post", f"/parties/{party.ref}/submit", None),
        ("post", f"/parties/{party.ref}/names", {"name": name.name}),
        ("post", f"/parties/{party.ref}/names/verify", {"name": name.name}),
        ("get", f"/parties/{party.ref}/members", None),
        ("patch", f"/parties/{party.ref}/members/{member.ref}", {"roles": ["agent"]}),
        ("delete", f"/parties/{party.ref}/members/{member.ref}", None),
        ("patch", f"/parties/{stranger_party.ref}/members/{member.ref}", {"roles": ["agent"]}),
        ("get", f"/parties/{party.ref}/invitations", None),
        ("post", f"/parties/{party.ref}/invitations", {"email": "x@example.cn", "roles": ["agent"]}),
        ("delete", f"/parties/{party.ref}/invitations/{invitation.id}", None),
        ("delete", f"/parties/{stranger_party.ref}/invitations/{invitation.id}", None),
        ("get", f"/users/{member.ref}", None),
        ("post", f"/users/{member.ref}/disable", {"reason": "x"}),
        ("get", f"/tokens/{token.ref}", None),
        ("post", f"/tokens/{token.ref}/revoke", None),
    ]
    for method, path, body in attempts:
        assert code(call(method, path, body, If_Match="*")) == missing, (method, path)


def test_oneself(client: "FlaskClient") -> None:
    party, second = given_party(name="A"), given_party(name="B")
    actor = given_actor(party, Role.AGENT)
    assert actor.user is not None
    members.add_user(SYSTEM, email=actor.user.email, party_ref=second.ref, roles=[Role.FINANCE])
    own = caller(client, actor)
    me = own("get", "/users/me")
    shown = me.get_json()
    assert (shown["ref"], shown["second_factor"]) == (actor.user_ref, False)
    assert {(m["name"], tuple(m["roles"])) for m in shown["memberships"]} == {
        ("A", ("agent",)),
        ("B", ("finance",)),
    }
    assert not {"password_hash", "totp_secret", "preferences", "recovery_codes"} & set(shown)
    changed = own("patch", "/users/me", {"name": "New Name", "locale": "en"}, If_Match=me.headers["ETag"])
    assert (changed.get_json()["name"], changed.get_json()["locale"]) == ("New Name", "en")
    assert code(own("patch", "/users/me", {"email": "x@example.cn"}, If_Match="*")) == (422, "invalid")
    reader = caller(client, actor, "read")
    assert code(reader("patch", "/users/me", {"name": "x"}, If_Match="*")) == (403, "token.scope")
    assert [user["ref"] for user in own("get", "/users").get_json()["items"]] == [actor.user_ref]
    administrator = caller(client, given_actor(party))
    seen = administrator("get", f"/users/{actor.user_ref}").get_json()
    assert [m["name"] for m in seen["memberships"]] == ["A"], "other parties of a colleague are not shown"
    assert administrator("get", "/users").get_json()["total"] == 2


def test_disabling_is_the_operators(client: "FlaskClient") -> None:
    actor = given_actor(given_party())
    own, desk = caller(client, actor), operator(client)
    assert own("get", "/users/me").status_code == 200
    assert desk("post", f"/users/{actor.user_ref}/disable", {"reason": "Lost."}).status_code == 204
    assert code(own("get", "/users/me")) == (401, "token.invalid")
    assert desk("post", f"/users/{actor.user_ref}/enable").status_code == 204


# -- tokens ------------------------------------------------------------------------------------


def test_tokens(client: "FlaskClient") -> None:
    actor = given_actor(given_party())
    own = caller(client, actor)
    made = own("post", "/tokens", {"scopes": ["read"], "label": "nightly", "days": 7})
    assert made.status_code == 201
    secret, ref = made.get_json()["token"], made.get_json()["ref"]
    read = own("get", f"/tokens/{ref}").get_json()
    assert "token" not in read
    assert secret not in own("get", "/tokens").text
    fresh = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/users/me", headers=fresh).status_code == 200
    assert own("post", f"/tokens/{ref}/revoke").get_json()["actions"] == []
    assert code(client.get("/api/v1/users/me", headers=fresh)) == (401, "token.invalid")
    assert code(own("post", "/tokens", {"scopes": ["root"]})) == (422, "invalid")


def test_a_key_is_never_remembered_with_an_answer(client: "FlaskClient") -> None:
    from exchange.core.idempotency import RememberedAnswer

    own = caller(client, given_actor(given_party()))
    secret = own("post", "/tokens", {"scopes": ["read"]}, Idempotency_Key="k").get_json()["token"]
    assert secret not in str([row.answer for row in session.scalars(select(RememberedAnswer))])


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ry_" + "A" * 43, "bearer x"])
def test_a_bad_token_is_refused_even_beside_a_good_cookie(client: "FlaskClient", header: str) -> None:
    signed_in(client, given_party())
    assert client.get("/api/v1/users/me").status_code == 200
    answer = client.get("/api/v1/users/me", headers={"Authorization": header})
    assert code(answer) == (401, "token.invalid")
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert client.get("/account", headers={"Authorization": header}).status_code == 303


def test_a_token_in_the_address_is_no_token(client: "FlaskClient") -> None:
    _, secret = tokens.create(given_actor(given_party()), scopes=["all"])
    assert client.get(f"/api/v1/users/me?token={secret}").status_code == 401
    assert client.get(f"/api/v1/users/me?access_token={secret}").status_code == 401


def test_a_session_may_call_the_api_with_the_forms_token_only(client: "FlaskClient", db_app: Flask) -> None:
    signed_in(client, given_party(), Role.OWNER_ADMIN)
    body = {"kind": "person", "name": "Lin"}
    assert client.post("/api/v1/parties", json=body).status_code == 400
    token = hidden(client.get("/organisation/invite").text)["csrf_token"]
    assert client.post("/api/v1/parties", json=body, headers={"X-CSRFToken": token}).status_code == 201


def test_a_session_that_is_not_fresh_makes_no_key(client: "FlaskClient") -> None:
    from datetime import timedelta

    from exchange.core import clock

    signed_in(client, given_party())
    clock.advance(timedelta(minutes=6))
    token = hidden(client.get("/organisation/invite").text)["csrf_token"]
    answer = client.post("/api/v1/tokens", json={"scopes": ["read"]}, headers={"X-CSRFToken": token})
    assert code(answer) == (403, "auth.step_up")
