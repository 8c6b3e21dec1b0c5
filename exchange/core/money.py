"""Money is an integer number of fen; its currency travels with it. Rounding happens here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from exchange.core.errors import N_, RuleBroken

MAX_FEN = 10**15
"""Ten trillion yuan: far above any deal, far below the range of a 64-bit integer."""

_YUAN = re.compile(r"^\d{1,14}(?:\.\d{1,2})?$")


@dataclass(frozen=True, order=True)
class Money:
    """``minor`` units (fen) of ``currency``."""

    minor: int
    currency: str = "CNY"

    def __str__(self) -> str:
        return yuan(self.minor)


def parse_yuan(text: str, *, field: str | None = None) -> int:
    """Fen of an amount written in yuan (``1,234.50``, ``￥1234.5``; full width too).

    Raises ``RuleBroken`` (``money.format``) where it is no amount or has more than two decimals.
    """
    plain = text.translate(_HALF_WIDTH).strip().lstrip("¥￥").replace(",", "").replace(" ", "")
    if not _YUAN.match(plain) or int(Decimal(plain) * 100) > MAX_FEN:
        raise RuleBroken(
            "money.format",
            N_("Write the amount in yuan with at most two decimals, for example 12500.00."),
            field=field,
        )
    return int(Decimal(plain) * 100)


_HALF_WIDTH = {ord(full): half for full, half in zip("０１２３４５６７８９．，", "0123456789.,", strict=True)}


def yuan(fen: int) -> str:
    """``1,234.50`` for 123450 fen."""
    sign = "-" if fen < 0 else ""
    whole, cents = divmod(abs(fen), 100)
    return f"{sign}{whole:,}.{cents:02d}"


def decimal_yuan(fen: int) -> str:
    """``1234.50`` for 123450 fen: the form of the API."""
    return yuan(fen).replace(",", "")


def share(fen: int, basis_points: int) -> int:
    """``basis_points`` of ``fen``, rounded half to even (bankers' rounding) to whole fen."""
    exact = Decimal(fen) * basis_points / 10_000
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split ``total`` fen by ``weights`` without losing a fen: largest remainders get the odd ones.

    Raises ``ValueError`` where a weight is negative or all are zero.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative and not all zero")
    floors = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    odd = total - sum(floors)
    for index in sorted(range(len(weights)), key=lambda i: (-remainders[i], i))[:odd]:
        floors[index] += 1
    return floors


_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "兆")


def _group_in_words(group: int) -> str:
    text = ""
    for place, digit in zip(range(3, -1, -1), f"{group:04d}", strict=True):
        if digit != "0":
            text += _DIGITS[int(digit)] + _PLACES[place]
        elif text and not text.endswith("零"):
            text += "零"
    return text.rstrip("零")


def in_words(fen: int) -> str:
    """The amount in Chinese capitals (大写), as contracts and certificates print it: 壹万贰仟叁佰元伍角整."""
    whole, cents = divmod(abs(fen), 100)
    text = ""
    gap = False
    for index in range(len(_GROUPS) - 1, -1, -1):
        group = whole // 10_000**index % 10_000
        if not group:
            gap = bool(text)
            continue
        if text and (gap or group < 1000):
            text += "零"
        text += _group_in_words(group) + _GROUPS[index]
        gap = False
    text = ("负" if fen < 0 else "") + (text or "零") + "元"
    if not cents:
        return text + "整"
    jiao, fen_left = divmod(cents, 10)
    text += f"{_DIGITS[jiao]}角" if jiao else "零"
    return text + (f"{_DIGITS[fen_left]}分" if fen_left else "整")
