"""The look holds together: readable in both themes, one file of colours, every icon there, both languages."""

import importlib
import re

import pytest
from flask import render_template_string

from exchange.core import config
from exchange.core.lifecycle import REGISTRY
from exchange.web import look
from exchange.web.samples import SampleStatus
from tests.web.conftest import Shell

STATIC = config.ROOT / "exchange" / "static"
TEMPLATES = config.ROOT / "exchange" / "templates"
TOKENS = (STATIC / "tokens.css").read_text()
COMPONENTS = (STATIC / "rongyi.css").read_text()

PAIR = re.compile(r"--ry-([\w-]+):\s+var\(--L, (#[0-9a-f]{6})\) var\(--D, (#[0-9a-f]{6})\)")
SINGLE = re.compile(r"--ry-([\w-]+):\s+(#[0-9a-f]{6});")


def colours(theme: str) -> dict[str, str]:
    found = {name: light if theme == "light" else dark for name, light, dark in PAIR.findall(TOKENS)}
    return found | dict(SINGLE.findall(TOKENS))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


GROUNDS = ("bg", "surf", "sunk")
TEXT = [
    *((ink, ground) for ink in ("ink", "ink-2", "link") for ground in (*GROUNDS, "wash")),
    *((ink, ground) for ink in ("warn", "stop") for ground in GROUNDS),
    ("warn", "warn-w"),
    ("stop", "stop-w"),
    ("ink", "warn-w"),
    ("ink", "stop-w"),
    ("ink-2", "warn-w"),
    ("ink-2", "stop-w"),
    ("ink", "mark"),
    *(("on", fill) for fill in ("brand", "brand-x", "deep", "seal", "seal-x")),
    ("deep-2", "deep"),
    ("deep", "on"),
    ("deep", "deep-2"),
]
EDGES = [
    *(("ctl", ground) for ground in GROUNDS),
    *(("focus", ground) for ground in GROUNDS),
    ("focus-d", "deep"),
    *(("link", ground) for ground in (*GROUNDS, "line")),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_is_readable(theme: str, ink: str, ground: str) -> None:
    found = colours(theme)
    assert contrast(found[ink], found[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_controls_focus_and_marks_stand_out(theme: str, edge: str, ground: str) -> None:
    found = colours(theme)
    assert contrast(found[edge], found[ground]) >= 3


def test_black_on_white_is_the_most() -> None:
    """The measure itself: known values of WCAG."""
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


def test_colours_and_sizes_are_written_in_one_file() -> None:
    plain = re.sub(r"/\*.*?\*/", "", COMPONENTS, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", plain) == []


def test_every_token_that_is_used_is_there() -> None:
    known = set(re.findall(r"(--[\w-]+):", TOKENS + COMPONENTS))
    used = set(re.findall(r"var\((--ry-[\w-]+)", COMPONENTS + TOKENS))
    assert used - known == set()


@pytest.mark.parametrize("name", ["tokens.css", "rongyi.css"])
def test_old_browsers_can_read_the_stylesheets(name: str) -> None:
    """No function that a kernel of 2021 drops the whole rule for (ux-reliability.md R-123)."""
    plain = re.sub(r"/\*.*?\*/", "", (STATIC / name).read_text(), flags=re.DOTALL)
    for modern in (
        ":has(",
        "color-mix(",
        "light-dark(",
        "@layer",
        "@container",
        "oklch(",
        "&:",
        "data:",
        "@import",
    ):
        assert modern not in plain
    assert re.findall(r"url\((?!chevron\.svg)", plain) == []


def icons_used() -> set[str]:
    found = set()
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text()
        found |= set(re.findall(r"""(?<!\w)_?icon\(["']([\w-]+)["']""", text))
        found |= set(re.findall(r"""icon=["']([\w-]+)["']""", text))
        found |= {
            name
            for choice in re.findall(r"icons = \{(.*?)\}", text)
            for name in re.findall(r': "([\w-]+)"', choice)
        }
    return found | set(look.TONE_ICONS.values())


def test_every_icon_that_is_used_is_in_the_sheet() -> None:
    there = set(re.findall(r'symbol id="i-([\w-]+)"', (STATIC / "icons.svg").read_text()))
    assert icons_used() - there == set()


def test_every_state_of_the_exchange_has_a_tone() -> None:
    """A new state must be given one: a plain tag is a decision too."""
    for room in ("parties", "rights", "ledger", "listings", "deals", "notifications"):
        importlib.import_module(f"exchange.{room}.models")
    importlib.import_module("contracts.models")
    unknown = {
        f"{lifecycle.states.__name__}.{state.value}"
        for lifecycle in REGISTRY.values()
        for state in lifecycle.states
        if state.value not in look.TONES
    }
    assert unknown - set(look.OWN_TONES) == set()


def test_a_state_has_its_tone_and_never_only_colour(shell: Shell) -> None:
    expected = {
        "draft": "",
        "listed": "go",
        "returned": "ask",
        "suspended": "stop",
        "matched": "done",
        "live": "live",
    }
    for value, tone in expected.items():
        assert look.tone(SampleStatus(value)) == tone
    assert look.tone("never heard of") == ""
    with shell.app.test_request_context("/?lang=en"):
        for state in SampleStatus:
            html = render_template_string(
                '{% from "_macros/state.html" import tag %}{{ tag(state) }}', state=state
            )
            assert re.sub(r"<[^>]+>", "", html).strip()
            assert ("<svg" in html) == (look.tone(state) in {"ask", "stop", "done"})


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_component_page_shows_every_macro(shell: Shell, language: str) -> None:
    page = shell.client().get(f"/styleguide?lang={language}")
    assert page.status_code == 200
    used = (TEMPLATES / "styleguide.html").read_text() + (TEMPLATES / "base.html").read_text()
    macros = set()
    for path in (TEMPLATES / "_macros").glob("*.html"):
        if path.name != "shell.html":
            macros |= set(re.findall(r"macro ([a-z]\w*)\(", path.read_text()))
    inner = {
        name
        for name in macros
        if any(f"{name}(" in p.read_text() for p in (TEMPLATES / "_macros").glob("*.html"))
    }
    assert {name for name in macros if f"{name}(" not in used} - inner == set()


def test_what_people_write_is_shown_as_text(shell: Shell) -> None:
    nasty = "<script>alert(1)</script>"
    with shell.app.test_request_context("/"):
        html = render_template_string(
            '{% from "_macros/lists.html" import row, task, doc %}{% from "_macros/state.html" import tag, note %}'
            '{% from "_macros/facts.html" import party, fact %}'
            '{{ row(x, "/", x, x, match=x, price=none) }}{{ task(x, hint=x) }}{{ doc(x, caption=x) }}{{ tag(x) }}'
            "{{ note('ask', x) }}{{ party(x, detail=x) }}{{ fact(x, x) }}",
            x=nasty,
        )
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 14


def test_the_mark_is_small_and_alone(shell: Shell) -> None:
    mark = (STATIC / "mark.svg").read_text()
    assert len(mark) < 600
    assert "href" not in mark
