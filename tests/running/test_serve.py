"""``make run``: migrates, fills an empty market, starts web and jobs, and stops both together."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from tests.services import free_port, stop

# One worker: the demo market is loaded once.
pytestmark = pytest.mark.xdist_group("running")

ROOT = Path(__file__).resolve().parents[2]
FIRST_START, SECOND_START, END = 150.0, 20.0, 25.0


class Run:
    """One ``python -m exchange.serve`` with a folder and a port of its own."""

    def __init__(self, var: Path) -> None:
        self.port = free_port()
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if name not in {"DATABASE_URL", "SEARCH_URL"}
            },
            "VAR": str(var),
            "PYTHONUNBUFFERED": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exchange.serve", "--port", str(self.port), "--workers", "1"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def until_open(self, seconds: float) -> None:
        """Wait for the line that says the address."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            try:
                self.said.append(self._lines.get(timeout=0.2))
            except Empty:
                assert self.process.poll() is None, "".join(self.said)
                continue
            if f"http://127.0.0.1:{self.port}" in self.said[-1]:
                return
        pytest.fail(f"not open after {seconds} s:\n{''.join(self.said)}")

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return bytes(answer.read())

    def children(self) -> list[int]:
        """The process ids of web and jobs."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(number) for number in listed.split()]

    def ended(self) -> int:
        code = self.process.wait(END)
        self._reader.join(END)
        return code

    def close(self) -> None:
        stop(self.process, END)
        self._reader.join(END)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="module")
def filled(var: Path) -> Path:
    """The folder after a first start, which has loaded the demo market."""
    run = Run(var)
    try:
        run.until_open(FIRST_START)
        assert re.search(r"\S+@\S+", "".join(run.said)), "the demo logins are shown"
        assert "<html" in run.get("/").decode()
        run.process.send_signal(signal.SIGINT)
        assert run.ended() == 0
    finally:
        run.close()
    return var


@pytest.fixture
def second(filled: Path) -> Iterator[Run]:
    run = Run(filled)
    yield run
    run.close()


@pytest.mark.timeout(300)
def test_it_opens_and_ctrl_c_stops_both(second: Run) -> None:
    second.until_open(SECOND_START)
    assert json.loads(second.get("/healthz"))["status"] == "ok"
    pids = second.children()
    assert len(pids) == 2
    second.process.send_signal(signal.SIGINT)
    assert second.ended() == 0
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
    with pytest.raises(urllib.error.URLError):
        second.get("/healthz")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("which", [0, 1], ids=["web", "jobs"])
def test_when_one_process_ends_the_other_is_stopped(second: Run, which: int) -> None:
    second.until_open(SECOND_START)
    pids = second.children()
    os.kill(pids[which], signal.SIGKILL)
    assert second.ended() == 1
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_a_bad_setting_stops_the_start_with_its_name(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exchange.serve", "--port", str(free_port())],
        cwd=ROOT,
        env={**os.environ, "VAR": str(tmp_path), "JOBS": "sometimes"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "JOBS" in done.stderr
    assert "Traceback" not in done.stderr
