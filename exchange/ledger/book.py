"""The book: ``post``, ``reverse``, ``balance``, ``statement``. The only writer of money.

An entry has a natural key: the same key with the same input is answered with the entry that exists, for ever; with
another input it is refused. Accounts are locked sorted by address. Entries form a chain: each carries the hash of
its content and of the one before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import contains_eager

from exchange.core import clock
from exchange.core.db import session, transaction
from exchange.core.errors import N_, Conflict, InsufficientFunds, NotFound, RuleBroken
from exchange.core.events import Acting
from exchange.core.money import MAX_FEN, yuan
from exchange.ledger import chart
from exchange.ledger.models import Account, Entry, Posting

GENESIS = "0" * 64


@dataclass(frozen=True)
class Transfer:
    """``amount`` fen from ``source`` to ``destination`` under a movement of the chart."""

    movement: str
    source: str
    destination: str
    amount: int


def post(
    actor: Acting,
    key: str,
    transfers: Sequence[Transfer],
    *,
    subject: str | None = None,
    memo: str = "",
    data: dict[str, Any] | None = None,
) -> Entry:
    """Write one entry: all its transfers, or none. The movement of the entry is that of its first transfer.

    Raises ``RuleBroken`` (``ledger.amount``, ``ledger.movement``), ``Conflict`` (``ledger.key_reused``) and
    ``InsufficientFunds`` (``ledger.insufficient``); ``RuntimeError`` outside ``transaction()``.
    """
    _check(transfers)
    return _write(actor, key, transfers, transfers[0].movement, subject, memo, data or {}, None)


@transaction
def reverse(actor: Acting, key: str, entry: Entry, *, memo: str) -> Entry:
    """Undo ``entry`` by an entry with its postings turned round. An entry is never edited.

    Raises ``Conflict`` (``ledger.reversed_already``) where it was undone before, ``InsufficientFunds`` where the
    money has moved on.
    """
    undone = session.scalar(select(Entry).where(Entry.reverses_id == entry.id))
    if undone is not None:
        if undone.key == key:
            return undone
        raise Conflict(
            "ledger.reversed_already",
            N_("This entry was reversed before, by entry %(number)s."),
            number=undone.sequence,
        )
    turned = [
        Transfer("reversal", p.destination.address, p.source.address, p.amount)
        for p in reversed(entry.postings)
    ]
    return _write(
        actor, key, turned, "reversal", entry.subject_ref, memo, {"reverses": entry.sequence}, entry.id
    )


def _check(transfers: Sequence[Transfer]) -> None:
    if not transfers:
        raise RuleBroken("ledger.amount", N_("An entry needs at least one amount."))
    for transfer in transfers:
        if not 0 < transfer.amount <= MAX_FEN:
            raise RuleBroken(
                "ledger.amount",
                N_("The amount must be above zero and at most %(limit)s yuan."),
                field="amount",
                limit=yuan(MAX_FEN),
            )
        row = chart.CHART.get(transfer.movement)
        if row is None or (chart.kind_of(transfer.source), chart.kind_of(transfer.destination)) != (
            row.source,
            row.destination,
        ):
            raise RuleBroken(
                "ledger.movement",
                N_(
                    "The chart of accounts has no movement “%(movement)s” from %(source)s to %(destination)s."
                ),
                rule="exchange/ledger/chart.py",
                movement=transfer.movement,
                source=transfer.source,
                destination=transfer.destination,
            )


def input_hash(transfers: Sequence[Transfer], subject: str | None, memo: str, data: dict[str, Any]) -> str:
    """SHA-256 of what an entry says, without who and when."""
    return _sha(
        [[[t.movement, t.source, t.destination, t.amount] for t in transfers], subject, memo, data],
    )


def entry_hash(
    *,
    previous: str,
    sequence: int,
    key: str,
    movement: str,
    at: datetime,
    actor: str | None,
    digest: str,
    postings: Sequence[tuple[str, str, int]],
    reverses: int | None,
) -> str:
    """SHA-256 of an entry in the chain; ``verify`` computes it again from the rows."""
    return _sha(
        [
            previous,
            sequence,
            key,
            movement,
            at.isoformat(),
            actor,
            digest,
            [list(p) for p in postings],
            reverses,
        ]
    )


def _sha(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _write(
    actor: Acting,
    key: str,
    transfers: Sequence[Transfer],
    movement: str,
    subject: str | None,
    memo: str,
    data: dict[str, Any],
    reverses_id: int | None,
) -> Entry:
    digest = input_hash(transfers, subject, memo, data)
    accounts = _lock_accounts(
        {t.source for t in transfers} | {t.destination for t in transfers} | {chart.WORLD}
    )
    # Under the lock of ``world``, which every entry takes, the chain has one writer at a time.
    known = session.scalar(select(Entry).where(Entry.key == key))
    if known is not None:
        if known.input_hash == digest:
            return known
        raise Conflict(
            "ledger.key_reused",
            N_("The reference %(key)s was already booked with other content. Check the reference."),
            field="reference",
            key=key,
        )
    for transfer in transfers:
        source, destination = accounts[transfer.source], accounts[transfer.destination]
        if source.balance < transfer.amount and not source.may_be_negative:
            raise InsufficientFunds(
                "ledger.insufficient",
                N_("The account %(account)s holds %(balance)s yuan; %(amount)s yuan are needed."),
                account=source.address,
                balance=yuan(source.balance),
                amount=yuan(transfer.amount),
            )
        source.balance -= transfer.amount
        destination.balance += transfer.amount
        source.postings_count += 1
        destination.postings_count += 1
    last = session.scalar(select(Entry).order_by(Entry.sequence.desc()).limit(1))
    sequence = last.sequence + 1 if last else 1
    previous = last.hash if last else GENESIS
    at = clock.now()
    entry = Entry(
        key=key,
        input_hash=digest,
        movement=movement,
        at=at,
        actor_ref=actor.user_ref,
        subject_ref=subject,
        memo=memo,
        data=data | {"movements": [t.movement for t in transfers]},
        reverses_id=reverses_id,
        sequence=sequence,
        previous_hash=previous,
        hash=entry_hash(
            previous=previous,
            sequence=sequence,
            key=key,
            movement=movement,
            at=at,
            actor=actor.user_ref,
            digest=digest,
            postings=[(t.source, t.destination, t.amount) for t in transfers],
            reverses=reverses_id,
        ),
    )
    session.add(entry)
    session.flush()
    session.add_all(
        Posting(
            entry_id=entry.id,
            position=position,
            source_id=accounts[t.source].id,
            destination_id=accounts[t.destination].id,
            amount=t.amount,
        )
        for position, t in enumerate(transfers)
    )
    session.flush()
    return entry


def _lock_accounts(addresses: set[str]) -> dict[str, Account]:
    for address in sorted(addresses):
        if session.scalar(select(Account.id).where(Account.address == address)) is None:
            try:
                with session.begin_nested():
                    session.add(Account(address=address, may_be_negative=chart.kind_of(address) == "world"))
            except IntegrityError:
                pass  # another writer opened the account first; it is locked below
    rows = session.scalars(
        select(Account)
        .where(Account.address.in_(addresses))
        .order_by(Account.address)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {account.address: account for account in rows}


def balance(address: str) -> int:
    """Fen on the account; 0 where it was never used. Raises ``ValueError`` for an address unknown to the chart."""
    chart.kind_of(address)
    read = _read.get()
    if read is not None and address in read:
        return read[address]
    return session.scalar(select(Account.balance).where(Account.address == address)) or 0


_read: ContextVar[dict[str, int] | None] = ContextVar("balances", default=None)


@contextmanager
def read_at_once(addresses: Iterable[str]) -> Iterator[None]:
    """Within the block ``balance`` knows these accounts from one question. For lists that read, not for verbs."""
    wanted = dict.fromkeys(addresses, 0)
    if wanted:
        query = select(Account.address, Account.balance).where(Account.address.in_(wanted))
        for address, found in session.execute(query):
            wanted[address] = found
    token = _read.set(wanted)
    try:
        yield
    finally:
        _read.reset(token)


@dataclass(frozen=True)
class Line:
    """One line of a statement: ``movement`` of the chart, signed ``amount`` and ``balance`` after it, in fen."""

    entry: Entry
    movement: str
    counterpart: str
    amount: int
    balance: int


def statement(address: str, limit: int = 500) -> list[Line]:
    """The postings of an account, oldest first, with running balance. Raises ``NotFound`` for an unused account."""
    known = select(Account.id).where(Account.address == address)
    own = known.scalar_subquery()
    postings = session.scalars(
        select(Posting)
        .join(Entry, Posting.entry_id == Entry.id)
        .where((Posting.source_id == own) | (Posting.destination_id == own))
        .options(contains_eager(Posting.entry))
        .order_by(Entry.sequence.desc(), Posting.position.desc())
        .limit(limit)
    ).all()
    if not postings:
        if session.scalar(known) is None:
            raise NotFound
        return []
    lines: list[Line] = []
    newest = postings[0]
    running = (newest.source if newest.source.address == address else newest.destination).balance
    for posting in postings:
        out = posting.source.address == address
        amount = -posting.amount if out else posting.amount
        counterpart = posting.destination.address if out else posting.source.address
        movement = posting.entry.data["movements"][posting.position]
        lines.append(Line(posting.entry, movement, counterpart, amount, running))
        running -= amount
    return lines[::-1]


def entries_of(subject_ref: str) -> list[Entry]:
    """The entries that belong to a thing, oldest first."""
    return list(
        session.scalars(select(Entry).where(Entry.subject_ref == subject_ref).order_by(Entry.sequence))
    )
