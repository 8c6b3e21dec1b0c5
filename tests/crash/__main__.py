"""``make crash``: every commit boundary of the walk, on SQLite and on PostgreSQL at once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import ROOT, Databases, settings
from tests.crash.test_crash import patents
from tests.services.postgres import Postgres


def every_point(name: str, databases: Databases, folder: Path) -> int:
    """Run the harness over all points, each line with the name of its database before it; its exit code."""
    environment = {**os.environ, **settings(databases.url(), folder), "PYTHONPATH": str(ROOT)}
    file = patents(folder / "patents.jsonl")
    command = [sys.executable, "-m", "tests.crash.harness", str(file)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        for line in running.stdout or ():
            print(f"{name}: {line}", end="", flush=True)
    return running.returncode


def main() -> int:
    """Both databases; 0 where every point passed on both."""
    with tempfile.TemporaryDirectory() as folder, Postgres() as server, ThreadPoolExecutor() as both:
        places = {"SQLite": Path(folder) / "sqlite", "PostgreSQL": Path(folder) / "postgresql"}
        made = {}
        for name, place in places.items():
            place.mkdir()
            made[name] = Databases(place, server.address if name == "PostgreSQL" else None)
        runs = [both.submit(every_point, name, made[name], places[name]) for name in places]
        return max(run.result() for run in runs)


if __name__ == "__main__":
    sys.exit(main())
