"""The book: what it refuses, that repeats are one entry, and that any tampering is found."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import text

from exchange.core import refs
from exchange.core.db import session, transaction
from exchange.core.errors import Conflict, InsufficientFunds, RuleBroken
from exchange.ledger import book, chart
from exchange.ledger.book import Transfer
from exchange.ledger.models import Entry
from exchange.ledger.verify import verify
from exchange.parties.policy import SYSTEM

DEAL, SELLER = refs.new("DL"), refs.new("PT")
ESCROW, BALANCE = chart.escrow(DEAL), chart.party(SELLER)


@transaction
def pay_in(key: str, fen: int, **kw: Any) -> Entry:
    return book.post(SYSTEM, key, [Transfer("price_in", "world", ESCROW, fen)], subject=DEAL, **kw)


def test_money_in_is_held_and_owed_by_the_bank(db_app: Flask) -> None:
    pay_in("r1", 500_00)
    assert (book.balance(ESCROW), book.balance("world")) == (500_00, -500_00)
    assert verify().held == 500_00


def test_the_same_key_is_one_entry_and_other_content_is_refused(db_app: Flask) -> None:
    first = pay_in("r1", 500_00)
    assert pay_in("r1", 500_00).id == first.id
    with pytest.raises(Conflict) as refused:
        pay_in("r1", 500_01)
    assert refused.value.code == "ledger.key_reused"
    assert book.balance(ESCROW) == 500_00


def test_no_account_goes_below_nothing(db_app: Flask) -> None:
    pay_in("r1", 100_00)
    with pytest.raises(InsufficientFunds), transaction():
        book.post(SYSTEM, "r2", [Transfer("release", ESCROW, BALANCE, 100_01)])
    assert book.balance(BALANCE) == 0


def test_an_entry_happens_whole_or_not_at_all(db_app: Flask) -> None:
    pay_in("r1", 100_00)
    with pytest.raises(InsufficientFunds), transaction():
        book.post(
            SYSTEM,
            "r2",
            [Transfer("fee", ESCROW, "fees", 60_00), Transfer("release", ESCROW, BALANCE, 60_00)],
        )
    assert (book.balance("fees"), book.balance(ESCROW)) == (0, 100_00)


@pytest.mark.parametrize(
    "transfer",
    [
        Transfer("release", "world", BALANCE, 1),
        Transfer("gift", ESCROW, BALANCE, 1),
        Transfer("price_in", "world", ESCROW, 0),
        Transfer("price_in", "world", ESCROW, -5),
        Transfer("price_in", "world", ESCROW, 10**16),
    ],
)
def test_only_movements_of_the_chart(db_app: Flask, transfer: Transfer) -> None:
    with pytest.raises(RuleBroken), transaction():
        book.post(SYSTEM, "x", [transfer])


def test_an_unknown_address_is_a_mistake_of_the_code(db_app: Flask) -> None:
    with pytest.raises(ValueError, match="no such account"):
        book.balance("pocket")


def test_a_reversal_undoes_once(db_app: Flask) -> None:
    entry = pay_in("r1", 100_00)
    undone = book.reverse(SYSTEM, "undo", entry, memo="wrong account")
    assert book.balance(ESCROW) == 0
    assert book.reverse(SYSTEM, "undo", entry, memo="wrong account").id == undone.id
    with pytest.raises(Conflict):
        book.reverse(SYSTEM, "again", entry, memo="wrong account")
    assert verify().ok


def test_a_statement_runs_to_the_balance(db_app: Flask) -> None:
    pay_in("r1", 100_00)
    pay_in("r2", 50_00)
    with transaction():
        book.post(SYSTEM, "f", [Transfer("fee", ESCROW, "fees", 30_00)])
    lines = book.statement(ESCROW)
    assert [(line.amount, line.balance) for line in lines] == [
        (100_00, 100_00),
        (50_00, 150_00),
        (-30_00, 120_00),
    ]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE posting SET amount = amount + 1 WHERE id = (SELECT min(id) FROM posting)",
        "UPDATE entry SET memo = 'x' WHERE sequence = 2",
        "UPDATE entry SET actor_ref = 'US-1' WHERE sequence = 2",
        "UPDATE entry SET key = 'zz' WHERE sequence = 1",
        "UPDATE entry SET sequence = 9 WHERE sequence = 2",
        "UPDATE account SET balance = balance + 1 WHERE address = 'fees'",
        "DELETE FROM posting WHERE id = (SELECT max(id) FROM posting)",
        "UPDATE entry SET previous_hash = 'no' WHERE sequence = 3",
    ],
)
def test_every_kind_of_tampering_is_found(db_app: Flask, damage: str) -> None:
    pay_in("r1", 100_00)
    pay_in("r2", 50_00)
    with transaction():
        book.post(SYSTEM, "f", [Transfer("fee", ESCROW, "fees", 30_00)])
    assert verify().ok
    with transaction():
        for table in ("entry", "posting"):
            _without_guard(table)
        session.execute(text(damage))
    session.expire_all()
    proof = verify()
    assert not proof.ok
    assert proof.wrong


def _without_guard(table: str) -> None:
    """As somebody with the database's own password would do."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    else:
        for name in session.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"), {"t": table}
        ).scalars():
            session.execute(text(f"DROP TRIGGER {name}"))


@pytest.mark.parametrize(
    "statement", ["UPDATE posting SET amount = 1", "DELETE FROM entry", "DELETE FROM event"]
)
def test_the_database_itself_refuses_to_rewrite(db_app: Flask, statement: str) -> None:
    from exchange.core.events import record
    from exchange.parties.models import Party, PartyKind

    pay_in("r1", 100_00)
    with transaction():
        party = Party(kind=PartyKind.BANK, name="x")
        session.add(party)
        session.flush()
        record(SYSTEM, "party.verified", party)
    with pytest.raises(Exception, match="append-only"), transaction():
        session.execute(text(statement))


def test_parallel_postings_lose_nothing(clean_app: Flask) -> None:
    errors: list[Exception] = []
    with clean_app.app_context():
        pay_in("start", 1000_00)
        session.remove()

    def work(number: int) -> None:
        try:
            with clean_app.app_context():
                for step in range(5):
                    with transaction():
                        book.post(SYSTEM, f"f{number}.{step}", [Transfer("fee", ESCROW, "fees", 1_00)])
                session.remove()
        except Exception as error:  # noqa: BLE001  the test looks at it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with clean_app.app_context():
        assert (book.balance("fees"), book.balance(ESCROW)) == (40_00, 960_00)
        proof = verify()
        assert proof.ok, proof.wrong
        assert proof.entries == 41
        session.remove()


def test_any_story_keeps_every_invariant(db_app: Flask) -> None:
    class Story(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            session.rollback()
            self.nested = session.begin_nested()
            self.model: dict[str, int] = {}
            self.entries: list[Entry] = []
            self.deals = [refs.new("DL") for _ in range(2)]
            self.party = refs.new("PT")
            self.count = 0

        def post(self, *transfers: Transfer) -> None:
            self.count += 1
            short: dict[str, int] = {}
            for t in transfers:
                short[t.source] = short.get(t.source, self.model.get(t.source, 0)) - t.amount
                short[t.destination] = short.get(t.destination, self.model.get(t.destination, 0)) + t.amount
            try:
                with transaction():
                    entry = book.post(SYSTEM, f"{self.party}:{self.count}", transfers, subject=self.deals[0])
            except InsufficientFunds:
                return
            self.model.update(short)
            self.entries.append(entry)

        @rule(deal=st.integers(0, 1), fen=st.integers(1, 10**9))
        def pay(self, deal: int, fen: int) -> None:
            self.post(Transfer("price_in", "world", chart.escrow(self.deals[deal]), fen))

        @rule(deal=st.integers(0, 1), fen=st.integers(2, 10**9), fee=st.integers(1, 10**6))
        def release(self, deal: int, fen: int, fee: int) -> None:
            source = chart.escrow(self.deals[deal])
            self.post(
                Transfer("fee", source, "fees", fee),
                Transfer("release", source, chart.party(self.party), fen),
            )

        @precondition(lambda self: self.entries)
        @rule(data=st.data())
        def undo(self, data: st.DataObject) -> None:
            entry = data.draw(st.sampled_from(self.entries))
            self.count += 1
            try:
                book.reverse(SYSTEM, f"{self.party}:{self.count}", entry, memo="undo")
            except (Conflict, InsufficientFunds):
                return
            for p in entry.postings:
                self.model[p.source.address] += p.amount
                self.model[p.destination.address] -= p.amount

        @invariant()
        def balances_are_those_of_the_model(self) -> None:
            for address, fen in self.model.items():
                if address not in ("world", "fees"):
                    assert book.balance(address) == fen >= 0

        def teardown(self) -> None:
            proof = verify()
            assert proof.ok, proof.wrong

    Story.TestCase.settings = settings(
        max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
    )
    Story.TestCase().runTest()
