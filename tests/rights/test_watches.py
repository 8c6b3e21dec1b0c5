"""Watching rights: verbs, the page, the API, the daily digest, and what the daily look at the sources sets off."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exchange import jobs, statuses
from exchange.core import clock, config, events
from exchange.core.db import session, transaction
from exchange.core.errors import NotAllowed, NotFound, RuleBroken
from exchange.listings.models import ListingStatus
from exchange.notifications import digest
from exchange.notifications.models import Notice, OutgoingMail
from exchange.parties.models import Party, PartyKind, Role, User
from exchange.parties.policy import SYSTEM, Actor
from exchange.rights import actions, feeds, watches
from exchange.rights.feeds import FeedDown
from exchange.rights.models import EncumbranceKind, Right, RightStatus, Watch
from tests.listings import scene
from tests.parties.given import given_actor, given_party, signed_in, submit
from tests.rights.given import given_right, number


@pytest.fixture
def bank(db_app: Flask) -> Party:
    return given_party(name="榕江银行")


@pytest.fixture
def banker(bank: Party) -> Actor:
    return given_actor(bank, Role.AGENT)


def lapse(right: Right) -> None:
    actions.complete(
        SYSTEM, right.ref, status=RightStatus.LAPSED, status_as_of=clock.today(), status_source="register"
    )


def letters(prefix: str = "digest:") -> list[OutgoingMail]:
    query = select(OutgoingMail).where(OutgoingMail.key.startswith(prefix)).order_by(OutgoingMail.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


# -- verbs -----------------------------------------------------------------------------------------


def test_numbers_are_watched_once(banker: Actor, bank: Party, tmp_path: Path) -> None:
    first, second = given_right(tmp_path), given_right(tmp_path)
    wanted = [first.app_no or "", second.publications[0].number, number(), "201710601862.4"]
    done = watches.watch_numbers(banker, wanted, note=" 贷款 1 ")
    assert [one.right_id for one in done.added] == [first.id, second.id]
    assert {one.note for one in done.added} == {"贷款 1"}
    assert [answer.code for answer in done.unknown] == ["right.unknown", "number.check_digit"]
    again = watches.watch_numbers(banker, wanted, note="")
    assert (again.added, again.known) == ([], 2)
    assert watches.watch_of(bank, first) is not None
    assert session.scalars(select(Watch.note)).all() == ["贷款 1", "贷款 1"]
    watches.watch(banker, [first.ref], note="贷款 2")
    assert sorted(session.scalars(select(Watch.note))) == ["贷款 1", "贷款 2"]
    told = session.scalars(select(events.Event).where(events.Event.type == "watch.began")).all()
    assert [one.payload["rights"] for one in told] == [[first.ref, second.ref]]


def test_a_watch_ends_once(banker: Actor, tmp_path: Path) -> None:
    right, other = given_right(tmp_path), given_right(tmp_path)
    watches.watch(banker, [right])
    stranger = given_actor(given_party(), Role.AGENT)
    assert watches.unwatch(stranger, [right.ref]) == 0
    assert watches.unwatch(banker, [right.ref, other.ref, "RT-00000000000"]) == 1
    assert watches.unwatch(banker, [right.ref]) == 0


def test_who_may_watch(banker: Actor, bank: Party, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    for role in (Role.SIGNER, Role.FINANCE):
        with pytest.raises(NotAllowed):
            watches.watch(given_actor(bank, role), [right])
    with pytest.raises(NotFound):
        watches.watch(SYSTEM, [right])
    with pytest.raises(NotFound):
        watches.watch(banker, ["RT-00000000000"])
    with pytest.raises(RuleBroken, match=r"check\.too_many"):
        watches.watch_numbers(banker, [number() for _ in range(1001)])


def test_a_merged_right_is_watched_where_it_went(banker: Actor, tmp_path: Path) -> None:
    keep, other, third = given_right(tmp_path), given_right(tmp_path), given_right(tmp_path)
    with transaction():
        for one in (other, third):
            session.get_one(Right, one.id).app_no = None
    watches.watch(banker, [other])
    actions.merge(SYSTEM, keep.ref, other.ref)
    (kept,) = session.scalars(select(Watch).execution_options(populate_existing=True))
    assert kept.right_id == keep.id
    watches.watch(banker, [third])
    actions.merge(SYSTEM, keep.ref, third.ref)
    assert session.scalars(select(Watch.right_id)).all() == [keep.id]
    assert watches.watch(banker, [other.ref]).known == 1


def test_what_changed_since_the_watch_began(banker: Actor, bank: Party, tmp_path: Path) -> None:
    ended, burdened, freed, quiet = (given_right(tmp_path) for _ in range(4))
    actions.encumber(SYSTEM, freed, EncumbranceKind.LICENCE, by="L1")
    watches.watch(banker, [ended, burdened, freed, quiet])
    lapse(ended)
    actions.encumber(SYSTEM, burdened, EncumbranceKind.PRESERVATION, by="C1", holder="福州中院")
    actions.release(SYSTEM, freed, EncumbranceKind.LICENCE, by="L1")
    session.expire_all()
    found = {one.right.id: one for one in watches.lines(bank.id)}
    assert [change.what for change in found[ended.id].since_start] == ["status", "fee"]
    assert [change.what for change in found[burdened.id].since_start] == ["burden"]
    assert [change.what for change in found[freed.id].since_start] == ["released"]
    assert found[quiet.id].since_start == ()
    assert found[ended.id].grave
    assert found[burdened.id].grave
    assert not found[freed.id].grave
    assert [one.right.id for one in watches.lines(bank.id)][2:] == [freed.id, quiet.id]


def test_a_fee_that_falls_due_is_a_change_though_nobody_entered_anything(
    banker: Actor, bank: Party, tmp_path: Path
) -> None:
    right = given_right(tmp_path)
    watches.watch(banker, [right])
    clock.advance(timedelta(days=365 * 2))
    (line,) = watches.lines(bank.id)
    assert [change.what for change in line.since_start] == ["fee"]
    assert line.grave


# -- digest ----------------------------------------------------------------------------------------


def test_one_letter_to_each_person_and_none_without_news(banker: Actor, bank: Party, tmp_path: Path) -> None:
    admin = given_actor(bank, Role.OWNER_ADMIN)
    given_actor(bank, Role.FINANCE)
    silent = given_actor(bank, Role.AGENT)
    with transaction():
        assert silent.user is not None
        session.get_one(User, silent.user.id).preferences = {"mail": False}
    ended, quiet = given_right(tmp_path), given_right(tmp_path)
    watches.watch(banker, [ended, quiet])
    assert digest.send() == 0
    lapse(ended)
    assert digest.send() == 2
    sent = letters()
    assert banker.user is not None
    assert admin.user is not None
    assert {one.to for one in sent} == {banker.user.email, admin.user.email}
    assert ended.title in sent[0].body
    assert f"/rights/{ended.ref}" in sent[0].body
    assert quiet.ref not in sent[0].body
    assert "/rights/watch" in sent[0].body
    clock.advance(timedelta(days=1))
    assert digest.send() == 0
    actions.encumber(SYSTEM, quiet, EncumbranceKind.PLEDGE, by="D1", holder="别的银行")
    assert digest.send() == 2
    assert "别的银行" in letters()[-1].body
    assert ended.ref not in letters()[-1].body


def test_the_letter_is_in_the_language_of_its_reader(banker: Actor, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    watches.watch(banker, [right])
    with transaction():
        assert banker.user is not None
        session.get_one(User, banker.user.id).locale = "en"
    lapse(right)
    digest.send()
    (sent,) = letters()
    assert sent.subject == "1 of the rights you watch have changed"
    assert "! Legal status: In force → Lapsed" in sent.body


def test_news_that_was_told_meanwhile_is_not_told_again(banker: Actor, bank: Party, tmp_path: Path) -> None:
    right, other = given_right(tmp_path), given_right(tmp_path)
    watches.watch(banker, [right, other])
    lapse(right)
    lapse(other)
    session.expire_all()
    news = digest.gather(bank.id)
    watches.unwatch(banker, [other.ref])
    assert digest.send() == 1
    assert digest._tell(bank.id, news) == 0
    assert len(letters()) == 1


def test_a_letter_names_so_many_and_the_page_has_all(db_app: Flask) -> None:
    news = [digest.News(at, f"RT-{at}", f"名称{at}", {}, {}, ()) for at in range(digest.MOST + 5)]
    _, body = digest.letter("榕江银行", news, "en")
    assert body.count("名称") == digest.MOST
    assert "and 5 more" in body


# -- the daily look --------------------------------------------------------------------------------


def test_a_right_that_ends_stops_its_listing_and_everybody_is_told(
    db_app: Flask, bank: Party, banker: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seller = scene.member(scene.party())
    assert seller.party is not None
    right = scene.right(seller.party)
    listing = scene.published(seller, right)
    watches.watch(banker, [right])
    events.drain_all()
    folder = tmp_path / "feed"
    folder.mkdir()
    told = {"number": right.app_no, "code": "CF01", "date": "2026-06-12"}
    (folder / "2026-24.jsonl").write_text(json.dumps(told), encoding="utf-8")
    given = config.Settings(**{**config.settings().__dict__, "feed_folder": folder})
    monkeypatch.setattr(config, "_current", [given])
    report = statuses.look()
    assert report.changed == [right.ref]
    session.expire_all()
    assert session.get_one(Right, right.id).status is RightStatus.LAPSED
    assert session.get_one(type(listing), listing.id).status is ListingStatus.SUSPENDED
    events.drain_all()
    heard = {(one.user_id, one.message) for one in session.scalars(select(Notice))}
    assert seller.user is not None
    assert banker.user is not None
    assert (seller.user.id, "right.status_changed/holder") in heard
    assert (seller.user.id, "listing.suspended/seller") in heard
    assert (banker.user.id, "right.status_changed/watcher") in heard
    mailed = {one.to for one in session.scalars(select(OutgoingMail)) if "right.status_changed" in one.key}
    assert mailed == {seller.user.email}
    shown = session.scalars(select(Notice).where(Notice.message == "right.status_changed/watcher")).all()
    assert [one.path for one in shown] == [f"/rights/{right.ref}"]
    assert statuses.look().asked == 0


def test_a_holder_who_also_watches_is_told_once(db_app: Flask, tmp_path: Path) -> None:
    party = given_party(name="甲公司")
    agent = given_actor(party, Role.AGENT)
    right = given_right(tmp_path)
    actions.claim_holding(agent, right.ref)
    watches.watch(agent, [right])
    lapse(right)
    session.expire_all()
    events.drain_all()
    messages = session.scalars(select(Notice.message).where(Notice.message.startswith("right."))).all()
    assert messages == ["right.status_changed/holder"]


def test_urgent_rights_come_before_those_that_are_only_held(
    db_app: Flask, banker: Actor, tmp_path: Path
) -> None:
    seller, buyer = scene.member(scene.party()), scene.member(scene.party())
    assert seller.party is not None
    held, listed, sold, pledged = (scene.right(seller.party) for _ in range(4))
    watched, unknown = given_right(tmp_path, owners=["丙公司"]), given_right(tmp_path, owners=["丁公司"])
    scene.published(seller, listed)
    scene.agreed(seller, buyer, scene.published(seller, sold))
    actions.encumber(SYSTEM, pledged, EncumbranceKind.PLEDGE, by="D1")
    watches.watch(banker, [watched])
    clock.advance(timedelta(days=2))
    assert set(feeds.due_ids(statuses.urgent(), limit=50)) == {listed.id, sold.id, pledged.id, watched.id}
    assert held.id in feeds.due_ids(statuses.held(), limit=50)
    assert unknown.id not in feeds.due_ids(statuses.held(), limit=50)
    assert statuses.look().asked == 0


def test_no_answer_at_all_is_a_failed_run(
    db_app: Flask, banker: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watches.watch(banker, [given_right(tmp_path)])
    clock.advance(timedelta(days=2))
    given = config.Settings(**{**config.settings().__dict__, "feed_folder": tmp_path / "gone"})
    monkeypatch.setattr(config, "_current", [given])
    with pytest.raises(FeedDown, match="no folder"):
        statuses.look()


@pytest.mark.parametrize("name", ["legal_status", "digest"])
def test_both_stand_in_the_timetable(db_app: Flask, name: str) -> None:
    jobs.prepare()
    assert jobs.run_once(db_app, name)
    (row,) = [one for one in jobs.status() if one["name"] == name]
    assert row["last_error"] is None


# -- page and API ----------------------------------------------------------------------------------


def test_the_page_of_watched_rights(client: FlaskClient, bank: Party, tmp_path: Path) -> None:
    right, other = given_right(tmp_path), given_right(tmp_path)
    signed_in(client, bank, Role.AGENT)
    assert "watches no right yet" in client.get("/rights/watch?lang=en").text
    file = (io.BytesIO(f"{other.app_no}\n".encode()), "numbers.csv")
    sent = submit(client, "/rights/watch", numbers=f"{right.app_no}\n201710601862.4", file=file, note="贷款")
    assert sent.status_code == 303
    page = client.get("/rights/watch?lang=en")
    for words in (right.ref, other.ref, "贷款", "2 rights are watched from now on", "201710601862.4"):
        assert words in page.text
    assert "None of the watched rights has changed" in client.get("/rights/watch?changed=1&lang=en").text
    lapse(right)
    changed = client.get("/rights/watch?changed=1&lang=en").text
    assert right.ref in changed
    assert other.ref not in changed
    assert "Legal status: In force → Lapsed" in changed
    nothing = submit(client, "/rights/watch", numbers="")
    assert nothing.status_code == 422
    ended = submit(client, "/rights/watch", to=f"/rights/{right.ref}/unwatch")
    assert ended.status_code == 303
    assert right.ref not in client.get("/rights/watch").text


def test_from_the_page_of_a_right(client: FlaskClient, bank: Party, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    assert "/watch" not in client.get(f"/rights/{right.ref}").text
    signed_in(client, bank, Role.AGENT)
    path = f"/rights/{right.ref}"
    assert f"{path}/watch" in client.get(path).text
    assert submit(client, path, to=f"{path}/watch").status_code == 303
    assert f"{path}/unwatch" in client.get(path).text


def test_others_do_not_see_what_one_watches(client: FlaskClient, banker: Actor, tmp_path: Path) -> None:
    right = given_right(tmp_path)
    watches.watch(banker, [right], note="秘密")
    signed_in(client, given_party(PartyKind.OPERATOR), Role.OPERATOR)
    assert "秘密" not in client.get("/rights/watch").text
    answer = client.get("/api/v1/rights/watches")
    assert answer.json == {"items": [], "next": None, "total": 0}


def test_watches_through_the_api(client: FlaskClient, bank: Party, tmp_path: Path) -> None:
    right, other = given_right(tmp_path), given_right(tmp_path)
    signed_in(client, bank, Role.AGENT)
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/rights/watch").text)
    assert token is not None
    headers = {"X-CSRFToken": token.group(1)}
    body = {"numbers": [right.app_no, "201710601862.4"], "note": "贷款"}
    made = client.post("/api/v1/rights/watches", json=body, headers=headers)
    assert made.status_code == 200, made.text
    assert made.json is not None
    assert [one["right"] for one in made.json["added"]] == [right.ref]
    assert [one["error"]["code"] for one in made.json["missing"]] == ["number.check_digit"]
    assert "unwatch" in client.get(f"/api/v1/rights/{right.ref}").json["actions"]  # type: ignore[index]
    assert client.post(f"/api/v1/rights/{other.ref}/watch", headers=headers).status_code == 200
    lapse(right)
    listed = client.get("/api/v1/rights/watches?limit=1&lang=en")
    assert listed.json is not None
    assert (listed.json["total"], len(listed.json["items"])) == (2, 1)
    rest = client.get(f"/api/v1/rights/watches?limit=1&lang=en&cursor={listed.json['next']}")
    assert rest.json is not None
    (row,) = [one for one in [*listed.json["items"], *rest.json["items"]] if one["right"] == right.ref]
    assert row["changes"][0] == {
        "what": "status",
        "message": "Legal status: In force → Lapsed",
        "grave": True,
    }
    assert client.post(f"/api/v1/rights/{other.ref}/unwatch", headers=headers).json == {"ended": 1}
    ended = client.post(
        "/api/v1/rights/watches/end", json={"rights": [right.ref, other.ref]}, headers=headers
    )
    assert ended.json == {"ended": 1}
