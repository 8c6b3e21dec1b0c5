import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient

from exchange.core import config
from exchange.web import hooks, site
from exchange.web.hooks import Finding, Organisation, SitemapEntry
from tests.web.conftest import Shell


def test_the_process_is_up(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


def test_ready_when_every_probe_is(shell: Shell) -> None:
    hooks.of(shell.app).probes.update(
        database=lambda: Finding(True), search=lambda: Finding(True, "12 documents")
    )
    answer = shell.client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ready",
        "reasons": [],
        "checks": {
            "database": {"ok": True, "reason": ""},
            "search": {"ok": True, "reason": "12 documents"},
        },
    }


def test_not_ready_says_why(shell: Shell) -> None:
    def broken() -> Finding:
        raise ConnectionError("postgresql://user:secret@host")

    hooks.of(shell.app).probes.update(
        database=broken,
        jobs=lambda: Finding(False, "relay has not run for 3 minutes"),
        search=lambda: Finding(True),
    )
    answer = shell.client().get("/readyz")
    assert answer.status_code == 503
    body: Any = answer.json
    assert body["reasons"] == ["database: ConnectionError", "jobs: relay has not run for 3 minutes"]
    assert "secret" not in answer.text


def test_figures_are_counted_by_endpoint(client: FlaskClient) -> None:
    def count() -> float:
        return float(site.REQUESTS.labels("site.healthz", "GET", 200)._value.get())

    before = count()
    client.get("/healthz")
    assert count() == before + 1
    text = client.get("/metrics").text
    assert "rongyi_request_seconds_bucket" in text
    assert 'endpoint="site.healthz"' in text


def test_crawlers_are_told_where_not_to_go(client: FlaskClient) -> None:
    lines = client.get("/robots.txt").text.splitlines()
    assert "Disallow: /api/" in lines
    assert "Sitemap: http://127.0.0.1:8000/sitemap.xml" in lines


def test_the_sitemap_has_what_the_rooms_give(shell: Shell) -> None:
    changed = datetime(2026, 11, 23, 1, tzinfo=UTC)
    hooks.of(shell.app).sitemap.append(lambda: [SitemapEntry("/listings/LS-1?a=1&b=2", changed)])
    root = ET.fromstring(shell.client().get("/sitemap.xml").text)
    name = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    rows = {row.findtext(f"{name}loc"): row.findtext(f"{name}lastmod") for row in root}
    assert rows["http://127.0.0.1:8000/listings/LS-1?a=1&b=2"] == "2026-11-23"
    assert "http://127.0.0.1:8000/help" in rows


@pytest.mark.parametrize(
    ("value", "kept"), [("dark", "dark"), ("light", "light"), ("auto", "auto"), ("<x>", "auto")]
)
def test_the_theme_is_kept_in_a_cookie(client: FlaskClient, value: str, kept: str) -> None:
    answer = client.post("/theme", data={"theme": value, "next": "/help?x=1"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/help?x=1")
    page = client.get("/help").text
    assert (f'data-bs-theme="{kept}"' in page) == (kept != "auto")
    assert "<x>" not in page


@pytest.mark.parametrize("path", ["/theme", "/language"])
def test_no_switch_leads_away_from_the_exchange(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data={"theme": "dark", "lang": "en", "next": "//evil.example/"})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("guide", sorted(site.GUIDES))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_guide_is_there_in_both_languages(client: FlaskClient, guide: str, language: str) -> None:
    answer = client.get(f"/help/{guide}?lang={language}")
    assert answer.status_code == 200
    assert 'aria-current="page"' in answer.text


def test_no_other_guide_is(client: FlaskClient) -> None:
    assert client.get("/help/../base").status_code == 404
    assert client.get("/help/nothing").status_code == 404


def test_the_component_page_is_for_developers_only(make_shell: Any) -> None:
    shell: Shell = make_shell(ENVIRONMENT="production", PUBLIC_URL="https://rongyi.example")
    shell.app.testing = True
    assert shell.client().get("/styleguide").status_code == 404
    assert shell.client().get("/healthz").status_code == 200


def test_while_closed_only_health_is_answered(shell: Shell) -> None:
    hooks.of(shell.app).maintenance = lambda: "Back at 24:00."
    client = shell.client()
    page = client.get("/help?lang=en")
    assert page.status_code == 503
    assert "Back at 24:00." in page.text
    problem = client.get("/api/v1/nowhere")
    assert problem.status_code == 503
    assert problem.content_type == "application/problem+json"
    assert client.get("/healthz").status_code == 200
    with client.get("/static/rongyi.css") as file:
        assert file.status_code == 200


def test_the_frame_names_the_reader_and_the_organisation(shell: Shell) -> None:
    actor = shell.sign_in()
    hook = hooks.of(shell.app)
    hook.unread = lambda _actor: 5
    hook.organisations = lambda _actor: [
        Organisation("PT-1", "榕江理工大学", current=True),
        Organisation("PT-2", "闽东新材料研究院"),
    ]
    for path in ("/inbox", "/organisation/switch", "/logout", "/desk"):
        shell.app.add_url_rule(path, path, lambda: "", methods=["GET", "POST"])
    page = shell.client().get("/private?lang=en").text
    assert actor.label in page
    assert "Acting for 榕江理工大学" in page
    assert "闽东新材料研究院" in page
    assert 'aria-label="Inbox, 5 unread notices"' in page
    assert 'action="/logout"' in page
    assert '<meta name="robots" content="noindex">' in page


def test_a_link_never_leads_nowhere(shell: Shell) -> None:
    import re

    shell.app.add_url_rule("/search", "search.show", lambda: "")
    page = shell.client().get("/help").text
    adapter = shell.app.url_map.bind("localhost")
    for href in set(re.findall(r'href="(/[^"?#]*)', page)) - {"/"}:
        if not href.startswith("/static/"):
            assert adapter.match(href)
    assert 'href="/search"' in page
    assert 'href="/auctions"' not in page


def test_the_present_place_is_marked_once(shell: Shell) -> None:
    page = shell.client().get("/help/rules").text
    header = page.split("</header>")[0]
    assert (
        header.count('href="/help" aria-current="page"') == 2
    )  # the wide navigation and the menu of a phone


@pytest.mark.parametrize(
    ("roles", "seen"),
    [
        ((), {"/desk", "/ledger"}),
        (("reviewer",), {"/desk", "/desk/listings"}),
        (("finance_officer",), {"/desk", "/desk/money", "/ledger"}),
        (("auditor",), {"/desk", "/ledger", "/desk/system"}),
    ],
)
def test_everybody_sees_the_places_of_their_role(
    shell: Shell, roles: tuple[str, ...], seen: set[str]
) -> None:
    paths = ("/desk", "/desk/listings", "/desk/money", "/desk/system", "/ledger")
    for path in paths:
        shell.app.add_url_rule(path, path, lambda: "")
    shell.sign_in(*roles)
    header = shell.client().get("/private").text.split("</header>")[0]
    assert {path for path in paths if f'href="{path}"' in header} == seen


def test_the_figures_of_several_workers_are_added_up(tmp_path: Path) -> None:
    """Two processes count; a third answers for both."""
    count = "from exchange.web import site; site.REQUESTS.labels('a.b', 'GET', 200).inc(%d)"
    tell = (
        "from flask import Flask; from exchange.web import site;"
        "app = Flask('x'); print(app.app_context() and site.metrics().get_data(as_text=True))"
    )
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run(program: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", program],
            env=env,
            cwd=config.ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    run(count % 2)
    run(count % 3)
    assert 'rongyi_requests_total{endpoint="a.b",method="GET",status="200"} 5.0' in run(tell)
