"""Kills the walk at a commit boundary, starts it again, and looks at what is left.

Every boundary has a number: before and after each commit, at each delivery, at each file that is written. For each
number asked for: an empty database; a child process that walks and is killed (SIGKILL) there; another that walks on to
the end; a third that proves the ledger and counts (ux-reliability.md §3.4).

``python -m tests.crash.harness FILE --points 3,17`` prints one JSON line a point; ``--points all`` takes them all.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text

from exchange import walks
from exchange.core import db as database
from exchange.core import events, files
from exchange.core.config import settings
from exchange.core.db import Base, db, session
from exchange.ledger.models import Account, Entry
from exchange.ledger.verify import verify


def in_child(work: Callable[[], Any]) -> tuple[int, Any]:
    """Run ``work`` in a process of its own: (signal that ended it or 0, its answer)."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        code = 1
        try:
            answer = work()
            os.write(writer, json.dumps(answer, default=str).encode())
            code = 0
        except BaseException:  # noqa: BLE001  the parent reports it
            os.write(writer, json.dumps({"error": traceback.format_exc()}).encode()[:60_000])
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    return (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0), (json.loads(said) if said else None)


def an_app() -> Any:
    """The exchange as a process of its own would make it."""
    from exchange.app import create_app

    return create_app({"JOBS": "off"})


def empty() -> None:
    """No row, no file, no index: as after an installation."""
    app = an_app()
    with app.app_context():
        engine = db.engine
        if engine.dialect.name == "postgresql":
            names = ", ".join(table.name for table in Base.metadata.sorted_tables)
            with engine.begin() as connection:
                connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        else:
            path = Path(engine.url.database or "")
            engine.dispose()
            for ending in ("", "-wal", "-shm"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
            db.create_all()
        engine.dispose()
    shutil.rmtree(settings().search_path, ignore_errors=True)
    shutil.rmtree(files.folder(), ignore_errors=True)


def walk(file: Path, kill_at: int | None) -> Any:
    """Walk; at boundary ``kill_at`` the process dies as if the power of its machine had gone."""
    app = an_app()
    passed = 0
    names: list[str] = []

    def boundary(name: str) -> None:
        nonlocal passed
        passed += 1
        names.append(name)
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with app.app_context():
        database.set_failpoint(boundary)
        answer = {} if walks.told(file) else walks.one_stop(file)
        events.drain_all()
        return {"boundaries": passed, "names": names, **answer}


def look() -> dict[str, Any]:
    """What is left after the story: everything that must be there exactly once, and the proof of the book."""
    from contracts.models import Certificate, Filing, Flow, OfficeNotice, Payout, Signature
    from exchange.deals.models import Deal, Offer
    from exchange.listings.models import Listing
    from exchange.rights.models import Right, RightImport, RightOwner

    app = an_app()
    with app.app_context():
        proof = verify()

        def count(model: type[Base]) -> int:
            return session.scalar(select(func.count()).select_from(model)) or 0

        deal = session.scalars(select(Deal)).one()
        owner = session.scalars(
            select(RightOwner.name)
            .join(Filing, Filing.right_id == RightOwner.right_id)
            .where(RightOwner.until.is_(None))
        ).all()
        return {
            "ledger": proof.ok,
            "wrong": proof.wrong,
            "counts": {
                model.__name__: count(model)
                for model in (
                    RightImport,
                    Right,
                    Listing,
                    Offer,
                    Deal,
                    Flow,
                    Signature,
                    Filing,
                    OfficeNotice,
                    Certificate,
                    Payout,
                    Entry,
                )
            },
            "deal": deal.status.value,
            "owner": list(owner),
            "buyer": deal.buyer.name,
            "balances": {
                account.address.split(":")[0]: account.balance
                for account in session.scalars(select(Account).order_by(Account.address))
            },
            "backlog": events.backlog(),
        }


def one(file: Path, point: int, whole: dict[str, Any]) -> dict[str, Any]:
    """Crash at ``point``, go on, look. ``ok`` where all that is left equals a walk that nothing disturbed."""
    empty()
    killed, said = in_child(lambda: walk(file, point))
    if killed != signal.SIGKILL:
        return {"point": point, "ok": False, "why": "was not killed", "said": said}
    ended, said = in_child(lambda: walk(file, None))
    if ended or not said or said.get("error"):
        return {"point": point, "ok": False, "why": "did not go on", "said": said}
    _, left = in_child(look)
    return {"point": point, "ok": left == whole, "left": left if left != whole else None}


def main(arguments: list[str] | None = None) -> int:
    """Print one line a point, and how many passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--points", default="all", help="all, or numbers separated by commas, or ten:SEED")
    asked = parser.parse_args(arguments)
    empty()
    ended, said = in_child(lambda: walk(asked.file, None))
    if ended or not said or said.get("error"):
        print(json.dumps({"ok": False, "why": "the walk itself fails", "said": said}), flush=True)
        return 1
    _, whole = in_child(look)
    boundaries, names = said["boundaries"], said["names"]
    if asked.points == "all":
        points = list(range(1, boundaries + 1))
    elif asked.points.startswith("ten:"):
        points = sorted(random.Random(asked.points).sample(range(1, boundaries + 1), 10))
    else:
        points = [int(number) for number in asked.points.split(",")]
    failed = 0
    for point in points:
        result = one(asked.file, point, whole)
        failed += not result["ok"]
        print(json.dumps({**result, "at": names[point - 1]}), flush=True)
    print(
        json.dumps({"boundaries": boundaries, "points": len(points), "failed": failed, "left": whole}),
        flush=True,
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
