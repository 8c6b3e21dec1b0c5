"""How a right stands on a day, small enough to keep, and what differs between two such days.

Watches, digests and confirmations keep a standing and compare it with the present one: phase, owners of record,
burdens, annual fee, term (law.md §2.7, §9 invariant 55).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any, Final

from sqlalchemy.orm import selectinload

from exchange.core.errors import N_, fill
from exchange.core.labels import label
from exchange.rights import fees
from exchange.rights.fees import FeeStatus
from exchange.rights.models import DEAD, EncumbranceKind, Right, RightStatus
from exchange.rights.obstacles import live_burdens

Say = Callable[[str, Mapping[str, Any]], str]
"""Fills a msgid with parameters in some language."""

LOADED: Final = (selectinload(Right.owners), selectinload(Right.encumbrances))
"""What a query should load with rights whose standing is asked."""


def phase(right: Right, day: date) -> RightStatus:
    """The phase of the right on ``day``: expired as soon as its term is over."""
    expiry = fees.expiry_of(right)
    if right.status is RightStatus.GRANTED and expiry is not None and day > expiry:
        return RightStatus.EXPIRED
    return right.status


def standing(right: Right, day: date) -> dict[str, Any]:
    """How ``right`` stands on ``day``, as JSON."""
    fee = fees.state_of(right, day)
    expiry = fees.expiry_of(right)
    return {
        "status": phase(right, day).value,
        "owners": [owner.name for owner in right.owners],
        "burdens": [
            {
                "kind": burden.kind.value,
                "since": burden.since.isoformat(),
                "holder": burden.holder,
                "number": burden.register_no,
            }
            for burden in sorted(live_burdens(right, day), key=lambda b: (b.since, b.kind.value, b.id))
        ],
        "fee": {"status": fee.status.value, "year": fee.year},
        "expires_on": expiry.isoformat() if expiry else None,
    }


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs. ``what``: ``status``, ``owners``, ``burden``, ``released``, ``fee`` or ``term``.

    ``grave`` marks what a lender must look at: the right has ended, a new burden, an overdue fee.
    """

    what: str
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    grave: bool = False

    def told(self, say: Say) -> str:
        """The sentence in the language of ``say``; states in it are named in that language too."""
        return say(
            self.message,
            {
                name: say(label(value), {}) if isinstance(value, Enum) else value
                for name, value in self.params.items()
            },
        )

    @property
    def sentence(self) -> str:
        """The sentence in English."""
        return self.told(lambda message, params: fill(message, dict(params)))


_LATE: Final = frozenset({FeeStatus.GRACE, FeeStatus.LAPSED})


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """What changed from ``then`` to ``now``; nothing where ``then`` is empty. Gravest kinds first."""
    if not then:
        return []
    return [
        *_status(then["status"], now["status"]),
        *_burdens(then["burdens"], now["burdens"]),
        *_fee(then["fee"], now["fee"]),
        *_owners(then["owners"], now["owners"]),
        *_term(then["expires_on"], now["expires_on"]),
    ]


def _status(before: str, after: str) -> Iterable[Change]:
    if before != after:
        old, new = RightStatus(before), RightStatus(after)
        yield Change(
            "status",
            N_("Legal status: %(before)s → %(after)s"),
            {"before": old, "after": new},
            grave=new in DEAD,
        )


def _key(burden: Mapping[str, Any]) -> tuple[str, str, str]:
    return burden["kind"], burden["since"], burden["number"]


def _burdens(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterable[Change]:
    old, new = {_key(one): one for one in before}, {_key(one): one for one in after}
    for key, burden in new.items():
        if key not in old:
            params = {"kind": EncumbranceKind(burden["kind"]), "since": burden["since"]}
            if burden["holder"]:
                yield Change(
                    "burden",
                    N_("New burden: %(kind)s since %(since)s, %(holder)s"),
                    {**params, "holder": burden["holder"]},
                    grave=True,
                )
            else:
                yield Change("burden", N_("New burden: %(kind)s since %(since)s"), params, grave=True)
    for key, burden in old.items():
        if key not in new:
            yield Change(
                "released",
                N_("Burden ended: %(kind)s since %(since)s"),
                {"kind": EncumbranceKind(burden["kind"]), "since": burden["since"]},
            )


def _fee(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[Change]:
    if before["status"] != after["status"]:
        new = FeeStatus(after["status"])
        yield Change(
            "fee",
            N_("Annual fee: %(before)s → %(after)s"),
            {"before": FeeStatus(before["status"]), "after": new},
            grave=new in _LATE,
        )


def _owners(before: list[str], after: list[str]) -> Iterable[Change]:
    if before != after:
        yield Change(
            "owners",
            N_("Owners of record: %(before)s → %(after)s"),
            {"before": "、".join(before) or "—", "after": "、".join(after) or "—"},
        )


def _term(before: str | None, after: str | None) -> Iterable[Change]:
    if before != after:
        yield Change(
            "term",
            N_("In force until: %(before)s → %(after)s"),
            {"before": before or "—", "after": after or "—"},
        )
