"""Static files: versioned addresses, compressed, kept for ever where they cannot change."""

import gzip
import hashlib
from base64 import b64encode
from collections.abc import Callable

import pytest
from flask import Flask

from exchange.web import assets

Make = Callable[..., Flask]


def test_a_file_of_npm_has_its_version_in_its_address(app: Flask) -> None:
    with app.test_request_context():
        assert assets.vendor("bootstrap.min.css").startswith("/static/vendor/bootstrap-5.3.")
        assert assets.vendor("htmx.min.js").startswith("/static/vendor/htmx-2.0.")
        with pytest.raises(assets.MissingAsset, match=r"jquery\.js"):
            assets.vendor("jquery.js")


def test_every_file_of_the_manifest_is_what_it_says(app: Flask) -> None:
    del app
    assert len(assets.manifest()) >= 5
    for name, entry in assets.manifest().items():
        digest = hashlib.sha256(assets.vendor_path(name).read_bytes()).digest()
        assert b64encode(digest).decode() == entry["sha256"], name


def test_our_own_address_changes_with_the_content(app: Flask) -> None:
    with app.test_request_context():
        digest = hashlib.sha256((assets.STATIC / "rongyi.css").read_bytes()).hexdigest()
        assert assets.asset("rongyi.css") == f"/static/rongyi.css?v={digest[:10]}"
        with pytest.raises(assets.MissingAsset):
            assets.asset("nowhere.css")


def test_npm_files_are_compressed_and_kept_for_ever(app: Flask) -> None:
    with app.test_request_context():
        address = assets.vendor("echarts.min.js")
    answer = app.test_client().get(address, headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == assets.vendor_path("echarts.min.js").read_bytes()


def test_in_production_our_own_files_are_kept_for_a_day(make_clean_app: Make) -> None:
    client = make_clean_app(ENVIRONMENT="production").test_client()
    answer = client.get("/static/rongyi.css", buffered=True)
    assert answer.status_code == 200
    assert f"max-age={assets.OWN_SECONDS}" in answer.headers["Cache-Control"]


def test_in_development_an_edit_shows_at_once(app: Flask) -> None:
    answer = app.test_client().get("/static/rongyi.css", buffered=True)
    assert answer.status_code == 200
    assert "no-cache" in answer.headers["Cache-Control"]


def test_a_page_is_sent_compressed_to_who_takes_it_so(make_clean_app: Make) -> None:
    client = make_clean_app().test_client()
    plain = client.get("/help/errors")
    assert "Content-Encoding" not in plain.headers
    short = client.get("/help/errors", headers={"Accept-Encoding": "gzip"})
    assert short.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in short.vary
    assert gzip.decompress(short.get_data()).count(b"<tr id=") == plain.get_data().count(b"<tr id=")
    assert int(short.headers["Content-Length"]) == len(short.get_data()) < len(plain.get_data()) / 3
