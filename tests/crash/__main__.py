"""``make crash``: every commit boundary of the walk, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT, Databases, settings
from tests.crash.test_crash import patents
from tests.services.postgres import Postgres


def every_point(databases: Databases, folder: Path) -> int:
    """Run the harness over all points; its exit code."""
    environment = {**os.environ, **settings(databases.url(), folder), "PYTHONPATH": str(ROOT)}
    file = patents(folder / "patents.jsonl")
    command = [sys.executable, "-m", "tests.crash.harness", str(file)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=False, stderr=subprocess.DEVNULL
    ).returncode


def main() -> int:
    """Both databases; 0 where every point passed on both."""
    codes = []
    with tempfile.TemporaryDirectory() as folder:
        print("== every commit boundary on SQLite ==", flush=True)
        (Path(folder) / "sqlite").mkdir()
        codes.append(every_point(Databases(Path(folder) / "sqlite", None), Path(folder) / "sqlite"))
    with tempfile.TemporaryDirectory() as folder, Postgres() as server:
        print("== every commit boundary on PostgreSQL ==", flush=True)
        codes.append(every_point(Databases(Path(folder), server.address), Path(folder)))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
