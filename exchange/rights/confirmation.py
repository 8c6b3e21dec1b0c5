"""The confirmation of a quick check (快捷确权确认书): what the exchange knew of some rights at one instant, on paper.

A signed PDF with a code; ``/verify/<code>`` shows the same and what has changed since. It speaks of the instant of its
issue, names source and day of every status, and never stands for the register (law.md §2.7, §7.1).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import segno
from sqlalchemy import select

from exchange import rulebook
from exchange.core import clock, files, pdf, refs, seal
from exchange.core.config import settings
from exchange.core.db import session, transaction
from exchange.core.errors import N_, NotFound, Unavailable
from exchange.core.events import record
from exchange.core.labels import label
from exchange.parties.models import PartyKind
from exchange.parties.policy import Actor, Permission
from exchange.rights import check, kinds
from exchange.rights import source as sources
from exchange.rights.check import Answer, Say, in_english
from exchange.rights.fees import FeeStatus
from exchange.rights.models import Confirmation, EncumbranceKind, Right, RightStatus
from exchange.rights.standing import LOADED, Change, differences, standing

TITLE: Final = "知识产权快捷确权确认书"
REASON: Final = "签发快捷确权确认书"
PURPOSE: Final = "confirmation"
FORM: Final = Path(__file__).with_name("forms") / "confirmation.typ"

IN_FULL: Final = 20
"""Up to so many numbers every obstacle is written out; above, the table says how many there are."""

STATEMENTS: Final = (
    "本确认书载明平台截至签发时刻（北京时间 {issued}）所知的内容。每项法律状态注明截至日期和来源；截至日期早于签发日 {days} 天以上或未读取登记簿的，标注“待核”，签约、备案和付款前须重新核对。",
    "本确认书不是登记簿副本；权利状态以登记机关的登记簿为准。",
    "本确认书只说明签发时刻的情况；此后的变化，凭核验码在核验页查看。",
    "本文件带有平台的电子签名，任何改动都会使签名失效；核验页可以核对文件是否为原件。字体不能显示的字符以“〔U+编码〕”表示。",
)
"""What a confirmation is worth, and as of when."""


@transaction
def _keep(actor: Actor, ref: str, snapshot: Mapping[str, Any], digest: str, document: bytes) -> Confirmation:
    kept = files.store(
        actor.user_ref,
        document,
        f"{TITLE}-{ref}.pdf",
        subject=ref,
        purpose=PURPOSE,
        party_ref=actor.party_ref,
        made_here=True,
    )
    confirmation = Confirmation(
        ref=ref,
        code=snapshot["code"],
        snapshot=dict(snapshot),
        asked=len(snapshot["rows"]),
        known=sum(row["ref"] is not None for row in snapshot["rows"]),
        digest=digest,
        sha256=kept.sha256,
        document_id=kept.id,
        party_id=actor.party.id if actor.party is not None else None,
        user_ref=actor.user_ref,
        issued_at=clock.now(),
    )
    session.add(confirmation)
    session.flush()
    record(actor, "confirmation.issued", confirmation, numbers=confirmation.asked, sha256=confirmation.sha256)
    return confirmation


def issue(
    actor: Actor, texts: Sequence[str], *, fonts: Sequence[Path], kind: str = "", say: Say = in_english
) -> Confirmation:
    """Answer ``texts`` (1 to 1,000 numbers) and put the answers on paper, signed.

    ``fonts`` are folders with a Chinese font, ``say`` names states and obstacles on the paper. The same question with
    the same answer on the same day is the same confirmation. The document is set and signed before the transaction,
    so that nobody waits for it. Raises ``NotAllowed``; ``RuleBroken`` as ``check.check`` does; ``Unavailable``
    (``seal.no_key``, ``confirmation.no_font``).
    """
    actor.must(Permission.RIGHT_CONFIRM)
    answers = check.check(texts, kind=kind)
    today = clock.today()
    rows = [_row(answer, today) for answer in answers]
    said = [actor.party_ref, actor.user_ref, today.isoformat(), rows]
    digest = hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    party_id = actor.party.id if actor.party is not None else None
    known = session.scalars(
        select(Confirmation).where(Confirmation.party_id == party_id, Confirmation.digest == digest)
    ).first()
    if known is not None:
        return known
    ref, snapshot = refs.new(Confirmation.REF), _snapshot(actor, rows)
    document = print_(ref, snapshot, fonts=fonts, say=say)
    return _keep(actor, ref, snapshot, digest, document)


def print_(ref: str, snapshot: Mapping[str, Any], *, fonts: Sequence[Path], say: Say = in_english) -> bytes:
    """The signed document of a snapshot. Raises ``Unavailable``."""
    try:
        made = pdf.typeset(FORM.read_text(), _printed(ref, snapshot, say), fonts=fonts)
    except pdf.NoFont as error:
        raise Unavailable(
            "confirmation.no_font",
            N_("There is no Chinese font to write the document in, so none is issued. Tell the operator."),
            rule="FONTS",
        ) from error
    return seal.sign(made, reason=REASON)


# -- what was known -------------------------------------------------------------------------------


def _snapshot(actor: Actor, rows: list[dict[str, Any]]) -> dict[str, Any]:
    now, code = clock.now(), refs.code()
    name = actor.party.name if actor.party is not None else actor.label
    person = actor.party is None or actor.party.kind is PartyKind.PERSON
    return {
        "code": code,
        "verify_url": f"{settings().public_url}/verify/{code}",
        "issued_at": now.isoformat(),
        "asked_by": name,
        "asked_by_public": f"{name[:1]}{'*' * max(1, len(name) - 1)}" if person else name,
        "max_age": rulebook.as_of("status.max_age").number,
        "rows": rows,
    }


def _row(answer: Answer, today: date) -> dict[str, Any]:
    """One answer as it is kept: codes and msgids with their parameters, so that any face can name them."""
    right = answer.right
    as_of = right.status_as_of if right is not None else None
    age = rulebook.as_of("status.max_age").number
    return {
        "input": answer.input,
        "number": answer.number.shown if answer.number is not None else "",
        "ref": right.ref if right is not None else None,
        "title": right.title if right is not None else "",
        "kind": answer.kind,
        "as_of": as_of.isoformat() if as_of else None,
        "source": right.status_source if right is not None else None,
        "stale": right is not None and (as_of is None or (today - as_of).days > age),
        "standing": standing(right, today) if right is not None else {},
        "may": {
            act: [
                {
                    "code": one.code,
                    "message": one.message,
                    "params": {name: _plain(value) for name, value in one.params.items()},
                    "rule": one.rule,
                    "remedy": one.remedy,
                }
                for one in found
            ]
            for act, found in answer.may.items()
        },
        "error": {
            "code": answer.code,
            "message": answer.error,
            "params": {name: _plain(value) for name, value in answer.params.items()},
        }
        if answer.error
        else None,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str) else str(value)


# -- on paper -------------------------------------------------------------------------------------

_ACTS: Final = {"list": "挂牌", "transfer": "转让", "license": "许可", "pledge": "质押"}


def _printed(ref: str, snapshot: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """What the form is filled with: everything in words."""
    rows = snapshot["rows"]
    issued = clock.beijing(datetime.fromisoformat(snapshot["issued_at"]))
    code = snapshot["code"]
    return {
        "title": TITLE,
        "number": ref,
        "code": code,
        "groups": "-".join(code[at : at + 5] for at in range(0, len(code), 5)),
        "verify_url": snapshot["verify_url"],
        "verify_at": snapshot["verify_url"].partition("://")[2].rpartition("/")[0],
        "svg": segno.make(snapshot["verify_url"], error="m", micro=False).svg_inline(border=2),
        "asked_by": snapshot["asked_by"],
        "day": issued.date().isoformat(),
        "issued": f"{issued:%Y-%m-%d %H:%M:%S}",
        "asked": len(rows),
        "known": sum(row["ref"] is not None for row in rows),
        "acts": list(_ACTS.values()),
        "rows": [_cells(at, row, say) for at, row in enumerate(rows, 1)],
        "obstacles": _obstacles(rows, say) if len(rows) <= IN_FULL else [],
        "statements": [
            one.format(issued=f"{issued:%Y-%m-%d %H:%M:%S}", days=snapshot["max_age"]) for one in STATEMENTS
        ],
    }


def _cells(at: int, row: Mapping[str, Any], say: Say) -> dict[str, Any]:
    known = row["standing"]
    error = row["error"]
    title = row["title"]
    if row["kind"] in kinds.KINDS and title:
        title = f"{title}（{kinds.KINDS[row['kind']].name_zh}）"
    return {
        "at": str(at),
        "input": row["input"][:200],
        "number": row["number"] or row["input"][:200],
        "title": title,
        "owners": "、".join(known["owners"]) or "—" if known else "—",
        "status": say(label(RightStatus(known["status"])), {}) if known else "—",
        "as_of": _as_of(row, say) if known else "",
        "expires_on": (known["expires_on"] or "—") if known else "—",
        "burdens": _burdens(known["burdens"], say) if known else "—",
        "fee": say(label(FeeStatus(known["fee"]["status"])), {}) if known else "—",
        "may": [_may(row["may"].get(act, []), known) for act in _ACTS],
        "remark": say(error["message"], error["params"]) if error else "",
    }


def _as_of(row: Mapping[str, Any], say: Say) -> str:
    if row["as_of"] is None:
        return "未读取登记簿，待核"
    source = say(sources.name(row["source"]), {}) if row["source"] else ""
    return f"截至 {row['as_of']}　{source}{'　待核' if row['stale'] else ''}"


def _burdens(burdens: Sequence[Mapping[str, Any]], say: Say) -> str:
    words = [
        f"{say(label(EncumbranceKind(one['kind'])), {})}（{one['since']} 起{'，' + one['holder'] if one['holder'] else ''}）"
        for one in burdens
    ]
    return "；".join(words) or "无"


def _may(found: Sequence[Mapping[str, Any]], known: Mapping[str, Any]) -> str:
    if not known:
        return "—"
    return f"{len(found)} 项障碍" if found else "可"


def _obstacles(rows: Sequence[Mapping[str, Any]], say: Say) -> list[dict[str, str]]:
    """Each obstacle once, with the acts that it stops."""
    told = []
    for at, row in enumerate(rows, 1):
        if row["ref"] is None:
            continue
        acts: dict[str, list[str]] = {}
        first: dict[str, Mapping[str, Any]] = {}
        for act, word in _ACTS.items():
            for one in row["may"].get(act, ()):
                acts.setdefault(one["code"], []).append(word)
                first.setdefault(one["code"], one)
        told += [
            {
                "at": str(at),
                "acts": "、".join(acts[code]),
                "message": say(one["message"], one["params"]),
                "remedy": say(one["remedy"], one["params"]),
                "rule": _statute(one["rule"]),
            }
            for code, one in first.items()
        ]
    return told


def _statute(rule: str) -> str:
    """The statutes that a rule names; our own fact sheets are of no use to a reader of the paper."""
    return "; ".join(
        part for part in rule.split("; ") if not part.startswith(("law.md", "§", "architecture"))
    )


# -- finding and checking -------------------------------------------------------------------------


def find(code: str) -> Confirmation | None:
    """The confirmation with this code of 26 signs, ``None`` for another. For ``/verify/<code>``."""
    return session.scalar(select(Confirmation).where(Confirmation.code == code))


def open_for(actor: Actor, code: str) -> Confirmation:
    """The confirmation, for members of the organisation that asked and for the exchange's staff.

    Raises ``NotFound`` for others, ``NotAllowed`` for a token that may neither read nor confirm.
    """
    actor.must_be_in_scope(Permission.LISTING_READ, Permission.RIGHT_CONFIRM)
    found = find(code)
    if found is None:
        raise NotFound
    own = actor.party is not None and actor.party.id in found.parties_for("asked")
    if not own and not actor.can(Permission.RIGHT_RECORD_EVENT):
        raise NotFound
    return found


@dataclass(frozen=True, slots=True)
class Since:
    """What has changed of one right since a confirmation was issued."""

    ref: str
    title: str
    changes: tuple[Change, ...]


def since(confirmation: Confirmation) -> list[Since]:
    """The rights of a confirmation that stand differently today than on it, with what differs."""
    rows = {row["ref"]: row for row in confirmation.snapshot["rows"] if row["ref"] is not None}
    today = clock.today()
    found = []
    for right in session.scalars(
        select(Right).where(Right.ref.in_(rows)).options(*LOADED).order_by(Right.id)
    ):
        changes = differences(rows[right.ref]["standing"], standing(right, today))
        if changes:
            found.append(Since(right.ref, right.title, tuple(changes)))
    return found
