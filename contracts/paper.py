"""What is printed, signed and hashed: contract, filing form and certificate as HTML documents in Chinese.

A document is a pure function of its snapshot: the same snapshot gives the same bytes and so the same SHA-256, which
is what the parties sign. Documents carry their own style and fetch nothing.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import jinja2
import segno

from contracts import terms
from exchange.core.money import yuan

FOLDER: Final = Path(__file__).with_name("forms")

_NUMERALS: Final = tuple("零一二三四五六七八九十") + tuple(f"十{n}" for n in "一二三四五六七八九") + ("二十",)


def _day(value: str | date | None) -> str:
    """``2026年11月23日``; empty for no day."""
    if not value:
        return ""
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{day.year}年{day.month}月{day.day}日"


def _percent(basis_points: int) -> str:
    whole, rest = divmod(int(basis_points), 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + "%"


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(day=_day, percent=_percent, yuan=yuan)
    environment.globals.update(
        modes=terms.MODES,
        bases=terms.ROYALTY_BASES,
        steps=terms.ROYALTY_STEPS,
        licence_zh=terms.LICENCE_ZH,
        numerals=_NUMERALS,
    )
    return environment


def _print(form: str, **values: Any) -> bytes:
    return _environment().get_template(form).render(**values).encode()


def contract(snapshot: Mapping[str, Any]) -> bytes:
    """The contract that ``snapshot.take`` froze, as an HTML document."""
    clauses = [clause for clause in terms.CLAUSES if snapshot["kind"] in clause.kinds]
    return _print("contract.html", s=snapshot, clauses=clauses)


def filing_form(package: Mapping[str, Any]) -> bytes:
    """The form of an ownership change or licence recordal, filled from a package of ``office.py``."""
    return _print("change.html", p=package)


def certificate(snapshot: Mapping[str, Any]) -> bytes:
    """The transaction certificate (交易凭证) as an HTML document."""
    return _print("certificate.html", s=snapshot)


def digest(data: bytes) -> str:
    """SHA-256 of a document, in hexadecimal: what is signed and what a reader compares."""
    return hashlib.sha256(data).hexdigest()


def main_part(document: bytes) -> str:
    """What stands between ``<main>`` and ``</main>`` of a document made here, to be shown inside a page of ours."""
    return document.decode().partition("<main>")[2].partition("</main>")[0]


def qr_path(text: str) -> tuple[int, str]:
    """A QR code of ``text`` as (width in modules, SVG path): drawn by the page, so that it survives printing."""
    matrix = segno.make(text, error="m", micro=False).matrix
    path = "".join(
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(matrix) for x, module in enumerate(row) if module
    )
    return len(matrix), path
