"""Bringing a file of rights in: the same file is the same import, a broken run goes on, two at once do no harm.

Rows go in by the thousand, each thousand in a transaction that also counts them, so that a run knows where the one
before it stopped; two runs of one file share the work under the lock of their import. One event tells of the whole.
"""

from __future__ import annotations

import gc
import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from exchange.core import clock, due, files, log
from exchange.core.db import after_commit, failpoint, get, lock, session, transaction
from exchange.core.errors import N_, DomainError, NotAllowed, NotFound, RuleBroken, fill
from exchange.core.events import record
from exchange.parties.models import Membership, Party, PartyKind, Role, User
from exchange.parties.policy import Actor, Permission, exchange_roles
from exchange.rights import history, sandbox
from exchange.rights import source as sources
from exchange.rights.batch import Batch, Counts
from exchange.rights.entry import hash_of, identity_of
from exchange.rights.formats.record import Mapping, Problem, Refused, Row
from exchange.rights.models import ImportStatus, Publication, Right, RightImport
from exchange.rights.source import Source

BATCH = 4000
"""Rows in one transaction: less than half a second, so that nobody else waits long to write."""
MAX_PROBLEMS = 5000
"""How many problems of a file are kept; all are counted."""
AT_ONCE = 2000
"""Files with more rows than this go to the jobs process when they come through the web."""
DUE = "right_import"
LOOK_AGAIN = timedelta(minutes=5)
_TRIES = 6

T = TypeVar("T")
Progress = Callable[[int], None]


@dataclass
class Report:
    """What became of a file: counts of rows, problems by row, seconds. ``ref`` is empty for a dry run."""

    ref: str | None
    format: str
    counts: Counts
    problems: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The answer of ``flask rights import --json`` (interface.md)."""
        return {
            "ref": self.ref,
            "format": self.format,
            **asdict(self.counts),
            "problems": [
                {
                    "line": problem["line"],
                    "column": problem["column"],
                    "code": problem["code"],
                    "severity": problem["severity"],
                    "message": fill(problem["message"], problem["params"]),
                }
                for problem in self.problems
            ],
            "seconds": round(self.seconds, 3),
        }


def import_file(
    actor: Actor,
    path: Path,
    *,
    owner: Party | None = None,
    filename: str | None = None,
    fmt: str = sandbox.AUTO,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Bring the rights of a file in; with ``owner`` claim a holding for that party in those it owns of record.

    The same file for the same party is the same import: what is there is counted as unchanged, a run that died goes
    on where it stopped. ``dry_run`` writes nothing. ``progress`` hears how many rows are done. Raises ``NotAllowed``,
    and ``RuleBroken`` with the reason for a file that cannot be read; rows before the place where it breaks off stay.
    """
    started = time.perf_counter()
    _may(actor, owner)
    source = _source(actor)
    try:
        with _rare_collections():
            if dry_run:
                report = _dry(path, fmt, source, owner, progress)
            else:
                import_ = _begin(actor, owner, _sha256(path), filename or path.name)
                report = _run(actor, import_, path, fmt, source, owner, progress)
    except Refused as refused:
        raise refusal(refused) from refused
    report.seconds = time.perf_counter() - started
    return report


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Rows come and go by the hundred thousand and hold no cycles: look for garbage less often meanwhile."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def refusal(refused: Refused) -> RuleBroken:
    """A reader's refusal as one of the exchange."""
    return RuleBroken(refused.code, refused.message, field="file", **refused.params)


def _may(actor: Actor, owner: Party | None) -> None:
    actor.must(Permission.RIGHT_IMPORT)
    if owner is None or _for_the_exchange(actor):
        return
    if actor.party is None or owner.id != actor.party.id:
        raise NotAllowed(
            "import.owner",
            N_("You can claim holdings for your own organisation only."),
            field="owner",
            rule=Permission.RIGHT_IMPORT.value,
        )


def _for_the_exchange(actor: Actor) -> bool:
    if actor.system:
        return True
    return actor.party is not None and bool(exchange_roles(actor.party, actor.roles) & {Role.OPERATOR})


def _source(actor: Actor) -> Source:
    if _for_the_exchange(actor):
        return Source(sources.OPERATOR)
    return Source(sources.IMPORT, actor.party_ref or "")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- one import -----------------------------------------------------------------------------------


def _find(owner: Party | None, sha256: str) -> RightImport | None:
    mine = RightImport.party_id == owner.id if owner is not None else RightImport.party_id.is_(None)
    return session.scalar(
        select(RightImport)
        .where(mine, RightImport.sha256 == sha256)
        .execution_options(populate_existing=True)
        .with_for_update()
    )


def _begin(actor: Actor, owner: Party | None, sha256: str, filename: str) -> RightImport:
    """The import of this file for this party, running. One that is done begins again, one that broke off goes on."""
    return _retried(lambda: _take(actor, owner, sha256, filename, start=True))


def _retried(verb: Callable[[], T]) -> T:
    """``verb()``, again where another process made one of the same rows in the meantime."""
    for _ in range(_TRIES - 1):
        try:
            return verb()
        except IntegrityError:
            log.get("rights").info("import_again")
    return verb()


@transaction
def _take(actor: Actor, owner: Party | None, sha256: str, filename: str, *, start: bool) -> RightImport:
    import_ = _find(owner, sha256)
    if import_ is None:
        import_ = RightImport(
            party_id=owner.id if owner is not None else None,
            user_ref=actor.user_ref,
            sha256=sha256,
            filename=files.clean_name(filename)[:255],
        )
        session.add(import_)
    if start and import_.status is not ImportStatus.RUNNING:
        if import_.status is not ImportStatus.DONE or not _all_there(import_):
            _count(import_, Counts())
            import_.problems, import_.row_hashes, import_.reason = [], None, None
        import_.status, import_.finished_at = ImportStatus.RUNNING, None
    session.flush()
    return import_


def _all_there(import_: RightImport) -> bool:
    """Whether every row of a finished import is still in the tables as it was: then it need not be read again."""
    kept = import_.row_hashes
    if kept is None:
        return False
    hashes = [kept[at : at + 16].hex() for at in range(0, len(kept), 16)]
    for start in range(0, len(hashes), BATCH * 5):
        some = set(hashes[start : start + BATCH * 5])
        found = set(session.scalars(select(Publication.row_hash).where(Publication.row_hash.in_(some))))
        if rest := some - found:
            found |= set(session.scalars(select(Right.row_hash).where(Right.row_hash.in_(rest))))
        if some - found:
            return False
    return True


def _count(import_: RightImport, counts: Counts) -> None:
    for name, value in asdict(counts).items():
        setattr(import_, name, value)


def _counts(import_: RightImport) -> Counts:
    return Counts(**{name: getattr(import_, name) for name in asdict(Counts())})


def _report(import_: RightImport) -> Report:
    return Report(import_.ref, import_.format, _counts(import_), list(import_.problems))


def _run(
    actor: Actor,
    import_: RightImport,
    path: Path,
    fmt: str,
    source: Source,
    owner: Party | None,
    progress: Progress | None,
) -> Report:
    if import_.row_hashes is not None:
        return _report(_finish_unchanged(actor, import_.ref))
    hashes: list[str] = []
    seen: dict[str, str] = {}
    try:
        with sandbox.stream(path, fmt, today=clock.today()) as (key, rows):
            _name_format(import_.ref, key)
            done = 0
            for some, count in batches(rows):
                hashes += _batch(actor, import_.ref, done, some, source, owner, seen)
                done += count
                if progress is not None:
                    progress(done)
    except Refused as refused:
        _refuse(actor, import_.ref, refused)
        raise
    return _report(_finish(actor, import_.ref, done, hashes))


def batches(rows: Iterable[Row], size: int = BATCH) -> Iterator[tuple[list[tuple[Row, str]], int]]:
    """Rows with their hashes by the thousand; remarks about the file go along uncounted."""
    some: list[tuple[Row, str]] = []
    count = 0
    for row in rows:
        some.append((row, hash_of(row.record) if row.record is not None else ""))
        count += row.counts
        if count == size:
            yield some, count
            some, count = [], 0
    if some:
        yield some, count


@transaction
def _name_format(ref: str, key: str) -> None:
    lock(RightImport, ref).format = key


def _batch(
    actor: Actor,
    ref: str,
    done: int,
    rows: list[tuple[Row, str]],
    source: Source,
    owner: Party | None,
    seen: dict[str, str],
) -> list[str]:
    """Write one batch that begins after ``done`` rows; the hashes of its rows that are in the tables."""
    hashes = _retried(lambda: _write_batch(actor, ref, done, rows, source, owner, seen))
    for row, hash_ in rows:
        if row.record is not None:
            seen.setdefault(identity_of(row.record), hash_)
    return hashes


@transaction
def _write_batch(
    actor: Actor,
    ref: str,
    done: int,
    rows: list[tuple[Row, str]],
    source: Source,
    owner: Party | None,
    seen: dict[str, str],
) -> list[str]:
    import_ = lock(RightImport, ref)
    rest = _not_yet(rows, import_.read - done)
    written = rows[: len(rows) - len(rest)]
    before_rest = {
        identity_of(row.record): hash_ for row, hash_ in reversed(written) if row.record is not None
    }
    batch = Batch(source, owner, {**before_rest, **seen} if before_rest else seen)
    if import_.status is ImportStatus.RUNNING and any(row.counts for row, _ in rest):
        batch.plan(rest)
        for right, events in batch.write():
            history.announce(actor, lock(Right, right), events)
        before = asdict(_counts(import_))
        _count(import_, Counts(**{name: before[name] + more for name, more in asdict(batch.counts).items()}))
        if batch.problems and len(import_.problems) < MAX_PROBLEMS:
            fresh = [_kept(problem) for problem in batch.problems]
            import_.problems = [*import_.problems, *fresh][:MAX_PROBLEMS]
        failpoint("rights imported")
        if len(rest) == len(rows):
            return batch.hashes
    return [hash_ for row, hash_ in rows if row.record is not None]  # another run wrote them


def _not_yet(rows: list[tuple[Row, str]], done: int) -> list[tuple[Row, str]]:
    """The rows after the first ``done`` that count."""
    if done <= 0:
        return rows
    for at, (row, _) in enumerate(rows):
        done -= row.counts
        if done < 0:
            return rows[at:]
    return []


def _kept(problem: Problem) -> dict[str, Any]:
    return {
        "line": problem.line,
        "column": problem.column,
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "params": problem.params,
    }


@transaction
def _finish(actor: Actor, ref: str, total: int, hashes: list[str]) -> RightImport:
    import_ = lock(RightImport, ref)
    if import_.status is not ImportStatus.RUNNING:
        return import_
    import_.total = total
    import_.row_hashes = b"".join(bytes.fromhex(hash_) for hash_ in hashes)
    return _done(actor, import_)


@transaction
def _finish_unchanged(actor: Actor, ref: str) -> RightImport:
    """A second run of a file whose rows are all there: nothing to read, everything unchanged."""
    import_ = lock(RightImport, ref)
    if import_.status is not ImportStatus.RUNNING:
        return import_
    read, rejected = import_.read, import_.rejected
    _count(import_, Counts(read, 0, 0, read - rejected, rejected, import_.warned))
    return _done(actor, import_)


def _done(actor: Actor, import_: RightImport) -> RightImport:
    import_.status, import_.finished_at, import_.queued_at = ImportStatus.DONE, clock.now(), None
    due.clear(DUE, import_.ref)
    record(actor, "right.imported", import_, **asdict(_counts(import_)), format=import_.format)
    return import_


@transaction
def _refuse(actor: Actor, ref: str, refused: Refused) -> None:
    import_ = lock(RightImport, ref)
    import_.status, import_.finished_at, import_.queued_at = ImportStatus.REFUSED, clock.now(), None
    due.clear(DUE, ref)
    import_.reason = str(refused)
    problem = Problem(0, "", refused.code, "error", refused.message, refused.params)
    import_.problems = [*import_.problems, _kept(problem)][-MAX_PROBLEMS:]
    record(actor, "right.import_refused", import_, code=refused.code)


def _dry(path: Path, fmt: str, source: Source, owner: Party | None, progress: Progress | None) -> Report:
    """Plan every row as a run would, and write nothing."""
    seen: dict[str, str] = {}
    total = Counts()
    problems: list[dict[str, Any]] = []
    with sandbox.stream(path, fmt, today=clock.today()) as (key, rows):
        for some, _ in batches(rows):
            batch = Batch(source, owner, seen)
            batch.plan(some)
            seen |= batch.fresh
            session.rollback()
            total = Counts(
                *(a + b for a, b in zip(asdict(total).values(), asdict(batch.counts).values(), strict=True))
            )
            problems += [_kept(problem) for problem in batch.problems][: MAX_PROBLEMS - len(problems)]
            if progress is not None:
                progress(total.read)
    return Report(None, key, total, problems)


# -- through the web ------------------------------------------------------------------------------


def kept_file(import_: RightImport) -> Path:
    """Where the uploaded file of an import lies."""
    return files.folder() / "imports" / import_.sha256


def upload(actor: Actor, data: bytes, filename: str) -> RightImport:
    """Keep an uploaded file, for a look at it (``preview``) and for ``start``. The same file is the same import.

    The exchange's staff import for nobody in particular. Raises ``NotAllowed``, and ``RuleBroken`` for an empty file.
    """
    owner = None if _for_the_exchange(actor) else actor.party
    _may(actor, owner)
    if not data:
        raise RuleBroken("file.empty", N_("The file is empty. Choose the file again."), field="file")
    sha256 = hashlib.sha256(data).hexdigest()
    path = files.folder() / "imports" / sha256
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{sha256}.{uuid.uuid4().hex}.new")  # two may upload the same at once
        fresh.write_bytes(data)
        fresh.replace(path)
    return _retried(lambda: _take(actor, owner, sha256, filename, start=False))


def preview(import_: RightImport) -> Mapping:
    """How an uploaded file is understood: its columns and first rows. Raises ``RuleBroken`` with the reason."""
    try:
        return sandbox.mapping(_file_of(import_), today=clock.today())
    except Refused as refused:
        raise refusal(refused) from refused


def _file_of(import_: RightImport) -> Path:
    path = kept_file(import_)
    if not path.exists():
        raise NotFound(
            "file.lost",
            N_("The uploaded file is no longer here. Upload it again."),
        )
    return path


def start(actor: Actor, ref: str) -> RightImport:
    """Import an uploaded file: a small one now, a large one in the jobs process (``queued_at`` says so).

    Raises ``NotFound`` where it is not the actor's, ``RuleBroken`` with the reason for a file that cannot be read.
    """
    import_ = get(RightImport, ref)
    actor.must_see(Permission.RIGHT_IMPORT, import_)
    _may(actor, import_.party)
    if import_.party_id is not None and actor.party is not None and import_.party_id != actor.party.id:
        raise NotFound
    path = _file_of(import_)
    try:
        with sandbox.stream(path, today=clock.today()) as (_, rows):
            large = sum(row.counts for row in islice(rows, AT_ONCE + 1)) > AT_ONCE
    except Refused as refused:
        raise refusal(refused) from refused
    if large:
        return _queue(ref)
    import_file(actor, path, owner=import_.party, filename=import_.filename)
    session.expire_all()
    return get(RightImport, ref)


@transaction
def _queue(ref: str) -> RightImport:
    import_ = lock(RightImport, ref)
    if import_.status is not ImportStatus.RUNNING:
        import_.status = ImportStatus.WAITING
    import_.queued_at = import_.queued_at or clock.now()
    due.wake(DUE, ref, clock.now())
    return import_


def run_due(ref: str) -> None:
    """The jobs process looks at a queued import (``due``): run it once this look has been written down.

    It is looked at again later, in case this process dies over it; two runs share the work.
    """
    import_ = get(RightImport, ref)
    if import_.queued_at is None or import_.status not in {ImportStatus.WAITING, ImportStatus.RUNNING}:
        return
    due.wake(DUE, ref, clock.now() + LOOK_AGAIN)
    after_commit(lambda: run_queued(ref))


def run_queued(ref: str) -> None:
    """Run one queued import in the name of who uploaded it. A file that cannot be read is noted on the import."""
    import_ = get(RightImport, ref)
    actor = _uploader(import_)
    try:
        import_file(actor, _file_of(import_), owner=import_.party, filename=import_.filename)
    except DomainError as error:
        _give_up(ref, error)


@transaction
def _give_up(ref: str, error: DomainError) -> None:
    import_ = lock(RightImport, ref)
    import_.status, import_.queued_at = ImportStatus.REFUSED, None
    import_.reason = fill(error.message, error.params)
    problem = Problem(0, "", error.code, "error", error.message, error.params)
    import_.problems = [*import_.problems, _kept(problem)][-MAX_PROBLEMS:]
    due.clear(DUE, ref)


def _uploader(import_: RightImport) -> Actor:
    """Who uploaded it, with the roles they have now in the organisation it is for (or in the exchange's own)."""
    query = select(Membership).join(User).join(Party).where(User.ref == import_.user_ref, Membership.active)
    if import_.party_id is not None:
        query = query.where(Membership.party_id == import_.party_id)
    else:
        query = query.where(Party.kind == PartyKind.OPERATOR)
    membership = session.scalars(query.order_by(Membership.id)).first()
    if membership is None:
        return Actor(party=import_.party)
    return Actor(user=membership.user, party=membership.party, roles=frozenset(map(Role, membership.roles)))
