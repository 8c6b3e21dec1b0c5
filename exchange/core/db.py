"""The database: one base, one way to write, one way to lock; SQLite and PostgreSQL behave alike.

Every write happens inside ``transaction()``. On SQLite it begins IMMEDIATE, so the writer is alone from its first
statement; on PostgreSQL rows are locked by ``lock()`` in a fixed order. A read that came before is ended first:
a snapshot that is upgraded to a writer fails on SQLite whatever the time-out (architecture.md §2.1).
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import Enum as PyEnum
from typing import Any, ParamSpec, TypeVar, cast, overload

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Enum,
    Executable,
    Integer,
    MetaData,
    String,
    event,
    select,
)
from sqlalchemy.engine import Connection, CursorResult, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    declared_attr,
    mapped_column,
    registry,
    scoped_session,
)
from sqlalchemy.types import TypeDecorator

from exchange.core import clock, refs
from exchange.core.errors import NotFound

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound="Base")


class UTCDateTime(TypeDecorator[datetime]):
    """An instant. Only aware values go in; aware UTC comes out, on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database. Raises ``ValueError`` for a naive value."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in time; pass an aware one")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database, always aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = BigInteger().with_variant(Integer, "sqlite")
Fen = BigInteger
Json = JSON


class Base(DeclarativeBase):
    """The base of every table. Constraints are named by convention so that migrations can name them too."""

    registry = registry(
        type_annotation_map={datetime: UTCDateTime, dict[str, Any]: JSON, list[str]: JSON},
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)


class Referenced:
    """A thing with a public reference. The class says its type: ``REF = "LS"``."""

    REF: str

    @declared_attr
    def ref(cls) -> Mapped[str]:  # noqa: N805  declared_attr passes the class
        """The public reference."""
        prefix = cls.REF
        return mapped_column(String(16), unique=True, default=lambda: refs.new(prefix))


class Versioned:
    """A thing that people change: ``version`` counts its changes (ETag, search index), with two instants."""

    version: Mapped[int] = mapped_column(BigInteger, nullable=False, default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805  as above
        return {"version_id_col": cls.version}


def append_only_ddl(table: str, dialect: str) -> list[str]:
    """The statements that make the database itself refuse UPDATE and DELETE on ``table``."""
    if dialect == "postgresql":
        return [
            (
                "CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
            ),
            (
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
            ),
        ]
    return [
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for act in ("UPDATE", "DELETE")
    ]


def append_only(model: type[M]) -> type[M]:
    """Class decorator: rows of ``model`` are written once (money, evidence); the database refuses to change them."""
    table = model.__table__
    for dialect in ("sqlite", "postgresql"):
        for statement in append_only_ddl(str(model.__tablename__), dialect):
            event.listen(
                table,
                "after_create",
                DDL(statement.replace("%", "%%")).execute_if(dialect=dialect),  # type: ignore[no-untyped-call]
            )
    APPEND_ONLY.append(str(model.__tablename__))
    return model


APPEND_ONLY: list[str] = []
"""The tables guarded so."""


def enum_column(kind: type[PyEnum], name: str, length: int = 32) -> Enum:
    """A column type for ``kind`` stored by value, with a CHECK named ``name`` (no native enums)."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=length,
        values_callable=lambda members: [member.value for member in members],
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
session: scoped_session[Session] = db.session  # type: ignore[assignment]  # the base class is what we use


_writing: ContextVar[bool] = ContextVar("writing", default=False)


@event.listens_for(Engine, "connect")
def _prepare_connection(dbapi_connection: Any, _record: Any) -> None:
    if dbapi_connection.__class__.__module__.startswith("sqlite3"):
        dbapi_connection.isolation_level = None  # we say BEGIN ourselves
        cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()
    elif dbapi_connection.__class__.__module__.startswith("psycopg"):
        with dbapi_connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '10s'")
            cursor.execute("SET idle_in_transaction_session_timeout = '120s'")
        dbapi_connection.commit()


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")


_DEPTH = "transaction_depth"
_AFTER = "after_commit"


@event.listens_for(Session, "before_flush")
def _only_inside_a_transaction(session_: Session, *_: Any) -> None:
    if not session_.info.get(_DEPTH) and (session_.new or session_.dirty or session_.deleted):
        raise RuntimeError("a write outside transaction()")


def after_commit(work: Callable[[], None]) -> None:
    """Run ``work`` once after the present outermost transaction has committed; never if it rolls back."""
    session().info.setdefault(_AFTER, []).append(work)


_failpoint: Callable[[str], None] | None = None


def set_failpoint(fail: Callable[[str], None] | None) -> None:
    """Let ``fail(name)`` see every commit boundary (crash tests); ``None`` takes it away."""
    global _failpoint  # noqa: PLW0603  one process, one crash test
    _failpoint = fail


def failpoint(name: str) -> None:
    """A boundary at which a crash test may stop the process. Does nothing in production."""
    if _failpoint is not None:
        _failpoint(name)


@contextmanager
def _unit_of_work() -> Iterator[Session]:
    """The outermost transaction: end the read snapshot, begin for writing, commit or roll back."""
    current = session()
    if current.info.get(_DEPTH):
        raise RuntimeError("already inside a transaction")
    current.rollback()
    token = _writing.set(True)
    current.info[_DEPTH] = 1
    current.info[_AFTER] = []
    try:
        current.connection()
        yield current
        current.flush()
        failpoint("before commit")
        current.commit()
    except BaseException:
        current.rollback()
        raise
    finally:
        current.info[_DEPTH] = 0
        _writing.reset(token)
    work = current.info.pop(_AFTER, [])
    failpoint("after commit")
    for item in work:
        item()


def in_transaction() -> bool:
    """Whether the present session is inside ``transaction()``."""
    return bool(session().info.get(_DEPTH))


_RETRY_STATES = {"40001", "40P01", "55P03"}
"""PostgreSQL: serialisation failure, deadlock, lock not available."""

_TRIES = 4


def _worth_a_retry(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _RETRY_STATES


def _repeating(verb: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(verb)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if in_transaction():
            return verb(*args, **kwargs)
        for attempt in range(1, _TRIES):
            try:
                with _unit_of_work():
                    return verb(*args, **kwargs)
            except DBAPIError as error:
                if not _worth_a_retry(error):
                    raise
                time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311  only spreads the retries
        with _unit_of_work():
            return verb(*args, **kwargs)

    return wrapped


@contextmanager
def _block() -> Iterator[Session]:
    if in_transaction():
        yield session()
        return
    with _unit_of_work() as current:
        yield current


@overload
def transaction() -> AbstractContextManager[Session]: ...
@overload
def transaction(verb: Callable[P, R]) -> Callable[P, R]: ...
def transaction(verb: Callable[P, R] | None = None) -> Any:
    """One unit of work, as a decorator on a verb or as a block around several verbs.

    Joins an outer one. The outermost begins, commits, rolls back on any error, and as a decorator repeats the verb
    on a deadlock or serialisation failure of PostgreSQL (three times at most, with a short random pause).
    """
    return _block() if verb is None else _repeating(verb)


def lock(model: type[M], which: str | int | M) -> M:
    """The row of ``model`` by reference, id or object, freshly read and locked until the transaction ends.

    On SQLite the writer is alone already, so this only re-reads. Raises ``NotFound`` where there is none and
    ``RuntimeError`` outside ``transaction()``.
    """
    return lock_all(model, [which])[0]


def lock_all(model: type[M], which: Iterable[str | int | M]) -> list[M]:
    """Lock several rows in the order of their ids (so that two lockers never wait for each other).

    The answer has the order of ``which``. Raises ``NotFound`` where one is missing.
    """
    if not in_transaction():
        raise RuntimeError("lock() outside transaction()")
    wanted = list(which)
    refs_ = [key for key in wanted if isinstance(key, str)]
    ids = {key if isinstance(key, int) else key.id for key in wanted if not isinstance(key, str)}
    by_ref: dict[str, int] = {}
    if refs_:
        column = model.ref  # type: ignore[attr-defined]
        rows = session.execute(select(column, model.id).where(column.in_(refs_)))
        by_ref = {ref: id_ for ref, id_ in rows}  # noqa: C416  Result has keys(), so dict() misreads it
        ids |= set(by_ref.values())
    query = (
        select(model)
        .where(model.id.in_(ids))
        .order_by(model.id)
        .with_for_update(of=model)
        .execution_options(populate_existing=True)
    )
    found = {row.id: row for row in session.scalars(query).unique()}
    answer = []
    for key in wanted:
        id_ = by_ref.get(key) if isinstance(key, str) else key if isinstance(key, int) else key.id
        row = found.get(id_) if id_ is not None else None
        if row is None:
            raise NotFound
        answer.append(row)
    return answer


def changed(statement: Executable) -> int:
    """Carry out an UPDATE or DELETE and tell how many rows it changed."""
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def get(model: type[M], ref: str) -> M:
    """The row of ``model`` with the public reference ``ref``. Raises ``NotFound``."""
    column = model.ref  # type: ignore[attr-defined]
    row: M | None = session.scalars(select(model).where(column == ref)).one_or_none()
    if row is None:
        raise NotFound
    return row
