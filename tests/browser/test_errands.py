"""Shorter journeys: what visitors and newcomers come for, on a phone, by keyboard only, and without scripts."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from random import Random

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from exchange.demo import PASSWORD as DEMO_PASSWORD
from exchange.demo import words
from exchange.parties.models import PartyKind
from tests.browser.conftest import PHONE, TOO_WIDE
from tests.browser.people import Person
from tests.browser.steps import hold
from tests.flows.server import until

Visit = Callable[..., Page]
Accessible = Callable[[Page], None]

LANGUAGES = pytest.mark.parametrize("lang", ["zh-CN", "en"])

PDF = b"%PDF-1.7 a scan with a seal"


def numbers_here(person: Person) -> list[str]:
    """Application numbers of rights that this office holds."""
    person.open("/rights")
    return re.findall(r"\b20\d{10}\.[0-9X]\b", person.main.inner_text())


@LANGUAGES
def test_a_hundred_numbers_are_checked_at_once(lang: str, visit: Visit, accessible: Accessible) -> None:
    known = numbers_here(Person(visit("tto", lang), lang))
    assert known
    dice = Random(f"errand {lang}")
    strange = [words.application_number(dice, 2021, "1") for _ in range(99 - len(known))]
    broken = known[0][:-1] + ("1" if known[0][-1] != "1" else "2")
    buyer = Person(visit("buyer", lang), lang, look=accessible)
    with buyer.task("quick check"):
        buyer.open("/rights/check").fill("Numbers", "\n".join([*known, *strange, broken]))
        buyer.tasks[-1].signs = 2  # they are pasted
        buyer.press("Check")
        rows = buyer.main.locator("tbody tr")
        expect(rows).to_have_count(100)
        buyer.sees("%(found)s of %(all)s known here", found=len(known), all=100)
        expect(rows.last.get_by_role("link", name=known[0])).to_have_count(1)
    with buyer.page.expect_download() as waiting:
        buyer.button("Download as a workbook").click()
    sheet = load_workbook(io.BytesIO(waiting.value.path().read_bytes())).active
    assert sheet is not None
    assert sheet.max_row == 101
    hold(buyer.tasks)


@LANGUAGES
def test_a_visitor_finds_a_patent_on_a_phone(lang: str, visit: Visit, accessible: Accessible) -> None:
    visitor = Person(visit(None, lang, PHONE), lang, look=accessible)
    with visitor.task("find on a phone"):
        visitor.open("/")
        box = visitor.page.get_by_role("searchbox").first
        box.fill("装置")
        visitor.tasks[-1].fields, visitor.tasks[-1].signs = 1, 7
        with visitor.page.expect_navigation():
            box.press("Enter")
        visitor._arrive()
        title = visitor.main.locator("h3 a").first
        wanted = title.inner_text()
        visitor.click(title).sees_plain(wanted)
    assert visitor.page.evaluate(TOO_WIDE) == []
    with visitor.task("filters"):
        visitor.page.go_back()
        before = visitor.main.locator("h3 a").count()
        visitor.unfold("Filters")
        visitor.main.locator("details form").get_by_role("checkbox").first.check()
        visitor.press("Apply filters")
        chip = visitor.main.locator(".ry-chip")
        expect(chip).to_have_count(1)
        assert 0 < visitor.main.locator("h3 a").count() <= before
        visitor.click(chip)
        expect(chip).to_have_count(0)
        visitor.tasks.pop()
    with visitor.task("conditions"):
        visitor.open("/")
        visitor.click(visitor.page.get_by_role("link", name=visitor.say("Trading rules and fees")).first)
    hold(visitor.tasks)


@LANGUAGES
def test_an_organisation_registers_and_is_verified(lang: str, visit: Visit, accessible: Accessible) -> None:
    dice = Random(f"newcomer {lang}")
    name, region = words.company(dice)
    code = words.credit_code(dice, region)
    newcomer = Person(visit(None, lang), lang, look=accessible)
    operator = Person(visit("operator", lang), lang, look=accessible)
    with newcomer.task("register"):
        newcomer.open("/register").fill("Your name", "林清")
        newcomer.fill("E-mail address", f"lin.qing.{lang.lower()}@example.com")
        newcomer.fill("Password", "seven-lanterns-by-the-river").press("Save and continue")
        newcomer.choose_value("Kind", PartyKind.ENTERPRISE.value).fill("Full name", name)
        newcomer.fill("Unified social credit code", code[:-1] + ("1" if code[-1] != "1" else "2"))
        newcomer.press("Save and continue")
        expect(newcomer.main.get_by_role("alert")).to_be_visible()
        expect(newcomer.control("Full name")).to_have_value(name)
        newcomer.fill("Unified social credit code", code).press("Save and continue")
        newcomer.attach("Business licence or certificate of legal person", "营业执照.pdf", PDF)
        newcomer.attach("Authorisation of the person who signs in", "授权书.pdf", PDF)
        newcomer.press("Send for verification").sees("The exchange is checking your papers")
    with operator.task("verify an organisation"):
        operator.open("/desk").follow_plain(name)
        operator.sees_plain(code).press_twice("Verified: it is who it says")

    def verified() -> bool:
        newcomer.open("/organisation")
        return newcomer.main.get_by_text(newcomer.say("The exchange is checking your papers")).count() == 0

    hold([*newcomer.tasks, *operator.tasks])
    until("the newcomer reads of it", verified)


class Keys:
    """A reader without a mouse: Tab, Enter and the keys of the text."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def tab_to(self, name: str, role: str) -> Keys:
        """Go on with Tab until the focus, which can be seen, is on the element of this role with this name."""
        wanted = self.page.get_by_role(role, name=name).first  # type: ignore[arg-type]
        expect(wanted).to_be_visible()
        for _ in range(160):
            self.page.keyboard.press("Tab")
            if wanted.evaluate("element => element === document.activeElement"):
                shown = wanted.evaluate(
                    "element => { const style = getComputedStyle(element);"
                    " return parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none' }"
                )
                assert shown, f"the focus on “{name}” cannot be seen"
                return self
        raise AssertionError(f"Tab never comes to “{name}” on {self.page.url}")

    def enter(self) -> Keys:
        """Press Enter and wait for the page it leads to."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        return self

    def write(self, text: str) -> Keys:
        """Type."""
        self.page.keyboard.type(text)
        return self


@LANGUAGES
def test_an_offer_by_keyboard_only(lang: str, visit: Visit) -> None:
    page = visit(None, lang)
    reader = Person(page, lang)
    say = reader.say
    keys = Keys(page)
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    keys.tab_to(say("Sign in"), "link").enter()
    keys.tab_to(say("E-mail address"), "textbox").write("buyer@demo.example")
    keys.tab_to(say("Password"), "textbox").write(DEMO_PASSWORD)
    keys.tab_to(say("Sign in"), "button").enter()
    page.goto("/search")
    keys.tab_to(say("Search rights"), "searchbox").write("装置").enter()
    titles = [link.inner_text() for link in reader.main.locator("h3 a").all()]
    for title in titles:
        keys.tab_to(title, "link").enter()
        if reader.link("Make an offer").count():
            break
        page.go_back()
    keys.tab_to(say("Make an offer"), "link").enter()
    keys.tab_to(say("Your price"), "textbox").write("345678")
    keys.tab_to(say("Make the offer"), "button").enter()
    reader.sees_plain("345,678")
    keys.tab_to(say("Withdraw the offer"), "button").enter()
    reader.sees("Withdrawn")


@LANGUAGES
def test_an_offer_without_scripts(lang: str, visit: Visit) -> None:
    buyer = Person(visit("buyer", lang, scripts=False), lang)
    buyer.open("/search?q=装置").main.locator("form[aria-label]").get_by_role("checkbox").first.check()
    buyer.press("Apply filters")
    titles = [link.get_attribute("href") or "" for link in buyer.main.locator("h3 a").all()]
    for address in titles:
        buyer.open(address)
        if buyer.link("Make an offer").count():
            break
    buyer.follow("Make an offer").fill("Your price", "many").press("Make the offer")
    expect(buyer.main.get_by_role("alert")).to_be_visible()
    expect(buyer.control("Your price")).to_have_value("many")
    buyer.fill("Your price", "234,567").press("Make the offer").sees_plain("234,567")
    buyer.press("Withdraw the offer").sees("Withdrawn")
