"""Numbers of rights: read in any written form, checked, shown the way the registry prints them.

The key of a Chinese patent is its application number: 12 digits and a check character (8 and one before October
2003), without prefix and dot; the patent number is the same with ZL before it and never changes (law.md §2.5).
Where only a publication is known the key is the country and the number without its kind code.

Nothing here looks anything up: a number that passes may still name a right that does not exist.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from exchange.core.errors import N_, fill
from exchange.rights import registrations

#: Schemes of patent numbers; those of the other registers are in ``registrations.py``.
CN_APPLICATION: Final = "cn.application"
CN_PUBLICATION: Final = "cn.publication"
FOREIGN: Final = "foreign"
PCT_APPLICATION: Final = "pct.application"

#: Fifth digit of an application number, third of an old one; 8 and 9 are PCT entries (law.md §2.5).
TYPE_DIGITS: Final = {
    "1": "invention",
    "2": "utility_model",
    "3": "design",
    "8": "invention",
    "9": "utility_model",
}
#: First letter of a Chinese kind code (law.md §2.5).
KIND_LETTERS: Final = {
    "A": "invention",
    "B": "invention",
    "C": "invention",
    "U": "utility_model",
    "Y": "utility_model",
    "S": "design",
    "D": "design",
}
#: An application filed before October 2003 has a two-digit year; the form exists for these years only.
_OLD_YEARS: Final = {f"{year % 100:02d}": year for year in range(1985, 2004)}
_FIRST_LONG_YEAR: Final = 2003
#: Where the caller does not say what day it is, a suggestion of a later year is no help.
_LAST_PLAUSIBLE_YEAR: Final = 2099

_WEIGHTS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_CHECK: Final = "0123456789X"
_MAX_LENGTH: Final = 80

#: Two-letter codes of offices and states (WIPO ST.3) whose numbers are kept as foreign rights.
OFFICES: Final = frozenset(
    re.findall(
        "..",
        "AEALAMAPARATAUAZBABEBGBRBYCACHCLCOCRCSCUCYCZDDDEDKDODZEAECEEEGEMEPESFIFRGBGCGEGRGTHKHRHUIDIEILINIRISIT"
        "JOJPKEKGKHKRKWKZLALBLILKLTLULVMAMCMDMEMKMMMNMOMTMXMYNINLNONZOAOMPAPEPHPKPLPTPYQARORSRUSASESGSISKSMSUSV"
        "THTJTMTNTRTTTWUAUSUYUZVEVNWOYUZAZMZW",
    )
)


class NumberError(ValueError):
    """The text is no number of a right; ``message`` (a msgid) with ``params`` says why and the way out."""

    def __init__(self, code: str, message: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.params = params

    def __str__(self) -> str:
        return fill(self.message, self.params)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something about a number that a person should look at, though it can be used."""

    code: str
    message: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Number:
    """A number that was read.

    ``key`` is canonical and never shown; ``shown`` is the registry's way of printing. ``kind_code`` and
    ``patent_type`` (a key of ``kinds.KINDS``) are empty where the number does not say. ``repaired`` means the
    text was damaged and there was only one way to mend it.
    """

    scheme: str
    key: str
    shown: str
    country: str = "CN"
    kind_code: str = ""
    patent_type: str = ""
    year: int | None = None
    repaired: bool = False
    warnings: tuple[Doubt, ...] = ()

    @property
    def patent_number(self) -> str:
        """``ZL`` and the application number as printed; empty for other schemes (law.md §2.5)."""
        return f"ZL {self.shown}" if self.scheme == CN_APPLICATION else ""


# -- the check character -------------------------------------------------------------------------


def check_character(body: str) -> str:
    """The check character of an application number's 12 (or 8) leading digits; ``X`` stands for ten.

    >>> check_character("201710601862")
    '3'
    """
    return _CHECK[sum(map(int.__mul__, _WEIGHTS, map(int, body))) % 11]


def _application(body: str, check: str, *, today: date | None, repaired: bool = False) -> Number:
    """A Chinese application number from its digits and check character, or the reason why it is none."""
    if len(body) == 12:
        year, type_digit = int(body[:4]), body[4]
    else:
        if body[:2] not in _OLD_YEARS:
            raise NumberError(
                "number.year",
                N_(
                    "%(number)s: a number of 8 digits and a check digit begins with a year from 85 to 03. "
                    "Write CN before a publication number."
                ),
                number=f"{body}.{check}",
            )
        year, type_digit = _OLD_YEARS[body[:2]], body[2]
    patent_type = TYPE_DIGITS.get(type_digit)
    if patent_type is None:
        raise NumberError(
            "number.type",
            N_("%(number)s: the digit after the year is %(digit)s; it must be 1, 2, 3, 8 or 9."),
            number=f"{body}.{check}",
            digit=type_digit,
        )
    expected = check_character(body)
    if expected != check:
        raise NumberError(
            "number.check_digit",
            N_(
                "%(number)s: the check digit is %(check)s, and these digits need %(expected)s. "
                "Compare the number with the certificate."
            ),
            number=f"{body}.{check}",
            check=check,
            expected=expected,
        )
    warnings: tuple[Doubt, ...] = ()
    if len(body) == 12 and (year < _FIRST_LONG_YEAR or (today is not None and year > today.year)):
        warnings = (
            Doubt(
                "year.range",
                N_("%(number)s: there are no such numbers of the year %(year)s."),
                {"number": f"{body}.{check}", "year": year},
            ),
        )
    return Number(
        CN_APPLICATION, body + check, f"{body}.{check}", "CN", "", patent_type, year, repaired, warnings
    )


# -- cleaning ------------------------------------------------------------------------------------

_CLEAN_APPLICATION: Final = re.compile(r"(?:ZL|CN)?(\d{12}|\d{8})\.?([\dX])", re.ASCII)
_INVISIBLE: Final = re.compile(r"[\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x1f]+")
_LABEL: Final = re.compile(
    r"^(?:(?:中国)?(?:发明|实用新型|外观设计)?(?:专利)?"
    r"(?:申请号|专利号|公开\(公告\)号|授权公告号|公开号|公告号|登记号|注册号|证书号|编号|号码)"
    r"|APPLICATIONN(?:O\.?|UMBER)|PATENTN(?:O\.?|UMBER)|PUBLICATIONN(?:O\.?|UMBER)|N[O°]\.?)[:]?"
)
_FORMULA_TEXT: Final = re.compile(r'^="(.*)"$')
_LIKE_X: Final = str.maketrans(
    {"Х": "X", "×": "X", "✕": "X", "Χ": "X", "。": ".", "·": ".", "．": ".", "•": "."}
)


def squeeze(text: str) -> tuple[str, bool]:
    """``text`` without blanks, invisible marks, labels and full-width forms, upper case; and whether mended.

    Mended means that something stood there which no registry prints: a spreadsheet's ``="…"`` or apostrophe,
    or a Greek or Cyrillic letter that looks like X.
    """
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    plain = _INVISIBLE.sub("", plain).upper()
    mended = False
    match = _FORMULA_TEXT.match(plain)
    if match:
        plain, mended = match.group(1), True
    if plain.startswith("'"):
        plain, mended = plain.lstrip("'"), True
    if not plain.isascii():
        swapped = plain.translate(_LIKE_X)
        mended = mended or any(letter in plain for letter in "ХΧ×✕")
        plain = swapped
    return _LABEL.sub("", plain, count=1), mended


# -- Chinese patents -----------------------------------------------------------------------------

_APPLICATION: Final = re.compile(r"(CNZL|ZLCN|ZL|CN)?(\d{12}|\d{8})([.\-]?)([\dX])", re.ASCII)
_SPOILED: Final = re.compile(r"(ZL|CN)?(\d{12}|\d{8})([\dX])\.0+", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"(\d)\.(\d+)E\+?(\d{1,2})", re.ASCII)
_BARE_DIGITS: Final = re.compile(r"(CNZL|ZLCN|ZL|CN)?(\d+)[.]?", re.ASCII)
_PUBLICATION: Final = re.compile(r"CN([123]\d{6,8}|8[5-9]\d{6})[.\-/]?([A-Z]\d?)?", re.ASCII)
_LONG_PUBLICATION: Final = re.compile(r"CN(?:19|20)\d\d([123]\d{8})([A-Z]\d?)", re.ASCII)
_BARE_PUBLICATION: Final = re.compile(r"([123]\d{6,8})([ABCUYSD]\d?)?", re.ASCII)


def _unspoiled(plain: str, *, today: date | None) -> Number | None:
    """The number a spreadsheet turned into a decimal, where its 13 (or 9) characters are all still there."""
    match = _SPOILED.fullmatch(plain)
    if match:
        return _application(match.group(2), match.group(3), today=today, repaired=True)
    match = _SCIENTIFIC.fullmatch(plain)
    if match:
        first, rest, power = match.groups()
        digits = first + rest
        if len(digits) == int(power) + 1 and len(digits) in {9, 13}:
            return _application(digits[:-1], digits[-1], today=today, repaired=True)
        raise NumberError(
            "number.digits_lost",
            N_(
                "%(number)s: a spreadsheet has rounded this number and its last digits are lost. "
                "Set the column to text and enter the number again."
            ),
            number=plain,
        )
    return None


def _cn_application(plain: str, *, expect: str, today: date | None, repaired: bool) -> Number | None:
    match = _APPLICATION.fullmatch(plain)
    if not match:
        return None
    prefix, body, dot, check = match.groups()
    # CN and nine plain digits: publications begin with 1, 2 or 3, the years of old applications with 8, 9 or 0.
    named = prefix == "CN" or (prefix is None and expect == "publication")
    publication = len(body) == 8 and named and not dot and check != "X" and body[0] in "123"
    return None if publication else _application(body, check, today=today, repaired=repaired)


def _cn_publication(plain: str, *, expect: str, repaired: bool) -> Number | None:
    match = _PUBLICATION.fullmatch(plain) or _LONG_PUBLICATION.fullmatch(plain)
    assumed = False
    if not match:
        match = _BARE_PUBLICATION.fullmatch(plain)
        if not match or not (expect == "publication" or match.group(2)):
            return None
        assumed = True
    digits, kind_code = match.group(1), match.group(2) or ""
    by_digit = TYPE_DIGITS.get(digits[2] if digits[0] == "8" else digits[0], "")
    by_letter = KIND_LETTERS.get(kind_code[:1], "")
    shown = f"CN{digits}{kind_code}"
    if kind_code and not by_letter:
        raise NumberError(
            "number.kind_code",
            N_("%(number)s: %(kind)s is no kind code of a Chinese patent (A, B, C, U, Y, S or D)."),
            number=shown,
            kind=kind_code,
        )
    doubts: list[Doubt] = []
    if assumed:
        doubts.append(
            Doubt(
                "number.country_assumed",
                N_("%(number)s: no country stands before the number; it was read as Chinese."),
                {"number": shown},
            )
        )
    if by_letter and by_digit and by_letter != by_digit:
        doubts.append(
            Doubt(
                "type.contradiction",
                N_("%(number)s: the first digit and the kind code name different types of patent."),
                {"number": shown},
            )
        )
    return Number(
        CN_PUBLICATION,
        f"CN{digits}",
        shown,
        "CN",
        kind_code,
        by_letter or by_digit,
        None,
        repaired,
        tuple(doubts),
    )


def application_from_docdb(digits: str, *, today: date | None = None) -> Number:
    """A Chinese application number as the EPO's DOCDB writes it, which leaves the check digit out.

    Raises ``NumberError`` where the digits cannot be a number.
    """
    if not re.fullmatch(r"\d{12}|\d{8}", digits, re.ASCII):
        raise NumberError(
            "number.length",
            N_("%(number)s: an application number has 12 digits (8 before October 2003) and a check digit."),
            number=digits,
        )
    return _application(digits, check_character(digits), today=today)


# -- foreign patents -----------------------------------------------------------------------------

_PCT: Final = re.compile(r"PCT/?([A-Z]{2})/?(\d{2}|\d{4})/?(\d{5,6})", re.ASCII)
_FOREIGN: Final = re.compile(
    r"([A-Z]{2})[.\-/]?([A-Z]{0,2})[.\-/]?(\d[\d.\-/,]*?)[.\-/]?([A-Z]\d{0,2})?", re.ASCII
)
_TW_TYPES: Final = {"I": "invention", "M": "utility_model", "D": "design"}


def _full_year(digits: str) -> str:
    return digits if len(digits) == 4 else ("19" if digits >= "78" else "20") + digits


def _foreign(plain: str, *, expect: str, repaired: bool) -> Number | None:
    match = _PCT.fullmatch(plain)
    if match:
        office, year, serial = match.group(1), _full_year(match.group(2)), match.group(3).zfill(6)
        key = f"PCT{office}{year}{serial}"
        return Number(
            PCT_APPLICATION, key, f"PCT/{office}{year}/{serial}", "WO", year=int(year), repaired=repaired
        )
    match = _FOREIGN.fullmatch(plain)
    if not match or match.group(1) not in OFFICES:
        return None
    country, letters, written, kind_code = match.groups()
    # German and European application numbers print a check digit after a dot; it is no part of the number.
    digits = re.sub(r"\D", "", re.sub(r"\.\d$", "", written))
    if not 1 <= len(digits) <= 16 or not digits.strip("0"):
        return None
    if country == "US":
        digits = _us_application(digits) if expect == "application" else _us_digits(digits, letters)
    elif country == "WO":
        digits = _wo_digits(digits)
    kind_code = kind_code or ""
    patent_type = _TW_TYPES.get(letters, "") if country == "TW" else ""
    if not patent_type and kind_code[:1] in {"U", "S"}:
        patent_type = KIND_LETTERS[kind_code[:1]]
    key = f"{country}{letters}{digits}"
    return Number(FOREIGN, key, f"{key}{kind_code}", country, kind_code, patent_type, None, repaired)


def _us_digits(digits: str, letters: str) -> str:
    """Grants lose their leading zeros; DOCDB's ten digits of a publication get back the zero it drops."""
    if not letters and len(digits) == 10 and digits.startswith("20"):
        return f"{digits[:4]}0{digits[4:]}"
    return digits.lstrip("0")


def _us_application(digits: str) -> str:
    """Eight digits with the series in front; DOCDB puts the year before them."""
    if len(digits) == 12 and digits[:2] in {"19", "20"}:
        digits = digits[4:]
    return digits.zfill(8)


def _wo_digits(digits: str) -> str:
    """The year in full and six digits, as WIPO has printed since 2004: 99/12345 is 1999012345."""
    if len(digits) in {7, 8} and digits[:2] not in {"19", "20"}:
        return _full_year(digits[:2]) + digits[2:].zfill(6)
    return digits


# -- reading -------------------------------------------------------------------------------------


def parse(text: str, *, kind: str = "", expect: str = "", today: date | None = None) -> Number:
    """Read a number in any written form.

    ``kind`` is a key of ``kinds.KINDS``: the bare digits of a trade mark need it. ``expect`` is
    ``"application"`` or ``"publication"`` where the column says which. ``today`` lets a year after the present
    one be doubted. Raises ``NumberError``: ``number.empty``, ``.too_long``, ``.length``, ``.type``, ``.year``,
    ``.check_digit``, ``.check_digit_missing``, ``.digits_lost``, ``.kind_code``, ``.form``.
    """
    if kind in registrations.READERS:
        return _other(text, kind)
    match = _CLEAN_APPLICATION.fullmatch(text)
    if match and len(text) >= 13:  # the common case, without the cost of cleaning
        return _application(match.group(1), match.group(2), today=today)
    plain, repaired = _plain(text)
    number = (
        _unspoiled(plain, today=today)
        or _cn_application(plain, expect=expect, today=today, repaired=repaired)
        or _cn_publication(plain, expect=expect, repaired=repaired)
        or _register(plain)
        or (None if plain.startswith("CN") else _foreign(plain, expect=expect, repaired=repaired))
    )
    if number is None:
        raise _reason(plain)
    return number


def _other(text: str, scheme: str) -> Number:
    plain, repaired = _plain(text)
    reader, message = registrations.READERS[scheme]
    found = reader(plain)
    if found is None:
        raise NumberError("number.form", message, number=plain)
    key, shown = found
    return Number(scheme, key, shown, repaired=repaired)


def _register(plain: str) -> Number | None:
    found = registrations.unmistakable(plain)
    return Number(*found) if found else None


def try_parse(
    text: str, *, kind: str = "", expect: str = "", today: date | None = None
) -> Number | NumberError:
    """As ``parse``, and the refusal comes back as a value."""
    try:
        return parse(text, kind=kind, expect=expect, today=today)
    except NumberError as error:
        return error


def _plain(text: str) -> tuple[str, bool]:
    if len(text) > _MAX_LENGTH:
        raise NumberError(
            "number.too_long",
            N_("A number of a right has at most %(most)s characters; here stand %(found)s."),
            most=_MAX_LENGTH,
            found=len(text),
        )
    plain, mended = squeeze(text)
    if not plain:
        raise NumberError("number.empty", N_("The number is empty."))
    return plain, mended


def _reason(plain: str) -> NumberError:
    """Why ``plain`` is no number, as exactly as its form allows."""
    match = _BARE_DIGITS.fullmatch(plain)
    if not match:
        return NumberError(
            "number.form",
            N_(
                "%(number)s has the form of no number known here. Write an application number (13 characters), "
                "a publication number with its country (CN114081026A), or choose the kind of right."
            ),
            number=plain,
        )
    digits = match.group(2)
    if len(digits) in {12, 8}:
        return NumberError(
            "number.check_digit_missing",
            N_(
                "%(number)s: the check digit is missing. If the other digits are right it is %(expected)s; "
                "compare with the certificate."
            ),
            number=plain,
            expected=check_character(digits),
        )
    return NumberError(
        "number.length",
        N_("%(number)s: an application number has 12 digits (8 before October 2003) and a check digit."),
        number=plain,
    )


def suggest(text: str, *, today: date | None = None) -> tuple[str, ...]:
    """Application numbers that differ from ``text`` in one digit, or by two neighbours exchanged.

    As printed, exchanged neighbours first; empty where ``text`` is right, or too far from any number. Of a
    number without its check digit the only suggestion is the one with it.
    """
    try:
        plain, _ = _plain(text)
    except NumberError:
        return ()
    match = re.fullmatch(r"(?:CNZL|ZLCN|ZL|CN)?(\d{12}|\d{8})(?:[.\-]?([\dX])(?:\.0+)?)?", plain, re.ASCII)
    if not match:
        return ()
    body, check = match.groups()
    if check is None:
        found = [_if_right(body + check_character(body), today)]
    else:
        key = body + check
        if _if_right(key, today):
            return ()
        swapped = [
            key[:at] + key[at + 1] + key[at] + key[at + 2 :]
            for at in range(len(key) - 1)
            if key[at] != key[at + 1]
        ]
        changed = [key[:at] + digit + key[at + 1 :] for at in range(len(body)) for digit in "0123456789"]
        found = [_if_right(other, today) for other in [*swapped, *changed, body + check_character(body)]]
    return tuple(dict.fromkeys(shown for shown in found if shown))


def _if_right(key: str, today: date | None) -> str:
    body, check = key[:-1], key[-1]
    if not body.isdigit():
        return ""
    try:
        number = _application(body, check, today=today)
    except NumberError:
        return ""
    if number.warnings or (number.year or 0) > (today.year if today else _LAST_PLAUSIBLE_YEAR):
        return ""
    return number.shown


# -- contradictions ------------------------------------------------------------------------------


def contradictions(
    application: Number | None = None,
    publication: Number | None = None,
    *,
    declared: str = "",
    filed_on: date | None = None,
) -> list[Doubt]:
    """What the number says against what stands beside it: the type of patent, and the year of filing.

    ``declared`` is a key of ``kinds.KINDS``. The year of a PCT entry (type digit 8 or 9) is that of the entry
    and is not compared (law.md §2.5); a divisional application keeps the date of its parent, so both stay
    doubts and refuse nothing.
    """
    doubts: list[Doubt] = []
    types = [number for number in (application, publication) if number is not None and number.patent_type]
    for number in types:
        if declared and number.patent_type != declared:
            doubts.append(
                Doubt(
                    "type.contradiction",
                    N_("%(number)s is the number of another type of patent than the one stated."),
                    {"number": number.shown, "stated": declared, "by_number": number.patent_type},
                )
            )
            break
    else:
        if len({number.patent_type for number in types}) > 1:
            doubts.append(
                Doubt(
                    "type.contradiction",
                    N_("%(number)s and %(other)s are numbers of different types of patent."),
                    {"number": types[0].shown, "other": types[1].shown},
                )
            )
    if (
        application is not None
        and application.scheme == CN_APPLICATION
        and filed_on is not None
        and application.year != filed_on.year
        and _type_digit(application.key) not in {"8", "9"}
    ):
        doubts.append(
            Doubt(
                "year.contradiction",
                N_(
                    "%(number)s says the year %(year)s, the filing date is %(filed_on)s. Is it a divisional application?"
                ),
                {"number": application.shown, "year": application.year, "filed_on": filed_on.isoformat()},
            )
        )
    return doubts


def _type_digit(key: str) -> str:
    return key[4] if len(key) == 13 else key[2]
