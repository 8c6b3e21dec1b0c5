"""Every page that somebody can reach in the demo market, for each role: what it says, where it leads, how it looks.

The source of each page is read in both languages. One page of each kind (and, where the role decides what it shows,
one for each role) is opened in the browser: both widths, both languages, both themes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Page

from tests.browser import reading
from tests.browser.conftest import DESK, PHONE, Market

Visit = Callable[..., Page]
Accessible = Callable[[Page], None]

ROLES = [
    None,
    "tto",
    "tto.signer",
    "buyer",
    "buyer.signer",
    "operator",
    "reviewer",
    "cashier",
    "registrar",
    "auditor",
]

#: Names of things and of programs that have no Chinese word in use.
KNOWN = frozenset(
    {"Chrome", "English", "Excel", "Linux", "OpenDocument", "ETag", "Idempotency", "Key", "Match"}
)

#: Pages that are the same for everybody; the visitor reads them.
SAME = frozenset({"/api/docs", "/help/<guide>", "/audit"})

#: Pages that differ with who reads them.
OWN = {"/", "/desk", "/flows/<ref>", "/listings/<ref>", "/offers/<ref>", "/deals/<ref>", "/ledger"}


Themes = tuple[Literal["light", "dark"], Literal["light", "dark"]]
LIGHT_FIRST: Themes = ("light", "dark")
DARK_FIRST: Themes = ("dark", "light")


@pytest.fixture(scope="session")
def looked_at() -> set[str]:
    """The kinds of page that have been opened in the browser."""
    return set()


def client(market: Market, who: str | None, lang: str) -> httpx.Client:
    return httpx.Client(
        base_url=market.address,
        cookies=market.cookies(who),
        headers={"Accept-Language": lang},
        follow_redirects=True,
        timeout=60,
    )


@pytest.mark.parametrize("who", ROLES, ids=lambda who: who or "visitor")
def test_every_page_of(
    who: str | None, market: Market, visit: Visit, accessible: Accessible, looked_at: set[str]
) -> None:
    chosen: list[str] = []
    wrong: list[str] = []
    with client(market, who, "zh-CN") as reader:
        for page in reading.walk(reader, skip=SAME if who else frozenset()):
            if page.status != 200:
                wrong.append(f"{page.path} ({page.came_from}): {page.status}")
                continue
            if page.kind != "/api/docs":  # it names what programs write
                wrong += reading.raw_words(page) + reading.english_words(page, KNOWN)
            if len(page.soup.select("h1:not(.ry-cert h1)")) != 1:
                wrong.append(f"{page.path}: not one heading of the first rank")
            if not reading.ways_on(page):
                wrong.append(f"{page.path} ({page.came_from}): no way on")
            key = f"{page.kind} {who if page.kind in OWN else ''}"
            if key not in looked_at:
                looked_at.add(key)
                chosen.append(page.path)
    assert not wrong, "\n".join(wrong)

    chinese, english = visit(who, "zh-CN"), visit(who, "en", dark=True)
    for path in chosen:
        for window, themes in ((chinese, LIGHT_FIRST), (english, DARK_FIRST)):
            window.goto(path)
            for width, theme in zip((DESK, PHONE), themes, strict=True):
                window.emulate_media(color_scheme=theme)
                window.set_viewport_size({"width": width, "height": 844})
                accessible(window)


@pytest.mark.parametrize("who", ["tto", "operator"])
def test_an_english_page_has_english_words(who: str, market: Market) -> None:
    wrong = []
    with client(market, who, "en") as reader:
        for page in reading.walk(reader, each=1):
            wrong += reading.chinese_labels(page)
            if page.kind != "/api/docs":
                wrong += reading.raw_words(page)
    assert not wrong, "\n".join(wrong)
