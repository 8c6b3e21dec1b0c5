"""``flask parties add``, ``flask users add``, ``flask tokens create``: answers and exit codes."""

import json
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from sqlalchemy import select

from exchange.core.db import session
from exchange.parties import logins, tokens
from exchange.parties.models import Party, PartyStatus, User
from exchange.parties.sessions import Caller
from tests.parties.given import PASSWORD, fresh_uscc

if TYPE_CHECKING:
    from click.testing import Result


def run(app: Flask, *words: str, stdin: str | None = None) -> "Result":
    return app.test_cli_runner().invoke(args=list(words), input=stdin)


def add_party(app: Flask, *more: str) -> str:
    answer = run(app, "parties", "add", "--name", "Minhai", "--kind", "enterprise", "--json", *more)
    assert answer.exit_code == 0, answer.output
    ref: str = json.loads(answer.stdout)["ref"]
    return ref


def test_adding_a_party(db_app: Flask) -> None:
    code = fresh_uscc()
    ref = add_party(db_app, "--uscc", code, "--region", "3501", "--verified")
    party = session.scalars(select(Party).where(Party.ref == ref)).one()
    assert (party.name, party.uscc, party.region, party.status) == (
        "Minhai",
        code,
        "3501",
        PartyStatus.VERIFIED,
    )
    plain = run(db_app, "parties", "add", "--name", "Exchange", "--kind", "operator")
    assert plain.exit_code == 0
    assert plain.stdout.strip().startswith("PT-")
    assert (
        session.scalars(select(Party.status).where(Party.ref == plain.stdout.strip())).one()
        is PartyStatus.REGISTERED
    )


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (["--name", "X", "--kind", "enterprise", "--uscc", "91110000600037341N"], 1, "91110000600037341L"),
        (["--name", "X", "--kind", "enterprise", "--region", "99"], 1, "party.region"),
        (["--name", " ", "--kind", "person"], 1, "field.required"),
        (["--name", "X", "--kind", "church"], 2, "--kind"),
        (["--kind", "person"], 2, "--name"),
        (["--name", "X", "--kind", "person", "--colour", "red"], 2, "--colour"),
    ],
)
def test_refusals_and_wrong_usage(db_app: Flask, words: list[str], exit_code: int, said: str) -> None:
    answer = run(db_app, "parties", "add", "--json", *words)
    assert answer.exit_code == exit_code
    assert answer.stdout == ""
    assert said in answer.stderr


def test_adding_a_person_with_the_password_from_standard_input(db_app: Flask) -> None:
    party = add_party(db_app)
    words = [
        "users",
        "add",
        "--email",
        "Lin@example.cn",
        "--party",
        party,
        "--role",
        "agent",
        "--role",
        "signer",
        "--password-stdin",
        "--json",
    ]
    answer = run(db_app, *words, stdin=PASSWORD + "\n")
    assert answer.exit_code == 0, answer.output
    ref = json.loads(answer.stdout)["ref"]
    user = session.scalars(select(User).where(User.ref == ref)).one()
    assert user.memberships[0].roles == ["agent", "signer"]
    assert logins.check_password("lin@example.cn", PASSWORD, Caller("127.0.0.1")).user.ref == ref


def test_the_password_is_asked_for_and_never_shown(db_app: Flask) -> None:
    party = add_party(db_app)
    words = ["users", "add", "--email", "lin@example.cn", "--party", party, "--role", "agent", "--json"]
    answer = run(db_app, *words, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert answer.exit_code == 0, answer.output
    assert PASSWORD not in answer.output
    assert set(json.loads(answer.stdout)) == {"ref"}, "the question goes to standard error"
    again = run(db_app, *[word if word != "agent" else "finance" for word in words])
    assert again.exit_code == 0, "somebody known needs no password"
    assert json.loads(again.stdout) == json.loads(answer.stdout)


@pytest.mark.parametrize(
    ("email", "role", "password", "exit_code", "said"),
    [
        ("lin@example.cn", "agent", "short", 1, "password.short"),
        ("lin", "agent", PASSWORD, 1, "user.email"),
        ("lin@example.cn", "operator", PASSWORD, 1, "role.not_givable"),
        ("lin@example.cn", "king", PASSWORD, 2, "--role"),
    ],
)
def test_a_person_that_cannot_be_added(
    db_app: Flask, email: str, role: str, password: str, exit_code: int, said: str
) -> None:
    words = [
        "users",
        "add",
        "--email",
        email,
        "--party",
        add_party(db_app),
        "--role",
        role,
        "--password-stdin",
        "--json",
    ]
    answer = run(db_app, *words, stdin=password)
    assert answer.exit_code == exit_code
    assert answer.stdout == ""
    assert said in answer.stderr
    assert session.scalars(select(User.id).where(User.email == email)).all() == []


def test_an_unknown_party_is_a_refusal(db_app: Flask) -> None:
    words = [
        "users",
        "add",
        "--email",
        "lin@example.cn",
        "--party",
        "PT-00000000000",
        "--role",
        "agent",
        "--password-stdin",
    ]
    assert run(db_app, *words, stdin=PASSWORD).exit_code == 1


@pytest.mark.parametrize(
    "scopes",
    [
        ["--scopes", "read,trade"],
        ["--scopes", "read trade"],
        ["--scopes", "read", "--scopes", "trade"],
        ["--scopes", "read", "trade"],
    ],
)
def test_making_a_token(db_app: Flask, scopes: list[str]) -> None:
    party = add_party(db_app)
    run(
        db_app,
        "users",
        "add",
        "--email",
        "lin@example.cn",
        "--party",
        party,
        "--role",
        "agent",
        "--password-stdin",
        stdin=PASSWORD,
    )
    answer = run(db_app, "tokens", "create", "--user", "lin@example.cn", *scopes, "--json")
    assert answer.exit_code == 0, answer.output
    secret = json.loads(answer.stdout)["token"]
    assert tokens.find(secret).scopes == ["read", "trade"]
    client = db_app.test_client()
    read = client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {secret}"})
    assert read.get_json()["email"] == "lin@example.cn"


def test_a_token_needs_a_person_a_scope_and_one_party(db_app: Flask) -> None:
    first, second = add_party(db_app), add_party(db_app)
    for party in (first, second):
        run(
            db_app,
            "users",
            "add",
            "--email",
            "lin@example.cn",
            "--party",
            party,
            "--role",
            "agent",
            "--password-stdin",
            stdin=PASSWORD,
        )
    for words, exit_code in (
        (["--user", "nobody@example.cn", "--scopes", "read"], 1),
        (["--user", "lin@example.cn", "--scopes", "root", "--party", first], 1),
        (["--user", "lin@example.cn", "--scopes", "read"], 1),
        (["--user", "lin@example.cn"], 2),
        (["--user", "lin@example.cn", "--scopes", "read", "--party", second], 0),
        (["--user", "lin@example.cn", "--scopes", "read", "--party", second, "--days", "0"], 2),
        (["--user", "lin@example.cn", "--scopes", "read", "--party", second, "--days", "366"], 1),
    ):
        assert run(db_app, "tokens", "create", *words).exit_code == exit_code, words
