"""The search page and the API: true prices, marks that are safe, filters, pages, the way without an index."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

import search
from exchange.core import events
from exchange.listings import actions as listings
from exchange.listings.models import LicenceKind, Listing, ListingKind
from exchange.parties.policy import Actor
from search import indexer
from tests.listings import scene

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture(autouse=True)
def index(db_app: Flask) -> None:
    indexer.rebuild()


@pytest.fixture
def seller(db_app: Flask) -> Actor:
    return scene.member(scene.party(name="福州澄川膜材料有限公司"))


@pytest.fixture
def publish(seller: Actor) -> Callable[..., Listing]:
    """Publishes a listing, and lets the index hear of it."""

    def published(**facts: Any) -> Listing:
        listing = scene.published(seller, **facts)
        while events.drain(only="search"):
            pass
        return listing

    return published


def page(client: FlaskClient, address: str, status: int = 200) -> BeautifulSoup:
    answer = client.get(address)
    assert answer.status_code == status
    return BeautifulSoup(answer.text, "html.parser")


def shown(soup: BeautifulSoup) -> list[str]:
    """References of the rows, in their order."""
    return [str(a["href"]).rsplit("/", 1)[1] for a in soup.select(".ry-row h3 a")]


def test_the_page_shows_what_is_found(client: FlaskClient, publish: Callable[..., Listing]) -> None:
    listing = publish(title="用于高盐废水的纳滤膜")
    publish(title="茶叶杀青机", summary="")
    soup = page(client, "/search?q=高鹽廢水")
    assert shown(soup)[0] == listing.ref
    row = soup.select_one(".ry-row")
    assert row is not None
    assert row.select_one("h3 mark") is not None
    assert [mark.text for mark in row.select("h3 mark")] == ["高盐废水"]
    assert "1,260,000" in row.text
    assert listing.items[0].right.app_no is not None
    assert listing.items[0].right.app_no[:12] in row.text
    assert "福州澄川膜材料有限公司" in row.text
    box = soup.select_one("main input[name=q]")
    assert box is not None
    assert box["value"] == "高鹽廢水"


def test_the_price_is_the_database_s_even_before_the_index_hears_of_it(
    client: FlaskClient, publish: Callable[..., Listing], seller: Actor
) -> None:
    listing = publish()
    listings.change_price(seller, listing.ref, price_fen=7_700_000)
    soup = page(client, "/search")
    assert shown(soup) == [listing.ref]
    assert "77,000" in soup.text


def test_a_withdrawn_listing_vanishes_even_before_the_index_hears_of_it(
    client: FlaskClient, publish: Callable[..., Listing], seller: Actor
) -> None:
    listing = publish()
    assert shown(page(client, "/search")) == [listing.ref]
    listings.withdraw(seller, listing.ref, reason="另有安排")
    assert shown(page(client, "/search")) == []


def test_what_people_type_is_never_markup(client: FlaskClient, publish: Callable[..., Listing]) -> None:
    publish(title="膜<script>alert(1)</script>&组件")
    answer = client.get("/search", query_string={"q": '膜<b>"x'})
    assert "<script>alert" not in answer.text
    assert '膜<b>"x' not in answer.text
    assert "膜</mark>&lt;script&gt;" in answer.text or "膜&lt;script&gt;" in answer.text


def test_filters_are_offered_with_counts_and_chosen_ones_can_be_removed(
    client: FlaskClient, publish: Callable[..., Listing]
) -> None:
    transfer = publish()
    licence = publish(kind=ListingKind.LICENCE, licence_kind=LicenceKind.ORDINARY, price_fen=None)
    soup = page(client, "/search?deal=transfer&lang=en")
    assert shown(soup) == [transfer.ref]
    counts = {
        str(option["value"]): option.find_parent("label").select_one("small").text  # type: ignore[union-attr]
        for option in soup.select("form.d-lg-block input[name=deal]")
    }
    assert counts == {"transfer": "1", "ordinary_licence": "1"}
    (chip,) = soup.select("a.ry-chip")
    assert set(shown(page(client, str(chip["href"])))) == {transfer.ref, licence.ref}


def test_prices_are_asked_in_ten_thousands(client: FlaskClient, publish: Callable[..., Listing]) -> None:
    cheap = publish(price_fen=5_000_000)
    dear = publish(price_fen=500_000_000)
    open_ = publish(price_fen=None)
    assert shown(page(client, "/search?wan_from=1&wan_to=20")) == [cheap.ref]
    assert set(shown(page(client, "/search?wan_from=100&negotiable=1"))) == {dear.ref, open_.ref}
    soup = page(client, "/search?wan_from=1&wan_to=20&q=膜")
    assert [chip.find(string=True) for chip in soup.select("a.ry-chip")] == ["1 万元起", "不超过 20 万元"]


def test_every_form_of_the_page_keeps_what_the_others_say(
    client: FlaskClient, publish: Callable[..., Listing]
) -> None:
    publish()
    soup = page(client, "/search?q=膜&sort=price&deal=transfer&life_from=1&wan_from=1")
    filters = soup.select_one("form.d-lg-block")
    order = soup.select_one("select[name=sort]")
    assert filters is not None
    assert order is not None
    kept = {(i["name"], i["value"]) for i in filters.select("input[type=hidden]")}
    assert kept == {("q", "膜"), ("sort", "price"), ("life_from", "1")}
    form = order.find_parent("form")
    assert form is not None
    assert {(i["name"], i["value"]) for i in form.select("input[type=hidden]")} == {
        ("q", "膜"),
        ("deal", "transfer"),
        ("life_from", "1"),
        ("wan_from", "1"),
    }


def test_pages_follow_each_other(client: FlaskClient, publish: Callable[..., Listing]) -> None:
    made = [publish(title=f"第{n}项膜").ref for n in range(23)]
    first = page(client, "/search?sort=newest")
    following = first.select_one("a[rel=next]")
    assert following is not None
    second = page(client, str(following["href"]))
    assert len(shown(first)) == 20
    assert sorted(shown(first) + shown(second)) == sorted(made)
    assert second.select_one("a[rel=next]") is None
    back = [a["href"] for a in second.select("p.ry-cap a")]
    assert "cursor" not in parse_qs(urlsplit(str(back[0])).query)


def test_relaxed_words_are_owned_up_to(client: FlaskClient, publish: Callable[..., Listing]) -> None:
    publish(title="纳滤膜清洗", summary="")
    soup = page(client, "/search?q=纳滤膜量子纠缠&lang=en")
    assert "Nothing matches every word" in soup.text
    assert shown(soup)


def test_nothing_found_says_what_to_do(client: FlaskClient) -> None:
    soup = page(client, "/search?q=量子纠缠&lang=en")
    assert soup.select_one(".ry-empty") is not None


@pytest.mark.parametrize(
    "address",
    [
        "/search?q=TI%3D",
        "/search?q=" + "x" * 300,
        "/search?wan_from=cheap",
        "/search?sort=beauty",
        "/search?cursor=x",
    ],
)
def test_what_cannot_be_read_is_said_on_the_page(client: FlaskClient, address: str) -> None:
    soup = page(client, address + "&lang=en", status=422)
    assert soup.select_one(".ry-note--stop") is not None
    assert "%(" not in soup.text


def test_strange_names_in_the_address_are_left_alone(client: FlaskClient) -> None:
    page(client, "/search?utm_source=x&q=")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_both_languages(client: FlaskClient, publish: Callable[..., Listing], language: str) -> None:
    publish()
    soup = page(client, f"/search?q=膜&lang={language}")
    assert str(soup.html["lang"]).startswith(language)  # type: ignore[index]
    assert ("有效" in soup.text) == (language == "zh")


def test_without_an_index_the_database_answers_and_says_so(
    client: FlaskClient, publish: Callable[..., Listing]
) -> None:
    listing = publish(title="纳滤膜清洗")
    publish(title="茶叶杀青机")
    (search.current()._folder / "CURRENT").unlink()  # type: ignore[attr-defined]  # the embedded engine's own
    soup = page(client, "/search?q=纳滤&lang=en")
    assert "out of service" in soup.text
    assert shown(soup) == [listing.ref]
    answer = client.get("/api/v1/search?q=纳滤").get_json()
    assert (answer["source"], answer["total"]) == ("database", 1)
    assert client.get("/api/v1/search/suggestions?q=纳").get_json() == {"items": []}


# -- the API ---------------------------------------------------------------------------------------------------


def test_the_api_answers_with_items_counts_and_marks(
    client: FlaskClient, publish: Callable[..., Listing]
) -> None:
    listing = publish(title="用于高盐废水的纳滤膜")
    answer = client.get("/api/v1/search?q=纳滤膜&facets=kind&facets=price&lang=en").get_json()
    assert (answer["total"], answer["exact"], answer["reading"], answer["source"]) == (
        1,
        True,
        "words",
        "index",
    )
    (item,) = answer["items"]
    assert item["ref"] == listing.ref
    assert item["price"] == {"amount": "1260000.00", "currency": "CNY"}
    assert {"text": "纳滤膜", "hit": True} in item["marked_title"]
    assert item["match"]["segments"]
    assert item["rights"] == [listing.items[0].right.ref]
    assert item["statuses"] == ["granted"]
    assert item["published_at"].endswith("Z")
    assert answer["facets"]["kind"] == [
        {"value": "invention", "label": "Invention patent", "count": 1, "selected": False}
    ]
    assert sum(bucket["count"] for bucket in answer["facets"]["price"]) == 1


def test_the_api_pages(client: FlaskClient, publish: Callable[..., Listing]) -> None:
    made = [publish().ref for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        answer = client.get(
            "/api/v1/search", query_string={"limit": 2, **({"cursor": cursor} if cursor else {})}
        ).get_json()
        seen.extend(item["ref"] for item in answer["items"])
        assert answer["total"] == 5
        cursor = answer["next"]
        if cursor is None:
            break
    assert seen == made  # published in the same second, so the older stands first


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("q=TI%3D", "search.syntax"),
        ("cursor=x", "search.bad_cursor"),
        ("price_from=cheap", "search.bad_filter"),
        ("region=福建", "search.bad_filter"),
    ],
)
def test_the_api_refuses_with_a_code(client: FlaskClient, query: str, code: str) -> None:
    answer = client.get(f"/api/v1/search?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["code"] == code


@pytest.mark.parametrize(
    "query", ["sort=beauty", "facets=colour", "colour=red", "limit=0", "limit=101", "q=" + "x" * 257]
)
def test_the_api_refuses_what_its_document_does_not_allow(client: FlaskClient, query: str) -> None:
    assert client.get(f"/api/v1/search?{query}").status_code == 422


def test_suggestions(client: FlaskClient, publish: Callable[..., Listing]) -> None:
    publish(title="用于高盐废水的纳滤膜")
    answer = client.get("/api/v1/search/suggestions?q=用於").get_json()
    assert "用于高盐废水的纳滤膜" in [item["text"] for item in answer["items"]]


def test_the_command_asks_as_visitors_do(db_app: Flask, publish: Callable[..., Listing]) -> None:
    listing = publish()
    publish(kind=ListingKind.LICENCE, licence_kind=LicenceKind.SOLE)
    answer = indexer.ask("纳滤膜", {"deal": ["transfer"]})
    assert [hit.ref for hit in answer.hits] == [listing.ref]
    assert {bucket.value for bucket in answer.facets["deal"].buckets} == {"transfer", "sole_licence"}
