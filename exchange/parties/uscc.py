"""The unified social credit code (统一社会信用代码, GB 32100-2015): reading, check character, likely slips.

Eighteen signs: one for the registering authority, one for the kind of body, six for the division of registration,
nine for the body itself, and a check character over all of them.
"""

from __future__ import annotations

import re
import unicodedata

from exchange.core.errors import N_, RuleBroken

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 signs of GB 32100: no I, O, S, V, Z, which look like digits or one another."""

_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_SHAPE = re.compile(rf"^[1-9NY]\d{{7}}[{ALPHABET}]{{10}}$")
_LOOK_ALIKE = str.maketrans("IOSVZ", "105U2")
_RULE = "GB 32100-2015"


def normal(text: str) -> str:
    """``text`` in half width and capitals, without the blanks and dashes that people put between groups."""
    return re.sub(r"[\s\-–—.·]+", "", unicodedata.normalize("NFKC", text)).upper()


def check_character(body: str) -> str:
    """The eighteenth sign for the first seventeen. Raises ``ValueError`` for a sign outside the alphabet."""
    total = sum(ALPHABET.index(sign) * weight for sign, weight in zip(body, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def valid(code: str) -> bool:
    """Whether ``code`` is already in normal form, has the shape of a credit code, and its check character fits."""
    return bool(_SHAPE.match(code)) and check_character(code[:17]) == code[17]


def parse(text: str, *, field: str | None = "uscc") -> str:
    """The code in normal form.

    Raises ``RuleBroken``: ``uscc.length`` (not 18 signs), ``uscc.format`` (a sign that cannot stand there),
    ``uscc.check`` (a sign is wrong). Where one slip explains it, the refusal proposes what was meant.
    """
    code = normal(text)
    if len(code) != 18:
        raise RuleBroken(
            "uscc.length",
            N_(
                "A unified social credit code has 18 signs; this has %(count)s. Copy it from the business licence."
            ),
            field=field,
            rule=_RULE,
            count=len(code),
        )
    if valid(code):
        return code
    meant = " / ".join(candidates(code))
    if not _SHAPE.match(code):
        if meant:
            raise RuleBroken(
                "uscc.format",
                N_("The letters I, O, S, V and Z do not occur in a credit code. Did you mean %(meant)s?"),
                field=field,
                rule=_RULE,
                meant=meant,
            )
        raise RuleBroken(
            "uscc.format",
            N_(
                "This is not a unified social credit code: eight digits come first, and the letters I, O, S, V "
                "and Z do not occur. Copy it from the business licence."
            ),
            field=field,
            rule=_RULE,
        )
    raise RuleBroken(
        "uscc.check",
        N_(
            "A sign of this credit code is wrong. Did you mean %(meant)s? Compare it with the business licence."
        ),
        field=field,
        rule=_RULE,
        meant=meant,
    )


def candidates(code: str) -> list[str]:
    """At most three valid codes that are one slip away from a wrong ``code`` of 18 signs, the likeliest first.

    Letters read for digits, then a wrong check character, then two neighbours in the wrong order. Other single
    signs are not guessed: some sign would fit at almost every place.
    """
    plain = code.translate(_LOOK_ALIKE)
    mended = [plain[:17] + check_character(plain[:17])] if set(plain[:17]) <= set(ALPHABET) else []
    swaps = [plain[:i] + plain[i + 1] + plain[i] + plain[i + 2 :] for i in range(len(plain) - 1)]
    fitting = [found for found in (plain, *mended, *swaps) if found != code and valid(found)]
    return list(dict.fromkeys(fitting))[:3]
