"""Keys of programs: shown once, kept as a hash, narrowed by scopes, ending by themselves and at once."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import NotAllowed, NotFound, NotSignedIn, RuleBroken
from exchange.core.events import timeline
from exchange.parties import members, tokens
from exchange.parties.models import PartyKind, Role
from exchange.parties.policy import SYSTEM, VISITOR, Permission, StepUp
from tests.parties.given import given_actor, given_party, given_user

pytestmark = pytest.mark.usefixtures("db_app")


def test_a_token_acts_as_its_person_for_its_party_within_its_scopes() -> None:
    me = given_actor(given_party(), Role.AGENT)
    token, secret = tokens.create(me, scopes=["read", "trade", "read"], label="  nightly   import ")
    assert secret.startswith("ry_")
    assert len(secret) > 40
    assert (token.prefix, token.label, token.scopes) == (secret[:10], "nightly import", ["read", "trade"])
    actor = tokens.actor_of(tokens.find(secret))
    assert (actor.user_ref, actor.party_ref, set(actor.roles)) == (me.user_ref, me.party_ref, {Role.AGENT})
    assert actor.can(Permission.OFFER_MAKE)
    assert not actor.can(Permission.RIGHT_IMPORT), "no such scope"
    assert not actor.stepped_up


def test_neither_database_nor_trail_holds_the_secret() -> None:
    token, secret = tokens.create(given_actor(given_party()), scopes=["read"])
    everything = str(session.execute(text("SELECT * FROM api_token")).all())
    everything += str(session.execute(text("SELECT * FROM event")).all())
    assert secret not in everything
    assert secret[10:] not in everything
    assert [event.type for event in timeline(token.ref)] == ["token.created"]


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "root"]])
def test_scopes_must_be_known(scopes: list[str]) -> None:
    with pytest.raises(RuleBroken) as refused:
        tokens.create(given_actor(given_party()), scopes=scopes)
    assert (refused.value.code, refused.value.field) == ("token.scopes", "scopes")


def test_making_one_asks_for_a_fresh_proof_and_a_party() -> None:
    party = given_party()
    with pytest.raises(StepUp):
        tokens.create(given_actor(party, stepped_up=False), scopes=["read"])
    with pytest.raises(NotAllowed):
        tokens.create(VISITOR, scopes=["read"])
    with pytest.raises(RuleBroken):
        tokens.create(SYSTEM, scopes=["read"], user=given_user(), party=party)
    with pytest.raises(RuleBroken):
        tokens.create(SYSTEM, scopes=["read"])


def test_a_token_makes_only_narrower_tokens() -> None:
    party = given_party()
    _, secret = tokens.create(given_actor(party), scopes=["read", "account"])
    program = tokens.actor_of(tokens.find(secret))
    tokens.create(program, scopes=["read"])
    for wider in (["trade"], ["read", "trade"], ["all"]):
        with pytest.raises(RuleBroken) as refused:
            tokens.create(program, scopes=wider)
        assert refused.value.code == "token.wider"
    _, narrow = tokens.create(given_actor(party), scopes=["read"])
    with pytest.raises(NotAllowed):
        tokens.create(tokens.actor_of(tokens.find(narrow)), scopes=["read"])
    _, all_ = tokens.create(given_actor(party), scopes=["all"])
    tokens.create(tokens.actor_of(tokens.find(all_)), scopes=["trade"])


def test_it_ends_by_itself_after_at_most_a_year() -> None:
    me = given_actor(given_party())
    for days in (0, -1, 366):
        with pytest.raises(RuleBroken) as refused:
            tokens.create(me, scopes=["read"], days=days)
        assert refused.value.code == "token.days"
    _, day = tokens.create(me, scopes=["read"], days=1)
    _, year = tokens.create(me, scopes=["read"])
    clock.advance(timedelta(days=1))
    with pytest.raises(NotSignedIn) as invalid:
        tokens.find(day)
    assert invalid.value.code == "token.invalid"
    clock.advance(timedelta(days=364) - timedelta(seconds=1))
    assert tokens.find(year).scopes == ["read"]
    clock.advance(timedelta(seconds=1))
    with pytest.raises(NotSignedIn):
        tokens.find(year)


def test_revoking_counts_at_once_and_twice_is_once() -> None:
    me = given_actor(given_party())
    token, secret = tokens.create(me, scopes=["read"])
    tokens.revoke(me, token.ref)
    tokens.revoke(me, token.ref)
    with pytest.raises(NotSignedIn):
        tokens.find(secret)
    assert [event.type for event in timeline(token.ref)] == ["token.revoked", "token.created"]
    assert tokens.tokens_of(me) == []


@pytest.mark.parametrize("guess", ["", "ry_", "ry_" + "A" * 43, "Bearer x"])
def test_a_guess_finds_nothing(guess: str) -> None:
    tokens.create(given_actor(given_party()), scopes=["read"])
    with pytest.raises(NotSignedIn):
        tokens.find(guess)


def test_being_used_is_written_once_a_minute() -> None:
    _, secret = tokens.create(given_actor(given_party()), scopes=["read"])
    tokens.touch(tokens.find(secret))
    session.expire_all()
    first = tokens.find(secret).last_used_at
    assert first == clock.wall()
    clock.advance(timedelta(seconds=59))
    tokens.touch(tokens.find(secret))
    session.expire_all()
    assert tokens.find(secret).last_used_at == first


def test_members_see_their_own_and_administrators_those_of_the_party() -> None:
    party = given_party()
    admin, agent = given_actor(party), given_actor(party, Role.AGENT)
    stranger = given_actor(given_party())
    own, _ = tokens.create(agent, scopes=["read"])
    other, _ = tokens.create(admin, scopes=["read"])
    foreign, _ = tokens.create(stranger, scopes=["read"])
    assert [token.ref for token in tokens.tokens_of(agent)] == [own.ref]
    assert {token.ref for token in tokens.tokens_of(admin)} == {own.ref, other.ref}
    assert tokens.tokens_of(VISITOR) == []
    for actor, token in ((agent, other), (agent, foreign), (admin, foreign), (stranger, own), (VISITOR, own)):
        with pytest.raises(NotFound):
            tokens.get_for(actor, token.ref)
        with pytest.raises(NotFound):
            tokens.revoke(actor, token.ref)
    tokens.revoke(admin, own.ref)
    assert own.revoked_at is not None


def test_a_token_has_no_more_roles_than_its_person_now() -> None:
    exchange = given_party(PartyKind.OPERATOR)
    admin = given_actor(exchange)
    me = given_actor(exchange, Role.OPERATOR, Role.REVIEWER)
    _, secret = tokens.create(me, scopes=["all"])
    assert tokens.actor_of(tokens.find(secret)).can(Permission.PARTY_VERIFY)
    members.change_roles(admin, exchange.ref, me.user_ref or "", [Role.REVIEWER])
    assert not tokens.actor_of(tokens.find(secret)).can(Permission.PARTY_VERIFY)
