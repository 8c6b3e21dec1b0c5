"""``make bench``: every measurement, one process after the other, or those named (``NAME="search import"``)."""

import subprocess
import sys
from pathlib import Path


def main(names: list[str]) -> int:
    """Run the measurements ``names``, or all; the exit code of the first that fails."""
    known = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    unknown = set(names) - set(known)
    if unknown:
        print(
            f"no such measurement: {', '.join(sorted(unknown))}; there are: {', '.join(known)}",
            file=sys.stderr,
        )
        return 2
    for name in names or known:
        print(f"\n== {name} ==", flush=True)
        code = subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
