"""``make run``: bring the database up to date, fill an empty one, start web and jobs, stop both together.

In production the two processes belong to the machine's own supervisor (``docs/deployment.md``); this runner is
for one person on one machine.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

from flask.cli import FlaskGroup

from exchange.app import create_app
from exchange.core.config import BadSetting

START_SECONDS = 60
STOP_SECONDS = 15


class Stopped(Exception):
    """Somebody asked the runner to stop."""


def prepare() -> None:
    """Migrate the database, load the demo market into an empty one, and show its logins.

    Raises ``SystemExit`` where a command refuses, with the exit code of that command.
    """
    app = create_app()
    commands = FlaskGroup(create_app=lambda: app, load_dotenv=False)
    for words in (["db", "upgrade"], ["demo", "load", "--if-empty"]):
        try:
            commands.main(args=words, prog_name="flask")
        except SystemExit as done:
            if done.code:
                raise


def web(host: str, port: int, workers: int, threads: int) -> list[str]:
    """The command line of the web server."""
    return [
        *(sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"{host}:{port}"),
        *("--worker-class", "gthread", "--workers", str(workers), "--threads", str(threads)),
        *("--timeout", "60", "--graceful-timeout", "5", "--log-level", "warning"),
    ]


def start(command: list[str]) -> subprocess.Popen[bytes]:
    """Start one of the two processes, in a session of its own: Ctrl-C reaches this runner alone, which then stops
    both in order."""
    return subprocess.Popen(  # noqa: S603 our own programs, with arguments from this file
        command, cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL, start_new_session=True
    )


def await_answer(address: str, *processes: subprocess.Popen[bytes]) -> bool:
    """Whether ``address`` answers within a minute, while all ``processes`` live."""
    deadline = time.perf_counter() + START_SECONDS
    while time.perf_counter() < deadline and all(process.poll() is None for process in processes):
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 our own address, http by construction
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End ``processes``: all asked at once, each given a while, then by force."""
    for process in processes:
        process.terminate()
    deadline = time.perf_counter() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.perf_counter()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _asked_to_stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(signal.Signals(number).name)


def main(arguments: list[str] | None = None) -> int:
    """Run until somebody stops it (0) or one of the two processes ends by itself (1)."""
    parser = argparse.ArgumentParser(prog="python -m exchange.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=16)
    asked = parser.parse_args(arguments)
    reached = "127.0.0.1" if asked.host in {"0.0.0.0", "::"} else asked.host  # noqa: S104 compared, not bound
    os.environ.setdefault("PUBLIC_URL", f"http://{reached}:{asked.port}")
    try:
        prepare()
    except BadSetting as error:
        print(error, file=sys.stderr)  # noqa: T201 a person reads it
        return 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _asked_to_stop)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.append(start(web(asked.host, asked.port, asked.workers, asked.threads)))
        processes.append(start([sys.executable, "-m", "flask", "--app", "wsgi", "jobs"]))
        if await_answer(f"http://{reached}:{asked.port}/healthz", *processes):
            print(f"\n  Rongyi 榕易 is open at {os.environ['PUBLIC_URL']}   (Ctrl-C stops it)\n", flush=True)  # noqa: T201
            while all(process.poll() is None for process in processes):
                time.sleep(0.5)
        print("The web server or the jobs process has ended; stopping the other.", file=sys.stderr)  # noqa: T201
    except Stopped:
        return 0
    else:
        return 1
    finally:
        stop(processes)


if __name__ == "__main__":
    sys.exit(main())
