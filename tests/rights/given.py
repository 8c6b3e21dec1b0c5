"""Rights, files and announcements for the tests of this room: files written by hand, states reached through verbs."""

from __future__ import annotations

import itertools
import json
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from exchange.core.db import session
from exchange.parties.models import Party
from exchange.parties.policy import SYSTEM, Actor
from exchange.rights import actions, imports
from exchange.rights.models import Publication, Right, RightStatus
from exchange.rights.numbers import check_character

_count = itertools.count(1)


def number(year: int = 2020, type_digit: int = 1) -> str:
    """An application number that nobody has yet, 13 characters."""
    body = f"{year}{type_digit}{next(_count):07d}"
    return body + check_character(body)


def publication(kind_code: str = "B") -> str:
    """A publication number that nobody has yet."""
    digit = {"A": 1, "B": 1, "U": 2, "S": 3}[kind_code[0]]
    return f"CN{digit}{next(_count):08d}{kind_code}"


def row(pub_no: str | None = None, **more: Any) -> dict[str, Any]:
    """A line of an export."""
    return {
        "title": "一种纳滤膜",
        "applicants": ["甲公司"],
        "inventors": ["林知夏"],
        "pub_no": pub_no or publication(),
        "pub_date": "2022-05-03",
        "abstract": "本发明涉及膜。",
        "main_claim": "1.一种膜。",
        "ipc": ["B01D69/08"],
        "region": "福建",
        **more,
    }


def write(folder: Path, *rows: dict[str, Any], name: str = "export.jsonl") -> Path:
    """A file of JSON lines."""
    path = folder / name
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows), encoding="utf-8")
    return path


def import_rows(
    folder: Path, *rows: dict[str, Any], actor: Actor = SYSTEM, owner: Party | None = None
) -> imports.Report:
    """Bring ``rows`` in as a file of their own."""
    path = write(folder, *rows, name=f"export{next(_count)}.jsonl")
    return imports.import_file(actor, path, owner=owner)


def right_of(pub_no: str) -> Right:
    """The right with this publication, freshly read."""
    bare = pub_no.rstrip("ABCUSYD")
    return session.scalars(
        select(Right)
        .where(
            Right.id
            == select(Publication.right_id).where(Publication.number == bare).limit(1).scalar_subquery()
        )
        .execution_options(populate_existing=True)
    ).one()


def given_right(folder: Path, *, owners: list[str] | None = None, **facts: Any) -> Right:
    """A granted right in order: imported, then completed by the exchange from the register."""
    said = row(applicants=owners or ["甲公司"])
    import_rows(folder, said)
    right = right_of(said["pub_no"])
    values = {
        "app_no": number(),
        "filed_on": date(2020, 3, 2),
        "granted_on": date(2022, 5, 3),
        "status": RightStatus.GRANTED,
        "status_as_of": date(2022, 5, 3),
        "fees_paid_through": 7,
        **facts,
    }
    return actions.complete(SYSTEM, right.ref, **values)
