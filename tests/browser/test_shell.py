"""The frame of every page: both languages, both widths, both themes, with and without scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESK, PHONE

Browse = Callable[..., Page]
Accessible = Callable[[Page], None]

PAGES = ["/help", "/help/money", "/styleguide"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everybody_can_read_it(
    browse: Browse, accessible: Accessible, path: str, lang: str, width: int, dark: bool
) -> None:
    page = browse(lang, width, dark=dark)
    answer = page.goto(path)
    assert answer is not None
    assert answer.ok
    assert page.locator("html").get_attribute("lang") == lang
    accessible(page)


def test_a_page_that_is_not_there_says_so_in_the_readers_language(browse: Browse, live: str) -> None:
    page = browse("zh-CN", scripts=False)
    answer = page.goto(f"{live}/help/nothing")
    assert answer is not None
    assert answer.status == 404
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.locator("h1").count() == 1
