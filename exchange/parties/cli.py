"""``flask parties add``, ``flask users add``, ``flask tokens create``: setting up from the machine itself.

Each takes ``--json``: one object on standard output, everything else on standard error. Exit 0: done; 1: refused,
with the reason in one sentence; 2: wrong usage.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from exchange.core import db
from exchange.core.db import session
from exchange.core.errors import N_, DomainError, NotFound, RuleBroken
from exchange.parties import actions, members, tokens
from exchange.parties.models import Party, PartyKind, Role, User
from exchange.parties.policy import SCOPES, SYSTEM

MAX_PASSWORD_LINE = 1024


def _answering(command: Callable[..., dict[str, Any]]) -> Callable[..., None]:
    """A command that answers with an object, printed as JSON or as its only value; a refusal is exit code 1."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
    @with_appcontext
    @functools.wraps(command)
    def run(*args: Any, as_json: bool, **kwargs: Any) -> None:
        try:
            answer = command(*args, **kwargs)
        except DomainError as error:
            click.echo(str(error), err=True)
            sys.exit(1)
        click.echo(
            json.dumps(answer, ensure_ascii=False) if as_json else "\n".join(map(str, answer.values()))
        )

    return run


parties_cli = AppGroup("parties", help="Parties: persons and organisations.")
users_cli = AppGroup("users", help="People who sign in.")
tokens_cli = AppGroup("tokens", help="Keys of programs.")


@parties_cli.command("add")
@click.option("--name", required=True, help="Full name, as it is registered.")
@click.option("--kind", required=True, type=click.Choice([kind.value for kind in PartyKind]))
@click.option("--uscc", help="Unified social credit code.")
@click.option("--region", help="Division code, for example 3501 for Fuzhou.")
@click.option("--verified", is_flag=True, help="Verified at once.")
@_answering
def add_party(name: str, kind: str, uscc: str | None, region: str | None, verified: bool) -> dict[str, Any]:
    """Add a party; prints its reference."""
    party = actions.add_party(
        SYSTEM, kind=PartyKind(kind), name=name, uscc=uscc, region=region, verified=verified
    )
    return {"ref": party.ref}


@users_cli.command("add")
@click.option("--email", required=True)
@click.option("--party", "party_ref", required=True, metavar="REF", help="The party the person works for.")
@click.option(
    "--role",
    "roles",
    required=True,
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="May be repeated.",
)
@click.option("--name", help="The person's name; without it, the address before the @.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
)
@_answering
def add_user(
    email: str, party_ref: str, roles: tuple[str, ...], name: str | None, password_stdin: bool
) -> dict[str, Any]:
    """Add a person to a party; prints the reference. Somebody who has a login keeps it and gets the role too."""
    known = session.scalar(select(User.id).where(User.email == members.clean_email(email))) is not None
    session.rollback()
    password = None
    if password_stdin:
        password = sys.stdin.readline(MAX_PASSWORD_LINE).rstrip("\r\n")
    elif not known:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    user = members.add_user(
        SYSTEM,
        email=email,
        party_ref=party_ref,
        roles=[Role(role) for role in roles],
        password=password,
        name=name,
    )
    return {"ref": user.ref}


@tokens_cli.command("create")
@click.option("--user", "email", required=True, metavar="EMAIL")
@click.option(
    "--scopes",
    required=True,
    multiple=True,
    help=f"From: {', '.join(SCOPES)}. Separated by commas or blanks.",
)
@click.option(
    "--party", "party_ref", metavar="REF", help="Needed where the person works for several parties."
)
@click.option("--days", type=click.IntRange(min=1), help="How long it lasts.")
@click.option("--label", default="", help="What it is for.")
@click.argument("more_scopes", nargs=-1, metavar="[SCOPE]…")
@_answering
def create_token(
    email: str,
    scopes: tuple[str, ...],
    party_ref: str | None,
    days: int | None,
    label: str,
    more_scopes: tuple[str, ...],
) -> dict[str, Any]:
    """Make an API token for a person; prints it this once."""
    user = session.scalar(select(User).where(User.email == members.clean_email(email)))
    if user is None:
        raise NotFound("user.unknown", N_("Nobody signs in with %(email)s."), email=email)
    chosen = [word for text in (*scopes, *more_scopes) for word in re.split(r"[\s,]+", text) if word]
    _token, secret = tokens.create(
        SYSTEM, scopes=chosen, label=label, days=days, user=user, party=_party(user, party_ref)
    )
    return {"token": secret}


def _party(user: User, ref: str | None) -> Party:
    if ref is not None:
        return db.get(Party, ref)
    mine = members.parties_of(user)
    if len(mine) != 1:
        raise RuleBroken(
            "token.which_party",
            N_("This person works for %(count)s parties. Say which one with --party."),
            field="party",
            count=len(mine),
        )
    return mine[0]
