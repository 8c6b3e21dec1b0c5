"""Divisions of China as a party names its region (GB/T 2260): the provinces, and the cities of Fujian."""

from __future__ import annotations

import re

from exchange.core.errors import N_

FUJIAN: dict[str, str] = {
    "3501": N_("Fuzhou"),
    "3502": N_("Xiamen"),
    "3503": N_("Putian"),
    "3504": N_("Sanming"),
    "3505": N_("Quanzhou"),
    "3506": N_("Zhangzhou"),
    "3507": N_("Nanping"),
    "3508": N_("Longyan"),
    "3509": N_("Ningde"),
}
"""Code → msgid of the cities of Fujian, in the order of their codes."""

PROVINCES: dict[str, str] = {
    "11": N_("Beijing"),
    "12": N_("Tianjin"),
    "13": N_("Hebei"),
    "14": N_("Shanxi"),
    "15": N_("Inner Mongolia"),
    "21": N_("Liaoning"),
    "22": N_("Jilin"),
    "23": N_("Heilongjiang"),
    "31": N_("Shanghai"),
    "32": N_("Jiangsu"),
    "33": N_("Zhejiang"),
    "34": N_("Anhui"),
    "35": N_("Fujian"),
    "36": N_("Jiangxi"),
    "37": N_("Shandong"),
    "41": N_("Henan"),
    "42": N_("Hubei"),
    "43": N_("Hunan"),
    "44": N_("Guangdong"),
    "45": N_("Guangxi"),
    "46": N_("Hainan"),
    "50": N_("Chongqing"),
    "51": N_("Sichuan"),
    "52": N_("Guizhou"),
    "53": N_("Yunnan"),
    "54": N_("Tibet"),
    "61": N_("Shaanxi"),
    "62": N_("Gansu"),
    "63": N_("Qinghai"),
    "64": N_("Ningxia"),
    "65": N_("Xinjiang"),
    "71": N_("Taiwan"),
    "81": N_("Hong Kong"),
    "82": N_("Macao"),
}
"""Code → msgid of the provinces, in the order of their codes."""

_SHAPE = re.compile(r"^(\d{2}){1,3}$")


def known(code: str) -> bool:
    """Whether ``code`` is a division code (two, four or six digits) within a province that exists."""
    return bool(_SHAPE.match(code)) and code[:2] in PROVINCES


def name(code: str | None) -> str | None:
    """The msgid of the city of Fujian, else of the province, that ``code`` lies in; ``None`` where it is unknown."""
    if not code:
        return None
    return FUJIAN.get(code[:4]) or PROVINCES.get(code[:2])


def choices() -> list[tuple[str, str]]:
    """What a form offers: the cities of Fujian first, then the provinces."""
    return [*FUJIAN.items(), *((code, text) for code, text in PROVINCES.items() if code != "35")]
