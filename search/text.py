"""One tokeniser for both engines: folding, bigrams over Han runs, English stems, numbers.

Neither engine cuts text by itself. Both receive the same words joined by blanks, so they find the same listings
(search.md §0, §2). The position rule is Lucene's: positions run on across punctuation, an isolated Han sign is a
word of its own, Latin and digit runs are one word, and ``-`` and ``/`` split.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import opencc
import snowballstemmer

from exchange.core import refs
from exchange.rights import numbers

LONGEST_WORD = 64
"""A Latin word is cut here (a gene sequence is one word of thousands of signs); queries are cut alike."""

BREAK = "¦"
"""Stands between the values of one field, so that no phrase runs from one name into the next."""

_WIDE = (
    "\u3005\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"  # iteration mark, zero, kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\uac00-\ud7a3"  # Hangul
    "\U00020000-\U0003ffff"  # Han beyond the basic plane
)
_LETTER = rf"[^\W\d_{_WIDE}]"
_WORD = rf"[^\W_{_WIDE}]+"
_TOKEN = re.compile(
    r"(?P<unit>°[cfk](?![^\W_]))"  # 10℃ and 10 °C are the same as 10
    rf"|(?P<wide>[{_WIDE}]+)"
    rf"|(?P<word>{_WORD}(?:(?:(?<=\d)\.(?=\d)|(?<={_LETTER})[.'](?={_LETTER})){_WORD})*)"
)
_WIDE_SIGN = re.compile(rf"[{_WIDE}]")
_ENGLISH = re.compile(r"[a-z]+(?:'[a-z]+)?")


class Token(NamedTuple):
    """A word of folded text: where it stands, and whether it is a run of Han, kana or Hangul."""

    text: str
    start: int
    end: int
    wide: bool


@dataclass(frozen=True)
class Folded:
    """Folded text and, for each of its signs, where it came from.

    ``offsets`` has one entry more than ``text``, so the source of ``text[a:b]`` is
    ``source[offsets[a]:offsets[b]]``.
    """

    text: str
    offsets: Sequence[int]


class _Simplified(dict[int, str]):
    """Traditional to simplified, one sign at a time, filled as signs come.

    One sign at a time, because a dictionary of phrases would fold the same word differently in different
    surroundings, and a part of a text would no longer be found in it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._converter = opencc.OpenCC("t2s")

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        for _ in range(3 if code > 0x2E7F else 0):  # a few take two steps: 薴 苧 苎
            simple = str(self._converter.convert(sign))
            if simple == sign or len(simple) != 1:
                break
            sign = simple
        self[code] = sign
        return sign


_simplified = _Simplified()


def _fold(text: str) -> str:
    """NFKC and case folded, until nothing changes (a few signs need two rounds)."""
    for _ in range(3):
        again = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        if again == text:
            break
        text = again
    return text


def fold(text: str) -> str:
    """Width, script and case folded away: NFKC, traditional to simplified, small letters.

    Case is folded, not lowered: Greek's final sigma would otherwise depend on what follows it.
    """
    if text.isascii():
        return text.lower()
    return _fold(text).translate(_simplified)


def _clusters(text: str) -> Iterator[tuple[int, str]]:
    """Signs with what melts into them; only these change together under NFKC."""
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or not _melts(text[i]):
            yield start, text[start:i]
            start = i


def _melts(sign: str) -> bool:
    """Whether a sign may compose with what stands before it: a mark, jamo, or kana's voicing."""
    code = ord(sign)
    if code < 0x300:
        return False
    if unicodedata.combining(sign):
        return True
    if 0x1160 <= code <= 0x11FF or 0x3131 <= code <= 0x318E or 0xFF9E <= code <= 0xFFDC:
        return True
    return unicodedata.category(sign) in ("Mc", "Mn")


class _Alone(dict[str, str | None]):
    """What a sign folds to where nothing melts into it, filled as signs come; ``None`` for one that may melt."""

    def __missing__(self, sign: str) -> str | None:
        self[sign] = None if _melts(sign) else _fold(sign).translate(_simplified)
        return self[sign]


_alone = _Alone()


def fold_mapped(text: str) -> Folded:
    """``fold`` with the way back to the source, for highlighting."""
    signs = [_alone[sign] for sign in text]
    simple = [sign for sign in signs if sign is not None]
    if len(simple) == len(text):
        starts: Sequence[int] = range(len(text))
        pieces = simple
    else:
        clusters = list(_clusters(text))
        starts = [start for start, _ in clusters]
        pieces = [_fold(piece).translate(_simplified) for _, piece in clusters]
    folded = "".join(pieces)
    if len(folded) == len(pieces) == len(text):
        return Folded(folded, range(len(text) + 1))
    offsets = [start for start, piece in zip(starts, pieces, strict=True) for _ in piece]
    return Folded(folded, (*offsets, len(text)))


def runs(folded: str) -> Iterator[Token]:
    """The Han runs and the words of folded text, in order."""
    for match in _TOKEN.finditer(folded):
        if match.lastgroup == "unit":
            continue
        wide = match.lastgroup == "wide"
        word = match.group() if wide else match.group()[:LONGEST_WORD]
        yield Token(word, match.start(), match.end(), wide)


def tokens(folded: str) -> Iterator[Token]:
    """The words that are indexed: overlapping bigrams of Han runs, single signs that stand alone, words."""
    for run in runs(folded):
        if not run.wide or len(run.text) == 1:
            yield run
            continue
        for i in range(len(run.text) - 1):
            yield Token(run.text[i : i + 2], run.start + i, run.start + i + 2, True)


def is_wide(word: str) -> bool:
    """Whether an indexed word is made of Han, kana or Hangul signs."""
    return _WIDE_SIGN.match(word) is not None


@lru_cache(maxsize=64)
def _cut(text: str) -> tuple[tuple[str, bool], ...]:
    """The runs and words of a text, and which of them are runs; kept a while, for a text feeds several fields."""
    return tuple((run.text, run.wide) for run in runs(fold(text)))


def bigrams(text: str) -> list[str]:
    """The words of a text field with positions, in order."""
    words: list[str] = []
    for found, wide in _cut(text):
        if wide and len(found) > 1:
            words.extend([a + b for a, b in pairwise(found)])
        else:
            words.append(found)
    return words


def unigrams(text: str) -> list[str]:
    """Each Han sign of the text once, for queries of a single sign (铝, 茶, 阀)."""
    return list(dict.fromkeys("".join([found for found, wide in _cut(text) if wide])))


@lru_cache(maxsize=1)
def _stemmer() -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("english")


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The stem of a folded English word; anything else comes back as it is."""
    return str(_stemmer().stemWord(word)) if _ENGLISH.fullmatch(word) else word


def stems(text: str) -> list[str]:
    """The stemmed Latin words of the text, in order."""
    return [stem(found) for found, wide in _cut(text) if not wide]


def joined(values: Iterable[str]) -> str:
    """Several texts of one field as one, with a break that no phrase crosses."""
    return f" {BREAK} ".join(value for value in values if value)


def with_breaks(text: str) -> list[str]:
    """``bigrams`` of a text made by ``joined``: the breaks stay as words of their own."""
    words: list[str] = []
    for part in text.split(BREAK):
        if words:
            words.append(BREAK)
        words.extend(bigrams(part))
    return words


# -- numbers ---------------------------------------------------------------------------------------------------

_LIKE_A_NUMBER = re.compile(r"(?=(?:.*\d){5})[a-z0-9]{5,32}")
_WITHOUT_CHECK = re.compile(r"(?:zl|cn)?(\d{12}|\d{8})(?:[\dx]0?)?")
_NOT_OF_A_NUMBER = re.compile(r"[\W_]+")


def bare_number(text: str) -> str:
    """The signs of a number without blanks, dashes, points and label, folded."""
    return _NOT_OF_A_NUMBER.sub("", numbers.squeeze(fold(text))[0]).lower()


def canonical_numbers(text: str) -> set[str]:
    """Every form under which the number ``text`` is indexed and looked up; empty where it is no number.

    All spellings of one number share a form: ``ZL202310123456.7``, ``CN202310123456.7``, ``2023101234567`` and
    the spreadsheet's ``2023101234567.0`` (search.md §1.1). The check digit and the kind code are left out, so a
    number typed without them, or with a wrong one, is found too.
    """
    if refs.valid(reference := text.strip().upper()):
        return {reference.replace("-", "").lower()}  # of the exchange's own, however few digits it has
    bare = bare_number(text)
    if not _LIKE_A_NUMBER.fullmatch(bare):
        return set()
    forms = {bare}
    read = numbers.try_parse(text)
    if isinstance(read, numbers.NumberError):
        if match := _WITHOUT_CHECK.fullmatch(bare):
            forms.add(match.group(1))
    else:
        forms.add(read.key[:-1] if read.scheme == numbers.CN_APPLICATION else read.key.lower())
    return forms


def looks_like_number(text: str) -> bool:
    """Whether a whole query is a number, to be looked up before it is searched as words."""
    return len(text) <= 48 and bool(canonical_numbers(text))
