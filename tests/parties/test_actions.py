"""Parties: registering, verification and its decisions, what may be changed by whom, further names."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from exchange.core.db import session
from exchange.core.errors import (
    DomainError,
    IllegalMove,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    RuleBroken,
    Stale,
)
from exchange.core.events import Event, timeline
from exchange.parties import actions, members, sessions
from exchange.parties.actions import Paper
from exchange.parties.models import PaperKind, Party, PartyKind, PartyStatus, Role, User
from exchange.parties.policy import SYSTEM, VISITOR, Actor, Permission, StepUp
from tests.parties.given import fresh_uscc, given_actor, given_operator, given_party, given_user

pytestmark = pytest.mark.usefixtures("db_app")

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 50
LICENCE = Paper(PaperKind.LICENCE, PNG, "licence.png")


def events(ref: str) -> list[str]:
    return [event.type for event in reversed(timeline(ref))]


def refusal(verb: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(DomainError) as refused:
        verb(*args, **kwargs)
    return refused.value.code


def registered(kind: PartyKind = PartyKind.ENTERPRISE, **details: Any) -> tuple[Actor, Party]:
    if kind is not PartyKind.PERSON:
        details.setdefault("uscc", fresh_uscc())
    user, party = actions.register(
        VISITOR,
        email=f"{fresh_uscc()}@example.cn",
        password="seven green lanterns",
        name="He Yifan",
        kind=kind,
        organisation="Minhai Materials",
        **details,
    )
    return sessions.actor_for(user, party, stepped_up=True), party


# -- registering -------------------------------------------------------------------------------


def test_registering_makes_a_login_an_organisation_and_its_administrator() -> None:
    user, party = actions.register(
        VISITOR,
        email="  He.Yifan@Example.CN ",
        password="seven green lanterns",
        name=" He  Yifan ",
        kind=PartyKind.ENTERPRISE,
        organisation="Minhai Materials",
        uscc="91 110000 600037341l",
        region="3502",
    )
    assert (user.email, user.name) == ("he.yifan@example.cn", "He Yifan")
    assert user.password_hash.startswith("$argon2id$")
    assert (party.uscc, party.region, party.status) == ("91110000600037341L", "3502", PartyStatus.REGISTERED)
    [row] = members.members_of(party)
    assert (row.user_id, row.roles) == (user.id, ["owner_admin"])
    assert events(party.ref) == ["party.registered"]
    assert events(user.ref) == ["user.signed_up"]


def test_a_natural_person_needs_no_code_and_holds_every_role_of_a_member() -> None:
    _actor, party = registered(PartyKind.PERSON)
    assert party.uscc is None
    assert members.members_of(party)[0].roles == ["owner_admin", "agent", "signer", "finance"]


def test_a_body_abroad_needs_no_code() -> None:
    _actor, party = registered(uscc=None, country="de")
    assert (party.country, party.uscc) == ("DE", None)


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ({"uscc": None}, "party.uscc_needed"),
        ({"uscc": "91110000600037341N"}, "uscc.check"),
        ({"region": "99"}, "party.region"),
        ({"region": "350"}, "party.region"),
        ({"country": "China"}, "party.country"),
    ],
)
def test_what_is_wrong_with_an_organisation_is_named_and_nothing_is_kept(
    details: dict[str, Any], code: str
) -> None:
    before = len(session.scalars(select(User.id)).all())
    assert refusal(registered, **details) == code
    assert len(session.scalars(select(User.id)).all()) == before, "no login without its organisation"


@pytest.mark.parametrize("kind", [PartyKind.OPERATOR, PartyKind.REGISTRAR])
def test_nobody_registers_as_the_exchange(kind: PartyKind) -> None:
    assert refusal(registered, kind) == "party.kind"
    _actor, party = registered()
    assert refusal(actions.edit, _actor, party.ref, kind=kind) == "party.kind"
    assert refusal(actions.edit, given_operator(), party.ref, kind=kind) == "party.kind"


def test_a_code_is_registered_once() -> None:
    code = fresh_uscc()
    registered(uscc=code)
    with pytest.raises(RuleBroken, match=code) as refused:
        registered(uscc=code)
    assert refused.value.code == "party.uscc_taken"


def test_an_address_signs_up_once_whatever_its_capitals() -> None:
    members.sign_up(VISITOR, email="lin@example.cn", password="seven green lanterns", name="Lin")
    assert (
        refusal(members.sign_up, VISITOR, email="LIN@example.cn", password="seven green lanterns", name="Lin")
        == "user.email_taken"
    )


@pytest.mark.parametrize(
    "email",
    [
        "",
        "lin",
        "lin@",
        "@example.cn",
        "lin@example",
        "a b@example.cn",
        "a@b.cn\nBcc: c@d.cn",
        "x" * 65 + "@example.cn",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    assert (
        refusal(members.sign_up, VISITOR, email=email, password="seven green lanterns", name="Lin")
        == "user.email"
    )


def test_a_visitor_founds_nothing() -> None:
    with pytest.raises(NotSignedIn):
        actions.found(VISITOR, kind=PartyKind.PERSON, name="Lin")


def test_a_reading_token_founds_nothing() -> None:
    reader = Actor(user=given_user(), scopes=frozenset({"read"}))
    assert refusal(actions.found, reader, kind=PartyKind.PERSON, name="Lin") == "token.scope"


def test_setting_up_from_the_machine_is_for_the_machine() -> None:
    for actor in (given_operator(), VISITOR):
        with pytest.raises(NotAllowed):
            actions.add_party(actor, kind=PartyKind.BANK, name="Bank")
    party = actions.add_party(SYSTEM, kind=PartyKind.OPERATOR, name="Exchange", verified=True)
    assert party.verified
    assert party.verified_at is not None
    assert events(party.ref) == ["party.registered", "party.verified"]


# -- verification ------------------------------------------------------------------------------


def test_the_way_to_being_verified() -> None:
    admin, party = registered()
    operator = given_operator()
    assert refusal(actions.submit_verification, admin, party.ref) == "party.no_papers"
    actions.submit_verification(admin, party.ref, [LICENCE])
    assert party.status is PartyStatus.SUBMITTED
    assert [waiting.ref for waiting in actions.waiting_for_verification()] == [party.ref]
    [paper] = actions.papers_of(party)
    assert (paper.purpose, paper.filename, paper.uploaded_by) == ("licence", "licence.png", admin.user_ref)

    actions.refuse(operator, party.ref, "The seal cannot be read.")
    assert (party.status, party.status_reason) == (PartyStatus.REFUSED, "The seal cannot be read.")
    assert actions.waiting_for_verification() == []

    actions.submit_verification(admin, party.ref)
    assert party.status_reason is None
    actions.verify(operator, party.ref)
    assert party.verified
    assert events(party.ref)[-1] == "party.verified"
    told = session.scalars(
        select(Event).where(Event.type == "party.verified", Event.subject_ref == party.ref)
    ).one()
    assert told.payload == {"name": party.name, "uscc": party.uscc}
    assert (told.actor_ref, told.party_ref) == (operator.user_ref, operator.party_ref)


def test_sending_again_while_it_waits_adds_papers_and_says_nothing_twice() -> None:
    admin, party = registered()
    actions.submit_verification(admin, party.ref, [LICENCE])
    actions.submit_verification(admin, party.ref, [Paper(PaperKind.OTHER, PNG + b"1", "more.png")])
    assert len(actions.papers_of(party)) == 2
    assert events(party.ref).count("party.submitted") == 1


def test_a_paper_must_be_what_its_name_says() -> None:
    admin, party = registered()
    fake = Paper(PaperKind.LICENCE, b"MZ\x90\x00", "licence.pdf")
    assert refusal(actions.submit_verification, admin, party.ref, [fake]) == "file.type"
    assert actions.papers_of(party) == []


def test_suspending_and_restoring() -> None:
    party, operator = given_party(), given_operator()
    admin = given_actor(party)
    assert refusal(actions.suspend, operator, party.ref, "  ") == "party.reason"
    actions.suspend(operator, party.ref, "A court asked for it.")
    assert party.status is PartyStatus.SUSPENDED
    with pytest.raises(NotAllowed):
        actions.edit(admin, party.ref, phone="1")
    assert actions.get_for(admin, party.ref).ref == party.ref, "reading goes on"
    actions.restore(operator, party.ref)
    assert party.verified
    actions.edit(admin, party.ref, phone="0591-1234")
    assert events(party.ref)[-3:] == ["party.suspended", "party.restored", "party.edited"]


@pytest.mark.parametrize("verb", [actions.verify, actions.refuse, actions.suspend, actions.restore])
def test_only_an_operator_decides(verb: Callable[..., Party]) -> None:
    admin, party = registered()
    actions.submit_verification(admin, party.ref, [LICENCE])
    reviewer = given_actor(given_party(PartyKind.OPERATOR), Role.REVIEWER, Role.FINANCE_OFFICER, Role.AUDITOR)
    for actor in (admin, given_actor(given_party(), *Role), reviewer, VISITOR):
        with pytest.raises(NotAllowed):
            verb(actor, party.ref, "because")
    assert party.status is PartyStatus.SUBMITTED


def test_nobody_decides_on_a_party_they_belong_to_even_when_acting_for_another() -> None:
    admin, party = registered()
    actions.submit_verification(admin, party.ref, [LICENCE])
    exchange = given_party(PartyKind.OPERATOR)
    assert admin.user is not None
    members.add_user(SYSTEM, email=admin.user.email, party_ref=exchange.ref, roles=[Role.OPERATOR])
    both = sessions.actor_for(admin.user, exchange)
    assert both.can(Permission.PARTY_VERIFY, party)
    assert refusal(actions.verify, both, party.ref) == "party.own"
    assert actions.actions_for(both, party) == ["edit"]


def test_without_papers_the_operator_writes_what_was_seen() -> None:
    party, operator = given_party(verified=False), given_operator()
    assert refusal(actions.verify, operator, party.ref) == "party.no_papers"
    actions.verify(operator, party.ref, "Licence seen at the counter.")
    assert party.verified


def test_a_decision_on_an_older_version_is_refused() -> None:
    admin, party = registered()
    actions.submit_verification(admin, party.ref, [LICENCE])
    seen = party.version
    actions.edit(admin, party.ref, phone="0591-1")
    with pytest.raises(Stale):
        actions.verify(given_operator(), party.ref, version=seen)
    assert party.status is PartyStatus.SUBMITTED


def test_moves_that_the_lifecycle_does_not_know_are_refused() -> None:
    party, operator = given_party(), given_operator()
    for verb, code in ((actions.verify, "verify"), (actions.refuse, "refuse"), (actions.restore, "restore")):
        with pytest.raises(IllegalMove) as refused:
            verb(operator, party.ref, "because")
        assert refused.value.code == f"party.cannot_{code}"
    with pytest.raises(IllegalMove):
        actions.submit_verification(given_actor(party), party.ref, [LICENCE])


# -- seeing and changing -----------------------------------------------------------------------


def test_strangers_see_the_card_of_a_verified_party_and_nothing_of_others() -> None:
    verified, fresh = given_party(), given_party(verified=False)
    stranger = given_actor(given_party())
    assert actions.public_party(verified.ref).ref == verified.ref
    with pytest.raises(NotFound):
        actions.public_party(fresh.ref)
    with pytest.raises(NotFound):
        actions.get_for(stranger, fresh.ref)
    with pytest.raises(NotFound):
        actions.get_for(stranger, verified.ref)
    with pytest.raises(NotFound):
        actions.edit(stranger, verified.ref, phone="1")
    assert actions.get_for(given_operator(), fresh.ref).ref == fresh.ref


def test_before_submission_everything_can_be_changed() -> None:
    admin, party = registered()
    code = fresh_uscc()
    actions.edit(
        admin, party.ref, name="Minhai New Materials", uscc=code.lower(), kind=PartyKind.INSTITUTE, phone=" "
    )
    assert (party.name, party.uscc, party.kind, party.phone) == (
        "Minhai New Materials",
        code,
        PartyKind.INSTITUTE,
        None,
    )


@pytest.mark.parametrize(
    "change",
    [{"name": "Other"}, {"uscc": fresh_uscc()}, {"kind": PartyKind.BANK}, {"country": "DE"}],
    ids=str,
)
def test_what_the_exchange_verified_only_an_operator_changes(change: dict[str, Any]) -> None:
    party = given_party()
    assert refusal(actions.edit, given_actor(party), party.ref, **change) == "party.fixed"
    actions.edit(given_operator(), party.ref, **change)
    name, value = next(iter(change.items()))
    assert getattr(party, name) == value


def test_a_verified_party_keeps_its_former_name_verified() -> None:
    party = given_party(name="Old Name")
    actions.edit(given_operator(), party.ref, name="New Name")
    session.expire(party)
    assert [(kept.name, kept.verified) for kept in party.names] == [("Old Name", True)]


def test_the_account_for_payouts_is_the_partys_own_business_and_freshly_confirmed() -> None:
    party = given_party()
    assert refusal(actions.edit, given_operator(), party.ref, bank_account="6222 0000") == "party.payout"
    with pytest.raises(StepUp):
        actions.edit(given_actor(party, stepped_up=False), party.ref, bank_account="6222 0000")
    with pytest.raises(NotAllowed):
        actions.edit(given_actor(party, Role.FINANCE), party.ref, bank_account="6222 0000")
    actions.edit(given_actor(party), party.ref, bank_account="6222 0000", bank_name="ICBC")
    assert party.bank_account == "6222 0000"
    [told] = [event for event in timeline(party.ref) if event.type == "party.edited"]
    assert told.payload == {"fields": ["bank_account", "bank_name"]}, (
        "the number itself stays out of the trail"
    )


@pytest.mark.parametrize("field", ["status", "verified_at", "ref", "id", "memberships", "nonsense"])
def test_no_other_field_can_be_set(field: str) -> None:
    party = given_party()
    change: dict[str, Any] = {field: "x"}
    with pytest.raises(Invalid):
        actions.edit(given_actor(party), party.ref, **change)


def test_changing_nothing_says_nothing() -> None:
    party = given_party()
    version = party.version
    actions.edit(given_actor(party), party.ref, name=party.name)
    assert party.version == version
    assert "party.edited" not in events(party.ref)


def test_a_further_name_counts_once_an_operator_has_seen_its_proof() -> None:
    party, operator = given_party(), given_operator()
    admin = given_actor(party)
    kept = actions.add_name(admin, party.ref, " Min  Hai Ltd ")
    assert (kept.name, kept.verified) == ("Min Hai Ltd", False)
    assert actions.add_name(admin, party.ref, "Min Hai Ltd").id == kept.id
    with pytest.raises(NotAllowed):
        actions.verify_name(admin, party.ref, "Min Hai Ltd")
    with pytest.raises(NotFound):
        actions.verify_name(operator, party.ref, "Somebody Else")
    actions.verify_name(operator, party.ref, "Min Hai Ltd")
    actions.verify_name(operator, party.ref, "Min Hai Ltd")
    assert kept.verified
    assert events(party.ref).count("party.name_verified") == 1


def test_the_verbs_offered_are_the_verbs_that_work() -> None:
    admin, party = registered()
    operator = given_operator()
    assert actions.actions_for(admin, party) == ["submit", "edit", "invite"]
    assert actions.actions_for(operator, party) == ["verify", "edit"]
    actions.submit_verification(admin, party.ref, [LICENCE])
    assert actions.actions_for(admin, party) == ["edit", "invite"]
    assert actions.actions_for(operator, party) == ["verify", "refuse", "edit"]
    actions.verify(operator, party.ref)
    assert actions.actions_for(operator, party) == ["suspend", "edit"]
    assert actions.actions_for(given_actor(given_party()), party) == []
    assert actions.actions_for(VISITOR, party) == []
