"""People of a party: invitations, roles, the last administrator, letting go, and other parties' people."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import Conflict, NotAllowed, NotFound, NotSignedIn, RuleBroken
from exchange.core.events import Event
from exchange.parties import logins, members, sessions, tokens
from exchange.parties.models import Invitation, PartyKind, Role, User
from exchange.parties.policy import SYSTEM, VISITOR, Actor
from exchange.parties.sessions import Caller
from tests.parties.given import PASSWORD, given_actor, given_operator, given_party, given_user

pytestmark = pytest.mark.usefixtures("db_app")


# -- invitations -------------------------------------------------------------------------------


def test_an_invited_person_gets_a_login_and_the_roles() -> None:
    party = given_party()
    invitation = members.invite(
        given_actor(party), party.ref, email="New@example.cn", roles=[Role.AGENT, Role.SIGNER]
    )
    secret = members.invitation_secret(invitation)
    assert members.invitation_link(invitation).endswith(f"/invitations/{secret}")
    user = members.accept_as_new(VISITOR, secret, name="Zhou Ming", password=PASSWORD)
    assert user.email == "new@example.cn"
    row = members.membership(party, user)
    assert row is not None
    assert row.roles == ["agent", "signer"]
    with pytest.raises(NotFound) as refused:
        members.accept_as_new(VISITOR, secret, name="Again", password=PASSWORD)
    assert refused.value.code == "invitation.gone"


def test_the_database_and_the_trail_hold_no_secret() -> None:
    party = given_party()
    invitation = members.invite(given_actor(party), party.ref, email="new@example.cn", roles=[Role.AGENT])
    secret = members.invitation_secret(invitation)
    assert invitation.secret_hash != secret
    told = session.scalars(select(Event).where(Event.type == "member.invited")).one()
    assert secret not in str(told.payload)
    assert "new@example.cn" not in str(told.payload)


def test_somebody_with_a_login_takes_it_up_with_that_login_only() -> None:
    party, known, other = given_party(), given_user(), given_user()
    invitation = members.invite(given_actor(party), party.ref, email=known.email, roles=[Role.FINANCE])
    secret = members.invitation_secret(invitation)
    with pytest.raises(RuleBroken) as refused:
        members.accept_as_new(VISITOR, secret, name="Thief", password=PASSWORD)
    assert refused.value.code == "user.email_taken"
    with pytest.raises(NotSignedIn):
        members.accept(VISITOR, secret)
    with pytest.raises(NotAllowed):
        members.accept(Actor(user=other), secret)
    assert members.accept(Actor(user=known), secret).roles == ["finance"]


def test_an_invitation_ends_by_itself_and_by_a_second_one() -> None:
    party = given_party()
    admin = given_actor(party)
    first = members.invite(admin, party.ref, email="new@example.cn", roles=[Role.AGENT])
    old = members.invitation_secret(first)
    second = members.invite(admin, party.ref, email="new@example.cn", roles=[Role.SIGNER])
    with pytest.raises(NotFound):
        members.find_invitation(old)
    assert [row.id for row in members.open_invitations(party)] == [second.id]
    secret = members.invitation_secret(second)
    clock.advance(timedelta(days=7) - timedelta(seconds=1))
    assert members.find_invitation(secret).id == second.id
    clock.advance(timedelta(seconds=1))
    with pytest.raises(NotFound):
        members.find_invitation(secret)
    assert members.open_invitations(party) == []


def test_an_invitation_can_be_withdrawn_by_its_own_party_only() -> None:
    party = given_party()
    admin = given_actor(party)
    invitation = members.invite(admin, party.ref, email="new@example.cn", roles=[Role.AGENT])
    secret = members.invitation_secret(invitation)
    stranger = given_actor(given_party())
    assert stranger.party is not None
    for ref in (party.ref, stranger.party.ref):
        with pytest.raises(NotFound):
            members.withdraw_invitation(stranger, ref, invitation.id)
    members.withdraw_invitation(admin, party.ref, invitation.id)
    with pytest.raises(NotFound):
        members.find_invitation(secret)


def test_guessing_a_secret_finds_nothing() -> None:
    for guess in ("", "x", "0" * 64):
        with pytest.raises(NotFound):
            members.find_invitation(guess)
    assert session.scalars(select(Invitation.id)).all() == []


def test_who_belongs_already_is_not_invited() -> None:
    party = given_party()
    admin = given_actor(party)
    member = given_user(party, Role.AGENT)
    with pytest.raises(Conflict) as refused:
        members.invite(admin, party.ref, email=member.email, roles=[Role.SIGNER])
    assert refused.value.code == "member.already"


# -- roles -------------------------------------------------------------------------------------


def test_roles_count_from_the_next_request() -> None:
    party = given_party()
    member = given_user(party, Role.AGENT)
    members.change_roles(given_actor(party), party.ref, member.ref, [Role.FINANCE, Role.SIGNER])
    assert sessions.actor_for(member, party).roles == {Role.SIGNER, Role.FINANCE}


@pytest.mark.parametrize(
    "role", [Role.OPERATOR, Role.REVIEWER, Role.FINANCE_OFFICER, Role.REGISTRAR, Role.AUDITOR]
)
def test_an_ordinary_party_cannot_give_roles_of_the_exchange(role: Role) -> None:
    party = given_party(PartyKind.BANK)
    admin = given_actor(party)
    member = given_user(party, Role.AGENT)
    for attempt in (
        lambda: members.change_roles(admin, party.ref, member.ref, [Role.AGENT, role]),
        lambda: members.invite(admin, party.ref, email="x@example.cn", roles=[role]),
        lambda: members.add_user(
            SYSTEM, email="y@example.cn", party_ref=party.ref, roles=[role], password=PASSWORD
        ),
    ):
        with pytest.raises(RuleBroken) as refused:
            attempt()
        assert refused.value.code == "role.not_givable"


def test_the_exchange_gives_its_roles_and_the_registrar_its_own() -> None:
    exchange, registrar = given_party(PartyKind.OPERATOR), given_party(PartyKind.REGISTRAR)
    reviewer = members.add_user(
        SYSTEM, email="r@example.cn", party_ref=exchange.ref, roles=[Role.REVIEWER], password=PASSWORD
    )
    assert sessions.actor_for(reviewer, exchange).roles == {Role.REVIEWER}
    members.add_user(
        SYSTEM, email="g@example.cn", party_ref=registrar.ref, roles=[Role.REGISTRAR], password=PASSWORD
    )
    with pytest.raises(RuleBroken):
        members.add_user(SYSTEM, email="g@example.cn", party_ref=registrar.ref, roles=[Role.OPERATOR])


def test_a_party_keeps_an_administrator() -> None:
    party = given_party()
    admin = given_actor(party)
    assert admin.user is not None
    for attempt in (
        lambda: members.change_roles(admin, party.ref, admin.user_ref or "", [Role.AGENT]),
        lambda: members.remove_member(admin, party.ref, admin.user_ref or ""),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "member.last_admin"
    second = given_user(party, Role.OWNER_ADMIN)
    members.change_roles(admin, party.ref, second.ref, [Role.OWNER_ADMIN, Role.AGENT])
    members.remove_member(admin, party.ref, admin.user_ref or "")
    assert [row.user_id for row in members.members_of(party)] == [second.id]


def test_a_disabled_administrator_does_not_count() -> None:
    party = given_party()
    admin = given_actor(party)
    second = given_user(party, Role.OWNER_ADMIN)
    logins.disable(given_operator(), second.ref, "lost badge")
    with pytest.raises(Conflict):
        members.remove_member(admin, party.ref, admin.user_ref or "")


# -- letting go --------------------------------------------------------------------------------


def test_letting_go_ends_sessions_and_tokens_of_that_party_at_once() -> None:
    left, kept = given_party(name="A left"), given_party(name="B kept")
    member = given_user(left, Role.AGENT)
    members.add_user(SYSTEM, email=member.email, party_ref=kept.ref, roles=[Role.AGENT])
    here = sessions.start(member, Caller())
    there = sessions.switch(Actor(user=member), sessions.start(member, Caller()), kept.ref)
    _, key_left = tokens.create(SYSTEM, scopes=["read"], user=member, party=left)
    _, key_kept = tokens.create(SYSTEM, scopes=["read"], user=member, party=kept)
    members.remove_member(given_actor(left), left.ref, member.ref)
    assert sessions.find(here) is None
    assert sessions.find(there) is not None
    with pytest.raises(NotSignedIn):
        tokens.find(key_left)
    assert tokens.find(key_kept).party_id == kept.id


def test_who_left_can_be_invited_again_without_the_old_roles() -> None:
    party = given_party()
    admin = given_actor(party)
    member = given_user(party, Role.SIGNER, Role.FINANCE)
    members.remove_member(admin, party.ref, member.ref)
    invitation = members.invite(admin, party.ref, email=member.email, roles=[Role.AGENT])
    assert members.accept(Actor(user=member), members.invitation_secret(invitation)).roles == ["agent"]


def test_a_member_may_leave_but_not_send_others_away() -> None:
    party = given_party()
    given_user(party)
    leaving, staying = given_actor(party, Role.AGENT), given_user(party, Role.AGENT)
    with pytest.raises(NotAllowed):
        members.remove_member(leaving, party.ref, staying.ref)
    reader = Actor(user=leaving.user, party=party, roles=leaving.roles, scopes=frozenset({"read"}))
    with pytest.raises(NotAllowed):
        members.remove_member(reader, party.ref, leaving.user_ref or "")
    members.remove_member(leaving, party.ref, leaving.user_ref or "")
    assert members.membership(party, leaving.user) is None if leaving.user else False


# -- other parties -----------------------------------------------------------------------------


def test_another_partys_administrator_neither_sees_nor_changes_anything() -> None:
    party = given_party()
    member = given_user(party, Role.AGENT)
    given_user(party)
    stranger = given_actor(given_party())
    for attempt in (
        lambda: members.invite(stranger, party.ref, email="x@example.cn", roles=[Role.AGENT]),
        lambda: members.change_roles(stranger, party.ref, member.ref, [Role.OWNER_ADMIN]),
        lambda: members.remove_member(stranger, party.ref, member.ref),
        lambda: members.get_member(stranger, member.ref),
    ):
        with pytest.raises(NotFound):
            attempt()
    own = stranger.party
    assert own is not None
    with pytest.raises(NotFound):
        members.change_roles(stranger, own.ref, member.ref, [Role.OWNER_ADMIN])


def test_the_exchanges_people_see_members_and_do_not_manage_them() -> None:
    party = given_party()
    member = given_user(party, Role.AGENT)
    with pytest.raises(NotAllowed):
        members.change_roles(given_operator(), party.ref, member.ref, [Role.FINANCE])


def test_an_agent_does_not_look_into_the_account_of_a_colleague() -> None:
    party = given_party()
    colleague = given_user(party, Role.AGENT)
    agent = given_actor(party, Role.AGENT)
    assert members.get_member(given_actor(party), colleague.ref).id == colleague.id
    assert members.get_member(agent, agent.user_ref or "").id == (agent.user.id if agent.user else 0)
    with pytest.raises(NotFound):
        members.get_member(agent, colleague.ref)


# -- oneself, and from the machine -------------------------------------------------------------


def test_name_and_language() -> None:
    me = Actor(user=given_user())
    assert members.rename(me, "  Lin   Zhixia ").name == "Lin Zhixia"
    assert members.set_locale(me, "en").locale == "en"
    assert members.set_locale(me, None).locale is None
    with pytest.raises(RuleBroken):
        members.set_locale(me, "fr")
    with pytest.raises(NotSignedIn):
        members.rename(VISITOR, "Nobody")


def test_adding_somebody_known_keeps_their_password_and_adds_the_role() -> None:
    party = given_party()
    user = members.add_user(
        SYSTEM, email="k@example.cn", party_ref=party.ref, roles=[Role.AGENT], password=PASSWORD
    )
    hashed = user.password_hash
    again = members.add_user(
        SYSTEM,
        email="K@example.cn",
        party_ref=party.ref,
        roles=[Role.SIGNER],
        password="another long password",
    )
    assert again.id == user.id
    assert again.password_hash == hashed
    row = members.membership(party, user)
    assert row is not None
    assert row.roles == ["agent", "signer"]


def test_adding_is_for_the_machine_and_a_new_login_needs_a_password() -> None:
    party = given_party()
    with pytest.raises(NotAllowed):
        members.add_user(
            given_operator(), email="k@example.cn", party_ref=party.ref, roles=[Role.AGENT], password=PASSWORD
        )
    with pytest.raises(RuleBroken) as refused:
        members.add_user(SYSTEM, email="k@example.cn", party_ref=party.ref, roles=[Role.AGENT])
    assert refused.value.code == "user.password_needed"
    assert session.scalar(select(User.id).where(User.email == "k@example.cn")) is None
