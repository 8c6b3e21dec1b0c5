"""Habits of the templates: nothing inline, nothing from elsewhere, every word through the catalogue."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment

from tests.habits.tree import templates, text

HTML = [path for path in templates() if path.suffix == ".html"]

#: Words that are the same in every language, or the name of a language in itself.
SAME_EVERYWHERE = {
    *(
        "Rongyi",
        "榕易",
        "English",
        "中文",
        "API",
        "CSV",
        "JSON",
        "PDF",
        "REST",
        "CNY",
        "OpenAPI",
        "IPC",
        "LPR",
        "PCT",
    ),
    *("TOTP", "SHA", "UTC", "CNIPA", "ID", "QR", "http", "https", "xlsx"),
}

#: Attributes whose words a person reads or hears.
READ_ALOUD = {
    "alt",
    "aria-description",
    "aria-label",
    "placeholder",
    "title",
    "aria-valuetext",
    "data-confirm",
}

#: Elements whose text is no prose.
NO_PROSE = {"script", "style", "code", "kbd", "samp", "pre"}

HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\u3001-\u303f\uff01-\uff5e]+")
MESSAGE = re.compile(r"""\bn?_(?:gettext)?\(\s*("[^"]*"|'[^']*')""")
ATTRIBUTE = re.compile(r"""[\w-]+=("[^"]*"|'[^']*')""")
WORD = re.compile(r"[A-Za-z]{2,}")


def parts(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """A template's literal text with every Jinja part blanked (same lines), and the parts as (line, code)."""
    environment = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True)
    literal: list[str] = []
    code: list[tuple[int, str]] = []
    translated = False
    statement: list[str] = []
    for line, kind, value in environment.lex(text(path)):
        if kind == "data":
            literal.append(re.sub(r"[^\n]", " ", value) if translated else value)
            continue
        literal.append("\n" * value.count("\n"))
        if kind in {"comment_begin", "comment", "comment_end", "raw_begin", "raw_end"}:
            continue
        if kind == "variable_begin":
            # What an expression gives is not literal text, but it is something between two words.
            literal.append("\x00")
        if kind in {"block_begin", "variable_begin"}:
            statement = []
        elif kind in {"block_end", "variable_end"}:
            whole = "".join(statement).strip()
            code.append((line, whole))
            if kind == "block_end" and whole.startswith("trans"):
                translated = True
            elif kind == "block_end" and whole.startswith("endtrans"):
                translated = False
        else:
            statement.append(value)
    return "".join(literal), code


class Reader(HTMLParser):
    """Collects what a person reads: text, and the attributes that are read aloud."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.found: list[tuple[int, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in NO_PROSE:
            self.open.append(tag)
        for name, value in attrs:
            if name in READ_ALOUD or (
                tag == "meta" and name == "content" and ("name", "description") in attrs
            ):
                self.found.append((self.getpos()[0], value or ""))

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open:
            # A macro may give the attributes of a tag that its caller writes.
            self.found.append((self.getpos()[0], ATTRIBUTE.sub("", data)))


def untranslated(literal: str) -> list[str]:
    reader = Reader()
    reader.feed(literal)
    same = {word.casefold() for word in SAME_EVERYWHERE}
    return [
        f"{line}: {' '.join(said.split())[:80]}"
        for line, said in reader.found
        if [word for word in WORD.findall(said) if word.casefold() not in same]
    ]


@pytest.mark.parametrize("path", templates(), ids=str)
def test_every_word_comes_from_the_catalogue(path: Path) -> None:
    literal, code = parts(path)
    chinese = [
        f"{path}: {found}: Chinese belongs to the catalogue"
        # A message may give a Chinese word as an example; it is translated like any other.
        for piece in [literal, *(MESSAGE.sub("", said) for _, said in code)]
        for found in HAN.findall(piece)
        if found not in SAME_EVERYWHERE
    ]
    assert chinese == []
    if path.suffix == ".html":
        assert [f"{path}:{found}" for found in untranslated(literal)] == []


@pytest.mark.parametrize("path", HTML, ids=str)
def test_nothing_is_inline(path: Path) -> None:
    whole = re.sub(r"{#.*?#}", lambda found: "\n" * found[0].count("\n"), text(path), flags=re.DOTALL)
    patterns = {
        r"<style\b": "a <style> element",
        r"<script\b(?![^>]*\bsrc\s*=)(?![^>]*application/(?:ld\+)?json)": "an inline script",
        r"<[^>]*\sstyle\s*=": "a style attribute",
        r"<[^>]*\son[a-z]+\s*=": "an event attribute",
        r"hx-on\b": "an inline handler",
        r"javascript:": "a script address",
    }
    assert [
        f"{path}:{whole.count(chr(10), 0, found.start()) + 1}: {what}"
        for pattern, what in patterns.items()
        for found in re.finditer(pattern, whole, re.IGNORECASE)
    ] == []


@pytest.mark.parametrize("path", HTML, ids=str)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    literal, _ = parts(path)
    found = re.findall(r"""(?:https?:)?//[\w.-]+\.\w+[^\s"'<]*""", literal)
    assert [address for address in found if "www.w3.org/" not in address] == []


def test_the_reader_sees_what_it_should() -> None:
    """The habit tests themselves: a plain word is found, a translated one and a variable are not."""
    assert untranslated("<p>Buy now</p>") == ["1: Buy now"]
    assert untranslated('<a title="Buy">\x00</a>') == ["1: Buy"]
    assert untranslated("<p>\x00 · CNY</p><code>git push</code>") == []
