"""The quick check of one and of a thousand numbers, against the bare queries that fetch the same rows.

    python -m bench.check [--file ../shared/data/cn_patents/sysu_cnki.jsonl.gz] [--rights 20000] [--runs 30]

The rights of ``--file`` (or made ones) are imported into a new exchange on SQLite, which then runs behind gunicorn. The
bare arm asks for the same rights, owners, burdens and holdings through the same session and decides nothing; the driver
replays the statements of the check, with their values, through ``sqlite3``. Printed are the median milliseconds of both,
of ``check.check`` in this process, of the API and of the page over HTTP, and the number of statements, which must not
grow with the count.
"""

from __future__ import annotations

import argparse
import gc
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import event, select
from sqlalchemy.orm import joinedload

from exchange.app import create_app
from exchange.core.db import db, session
from exchange.parties import tokens
from exchange.parties.policy import SYSTEM
from exchange.rights import check
from exchange.rights.models import Encumbrance, Holding, Right, RightOwner
from exchange.rights.numbers import check_character
from tests.conftest import settings
from tests.flows.server import Exchange
from tests.parties.given import given_party, given_user


def app_no(serial: int) -> str:
    """A made application number."""
    body = f"20201{serial:07d}"
    return body + check_character(body)


def made(folder: Path, count: int) -> Path:
    """A file of ``count`` rights with application numbers."""
    path = folder / "rights.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for serial in range(count):
            line = {
                "title": f"一种纳滤膜 {serial}",
                "applicants": [f"甲公司 {serial % 50}", f"乙大学 {serial % 7}"],
                "application_no": app_no(serial),
                "filing_date": "2020-03-02",
                "status": "专利权维持",
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def bare(keys: Sequence[str]) -> int:
    """Fetch what the check of these keys needs, as objects; how many."""
    rights = session.scalars(select(Right).where(Right.key.in_(keys))).all()
    ids = [right.id for right in rights]
    owners = select(RightOwner).where(RightOwner.right_id.in_(ids)).options(joinedload(RightOwner.party))
    others = [select(table).where(table.right_id.in_(ids)) for table in (Encumbrance, Holding)]
    return len(rights) + sum(len(session.scalars(query).all()) for query in (owners, *others))


def median(work: Callable[[], object], runs: int) -> float:
    """The median milliseconds of ``runs`` runs, after one that warms up."""
    work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def main() -> None:

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--rights", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "check.db"
        url = f"sqlite:///{database}"
        exchange = Exchange(url, folder)
        exchange.flask("db", "upgrade")
        exchange.flask("rights", "import", str(asked.file or made(folder, asked.rights)))
        app = create_app(settings(url, folder))
        with app.app_context():
            party = given_party(name="Bench")
            _token, secret = tokens.create(SYSTEM, scopes=["all"], user=given_user(party), party=party)
            numbers = list(session.connection().exec_driver_sql(
                "SELECT coalesce(app_no, min(number)) FROM right_record JOIN publication ON right_id = right_record.id "
                "GROUP BY right_record.id ORDER BY right_record.id"
            ).scalars()) or [app_no(serial) for serial in range(asked.rights)]  # fmt: skip
            sent: list[tuple[str, Any]] = []

            def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
                sent.append((statement, parameters))

            gc.collect()
            gc.freeze()  # as wsgi.py does
            exchange.start()
            arm = sqlite3.connect(database)
            client = httpx.Client(
                base_url=exchange.url, timeout=60, headers={"Authorization": f"Bearer {secret}"}
            )
            print(f"{len(numbers)} rights; median milliseconds of {asked.runs} runs; ×: multiple of bare")
            print(
                f"{'numbers':>8} {'statements':>11} {'driver':>8} {'bare':>8} {'check':>14} {'API':>14} {'page':>14}"
            )
            for count in (1, 10, 100, 1000):
                chosen = numbers[:: max(1, len(numbers) // count)][:count]
                event.listen(db.engine, "before_cursor_execute", note)
                sent.clear()
                session.rollback()
                session.expunge_all()
                answers = check.check(chosen)
                event.remove(db.engine, "before_cursor_execute", note)
                assert all(answer.right is not None for answer in answers)
                queries = [(statement, values) for statement, values in sent if statement != "BEGIN"]

                keys = [answer.right.key for answer in answers if answer.right is not None]

                def driver(queries: list[tuple[str, Any]] = queries) -> int:
                    return sum(len(arm.execute(*query).fetchall()) for query in queries)

                def fetch(keys: list[str] = keys) -> None:
                    session.rollback()
                    session.expunge_all()
                    bare(keys)

                def ask(chosen: list[str] = chosen) -> None:
                    session.rollback()
                    session.expunge_all()
                    check.check(chosen)

                def api(chosen: list[str] = chosen) -> None:
                    answer = client.post("/api/v1/rights/check", json={"numbers": chosen})
                    assert len(answer.json()["items"]) == len(chosen), answer.text

                def page(chosen: list[str] = chosen) -> None:
                    answer = client.get("/rights/check", params={"number": "\n".join(chosen)})
                    assert answer.status_code == 200, answer.text

                raw = median(fetch, asked.runs)
                cells = [
                    f"{one:>8.1f} {one / raw:>4.1f}×"
                    for one in (median(ask, asked.runs), median(api, asked.runs))
                ]
                shown = f"{median(page, asked.runs):>8.1f}" if count == 1 else ""
                print(
                    f"{count:>8} {len(queries):>11} {median(driver, asked.runs):>8.1f} {raw:>8.1f} {'  '.join(cells)} {shown}",
                    flush=True,
                )
            arm.close()
            client.close()
            db.engine.dispose()
            exchange.stop()


if __name__ == "__main__":
    main()
