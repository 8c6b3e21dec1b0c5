"""A real exchange for stories over HTTP: its own database, gunicorn and the jobs process, on a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import ROOT, settings
from tests.services import free_port

PASSWORD = "nine-herons-at-dawn"


class Exchange:
    """A running exchange: ``url``, and commands against the same database."""

    def __init__(self, database_url: str, folder: Path, **others: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            **settings(database_url, folder, PUBLIC_URL=self.url, JOBS="process", **others),
            "PYTHONPATH": str(ROOT),
        }
        self.log = (folder / "server.log").open("wb")
        self.processes: list[subprocess.Popen[bytes]] = []
        self.browsers: list[httpx.Client] = []

    def flask(self, *words: str, stdin: str | None = None) -> str:
        """Run a command of the house; its standard output. Fails where it refuses."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *words],
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"flask {' '.join(words)}: {done.stderr[-2000:]}"
        return done.stdout

    def start(self) -> None:
        """Start web and jobs and wait until the exchange is ready."""
        gunicorn = ["-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{self.port}"]
        for words in (
            [*gunicorn, "--worker-class", "gthread", "--threads", "8", "--log-level", "warning"],
            ["-m", "flask", "--app", "wsgi", "jobs"],
        ):
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, *words],
                    cwd=ROOT,
                    env=self.environment,
                    stdout=self.log,
                    stderr=self.log,
                    start_new_session=True,
                )
            )
        last = ""
        for _ in range(300):
            try:
                answer = httpx.get(f"{self.url}/readyz")
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.status_code == 200:
                return
            last = answer.text
            time.sleep(0.1)
        raise AssertionError(f"the exchange did not start: {last} {self.said()}")

    def said(self) -> str:
        """The end of its log."""
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        """End both processes, and every browser."""
        for browser in self.browsers:
            browser.close()
        for process in self.processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.log.close()


@contextmanager
def running(database_url: str, folder: Path, **others: str) -> Iterator[Exchange]:
    """An exchange that runs until the block ends."""
    exchange = Exchange(database_url, folder, **others)
    try:
        exchange.start()
        yield exchange
    finally:
        exchange.stop()


def until(what: str, ask: Any, seconds: float = 20.0) -> Any:
    """The first true answer of ``ask()``; fails with ``what`` after ``seconds``."""
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"never happened: {what}")


class Person:
    """Somebody with a browser that keeps cookies, and (after ``take_token``) a program that has a token."""

    def __init__(self, exchange: Exchange, email: str) -> None:
        self.exchange = exchange
        self.email = email
        self.browser = httpx.Client(base_url=exchange.url, follow_redirects=True, timeout=60)
        exchange.browsers.append(self.browser)
        self.token: str | None = None
        self.count = 0

    def csrf(self, path: str = "/login") -> str:
        """The form token of a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.browser.get(path).text)
        assert found, f"no form on {path}"
        return found[1]

    def sign_in(self) -> Person:
        """Sign in with the password."""
        page = self.browser.post(
            "/login", data={"email": self.email, "password": PASSWORD, "csrf_token": self.csrf()}
        )
        assert page.status_code == 200, page.text[-2000:]
        assert "/login" not in str(page.url), page.url
        return self

    def take_token(self) -> Person:
        """Make a token in the session, and use it from now on."""
        answer = self.browser.post(
            "/api/v1/tokens",
            json={"label": "script", "scopes": ["all"]},
            headers={"X-CSRFToken": self.csrf("/account"), "Referer": self.exchange.url},
        )
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["token"]
        return self

    def call(self, method: str, path: str, *, expect: int = 200, key: bool = True, **more: Any) -> Any:
        """Ask the API; the JSON of the answer. Every unsafe call carries a fresh Idempotency-Key."""
        self.count += 1
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        if key and method != "GET" and "files" not in more:
            headers.setdefault("Idempotency-Key", f"{self.email}:{self.count}")
        answer = httpx.request(
            method, f"{self.exchange.url}/api/v1{path}", headers=headers, timeout=60, **more
        )
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text[:1500]}"
        return answer.json() if answer.content else None

    def get(self, path: str, **more: Any) -> Any:
        """GET."""
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """POST of a JSON body."""
        return self.call("POST", path, json=body or {}, **more)
