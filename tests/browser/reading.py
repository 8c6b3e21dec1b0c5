"""What a page must not say, and where its links lead: read from its source, as every kind of reader gets it.

A *kind* of page is its address without what names one thing: ``/flows/FL-…/contract`` is ``/flows/<ref>/contract``.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx
from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

#: Where a walk begins: what a reader may type, beyond what the first page leads to.
DOORS = ("/", "/desk", "/login")

#: Files and the API, which are no pages; the other language, which is another walk.
NO_PAGES = re.compile(r"^/(api/openapi|documents/|language|static/)|\.xlsx$|/(?:readyz|healthz|metrics)$")

_REF = re.compile(r"\b[A-Z]{2}-[0-9A-Z]{11}\b")
_CODE = re.compile(r"(?<=/verify/)[0-9A-Z-]{20,}")
_NUMBER = re.compile(r"(?<=/)\d+(?=/|$)")

#: A name from the code instead of a word: ``not_found``, ``offer.expired``, ``None``, an unfilled place of a sentence.
RAW = re.compile(
    r"(?<![\w./@:=-])[a-z]+(?:_[a-z]+)+(?![\w/@=])"
    r"|(?<![\w./@:-])[a-z]+\.[a-z_]+(?![\w./@-])"
    r"|^None$|\bundefined\b|\bNaN\b|%\(\w+\)[sd]|\{\{|\}\}"
)

#: What stays Latin on a Chinese page: addresses, names and endings of files, programs with their versions, the
#: places of a sentence in the list of refusals.
LATIN = re.compile(
    r"[\w.+-]+@[\w.-]+|https?://\S+|[\w.-]*\.(?:html|txt|xls[bmx]?|csv|jsonl?|pdf|zip|xml)\b"
    r"|[\w-]+/\S*|/\S*|\b[\w-]*\d[\w.-]*\b|\{.*?\}|--\w+"
)
ENGLISH = re.compile(r"[A-Za-z]*[a-z][A-Za-z]{2,}|[A-Za-z]{2,}[a-z][A-Za-z]*")
HAN = re.compile(r"[\u3400-\u9fff]")


def kind_of(path: str) -> str:
    """The kind of page at ``path``."""
    parts = urlsplit(path)
    plain = _NUMBER.sub("<number>", _CODE.sub("<code>", _REF.sub("<ref>", parts.path)))
    plain = re.sub(r"(?<=/help/)(?!errors$).+", "<guide>", plain)
    plain = re.sub(r"(?<=/ledger/accounts/).+", "<address>", plain)
    names = sorted({name for name, _ in parse_qsl(parts.query) if name != "next"})
    return plain + ("?" + "&".join(names) if names else "")


@dataclass
class Seen:
    """A page as it came."""

    path: str
    kind: str
    status: int
    came_from: str
    soup: BeautifulSoup

    @property
    def main(self) -> Tag:
        """What is the page's own."""
        found = self.soup.find("main")
        assert isinstance(found, Tag), f"{self.path} has no main part"
        return found


def walk(
    client: httpx.Client, each: int = 2, most: int = 160, skip: frozenset[str] = frozenset()
) -> Iterator[Seen]:
    """Every page that links lead to, ``each`` of a kind and all guides, breadth first; none of the kinds in ``skip``."""
    queue = deque((door, "typed") for door in DOORS)
    known, kinds, count = set(DOORS), Counter[str](), 0
    while queue and count < most:
        path, came_from = queue.popleft()
        kind = kind_of(path)
        if kind in skip or (kinds[kind] >= each and kind != "/help/<guide>"):
            continue
        answer = client.get(path)
        if "html" not in answer.headers.get("content-type", ""):
            continue
        kinds[kind] += 1
        count += 1
        soup = BeautifulSoup(answer.text, "html.parser")
        yield Seen(path, kind, answer.status_code, came_from, soup)
        for link in soup.find_all("a", href=True):
            target = str(answer.url.join(str(link["href"])))
            parts = urlsplit(target)
            if f"{parts.scheme}://{parts.netloc}" != str(client.base_url).rstrip("/"):
                continue
            onward = parts.path + (f"?{parts.query}" if parts.query else "")
            asks_language = "lang" in dict(parse_qsl(parts.query))
            if onward in known or asks_language or link.has_attr("download") or NO_PAGES.search(parts.path):
                continue
            known.add(onward)
            queue.append((onward, path))


def pieces(soup: BeautifulSoup | Tag) -> Iterator[tuple[str, Tag]]:
    """The visible pieces of text with the element that holds each."""
    for text in soup.find_all(string=True):
        holder = text.parent
        if type(text) is not NavigableString or holder is None or not text.strip():
            continue
        if holder.find_parent(["script", "style", "head"]) or holder.name in {"script", "style", "title"}:
            continue
        yield " ".join(text.split()), holder


def language_of(tag: Tag) -> str:
    """The language that the source says ``tag`` is in."""
    holder = tag if tag.has_attr("lang") else tag.find_parent(attrs={"lang": True})
    return str(holder["lang"]) if isinstance(holder, Tag) else ""


def raw_words(page: Seen) -> list[str]:
    """Names from the code that the page shows to its reader."""
    return [
        f"{page.path} ({page.came_from}): “{found[0]}” in “{text[:80]}”"
        for text, holder in pieces(page.soup)
        if not holder.find_parent(["code", "pre"]) and holder.name not in {"code", "pre", "kbd"}
        for found in RAW.finditer(re.sub(r"\{.*?\}", "", text))
    ]


def english_words(page: Seen, known: frozenset[str]) -> list[str]:
    """English words on a Chinese page, outside of what is marked as English."""
    return [
        f"{page.path} ({page.came_from}): “{found[0]}” in “{text[:80]}”"
        for text, holder in pieces(page.soup)
        if language_of(holder) == "zh-CN" and holder.name not in {"code", "pre", "kbd"}
        if not holder.find_parent(["code", "pre"])
        for found in ENGLISH.finditer(LATIN.sub(" ", text))
        if found[0] not in known
    ]


def chinese_labels(page: Seen) -> list[str]:
    """Chinese words where an English page speaks for itself: buttons, heads of tables and of sections, menus."""
    parts = page.soup.select("button, th, legend, header nav a, footer a, .form-label, .ry-sec > h2")
    return [
        f"{page.path} ({page.came_from}): “{text[:80]}”"
        for part in parts
        for text, holder in pieces(part)
        if HAN.search(text) and language_of(holder) == "en"
    ]


def ways_on(page: Seen) -> int:
    """How many links and buttons the page's own part has."""
    return len(page.main.select("a[href], button, summary"))
