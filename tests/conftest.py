"""What every test stands on: one app per run, a rollback per test, a still clock, no network.

===================  ==========================================================================================
fixture              gives
===================  ==========================================================================================
``app``              the exchange on an empty database; one per run.  Use ``db_app`` or ``client`` to write
``db_app``           ``app`` inside an app context; whatever the test commits is rolled back after it
``client``           an HTTP client of ``db_app``; every request has a context and a session of its own
``clean_app``        an app on a database of its own, with real commits: for threads, processes, crashes
``make_clean_app``   a function that makes such apps (several, or with other settings)
``frozen_clock``     the instant at which ``db_app`` and ``client`` stand still (a Monday morning in Beijing)
``real_data``        the folder of real registry files (``REAL_DATA``, default ``../shared/data``)
``postgres``         the URL of an empty PostgreSQL database, whichever database the run is on
``es_url``           a real Elasticsearch, one node
``es_cluster``       a function that starts a cluster of its own: ``with es_cluster(3) as cluster``
``chromium``         the path of a browser
===================  ==========================================================================================

The run is on SQLite, or with ``DATABASE=postgresql`` (or ``TEST_DATABASE_URL``) on PostgreSQL.  A server that
is not to be had skips its tests with one line; with ``STRICT=1`` it fails them.
"""

import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import pytest

from tests.services import Absent, strict
from tests.services import chromium as chromium_service
from tests.services.elasticsearch import Elasticsearch
from tests.services.postgres import Postgres, create_database, drop_database

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]

#: 10:00 in Beijing on a Monday that is worked.
MOMENT = datetime(2026, 6, 15, 2, 0, tzinfo=UTC)

SETTINGS = "settings"
"""Where an app under test keeps its own settings."""

SECRET = "only-for-tests-only-for-tests-only-for-tests"


# -- what is here, what is not -------------------------------------------------------------------


def absent(reason: Absent) -> NoReturn:
    """End the test: a server it needs is not to be had."""
    if strict():
        pytest.fail(str(reason), pytrace=False)
    pytest.skip(str(reason))


def on_postgresql() -> bool:
    """Whether this run's database is PostgreSQL: ``DATABASE`` says so, or else ``TEST_DATABASE_URL`` is set."""
    named = os.environ.get("DATABASE") or ("postgresql" if os.environ.get("TEST_DATABASE_URL") else "sqlite")
    return named == "postgresql"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the second pass."""
    parser.addoption(
        "--database-only",
        action="store_true",
        help="leave out what gives the same answer on every database: tests without one, and the browser's",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the users of a heavy server on one worker, so that a run starts it once; pick the second pass."""
    if config.getoption("--database-only"):
        left_out = [item for item in items if not touches_database(item)]
        items[:] = [item for item in items if touches_database(item)]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for group, names in (("elasticsearch", {"es_url", "es_cluster"}), ("browser", {"chromium"})):
            if fixtures & names:
                item.add_marker(group)
                item.add_marker(pytest.mark.xdist_group(group))


def touches_database(item: pytest.Item) -> bool:
    """Whether the answer of ``item`` may depend on the run's database."""
    fixtures = set(getattr(item, "fixturenames", ()))
    return "databases" in fixtures and "chromium" not in fixtures


def pytest_report_header() -> str:
    """Say at the top which database the run is on."""
    return f"database: {'PostgreSQL' if on_postgresql() else 'SQLite'}; strict: {'yes' if strict() else 'no'}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, one line each, which parts were absent and how many tests that cost."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        terminalreporter.section("not here, so not tested")
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count:5d}  {reason}")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real registry files, read in place.  Skips where it is not, even when strict."""
    folder = Path(os.environ.get("REAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("real files: REAL_DATA names no folder, and ../shared/data is not there")
    return folder


# -- no network ----------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine: a test that needs one is wrong."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(own: socket.socket, address: Any) -> None:
        if own.family in {socket.AF_INET, socket.AF_INET6}:
            host = str(address[0])
            if not (host.startswith("127.") or host in {"::1", "localhost"}):
                raise RuntimeError(f"a test tried to reach {host}: the network is off")

    def guarded(own: socket.socket, address: Any) -> None:
        check(own, address)
        connect(own, address)

    def guarded_ex(own: socket.socket, address: Any) -> int:
        check(own, address)
        return connect_ex(own, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket.socket, "connect_ex", guarded_ex)
        yield


# -- databases -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server's maintenance database: ``TEST_DATABASE_URL``'s, or a private one."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given.replace("postgresql+psycopg://", "postgresql://", 1)
        return
    try:
        server = Postgres()
    except Absent as reason:
        absent(reason)
    with ExitStack() as stack:
        try:
            stack.enter_context(server)
        except Absent as reason:
            absent(reason)
        yield server.address


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, whichever database the run is on."""
    url = create_database(postgres_server)
    yield url
    drop_database(url)


class Databases:
    """Makes empty databases, migrated once and then copied: on SQLite a file, on PostgreSQL a template."""

    def __init__(self, folder: Path, server: str | None) -> None:
        self.folder = folder
        self.server = server
        self.made = 0
        self.template = self._first()

    def url(self) -> str:
        """The URL of a fresh database with all tables and no rows."""
        self.made += 1
        if self.server is not None:
            return create_database(self.server, template=self.template.rsplit("/", 1)[1])
        target = self.folder / f"copy{self.made}.db"
        shutil.copy(self.template.removeprefix("sqlite:///"), target)
        return f"sqlite:///{target}"

    def drop(self, url: str) -> None:
        """Remove a database that :meth:`url` gave."""
        if self.server is not None:
            drop_database(url)

    def _first(self) -> str:
        url = (
            f"sqlite:///{self.folder / 'template.db'}"
            if self.server is None
            else create_database(self.server)
        )
        from flask_migrate import upgrade

        from exchange.core.db import db

        app = create_app(settings(url, self.folder))
        with app.app_context():
            upgrade()
            db.engine.dispose()
        if self.server is None:
            # Whole in one file, so that copying it copies everything.
            with closing(sqlite3.connect(self.folder / "template.db")) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return url


def create_app(overrides: dict[str, str]) -> "Flask":
    """The exchange.  Imported when it is first wanted: a test of pure rules need not wait for the whole house."""
    from exchange.app import create_app as whole
    from exchange.core import config

    made = whole(overrides)
    made.extensions[SETTINGS] = config.settings()
    return made


def in_force(app: "Flask") -> None:
    """Let the settings of ``app`` count again, after another app has been made in this process."""
    from exchange.core import config

    config.use(app.extensions[SETTINGS])


def settings(database_url: str, folder: Path, **others: str) -> dict[str, str]:
    """The settings of an app under test: everything it writes goes to ``folder``."""
    return {
        "DATABASE_URL": database_url,
        "SEARCH_URL": "",
        "SECRET_KEY": SECRET,
        "FILES_URL": f"file://{folder / 'files'}",
        "MAIL_URL": f"file://{folder / 'mail'}",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "ENVIRONMENT": "development",
        "JOBS": "off",
        "VAR": str(folder / "var"),
        **others,
    }


@pytest.fixture(scope="session")
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """The maker of databases for this run."""
    server = request.getfixturevalue("postgres_server") if on_postgresql() else None
    made = Databases(tmp_path_factory.mktemp("databases"), server)
    yield made
    made.drop(made.template)


# -- apps ----------------------------------------------------------------------------------------


class OwnContext:
    """Gives every request an app context of its own, as a server does, even where the test is inside one.

    Without it Flask would share the test's ``g``, and with it the logged-in user, among all requests.
    """

    def __init__(self, app: "Flask") -> None:
        self.app = app
        self.inner = app.wsgi_app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        """Answer one request."""
        from flask import has_app_context

        from exchange.core.db import in_transaction, session

        if has_app_context() and not in_transaction():
            # The test's own read must not enclose what the request commits.
            session.rollback()
        with self.app.app_context():
            return self.inner(environ, start_response)


@pytest.fixture(scope="session")
def app(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Flask"]:
    """The exchange on an empty database of this run."""
    from exchange.core.db import db

    url = databases.url()
    made: Flask = create_app(settings(url, tmp_path_factory.mktemp("app")))
    made.testing = True
    made.wsgi_app = OwnContext(made)  # type: ignore[method-assign]
    yield made
    with made.app_context():
        db.engine.dispose()
    databases.drop(url)


@pytest.fixture
def frozen_clock() -> Iterator[datetime]:
    """Let the exchange's clock stand still; ``clock.advance`` moves it."""
    from exchange.core import clock

    with clock.frozen(MOMENT):
        yield MOMENT


@contextmanager
def undone(app: "Flask") -> Iterator[None]:
    """An app context of ``app`` in which whatever is committed is undone at the end.

    The block and its requests share one connection inside an outer transaction, and their sessions commit
    savepoints (architecture.md §2.3).
    """
    from exchange.core.db import db, session

    in_force(app)
    with app.app_context():
        engine = db.engine
        engines = cast("dict[str | None, Any]", db.engines)
        with engine.connect() as connection:
            outer = connection.begin()
            engines[None] = connection
            session.configure(join_transaction_mode="create_savepoint")
            try:
                yield
            finally:
                session.remove()
                session.configure(join_transaction_mode="conditional_savepoint")
                engines[None] = engine
                outer.rollback()


@pytest.fixture
def db_app(app: "Flask", frozen_clock: datetime) -> Iterator["Flask"]:
    """``app`` inside an app context; all that the test commits is undone after it. Threads need ``clean_app``."""
    with undone(app):
        yield app


@pytest.fixture
def client(db_app: "Flask") -> "FlaskClient":
    """An HTTP client without a session; log in with the helpers of ``tests/given.py``."""
    return db_app.test_client()


@pytest.fixture
def make_clean_app(databases: Databases, tmp_path: Path) -> Iterator[Callable[..., "Flask"]]:
    """A function ``make(**settings) -> Flask``: each app has a database of its own and commits for real."""
    from exchange.core import config
    from exchange.core.db import db

    kept = list(config._current)
    made: list[tuple[Flask, str]] = []

    def make(**others: str) -> "Flask":
        url = databases.url()
        folder = tmp_path / f"app{len(made)}"
        folder.mkdir()
        fresh: Flask = create_app(settings(url, folder, **others))
        fresh.testing = True
        made.append((fresh, url))
        return fresh

    yield make
    for fresh, url in made:
        with fresh.app_context():
            db.engine.dispose()
        databases.drop(url)
    config._current[:] = kept


@pytest.fixture
def clean_app(make_clean_app: Callable[..., "Flask"]) -> "Flask":
    """An app on a database of its own, with real commits and a running clock; not inside a context."""
    return make_clean_app()


# -- search and browser --------------------------------------------------------------------------


@pytest.fixture(scope="session")
def es_url() -> Iterator[str]:
    """The address of a real Elasticsearch: ``TEST_SEARCH_URL``, or one node of our own."""
    given = os.environ.get("TEST_SEARCH_URL")
    if given:
        yield given
        return
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(Elasticsearch())
        except Absent as reason:
            absent(reason)
        yield cluster.url


@pytest.fixture(scope="session")
def es_cluster() -> Callable[[int], AbstractContextManager[Elasticsearch]]:
    """A function that starts a cluster of several nodes of its own."""

    def start(nodes: int) -> AbstractContextManager[Elasticsearch]:
        try:
            return Elasticsearch(nodes)
        except Absent as reason:
            absent(reason)

    return start


@pytest.fixture(scope="session")
def browser(chromium: str) -> "Iterator[Browser]":
    """One browser for the run: its driver cannot be started twice in a process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=chromium_service.FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    try:
        return chromium_service.path()
    except Absent as reason:
        absent(reason)
