"""``make test``: the whole suite on SQLite, then what touches the database once more on PostgreSQL."""

import os
import subprocess
import sys

from tests.services import Absent, postgres, strict


def run(database: str, *arguments: str) -> int:
    """Run pytest on ``database``; two workers, the users of one heavy server together on one."""
    print(f"\n== the suite on {database} ==", flush=True)
    command = [sys.executable, "-m", "pytest", "-n", os.environ.get("TEST_WORKERS", "2"), *arguments]
    return subprocess.run(command, check=False, env={**os.environ, "DATABASE": database}).returncode


def main() -> int:
    """Run both passes, the second even where the first has failed."""
    codes = [run("sqlite")]
    try:
        if not os.environ.get("TEST_DATABASE_URL"):
            postgres.find()
    except Absent as reason:
        print(f"\n== the suite on postgresql ==\nnot here, so not tested: {reason}")
        codes.append(1 if strict() else 0)
    else:
        codes.append(run("postgresql", "--database-only"))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
