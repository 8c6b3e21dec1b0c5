"""The quick check of one and of a thousand numbers, against an arm that only asks the database for the same rows.

    python -m bench.check [--rights 20000] [--runs 5]

Printed are milliseconds and statements for 1, 10, 100 and 1,000 numbers. The statements must not grow with the count.
The arm reads the same rights, owners, burdens and holdings by plain SQL and decides nothing.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def app_no(serial: int) -> str:
    from exchange.rights.numbers import check_character

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


def best(work: Callable[[], object], runs: int) -> float:
    """Milliseconds of the fastest of several runs."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times) * 1000


def plain(connection: sqlite3.Connection, keys: list[str]) -> int:
    """The same rows by plain SQL."""
    marks = ",".join("?" * len(keys))
    rights = connection.execute(f"SELECT * FROM right_record WHERE key IN ({marks})", keys).fetchall()
    ids = [row[0] for row in rights]
    marks = ",".join("?" * len(ids))
    count = len(rights)
    for table in ("right_owner", "encumbrance", "holding"):
        count += len(connection.execute(f"SELECT * FROM {table} WHERE right_id IN ({marks})", ids).fetchall())
    return count


def main() -> None:
    from flask import Flask
    from sqlalchemy import event

    from exchange.core import config
    from exchange.core.db import db, session
    from exchange.parties.policy import SYSTEM
    from exchange.rights import check, imports

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rights", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "check.db"
        settings = config.load({"DATABASE_URL": f"sqlite:///{database}", "VAR": name, "SECRET_KEY": "b" * 40})
        config.use(settings)
        app = Flask("bench")
        app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
        db.init_app(app)
        with app.app_context():
            db.create_all()
            imports.import_file(SYSTEM, made(folder, asked.rights))
            sent: list[str] = []

            def note(*arguments: Any) -> None:
                sent.append(arguments[2])

            event.listen(db.engine, "before_cursor_execute", note)
            arm = sqlite3.connect(database)
            print(f"{asked.rights} rights; best of {asked.runs}")
            print(f"{'numbers':>8} {'check ms':>9} {'statements':>11} {'plain SQL ms':>13}")
            for count in (1, 10, 100, 1000):
                numbers = [app_no(serial * asked.rights // count) for serial in range(count)]
                keys = [f"CN{number}" for number in numbers]

                def ask(numbers: list[str] = numbers) -> None:
                    session.rollback()
                    session.expunge_all()
                    check.check(numbers)

                def look(keys: list[str] = keys) -> None:
                    plain(arm, keys)

                sent.clear()
                ask()
                statements = len(sent)
                print(
                    f"{count:>8} {best(ask, asked.runs):>9.1f} {statements:>11} {best(look, asked.runs):>13.1f}"
                )
            arm.close()


if __name__ == "__main__":
    main()
