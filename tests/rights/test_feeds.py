"""Sources of legal status: the EPO's service, a folder of files, breakers, and what their answers do here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from flask import Flask
from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import NotAllowed
from exchange.parties.models import Role
from exchange.parties.policy import SYSTEM
from exchange.rights import actions, drop, feeds, gazette, numbers, ops
from exchange.rights.feeds import Answer, Breaker, FeedDown
from exchange.rights.models import LegalEvent, Right, RightStatus
from exchange.rights.numbers import Number
from tests.parties.given import given_actor, given_party
from tests.rights.given import given_right
from tests.rights.ops_server import KEY, SECRET, Service, legal, serving


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


@pytest.fixture
def epo(service: Service) -> Iterator[ops.Ops]:
    client = ops.Ops(service.url, KEY, SECRET)
    yield client
    client.close()


def pub_of(right: Right) -> str:
    return right.publications[0].number


def fresh(right: Right) -> Right:
    session.expire_all()
    return session.scalars(select(Right).where(Right.id == right.id)).one()


def parsed(text: str) -> Number:
    return numbers.parse(text)


# -- the EPO's service ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["legal_example_1.xml", "legal_example_2.xml", "legal_example_3.xml"])
def test_real_answers_are_read_event_by_event(
    real_data: Path, service: Service, epo: ops.Ops, name: str
) -> None:
    body = (real_data / "interchange" / "epo_ops" / name).read_bytes()
    shown = re.search(rb"<country>(\w\w)</country>\s*<doc-number>(\d+)</doc-number>", body)
    assert shown is not None
    number = parsed((shown.group(1) + shown.group(2)).decode())
    service.answers[f"publication/epodoc/{number.key}"] = body
    found = epo.fetch(number)
    assert found is not None
    members = re.findall(rb"<ops:family-member.*?</ops:family-member>", body, re.DOTALL)
    events = sum(
        len(re.findall(rb"<ops:legal ", one)) for one in members if b">" + shown.group(2) + b"<" in one
    )
    assert 0 < len(found.announcements) <= events
    assert {one.source for one in found.announcements} == {"database:epo_ops"}
    assert all(not one.after for one in found.announcements)


def test_a_termination_ends_the_right(db_app: Flask, tmp_path: Path, service: Service, epo: ops.Ops) -> None:
    right = given_right(tmp_path)
    service.answers[f"publication/epodoc/{pub_of(right)}"] = legal(
        pub_of(right), ("CF01", "2026-05-20", "TERMINATION OF PATENT RIGHT DUE TO NON-PAYMENT OF ANNUAL FEE")
    )
    version = right.version
    report = feeds.refresh(SYSTEM, [right.id], [epo])
    assert (report.asked, report.answered, report.changed) == (1, 1, [right.ref])
    ended = fresh(right)
    assert ended.status is RightStatus.LAPSED
    assert ended.status_source == "database:epo_ops"
    assert ended.ended_on == date(2026, 5, 20)
    assert ended.status_checked_at == clock.now()
    assert ended.version > version
    again = ended.version
    assert feeds.refresh(SYSTEM, [right.id], [epo]).changed == []
    assert fresh(right).version == again


def test_a_database_moves_no_owner(db_app: Flask, tmp_path: Path, service: Service, epo: ops.Ops) -> None:
    right = given_right(tmp_path)
    service.answers[f"publication/epodoc/{pub_of(right)}"] = legal(
        pub_of(right), ("TR01", "2026-05-20", "TRANSFER OF PATENT RIGHT"), owner="JIA GONGSI CO LTD"
    )
    feeds.refresh(SYSTEM, [right.id], [epo])
    assert [owner.name for owner in fresh(right).owners] == ["甲公司"]
    kept = session.scalars(select(LegalEvent).where(LegalEvent.code == "TR01")).one()
    assert not kept.applied


@pytest.mark.parametrize("first", ["database", "register"])
def test_the_register_itself_comes_before_its_copy(
    db_app: Flask, tmp_path: Path, service: Service, epo: ops.Ops, first: str
) -> None:
    right = given_right(tmp_path)
    service.answers[f"publication/epodoc/{pub_of(right)}"] = legal(
        pub_of(right), ("PE01", "2026-05-20", "PLEDGE REGISTERED")
    )
    path = tmp_path / "gazette.jsonl"
    told = {
        "number": right.app_no,
        "code": "PE01",
        "date": "2026-05-20",
        "effective_on": "2026-05-06",
        "register_no": "Y2026980000001",
        "pledgee": "某银行",
    }
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    if first == "register":
        gazette.import_events(SYSTEM, path)
    feeds.refresh(SYSTEM, [right.id], [epo])
    if first == "database":
        gazette.import_events(SYSTEM, path)
    (burden,) = fresh(right).encumbrances
    assert (burden.holder, burden.since) == ("某银行", date(2026, 5, 6))


def test_the_service_by_application_number(
    db_app: Flask, tmp_path: Path, service: Service, epo: ops.Ops
) -> None:
    number = parsed("201710601862.3")
    service.answers["application/docdb/CN.201710601862.A"] = legal("CN107000000").replace(
        b"</publication-reference>",
        b"</publication-reference><application-reference><document-id document-id-type='docdb'><country>CN</country>"
        b"<doc-number>201710601862</doc-number><kind>A</kind></document-id></application-reference>",
    )
    assert epo.fetch(number) == Answer(())
    assert epo.fetch(parsed("200310102344.5")) is None
    assert epo.fetch(numbers.parse("12345678", kind="trademark")) is None


def test_a_token_that_ran_out_is_renewed(service: Service, epo: ops.Ops) -> None:
    number = parsed("CN107000000B")
    service.answers["publication/epodoc/CN107000000"] = legal("CN107000000")
    epo.ready([number])
    assert epo.fetch(number) == Answer(())
    service.expire()
    assert epo.fetch(number) == Answer(())
    assert len(service.tokens) == 2


def test_a_key_that_is_refused(service: Service) -> None:
    stranger = ops.Ops(service.url, KEY, "wrong")
    with pytest.raises(FeedDown, match="key was not accepted"):
        stranger.ready([parsed("CN107000000B")])
    stranger.close()


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (403, {"X-Rejection-Reason": "IndividualQuotaPerHour"}, "IndividualQuotaPerHour"),
        (503, {}, "503"),
        (404, {"X-Throttling-Control": "overloaded (inpadoc=black:0)"}, "not to be asked"),
        (302, {"Location": "http://127.0.0.1:1/"}, "302"),
    ],
)
def test_a_service_that_does_not_want_to_be_asked(
    service: Service, epo: ops.Ops, status: int, headers: dict[str, str], words: str
) -> None:
    service.status, service.headers = status, headers
    with pytest.raises(FeedDown, match=words):
        epo.fetch(parsed("CN107000000B"))


def test_the_pace_of_the_service_is_kept(service: Service) -> None:
    paused: list[float] = []
    client = ops.Ops(service.url, KEY, SECRET, pause=paused.append)
    service.headers = {"X-Throttling-Control": "busy (images=green:100, inpadoc=yellow:30, other=green:500)"}
    for _ in range(3):
        assert client.fetch(parsed("CN107000000B")) is None
    assert paused == [2.0, 2.0]
    client.close()


def test_what_cannot_be_reached_or_read_is_down(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    number = parsed("CN107000000B")
    nowhere = ops.Ops("http://127.0.0.1:9", KEY, SECRET)
    with pytest.raises(FeedDown, match="ConnectError"):
        nowhere.fetch(number)
    nowhere.close()
    slow = ops.Ops(service.url, KEY, SECRET, timeout=httpx.Timeout(0.2))
    slow.ready([number])
    service.delay = 1.0
    with pytest.raises(FeedDown, match="ReadTimeout"):
        slow.fetch(number)
    slow.close()
    service.delay = 0.0
    client = ops.Ops(service.url, KEY, SECRET)
    service.answers["publication/epodoc/CN107000000"] = b"<html>out of order</html>"
    with pytest.raises(FeedDown):
        client.fetch(number)
    monkeypatch.setattr(ops, "MOST_OCTETS", 10)
    with pytest.raises(FeedDown, match="too large"):
        client.fetch(number)
    client.close()


# -- a folder --------------------------------------------------------------------------------------


def test_a_folder_of_gazettes_and_extracts(db_app: Flask, tmp_path: Path) -> None:
    gazetted, stated, other = (given_right(tmp_path) for _ in range(3))
    folder = tmp_path / "feed"
    folder.mkdir()
    lines = [{"number": one.app_no, "code": "CF01", "date": "2026-05-20"} for one in (gazetted, other)]
    (folder / "2026-20.jsonl").write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    text = "#法律状态公告日：20260520;\n法律状态：专利权的主动放弃;\n描述信息：专利权的主动放弃;\n"
    (folder / f"{stated.app_no}.txt").write_text(text, encoding="utf-8")
    (folder / "broken.bin").write_bytes(b"\x00\x01" * 500)
    (folder / ".hidden").write_text("x")
    report = feeds.refresh(SYSTEM, [gazetted.id, stated.id], [drop.Folder(folder)])
    assert report.down == {}
    assert report.answered == 2
    assert fresh(gazetted).status is RightStatus.LAPSED
    assert fresh(gazetted).status_source == "register"
    assert fresh(stated).status is RightStatus.LAPSED
    assert fresh(other).status is RightStatus.GRANTED
    later = feeds.refresh(SYSTEM, [other.id], [drop.Folder(folder)])
    assert later.changed == [other.ref]


def test_a_status_counts_as_of_the_day_of_its_file(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    folder = tmp_path / "feed"
    folder.mkdir()
    path = folder / "inquiry.json"
    path.write_text(
        json.dumps(
            [{"app_no": right.app_no, "title": "一种纳滤膜", "status": "专利权维持"}], ensure_ascii=False
        )
    )
    written = (clock.now() - timedelta(days=3)).timestamp()
    os.utime(path, (written, written))
    day = clock.today() - timedelta(days=3)
    feeds.refresh(SYSTEM, [right.id], [drop.Folder(folder)])
    assert (fresh(right).status, fresh(right).status_as_of) == (RightStatus.GRANTED, day)
    assert feeds.refresh(SYSTEM, [right.id], [drop.Folder(folder)]).changed == []


def test_one_number_at_a_time_and_a_folder_that_is_gone(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    folder = tmp_path / "feed"
    folder.mkdir()
    (folder / "a.jsonl").write_text(
        json.dumps({"number": right.app_no, "code": "GR01", "date": "2022-05-03"})
    )
    number = parsed(right.app_no or "")
    found = drop.Folder(folder).fetch(number)
    assert found is not None
    assert [one.code for one in found.announcements] == ["GR01"]
    with pytest.raises(FeedDown, match="no folder"):
        drop.Folder(tmp_path / "none").fetch(number)


# -- breakers and the look -------------------------------------------------------------------------


class Told:
    """A source whose answers a test sets: a list is taken from the front, an exception is raised."""

    def __init__(self, *answers: Answer | FeedDown | None, name: str = "told") -> None:
        self.name = name
        self.answers = list(answers)
        self.asked: list[str] = []

    def ready(self, wanted: Collection[Number]) -> None:
        """Nothing to prepare."""

    def fetch(self, number: Number) -> Answer | None:
        """The next answer."""
        self.asked.append(number.key)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, FeedDown):
            raise answer
        return answer


def test_a_source_that_fails_is_left_alone_for_a_while() -> None:
    now = [0.0]
    source = Told(*(FeedDown("away") for _ in range(3)), Answer(()))
    guarded = Breaker(source, failures=3, rest=60, tick=lambda: now[0])
    number = parsed("CN107000000B")
    for _ in range(3):
        with pytest.raises(FeedDown, match="away"):
            guarded.fetch(number)
    assert guarded.open
    with pytest.raises(FeedDown, match="left alone"):
        guarded.fetch(number)
    assert len(source.asked) == 3
    now[0] = 61.0
    assert guarded.fetch(number) == Answer(())
    assert not guarded.open


def test_a_failing_source_leaves_every_mark_as_it_was(db_app: Flask, tmp_path: Path) -> None:
    rights = [given_right(tmp_path) for _ in range(5)]
    before = [right.status_checked_at for right in rights]
    source = Told(*(FeedDown("away") for _ in range(20)))
    clock.advance(timedelta(days=1))
    report = feeds.refresh(SYSTEM, [right.id for right in rights], [Breaker(source)])
    assert (report.asked, report.failed, report.down) == (3, 3, {"told": "away"})
    assert [fresh(right).status_checked_at for right in rights] == before


def test_every_source_that_knows_is_heard(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    first, second = Told(Answer(()), name="first"), Told(Answer(()), name="second")
    report = feeds.refresh(SYSTEM, [right.id], [Told(FeedDown("away")), first, second])
    assert report.answered == 1
    assert first.asked == second.asked == [pub_of(right)]


def test_what_no_source_knows_waits_for_people(db_app: Flask, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    source = Told()
    report = feeds.refresh(SYSTEM, [right.id], [source])
    assert report.unknown == 1
    assert report.by_hand == [parsed(pub_of(right)).shown]
    assert source.asked == [pub_of(right), right.app_no]
    assert fresh(right).status_checked_at == clock.now()


def test_those_that_waited_longest_come_first(db_app: Flask, tmp_path: Path) -> None:
    rights = [given_right(tmp_path) for _ in range(4)]
    every = select(Right.id)
    clock.advance(timedelta(days=1))
    feeds.take(SYSTEM, rights[0].id, [])
    clock.advance(timedelta(days=1))
    feeds.take(SYSTEM, rights[1].id, [])
    actions.complete(
        SYSTEM,
        rights[3].ref,
        status=RightStatus.INVALID,
        status_as_of=clock.today(),
        status_source="register",
    )
    found = feeds.due_ids(every, limit=10)
    assert found == [rights[2].id, rights[0].id]
    assert feeds.due_ids(every, limit=1) == [rights[2].id]


def test_the_look_ends_with_its_time(db_app: Flask, tmp_path: Path) -> None:
    rights = [given_right(tmp_path) for _ in range(3)]
    ticks = iter([0.0, 1.0, 2.0, 11.0])
    report = feeds.refresh(
        SYSTEM, [right.id for right in rights], [Told()], seconds=10, tick=lambda: next(ticks)
    )
    assert report.asked == 2


def test_only_the_exchange_looks(db_app: Flask) -> None:
    with pytest.raises(NotAllowed):
        feeds.refresh(given_actor(given_party(), Role.AGENT), [], [])
