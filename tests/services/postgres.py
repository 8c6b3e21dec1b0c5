"""A private PostgreSQL: own cluster in a temporary folder, own port, gone at the end of the run."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType

import psycopg

from tests.services import Absent, free_port, install, stop

#: Nothing written here must outlive the run, so the safety of a power cut is given up for speed.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "timezone": "UTC",
}


def binaries() -> Path | None:
    """Return the newest folder with ``initdb`` and ``postgres`` in it, or None."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
        reverse=True,
    )
    on_path = shutil.which("initdb")
    found = [*debian, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((path for path in found if (path / "initdb").exists() and (path / "postgres").exists()), None)


def find() -> Path:
    """Return :func:`binaries`, installing them when strict.  Raises :class:`Absent`."""
    if binaries() is None:
        install("postgresql")
    found = binaries()
    if found is None:
        raise Absent("PostgreSQL: no initdb on this machine (Debian: apt-get install postgresql)")
    return found


def servant() -> str | None:
    """Return the user to run the server as: ``initdb`` refuses root.  None: the user we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise Absent("PostgreSQL: running as root, and there is no user `postgres` or `nobody` to run it as")


class Postgres:
    """A running server; ``with Postgres() as server: server.create_database()``."""

    def __init__(self) -> None:
        self.bin = find()
        self.user = servant()
        self.folder = Path(tempfile.mkdtemp(prefix="rongyi-pg-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Postgres":
        """Make the cluster and start it; ready for connections on return (a few seconds)."""
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        data = self.folder / "data"
        log = self.folder / "log"
        try:
            made = subprocess.run(
                self._command(
                    *("initdb", "-D", str(data), "-U", "rongyi", "-A", "trust"),
                    *("-E", "UTF8", "--locale=C", "--no-sync"),
                ),
                cwd=self.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            if made.returncode != 0:
                raise Absent(f"PostgreSQL: initdb failed: {made.stderr.strip().splitlines()[-1]}")
            settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
            with log.open("wb") as sink:
                self.process = subprocess.Popen(
                    self._command("postgres", "-D", str(data), "-k", str(self.folder), "-p", str(self.port))
                    + settings,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                )
            self._wait(log)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server by its process id and remove its folder."""
        if self.process is not None:
            # SIGINT is PostgreSQL's fast shutdown: it ends the sessions instead of waiting for them.
            if self.process.poll() is None:
                self.process.send_signal(2)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                stop(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def address(self) -> str:
        """The server's URL, with the maintenance database."""
        return f"postgresql://rongyi@127.0.0.1:{self.port}/postgres"

    def create_database(self, prefix: str = "t") -> str:
        """Make an empty database with a name nobody has, and return its URL."""
        return create_database(self.address, prefix)

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self.bin / program), *arguments]
        if self.user is None:
            return command
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user_group}", "--clear-groups", *command]

    @property
    def user_group(self) -> str:
        """The number of the group that the servant belongs to (``nobody``'s has another name)."""
        return str(pwd.getpwnam(self.user or "").pw_gid)

    def _wait(self, log: Path) -> None:
        assert self.process is not None
        deadline = time.perf_counter() + 30
        while time.perf_counter() < deadline:
            if self.process.poll() is not None:
                raise Absent(f"PostgreSQL: the server ended at once: {log.read_text()[-200:].strip()}")
            try:
                psycopg.connect(self.address, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise Absent("PostgreSQL: the server did not answer within 30 seconds")


def create_database(server: str, prefix: str = "t", template: str = "template0") -> str:
    """Make a database on ``server`` (a URL) as a copy of ``template``, and return its URL."""
    name = f"{prefix}_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" ENCODING \'UTF8\'')
    return f"{server.rsplit('/', 1)[0]}/{name}"


def drop_database(url: str) -> None:
    """Remove a database made by :func:`create_database`, ending whatever is still connected to it."""
    server, name = url.rsplit("/", 1)
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
