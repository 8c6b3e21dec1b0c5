"""A browser, and pages in it that tolerate no error of their own.

===============  ==========================================================================================
fixture          gives
===============  ==========================================================================================
``live``         the address of ``clean_app`` behind a real socket
``browse``       a function ``browse(lang="zh-CN", width=1280, scripts=True, dark=False) -> Page`` on ``live``;
                 a script error, a failed file or a refused policy fails the test at its end
``market``       the demo market behind gunicorn, with its jobs; one per run, so leave nothing behind that hurts
``visit``        a function ``visit(who=None, lang="zh-CN", width=1280, …) -> Page`` on ``market``, signed in as ``who``
``accessible``   a function ``accessible(page)``: no finding of axe at WCAG 2.2 AA, no sideways scrolling
===============  ==========================================================================================
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

from exchange.demo import PASSWORD as DEMO_PASSWORD
from exchange.web import assets
from tests.conftest import Databases
from tests.flows.server import Exchange, running
from tests.services.live import Live

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

#: The elements that make a page wider than its window, outermost first; none where it scrolls up and down only.
TOO_WIDE = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  return [...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > root.clientWidth + 0.5)
    .slice(0, 5).map(one => one.outerHTML.slice(0, 120));
}"""

PHONE, DESK = 390, 1280

Cookies = dict[str, str]

#: How a request ends that the reader, or a test that plays the network, has cut off.
CUT = {"net::ERR_ABORTED", "net::ERR_INTERNET_DISCONNECTED", "net::ERR_CONNECTION_RESET"}


@pytest.fixture
def live(clean_app: Flask) -> Iterator[str]:
    """The address of ``clean_app`` behind a real socket."""
    with Live(clean_app) as address:
        yield address


@contextmanager
def opening(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """A function that opens a page in a context of its own; whatever goes wrong in it fails the test at the end."""
    wrong: list[str] = []
    contexts = []

    def told(message: ConsoleMessage) -> None:
        # What could not be loaded is told by `answered`, which knows whether the page itself was meant to be missing.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            wrong.append(f"{message.location.get('url')}: {message.text}")

    def failed(request: Request) -> None:
        # A page that is left while it loads ends its requests, and a test may cut the line; that is no failure.
        if request.failure not in CUT:
            wrong.append(f"{request.url}: {request.failure}")

    def answered(response: Response) -> None:
        if not response.url.startswith(address):
            wrong.append(f"{response.url}: a page reached for another host")
        # A form with files is sent by a script, which shows the answer whatever it is.
        if response.status >= 400 and response.request.resource_type not in {"document", "xhr"}:
            wrong.append(f"{response.url}: {response.status}")

    def open_page(
        lang: str = "zh-CN",
        width: int = DESK,
        *,
        scripts: bool = True,
        dark: bool = False,
        cookies: Cookies | None = None,
    ) -> Page:
        context = browser.new_context(
            base_url=address,
            locale=lang,
            extra_http_headers={"Accept-Language": lang},
            viewport={"width": width, "height": 844 if width <= PHONE else 800},
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            timezone_id="Asia/Shanghai",
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        for name, value in (cookies or {}).items():
            context.add_cookies([{"name": name, "value": value, "url": address}])
        page = context.new_page()
        page.on("console", told)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", failed)
        page.on("response", answered)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def browse(browser: Browser, live: str) -> Iterator[Callable[..., Page]]:
    """A function that opens a page of ``live``; whatever goes wrong in it fails the test."""
    with opening(browser, live) as open_page:
        yield open_page


class Market:
    """The demo market behind gunicorn, with its jobs; who is on the login page can be signed in."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.address = exchange.url
        self._signed_in: dict[str, Cookies] = {}

    def cookies(self, who: str | None) -> Cookies:
        """The cookies of somebody who has signed in once in this run; none for a visitor."""
        if who is None:
            return {}
        if who not in self._signed_in:
            with httpx.Client(base_url=self.address, follow_redirects=True, timeout=60) as client:
                token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
                assert token
                form = {"email": f"{who}@demo.example", "password": DEMO_PASSWORD, "csrf_token": token[1]}
                assert client.post("/login", data=form).url.path != "/login"
                self._signed_in[who] = dict(client.cookies)
        return self._signed_in[who]


@pytest.fixture(scope="session")
def stocked(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL of a database with the demo market in it, and the folder of its files and its index."""
    url, folder = databases.url(), tmp_path_factory.mktemp("market")
    filling = Exchange(url, folder)
    filling.flask("demo", "load", "--listings", "60")
    filling.stop()
    yield url, folder
    databases.drop(url)


@pytest.fixture(scope="session")
def market(stocked: tuple[str, Path]) -> Iterator[Market]:
    """The demo market, running."""
    with running(*stocked) as exchange:
        yield Market(exchange)


@pytest.fixture
def visit(browser: Browser, market: Market) -> Iterator[Callable[..., Page]]:
    """A function that opens a page of ``market`` as ``who``; whatever goes wrong in it fails the test."""
    with opening(browser, market.address) as open_page:

        def visiting(
            who: str | None = None,
            lang: str = "zh-CN",
            width: int = DESK,
            *,
            scripts: bool = True,
            dark: bool = False,
        ) -> Page:
            return open_page(lang, width, scripts=scripts, dark=dark, cookies=market.cookies(who))

        yield visiting


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """A function that fails on any finding of axe, and on a page wider than its window."""
    axe = assets.vendor_path("axe.min.js").read_text(encoding="utf-8")

    def check(page: Page) -> None:
        page.evaluate(axe)
        found = page.evaluate("tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", WCAG)
        assert [
            f"{page.url}: {violation['id']}: {node['target']}: {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ] == []
        assert page.evaluate(TOO_WIDE) == [], f"{page.url} is wider than its window"

    return check
