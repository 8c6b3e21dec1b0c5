"""What the component page shows: an invented form and invented states. Nothing else reads this."""

from __future__ import annotations

from datetime import date, timedelta
from enum import Enum
from typing import Any

import marshmallow as ma
from werkzeug.datastructures import MultiDict

from exchange.core import clock
from exchange.core.errors import N_, Invalid
from exchange.core.labels import labelled
from exchange.web.fields import BasisPointsField, DateField, EnumField, FenField, FileField, InstantField
from exchange.web.forms import Form


@labelled(
    draft=N_("Draft"),
    under_review=N_("Under review"),
    listed=N_("Listed"),
    returned=N_("Returned for correction"),
    suspended=N_("Suspended"),
    matched=N_("Sold"),
    live=N_("Bidding now"),
)
class SampleStatus(Enum):
    """One state for each tone."""

    DRAFT = "draft"
    UNDER_REVIEW = "under_review"
    LISTED = "listed"
    RETURNED = "returned"
    SUSPENDED = "suspended"
    MATCHED = "matched"
    LIVE = "live"


@labelled(
    lab=N_("Laboratory"),
    pilot=N_("Pilot scale"),
    small=N_("Small batch"),
    market=N_("On the market"),
    other=N_("Other"),
)
class Maturity(Enum):
    """How far a technology has come."""

    LAB = "lab"
    SMALL = "small"
    PILOT = "pilot"
    MARKET = "market"
    OTHER = "other"


@labelled(transfer=N_("Transfer"), licence=N_("Non-exclusive licence"), exclusive=N_("Exclusive licence"))
class Manner(Enum):
    """How a right is offered."""

    TRANSFER = "transfer"
    LICENCE = "licence"
    EXCLUSIVE = "exclusive"


class SampleRow(ma.Schema):
    """A row of a list in a form."""

    share = BasisPointsField(required=True, metadata={"label": N_("Share of the co-owner")})


class SampleForm(ma.Schema):
    """One field of each kind."""

    manner = EnumField(Manner, required=True, metadata={"label": N_("Manner of trade")})
    title = ma.fields.String(
        required=True,
        validate=ma.validate.Length(min=4, max=120),
        metadata={"label": N_("Name of the organisation"), "hint": N_("As on the business licence.")},
    )
    price = FenField(
        required=True,
        least=120_000_000,
        metadata={"label": N_("Transfer price"), "hint": N_("The whole price. Leave empty to negotiate.")},
    )
    starts = DateField(
        required=True,
        metadata={
            "label": N_("Publicity begins on"),
            "hint": N_("A university's price is public for at least 15 days, for example 2026 11 30."),
        },
    )
    closes = InstantField(metadata={"label": N_("Bidding closes")})
    maturity = EnumField(Maturity, metadata={"label": N_("Maturity")})
    zones = ma.fields.List(EnumField(Manner), metadata={"label": N_("Also offered as")})
    mail = ma.fields.Email(metadata={"label": N_("E-mail for questions"), "autocomplete": "email"})
    about = ma.fields.String(metadata={"label": N_("What it is good for"), "widget": "textarea", "rows": 4})
    owners = ma.fields.List(ma.fields.Nested(SampleRow), metadata={"label": N_("Co-owners")})
    basis = FileField(
        accept=(".pdf", ".jpg"),
        metadata={"label": N_("Grounds of the price"), "hint": N_("PDF or JPG with the seal, up to 10 MB.")},
    )
    agreed = ma.fields.Boolean(metadata={"label": N_("The co-owners have agreed to the transfer")})


NAMES = {
    "buyer": "福州澄川膜材料有限公司",
    "owner_1": "榕江理工大学",
    "owner_2": "武夷高原农业职业学院",
    "owner_3": "厦门屿光传感科技有限公司",
    "person_1": "林知夏",
    "person_2": "程牧野",
    "right_1": "中空纤维膜丝在线涂覆方法",
    "right_2": "膜组件在线完整性检测方法",
    "right_3": "用于高盐废水的中空纤维纳滤膜及其制备方法",
    "right_4": "茶多酚提取液的超滤膜纯化方法",
    "right_5": "海底管道泄漏声学定位装置",
    "query": "膜分离",
    "file": "技术转让合同.pdf",
}
"""Invented people, organisations and rights."""


def samples() -> dict[str, Any]:
    """What the component page is rendered with."""
    form = Form(SampleForm)
    typed = {
        "manner": "transfer",
        "title": NAMES["buyer"],
        "price": "120,000",
        "starts-y": "2026",
        "starts-m": "11",
        "starts-d": "31",
        "owners.0.share": "70",
        "owners.1.share": "130",
    }
    try:
        form.load(MultiDict(typed))
    except Invalid as refusal:
        form.refuse(refusal)
    now = clock.now()
    return {
        "form": form,
        "states": list(SampleStatus),
        "now_at": now,
        "soon": now + timedelta(days=12),
        "term_end": date(2041, 6, 8),
        "names": NAMES,
    }
