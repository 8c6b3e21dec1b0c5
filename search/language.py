"""How the text of the search box is understood, and turned into clauses.

*The plain box*: unspaced Chinese is fine; what stands in quotes is a phrase; every other sign is data, never syntax.
All words are asked for first, then half of them, then 30 %, until a page is full (search.md §4).

*The fielded language*, as patent offices have it, wherever a field is named::

    TI=锂电池 AND (AB=正极 OR IPC=H01M4) NOT PA=某公司 AND PRICE=[1 TO 5]

``TI`` title, ``AB`` abstract, ``CL`` claims, ``PA`` owner, ``IN`` inventor, ``IPC``, ``NO`` any number, ``PRICE`` in
units of 10,000 yuan unless 元 or 亿 is said. What stands side by side is joined by AND.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from exchange.core.errors import N_, RuleBroken
from search import fields, text
from search.clauses import EVERYTHING, NOTHING, Any, Clause, Not, Phrase, Prefix, Range, Term, all_of, any_of
from search.engine import MAX_CLAUSES, MAX_TEXT, Reading

LADDER = (100, 50, 30)
"""Per cent of the words that must match, tried in this order."""

_NAMES_ONLY_UP_TO = 64
"""A text of more words than this is a paragraph: it is not looked for among names."""

_WORDS = tuple(f for f in fields.BOX if f.kind is fields.Kind.WORDS)
_NAMES = frozenset({"owners", "inventors"})
_SIGNS = tuple(f for f in fields.BOX if f.kind is fields.Kind.SIGNS)
_STEMS = tuple(f for f in fields.BOX if f.kind is fields.Kind.STEMS)
_SIGNS_OF = {"title": "title_u", "abstract": "abstract_u"}
_STEMS_OF = {"title": "title_en", "abstract": "abstract_en"}


@dataclass(frozen=True)
class Level:
    """One way to ask: how the text was read, how many per cent of its words are required, and the clause."""

    reading: Reading
    percent: int
    clause: Clause


@dataclass(frozen=True)
class Understood:
    """What a text means: the levels to try in their order, and the words to mark in the results."""

    levels: tuple[Level, ...]
    words: frozenset[str]


def understand(raw: str) -> Understood:
    """Read the text of the box. Raises ``RuleBroken`` where it is too long, or is fielded and cannot be read."""
    if len(raw) > MAX_TEXT:
        raise RuleBroken(
            "search.too_long",
            N_("A search may have %(most)s signs; this one has %(has)s. Shorten it."),
            field="q",
            most=MAX_TEXT,
            has=len(raw),
        )
    if _FIELDED.search(raw.translate(_NARROW)):
        clause, marked = _Reader(raw).read()
        return Understood((Level(Reading.FIELDED, 100, clause),), marked)
    levels: list[Level] = []
    if text.looks_like_number(raw):
        numbers = sorted(text.canonical_numbers(raw))
        levels.append(Level(Reading.NUMBER, 100, any_of(tuple(Term("numbers", n) for n in numbers))))
    phrases, words = _split(raw)
    if phrases or words:
        levels.extend(_ladder(phrases, words))
    elif raw.strip():
        levels.append(Level(Reading.WORDS, 100, NOTHING))
    else:
        levels.append(Level(Reading.BROWSE, 100, EVERYTHING))
    return Understood(tuple(levels), frozenset(w for phrase in phrases for w in phrase) | frozenset(words))


# -- the plain box ---------------------------------------------------------------------------------------------

_QUOTED = re.compile(r'"([^"]*)"|“([^”]*)”|「([^」]*)」|『([^』]*)』')


def _split(raw: str) -> tuple[list[tuple[str, ...]], list[str]]:
    """The quoted phrases, and the other words without repeats."""
    phrases: list[tuple[str, ...]] = []
    for match in _QUOTED.finditer(raw):
        words = tuple(text.bigrams(match.group(match.lastindex or 0)))
        if words and words not in phrases:
            phrases.append(words)
    if len(phrases) > MAX_CLAUSES:
        raise _too_many()
    return phrases, list(dict.fromkeys(text.bigrams(_QUOTED.sub(" ", raw))))


def _ladder(phrases: list[tuple[str, ...]], words: list[str]) -> Iterator[Level]:
    names = len(words) <= _NAMES_ONLY_UP_TO
    groups = tuple(box_word(word, names=names) for word in words)
    required = tuple(box_phrase(phrase) for phrase in phrases)
    tried: set[int] = set()
    for percent in LADDER:
        least = math.ceil(len(groups) * percent / 100)
        if least in tried:
            continue
        tried.add(least)
        some: tuple[Clause, ...] = groups if percent == 100 else (Any(groups, least),)
        yield Level(Reading.WORDS, percent, all_of((*required, *some)))


def box_word(word: str, *, names: bool = True) -> Clause:
    """The clause of one word of the plain box: in any of its fields."""
    if len(word) == 1 and text.is_wide(word):
        return any_of(tuple(Term(f.name, word, f.boost) for f in _SIGNS))
    found: list[Clause] = [Term(f.name, word, f.boost) for f in _WORDS if names or f.name not in _NAMES]
    if not text.is_wide(word):
        found.extend(Term(f.name, text.stem(word), f.boost) for f in _STEMS)
    return Any(tuple(found))


def box_phrase(words: tuple[str, ...]) -> Clause:
    """The clause of a quoted phrase: its words side by side in one of the fields of the box."""
    if len(words) == 1:
        return box_word(words[0])
    return Any(tuple(Phrase(f.name, words, f.boost) for f in _WORDS))


# -- the fielded language --------------------------------------------------------------------------------------

_CODES = {
    **{f.code: f.name for f in fields.FIELDS if f.code},
    "标题": "title",
    "名称": "title",
    "摘要": "abstract",
    "权利要求": "claims",
    "权利人": "owners",
    "申请人": "owners",
    "发明人": "inventors",
    "分类号": "ipc",
    "号码": "numbers",
    "价格": "price",
}
_NARROW = str.maketrans("＝（）［］：，", "=()[]:,")
_CODE = "|".join(sorted(_CODES, key=len, reverse=True))
_FIELDED = re.compile(rf"(?<![^\s(])(?:{_CODE})\s*=", re.IGNORECASE)
_LEXER = re.compile(
    rf"""\s*(?:
        (?P<field>(?:{_CODE})\s*=)
      | (?P<range>\[[^\]]*\])
      | (?P<open>\()
      | (?P<close>\))
      | (?P<quoted>"[^"]*"|“[^”]*”|「[^」]*」|『[^』]*』)
      | (?P<operator>(?:AND|OR|NOT)(?![^\s()]))
      | (?P<word>[^\s()]+)
    )""",
    re.VERBOSE | re.IGNORECASE,
)


class _Lexeme(NamedTuple):
    kind: str
    text: str
    at: int


def _lexemes(raw: str) -> list[_Lexeme]:
    narrow = raw.translate(_NARROW)
    found: list[_Lexeme] = []
    at = 0
    while at < len(narrow) and (match := _LEXER.match(narrow, at)) is not None:
        kind = match.lastgroup or "word"
        found.append(_Lexeme(kind, match.group(kind), match.start(kind)))
        at = match.end()
    return found


def _syntax(message: str, at: int, **params: str) -> RuleBroken:
    return RuleBroken("search.syntax", message, field="q", position=at + 1, **params)


def _too_many() -> RuleBroken:
    return RuleBroken(
        "search.too_many_clauses",
        N_("A search may have %(most)s conditions; this one has more. Leave some out."),
        field="q",
        most=MAX_CLAUSES,
    )


class _Reader:
    """Reads one fielded text: OR binds least, then AND, then NOT."""

    def __init__(self, raw: str) -> None:
        self._lexemes = _lexemes(raw)
        self._next = 0
        self._end = len(raw)
        self._conditions = 0
        self._depth = 0
        self._negated = 0
        self._words: set[str] = set()

    def read(self) -> tuple[Clause, frozenset[str]]:
        clause = self._either(None)
        if (left := self._peek()) is not None:
            raise _syntax(N_("There is a bracket too many at sign %(position)s. Remove it."), left.at)
        return clause, frozenset(self._words)

    def _peek(self) -> _Lexeme | None:
        return self._lexemes[self._next] if self._next < len(self._lexemes) else None

    def _take(self) -> _Lexeme | None:
        lexeme = self._peek()
        self._next += lexeme is not None
        return lexeme

    def _at_operator(self, *names: str) -> bool:
        lexeme = self._peek()
        return lexeme is not None and lexeme.kind == "operator" and lexeme.text.upper() in names

    def _either(self, field: str | None) -> Clause:
        found = [self._both(field)]
        while self._at_operator("OR"):
            self._take()
            found.append(self._both(field))
        return any_of(tuple(found))

    def _both(self, field: str | None) -> Clause:
        found = [self._perhaps_not(field)]
        while (lexeme := self._peek()) is not None and lexeme.kind != "close":
            if self._at_operator("OR"):
                break
            if self._at_operator("AND"):
                self._take()
            found.append(self._perhaps_not(field))
        return all_of(tuple(found))

    def _perhaps_not(self, field: str | None) -> Clause:
        if not self._at_operator("NOT"):
            return self._condition(field)
        self._take()
        self._negated += 1
        clause = self._condition(field)
        self._negated -= 1
        return Not(clause)

    def _condition(self, field: str | None) -> Clause:
        lexeme = self._take()
        if lexeme is None or lexeme.kind in ("close", "operator"):
            at = self._end if lexeme is None else lexeme.at
            raise _syntax(
                N_("A condition is missing at sign %(position)s. Add it, or remove the operator."), at
            )
        if lexeme.kind == "field":
            name = lexeme.text.rstrip("=").strip()
            return self._condition(_CODES.get(name.upper(), _CODES.get(name, "")))
        if lexeme.kind == "open":
            return self._bracket(field, lexeme.at)
        self._conditions += 1
        if self._conditions > MAX_CLAUSES:
            raise _too_many()
        return self._value(field, lexeme)

    def _bracket(self, field: str | None, at: int) -> Clause:
        self._depth += 1
        if self._depth > MAX_CLAUSES:
            raise _too_many()
        clause = self._either(field)
        closing = self._take()
        if closing is None or closing.kind != "close":
            raise _syntax(N_("The bracket at sign %(position)s is not closed. Close it."), at)
        self._depth -= 1
        return clause

    def _rest_of_ipc(self, value: str) -> str:
        """The group that stands apart from its subclass, as in ``H01M 4/58``."""
        lexeme = self._peek()
        if lexeme is None or not _SUBCLASS.fullmatch(value) or not _GROUP.fullmatch(lexeme.text):
            return ""
        self._take()
        return lexeme.text.rstrip("*")

    def _value(self, field: str | None, lexeme: _Lexeme) -> Clause:
        value = lexeme.text[1:-1] if lexeme.kind == "quoted" else lexeme.text
        if field == "price":
            return _price(value, lexeme.at)
        if field == "ipc":
            return fields.ipc_clause(value.rstrip("*?+") + self._rest_of_ipc(value))
        if field == "numbers":
            return _numbers(value, lexeme.at)
        words = text.bigrams(value)
        if not words:
            raise _syntax(
                N_("“%(value)s” at sign %(position)s holds no word to search for."), lexeme.at, value=value
            )
        if not self._negated:
            self._words.update(words)
        if field is None:
            if lexeme.kind == "quoted":
                return box_phrase(tuple(words))
            return all_of(tuple(box_word(word) for word in dict.fromkeys(words)))
        return _in_field(field, tuple(words))


_SUBCLASS = re.compile(r"[A-H]\d{2}[A-Z]", re.IGNORECASE)
_GROUP = re.compile(r"\d{1,4}(?:/\d{0,6})?\*?")


def _in_field(field: str, words: tuple[str, ...]) -> Clause:
    """Words side by side in one field; a single Latin word by its stem too, a single Han sign wherever it is."""
    if len(words) > 1:
        return Phrase(field, words)
    word = words[0]
    if text.is_wide(word):
        return Term(_SIGNS_OF.get(field, field) if len(word) == 1 else field, word)
    if field in _STEMS_OF:
        return Any((Term(field, word), Term(_STEMS_OF[field], text.stem(word))))
    return Term(field, word)


def _numbers(value: str, at: int) -> Clause:
    if value.endswith(("*", "+")):
        start = text.bare_number(value[:-1])
        if len(start) < 4:
            raise _syntax(
                N_("Give at least four signs of the number before the asterisk at sign %(position)s."), at
            )
        return Prefix("numbers", start)
    forms = sorted(text.canonical_numbers(value)) or [text.bare_number(value)]
    return any_of(tuple(Term("numbers", form) for form in forms))


_AMOUNT = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*(元|万元?|亿元?)?")
_UNIT = {"元": 1, None: 10_000, "万": 10_000, "万元": 10_000, "亿": 100_000_000, "亿元": 100_000_000}


def _price(value: str, at: int) -> Clause:
    """``[1 TO 5]``, ``[* TO 50万]``, ``[5000元 TO *]`` or one price."""
    if value.startswith("["):
        low, to, high = re.sub(r"\s+TO\s+", "\0", value[1:-1].strip(), flags=re.IGNORECASE).partition("\0")
        if not to:
            raise _bad_price(value, at)
        return Range("price", _fen(low, value, at), _fen(high, value, at))
    amount = _fen(value, value, at)
    return Range("price", amount, amount)


def _fen(amount: str, value: str, at: int) -> int | None:
    if amount.strip() == "*":
        return None
    match = _AMOUNT.fullmatch(text.fold(amount.strip()))
    try:
        fen = Decimal(match.group(1).replace(",", "")) * _UNIT[match.group(2)] * 100 if match else None
    except InvalidOperation:
        fen = None
    if fen is None or fen != int(fen) or fen >= 10**17:
        raise _bad_price(value, at)
    return int(fen)


def _bad_price(value: str, at: int) -> RuleBroken:
    return _syntax(
        N_("“%(value)s” at sign %(position)s is no price. Write PRICE=[1 TO 5] in units of 10,000 yuan."),
        at,
        value=value,
    )
