"""The Merkle tree over the events: published vectors, proofs, and every kind of tampering (ux-reliability.md R-053 ff.)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from exchange.core import audit, clock
from exchange.core.db import session, transaction
from exchange.core.events import record
from exchange.parties.models import Party, PartyKind
from exchange.parties.policy import SYSTEM

LEAVES = [
    bytes.fromhex(h)
    for h in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def test_the_published_vectors_of_certificate_transparency() -> None:
    hashed = [audit.leaf(data) for data in LEAVES]
    assert audit.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [audit.root(hashed[:size]).hex() for size in range(1, 9)] == list(ROOTS)


@given(st.integers(1, 130), st.data())
def test_every_leaf_proves_itself_and_no_other(size: int, data: st.DataObject) -> None:
    hashed = [audit.leaf(str(number).encode()) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path, top = audit.inclusion(hashed, index), audit.root(hashed)
    assert audit.included(hashed[index], index, size, path, top)
    assert not audit.included(audit.leaf(b"other"), index, size, path, top)
    if path:
        assert not audit.included(hashed[index], index, size, path[:-1], top)


@transaction
def some_events(count: int) -> Party:
    party = Party(kind=PartyKind.BANK, name="榕海银行")
    session.add(party)
    session.flush()
    for number in range(count):
        record(SYSTEM, "party.edited", party, number=number)
    return party


def test_a_head_is_published_for_settled_events_and_only_for_news(db_app: Flask) -> None:
    some_events(3)
    assert audit.publish() is None, "too fresh"
    clock.advance(timedelta(minutes=6))
    head = audit.publish()
    assert head is not None
    assert head.size == len(audit.leaves())
    assert audit.publish() is None
    assert audit.verify([audit.as_json(head)]).ok


DAMAGE = (
    "UPDATE event SET type = 'party.other' WHERE id = (SELECT min(id) FROM event)",
    "UPDATE event SET actor_ref = 'US-1' WHERE id = (SELECT max(id) FROM event)",
    "UPDATE event SET payload = '{}' WHERE id = (SELECT max(id) FROM event)",
    "UPDATE event SET subject_ref = 'PT-1' WHERE id = (SELECT min(id) FROM event)",
    "DELETE FROM event WHERE id = (SELECT min(id) FROM event)",
    "DELETE FROM event WHERE id = (SELECT max(id) FROM event)",
)


@pytest.mark.parametrize("damage", DAMAGE)
def test_every_kind_of_tampering_is_found(db_app: Flask, damage: str) -> None:
    some_events(4)
    clock.advance(timedelta(minutes=6))
    assert audit.publish() is not None
    with transaction():
        _without_guard("event")
        session.execute(text(damage))
    session.expire_all()
    verdict = audit.verify()
    assert not verdict.ok
    assert verdict.wrong


def _without_guard(table: str) -> None:
    """As somebody with the database's own password would do."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    names = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t")
    for name in session.execute(names, {"t": table}).scalars():
        session.execute(text(f"DROP TRIGGER {name}"))


def test_a_head_kept_outside_finds_a_log_that_was_rolled_back(db_app: Flask) -> None:
    some_events(4)
    clock.advance(timedelta(minutes=6))
    head = audit.publish()
    assert head is not None
    outside = audit.as_json(head)
    with transaction():
        for table in ("event", "audit_head"):
            _without_guard(table)
        session.execute(text("DELETE FROM audit_head"))
        session.execute(text("DELETE FROM event WHERE id = (SELECT max(id) FROM event)"))
    session.expire_all()
    assert audit.verify().ok, "the database alone cannot know"
    assert not audit.verify([outside]).ok


@pytest.mark.parametrize(
    "change", [{"size": 1}, {"root": "00" * 32}, {"signature": "00" * 64}, {"size": "x"}, {"at": None}]
)
def test_a_forged_head_is_no_head(db_app: Flask, change: dict[str, object]) -> None:
    some_events(4)
    clock.advance(timedelta(minutes=6))
    head = audit.publish()
    assert head is not None
    assert not audit.verify([{**audit.as_json(head), **change}]).ok
