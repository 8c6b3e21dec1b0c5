"""Every refusal the code can give, read from the code itself: for the page that explains error codes.

A refusal is raised as ``SomeError("dotted.code", N_("Message…"), …)``; the source is read once per process, so
that the page is never older than the program.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from exchange.core import errors
from exchange.core.config import ROOT

PACKAGES = ("exchange", "contracts", "search")

_CODE = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")
_MARKS = {"N_", "_", "gettext", "lazy_gettext"}


@dataclass(frozen=True, order=True)
class Refusal:
    """One code: its message (a msgid) and, where the class of the error says so, its HTTP status."""

    code: str
    message: str
    status: int | None = None


@cache
def codes() -> tuple[Refusal, ...]:
    """Every code once, in alphabetical order; the first message found for it."""
    found: dict[str, Refusal] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for refusal in _in_file(path):
                found.setdefault(refusal.code, refusal)
    return tuple(sorted(found.values()))


def _in_file(path: Path) -> Iterator[Refusal]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        code = next((text for value in values if (text := _constant(value)) and _CODE.match(text)), None)
        message = next((text for value in values if (text := _marked(value))), None)
        if code and message and message.endswith("."):
            yield Refusal(code, message, _status(node.func))


def _constant(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _marked(node: ast.expr) -> str | None:
    """The text of ``N_("…")``."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _MARKS
        and node.args
    ):
        return _constant(node.args[0])
    return None


def _status(func: ast.expr) -> int | None:
    name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    kind = getattr(errors, name, None)
    return kind.status if isinstance(kind, type) and issubclass(kind, errors.DomainError) else None
