"""What one row of an import says: its hash, the keys of its right, whether it is a grant, what its status means."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Final

from exchange.rights.formats.record import Record
from exchange.rights.models import RightStatus

_GRANT_SINCE: Final = date(2010, 4, 1)
"""Since then B, U and S are grants; before, B and U were examined or published applications (law.md §2.5)."""


def hash_of(record: Record) -> str:
    """The hash of everything a row says; 32 hexadecimal digits."""
    parts = (
        record.app_no, record.pub_no, record.reg_no, record.kind_code, record.country, record.kind, record.title,
        record.abstract, record.main_claim, "\x1e".join(record.applicants), "\x1e".join(record.inventors),
        record.region, str(record.filed_on), str(record.pub_date), str(record.granted_on), "\x1e".join(record.ipc),
        record.agency, record.status, record.source,
        "\x1e".join(f"{event.code}{event.announced_on}{event.text}" for event in record.events),
    )  # fmt: skip
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def is_grant(kind_code: str, on: date | None) -> bool:
    """Whether a publication with this kind code is the grant of a Chinese patent (law.md §2.5)."""
    if kind_code in {"C", "Y", "D"}:
        return True
    return kind_code in {"B", "U", "S"} and on is not None and on >= _GRANT_SINCE


_WORDS: Final = (
    ("恢复", RightStatus.LAPSED), ("无效", RightStatus.INVALID), ("届满", RightStatus.EXPIRED),
    ("驳回", RightStatus.WITHDRAWN), ("撤回", RightStatus.WITHDRAWN), ("视撤", RightStatus.WITHDRAWN),
    ("终止", RightStatus.LAPSED), ("放弃", RightStatus.LAPSED), ("失效", RightStatus.LAPSED),
    ("等年登印费", RightStatus.PENDING), ("等待颁证", RightStatus.PENDING), ("滞纳金", RightStatus.GRANTED),
    ("维持", RightStatus.GRANTED), ("有权", RightStatus.GRANTED), ("有效", RightStatus.GRANTED),
    ("授权", RightStatus.GRANTED), ("实审", RightStatus.PENDING), ("实质审查", RightStatus.PENDING),
    ("审中", RightStatus.PENDING), ("在审", RightStatus.PENDING), ("公开", RightStatus.PENDING),
    ("公布", RightStatus.PENDING), ("受理", RightStatus.PENDING),
)  # fmt: skip
_ENGLISH: Final = {
    "granted": RightStatus.GRANTED,
    "active": RightStatus.GRANTED,
    "pending": RightStatus.PENDING,
    "lapsed": RightStatus.LAPSED,
    "expired": RightStatus.EXPIRED,
    "invalid": RightStatus.INVALID,
    "withdrawn": RightStatus.WITHDRAWN,
}


def status_of(text: str) -> RightStatus | None:
    """The phase that a status text of a register or database means (law.md §2.7); ``None`` where it is not clear."""
    plain = "".join(text.split())
    if not plain:
        return None
    if "复审" in plain and "无效" not in plain:
        return RightStatus.PENDING
    if "部分无效" in plain:
        return RightStatus.GRANTED
    return _ENGLISH.get(plain.lower()) or next((status for word, status in _WORDS if word in plain), None)


def keys_of(record: Record) -> list[str]:
    """The keys under which the right of a record may stand, the one it should have first."""
    keys = []
    if record.app_no:
        keys.append(f"CN{record.app_no}" if record.country in {"", "CN"} else f"A:{record.app_no}")
    if record.pub_no:
        keys.append(f"P:{record.pub_no}")
    if record.reg_no:
        keys.append(f"{record.kind}:{record.reg_no}"[:64])
    if not keys:  # know-how stands in no register and has no number
        said = "\x1f".join([record.title, *record.applicants])
        keys.append(f"{record.kind}:{hashlib.blake2b(said.encode(), digest_size=16).hexdigest()}")
    return keys


def identity_of(record: Record) -> str:
    """What a row is about: its publication, or the right itself. Two rows of one file about the same are a repeat."""
    return f"{record.pub_no}:{record.kind_code}" if record.pub_no else keys_of(record)[0]
