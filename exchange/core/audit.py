"""A Merkle tree over the events (RFC 6962 §2.1): signed heads, inclusion and consistency proofs, verification.

A head says: "the first ``size`` events have this root". Heads are signed and published; whoever keeps one can prove
later that nothing before it was changed, removed or slipped in. An event joins the tree when it is ``SETTLE`` old, so
that a transaction that commits late cannot land behind a head.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import BigInteger, String, select
from sqlalchemy.orm import Mapped, mapped_column

from exchange.core import clock
from exchange.core.config import settings
from exchange.core.db import Base, append_only, session, transaction
from exchange.core.events import Event

SETTLE = timedelta(minutes=5)


@append_only
class AuditHead(Base):
    """A published head: the root of the first ``size`` events, signed."""

    __tablename__ = "audit_head"

    size: Mapped[int] = mapped_column(BigInteger, unique=True)
    root: Mapped[str] = mapped_column(String(64))
    last_event_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column()
    signature: Mapped[str] = mapped_column(String(128))


# -- the tree ------------------------------------------------------------------------------------------


def leaf(data: bytes) -> bytes:
    """Hash of a leaf: SHA-256 over 0x00 and the data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256 over 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _half(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree over hashed ``leaves``; that of nothing is the hash of nothing."""
    stack: list[tuple[int, bytes]] = []
    for hash_ in leaves:
        height, top = 0, hash_
        while stack and stack[-1][0] == height:
            top = node(stack.pop()[1], top)
            height += 1
        stack.append((height, top))
    if not stack:
        return hashlib.sha256().digest()
    answer = stack.pop()[1]
    while stack:
        answer = node(stack.pop()[1], answer)
    return answer


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The path that proves ``leaves[index]`` under the root. Raises ``IndexError``."""
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*inclusion(leaves[:half], index), root(leaves[half:])]
    return [*inclusion(leaves[half:], index - half), root(leaves[:half])]


def included(hash_: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether ``path`` leads from the leaf at ``index`` of ``size`` to the root ``expected`` (RFC 9162 §2.1.3.2)."""
    if index >= size:
        return False
    place, last, answer = index, size - 1, hash_
    for step in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            answer = node(step, answer)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            answer = node(answer, step)
        place, last = place >> 1, last >> 1
    return last == 0 and answer == expected


# -- the events ----------------------------------------------------------------------------------------


def written(event: Event) -> bytes:
    """An event as bytes: canonical JSON of everything it says."""
    said: dict[str, Any] = {
        "id": event.id,
        "type": event.type,
        "subject": event.subject_ref,
        "about": event.about_ref,
        "actor": event.actor_ref,
        "party": event.party_ref,
        "at": event.at.isoformat(),
        "payload": event.payload,
        "request": event.request_id,
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def leaves(until: int | None = None) -> list[bytes]:
    """The hashed leaves of all events in the order of their ids, up to the id ``until``."""
    query = select(Event).order_by(Event.id)
    if until is not None:
        query = query.where(Event.id <= until)
    return [leaf(written(event)) for event in session.scalars(query.execution_options(yield_per=1000))]


def _key() -> Ed25519PrivateKey:
    derived = HKDF(SHA256(), 32, salt=None, info=b"audit head").derive(settings().secret_key.encode())
    return Ed25519PrivateKey.from_private_bytes(derived)


def public_key() -> str:
    """The key that checks the signatures of heads, in hex."""
    return _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _signed_text(size: int, root_: str, at: datetime) -> bytes:
    return f"rongyi audit head\n{size}\n{root_}\n{at.isoformat()}\n".encode()


@transaction
def publish() -> AuditHead | None:
    """Sign and keep a head over all settled events; ``None`` where no event has joined since the last."""
    last = session.scalar(
        select(Event.id).where(Event.at <= clock.now() - SETTLE).order_by(Event.id.desc()).limit(1)
    )
    newest = session.scalar(select(AuditHead).order_by(AuditHead.size.desc()).limit(1))
    if last is None or (newest is not None and newest.last_event_id >= last):
        return None
    hashed = leaves(last)
    text, at = root(hashed).hex(), clock.now()
    head = AuditHead(
        size=len(hashed),
        root=text,
        last_event_id=last,
        at=at,
        signature=_key().sign(_signed_text(len(hashed), text, at)).hex(),
    )
    session.add(head)
    session.flush()
    return head


def heads(limit: int = 400) -> list[AuditHead]:
    """The published heads, newest first."""
    return list(session.scalars(select(AuditHead).order_by(AuditHead.size.desc()).limit(limit)))


def as_json(head: AuditHead) -> dict[str, Any]:
    """A head as it is published; ``flask audit verify FILE`` reads lines of it."""
    return {
        "size": head.size,
        "root": head.root,
        "at": head.at.isoformat(),
        "signature": head.signature,
        "key": public_key(),
    }


@dataclass
class Verdict:
    """The answer of ``verify``; ``wrong`` is the first fault in one sentence."""

    ok: bool = True
    events: int = 0
    heads: int = 0
    wrong: str | None = None


def verify(kept: Iterable[dict[str, Any]] = (), *, key: str | None = None) -> Verdict:
    """Compute the tree again and compare it with every head of the database and with ``kept`` ones from outside."""
    hashed = leaves()
    verdict = Verdict(events=len(hashed))
    own = public_key()
    claims: list[dict[str, Any]] = [as_json(head) for head in reversed(heads(limit=100_000))]
    claims += list(kept)
    for claim in claims:
        verdict.heads += 1
        fault = _fault(claim, hashed, key or own)
        if fault:
            verdict.ok, verdict.wrong = (
                False,
                f"head of {claim.get('size')} events, {claim.get('at')}: {fault}",
            )
            return verdict
    return verdict


def _fault(claim: dict[str, Any], hashed: Sequence[bytes], key: str) -> str | None:
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("its signature does not fit", lambda: _signature_fits(claim, key)),
        ("events it counted are missing", lambda: claim["size"] <= len(hashed)),
        ("an event before it was changed", lambda: root(hashed[: claim["size"]]).hex() == claim["root"]),
    )
    try:
        return next((words for words, fits in checks if not fits()), None)
    except (KeyError, TypeError, ValueError):
        return "it is no head"


def _signature_fits(claim: dict[str, Any], key: str) -> bool:
    text = _signed_text(claim["size"], claim["root"], datetime.fromisoformat(claim["at"]))
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(claim["signature"]), text)
    except InvalidSignature:
        return False
    return True
