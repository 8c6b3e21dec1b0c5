"""Starters of the servers that tests need, each owned by the test run that started it.

A starter gives its server, or raises :class:`Absent` with one line that says what is missing.  With
``STRICT=1`` it first tries to install what is missing (Debian's packages, as root), and the run fails
where that is not to be had.
"""

import os
import shutil
import socket
import subprocess


class Absent(Exception):
    """A server that cannot be had here.  The message is one line for the reader of the test report."""


def strict() -> bool:
    """Whether a missing part fails the run (``STRICT=1``) instead of skipping its tests."""
    return os.environ.get("STRICT", "") not in {"", "0"}


def install(*packages: str) -> None:
    """Install Debian packages when strict, root and on Debian; quiet no-op otherwise.

    The caller looks again afterwards for what it needs, so a failure here needs no error of its own.
    """
    if not strict() or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
        subprocess.run(
            ["apt-get", *command],
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(process: subprocess.Popen[bytes] | subprocess.Popen[str], grace: float = 20) -> None:
    """End one process that this run started: politely first, by force after ``grace`` seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
