"""The permission table, cell by cell: every permission for every role, in its relation and out of it."""

from dataclasses import dataclass

import pytest

from exchange.core.errors import NotAllowed, NotFound
from exchange.parties.models import EXCHANGE_ROLES, Party, PartyKind, PartyStatus, Role, User
from exchange.parties.policy import POLICY, SCOPES, SYSTEM, VISITOR, Actor, Permission, StepUp, exchange_roles

#: What the owner of the exchange agreed to (interface.md, Roles): permission, relation and the roles that may in it,
#: the roles that may on the exchange.  ``workers`` are agent and owner_admin, ``members`` all four of a party,
#: ``staff`` the exchange's own people without the registrar.
AGREED = """
audit.read           | -               -         | operator auditor
contract.draft       | either          workers   | -
contract.sign        | either          signer    | -
deal.read            | either          members   | staff
deal.rescind         | -               -         | operator
delivery.retry       | -               -         | operator
desk.read            | -               -         | staff registrar
escrow.pay_out       | -               -         | finance_officer
escrow.receive       | -               -         | finance_officer
filing.answer        | either          workers   | -
filing.submit        | either          workers   | -
filing.verify        | -               -         | reviewer
flow.attach          | either          members   | operator reviewer finance_officer registrar
flow.read            | either          members   | staff registrar
holding.claim        | own             workers   | -
holding.verify       | -               -         | operator
ledger.read          | -               -         | finance_officer auditor operator
listing.draft        | seller,new      workers   | -
listing.object       | own             members   | -
listing.read         | seller          members   | staff
listing.review       | -               -         | reviewer
listing.submit       | seller          workers   | -
listing.withdraw     | seller          workers   | reviewer
member.manage        | self            owner_admin | -
money.read           | either          finance,owner_admin | finance_officer auditor
offer.answer         | addressee       workers   | -
offer.make           | own             workers   | -
offer.read           | either          members   | staff
offer.withdraw       | maker           workers   | -
party.edit           | self            owner_admin | operator
party.read           | self            members   | staff registrar
party.verify         | -               -         | operator
registration.apply   | seller          workers   | -
registration.decide  | -               -         | registrar
right.complete       | holder          workers   | operator
right.confirm        | own             members   | staff registrar
right.import         | own             workers   | operator
right.merge          | -               -         | operator
right.record_event   | -               -         | operator reviewer
right.watch          | own             workers   | -
token.manage         | own             members,staff,registrar | -
"""

GROUPS = {
    "workers": {Role.AGENT, Role.OWNER_ADMIN},
    "members": {Role.AGENT, Role.OWNER_ADMIN, Role.SIGNER, Role.FINANCE},
    "staff": {Role.OPERATOR, Role.REVIEWER, Role.FINANCE_OFFICER, Role.AUDITOR},
}


@dataclass(frozen=True)
class Line:
    relations: frozenset[str]
    roles: frozenset[Role]
    on_exchange: frozenset[Role]


def _roles(words: str) -> frozenset[Role]:
    found: set[Role] = set()
    for word in words.replace(",", " ").split():
        if word != "-":
            found |= GROUPS.get(word) or {Role(word)}
    return frozenset(found)


def _agreed() -> dict[Permission, Line]:
    lines = {}
    for text in AGREED.strip().splitlines():
        name, inside, outside = (part.strip() for part in text.split("|"))
        relation, roles = inside.split(maxsplit=1)
        relations = frozenset(relation.split(",")) - {"-"}
        lines[Permission(name)] = Line(relations, _roles(roles), _roles(outside))
    return lines


TABLE = _agreed()
CELLS = [(permission, role) for permission in Permission for role in Role]
NAMES = [f"{permission.value}-{role.value}" for permission, role in CELLS]


@dataclass(frozen=True)
class Thing:
    """A thing to which a party stands in exactly these relations."""

    party: int
    relations: frozenset[str]

    def parties_for(self, relation: str) -> frozenset[int]:
        return frozenset({self.party}) if relation in self.relations else frozenset()


def actor(
    kind: PartyKind,
    *roles: Role,
    status: PartyStatus = PartyStatus.VERIFIED,
    scopes: frozenset[str] | None = None,
) -> Actor:
    party = Party(id=7, kind=kind, status=status, name="P")
    return Actor(user=User(id=3, name="U"), party=party, roles=frozenset(roles), scopes=scopes)


def test_every_permission_is_agreed() -> None:
    assert set(TABLE) == set(Permission) == set(POLICY)


@pytest.mark.parametrize(("permission", "role"), CELLS, ids=NAMES)
def test_in_its_relation(permission: Permission, role: Role) -> None:
    """A member of an ordinary party may exactly what is agreed, and only in the relation that is agreed."""
    line = TABLE[permission]
    member = actor(PartyKind.ENTERPRISE, role)
    # Roles of the exchange mean nothing in a party that cannot give them, except to hold a token of its own.
    may = role in line.roles
    for relation in line.relations - {"own", "new"}:
        assert member.can(permission, Thing(7, frozenset({relation}))) == may
        every_other = frozenset({"seller", "either", "self", "holder", "maker", "addressee", "buyer"}) - {
            relation
        }
        assert not member.can(permission, Thing(7, every_other)) or "own" in line.relations
    if "own" in line.relations:
        assert member.can(permission) == may
        assert member.can(permission, Thing(8, frozenset({"self"}))) == may
    if "new" in line.relations:
        assert member.can(permission) == may


@pytest.mark.parametrize(("permission", "role"), CELLS, ids=NAMES)
def test_out_of_relation(permission: Permission, role: Role) -> None:
    """To what is another party's, a member may nothing (unless the thing does not matter)."""
    member = actor(PartyKind.ENTERPRISE, role)
    strange = Thing(8, frozenset({"seller", "either", "self", "holder", "maker", "addressee", "buyer"}))
    line = TABLE[permission]
    assert member.can(permission, strange) == ("own" in line.relations and role in line.roles)


@pytest.mark.parametrize(("permission", "role"), CELLS, ids=NAMES)
def test_on_the_exchange(permission: Permission, role: Role) -> None:
    """The exchange's own people may what is agreed, to anything; the registrar's people only as registrar."""
    line = TABLE[permission]
    strange = Thing(8, frozenset({"seller", "either", "self"}))
    by_own_role = "own" in line.relations and role in line.roles
    may = role in line.on_exchange or by_own_role
    assert actor(PartyKind.OPERATOR, role).can(permission, strange) == may
    as_registrar = (role is Role.REGISTRAR and role in line.on_exchange) or by_own_role
    assert actor(PartyKind.REGISTRAR, role).can(permission, strange) == as_registrar


@pytest.mark.parametrize("permission", list(Permission), ids=lambda p: p.value)
def test_without_any_role_or_party_nothing_is_allowed(permission: Permission) -> None:
    near = Thing(7, frozenset({"seller", "either", "self", "holder", "maker", "addressee"}))
    for nobody in (
        VISITOR,
        Actor(user=User(id=3, name="U")),
        actor(PartyKind.OPERATOR),
        actor(PartyKind.BANK),
    ):
        assert not nobody.can(permission)
        assert not nobody.can(permission, near)
        with pytest.raises(NotAllowed):
            nobody.must(permission, near)
        with pytest.raises(NotFound):
            nobody.must_see(permission, near)
    assert SYSTEM.can(permission, near)


@pytest.mark.parametrize("permission", list(Permission), ids=lambda p: p.value)
def test_people_of_a_suspended_party_only_read(permission: Permission) -> None:
    near = Thing(7, frozenset({"seller", "either", "self", "holder", "maker", "addressee"}))
    everything = tuple(Role)
    free = actor(PartyKind.OPERATOR, *everything)
    stopped = actor(PartyKind.OPERATOR, *everything, status=PartyStatus.SUSPENDED)
    assert free.can(permission, near)
    assert stopped.can(permission, near) == permission.value.endswith(".read")


@pytest.mark.parametrize("scope", sorted(SCOPES))
@pytest.mark.parametrize("permission", list(Permission), ids=lambda p: p.value)
def test_a_token_may_what_its_owner_may_and_its_scopes_say(permission: Permission, scope: str) -> None:
    near = Thing(7, frozenset({"seller", "either", "self", "holder", "maker", "addressee"}))
    token = actor(PartyKind.OPERATOR, *Role, scopes=frozenset({scope}))
    allowed = SCOPES[scope]
    assert token.can(permission, near) == (allowed is None or permission in allowed)
    assert not actor(PartyKind.OPERATOR, *Role, scopes=frozenset()).can(permission, near)
    assert not actor(PartyKind.ENTERPRISE, scopes=frozenset({scope})).can(permission, near), (
        "owner without a role"
    )


def test_a_token_is_told_which_scope_it_lacks() -> None:
    near, strange = Thing(7, frozenset({"self"})), Thing(8, frozenset({"self"}))
    token = actor(PartyKind.BANK, Role.OWNER_ADMIN, scopes=frozenset({"trade"}))
    for ask in (token.must, token.must_see):
        with pytest.raises(NotAllowed) as refused:
            ask(Permission.PARTY_READ, near)
        assert refused.value.code == "token.scope"
        assert refused.value.params["scopes"] == "all, read"
    with pytest.raises(NotFound):
        token.must_see(Permission.PARTY_READ, strange)


def test_every_permission_is_in_a_scope() -> None:
    named = frozenset[Permission]().union(*(scope for scope in SCOPES.values() if scope))
    assert sorted(p.value for p in Permission if p not in named) == []


@pytest.mark.parametrize("kind", list(PartyKind), ids=lambda k: k.value)
def test_who_can_give_roles_of_the_exchange(kind: PartyKind) -> None:
    given = exchange_roles(Party(id=1, kind=kind, name="P"), frozenset(Role)) & EXCHANGE_ROLES
    wanted = {PartyKind.OPERATOR: EXCHANGE_ROLES, PartyKind.REGISTRAR: frozenset({Role.REGISTRAR})}
    assert given == wanted.get(kind, frozenset())


def test_a_fresh_proof_is_asked_of_people_only() -> None:
    plain = actor(PartyKind.ENTERPRISE, Role.SIGNER)
    with pytest.raises(StepUp):
        plain.must_step_up()
    Actor(user=plain.user, party=plain.party, roles=plain.roles, stepped_up=True).must_step_up()
    Actor(user=plain.user, party=plain.party, roles=plain.roles, scopes=frozenset({"flow"})).must_step_up()
    SYSTEM.must_step_up()
