"""Values as files write them: text with markup and padding, names in one cell, dates, classification symbols."""

from __future__ import annotations

import functools
import html
import re
from datetime import date, timedelta
from typing import Final

#: What people type for "nothing".
NOTHING: Final = frozenset(
    {
        "",
        "-",
        "--",
        "—",
        "——",
        "/",
        "\\",
        "无",
        "暂无",
        "N/A",
        "NA",
        "NULL",
        "NONE",
        "NAN",
        "NIL",
        "*",
        "…",
        "、",
    }
)

# -- text ------------------------------------------------------------------------------------------

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\ufeff\ufffe\uffff]")
_LONE: Final = re.compile(r"[\ud800-\udfff]")
_BLANKS: Final = re.compile(r"[ \t\xa0\u3000]+")
_LINES: Final = re.compile(r" ?(?:\r\n|[\r\n\u2028\u2029]) ?")


def clean(text: str, *, lines: bool = False) -> str:
    """``text`` without control marks, its blanks single and its ends bare.

    Line breaks become blanks unless ``lines``. A half surrogate, which no database stores, becomes U+FFFD.
    """
    if text.isprintable() and "  " not in text:  # most texts, at the speed of C
        return text.strip()
    text = _LONE.sub("\ufffd", _CONTROL.sub("", text))
    text = _BLANKS.sub(" ", text)
    text = _LINES.sub("\n" if lines else " ", text)
    if not lines:
        text = _BLANKS.sub(" ", text)
    return text.strip()


@functools.lru_cache(maxsize=2048)
def value(text: str) -> str:
    """``clean`` text, and nothing where it only says that there is nothing."""
    text = clean(text)
    return "" if text.upper() in NOTHING else text


_TAGS: Final = (
    "sub|sup|image|img|br|font|span|em|strong|div|math|maths|mrow|mi|mn|mo|msub|msup|msubsup|mfrac|msqrt|mroot|"
    "mover|munder|munderover|mtext|mtable|mtr|mtd|mfenced|mspace|mstyle|mpadded|semantics|annotation|mprescripts|"
    "mmultiscripts|chemistry|tables|figure|o:p"
)
_MARKUP: Final = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_ONE_LETTER: Final = re.compile(r"</?([ibup])>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_OPEN_TAG: Final = re.compile(r"<(/?)([A-Za-z:]*)((?:\s[^<>]*)?)$")
_ANY_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_TAG_NAMES: Final = tuple(_TAGS.split("|"))


def unescape(text: str) -> str:
    """``text`` with its character references resolved once; an ampersand without semicolon stays what it is."""
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text) if "&" in text else text


def bare(text: str) -> str:
    """The text of an HTML cell that holds no prose: every tag goes."""
    return unescape(_ANY_TAG.sub("", text)).strip() if "<" in text or "&" in text else text


def plain(text: str) -> tuple[str, bool]:
    """``text`` without formatting markup, and whether it was cut in the middle of a tag.

    Only tags that format (sub, sup, images, formulas) are markup: ``k<N/2`` and ``<ip,hostname>`` are claims.
    """
    cut = False
    if "<" in text:
        text = _MARKUP.sub("", text)
        for letter in "ibup":
            # A lone <b> is likelier an inequality than bold type, so it goes only as a pair.
            if f"</{letter}>" in text.lower() and f"<{letter}>" in text.lower():
                text = re.sub(rf"</?{letter}>", "", text, flags=re.IGNORECASE)
        text, cut = _without_open_tag(text)
    return unescape(text), cut


def _without_open_tag(text: str) -> tuple[str, bool]:
    bare = text.rstrip()
    ended = bare.endswith(("...", "…"))
    match = _OPEN_TAG.search(bare.rstrip(".…") if ended else bare)
    if not match:
        return text, False
    name, attributes = match.group(2).lower(), match.group(3)
    known = name in _TAG_NAMES
    begun = ended and bool(name) and any(tag.startswith(name) for tag in _TAG_NAMES)
    if (known and attributes) or begun:
        return text[: match.start()].rstrip() + "…", True
    return text, False


# -- names -----------------------------------------------------------------------------------------

_NAME_BREAK: Final = re.compile(r"[;；|\r\n]+")
_OUTER_COMMA: Final = re.compile(r"、(?![^(（]*[)）])")


def names(text: str, *, commas: bool = False, once: bool = True) -> list[str]:
    """The names of one cell, in order, each ``once``: an owner is one owner, but two inventors may share a name.

    Names are parted by semicolons, bars or line breaks; with ``commas`` also by the Chinese comma, except
    inside brackets (one hospital's name holds several). Taiwan's gazette writes ``name<addr> address<name>…``;
    the addresses are no names.
    """
    return list(_names(text, commas=commas, once=once))


@functools.lru_cache(maxsize=4096)
def _names(text: str, *, commas: bool, once: bool) -> tuple[str, ...]:
    """The owner of one row is the owner of the next: most cells of a large file were read before."""
    if "<addr>" in text:
        text = ";".join(part.split("<addr>", 1)[0] for part in text.replace("\n", "<name>").split("<name>"))
    parts = _NAME_BREAK.split(text)
    if commas and len(parts) == 1:
        parts = _OUTER_COMMA.split(text)
    found = (clean(part).strip(" ,，") for part in parts)
    some = [name for name in found if name.upper() not in NOTHING]
    return tuple(dict.fromkeys(some) if once else some)


# -- dates -----------------------------------------------------------------------------------------

_YMD: Final = re.compile(
    r"(\d{4})(?:[.\-/年](\d{1,2})[.\-/月](\d{1,2})日?|(\d{2})(\d{2}))(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+\-]\d{2}:?\d{2})?)?"
)
_MDY: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
#: Day numbers of a spreadsheet that can be a date of a patent: 1954 to 2119.
_SERIALS: Final = range(20_000, 80_000)
_EPOCH: Final = date(1899, 12, 30)
#: How many days later the workbooks of old Macintoshes begin to count.
OFFSET_1904: Final = 1462


@functools.lru_cache(maxsize=4096)
def read_date(text: str) -> date | None:
    """The day that ``text`` names, nothing for nothing. Raises ``ValueError`` for what names no day.

    Year first, with hyphens, dots, strokes, 年月日 or nothing between; a time of day is passed over.
    """
    text = value(text)
    if not text:
        return None
    match = _YMD.fullmatch(text)
    if not match:
        raise ValueError(text)
    year, month, day, month2, day2 = match.groups()
    found = date(int(year), int(month or month2), int(day or day2))
    if not 1800 <= found.year <= 2200:
        raise ValueError(text)
    return found


def american_date(text: str) -> date | None:
    """A day written month first, as American registers do, or year first. Raises ``ValueError`` otherwise."""
    match = _MDY.fullmatch(text.strip())
    if match:
        month, day, year = map(int, match.groups())
        return date(year, month, day)
    return read_date(text)


def serial_date(number: float, *, epoch_1904: bool = False) -> date:
    """The day a spreadsheet counts as ``number``. Raises ``ValueError`` where that cannot be meant."""
    whole = int(number) + (OFFSET_1904 if epoch_1904 else 0)
    if whole not in _SERIALS:
        raise ValueError(str(number))
    return _EPOCH + timedelta(days=whole)


# -- classification --------------------------------------------------------------------------------

_IPC_BREAK: Final = re.compile(r"[;；|,，\r\n]+")
_IPC: Final = re.compile(r"([A-HY]\d{2}[A-Z])[ \-]*0*(\d{1,4})\s*[/:∶]\s*(\d{2,6})")
_LOCARNO: Final = re.compile(r"(?:LOC\(\d+\)CL\.?)?(\d{2})-?(\d{2})", re.IGNORECASE)
_SUBCLASS: Final = re.compile(r"[A-HY]\d{2}[A-Z]?|[A-HY]")


def symbols(text: str) -> tuple[list[str], list[str]]:
    """The classification symbols of ``text`` in one form (``E01B3/32``; Locarno ``26-03``), and what is none.

    Version and rank (``(2006.01)I``), padding blanks and leading zeros go; symbols that were run together are
    parted. A symbol that no edition knows any more is still a symbol.
    """
    found, strange = _symbols(text)
    return list(found), list(strange)


@functools.lru_cache(maxsize=4096)
def _symbols(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found: list[str] = []
    strange: list[str] = []
    for part in _IPC_BREAK.split(text):
        piece = clean(part).upper()
        if piece in NOTHING:
            continue
        full = [f"{m.group(1)}{m.group(2)}/{m.group(3)}" for m in _IPC.finditer(piece)]
        if full:
            found += full
            continue
        bare = "".join(piece.split())
        match = _LOCARNO.fullmatch(bare)
        if match:
            found.append(f"{match.group(1)}-{match.group(2)}")
        elif _SUBCLASS.fullmatch(bare):
            found.append(bare)
        else:
            strange.append(piece[:40])
    return tuple(dict.fromkeys(found)), tuple(strange)
