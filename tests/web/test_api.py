"""The REST shell, on a small resource of its own with real transactions."""

import threading
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

import marshmallow as ma
import pytest
from flask.testing import FlaskClient
from sqlalchemy import String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from exchange import api
from exchange.core import clock
from exchange.core.db import Id, Referenced, UTCDateTime, Versioned, db, lock, session, transaction
from exchange.core.errors import N_, Conflict
from exchange.core.labels import labelled
from exchange.core.lifecycle import REGISTRY, Lifecycle, move
from exchange.web import access
from exchange.web.fields import EnumField, FenField, InstantField, RefField
from exchange.web.paging import paged, read_cursor, sign_cursor
from tests.web.conftest import Shell


@labelled(open=N_("Open"), closed=N_("Closed"))
class BoxState(Enum):
    OPEN = "open"
    CLOSED = "closed"


BOX = Lifecycle("test_box", BoxState, initial="open", moves=[
    move("close", {"open"}, "closed", by="owner"),
    move("fade", {"open"}, "closed", by="clock"),
    move("reopen", {"closed"}, "open", by="owner"),
])  # fmt: skip


REGISTRY.pop("test_box")  # a lifecycle of the tests is none of the exchange's


class Own(DeclarativeBase):
    """Tables of this file, apart from the exchange's."""

    type_annotation_map: ClassVar = {datetime: UTCDateTime}

    id: Mapped[int] = mapped_column(Id, primary_key=True)


class Box(Referenced, Versioned, Own):
    """A thing of the tests."""

    __tablename__ = "test_box"
    REF = "BX"

    name: Mapped[str] = mapped_column(String(40))
    price: Mapped[int] = mapped_column()
    status: Mapped[str] = mapped_column(String(16), default="open")
    opened_at: Mapped[datetime] = mapped_column(default=clock.now)


class BoxBody(ma.Schema):
    name = ma.fields.String(required=True, validate=ma.validate.Length(max=40))
    price = FenField(required=True)


class BoxSchema(ma.Schema):
    ref = RefField("BX")
    name = ma.fields.String()
    price = FenField()
    status = ma.fields.String()
    opened_at = InstantField()
    actions = ma.fields.Method("allowed", metadata={"type": "array", "items": {"type": "string"}})

    def allowed(self, box: Box) -> list[str]:
        return api.actions(BOX, box, lambda name: name != "reopen", among=["close", "reopen"])


class BoxArgs(api.PageArgs):
    state = EnumField(BoxState, load_default=None)


@transaction
def make_box(name: str, price: int) -> Box:
    """A verb: refuses a second box of the same name."""
    if session.scalar(select(Box).where(Box.name == name)):
        raise Conflict("box.twice", "There is one already.")
    box = Box(name=name, price=price)
    session.add(box)
    session.flush()
    return box


blp = api.Blueprint("boxes", __name__, url_prefix="/boxes", description="Boxes of the tests")


@blp.get("")
@blp.arguments(BoxArgs, location="query")
@blp.response(200, api.page_of(BoxSchema))
@access.public
def list_boxes(args: dict[str, Any]) -> Any:
    """List boxes."""
    return paged(select(Box), Box.opened_at, name="boxes", cursor=args["cursor"], limit=args["limit"])


@blp.post("")
@api.idempotent(required=True)
@blp.arguments(BoxBody)
@blp.response(201, BoxSchema)
@access.login
def add_box(body: dict[str, Any]) -> Any:
    """Add a box."""
    return api.with_etag(make_box(**body), 201)


@blp.patch("/<ref>")
@api.idempotent()
@blp.arguments(BoxBody(partial=True))
@blp.response(200, BoxSchema)
@access.login
def change_box(body: dict[str, Any], ref: str) -> Any:
    """Change a box."""
    with transaction():
        box = lock(Box, ref)  # type: ignore[type-var]  # a table of the tests
        api.must_be_fresh(box, required=True)
        for name, value in body.items():
            setattr(box, name, value)
    return api.with_etag(box)


TOKEN = {"Authorization": "Bearer abc"}
BODY = {"name": "one", "price": {"amount": "12.50", "currency": "CNY"}}


@pytest.fixture
def boxes(shell: Shell) -> Iterator[FlaskClient]:
    api.register(blp)
    shell.sign_in()
    with shell.app.app_context():
        Own.metadata.create_all(db.engine)
    yield shell.client()
    with shell.app.app_context():
        db.session.remove()


def count(shell: Shell) -> int:
    with shell.app.app_context():
        return session.scalar(select(func.count()).select_from(Box)) or 0


def key(value: str) -> dict[str, str]:
    return {**TOKEN, "Idempotency-Key": value}


def test_a_resource_stands_under_the_version(boxes: FlaskClient) -> None:
    answer = boxes.post("/api/v1/boxes", json=BODY, headers=key("k1"))
    assert answer.status_code == 201
    body: Any = answer.json
    assert body["price"] == {"amount": "12.50", "currency": "CNY"}
    assert body["opened_at"].endswith("Z")
    assert body["actions"] == ["close"]
    assert answer.headers["ETag"] == '"1"'


# -- remembered answers ----------------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_and_acts_once(boxes: FlaskClient, shell: Shell) -> None:
    first = boxes.post("/api/v1/boxes", json=BODY, headers=key("k1"))
    again = boxes.post("/api/v1/boxes", json=BODY, headers=key("k1"))
    assert (again.status_code, again.json, again.headers["ETag"]) == (201, first.json, '"1"')
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert count(shell) == 1


def test_another_body_under_the_same_key_is_refused(boxes: FlaskClient, shell: Shell) -> None:
    boxes.post("/api/v1/boxes", json=BODY, headers=key("k1"))
    answer = boxes.post("/api/v1/boxes", json={**BODY, "name": "two"}, headers=key("k1"))
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency.key_reused")  # type: ignore[index]
    assert count(shell) == 1


def test_the_order_of_fields_and_spaces_do_not_matter(boxes: FlaskClient) -> None:
    boxes.post("/api/v1/boxes", json=BODY, headers=key("k1"))
    text = '{ "price": {"currency":"CNY","amount":"12.50"}, "name": "one" }'
    answer = boxes.post("/api/v1/boxes", data=text, content_type="application/json", headers=key("k1"))
    assert answer.status_code == 201


def test_money_needs_a_key(boxes: FlaskClient, shell: Shell) -> None:
    answer = boxes.post("/api/v1/boxes", json=BODY, headers=TOKEN)
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency.key_required")  # type: ignore[index]
    answer = boxes.post("/api/v1/boxes", json=BODY, headers=key("k" * 300))
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency.key_length")  # type: ignore[index]
    assert count(shell) == 0


def test_a_refusal_is_not_remembered(boxes: FlaskClient, shell: Shell) -> None:
    bad = {**BODY, "price": {"amount": "-1"}}
    assert boxes.post("/api/v1/boxes", json=bad, headers=key("k1")).status_code == 422
    assert boxes.post("/api/v1/boxes", json=BODY, headers=key("k1")).status_code == 201
    assert boxes.post("/api/v1/boxes", json=BODY, headers=key("k2")).status_code == 409
    assert count(shell) == 1


def test_a_key_belongs_to_its_owner(boxes: FlaskClient, shell: Shell) -> None:
    boxes.post("/api/v1/boxes", json=BODY, headers=key("k1"))
    actor = shell.sign_in()
    assert actor.user
    actor.user.ref = "US-2"
    answer = boxes.post("/api/v1/boxes", json={**BODY, "name": "two"}, headers=key("k1"))
    assert answer.status_code == 201


def test_the_same_key_at_the_same_time_acts_once(boxes: FlaskClient, shell: Shell) -> None:
    answers: list[int] = []

    def post() -> None:
        answers.append(shell.client().post("/api/v1/boxes", json=BODY, headers=key("k1")).status_code)

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert count(shell) == 1


def test_without_the_key_the_same_race_acts_more_than_once(boxes: FlaskClient, shell: Shell) -> None:
    """The control of the test above: other keys, other boxes."""
    for number in range(3):
        body = {**BODY, "name": f"box {number}"}
        assert boxes.post("/api/v1/boxes", json=body, headers=key(f"k{number}")).status_code == 201
    assert count(shell) == 3


# -- versions -----------------------------------------------------------------------------------------


def test_a_change_names_the_version_it_changes(boxes: FlaskClient) -> None:
    ref = boxes.post("/api/v1/boxes", json=BODY, headers=key("k1")).json["ref"]  # type: ignore[index]
    url, change = f"/api/v1/boxes/{ref}", {"name": "new"}
    missing = boxes.patch(url, json=change, headers=TOKEN)
    assert (missing.status_code, missing.json["code"]) == (428, "if_match.required")  # type: ignore[index]
    odd = boxes.patch(url, json=change, headers={**TOKEN, "If-Match": "latest"})
    assert (odd.status_code, odd.json["code"]) == (422, "if_match.format")  # type: ignore[index]
    done = boxes.patch(url, json=change, headers={**TOKEN, "If-Match": '"1"'})
    assert (done.status_code, done.headers["ETag"]) == (200, '"2"')
    late = boxes.patch(url, json={"name": "mine"}, headers={**TOKEN, "If-Match": '"1"'})
    assert (late.status_code, late.json["code"]) == (412, "stale")  # type: ignore[index]
    whatever = boxes.patch(url, json={"name": "any"}, headers={**TOKEN, "If-Match": "*"})
    assert whatever.status_code == 200


# -- bodies and queries ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({**BODY, "colour": "red"}, "colour", "field.unknown"),
        ({"name": "x"}, "price", "field.required"),
        ({**BODY, "price": 12.5}, "price", "money.shape"),
        ({**BODY, "price": {"amount": "1", "currency": "USD"}}, "price", "money.currency"),
        ({**BODY, "name": 5}, "name", "field.type"),
        ({**BODY, "name": "x" * 41}, "name", "field.length"),
        ({**BODY, "name": None}, "name", "field.required"),
        ([], None, "field.type"),
    ],
)
def test_a_wrong_body_names_the_field(boxes: FlaskClient, body: Any, field: str | None, code: str) -> None:
    answer = boxes.post("/api/v1/boxes", json=body, headers=key("k1"))
    assert answer.status_code == 422
    errors = answer.json["errors"]  # type: ignore[index]
    assert [(e["field"], e["code"]) for e in errors] == [(field, code)]


def test_what_is_no_json_is_malformed(boxes: FlaskClient) -> None:
    answer = boxes.post("/api/v1/boxes", data="{", content_type="application/json", headers=key("k1"))
    assert (answer.status_code, answer.json["code"]) == (400, "request.malformed")  # type: ignore[index]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("colour=red", "colour"),
        ("state=gone", "state"),
    ],
)
def test_a_wrong_query_names_the_field(boxes: FlaskClient, query: str, field: str) -> None:
    answer = boxes.get(f"/api/v1/boxes?{query}")
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json["errors"]] == [field]  # type: ignore[index]


def test_the_language_may_be_asked_for_everywhere(boxes: FlaskClient) -> None:
    assert boxes.get("/api/v1/boxes?lang=en").status_code == 200
    english = boxes.get("/api/v1/boxes?limit=0&lang=en").json
    chinese = boxes.get("/api/v1/boxes?limit=0&lang=zh").json
    assert english
    assert chinese
    assert english["errors"][0]["message"] != chinese["errors"][0]["message"]


# -- paging ------------------------------------------------------------------------------------------------


def fill(shell: Shell, names: list[str]) -> None:
    with shell.app.app_context(), transaction():
        moment = clock.now()
        session.add_all(Box(name=name, price=1, opened_at=moment) for name in names)


def test_pages_neither_skip_nor_repeat(boxes: FlaskClient, shell: Shell) -> None:
    fill(shell, [f"box {number}" for number in range(25)])  # all at the same instant: the id decides
    seen: list[str] = []
    cursor = ""
    for _ in range(10):
        body: Any = boxes.get(f"/api/v1/boxes?limit=10&cursor={cursor}").json
        assert body["total"] == 25 + len(seen) // 10
        seen += [item["name"] for item in body["items"]]
        cursor = body["next"]
        if cursor is None:
            break
        fill(shell, [f"newer {len(seen)}"])  # what comes in front must not move what follows
    assert sorted(seen) == sorted(f"box {number}" for number in range(25))


def test_a_cursor_is_signed_for_its_list(boxes: FlaskClient, shell: Shell) -> None:
    with shell.app.app_context():
        good = sign_cursor("boxes", ["2026-01-01T00:00:00+00:00", 1])
        assert read_cursor("boxes", good) == ["2026-01-01T00:00:00+00:00", 1]
        assert read_cursor("boxes", None) is None
        foreign = sign_cursor("others", [1, 1])
    for cursor in (("A" if good[0] != "A" else "B") + good[1:], foreign, "x", "1' OR '1'='1", "x" * 2000):
        answer = boxes.get("/api/v1/boxes", query_string={"cursor": cursor})
        assert (answer.status_code, answer.json["code"]) == (422, "cursor.invalid")  # type: ignore[index]


# -- documents -----------------------------------------------------------------------------------------------


def test_the_document_is_openapi_and_whole(boxes: FlaskClient) -> None:
    spec: Any = boxes.get("/api/openapi.json").json
    assert spec["openapi"] == "3.1.0"
    assert spec["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    post = spec["paths"]["/api/v1/boxes"]["post"]
    assert post["summary"] == "Add a box."
    assert {k: v for k, v in post["parameters"][0].items() if k in {"in", "name", "required"}} == {
        "in": "header",
        "name": "Idempotency-Key",
        "required": True,
    }
    problem = spec["components"]["responses"]["DEFAULT_ERROR"]["content"]
    assert list(problem) == ["application/problem+json"]
    price = spec["components"]["schemas"]["BoxBody"]["properties"]["price"]
    assert price["properties"]["amount"]["type"] == "string"
    page = spec["components"]["schemas"]["BoxPage"]
    assert set(page["required"]) == {"items", "next", "total"}


def test_every_reference_in_the_document_leads_somewhere(boxes: FlaskClient) -> None:
    spec: Any = boxes.get("/api/openapi.json").json

    def walk(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for inner in part.values():
                yield from walk(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from walk(inner)

    for ref in walk(spec):
        found = spec
        for step in ref.removeprefix("#/").split("/"):
            found = found[step]
        assert found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_document_can_be_read_by_people(boxes: FlaskClient, language: str) -> None:
    page = boxes.get(f"/api/docs?lang={language}").text
    for words in ("/api/v1/boxes/{ref}", "Add a box.", "Idempotency-Key", "PATCH", "price"):
        assert words in page


def test_the_same_room_serves_several_apps(make_shell: Any) -> None:
    paths = []
    for _ in range(2):
        other: Shell = make_shell()
        api.register(blp)
        paths.append(sorted(api.document(other.app)["paths"]))
    assert paths[0] == paths[1] == ["/api/v1/boxes", "/api/v1/boxes/{ref}"]
