"""What is made from the code is what stands in ``docs/generated``."""

import json
import subprocess
import sys

from tests.conftest import ROOT


def test_the_generated_documents_are_current() -> None:
    # In a process of its own: tests add lifecycles and enums to the tables that the documents are made from.
    done = subprocess.run(
        [sys.executable, "-m", "flask", "docs", "--check", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"run `make docs` and commit: {done.stdout}{done.stderr}"
    assert json.loads(done.stdout)["ok"] is True
