"""People in a browser: they click links and buttons by their words and fill in fields by their labels, in either
language; what they do is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from babel.support import Translations
from playwright.sync_api import Locator, Page, expect

from exchange.web.i18n import CHINESE, TRANSLATIONS
from tests.browser.reading import kind_of

CATALOGUE = Translations.load(str(TRANSLATIONS), [CHINESE])


@dataclass
class Task:
    """What one piece of work took."""

    name: str
    pages: int = 0
    clicks: int = 0
    fields: int = 0
    signs: int = 0

    @property
    def seconds(self) -> int:
        """How long trained hands and eyes need: the keystroke-level model, and ten seconds to read each page.

        A click is 2.6 s (thought, pointing, press), a field 2.5 s (thought, pointing), a sign 0.28 s. Chinese takes
        about three keys for a sign; figures and codes one.
        """
        return round(10 * self.pages + 2.6 * self.clicks + 2.5 * self.fields + 0.28 * self.signs)


@dataclass
class Person:
    """Somebody at a screen."""

    page: Page
    lang: str = "zh-CN"
    tasks: list[Task] = field(default_factory=list)
    look: Callable[[Page], None] | None = None
    """What is done with each kind of page when it is reached for the first time."""
    seen: set[str] = field(default_factory=set)

    # -- words ---------------------------------------------------------------------------------------

    def say(self, msgid: str, **params: object) -> str:
        """``msgid`` as this person reads it."""
        words = CATALOGUE.gettext(msgid) if self.lang == "zh-CN" else msgid
        assert self.lang == "en" or words != msgid, f"no Chinese for “{msgid}”"
        return words % params if params else words

    def sees(self, *msgids: str, **params: object) -> Person:
        """Assert that the page says all of this."""
        for msgid in msgids:
            words = self.say(msgid, **params)
            expect(self.main.get_by_text(words).first).to_be_visible()
        return self

    def sees_plain(self, *texts: str) -> Person:
        """Assert that the page shows these data."""
        for text in texts:
            expect(self.main.get_by_text(text).first).to_be_visible()
        return self

    @property
    def main(self) -> Locator:
        """The page's own part."""
        return self.page.locator("main")

    # -- doing ---------------------------------------------------------------------------------------

    @contextmanager
    def task(self, name: str) -> Iterator[Task]:
        """Count what is done until the block ends as one piece of work."""
        self.tasks.append(Task(name))
        yield self.tasks[-1]

    def _count(self, *, pages: int = 0, clicks: int = 0, fields: int = 0, signs: int = 0) -> None:
        if self.tasks:
            task = self.tasks[-1]
            task.pages += pages
            task.clicks += clicks
            task.fields += fields
            task.signs += signs

    def _arrive(self, *, clicks: int = 0) -> Person:
        """A page has come: count it, and look at it if it is of a kind not seen before."""
        self._count(pages=1, clicks=clicks)
        if self.look is not None and self.page.url.startswith("http"):
            self.page.wait_for_load_state()
            kind = f"{kind_of(self.page.url)} {self.lang}"
            if kind not in self.seen:
                self.seen.add(kind)
                self.look(self.page)
        return self

    def open(self, path: str) -> Person:
        """Type an address, or take a bookmark."""
        self.page.goto(path)
        return self._arrive()

    def link(self, msgid: str, **params: object) -> Locator:
        """The first link in the page's own part with these words."""
        return self.main.get_by_role("link", name=self.say(msgid, **params)).first

    def follow(self, msgid: str, **params: object) -> Person:
        """Click the first link with these words."""
        return self.click(self.link(msgid, **params))

    def follow_plain(self, text: str) -> Person:
        """Click the first link with this text."""
        return self.click(self.main.get_by_role("link", name=text).first)

    def click(self, what: Locator) -> Person:
        """Click something that leads to another page."""
        with self.page.expect_navigation():
            what.click()
        return self._arrive(clicks=1)

    def button(self, msgid: str, **params: object) -> Locator:
        """The button with these words."""
        return self.main.get_by_role("button", name=self.say(msgid, **params), exact=True).first

    def press(self, msgid: str, **params: object) -> Person:
        """Press a button and wait for the page it leads to."""
        return self.click(self.button(msgid, **params))

    def press_twice(self, msgid: str, **params: object) -> Person:
        """Double-click a button, as many people do."""
        with self.page.expect_navigation():
            self.button(msgid, **params).dblclick()
        return self._arrive(clicks=1)

    def unfold(self, msgid: str) -> Person:
        """Open a fold."""
        self.main.locator("summary").filter(has_text=self.say(msgid)).first.click()
        self._count(clicks=1)
        return self

    def control(self, label: str) -> Locator:
        """The field with this label."""
        words = re.escape(self.say(label))
        return self.main.get_by_label(re.compile(rf"^{words}")).first

    def fill(self, label: str, value: str) -> Person:
        """Type into a field."""
        self.control(label).fill(value)
        self._count(fields=1, signs=len(value))
        return self

    def choose(self, label: str, option: str) -> Person:
        """Choose from a list by the words of the choice."""
        self.control(label).select_option(label=self.say(option))
        self._count(fields=1, clicks=1)
        return self

    def choose_value(self, label: str, value: str) -> Person:
        """Choose from a list or from radios by the value of the choice."""
        control = self.main.locator(f'select option[value="{value}"], input[value="{value}"]').first
        if control.evaluate("element => element.tagName") == "OPTION":
            self.control(label).select_option(value)
        else:
            control.check()
        self._count(fields=1, clicks=1)
        return self

    def tick(self, label: str) -> Person:
        """Tick a box, or choose a radio, by its label."""
        return self.tick_plain(self.say(label))

    def tick_plain(self, text: str) -> Person:
        """Tick a box by a text that is data."""
        self.main.get_by_label(text).first.check()
        self._count(clicks=1)
        return self

    def on(self, legend: str, day: date) -> Person:
        """Fill in a date."""
        group = self.main.locator("fieldset").filter(
            has=self.page.locator("legend", has_text=self.say(legend))
        )
        for label, part in (("Year", day.year), ("Month", day.month), ("Day", day.day)):
            group.get_by_label(self.say(label), exact=True).fill(str(part))
        self._count(fields=3, signs=8)
        return self

    def attach(self, label: str, name: str, data: bytes) -> Person:
        """Choose a file."""
        self.control(label).set_input_files(
            {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        )
        self._count(clicks=2)
        return self

    # -- what goes wrong -----------------------------------------------------------------------------

    def lose_the_answer(self, act: Callable[[], object]) -> Person:
        """Do ``act``, whose request reaches the exchange while its answer gets lost on the way back."""

        def swallow(route: object) -> None:
            if route.request.method == "POST":  # type: ignore[attr-defined]
                route.fetch(max_redirects=0)  # type: ignore[attr-defined]
                route.abort("connectionreset")  # type: ignore[attr-defined]
            else:
                route.continue_()  # type: ignore[attr-defined]

        self.page.route("**/*", swallow)
        with self.page.expect_event("requestfailed"):
            act()
        self.page.unroute("**/*")
        self._count(clicks=1)
        return self

    def press_into_the_void(self, msgid: str, **params: object) -> Person:
        """Double-click a button while the line is bad: what it asks for is done, and no answer comes."""
        return self.lose_the_answer(self.button(msgid, **params).dblclick)
