"""Somebody who reads pages and fills in forms, without scripts: follows links by their words, fills by the labels.

Nothing here knows an address or the name of a field: what a page does not offer, nobody can do.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urldefrag

import httpx
from bs4 import BeautifulSoup, Tag

_OPTIONAL = "(optional)"


def _words(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def _bare(text: str) -> str:
    """``text`` without white space, which markup inside a sentence may or may not add."""
    return "".join(text.split())


def _name_of(tag: Tag) -> str:
    return _words(tag).removesuffix(_OPTIONAL).strip()


class Page:
    """What came back: its words, its links, its forms."""

    def __init__(self, browser: httpx.Client, answer: httpx.Response) -> None:
        self.browser = browser
        self.answer = answer
        self.status = answer.status_code
        self.path = answer.url.path
        self.soup = BeautifulSoup(answer.text, "html.parser")
        self.main = self.soup.find("main") or self.soup
        self.twin: Page | None = None

    @property
    def text(self) -> str:
        """Everything that can be read in the body of the page (of both, where a double click led to two)."""
        return _words(self.main) + (_words(self.twin.main) if self.twin else "")

    def has(self, sentence: str) -> bool:
        """Whether the page says this."""
        return _bare(sentence) in _bare(self.text)

    def says(self, *sentences: str) -> Page:
        """Assert that the page says all of this."""
        for sentence in sentences:
            assert self.has(sentence), f"{self.path} does not say “{sentence}”: {self.text[:3000]}"
        return self

    def does_not_say(self, sentence: str) -> Page:
        """Assert that the page does not say this."""
        assert not self.has(sentence), f"{self.path} says “{sentence}”"
        return self

    def href(self, words: str) -> str:
        """Where the first link with these words leads."""
        for link in self.main.find_all("a", href=True):
            if _bare(words) in _bare(link.get_text()):
                return str(link["href"])
        raise AssertionError(f"{self.path} has no link “{words}”: {self.text[:2000]}")

    def follow(self, words: str) -> Page:
        """Click the first link with these words."""
        return self.go(self.href(words))

    def go(self, href: str) -> Page:
        """The page behind a link of this page."""
        page = Page(self.browser, self.browser.get(self.answer.url.join(urldefrag(href).url)))
        assert page.status == 200, f"{href}: {page.status} {page.text[:1500]}"
        return page

    def offers(self, button: str) -> bool:
        """Whether there is a form with this button."""
        return self._find(button) is not None

    def form(self, button: str) -> Sheet:
        """The form with this button."""
        found = self._find(button)
        assert found is not None, f"{self.path} has no form “{button}”: {self.text[:3000]}"
        return found

    def _find(self, button: str) -> Sheet | None:
        for form in self.main.find_all("form"):
            for one in form.find_all("button"):
                if _words(one) == button and one.get("type") != "button":
                    return Sheet(self, form, one)
        return None

    def press(self, button: str) -> Page:
        """Send a form of one button."""
        return self.form(button).send()


@dataclass
class Sheet:
    """A form that is being filled in."""

    page: Page
    form: Tag
    button: Tag
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    ticked: dict[str, bool] = field(default_factory=dict)

    def _control(self, label: str) -> Tag:
        for one in self.form.find_all("label"):
            if _name_of(one) == label or _words(one).startswith(f"{label} "):
                found = self.form.find(id=one["for"])
                assert isinstance(found, Tag), label
                return found
        names = [_name_of(one) for one in self.form.find_all(["label", "legend"])]
        raise AssertionError(f"{self.page.path} has no field “{label}”, only {names}")

    def _group(self, legend: str) -> Tag:
        for one in self.form.find_all("legend"):
            if _name_of(one) == legend:
                assert one.parent is not None
                return one.parent
        names = [_name_of(one) for one in self.form.find_all("legend")]
        raise AssertionError(f"{self.page.path} has no group “{legend}”, only {names}")

    def fill(self, label: str, value: str) -> Sheet:
        """Type into a field, or choose from a list by the words of the choice."""
        control = self._control(label)
        if control.name == "select":
            choices = {_words(one): str(one.get("value", "")) for one in control.find_all("option")}
            assert value in choices, f"{label}: {value} is none of {list(choices)}"
            value = choices[value]
        self.typed[str(control["name"])] = value
        return self

    def shows(self, label: str) -> str:
        """What stands in a field before anybody types."""
        control = self._control(label)
        return control.get_text().removeprefix("\n") if control.name == "textarea" else str(control["value"])

    def attach(self, label: str, name: str, data: bytes) -> Sheet:
        """Choose a file."""
        self.files[str(self._control(label)["name"])] = (name, data)
        return self

    def choose(self, legend: str, *options: str) -> Sheet:
        """Choose among radios, or tick in a list of boxes."""
        group = self._group(legend)
        for option in options:
            label = next((one for one in group.find_all("label") if _words(one).startswith(option)), None)
            assert label is not None, f"{legend}: {option} is none of {_words(group)}"
            self.ticked[str(label["for"])] = True
        if group.find("input", type="radio"):
            for one in group.find_all("input", type="radio"):
                self.ticked.setdefault(str(one["id"]), False)
        return self

    def choose_all(self, legend: str) -> Sheet:
        """Tick every box of a list."""
        for one in self._group(legend).find_all("input", type="checkbox"):
            self.ticked[str(one["id"])] = True
        return self

    def tick(self, label: str) -> Sheet:
        """Tick one box."""
        self.ticked[str(self._control(label)["id"])] = True
        return self

    def on(self, legend: str, day: date) -> Sheet:
        """Fill in a date."""
        group = self._group(legend)
        parts = {"Year": day.year, "Month": day.month, "Day": day.day}
        for one in group.find_all("label"):
            control = group.find(id=one["for"])
            assert isinstance(control, Tag)
            self.typed[str(control["name"])] = str(parts[_words(one)])
        return self

    # -- sending ---------------------------------------------------------------------------------

    def _answers(self) -> dict[str, list[str]]:
        sent: dict[str, list[str]] = {}
        for control in self.form.find_all(["input", "select", "textarea"]):
            name = control.get("name")
            value = self._value(control) if name else None
            if name and value is not None:
                sent.setdefault(str(name), []).append(value)
        if self.button.get("name"):
            sent.setdefault(str(self.button["name"]), []).append(str(self.button.get("value", "")))
        return sent

    def _value(self, control: Tag) -> str | None:
        name = str(control["name"])
        if control.name == "textarea":
            return self.typed.get(name, control.get_text().removeprefix("\n"))
        if control.name == "select":
            options = control.find_all("option")
            chosen = next((one for one in options if one.has_attr("selected")), options[0])
            return self.typed.get(name, str(chosen.get("value", "")))
        kind = control.get("type", "text")
        if kind == "file":
            return None
        if kind in {"checkbox", "radio"}:
            on = self.ticked.get(str(control["id"]), control.has_attr("checked"))
            return str(control["value"]) if on else None
        return self.typed.get(name, str(control.get("value", "")))

    def _send(self) -> httpx.Response:
        page = self.page
        target = page.answer.url.join(str(self.form.get("action") or page.answer.url))
        more: dict[str, Any] = {}
        if self.files:
            assert self.form.get("enctype") == "multipart/form-data", "a form that cannot carry files"
            more["files"] = {name: (given[0], given[1]) for name, given in self.files.items()}
        if str(self.form.get("method", "get")).lower() == "get":
            return page.browser.get(target, params=self._answers())
        headers = {"Referer": str(page.answer.url)}
        return page.browser.post(target, data=self._answers(), headers=headers, **more)

    def send(self, *, expect: int = 200) -> Page:
        """Press the button; the page it leads to."""
        page = Page(self.page.browser, self._send())
        assert page.status == expect, f"{self.page.path}: {page.status} {page.path} {page.text[:2500]}"
        return page

    def double_click(self) -> Page:
        """Press the button twice at the same moment: both clicks must lead to the same page, which is returned."""
        with ThreadPoolExecutor(2) as pool:
            first, second = (
                Page(self.page.browser, answer) for answer in pool.map(lambda _: self._send(), "12")
            )
        assert (first.status, second.status) == (200, 200), (first.text[:1500], second.text[:1500])
        assert first.path == second.path
        first.twin = (
            second  # the sentence that something was done is shown once, on whichever page came first
        )
        return first


@dataclass
class Reader:
    """A person with a browser that reads English."""

    url: str
    browser: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.browser = httpx.Client(base_url=self.url, follow_redirects=True, timeout=60)
        self.browser.cookies.set("lang", "en")

    def open(self, path: str, *, expect: int = 200) -> Page:
        """Type an address."""
        page = Page(self.browser, self.browser.get(path))
        assert page.status == expect, f"{path}: {page.status} {page.text[:1500]}"
        return page

    def close(self) -> None:
        """Close the browser."""
        self.browser.close()
