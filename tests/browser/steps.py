"""The table of ``docs/usability.md``: what a task may take and what it takes, as the journeys counted it.

``USABILITY=write`` brings the counted columns up to date; without it a journey that counts something else fails.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from tests.browser.people import Task
from tests.conftest import ROOT

DOCUMENT = ROOT / "docs" / "usability.md"

#: Who | task | name in the journeys | target in seconds | pages | clicks | fields | seconds
ROW = re.compile(
    r"^\| (?P<who>[^|]+) \| (?P<task>[^|]+) \| `(?P<name>[^`]+)` \| (?P<target>\d+) s "
    r"\| (?P<pages>\d+) \| (?P<clicks>\d+) \| (?P<fields>\d+) \| (?P<seconds>\d+) s \|$"
)


def hold(tasks: Iterable[Task]) -> None:
    """Compare what was counted with the document, and with the target; tasks that it does not name do not matter."""
    sums: dict[str, Task] = {}
    for task in tasks:
        total = sums.setdefault(task.name, Task(task.name))
        total.pages += task.pages
        total.clicks += task.clicks
        total.fields += task.fields
        total.signs += task.signs
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    named = {row["name"] for row in map(ROW.match, lines) if row}
    wrong = [f"{name} is not in {DOCUMENT.name}" for name in sums if name not in named]
    for place, line in enumerate(lines):
        row = ROW.match(line)
        if row is None or row["name"] not in sums:
            continue
        done = sums[row["name"]]
        counted = (done.pages, done.clicks, done.fields)
        if done.seconds > int(row["target"]):
            wrong.append(f"{row['name']}: {done.seconds} s, more than the target")
        if os.environ.get("USABILITY") == "write":
            lines[place] = (
                f"| {row['who']} | {row['task']} | `{row['name']}` | {row['target']} s "
                f"| {done.pages} | {done.clicks} | {done.fields} | {done.seconds} s |"
            )
        elif counted != (int(row["pages"]), int(row["clicks"]), int(row["fields"])):
            wrong.append(f"{row['name']}: counted {counted}, written {line}")
    if os.environ.get("USABILITY") == "write":
        DOCUMENT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert not wrong, "\n".join(wrong)
