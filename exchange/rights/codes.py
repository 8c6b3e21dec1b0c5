"""Codes of legal events: those the Chinese register and the EPO's list use, and our own, with their names (law.md §2.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.core.errors import N_

OWNERS: Final = "OWNERS"
STATUS: Final = "STATUS"
BURDEN: Final = "BURDEN"
RELEASE: Final = "RELEASE"

OURS: Final = frozenset({OWNERS, STATUS, BURDEN, RELEASE})
"""Codes of what was entered here and no gazette announced."""

_CODES: Final = (
    "AD01 AR01 ASS AV01 AV02 BB1A C01 C02 C03 C04 C05 C06 C10 C12 C13 C14 C15 C17 C19 C20 C25 C26 C28 C32 C35 C41 "
    "C44 C45 C47 C49 C52 C53 C56 C57 C59 C60 C61 C62 CB01 CB02 CB03 CB04 CD02 CE01 CF01 CGPU CI01 CI02 CI03 COR "
    "CP01 CP02 CP03 CU01 CU02 CU03 CX01 DC01 DCSP DD01 DE01 EC01 EE01 EM01 ERR EXPY EXSB FG1K FG4A GR01 GR02 GR03 "
    "GRSP IP01 IW01 LIC LICC MA1K MK1K MK4A MM1K MM4A OL01 OL02 OR01 PB01 PC01 PD01 PE01 PLDC PM01 PP01 RA01 RECT "
    "REG REIN REPR RGAV RINS RJ01 RN01 RP01 RR01 RW01 SE01 TA01 TG01 TP01 TR01 WD01 WW01"
)

KNOWN: Final = frozenset(_CODES.split())
"""Codes of registers; every one is taken, those without an effect with a warning."""

NAMES: Final[Mapping[str, str]] = {
    "PB01": N_("Application published"),
    "SE01": N_("Substantive examination began"),
    "GR01": N_("Granted"),
    "WD01": N_("Application deemed withdrawn"),
    "WW01": N_("Application withdrawn"),
    "RJ01": N_("Application refused"),
    "CF01": N_("Terminated: annual fee not paid"),
    "CX01": N_("Term over"),
    "AV01": N_("Abandoned by the patentee"),
    "AD01": N_("Right deemed abandoned"),
    "AR01": N_("Given up to avoid double patenting"),
    "IP01": N_("Declared invalid in part"),
    "IW01": N_("Declared invalid in full"),
    "RR01": N_("Right restored"),
    "TR01": N_("Patent transferred"),
    "TA01": N_("Right to apply transferred"),
    "CP01": N_("Name of the patentee changed"),
    "CP02": N_("Address of the patentee changed"),
    "CP03": N_("Name and address of the patentee changed"),
    "CB03": N_("Bibliographic data changed"),
    "CD02": N_("Gazette corrected"),
    "DD01": N_("Document served by publication"),
    "PE01": N_("Pledge registered"),
    "PM01": N_("Pledge changed"),
    "PC01": N_("Pledge cancelled"),
    "PP01": N_("Court preservation began"),
    "PD01": N_("Court preservation lifted"),
    "EE01": N_("Licence put on record"),
    "EM01": N_("Licence on record changed"),
    "EC01": N_("Licence taken off record"),
    "OL01": N_("Open licence declared"),
    "OL02": N_("Open licence withdrawn"),
    OWNERS: N_("Owner of record changed"),
    STATUS: N_("Legal status entered"),
    BURDEN: N_("Burden entered"),
    RELEASE: N_("Burden released"),
}
"""Code → msgid. A code that is not here is shown by the words of its announcement."""
