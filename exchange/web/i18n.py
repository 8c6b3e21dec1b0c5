"""Languages: which one a reader gets, and how money, dates and states are written in it.

English is the language of the msgids; Chinese is the language of the pages. One catalogue serves the three
packages. Filters answer plain text; ``templates/_macros/facts.html`` dresses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date as babel_date
from babel.numbers import format_decimal
from flask import Flask, Response, g, has_request_context, request
from flask_babel import Babel, get_locale, get_translations, gettext, ngettext

from exchange.core import clock, labels, money
from exchange.core.errors import Problem, fill

CHINESE = "zh_Hans_CN"
ENGLISH = "en"
COOKIE = "lang"
COOKIE_AGE = 365 * 24 * 3600
TRANSLATIONS = Path(__file__).resolve().parents[1] / "translations"

_SPOKEN = {"zh": CHINESE, "zh_cn": CHINESE, "zh_hans": CHINESE, "zh_hans_cn": CHINESE, "en": ENGLISH}
_TAGS = {CHINESE: "zh-CN", ENGLISH: "en"}

_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")

babel = Babel()


def spoken(name: str | None) -> str | None:
    """The locale for a language named by a reader (``zh``, ``zh-CN``, ``en-GB``), or ``None`` if not spoken."""
    if not name:
        return None
    plain = name.strip().replace("-", "_").lower()
    return _SPOKEN.get(plain) or _SPOKEN.get(plain.split("_")[0])


def choose_locale() -> str:
    """The reader's language: ``?lang=``, then the cookie, the person's setting, the browser; else Chinese."""
    if not has_request_context():
        return CHINESE
    user = getattr(g.get("actor"), "user", None)
    return (
        spoken(request.args.get("lang"))
        or spoken(request.cookies.get(COOKIE))
        or spoken(getattr(user, "locale", None))
        or next(filter(None, (spoken(name) for name, _weight in request.accept_languages)), None)
        or CHINESE
    )


def language_tag() -> str:
    """The present language as HTML writes it: ``zh-CN`` or ``en``."""
    return _TAGS[ENGLISH if _english() else CHINESE]


def remember_language(response: Response, locale: str) -> Response:
    """Keep the choice of a language in a cookie for a year."""
    response.set_cookie(
        COOKIE, _TAGS[locale], max_age=COOKIE_AGE, samesite="Lax", secure=request.is_secure, httponly=True
    )
    return response


def _english() -> bool:
    locale = get_locale()
    return locale is not None and locale.language == "en"


def _locale() -> Locale:
    return get_locale() or Locale.parse(CHINESE)


# -- money ---------------------------------------------------------------------


def short_yuan(fen: int) -> str:
    """``1,260,000`` for a whole number of yuan, ``1,260,000.50`` else (``fen`` in fen)."""
    text = money.yuan(fen)
    return text.removesuffix(".00")


def currency_unit() -> str:
    """The unit beside an amount: 元 or CNY."""
    return "CNY" if _english() else "元"


def money_text(fen: int | None) -> str:
    """``1,260,000 元`` or ``CNY 1,260,000``; no amount is a dash."""
    if fen is None:
        return "—"
    return f"CNY {short_yuan(fen)}" if _english() else f"{short_yuan(fen)} 元"


def wan(fen: int) -> str:
    """The reading of a large amount: ``126 万元``, ``1.28 亿元``, or ``CNY 1.26 million``."""
    if _english():
        unit, size = ("million", 10**8) if abs(fen) >= 10**8 else ("thousand", 10**5)
    else:
        unit, size = ("亿元", 10**10) if abs(fen) >= 10**10 else ("万元", 10**6)
    hundredths = (abs(fen) * 100 + size // 2) // size
    number = f"{hundredths // 100:,}.{hundredths % 100:02d}".rstrip("0").rstrip(".")
    sign = "-" if fen < 0 else ""
    return f"CNY {sign}{number} {unit}" if _english() else f"{sign}{number} {unit}"


def capitals(fen: int) -> str:
    """The amount in Chinese capitals with its currency: 人民币壹佰贰拾陆万元整."""
    return f"人民币{money.in_words(fen)}"


def percent(basis_points: int) -> str:
    """``1.5%`` for 150 basis points."""
    whole, rest = divmod(abs(basis_points), 100)
    text = f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
    return f"{'-' if basis_points < 0 else ''}{text}%"


def number(value: int) -> str:
    """A count with thousands separators."""
    return str(format_decimal(value, locale=_locale()))


def file_size(octets: int) -> str:
    """``180 kB``, ``2.4 MB``."""
    if octets < 1000:
        return f"{octets} B"
    if octets < 1_000_000:
        return f"{(octets + 500) // 1000} kB"
    tenths = (octets + 50_000) // 100_000
    return f"{tenths // 10}.{tenths % 10} MB"


def country(code: str) -> str:
    """The name of a country in the reader's language; a code nobody knows stays as it is."""
    return str(_locale().territories.get(code, code))


# -- time ----------------------------------------------------------------------


def _day(value: date | datetime) -> date:
    return clock.beijing(value).date() if isinstance(value, datetime) else value


def long_date(value: date | datetime | None) -> str:
    """``2026年11月23日`` or ``23 November 2026``: the form for sentences. An instant is read in Beijing."""
    if value is None:
        return "—"
    return str(babel_date(_day(value), "d MMMM y" if _english() else "y年M月d日", locale=_locale()))


def near_date(value: date | datetime) -> str:
    """``11月23日`` in the present year, else the long form."""
    day = _day(value)
    if day.year != clock.today().year:
        return long_date(day)
    return str(babel_date(day, "d MMMM" if _english() else "M月d日", locale=_locale()))


def column_date(value: date | datetime | None) -> str:
    """``2026-11-23``: the form for columns. An instant is read in Beijing."""
    return "—" if value is None else _day(value).isoformat()


def weekday(value: date | datetime) -> str:
    """``周三`` or ``Wed``."""
    return str(babel_date(_day(value), "EEE", locale=_locale()))


def moment(value: datetime | None) -> str:
    """``2026年11月23日 14:05``, on Beijing's clock."""
    if value is None:
        return "—"
    return f"{long_date(value)} {clock.beijing(value):%H:%M}"


def near_moment(value: datetime) -> str:
    """``11月23日 14:05``, short enough for a list; of another year the day alone."""
    if clock.beijing(value).year != clock.today().year:
        return long_date(value)
    return f"{near_date(value)} {clock.beijing(value):%H:%M}"


def deadline(value: datetime) -> str:
    """A moment that binds: with the name of the clock it is read on."""
    return str(gettext("%(moment)s (Beijing time)", moment=moment(value)))


def days_left(value: date | datetime) -> str:
    """How far a day is, in working days: ``还有 9 个工作日``, ``今天``, ``超期 1 个工作日``."""
    day, today = _day(value), clock.today()
    if day == today:
        return str(gettext("today"))
    first, last = sorted((day, today))
    count = _working_days_between(first, last)
    if day > today:
        return str(ngettext("%(num)s working day left", "%(num)s working days left", count))
    return str(ngettext("%(num)s working day overdue", "%(num)s working days overdue", count))


def _working_days_between(first: date, last: date) -> int:
    """Working days after ``first`` up to and with ``last``."""
    return sum(
        clock.is_working_day(date.fromordinal(ordinal))
        for ordinal in range(first.toordinal() + 1, last.toordinal() + 1)
    )


# -- words ---------------------------------------------------------------------


def label(member: Enum | None) -> str:
    """The name of a state, role or kind in the reader's language (``exchange.core.labels``)."""
    return "—" if member is None else gettext(labels.label(member))


def say(message: str, params: Mapping[str, Any] | None = None) -> str:
    """A msgid in the reader's language with its parameters filled, each written as the reader expects it."""
    return fill(gettext(message), {name: _written(value) for name, value in (params or {}).items()})


def teller() -> Callable[[str, Mapping[str, Any]], str]:
    """``say`` for thousands of sentences of one answer: the language is chosen once, each msgid looked up once."""
    words, known = get_translations(), dict[str, str]()

    def tell(message: str, params: Mapping[str, Any]) -> str:
        if message not in known:
            known[message] = words.ugettext(message)
        return fill(known[message], {name: _written(value) for name, value in params.items()})

    return tell


def sentence(problem: Problem) -> str:
    """What is wrong with an answer, in the reader's language."""
    return say(problem.message, problem.params)


def spelt_out(message: str) -> str:
    """A msgid in the reader's language, its placeholders as ``{name}``: how a sentence reads before it is filled."""
    return _PLACEHOLDER.sub(r"{\1}", str(gettext(message)))


def _written(value: Any) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, Enum):
        return label(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return long_date(value)
    if isinstance(value, money.Money):
        return money_text(value.minor)
    return value


FILTERS: dict[str, Any] = {
    "money": money_text,
    "yuan": money.yuan,
    "short_yuan": short_yuan,
    "wan": wan,
    "capitals": capitals,
    "percent": percent,
    "number": number,
    "file_size": file_size,
    "country": country,
    "date": long_date,
    "near_date": near_date,
    "day": column_date,
    "weekday": weekday,
    "moment": moment,
    "near_moment": near_moment,
    "deadline": deadline,
    "days_left": days_left,
    "label": label,
    "spelt_out": spelt_out,
}


def init_app(app: Flask) -> None:
    """Set up the catalogue, the choice of language and the filters."""
    app.config.setdefault("BABEL_DEFAULT_LOCALE", CHINESE)
    app.config.setdefault("BABEL_DEFAULT_TIMEZONE", "Asia/Shanghai")
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", str(TRANSLATIONS))
    babel.init_app(app, locale_selector=choose_locale)
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals.update(
        language_tag=language_tag, currency_unit=currency_unit, say=say, other_language=other_language
    )

    @app.after_request
    def keep_language(response: Response) -> Response:
        asked = spoken(request.args.get("lang"))
        return remember_language(response, asked) if asked else response


def other_language() -> tuple[str, str, str]:
    """The language the switch leads to: (value of ``lang``, its own name, its HTML tag)."""
    return ("zh", "中文", "zh-CN") if _english() else ("en", "English", "en")
