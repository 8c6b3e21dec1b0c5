"""Numbers of the other registers: trade marks, software, works, layouts, varieties, indications, data (law.md §6).

Most of these forms come from practice, not from a statute, so they are read generously: what a reader returns is
the canonical key and the form that is shown; nothing is checked beyond the form, for these numbers carry no check
digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from exchange.core.errors import N_

Reader = Callable[[str], "tuple[str, str] | None"]

#: Schemes of numbers. ``kinds.py`` says which kind of right uses which.
TRADEMARK: Final = "trademark"
SOFTWARE: Final = "software_copyright"
COPYRIGHT: Final = "copyright"
IC_LAYOUT: Final = "ic_layout"
PLANT_VARIETY: Final = "plant_variety"
GEOGRAPHICAL_INDICATION: Final = "geographical_indication"
DATA_IP: Final = "data_ip"

_SR: Final = re.compile(r"(?:软著登字第?)?(19\d\d|20\d\d)-?SR-?(\d{6,7})号?", re.ASCII)
_BS: Final = re.compile(r"BS[.\-]?(\d{8,10})(?:\.([\dX]))?", re.ASCII)
_CNA: Final = re.compile(r"(CNA)(\d{8})\.?([\dX])|(CNA)(\d{11})", re.ASCII)
_FORESTRY: Final = re.compile(r"(?:林)?(\d{8})", re.ASCII)
_TM: Final = re.compile(r"第?(G?\d{1,8}[A-Z]?)号?(?:\(?[\-/,第](\d{1,2})类?\)?)?", re.ASCII)
_GI: Final = re.compile(r"AGI\d{4}-?\d{2}-?\d{5}|[0-9A-Z\u4e00-\u9fff()\[\]〔〕年第号\-]{4,60}")
_WORK: Final = re.compile(r"([\u4e00-\u9fff]{1,4}作登字)-?(\d{4})-?([A-L])-?(\d{8})")
_CERTIFICATE: Final = re.compile(r"[0-9A-Z\u4e00-\u9fff()\[\]〔〕\-]{4,60}")


def _software(plain: str) -> tuple[str, str] | None:
    match = _SR.fullmatch(plain)
    return (f"{match.group(1)}SR{match.group(2)}",) * 2 if match else None


def _ic_layout(plain: str) -> tuple[str, str] | None:
    match = _BS.fullmatch(plain)
    if not match:
        return None
    tail = match.group(2) or ""
    return f"BS{match.group(1)}{tail}", f"BS.{match.group(1)}" + (f".{tail}" if tail else "")


def _plant_variety(plain: str) -> tuple[str, str] | None:
    match = _CNA.fullmatch(plain)
    if match:
        if match.group(1):
            return f"CNA{match.group(2)}{match.group(3)}", f"CNA{match.group(2)}.{match.group(3)}"
        return (f"CNA{match.group(5)}",) * 2
    match = _FORESTRY.fullmatch(plain)
    return (match.group(1),) * 2 if match else None


def _trademark(plain: str) -> tuple[str, str] | None:
    match = _TM.fullmatch(plain)
    if not match:
        return None
    digits, in_class = match.groups()
    if in_class is None:
        return digits, digits
    return (
        (f"{digits}-{int(in_class)}", f"{digits} (第{int(in_class)}类)") if 1 <= int(in_class) <= 45 else None
    )


def _copyright(plain: str) -> tuple[str, str] | None:
    match = _WORK.fullmatch(plain)
    return ("-".join(match.groups()),) * 2 if match else None


def _as_written(pattern: re.Pattern[str], plain: str) -> tuple[str, str] | None:
    return (plain, plain) if pattern.fullmatch(plain) and any(map(str.isdigit, plain)) else None


#: Scheme to its reader and the sentence for a text that it cannot read.
READERS: Final[dict[str, tuple[Reader, str]]] = {
    TRADEMARK: (_trademark, N_("%(number)s: a trade mark has at most 8 digits and a class from 1 to 45, as in 12345678-9.")),
    SOFTWARE: (_software, N_("%(number)s: software is registered under a year, SR and 7 digits, as in 2023SR0123456.")),
    COPYRIGHT: (_copyright, N_("%(number)s: a registered work has a number like 国作登字-2023-A-00123456.")),
    IC_LAYOUT: (_ic_layout, N_("%(number)s: a layout design is registered under BS. and digits, as in BS.215512345.")),
    PLANT_VARIETY: (
        _plant_variety,
        N_("%(number)s: a plant variety has a number like CNA20183456.7, in forestry 8 digits."),
    ),
    GEOGRAPHICAL_INDICATION: (
        lambda plain: _as_written(_GI, plain),
        N_("%(number)s: give the number of the announcement or of the mark, with its digits."),
    ),
    DATA_IP: (
        lambda plain: _as_written(_CERTIFICATE, plain),
        N_("%(number)s: give the number of the certificate as printed, with its digits."),
    ),
}  # fmt: skip


def unmistakable(plain: str) -> tuple[str, str, str] | None:
    """Scheme, key and shown form of a number that names its register by its own letters."""
    for scheme, letters in (
        (SOFTWARE, "SR"),
        (IC_LAYOUT, "BS"),
        (PLANT_VARIETY, "CNA"),
        (COPYRIGHT, "作登字"),
    ):
        if letters in plain:
            found = READERS[scheme][0](plain)
            if found is not None:
                return (scheme, *found)
    return None
