"""``make run``: bring the database up to date, fill an empty one, start web and jobs, stop both together.

In production the two processes belong to the machine's own supervisor (``docs/deployment.md``); this runner is
for one person on one machine. It reads the code once and forks: a start takes as long as one import.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from types import FrameType

from flask.cli import FlaskGroup
from gunicorn.app.wsgiapp import run as gunicorn

from exchange import jobs
from exchange.app import create_app
from exchange.core import config

START_SECONDS = 60
STOP_SECONDS = 15
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked the runner to stop."""


def prepare() -> None:
    """Migrate the database, load the demo market into an empty one, and show its logins.

    Raises ``SystemExit`` where a command refuses, with the exit code of that command.
    """
    app = create_app()
    commands = FlaskGroup(create_app=lambda: app, load_dotenv=False)
    for words in (["db", "upgrade"], ["demo", "load", "--if-empty", "--listings", "120"]):
        try:
            commands.main(args=words, prog_name="flask")
        except SystemExit as done:
            if done.code:
                raise


def web(host: str, port: int, workers: int, threads: int) -> None:
    """Be the web server."""
    sys.argv = [
        *("gunicorn", "wsgi:app", "--bind", f"{host}:{port}", "--chdir", str(config.ROOT)),
        *("--worker-class", "gthread", "--workers", str(workers), "--threads", str(threads)),
        *("--timeout", "60", "--graceful-timeout", "5", "--log-level", "warning"),
    ]
    gunicorn()


def work_off() -> None:
    """Be the jobs process."""
    jobs.run_forever(create_app())


def start(work: Callable[..., None], *arguments: object, apart: bool = True) -> ForkProcess:
    """Let a process of its own do ``work``.

    ``apart``: in a session of its own, so that Ctrl-C reaches this runner alone, which then stops both in order.
    """

    def run() -> None:
        for number in SIGNALS:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        if apart:
            os.setsid()
        work(*arguments)

    process = get_context("fork").Process(target=run)
    process.start()
    return process


def await_answer(address: str, processes: list[ForkProcess]) -> bool:
    """Whether ``address`` answers within a minute, while all ``processes`` live."""
    deadline = time.perf_counter() + START_SECONDS
    while time.perf_counter() < deadline and all(process.is_alive() for process in processes):
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 our own address, http by construction
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False


def stop(processes: list[ForkProcess]) -> None:
    """End ``processes``: all asked at once, each given a while, then by force."""
    for process in processes:
        process.terminate()
    deadline = time.perf_counter() + STOP_SECONDS
    for process in processes:
        process.join(max(0.1, deadline - time.perf_counter()))
        if process.is_alive():
            process.kill()
            process.join()


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
        config.load()
    except config.BadSetting as error:
        print(error, file=sys.stderr)  # noqa: T201 a person reads it
        return 1
    for number in SIGNALS:
        signal.signal(number, _asked_to_stop)
    processes: list[ForkProcess] = []
    try:
        processes.append(start(prepare, apart=False))
        processes[0].join()
        if processes.pop().exitcode != 0:
            return 1
        processes.append(start(web, asked.host, asked.port, asked.workers, asked.threads))
        processes.append(start(work_off))
        if await_answer(f"http://{reached}:{asked.port}/healthz", processes):
            print(f"\n  Rongyi 榕易 is open at {os.environ['PUBLIC_URL']}   (Ctrl-C stops it)\n", flush=True)  # noqa: T201
            while all(process.is_alive() for process in processes):
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
