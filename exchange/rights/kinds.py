"""Kinds of intellectual property as rows of one table (law.md §2.1, §2.3, §2.6, §4.3, §6).

A row says which register keeps the kind, how its numbers are read, how long it lasts, and for each act (listing,
transfer, licence, pledge) whether it may be done, who must agree, when it takes effect and who registers it.
Three words are never mixed: a transfer is *registered* and that makes it effective, a licence is put *on record*,
a pledge is *registered* and exists from then on (law.md §0 rule 3). Where no statute names a registrar the
pledge binds the parties only and has no priority; the row says so.

Another kind of IP is another row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from exchange.core.errors import N_
from exchange.rights import numbers, registrations


class Effect(Enum):
    """When an act binds everybody."""

    REGISTRATION = "registration"
    """On the day the registry registers it."""
    PUBLICATION = "publication"
    """On the day the registry publishes it."""
    ENTRY = "entry"
    """When it is entered in the register of pledges."""
    CONTRACT = "contract"
    """When the contract takes effect; a registration only proves it."""
    RECORD = "record"
    """When the platform that issued the certificate has changed its record."""
    NONE = "none"
    """It cannot be done."""


class Consent(Enum):
    """Who of the owners of record must agree (law.md §2.1: Patent Law Art. 14)."""

    ALL = "all"
    """All co-owners."""
    ONE = "one"
    """Any one owner, who shares the fee with the others."""


@dataclass(frozen=True, slots=True)
class Act:
    """What may be done with a kind of right, and how.

    ``registrar`` is a msgid, empty where nobody registers. ``constitutive``: without the registration it does
    not exist. ``note`` is a msgid the reader must see before acting. ``source`` is where the rule stands.
    """

    allowed: bool
    effect: Effect
    registrar: str = ""
    constitutive: bool = False
    consent: Consent = Consent.ALL
    priority: bool = True
    note: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of right.

    ``term_rule`` is a key of the rulebook and empty where there is no fixed term; ``term_from`` names the fact
    it runs from: ``filed_on``, ``granted_on``, ``registered_on``, ``published_on`` or ``issued_on``.
    ``technology`` says whether a contract about it is a technology contract and an export of it an export of
    technology (designs are not: law.md §2.3).
    """

    key: str
    name: str
    name_zh: str
    registry: str
    scheme: str
    list: Act
    transfer: Act
    licence: Act
    pledge: Act
    term_rule: str = ""
    term_from: str = ""
    technology: bool = False
    annual_fee: str = ""
    preservation_rule: str = ""
    words: tuple[str, ...] = ()
    source: str = "law.md §6"

    @property
    def is_patent(self) -> bool:
        """Whether it is one of the three kinds of the Patent Law."""
        return self.scheme == numbers.CN_APPLICATION

    def act(self, name: str) -> Act:
        """The row's answer for ``list``, ``transfer``, ``licence`` (or ``license``) or ``pledge``."""
        return {
            "list": self.list,
            "transfer": self.transfer,
            "licence": self.licence,
            "license": self.licence,
            "pledge": self.pledge,
        }[name]


CNIPA: Final = N_("China National Intellectual Property Administration")
TRADE_MARK_OFFICE: Final = N_("Trade Mark Office of the China National Intellectual Property Administration")
COPYRIGHT_CENTRE: Final = N_("Copyright Protection Centre of China")
VARIETY_OFFICE: Final = N_("Office for the Protection of New Plant Varieties (agriculture or forestry)")
DATA_PLATFORM: Final = N_("Provincial registration platform for data intellectual property")
NOBODY: Final = N_("No register")

_LISTED: Final = Act(True, Effect.CONTRACT, source="law.md §7.1")

_PATENT_TRANSFER: Final = Act(
    True, Effect.REGISTRATION, CNIPA, True, source="law.md §2.1; 专利法(2020) Art.10"
)
_PATENT_LICENCE: Final = Act(
    True,
    Effect.CONTRACT,
    CNIPA,
    consent=Consent.ONE,
    note=N_(
        "An exclusive or sole licence needs every co-owner; put the licence on record within three months."
    ),
    source="law.md §2.1, §4.3; 专利法(2020) Art.12, Art.14",
)
_PATENT_PLEDGE: Final = Act(True, Effect.REGISTRATION, CNIPA, True, source="law.md §3; 民法典 Art.444")


def _patent(key: str, name: str, name_zh: str, words: tuple[str, ...], *, technology: bool) -> Kind:
    return Kind(
        key,
        name,
        name_zh,
        CNIPA,
        numbers.CN_APPLICATION,
        _LISTED,
        _PATENT_TRANSFER,
        _PATENT_LICENCE,
        _PATENT_PLEDGE,
        term_rule=f"patent.term.{key}",
        term_from="filed_on",
        technology=technology,
        annual_fee=f"annuity.table.{key}",
        preservation_rule="preservation.patent",
        words=words,
        source="law.md §2.5, §2.6; 专利法(2020) Art.42",
    )


_ROWS: Final = (
    _patent(
        "invention",
        N_("Invention patent"),
        "发明专利",
        ("发明", "发明专利", "发明专利权", "发明专利申请", "发明授权", "发明公布", "发明公开", "PCT发明", "INVENTION", "INVENTIONPATENT"),
        technology=True,
    ),
    _patent(
        "utility_model",
        N_("Utility model patent"),
        "实用新型专利",
        ("实用新型", "实用新型专利", "实用新型专利权", "新型", "UTILITYMODEL", "UTILITYMODELPATENT"),
        technology=True,
    ),
    _patent(
        "design",
        N_("Design patent"),
        "外观设计专利",
        ("外观设计", "外观设计专利", "外观设计专利权", "外观", "设计专利", "DESIGN", "DESIGNPATENT"),
        technology=False,
    ),
    Kind(
        "trademark",
        N_("Registered trade mark"),
        "注册商标专用权",
        TRADE_MARK_OFFICE,
        registrations.TRADEMARK,
        _LISTED,
        Act(
            True,
            Effect.PUBLICATION,
            TRADE_MARK_OFFICE,
            True,
            note=N_("Identical and similar marks on identical or similar goods must be assigned together."),
            source="law.md §6; 商标法(2019) Art.42",
        ),
        Act(True, Effect.CONTRACT, TRADE_MARK_OFFICE, source="law.md §6"),
        Act(
            True,
            Effect.REGISTRATION,
            TRADE_MARK_OFFICE,
            True,
            note=N_("Identical and similar marks on identical or similar goods must be pledged together."),
            source="law.md §6; 民法典 Art.444",
        ),
        term_rule="trademark.term",
        term_from="registered_on",
        preservation_rule="preservation.trademark",
        words=("商标", "注册商标", "商标权", "注册商标专用权", "TRADEMARK", "REGISTEREDTRADEMARK"),
    ),
    Kind(
        "software_copyright",
        N_("Software copyright"),
        "计算机软件著作权",
        COPYRIGHT_CENTRE,
        registrations.SOFTWARE,
        _LISTED,
        Act(
            True,
            Effect.CONTRACT,
            COPYRIGHT_CENTRE,
            note=N_("Registration of the transfer is voluntary; it proves the change."),
            source="law.md §6; 计算机软件保护条例 Art.20–21",
        ),
        Act(True, Effect.CONTRACT, COPYRIGHT_CENTRE, source="law.md §6; 计算机软件保护条例 Art.18–19"),
        Act(True, Effect.ENTRY, COPYRIGHT_CENTRE, True, source="law.md §6; 民法典 Art.444"),
        term_rule="software_copyright.term",
        term_from="published_on",
        technology=True,
        words=("软件著作权", "软件", "计算机软件著作权", "软著", "SOFTWARE", "SOFTWARECOPYRIGHT"),
    ),
    Kind(
        "copyright",
        N_("Copyright in a work"),
        "作品著作权",
        COPYRIGHT_CENTRE,
        registrations.COPYRIGHT,
        _LISTED,
        Act(
            True,
            Effect.CONTRACT,
            COPYRIGHT_CENTRE,
            note=N_("Registration of the transfer is voluntary; it proves the change."),
            source="law.md §6",
        ),
        Act(True, Effect.CONTRACT, COPYRIGHT_CENTRE, source="law.md §6"),
        Act(True, Effect.ENTRY, COPYRIGHT_CENTRE, True, source="law.md §6; 民法典 Art.444"),
        words=("著作权", "作品", "版权", "作品著作权", "COPYRIGHT"),
    ),
    Kind(
        "ic_layout",
        N_("Layout design of an integrated circuit"),
        "集成电路布图设计专有权",
        CNIPA,
        registrations.IC_LAYOUT,
        _LISTED,
        Act(True, Effect.REGISTRATION, CNIPA, True, source="law.md §6; 集成电路布图设计保护条例 Art.22"),
        Act(True, Effect.CONTRACT, source="law.md §6"),
        Act(True, Effect.REGISTRATION, CNIPA, True, source="law.md §6; 民法典 Art.444"),
        term_rule="ic_layout.term",
        term_from="filed_on",
        technology=True,
        words=("集成电路布图设计", "布图设计", "集成电路布图设计专有权", "ICLAYOUT", "LAYOUTDESIGN"),
    ),
    Kind(
        "plant_variety",
        N_("New plant variety"),
        "植物新品种权",
        VARIETY_OFFICE,
        registrations.PLANT_VARIETY,
        _LISTED,
        Act(
            True,
            Effect.REGISTRATION,
            VARIETY_OFFICE,
            True,
            note=N_("A state unit and a foreign acquirer need the approval of the authority first."),
            source="law.md §6; 植物新品种保护条例 Art.9",
        ),
        Act(True, Effect.CONTRACT, VARIETY_OFFICE, source="law.md §6"),
        Act(True, Effect.REGISTRATION, VARIETY_OFFICE, True, source="law.md §6"),
        term_rule="plant_variety.term",
        term_from="granted_on",
        technology=True,
        words=("植物新品种", "植物新品种权", "品种权", "PLANTVARIETY", "NEWPLANTVARIETY"),
    ),
    Kind(
        "geographical_indication",
        N_("Geographical indication"),
        "地理标志",
        CNIPA,
        registrations.GEOGRAPHICAL_INDICATION,
        Act(
            False,
            Effect.NONE,
            note=N_("A geographical indication belongs to its region and cannot be sold; it can secure a loan."),
            source="law.md §6",
        ),
        Act(
            False,
            Effect.NONE,
            note=N_("A geographical indication cannot be transferred freely."),
            source="law.md §6",
        ),
        Act(
            False,
            Effect.NONE,
            note=N_("Producers of the region are admitted to its use by the body that administers it."),
            source="law.md §6",
        ),
        Act(
            True,
            Effect.CONTRACT,
            priority=False,
            note=N_(
                "No statute names a registrar for the right to use it: the pledge binds the parties and has no "
                "priority over others. A collective or certification mark is pledged as a trade mark."
            ),
            source="law.md §6; 担保制度解释 Art.63",
        ),
        words=("地理标志", "地理标志产品", "地理标志专用标志", "GEOGRAPHICALINDICATION", "GI"),
    ),
    Kind(
        "data_ip",
        N_("Data intellectual property"),
        "数据知识产权",
        DATA_PLATFORM,
        registrations.DATA_IP,
        _LISTED,
        Act(True, Effect.RECORD, DATA_PLATFORM, source="law.md §6"),
        Act(True, Effect.CONTRACT, DATA_PLATFORM, source="law.md §6"),
        Act(
            True,
            Effect.CONTRACT,
            priority=False,
            note=N_(
                "No statute names a registrar for data: the pledge binds the parties and has no priority over "
                "others, whatever register of movables it was entered in."
            ),
            source="law.md §6; 担保制度解释 Art.63",
        ),
        term_rule="data_ip.term",
        term_from="issued_on",
        words=("数据知识产权", "数据", "数据产权", "DATAIP", "DATAINTELLECTUALPROPERTY"),
    ),
    Kind(
        "know_how",
        N_("Know-how"),
        "技术秘密",
        NOBODY,
        "",
        Act(
            True,
            Effect.CONTRACT,
            note=N_("List only what may be known; the secret itself is opened under a confidentiality agreement."),
            source="law.md §6",
        ),
        Act(True, Effect.CONTRACT, source="law.md §1.1, §6; 民法典 Art.868"),
        Act(True, Effect.CONTRACT, source="law.md §1.1, §6; 民法典 Art.868"),
        Act(
            False,
            Effect.NONE,
            note=N_("Know-how stands in no register and cannot be pledged."),
            source="law.md §6",
        ),
        technology=True,
        words=("技术秘密", "专有技术", "KNOWHOW", "KNOW-HOW", "TRADESECRET"),
    ),
)  # fmt: skip

#: Every kind by its key, in the order in which choices are shown.
KINDS: Final[dict[str, Kind]] = {row.key: row for row in _ROWS}
PATENTS: Final = tuple(row.key for row in _ROWS if row.is_patent)

_WORDS: Final = {word: row.key for row in _ROWS for word in (row.key.upper(), row.name_zh, *row.words)}


def of(key: str) -> Kind:
    """The kind with this key; raises ``KeyError`` for a key that is in no row."""
    return KINDS[key]


def from_words(text: str) -> str:
    """The key of the kind that ``text`` names in Chinese or English, or nothing.

    >>> from_words(" 实用新型 ")
    'utility_model'
    """
    if not text:
        return ""
    plain = "".join(text.split()).upper()
    return _WORDS.get(plain) or _WORDS.get(plain.replace("_", ""), "")
