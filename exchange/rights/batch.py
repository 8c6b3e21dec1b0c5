"""One batch of an import: a thousand rows looked up, compared and written with few statements.

A row is one publication (or, where a file knows none, the right itself). Its hash tells a second import that
nothing is new. What a better source said is kept (``source.py``); the newest publication gives the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, cast

from sqlalchemy import Table, bindparam, delete, func, select, update

from exchange.core import clock, refs
from exchange.core.db import session
from exchange.core.errors import N_
from exchange.parties.models import Party
from exchange.rights import codes, history
from exchange.rights import source as sources
from exchange.rights.bulk import insert_rows
from exchange.rights.entry import identity_of, is_grant, keys_of, status_of
from exchange.rights.formats.record import Problem, Record, Row
from exchange.rights.models import Holding, LegalEvent, Publication, Right, RightOwner, RightStatus
from exchange.rights.register import Announcement, folded
from exchange.rights.source import Source

_RIGHT = cast("Table", Right.__table__)
_PUBLICATION = cast("Table", Publication.__table__)
_OWNER = cast("Table", RightOwner.__table__)
_HOLDING = cast("Table", Holding.__table__)
_EVENT = cast("Table", LegalEvent.__table__)

TAKEN: Final = N_(
    "The application number belongs to %(app)s and the publication to %(pub)s. If both are the same right, the exchange can merge them."
)
OTHER_NUMBER: Final = N_("The right %(ref)s has another application number (%(known)s) than this row.")
KEPT: Final = N_("What is known comes from a better source (%(source)s) and was kept.")
REPEATED: Final = N_(
    "An earlier row of this file says something else about the same right; the earlier one was taken."
)
OWNER_DIFFERS: Final = N_(
    "%(names)s: none of these owners of record is %(party)s; the right came in without a holding."
)


@dataclass
class Counts:
    """How many rows were read, and what became of them; ``read`` is the sum of the other four."""

    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    warned: int = 0


@dataclass
class Known:
    """What is in memory of a right while its batch is worked on. ``id`` is empty for a new one."""

    key: str
    id: int | None = None
    ref: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    text_on: date | None = None
    owners: list[str] | None = None
    owner_names: set[str] = field(default_factory=set)
    owner_parties: set[int] = field(default_factory=set)
    changed: dict[str, Any] = field(default_factory=dict)
    events: list[Announcement] = field(default_factory=list)
    status: Announcement | None = None
    held: bool = False
    met: bool = False


_DATES: Final = frozenset({"filed_on", "granted_on"})
"""Facts that an older publication tells as well as the newest."""


class Batch:
    """Some rows of one import on their way into the tables; ``plan`` decides and ``write`` writes.

    ``source`` speaks (its day is that of each row); with ``owner`` holdings are claimed for that party. ``seen`` holds
    the hashes of the file's earlier rows by what they are about; ``fresh`` gets those of this batch.
    """

    def __init__(
        self, source: Source, owner: Party | None = None, seen: dict[str, str] | None = None
    ) -> None:
        self.source = source
        self.owner = owner
        self.owner_names = {folded(owner.name)} if owner is not None else set()
        if owner is not None:
            self.owner_names |= {folded(name.name) for name in owner.names if name.verified}
        self.seen = seen if seen is not None else {}
        self.fresh: dict[str, str] = {}
        self.counts = Counts()
        self.problems: list[Problem] = []
        self.hashes: list[str] = []
        self.rights: list[Known] = []
        self.publications: list[dict[str, Any]] = []
        self.better: list[dict[str, Any]] = []
        self._by_key: dict[str, Known] = {}
        self._by_pub: dict[str, Known] = {}
        self._by_id: dict[int, Known] = {}
        self._pubs: dict[tuple[str, str], dict[str, Any]] = {}
        self._held: set[int] = set()
        self._touched: list[Known] = []
        self._done: set[str] = set()

    # -- planning

    def plan(self, rows: Sequence[tuple[Row, str]]) -> None:
        """Decide for each row (with its hash) what becomes of it."""
        self._look_up(rows)
        for row, hash_ in rows:
            self.problems += row.problems
            if not row.counts:  # a remark about the file
                continue
            warned = any(problem.severity == "warning" for problem in row.problems)
            self.counts.read += 1
            if row.record is None:
                self.counts.rejected += 1
            else:
                warned = self._row(row, row.record, hash_) or warned
            self.counts.warned += warned

    def _look_up(self, rows: Sequence[tuple[Row, str]]) -> None:
        """Read what is known of the batch's publications and rights: at most five queries, whatever its size."""
        said = [(one.record, hash_) for one, hash_ in rows if one.record is not None]
        numbers = {record.pub_no for record, _ in said if record.pub_no}
        p = _PUBLICATION.c
        columns = (p.id, p.right_id, p.number, p.kind_code, p.row_hash, p.published_on, p.source)
        for row in session.execute(select(*columns).where(p.number.in_(numbers))).mappings():
            self._pubs[row["number"], row["kind_code"]] = dict(row)
        news = [
            record
            for record, hash_ in said
            if self.owner is not None
            or (self._pubs.get((record.pub_no, record.kind_code)) or {}).get("row_hash") != hash_
        ]
        numbers = {record.pub_no for record in news}
        ids = {found["right_id"] for (number, _), found in self._pubs.items() if number in numbers}
        self._look_up_rights({key for record in news for key in keys_of(record)}, ids)
        for (number, _), found in self._pubs.items():
            if found["right_id"] in self._by_id:
                self._by_pub[number] = self._by_id[found["right_id"]]

    def _look_up_rights(self, keys: set[str], ids: set[int]) -> None:
        r = _RIGHT.c
        columns = (
            r.id, r.ref, r.key, r.kind, r.app_no, r.title, r.inventors, r.ipc, r.region, r.agency, r.filed_on,
            r.published_on, r.granted_on, r.status, r.facts, r.row_hash,
        )  # fmt: skip
        for row in session.execute(select(*columns).where(r.key.in_(keys) | r.id.in_(ids))).mappings():
            right = Known(row["key"], row["id"], row["ref"], dict(row), row["facts"] or {})
            self._by_key[right.key] = right
            self._by_id[row["id"]] = right
        if not self._by_id:
            return
        p, o, h = _PUBLICATION.c, _OWNER.c, _HOLDING.c
        newest = (
            select(p.right_id, func.max(p.published_on))
            .where(p.right_id.in_(self._by_id))
            .group_by(p.right_id)
        )
        for right_id, text_on in session.execute(newest):
            self._by_id[right_id].text_on = text_on
        owners = select(o.right_id, o.name, o.party_id).where(o.right_id.in_(self._by_id), o.until.is_(None))
        for right_id, name, party_id in session.execute(owners):
            right = self._by_id[right_id]
            right.owner_names.add(folded(name))
            if party_id is not None:
                right.owner_parties.add(party_id)
        if self.source.kind == sources.IMPORT and self.owner is not None:
            mine = select(h.right_id).where(
                h.party_id == self.owner.id, h.verified, h.ended_at.is_(None), h.right_id.in_(self._by_id)
            )
            self._held = set(session.scalars(mine))

    def _row(self, row: Row, record: Record, hash_: str) -> bool:
        """Decide about one row. Whether it was warned of here."""
        identity = identity_of(record)
        first = self.seen.get(identity) or self.fresh.setdefault(identity, hash_)
        if first != hash_:
            self._warn(row, "row.repeated", REPEATED)
        if first != hash_ or identity in self._done or identity in self.seen:
            return self._unchanged(row, record, self._by_pub.get(record.pub_no)) or first != hash_
        self._done.add(identity)
        if record.pub_no:
            there = self._pubs.get((record.pub_no, record.kind_code))
            if there is not None and there["row_hash"] == hash_:
                self.hashes.append(hash_)
                return self._unchanged(row, record, self._by_pub.get(record.pub_no))
        keys = keys_of(record)
        said = Source(self.source.kind, self.source.by, _newest_day(record))
        right = self._right(row, record, keys, said)
        if right is None:
            self.counts.rejected += 1
            return False
        if not record.pub_no and right.values.get("row_hash") == hash_:
            self.hashes.append(hash_)
            return self._unchanged(row, record, right)
        source = Source(sources.HOLDER, said.by, said.as_of) if right.id in self._held else said
        was_known = right.id is not None or right.met
        right.met = True
        kept = self._publication(right, record, hash_, source)
        if kept is None and not record.pub_no:
            kept = self._itself(right, record, hash_, source, was_known)
        if kept is not None:
            self.counts.unchanged += 1
            self._warn(row, "known.better", KEPT, source=kept)
            self._claim(row, record, right)
            return True
        self.hashes.append(hash_)
        self._events(right, record, source, new=right.id is None and not was_known)
        return self._claim(row, record, right)

    def _unchanged(self, row: Row, record: Record, right: Known | None) -> bool:
        self.counts.unchanged += 1
        return right is not None and self._claim(row, record, right)

    def _right(self, row: Row, record: Record, keys: list[str], said: Source) -> Known | None:
        """The right of a row: known by its numbers, or new. ``None`` (with an error) where they contradict."""
        by_app = self._by_key.get(f"CN{record.app_no}") if record.app_no else None
        by_pub = (
            self._by_pub.get(record.pub_no) or self._by_key.get(f"P:{record.pub_no}")
            if record.pub_no
            else None
        )
        if by_app is not None and by_pub is not None and by_app is not by_pub:
            self._reject(row, "right.number_taken", TAKEN, app=by_app.ref, pub=by_pub.ref)
            return None
        known = by_app or by_pub or next((self._by_key[key] for key in keys if key in self._by_key), None)
        if known is None:
            known = self._new(record, keys[0], said)
        elif record.app_no and known.values.get("app_no") != record.app_no:
            if known.values.get("app_no"):
                self._reject(
                    row, "right.other_number", OTHER_NUMBER, ref=known.ref, known=known.values["app_no"]
                )
                return None
            self._set(known, "app_no", record.app_no)
            if record.country == "CN":
                self._set(known, "key", f"CN{record.app_no}")
                self._by_key[f"CN{record.app_no}"] = known
        if record.pub_no:
            self._by_pub[record.pub_no] = known
        return known

    def _new(self, record: Record, key: str, said: Source) -> Known:
        known = Known(key, ref=refs.new(Right.REF))
        known.values = {
            "key": key,
            "kind": record.kind,
            "country": record.country or "CN",
            "app_no": record.app_no or None,
            "title": record.title or key,
            "status": RightStatus.UNKNOWN,
            "row_hash": "",
        }
        known.facts = {sources.EVERYTHING: said.kept()}
        self.rights.append(known)
        self._by_key[key] = known
        return known

    def _set(self, right: Known, name: str, value: Any) -> None:
        if right.values.get(name) != value:
            right.values[name] = value
            if right.id is not None:
                right.changed[name] = value

    # -- what a row says

    def _publication(self, right: Known, record: Record, hash_: str, source: Source) -> str | None:
        """Take the publication of a row. What was kept instead, where a better source had said it."""
        if not record.pub_no:
            return None
        values = {
            "number": record.pub_no,
            "kind_code": record.kind_code,
            "published_on": record.pub_date,
            "title": record.title or right.values["title"],
            "abstract": record.abstract,
            "main_claim": record.main_claim,
            "source": source.token,
            "row_hash": hash_,
        }
        known = self._pubs.get((record.pub_no, record.kind_code))
        if known is None:
            self.counts.added += 1
            values["_right"] = right
            self.publications.append(values)
            self._pubs[record.pub_no, record.kind_code] = values
        else:
            before = sources.read(known["source"], known["published_on"])
            if not source.may_replace(before):
                return before.token
            self.counts.updated += 1
            known.update(values)
            if "id" in known:
                self.better.append({"b_id": known["id"], **values})
        newest = right.text_on is None or (record.pub_date is not None and record.pub_date >= right.text_on)
        if newest:
            right.text_on = record.pub_date or right.text_on
        self._bibliography(right, record, source, newest=newest)
        return None

    def _itself(
        self, right: Known, record: Record, hash_: str, source: Source, was_known: bool
    ) -> str | None:
        """Take a row that is about the right itself. What was kept instead, where a better source had said it.

        What nobody said yet is taken from any source.
        """
        before = sources.of(right.facts, "title") if was_known else None
        newest = before is None or source.may_replace(before)
        told = (dict(right.values), right.owners)
        self._bibliography(right, record, source, newest=newest)
        if before is not None and not newest and told == (right.values, right.owners):
            return before.token
        self.counts.added += not was_known
        self.counts.updated += was_known
        self._set(right, "row_hash", hash_)
        return None

    def _bibliography(self, right: Known, record: Record, source: Source, *, newest: bool) -> None:
        grant = record.granted_on or (
            record.pub_date if is_grant(record.kind_code, record.pub_date) else None
        )
        said: tuple[tuple[str, Any], ...] = (
            ("filed_on", record.filed_on),
            ("granted_on", grant),
            ("kind", record.kind),
            ("title", record.title),
            ("inventors", record.inventors),
            ("ipc", record.ipc),
            ("region", record.region[:64]),
            ("agency", record.agency[:255]),
        )
        known = right.values
        for name, value in said:
            if not value or not (newest or name in _DATES or not known.get(name)):
                continue
            if right.id is None:  # all that is known of it comes from this import
                known[name] = value
            else:
                self._say(right, name, value, source)
        first = right.values.get("published_on")
        if record.pub_date is not None and (first is None or record.pub_date < first):
            self._set(right, "published_on", record.pub_date)
        if record.applicants and (newest or not right.owner_names):
            self._owners(right, record.applicants, source)

    def _say(self, right: Known, name: str, value: Any, source: Source) -> None:
        """Set a fact, unless a better source has it."""
        if right.values.get(name) == value:
            return
        known = sources.of(right.facts, name) if right.values.get(name) else None
        if known is not None and not source.may_replace(known):
            return
        self._set(right, name, value)
        everything = sources.of(right.facts, sources.EVERYTHING)
        if everything is not None and everything.token != source.token:
            right.facts = {**right.facts, name: source.kept()}
            right.changed["facts"] = right.facts

    def _owners(self, right: Known, applicants: list[str], source: Source) -> None:
        """Owners of record are the applicants of the newest publication, until a better source names others."""
        names = list(dict.fromkeys(applicants))
        if right.id is None:
            right.owners = names
        else:
            same = {folded(name) for name in names} == right.owner_names
            known = sources.of(right.facts, "owners")
            if (
                same
                or history.BASELINE in right.facts
                or (known is not None and not source.may_replace(known))
            ):
                return
            right.owners = names
            right.facts = {**right.facts, "owners": source.kept()}
            right.changed["facts"] = right.facts
        right.owner_names = set(map(folded, names))

    def _events(self, right: Known, record: Record, source: Source, *, new: bool) -> None:
        right.events += [
            found for event in record.events if (found := history.announcement_from(event)) is not None
        ]
        status = status_of(record.status)
        if status is None:
            return
        stated = Announcement(
            codes.STATUS,
            source.as_of or clock.today(),
            fields={"status": status.value, "detail": record.status[:200]},
            source=source.token,
        )
        if new and not record.events:
            right.status = stated  # no history yet: what it says is the state
        else:
            right.events.append(stated)

    # -- holdings

    def _claim(self, row: Row, record: Record, right: Known) -> bool:
        """Claim a holding for the owner, or warn that somebody else is the owner of record. Whether it warned."""
        if self.owner is None:
            return False
        names = right.owner_names or {folded(name) for name in record.applicants}
        if names & self.owner_names or self.owner.id in right.owner_parties:
            if not right.held:
                right.held = True
                self._touched.append(right)
            return False
        shown = "、".join(record.applicants) or "—"
        self._warn(row, "owner.differs", OWNER_DIFFERS, names=shown[:200], party=self.owner.name)
        return True

    def _warn(self, row: Row, code: str, message: str, **params: Any) -> None:
        self.problems.append(Problem(row.line, "", code, "warning", message, params))

    def _reject(self, row: Row, code: str, message: str, **params: Any) -> None:
        self.problems.append(Problem(row.line, "", code, "error", message, params))

    # -- writing

    def write(self) -> list[tuple[int, list[Announcement]]]:
        """Write what was planned. What is still to be announced comes back: ids of rights with their events.

        Raises ``IntegrityError`` where another import added one of the rights in the meantime: roll back, plan again.
        """
        now = clock.now()
        self._write_rights(now)
        for values in self.publications:
            values["right_id"] = values.pop("_right").id
        insert_rows(
            _PUBLICATION, sorted(self.publications, key=lambda row: (row["number"], row["kind_code"]))
        )
        if self.better:
            statement = update(_PUBLICATION).where(_PUBLICATION.c.id == bindparam("b_id"))
            session.execute(statement, self.better)
        self._write_owners()
        self._write_status(now)
        self._write_holdings(now)
        told = {
            right.id: right.events for right in self._by_key.values() if right.id is not None and right.events
        }
        return list(told.items())

    def _write_rights(self, now: datetime) -> None:
        if self.rights:
            _insert_rights(sorted(self.rights, key=lambda right: right.values["key"]), now)
            wanted = [right.ref for right in self.rights]
            found = session.execute(select(_RIGHT.c.ref, _RIGHT.c.id).where(_RIGHT.c.ref.in_(wanted)))
            ids = {row.ref: row.id for row in found}
            for right in self.rights:
                right.id = ids[right.ref]
        touched = [right for right in self._by_id.values() if right.changed]
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for right in sorted(touched, key=lambda right: right.id or 0):
            values = {f"b_{name}": value for name, value in right.changed.items()}
            by_columns.setdefault(tuple(right.changed), []).append({"b_id": right.id, **values, "b_now": now})
        for names, rows in by_columns.items():
            statement = (
                update(_RIGHT)
                .where(_RIGHT.c.id == bindparam("b_id"))
                .values(
                    **{name: bindparam(f"b_{name}") for name in names},
                    version=_RIGHT.c.version + 1,
                    updated_at=bindparam("b_now"),
                )
            )
            session.execute(statement, rows)

    def _write_owners(self) -> None:
        changed = [right for right in self._by_key.values() if right.owners is not None]
        changed = list({id(right): right for right in changed}.values())
        if not changed:
            return
        old = [right.id for right in self._by_id.values() if right.owners is not None]
        if old:
            session.execute(delete(_OWNER).where(_OWNER.c.right_id.in_(old)))
        links = history.link_names({name for right in changed for name in right.owners or ()})
        rows = [
            {"right_id": right.id, "position": position, "name": name, "party_id": links.get(name)}
            for right in changed
            for position, name in enumerate(right.owners or ())
        ]
        insert_rows(_OWNER, rows, {"source": self.source.token})

    def _write_status(self, now: datetime) -> None:
        rows: list[dict[str, Any]] = [
            {
                "right_id": right.id,
                "code": right.status.code,
                "announced_on": right.status.announced_on,
                "data": {"before": [], "after": [], "fields": dict(right.status.fields), "on_arrival": []},
                "source": right.status.source,
                "fingerprint": right.status.fingerprint,
            }
            for right in self.rights
            if right.status is not None
        ]
        same: dict[str, Any] = {
            "effective_on": None,
            "text": "",
            "applied": True,
            "warnings": [],
            "created_at": now,
        }
        insert_rows(_EVENT, rows, same)

    def _write_holdings(self, now: datetime) -> None:
        """Holdings of the owner in the rights whose owner of record it is; verified where the party is."""
        if self.owner is None or not self._touched:
            return
        party, verified = self.owner, self.owner.verified
        ids = [right.id for right in self._touched]
        h = _HOLDING.c
        mine = select(h.right_id, h.verified, h.ended_at).where(h.party_id == party.id, h.right_id.in_(ids))
        known = {row.right_id: row for row in session.execute(mine)}
        values = {
            "verified": verified,
            "basis": history.OWNER_OF_RECORD if verified else "",
            "verified_at": now if verified else None,
            "ended_at": None,
        }
        fresh = [{"right_id": id_} for id_ in ids if id_ not in known]
        insert_rows(_HOLDING, fresh, {"party_id": party.id, "created_at": now, "notes": "", **values})
        again = [
            id_ for id_, row in known.items() if row.ended_at is not None or (verified and not row.verified)
        ]
        if again:
            session.execute(
                update(_HOLDING).where(h.party_id == party.id, h.right_id.in_(again)).values(**values)
            )


_ALWAYS: Final = (
    "ref", "key", "kind", "country", "title", "inventors", "ipc", "region", "published_on", "facts", "row_hash",
)  # fmt: skip
_SOMETIMES: Final = ("app_no", "agency", "filed_on", "granted_on")


def _insert_rights(rights: list[Known], now: datetime) -> None:
    """Insert ``rights``."""
    same: dict[str, Any] = {
        "compensation_days": 0,
        "fee_reduction": False,
        "government_funded": False,
        "same_day_application": False,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    sometimes = [name for name in _SOMETIMES if any(right.values.get(name) for right in rights)]
    stated = any(right.status is not None for right in rights)
    if not stated:
        same["status"] = RightStatus.UNKNOWN
    names = [*_ALWAYS, *sometimes]
    rows = []
    for right in rights:
        values = right.values
        row = {name: values.get(name) for name in names}
        row["ref"], row["facts"] = right.ref, right.facts
        row["inventors"], row["ipc"] = values.get("inventors") or [], values.get("ipc") or []
        if stated:
            status = right.status
            row["status"] = RightStatus(status.fields["status"]) if status else RightStatus.UNKNOWN
            row["status_detail"] = status.fields["detail"] if status else None
            row["status_as_of"] = status.announced_on if status else None
            row["status_source"] = status.source if status else None
        rows.append(row)
    insert_rows(_RIGHT, rows, same)


def _newest_day(record: Record) -> date | None:
    """The newest day that a row names: what it says, it says as of then."""
    days = [day for day in (record.pub_date, record.granted_on, record.filed_on) if day is not None]
    return max(days, default=None)
