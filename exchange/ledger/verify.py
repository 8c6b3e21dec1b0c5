"""Proof of the book: the chain is whole, every posting is allowed, balances follow from postings, nothing is lost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from exchange.core.db import session
from exchange.ledger import book, chart
from exchange.ledger.models import Account, Entry


@dataclass
class Proof:
    """The answer of ``verify``: ``wrong`` names the first wrong entry or account in one sentence."""

    ok: bool = True
    entries: int = 0
    accounts: int = 0
    held: int = 0
    """Fen that the exchange holds for others, fees included."""
    head: str = book.GENESIS
    wrong: str | None = None
    problems: list[str] = field(default_factory=list)

    def fault(self, sentence: str) -> None:
        """Note a fault."""
        self.ok = False
        self.wrong = self.wrong or sentence
        self.problems.append(sentence)


def verify() -> Proof:
    """Read the whole book and prove it. Never writes."""
    proof = Proof()
    balances: dict[str, int] = defaultdict(int)
    counts: dict[str, int] = defaultdict(int)
    by_id: dict[int, Entry] = {}
    query = select(Entry).options(selectinload(Entry.postings)).order_by(Entry.sequence)
    for entry in session.scalars(query.execution_options(yield_per=500)):
        proof.entries += 1
        _check_entry(entry, proof, by_id)
        by_id[entry.id] = entry
        for posting in entry.postings:
            balances[posting.source.address] -= posting.amount
            balances[posting.destination.address] += posting.amount
            counts[posting.source.address] += 1
            counts[posting.destination.address] += 1
        below = [a for a, fen in balances.items() if fen < 0 and a != chart.WORLD]
        if below:
            proof.fault(f"entry {entry.sequence}: {below[0]} is below zero")
    for account in session.scalars(select(Account).order_by(Account.address)):
        proof.accounts += 1
        if account.balance != balances[account.address] or account.postings_count != counts[account.address]:
            proof.fault(
                f"account {account.address}: says {account.balance} fen in {account.postings_count} postings, "
                f"the book says {balances[account.address]} in {counts[account.address]}"
            )
    proof.held = -balances[chart.WORLD]
    if sum(balances.values()):
        proof.fault(f"the balances do not add up to nothing: {sum(balances.values())} fen")
    return proof


def _check_entry(entry: Entry, proof: Proof, before: dict[int, Entry]) -> None:
    where = f"entry {entry.sequence}"
    if entry.sequence != proof.entries:
        proof.fault(f"{where}: entry {proof.entries} is missing")
    if entry.previous_hash != proof.head:
        proof.fault(f"{where}: does not follow the one before it")
    movements = entry.data.get("movements", [])
    transfers = [
        book.Transfer(movement, p.source.address, p.destination.address, p.amount)
        for movement, p in zip(movements, entry.postings, strict=False)
    ]
    if len(movements) != len(entry.postings):
        proof.fault(f"{where}: a posting is missing or was added")
    said = {key: value for key, value in entry.data.items() if key != "movements"}
    if book.input_hash(transfers, entry.subject_ref, entry.memo, said) != entry.input_hash:
        proof.fault(f"{where}: its content was changed")
    expected = book.entry_hash(
        previous=entry.previous_hash,
        sequence=entry.sequence,
        key=entry.key,
        movement=entry.movement,
        at=entry.at,
        actor=entry.actor_ref,
        digest=entry.input_hash,
        postings=[(p.source.address, p.destination.address, p.amount) for p in entry.postings],
        reverses=entry.reverses_id,
    )
    if expected != entry.hash:
        proof.fault(f"{where}: its hash does not fit its content")
    if entry.reverses_id is None:
        for transfer in transfers:
            row = chart.CHART.get(transfer.movement)
            kinds = (chart.kind_of(transfer.source), chart.kind_of(transfer.destination))
            if row is None or kinds != (row.source, row.destination):
                proof.fault(f"{where}: the chart does not allow {transfer.movement}")
    else:
        original = before.get(entry.reverses_id)
        turned = (
            [(p.destination_id, p.source_id, p.amount) for p in reversed(original.postings)]
            if original
            else None
        )
        if turned != [(p.source_id, p.destination_id, p.amount) for p in entry.postings]:
            proof.fault(f"{where}: is not the reversal of the entry it names")
    proof.head = entry.hash
