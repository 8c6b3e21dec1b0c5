"""The import of rights against an arm that only reads the file and writes the same rows.

    python bench/import.py [FILE] [--runs 3]

The arm reads the same file line by line, decodes its JSON, and writes with one ``executemany`` per table every row
that the import wrote, in all its tables, into an empty database with the same schema, in one transaction. Printed
are the seconds of both (the best of several runs), their ratio (at most 3), the second run of the import (at most half
of the first), and the memory of the importing process (under 300 MB).
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT.parent / "shared" / "data" / "cn_patents" / "sysu_cnki.jsonl.gz"
TABLES = (
    "right_record",
    "publication",
    "right_owner",
    "right_import",
    "event",
    "delivery",
    "holding",
    "legal_event",
)


def import_in(folder: Path, file: Path) -> dict[str, Any]:
    """Two runs of the import in this process, on a fresh database in ``folder``."""
    from flask import Flask

    from exchange.core import config
    from exchange.core.db import db
    from exchange.parties.policy import SYSTEM
    from exchange.rights import imports

    settings = config.load(
        {"DATABASE_URL": f"sqlite:///{folder / 'import.db'}", "VAR": str(folder), "SECRET_KEY": "b" * 40}
    )
    config.use(settings)
    app = Flask("bench")
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    db.init_app(app)
    with app.app_context():
        db.create_all()
        first = imports.import_file(SYSTEM, file)
        second = imports.import_file(SYSTEM, file)
    return {
        "first": first.seconds,
        "second": second.seconds,
        "counts": {**first.as_json(), "problems": len(first.problems)},
        "again": {**second.as_json(), "problems": len(second.problems)},
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def read(file: Path) -> int:
    """Read and decode every line."""
    open_ = gzip.open if file.suffix == ".gz" else open
    with open_(file, "rb") as lines:
        return sum(1 for line in lines if json.loads(line))


def arm(folder: Path, file: Path) -> float:
    """Seconds to read the file and write the rows that the import wrote."""
    source = sqlite3.connect(folder / "import.db")
    rows = {table: source.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    schema = [sql for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    source.close()
    target = folder / "arm.db"
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        for sql in schema:
            if not sql.startswith("CREATE TABLE sqlite_"):
                connection.execute(sql)
        started = time.perf_counter()
        read(file)
        connection.execute("BEGIN IMMEDIATE")
        for table, some in rows.items():
            if some:
                connection.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(some[0]))})", some)
        connection.execute("COMMIT")
        return time.perf_counter() - started


def measured(file: Path, runs: int) -> None:
    imports: list[dict[str, Any]] = []
    arms: list[float] = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            answer = subprocess.run(
                [sys.executable, __file__, str(file), "--inside", name],
                check=True,
                capture_output=True,
                text=True,
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
            )
            imports.append(json.loads(answer.stdout.splitlines()[-1]))
            arms.append(arm(folder, file))
    best = min(imports, key=lambda one: one["first"])
    print(f"file        {file.name}: {best['counts']}")
    print(f"second run  {best['again']}")
    print(f"arm         {min(arms):.2f} s   (runs: {', '.join(f'{one:.2f}' for one in arms)})")
    runs_ = ", ".join(f"{one['first']:.2f}" for one in imports)
    print(f"import      {best['first']:.2f} s   (runs: {runs_})")
    print(f"ratio       {best['first'] / min(arms):.2f}   (at most 3)")
    print(
        f"again       {best['second']:.2f} s   ({best['second'] / best['first']:.2f} of the first; at most 0.5)"
    )
    print(f"memory      {max(one['megabytes'] for one in imports):.0f} MB   (under 300)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--inside", type=Path, help="measure the import in this process, in this folder")
    asked = parser.parse_args()
    if asked.inside:
        print(json.dumps(import_in(asked.inside, asked.file), ensure_ascii=False))
    else:
        measured(asked.file, asked.runs)


if __name__ == "__main__":
    main()
