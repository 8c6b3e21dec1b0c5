"""Files brought in: counts, repeats, broken runs, two at once, whose word counts, holdings, real files."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from exchange.core import db as core_db
from exchange.core import due, events
from exchange.core.db import session
from exchange.core.errors import NotAllowed, RuleBroken
from exchange.core.events import Event
from exchange.parties import actions as parties
from exchange.parties.models import PartyKind, Role
from exchange.parties.policy import SYSTEM
from exchange.rights import actions, imports
from exchange.rights.entry import is_grant, status_of
from exchange.rights.models import (
    Holding,
    ImportStatus,
    LegalEvent,
    Publication,
    Right,
    RightImport,
    RightOwner,
    RightStatus,
)
from tests.parties.given import given_actor, given_party
from tests.rights.given import import_rows, number, publication, right_of, row, write


def counts(report: imports.Report) -> tuple[int, int, int, int, int, int]:
    found = report.counts
    return found.read, found.added, found.updated, found.unchanged, found.rejected, found.warned


def total(model: Any) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def codes(report: imports.Report) -> Counter[str]:
    return Counter(problem["code"] for problem in report.problems)


# -- counts and repeats ----------------------------------------------------------------------------


def test_a_file_comes_in_once(db_app: Flask, tmp_path: Path) -> None:
    path = write(tmp_path, row(), row(), row())
    first, second = imports.import_file(SYSTEM, path), imports.import_file(SYSTEM, path)
    assert counts(first) == (3, 3, 0, 0, 0, 0)
    assert counts(second) == (3, 0, 0, 3, 0, 0)
    assert first.ref == second.ref
    assert (total(Right), total(Publication), total(RightOwner)) == (3, 3, 3)


def test_one_event_tells_of_a_whole_import(db_app: Flask, tmp_path: Path) -> None:
    report = import_rows(tmp_path, row(), row())
    told = session.scalars(select(Event)).all()
    assert [(one.type, one.subject_ref, one.payload["added"]) for one in told] == [
        ("right.imported", report.ref, 2)
    ]


def test_another_file_with_the_same_rows_changes_nothing(db_app: Flask, tmp_path: Path) -> None:
    said = [row(), row()]
    import_rows(tmp_path, *said)
    assert counts(import_rows(tmp_path, *reversed(said))) == (2, 0, 0, 2, 0, 0)


def test_a_file_whose_rows_were_changed_since_is_read_again(db_app: Flask, tmp_path: Path) -> None:
    said = row()
    path = write(tmp_path, said)
    imports.import_file(SYSTEM, path)
    import_rows(tmp_path, {**said, "title": "一种新的膜"})
    assert counts(imports.import_file(SYSTEM, path)) == (1, 0, 1, 0, 0, 0)
    assert right_of(said["pub_no"]).title == "一种纳滤膜"


def test_a_dry_run_counts_as_a_run_and_writes_nothing(db_app: Flask, tmp_path: Path) -> None:
    said = row()
    path = write(tmp_path, said, row(), said, row(title=""))
    dry = imports.import_file(SYSTEM, path, dry_run=True)
    assert (total(Right), total(RightImport), dry.ref) == (0, 0, None)
    wet = imports.import_file(SYSTEM, path)
    assert counts(dry) == counts(wet) == (4, 2, 0, 1, 1, 0)


def test_rows_with_errors_stay_out_and_are_named(db_app: Flask, tmp_path: Path) -> None:
    report = import_rows(tmp_path, row(), row(app_no="201710601862.4"), {"title": "没有号"})
    assert counts(report) == (3, 1, 0, 0, 2, 0)
    assert [(p["line"], p["code"], p["severity"]) for p in report.problems] == [
        (2, "number.check_digit", "error"),
        (3, "number.missing", "error"),
    ]


def test_the_first_of_two_rows_about_one_publication_counts(db_app: Flask, tmp_path: Path) -> None:
    said = row()
    path = write(tmp_path, said, {**said, "title": "另一个标题"}, said)
    assert counts(imports.import_file(SYSTEM, path)) == (3, 1, 0, 2, 0, 1)
    assert counts(imports.import_file(SYSTEM, path)) == (3, 0, 0, 3, 0, 1)
    assert right_of(said["pub_no"]).title == "一种纳滤膜"


# -- a right and its publications ------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("files", [1, 2])
def test_the_newest_publication_gives_the_text_in_any_order(
    db_app: Flask, tmp_path: Path, order: tuple[int, int], files: int
) -> None:
    bare = publication("A")[:-1]
    said = [
        row(bare + "A", pub_date="2019-01-08", title="申请公布的名称", applicants=["甲公司", "乙大学"]),
        row(bare + "B", pub_date="2021-02-02", title="授权公告的名称"),
    ]
    ordered = [said[index] for index in order]
    for some in [ordered] if files == 1 else [[one] for one in ordered]:
        import_rows(tmp_path, *some)
    right = right_of(bare)
    assert right.title == "授权公告的名称"
    assert [owner.name for owner in right.owners] == ["甲公司"]
    assert (str(right.published_on), str(right.granted_on)) == ("2019-01-08", "2021-02-02")
    assert [(p.kind_code, p.title) for p in right.publications] == [
        ("A", "申请公布的名称"),
        ("B", "授权公告的名称"),
    ]


def test_a_row_with_both_numbers_gives_the_right_its_key(db_app: Flask, tmp_path: Path) -> None:
    pub, app = publication(), number()
    import_rows(tmp_path, row(pub))
    assert right_of(pub).key == f"P:{pub[:-1]}"
    report = import_rows(tmp_path, row(pub, app_no=app))
    assert counts(report) == (1, 0, 1, 0, 0, 0)
    right = right_of(pub)
    assert (right.key, right.app_no, total(Right)) == (f"CN{app}", app, 1)
    import_rows(tmp_path, {"application_no": app, "title": "一种纳滤膜", "filing_date": "2020-03-02"})
    assert (total(Right), str(right_of(pub).filed_on)) == (1, "2020-03-02")


def test_numbers_of_two_rights_in_one_row_are_refused_with_both_named(db_app: Flask, tmp_path: Path) -> None:
    pub, app = publication(), number()
    import_rows(tmp_path, row(pub), {"application_no": app, "title": "另一种膜"})
    report = import_rows(tmp_path, row(pub, app_no=app, title="冲突"))
    assert counts(report) == (1, 0, 0, 0, 1, 0)
    problem = report.problems[0]
    assert problem["code"] == "right.number_taken"
    assert problem["params"]["pub"] == right_of(pub).ref
    assert problem["params"]["app"] == actions.find(app).ref


def test_rights_without_publication_are_known_by_their_number(db_app: Flask, tmp_path: Path) -> None:
    said = {"application_no": number(), "title": "一种膜", "applicant": "甲公司", "filing_date": "2020-03-02"}
    assert counts(import_rows(tmp_path, said, said)) == (2, 1, 0, 1, 0, 0)
    assert counts(import_rows(tmp_path, {**said, "title": "一种新膜"})) == (1, 0, 1, 0, 0, 0)


def test_foreign_rights_are_kept(db_app: Flask, tmp_path: Path) -> None:
    import_rows(tmp_path, row("TWI323172"))
    right = right_of("TWI323172")
    assert (right.country, right.key) == ("TW", "P:TWI323172")


def test_a_status_in_a_file_is_a_statement_of_its_source(db_app: Flask, tmp_path: Path) -> None:
    said = row(status="专利权维持")
    import_rows(tmp_path, said)
    right = right_of(said["pub_no"])
    assert (right.status, str(right.status_as_of), right.status_source) == (
        RightStatus.GRANTED,
        "2022-05-03",
        "operator",
    )
    assert [one.code for one in session.scalars(select(LegalEvent))] == ["STATUS"]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("专利权维持", RightStatus.GRANTED),
        ("等年费滞纳金", RightStatus.GRANTED),
        ("未缴年费专利权终止,等恢复", RightStatus.LAPSED),
        ("届满终止失效", RightStatus.EXPIRED),
        ("无效宣告失效", RightStatus.INVALID),
        ("部分无效", RightStatus.GRANTED),
        ("驳回失效", RightStatus.WITHDRAWN),
        ("逾期视撤失效", RightStatus.WITHDRAWN),
        ("驳回等复审请求", RightStatus.PENDING),
        ("等年登印费", RightStatus.PENDING),
        ("进入实审", RightStatus.PENDING),
        ("Granted", RightStatus.GRANTED),
        ("", None),
        ("别的", None),
    ],
)
def test_status_words_of_registers(text: str, status: RightStatus | None) -> None:
    assert status_of(text) is status


def test_which_kind_codes_are_grants() -> None:
    from datetime import date

    assert is_grant("B", date(2022, 1, 4))
    assert not is_grant("B", date(1989, 1, 25))
    assert is_grant("C", date(1995, 1, 4))
    assert not is_grant("A", date(2022, 1, 4))
    assert not is_grant("B", None)


# -- whose word counts -----------------------------------------------------------------------------


def test_an_importer_never_overwrites_what_others_said(db_app: Flask, tmp_path: Path) -> None:
    said = row()
    first, second = given_actor(given_party(), Role.AGENT), given_actor(given_party(), Role.AGENT)
    import_rows(tmp_path, said, actor=first)
    report = import_rows(tmp_path, {**said, "title": "夺来的膜", "applicants": ["强盗"]}, actor=second)
    assert counts(report) == (1, 0, 0, 1, 0, 1)
    assert codes(report) == {"known.better": 1}
    right = right_of(said["pub_no"])
    assert (right.title, [o.name for o in right.owners]) == ("一种纳滤膜", ["甲公司"])
    assert counts(import_rows(tmp_path, {**said, "title": "改正的膜"}, actor=first)) == (1, 0, 1, 0, 0, 0)
    assert right_of(said["pub_no"]).title == "改正的膜"


def test_an_importer_cannot_make_itself_owner_by_a_newer_publication(db_app: Flask, tmp_path: Path) -> None:
    bare = publication("A")[:-1]
    import_rows(tmp_path, row(bare + "A", pub_date="2019-01-08"))
    thief = given_party(name="强盗公司")
    import_rows(
        tmp_path,
        row(bare + "B", pub_date="2023-01-03", applicants=["强盗公司"]),
        actor=given_actor(thief, Role.AGENT),
        owner=thief,
    )
    right = right_of(bare)
    assert [owner.name for owner in right.owners] == ["甲公司"]
    assert right.holdings == []


def test_a_verified_holder_may_correct_its_own(db_app: Flask, tmp_path: Path) -> None:
    said = row()
    import_rows(tmp_path, said)
    holder = given_party(name="甲公司")
    agent = given_actor(holder, Role.AGENT)
    actions.claim_holding(agent, right_of(said["pub_no"]).ref)
    report = import_rows(tmp_path, {**said, "title": "持有人的名称"}, actor=agent, owner=holder)
    assert counts(report) == (1, 0, 1, 0, 0, 0)
    assert right_of(said["pub_no"]).title == "持有人的名称"
    again = import_rows(tmp_path, {**said, "title": "平台的名称"})
    assert codes(again) == {"known.better": 1}


# -- holdings --------------------------------------------------------------------------------------


def test_a_verified_owner_of_record_gets_verified_holdings(db_app: Flask, tmp_path: Path) -> None:
    party = given_party(PartyKind.UNIVERSITY, name="榕城大学")
    mine, others = row(applicants=["榕城大学", "甲公司"]), row()
    report = import_rows(tmp_path, mine, others, owner=party)
    assert counts(report) == (2, 2, 0, 0, 0, 1)
    assert codes(report) == {"owner.differs": 1}
    held = session.scalars(select(Holding)).all()
    assert [(h.right.ref, h.verified, h.basis) for h in held] == [
        (right_of(mine["pub_no"]).ref, True, "owner_of_record")
    ]
    assert [o.party_id for o in right_of(mine["pub_no"]).owners] == [party.id, None]


def test_an_unverified_party_waits_for_its_verification(db_app: Flask, tmp_path: Path) -> None:
    party = given_party(name="榕树公司", verified=False)
    said = row(applicants=["榕树公司"])
    import_rows(tmp_path, said, owner=party)
    right = right_of(said["pub_no"])
    assert [h.verified for h in right.holdings] == [False]
    assert right.owners[0].party_id is None
    parties.verify(given_actor(given_party(PartyKind.OPERATOR), Role.OPERATOR), party.ref, "seen")
    events.drain_all()
    right = right_of(said["pub_no"])
    assert [h.verified for h in right.holdings] == [True]
    assert right.owners[0].party_id == party.id


def test_a_name_that_two_parties_bear_links_nobody(db_app: Flask, tmp_path: Path) -> None:
    given_party(name="同名公司")
    given_party(name="同名公司", uscc=None)
    said = row(applicants=["同名公司"])
    import_rows(tmp_path, said)
    assert right_of(said["pub_no"]).owners[0].party_id is None


def test_holdings_are_claimed_for_ones_own_organisation_only(db_app: Flask, tmp_path: Path) -> None:
    agent = given_actor(given_party(), Role.AGENT)
    with pytest.raises(NotAllowed):
        import_rows(tmp_path, row(), actor=agent, owner=given_party())
    with pytest.raises(NotAllowed):
        import_rows(tmp_path, row(), actor=given_actor(given_party(), Role.FINANCE))


# -- broken files and broken runs ------------------------------------------------------------------


def test_a_file_that_is_none_is_refused_with_the_reason(db_app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\x00\x01\x02\x03" * 100)
    with pytest.raises(RuleBroken) as refused:
        imports.import_file(SYSTEM, path)
    assert refused.value.field == "file"
    kept = session.scalars(select(RightImport)).one()
    assert (kept.status, bool(kept.reason)) == (ImportStatus.REFUSED, True)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows in one transaction, so that a short file has several."""
    monkeypatch.setattr(imports.batches, "__defaults__", (10,))


class Died(BaseException):
    """The process was killed."""


@pytest.fixture
def dying() -> Iterator[Callable[[str, int], None]]:
    """Let the process die at the n-th passage of a boundary."""

    def die(name: str, after: int) -> None:
        seen = [0]

        def fail(passed: str) -> None:
            seen[0] += passed == name
            if passed == name and seen[0] == after:
                raise Died

        core_db.set_failpoint(fail)

    yield die
    core_db.set_failpoint(None)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_run_that_dies_goes_on_where_it_stopped(
    clean_app: Flask, tmp_path: Path, dying: Callable[[str, int], None], after: int
) -> None:
    said = [row() for _ in range(44)] + [row(app_no="201710601862.4")]
    path = write(tmp_path, *said, said[0])
    with clean_app.app_context():
        dying("rights imported", after)
        with pytest.raises(Died):
            imports.import_file(SYSTEM, path)
        core_db.set_failpoint(None)
        kept = session.scalars(select(RightImport)).one()
        assert (kept.status, kept.read) == (ImportStatus.RUNNING, (after - 1) * 10)
        assert total(Publication) == min((after - 1) * 10, 44)
        report = imports.import_file(SYSTEM, path)
        assert counts(report) == (46, 44, 0, 1, 1, 0)
        assert len(report.problems) == 1
        assert (total(Right), total(Publication), total(RightOwner)) == (44, 44, 44)
        assert total(Event) == 1
        assert counts(imports.import_file(SYSTEM, path)) == (46, 0, 0, 45, 1, 0)


# -- two at once -----------------------------------------------------------------------------------


def run_together(app: Flask, *acts: Callable[[], Any]) -> list[Any]:
    """Run ``acts`` at once, each in a thread with a session of its own; what each gave or raised."""
    results: list[Any] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def one(index: int) -> None:
        with app.app_context():
            barrier.wait(30)
            try:
                results[index] = acts[index]()
            except Exception as error:  # noqa: BLE001  the test looks at it
                results[index] = error
            finally:
                session.remove()

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


@pytest.mark.usefixtures("small_batches")
def test_the_same_file_twice_at_once_comes_in_once(clean_app: Flask, tmp_path: Path) -> None:
    path = write(tmp_path, *(row() for _ in range(60)))
    reports = run_together(clean_app, *(lambda: imports.import_file(SYSTEM, path) for _ in range(3)))
    assert all(isinstance(report, imports.Report) for report in reports), reports
    with clean_app.app_context():
        assert (total(Right), total(Publication), total(RightOwner), total(RightImport)) == (60, 60, 60, 1)
    assert {(r.counts.read, r.counts.added + r.counts.unchanged, r.counts.rejected) for r in reports} == {
        (60, 60, 0)
    }


@pytest.mark.usefixtures("small_batches")
def test_two_files_with_the_same_rights_at_once(clean_app: Flask, tmp_path: Path) -> None:
    said = [row() for _ in range(60)]
    one, two = write(tmp_path, *said, name="1.jsonl"), write(tmp_path, *reversed(said), name="2.jsonl")
    reports = run_together(
        clean_app, lambda: imports.import_file(SYSTEM, one), lambda: imports.import_file(SYSTEM, two)
    )
    assert all(isinstance(report, imports.Report) for report in reports), reports
    assert sum(report.counts.added for report in reports) == 60
    assert sum(report.counts.unchanged for report in reports) == 60
    with clean_app.app_context():
        assert (total(Right), total(Publication), total(RightOwner)) == (60, 60, 60)


# -- through the web -------------------------------------------------------------------------------


def test_an_upload_is_looked_at_then_imported(db_app: Flask, tmp_path: Path) -> None:
    agent = given_actor(given_party(), Role.AGENT)
    data = write(tmp_path, row(), row()).read_bytes()
    kept = imports.upload(agent, data, "../清单.jsonl")
    assert (kept.filename, kept.status, total(Right)) == ("清单.jsonl", ImportStatus.WAITING, 0)
    assert [line.record.title for line in imports.preview(kept).preview if line.record] == ["一种纳滤膜"] * 2
    assert imports.upload(agent, data, "again.jsonl").ref == kept.ref
    done = imports.start(agent, kept.ref)
    assert (done.status, done.added, total(Right)) == (ImportStatus.DONE, 2, 2)


def test_a_large_upload_is_run_by_the_jobs_process(
    clean_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 3)
    data = write(tmp_path, *(row() for _ in range(5))).read_bytes()
    with clean_app.app_context():
        agent = given_actor(given_party(), Role.AGENT)
        kept = imports.upload(agent, data, "many.jsonl")
        assert imports.start(agent, kept.ref).status is ImportStatus.WAITING
        assert total(Right) == 0
        assert due.run() == 1
        done = session.scalars(select(RightImport).execution_options(populate_existing=True)).one()
        assert (done.status, done.added, total(Right)) == (ImportStatus.DONE, 5, 5)
        assert total(due.DueItem) == 0


def test_the_staff_import_for_nobody_in_particular(
    clean_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 1)
    data = write(tmp_path, *(row() for _ in range(3))).read_bytes()
    with clean_app.app_context():
        operator = given_actor(given_party(PartyKind.OPERATOR), Role.OPERATOR)
        kept = imports.upload(operator, data, "register.jsonl")
        assert kept.party_id is None
        imports.start(operator, kept.ref)
        due.run()
        done = session.scalars(select(RightImport).execution_options(populate_existing=True)).one()
        assert (done.status, done.added, done.warned) == (ImportStatus.DONE, 3, 0)
        assert {one.source for one in session.scalars(select(Publication))} == {"operator"}


# -- real files ------------------------------------------------------------------------------------


def test_a_real_docket(db_app: Flask, real_data: Path) -> None:
    path = real_data / "cn_patents" / "docket_app_numbers.csv"
    report = imports.import_file(SYSTEM, path)
    assert counts(report) == (3135, 3133, 0, 2, 0, 444)
    assert codes(report) == {"number.repaired": 400, "type.contradiction": 33, "year.contradiction": 11}
    assert counts(imports.import_file(SYSTEM, path)) == (3135, 0, 0, 3135, 0, 444)


def test_real_exports_named_xls(db_app: Flask, real_data: Path) -> None:
    found = {}
    for path in sorted((real_data / "cn_patents" / "cnki_raw_xls").glob("*.xls")):
        report = imports.import_file(SYSTEM, path)
        assert (report.format, report.counts.rejected) == ("cnki-html", 0)
        cut = [p["line"] for p in report.problems if p["code"] == "claim.truncated"]
        found[path.name.split("_")[0]] = (report.counts.read, cut)
    assert found["电力工业"] == (497, [149, 181])
    for bare in ("CN110032638", "CN109800317"):
        right = right_of(bare)
        assert right.kind == "invention"
        assert right.ipc
        assert right.region


def test_the_large_real_file(db_app: Flask, real_data: Path) -> None:
    path = real_data / "cn_patents" / "sysu_cnki.jsonl.gz"
    first = imports.import_file(SYSTEM, path)
    assert counts(first)[:5] == (27_940, 27_940, 0, 0, 0)
    assert (total(Right), total(Publication)) == (21_302, 27_940)
    second = imports.import_file(SYSTEM, path)
    assert counts(second)[:5] == (27_940, 0, 0, 27_940, 0)
    assert second.seconds <= first.seconds / 2
    assert total(Event) == 2
    # The newest publication gives the text of every right that has several.
    newest = (
        select(Publication.right_id, func.max(Publication.published_on).label("day")).group_by(
            Publication.right_id
        )
    ).subquery()
    titles = select(Publication.title).where(
        Publication.right_id == Right.id, Publication.published_on == newest.c.day
    )
    stray = (
        select(func.count(Right.id))
        .join(newest, newest.c.right_id == Right.id)
        .where(Right.title.not_in(titles))
    )
    assert session.scalar(stray) == 0


def test_the_answer_has_the_shape_of_the_command(db_app: Flask, tmp_path: Path) -> None:
    answer = import_rows(tmp_path, row(), {"title": "没有号"}).as_json()
    assert set(answer) >= {
        "format",
        "read",
        "added",
        "updated",
        "unchanged",
        "rejected",
        "warned",
        "problems",
        "seconds",
    }
    assert answer["read"] == answer["added"] + answer["updated"] + answer["unchanged"] + answer["rejected"]
    assert set(answer["problems"][0]) == {"line", "column", "code", "severity", "message"}
    json.dumps(answer)
