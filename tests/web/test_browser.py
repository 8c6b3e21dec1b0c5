"""What the scripts add, in a real browser under the real policy; and that nothing needs them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import accessible, browse  # noqa: F401  fixtures
from tests.services.live import Live
from tests.web.conftest import Shell

Browse = Callable[..., Page]

DONE = re.compile(r"/\?offer=1(#.*)?$")


@pytest.fixture
def live(shell: Shell) -> Iterator[str]:
    """The shell behind a real socket, signed in."""
    shell.sign_in()
    with Live(shell.app) as address:
        yield address


def test_a_form_works_without_scripts(browse: Browse, shell: Shell) -> None:  # noqa: F811
    page = browse("en", scripts=False)
    page.goto("/offer")
    page.fill("#f-price", "0.5")
    page.fill("#f-note", "keep me")
    page.click("main button.btn-primary")
    assert page.locator(".ry-note--stop li a").count() == 1
    assert page.input_value("#f-note") == "keep me"
    page.click(".ry-note--stop li a")
    assert page.url.endswith("/offer#f-price")
    page.fill("#f-price", "12.50")
    page.click("main button.btn-primary")
    page.wait_for_url(DONE)
    assert shell.made == [1250]


def test_after_a_refusal_the_summary_has_the_focus_and_leads_to_the_field(browse: Browse) -> None:  # noqa: F811
    page = browse("en")
    page.goto("/offer")
    page.fill("#f-price", "0.5")
    page.click("main button.btn-primary")
    page.wait_for_selector("[data-focus]")
    assert page.evaluate("document.activeElement.hasAttribute('data-focus')")
    page.click(".ry-note--stop li a")
    assert page.evaluate("document.activeElement.id") == "f-price"


def test_two_quick_clicks_send_one_form(browse: Browse, shell: Shell) -> None:  # noqa: F811
    page = browse("en")
    page.goto("/offer")
    page.fill("#f-price", "3")
    page.evaluate("const b = document.querySelector('main button.btn-primary'); b.click(); b.click()")
    page.wait_for_url(DONE)
    assert shell.made == [300]


def test_the_theme_changes_at_once_and_is_kept(browse: Browse) -> None:  # noqa: F811
    page = browse("en")
    page.goto("/help")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    with page.expect_response("**/theme"):
        page.click("button[value=dark]")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.goto("/offer")
    assert page.get_attribute("html", "data-bs-theme") == "dark"


def test_the_theme_changes_without_scripts_and_keeps_the_page(browse: Browse) -> None:  # noqa: F811
    page = browse("en", scripts=False)
    page.goto("/help?x=1")
    page.click("button[value=dark]")
    page.wait_for_url("**/help?x=1")
    assert page.get_attribute("html", "data-bs-theme") == "dark"


def test_htmx_sends_the_forms_token(browse: Browse) -> None:  # noqa: F811
    page = browse("en")
    page.goto("/private")
    with page.expect_request("**/echo") as sent:
        page.evaluate("htmx.ajax('POST', '/echo', {swap: 'none'})")
    assert sent.value.headers["x-csrftoken"]
    answer = sent.value.response()
    assert answer
    assert answer.status == 200


def test_htmx_keeps_no_pages_and_evaluates_nothing(browse: Browse) -> None:  # noqa: F811
    page = browse("en")
    page.goto("/private")
    config = page.evaluate("htmx.config")
    assert (config["historyCacheSize"], config["allowEval"], config["allowScriptTags"]) == (0, False, False)
    assert config["selfRequestsOnly"] is True


def test_a_draft_is_offered_again_after_the_page_was_closed(browse: Browse) -> None:  # noqa: F811
    page = browse("en")
    page.goto("/offer?draft=1")
    page.fill("#f-note", "half a thought")
    page.wait_for_selector("[data-autosave-status]:not([hidden])")
    page.goto("/offer?draft=1")
    assert page.input_value("#f-note") == ""
    page.click("[data-take]")
    assert page.input_value("#f-note") == "half a thought"
    page.fill("#f-price", "4")
    page.click("main form button.btn-primary")
    page.wait_for_url(DONE)
    page.goto("/offer?draft=1")
    assert page.locator("[data-autosave-offer]").is_hidden()


def test_a_chosen_file_is_named_with_its_size(browse: Browse, tmp_path: Path) -> None:  # noqa: F811
    paper = tmp_path / "委托书.pdf"
    paper.write_bytes(b"x" * 180_000)
    page = browse("en")
    page.goto("/styleguide")
    page.set_input_files("#f-basis", str(paper))
    assert page.locator(".ry-drop__list li").first.text_content() == "委托书.pdf  180 kB"


def test_menus_close_on_escape_and_give_the_focus_back(browse: Browse) -> None:  # noqa: F811
    page = browse("en", 390)
    page.goto("/help")
    page.click("header details summary:visible")
    assert page.locator("header details[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("header details[open]").count() == 0
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_the_skip_link_is_the_first_stop_and_leads_to_the_content(browse: Browse) -> None:  # noqa: F811
    page = browse("en")
    page.goto("/help")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "ry-skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280, 2560])
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_the_frame_fits_from_phone_to_wall(
    browse: Browse,  # noqa: F811
    accessible: Callable[[Page], None],  # noqa: F811
    width: int,
    lang: str,
) -> None:
    page = browse(lang, width)
    for path in ("/offer", "/refused/conflict", "/styleguide"):
        page.goto(path)
        accessible(page)


def test_print_is_light_and_leaves_the_frame_out(browse: Browse, browser: Browser) -> None:  # noqa: F811  the fixture
    page = browse("en", dark=True)
    page.goto("/help/rules")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("header.ry-head").is_hidden()
    assert page.locator("footer").is_hidden()
    assert page.locator("h1").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(27, 34, 31)"


@pytest.mark.parametrize("scripts", [True, False])
def test_a_file_is_sent_and_a_refused_one_explained(
    browser: Browser,
    live: str,
    shell: Shell,
    tmp_path: Path,
    scripts: bool,
) -> None:
    paper = tmp_path / "paper.pdf"
    context = browser.new_context(base_url=live, locale="en", java_script_enabled=scripts)
    page = context.new_page()
    page.goto("/paper")
    paper.write_bytes(b"x" * 2_000_001)
    page.set_input_files("#f-paper", str(paper))
    page.fill("#f-note", "keep me")
    page.click("main button.btn-primary")
    page.wait_for_selector(".ry-note--stop")
    assert "larger than 2 MB" in page.text_content("main")  # type: ignore[operator]
    assert page.input_value("#f-note") == "keep me"
    paper.write_bytes(b"x" * 1_000_000)
    page.set_input_files("#f-paper", str(paper))
    page.click("main button.btn-primary")
    page.wait_for_url(re.compile(r"/\?paper=1(#.*)?$"))
    assert shell.made == [1_000_000]
    context.close()
