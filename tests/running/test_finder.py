"""The desk's search over everything: what a name, a number or a reference leads to, and who may look."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from exchange import finder
from exchange.parties.models import PartyKind, Role
from exchange.parties.policy import Actor
from tests.parties.given import given_actor, given_operator, given_party, signed_in
from tests.rights.given import given_right


def found(actor: Actor, text: str) -> dict[str, list[str]]:
    return {name: [one.ref for one in things] for name, things in finder.find(actor, text)}


def test_by_reference_name_code_number_and_address(db_app: Flask, tmp_path: Path) -> None:
    operator = given_operator()
    party = given_party(name="闽江膜材料有限公司")
    person = given_actor(party, Role.AGENT).user
    right = given_right(tmp_path)
    assert person is not None
    for text in (party.ref, "膜材料", party.uscc or ""):
        assert found(operator, text)["Parties"] == [party.ref]
    for text in (right.ref, right.title, right.app_no or "", f"  {right.title} "):
        assert right.ref in found(operator, text)["Rights"]
    assert found(operator, person.email.upper()) == {"People": [person.ref]}
    assert found(operator, "") == {}
    assert found(operator, "100%_") == {}


def test_the_registrar_finds_only_what_they_may_read(db_app: Flask, tmp_path: Path) -> None:
    registrar = given_actor(given_party(PartyKind.REGISTRAR), Role.REGISTRAR)
    right = given_right(tmp_path)
    assert found(registrar, right.title) == {"Rights": [right.ref]}


def test_the_page_leads_there(client: FlaskClient) -> None:
    party = given_party(name="鹭江传感有限公司")
    signed_in(client, given_party(PartyKind.OPERATOR), Role.OPERATOR)
    page = client.get("/desk/find?q=鹭江").get_data(as_text=True)
    assert f'href="/parties/{party.ref}"' in page
    assert "References and codes must be complete" in client.get(
        "/desk/find?q=nobody", headers={"Accept-Language": "en"}
    ).get_data(as_text=True)
