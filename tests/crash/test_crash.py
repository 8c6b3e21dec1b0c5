"""kill -9 at commit boundaries of the walk: a seeded ten on the run's database (``make crash`` takes them all)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from exchange.demo import words
from tests.conftest import ROOT, Databases, settings

SEED = "2026-11"


def patents(path: Path, count: int = 3) -> Path:
    """A file of generated patents of one university."""
    from datetime import date

    dice = Random(SEED)
    lines = []
    for _ in range(count):
        made = words.invention(dice, date(2026, 1, 1))
        lines.append(
            json.dumps(
                {
                    "title": made.title,
                    "applicants": ["榕江理工大学"],
                    "inventors": list(made.inventors),
                    "pub_no": made.pub_no,
                    "pub_date": made.granted_on.isoformat(),
                    "abstract": made.abstract,
                    "main_claim": made.claim,
                    "ipc": list(made.ipc),
                },
                ensure_ascii=False,
            )
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def crash(databases: Databases, folder: Path, points: str) -> list[dict[str, Any]]:
    url = databases.url()
    environment = {**os.environ, **settings(url, folder), "PYTHONPATH": str(ROOT)}
    file = patents(folder / "patents.jsonl")
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.harness", str(file), "--points", points],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    databases.drop(url)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr[-3000:]
    return lines


def test_a_walk_killed_anywhere_goes_on_and_the_ledger_is_exact(databases: Databases, tmp_path: Path) -> None:
    *results, summary = crash(databases, tmp_path, f"ten:{SEED}")
    print(f"seed {SEED}: {[result['point'] for result in results]} of {summary.get('boundaries')}")
    assert [result for result in results if not result["ok"]] == []
    assert len(results) == 10
    assert summary["left"]["ledger"] is True
    assert summary["left"]["owner"] == [summary["left"]["buyer"]]
    assert summary["left"]["backlog"] == {}
