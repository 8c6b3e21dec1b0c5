"""Terms of a technology contract: kinds, payment modes, clauses, what must be in it and what may not.

Data first, then pure checks over plain values: the flow calls them, pages show them, tests read them. Amounts are
integer fen, rates basis points. Law: law.md §1.1 (kinds), §1.2 (content, payment, void clauses), §1.4 (amounts),
§9 invariants 23 to 28.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from exchange.core import clock
from exchange.core.errors import N_, Problem
from exchange.core.money import MAX_FEN, yuan
from exchange.listings.models import LicenceKind

MAX_TEXT: Final = 4000
MAX_ROWS: Final = 60
"""Limits of one clause's text and of the tables (instalments, non-technical items)."""


@dataclass(frozen=True)
class ContractKind:
    """A kind of technology contract that the flow can carry: ``act`` is what it does to the right."""

    code: str
    name: str
    name_zh: str
    act: str
    source: str


KINDS: Final[dict[str, ContractKind]] = {
    row.code: row
    for row in (
        ContractKind("TT", N_("Technology transfer contract"), "技术转让合同", "transfer", "law.md §1.1; 民法典 Art.862–863"),
        ContractKind("TL", N_("Technology licence contract"), "技术许可合同", "license", "law.md §1.1; 民法典 Art.862–863"),
    )
}  # fmt: skip


# -- how the price is paid ------------------------------------------------------------------------


@dataclass(frozen=True)
class PaymentMode:
    """A way to pay the price (law.md §1.2; 民法典 Art.846). ``needs`` are the fields that belong to it.

    With a royalty the agreed price is what goes through escrow at once: the entry fee of ``ROY_ENTRY``.
    """

    code: str
    name: str
    name_zh: str
    needs: tuple[str, ...]


MODES: Final[dict[str, PaymentMode]] = {
    row.code: row
    for row in (
        PaymentMode("LUMP", N_("One amount, paid at once"), "一次总付", ()),
        PaymentMode("INST", N_("One amount, paid in instalments"), "分期支付", ("instalments",)),
        PaymentMode("ROY", N_("Royalty"), "提成支付", ("royalty_base", "royalty_bp", "royalty_step")),
        PaymentMode(
            "ROY_ENTRY",
            N_("Royalty with an entry fee"),
            "提成支付附加预付入门费",
            ("royalty_base", "royalty_bp", "royalty_step"),
        ),
        PaymentMode("OTHER", N_("Another way, described in words"), "其他约定方式", ("text",)),
    )
}

ROYALTY_BASES: Final[dict[str, tuple[str, str]]] = {
    "price": (N_("Price of the product"), "产品价格"),
    "output": (N_("Added output value"), "新增产值"),
    "profit": (N_("Profit"), "利润"),
    "sales": (N_("Sales of the product"), "产品销售额"),
    "other": (N_("Another base"), "其他"),
}
ROYALTY_STEPS: Final[dict[str, tuple[str, str]]] = {
    "fixed": (N_("The same every year"), "固定比例"),
    "rising": (N_("Rising year by year"), "逐年递增"),
    "falling": (N_("Falling year by year"), "逐年递减"),
}

LICENCE_ZH: Final = {
    LicenceKind.EXCLUSIVE.value: "独占实施许可",
    LicenceKind.SOLE.value: "排他实施许可",
    LicenceKind.ORDINARY.value: "普通实施许可",
}


# -- clauses --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clause:
    """A clause of the document: heading and standard text in Chinese; the parties may write their own text."""

    key: str
    name: str
    heading_zh: str
    standard_zh: str
    kinds: tuple[str, ...] = ("TT", "TL")


CLAUSES: Final[tuple[Clause, ...]] = (
    Clause(
        "materials",
        N_("Technical documents handed over"),
        "技术资料的交付",
        "卖方在合同生效后十五日内，将与标的权利有关的全部申请文件、权利证书、年费缴纳凭证及已有的实施资料交给买方，"
        "双方当面或通过平台核对清单。",
    ),
    Clause(
        "prior_use",
        N_("Use by the seller before and after"),
        "卖方的在先实施与继续实施",
        "合同生效前卖方已自行实施的，自权属变更登记之日起停止实施；双方另有书面约定的除外。",
        ("TT",),
    ),
    Clause(
        "licences",
        N_("Licences granted before"),
        "在先许可",
        "合同成立前已经许可他人实施的，被许可人的权利不受本次转让影响。卖方已如实列出全部在先许可，"
        "未列出的，由卖方承担由此产生的责任。",
        ("TT",),
    ),
    Clause(
        "sublicence",
        N_("Sub-licence"),
        "分许可",
        "未经许可人书面同意，被许可人不得再许可他人实施。",
        ("TL",),
    ),
    Clause(
        "filing",
        N_("Filing at the office"),
        "向登记机关办理手续",
        "合同签署且价款进入托管账户后，双方通过平台向国家知识产权局办理标的权利的登记或备案手续，"
        "官费由买方承担。一方拖延提供材料的，另一方可以催告。",
    ),
    Clause(
        "escrow",
        N_("Escrow and release of the price"),
        "价款托管与放款",
        "买方将价款付至平台托管账户。全部标的权利的手续经登记机关办结并由平台核验后，"
        "平台扣除服务费，将余款记入卖方账户；手续不能办结的，价款退还买方。",
    ),
    Clause(
        "confidentiality",
        N_("Confidentiality"),
        "保密",
        "双方对在谈判和履行中知悉的对方未公开的技术与经营信息负有保密义务，期限至该信息合法公开之日。",
    ),
    Clause(
        "improvements",
        N_("Later improvements"),
        "后续改进",
        "一方单独完成的后续改进成果归完成方所有；双方共同完成的，归双方共有。另有约定的从其约定。",
    ),
    Clause(
        "invalidation",
        N_("If the right is declared invalid"),
        "权利被宣告无效的处理",
        "标的权利被宣告无效的，已经履行的部分不再返还；但卖方存在恶意或者不返还明显违反公平原则的，"
        "应当全部或者部分返还。",
    ),
    Clause(
        "acceptance",
        N_("Acceptance"),
        "验收",
        "登记机关办结手续并公告的权利人（被许可人）与本合同一致，即为验收合格。",
    ),
    Clause(
        "breach",
        N_("Breach of contract"),
        "违约责任",
        "一方不履行主要义务，经催告后三十日内仍未履行的，另一方可以解除合同并要求赔偿损失。",
    ),
    Clause(
        "disputes",
        N_("Disputes"),
        "争议的解决",
        "争议由双方协商解决；协商不成的，可以向合同签订地有管辖权的人民法院起诉。",
    ),
)


@dataclass(frozen=True)
class Forbidden:
    """A clause that makes a technology contract void: one of the six patterns of illegal monopoly (law.md §1.2)."""

    key: str
    message: str
    patterns: tuple[re.Pattern[str], ...]


def _forbidden(key: str, message: str, *patterns: str) -> Forbidden:
    return Forbidden(key, message, tuple(re.compile(p) for p in patterns))


_NOT: Final = r"(?:不得|不能|不可|禁止|无权)"

FORBIDDEN: Final[tuple[Forbidden, ...]] = (
    _forbidden(
        "research",
        N_("It keeps a party from improving the technology, or takes improvements without return."),
        rf"{_NOT}[^。；]{{0,20}}(?:改进|研究开发|研发|后续开发)",
        r"改进[^。；]{0,20}(?:无偿|免费)[^。；]{0,10}(?:归|提供|转让)",
    ),
    _forbidden(
        "competing_source",
        N_("It keeps a party from getting similar or competing technology elsewhere."),
        rf"{_NOT}[^。；]{{0,30}}(?:竞争|同类|类似)[^。；]{{0,6}}技术",
    ),
    _forbidden(
        "market",
        N_("It limits quantity, variety, price, sales channel or export without reason."),
        rf"{_NOT}[^。；]{{0,20}}(?:出口|降价|低于[^。；]{{0,10}}价格销售|销售渠道)",
        r"(?:产量|数量|品种|售价|销售价格)[^。；]{0,10}(?:由|须经|必须经)[^。；]{0,10}(?:卖方|让与人|许可人|乙方)[^。；]{0,6}(?:决定|批准|同意)",
    ),
    _forbidden(
        "tying",
        N_("It ties the technology to things that are not needed for it."),
        r"(?:必须|应当|只能)[^。；]{0,20}(?:一并|同时|搭售|配套)[^。；]{0,6}(?:购买|采购|接受)",
    ),
    _forbidden(
        "supply",
        N_("It limits where raw materials, parts or equipment may be bought."),
        r"(?:只能|必须|仅可)[^。；]{0,20}(?:向|从)[^。；]{0,20}(?:购买|采购)[^。；]{0,10}(?:原材料|零部件|设备|产品)",
        r"(?:原材料|零部件|设备)[^。；]{0,20}(?:只能|必须|仅可)[^。；]{0,10}(?:向|从)",
    ),
    _forbidden(
        "challenge",
        N_("It keeps a party from challenging the validity of the right."),
        rf"{_NOT}[^。；]{{0,20}}(?:提出|请求|申请|主张)?[^。；]{{0,8}}(?:无效|有效性[^。；]{{0,4}}异议)",
    ),
)


def forbidden_in(texts: Iterable[str]) -> list[Forbidden]:
    """The forbidden patterns that ``texts`` contain, each once, in the order of the table."""
    joined = "\n".join("".join(text.split()) for text in texts)
    return [row for row in FORBIDDEN if any(pattern.search(joined) for pattern in row.patterns)]


# -- terms of one contract ------------------------------------------------------------------------


def defaults(deal_terms: Mapping[str, Any], *, kind: str, today: date) -> dict[str, Any]:
    """The terms a draft begins with: one payment at once, and what the parties agreed in their offer.

    A licence whose kind was not agreed is an ordinary one (law.md §9 invariant 25).
    """
    terms: dict[str, Any] = {"payment": {"mode": "LUMP"}, "non_technical": [], "clauses": {}}
    if wish := str(deal_terms.get("payment") or "").strip():
        terms["payment"]["text"] = wish
    if use := str(deal_terms.get("continued_use") or "").strip():
        terms["clauses"]["prior_use"] = use
    if disclosed := str(deal_terms.get("licences_disclosed") or "").strip():
        terms["clauses"]["licences"] = disclosed
    if included := str(deal_terms.get("includes") or "").strip():
        terms["clauses"]["materials"] = included
    if kind == "TL":
        years = deal_terms.get("licence_years")
        terms["licence"] = {
            "kind": deal_terms.get("licence_kind") or LicenceKind.ORDINARY.value,
            "region": deal_terms.get("licence_region") or "",
            "from": today.isoformat(),
            "until": clock.add_years(today, int(years)).isoformat() if years else "",
        }
    return terms


_PAYMENT_EMPTY: Final[dict[str, Any]] = {
    "mode": "LUMP",
    "text": "",
    "instalments": [],
    "royalty_base": "",
    "royalty_bp": None,
    "royalty_step": "",
    "audit": False,
}
_LICENCE_EMPTY: Final[dict[str, Any]] = {
    "kind": LicenceKind.ORDINARY.value,
    "region": "",
    "from": "",
    "until": "",
}


def filled(terms: Mapping[str, Any]) -> dict[str, Any]:
    """``terms`` with every key present, so that a document can be printed from them."""
    return {
        "payment": _PAYMENT_EMPTY | dict(terms.get("payment") or {}),
        "non_technical": list(terms.get("non_technical") or []),
        "clauses": dict(terms.get("clauses") or {}),
        "licence": _LICENCE_EMPTY | dict(terms.get("licence") or {}),
        "valid_from": terms.get("valid_from") or "",
        "valid_until": terms.get("valid_until") or "",
    }


def technology_fen(terms: Mapping[str, Any], price_fen: int) -> int:
    """技术交易额: the price less the non-technical items (law.md §1.4)."""
    return price_fen - sum(int(item["amount_fen"]) for item in terms.get("non_technical", ()))


def wrong(
    kind: str, terms: Mapping[str, Any], *, price_fen: int, last_day: date | None, today: date
) -> list[Problem]:
    """Everything that is wrong with ``terms``; empty where they can go into a contract.

    ``last_day`` is the earliest expiry among the rights (a licence may not outlast it, invariant 26).
    """
    found = [
        *_wrong_payment(terms.get("payment") or {}, price_fen),
        *_wrong_amounts(terms, price_fen),
        *_wrong_validity(terms),
        *_wrong_texts(terms),
    ]
    if kind == "TL":
        found += _wrong_licence(terms.get("licence") or {}, last_day, today)
    return found


def _problem(code: str, message: str, field: str, rule: str, **params: Any) -> Problem:
    return Problem(code, message, field=field, rule=rule, params=params)


_PAYMENT_RULE: Final = "law.md §1.2; 民法典 Art.846"


def _wrong_payment(payment: Mapping[str, Any], price_fen: int) -> list[Problem]:
    mode = MODES.get(str(payment.get("mode")))
    if mode is None:
        return [
            _problem(
                "contract.payment_mode", N_("Choose how the price is paid."), "payment_mode", _PAYMENT_RULE
            )
        ]
    found = [
        _problem(
            "contract.payment_field",
            NEEDED[name],
            "payment_text" if name == "text" else name,
            _PAYMENT_RULE,
        )
        for name in mode.needs
        if not payment.get(name)
    ]
    if mode.code == "INST" and payment.get("instalments"):
        found += _wrong_instalments(payment["instalments"], price_fen)
    if "royalty_base" in mode.needs:
        found += _wrong_royalty(payment)
    return found


NEEDED: Final[dict[str, str]] = {
    "instalments": N_("Payment in instalments needs the table of instalments."),
    "royalty_base": N_("A royalty needs its base."),
    "royalty_bp": N_("A royalty needs its rate."),
    "royalty_step": N_("Say whether the royalty stays the same, rises or falls."),
    "text": N_("Describe the way of paying in words."),
}
"""What is said when a field of a payment mode is missing: field → msgid."""


def _wrong_instalments(rows: Sequence[Mapping[str, Any]], price_fen: int) -> list[Problem]:
    """The table sums to the price, to the fen, and its days come one after the other (invariant 27)."""
    if len(rows) > MAX_ROWS:
        return [
            _problem(
                "contract.rows", N_("At most %(most)s lines."), "instalments", _PAYMENT_RULE, most=MAX_ROWS
            )
        ]
    if any(int(row["amount_fen"]) <= 0 for row in rows):
        return [
            _problem(
                "contract.instalment_amount",
                N_("Every instalment must be above zero."),
                "instalments",
                _PAYMENT_RULE,
            )
        ]
    found = []
    total = sum(int(row["amount_fen"]) for row in rows)
    if total != price_fen:
        found.append(
            _problem(
                "contract.instalments_sum",
                N_("The instalments add up to %(total)s yuan; the price is %(price)s yuan."),
                "instalments",
                "law.md §9 invariant 27",
                total=yuan(total),
                price=yuan(price_fen),
            )
        )
    days = [str(row["due_on"]) for row in rows]
    if days != sorted(set(days)):
        found.append(
            _problem(
                "contract.instalment_days",
                N_("Each instalment is due after the one before it."),
                "instalments",
                _PAYMENT_RULE,
            )
        )
    return found


def _wrong_royalty(payment: Mapping[str, Any]) -> list[Problem]:
    found = []
    for name, choices in (("royalty_base", ROYALTY_BASES), ("royalty_step", ROYALTY_STEPS)):
        if payment.get(name) and payment[name] not in choices:
            found.append(
                _problem("contract.royalty", N_("Choose one of the listed answers."), name, _PAYMENT_RULE)
            )
    rate = payment.get("royalty_bp")
    if rate and not 0 < int(rate) <= 10_000:
        found.append(
            _problem(
                "contract.royalty_rate",
                N_("The rate of a royalty lies above 0 and at most at 100 percent."),
                "royalty_bp",
                _PAYMENT_RULE,
            )
        )
    return found


def _wrong_amounts(terms: Mapping[str, Any], price_fen: int) -> list[Problem]:
    """``0 ≤ technology amount ≤ price``, non-technical items itemised (invariant 28)."""
    items = terms.get("non_technical") or []
    if len(items) > MAX_ROWS:
        return [
            _problem(
                "contract.rows", N_("At most %(most)s lines."), "non_technical", "law.md §1.4", most=MAX_ROWS
            )
        ]
    for item in items:
        if not 0 < int(item["amount_fen"]) <= MAX_FEN or not str(item.get("name", "")).strip():
            return [
                _problem(
                    "contract.non_technical",
                    N_("Give each non-technical item a name and an amount above zero."),
                    "non_technical",
                    "law.md §9 invariant 28",
                )
            ]
    if technology_fen(terms, price_fen) < 0:
        return [
            _problem(
                "contract.technology_amount",
                N_("The non-technical items together are more than the price of %(price)s yuan."),
                "non_technical",
                "law.md §9 invariant 28",
                price=yuan(price_fen),
            )
        ]
    return []


def _wrong_validity(terms: Mapping[str, Any]) -> list[Problem]:
    start, end = as_day(terms.get("valid_from")), as_day(terms.get("valid_until"))
    if start and end and end <= start:
        return [
            _problem(
                "contract.validity",
                N_("The contract must end after it begins."),
                "valid_until",
                "law.md §1.3",
            )
        ]
    return []


def _wrong_licence(licence: Mapping[str, Any], last_day: date | None, today: date) -> list[Problem]:
    found = []
    if licence.get("kind") not in LICENCE_ZH:
        found.append(
            _problem(
                "contract.licence_kind", N_("Choose the kind of licence."), "licence_kind", "law.md §1.1"
            )
        )
    start, end = as_day(licence.get("from")), as_day(licence.get("until"))
    if end is None:
        found.append(
            _problem(
                "contract.licence_end", N_("Say until when the licence runs."), "licence_until", "law.md §1.2"
            )
        )
        return found
    if end <= (start or today):
        found.append(
            _problem(
                "contract.licence_period",
                N_("The licence must end after it begins."),
                "licence_until",
                "law.md §1.2",
            )
        )
    if last_day is not None and end > last_day:
        found.append(
            _problem(
                "contract.licence_too_long",
                N_("The licence may run until %(last)s at most: then the first of its rights expires."),
                "licence_until",
                "law.md §9 invariant 26",
                last=last_day,
            )
        )
    return found


def _wrong_texts(terms: Mapping[str, Any]) -> list[Problem]:
    texts: Mapping[str, str] = terms.get("clauses") or {}
    known = {clause.key for clause in CLAUSES} | {"other"}
    found = [
        _problem("contract.clause", N_("There is no clause “%(key)s”."), "clauses", "law.md §1.2", key=key)
        for key in texts
        if key not in known
    ]
    found += [
        _problem(
            "contract.clause_long",
            N_("A clause may have at most %(most)s characters."),
            f"clause_{key}",
            "law.md §1.2",
            most=MAX_TEXT,
        )
        for key, text in texts.items()
        if len(text) > MAX_TEXT
    ]
    for key, text in texts.items():
        found += [
            _problem(
                "contract.forbidden_clause",
                row.message,
                f"clause_{key}",
                "law.md §1.2; 民法典 Art.850",
            )
            for row in forbidden_in([text])
        ]
    return found


def as_day(value: Any) -> date | None:
    """A day of the terms (ISO text or date); ``None`` where there is none or it is no day."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def in_validity(terms: Mapping[str, Any], signed_on: date | None, today: date) -> bool:
    """Whether a signed contract is effective on ``today`` and its own validity is not over (invariant 32)."""
    if signed_on is None or today < signed_on:
        return False
    start, end = as_day(terms.get("valid_from")), as_day(terms.get("valid_until"))
    return (start is None or start <= today) and (end is None or today <= end)
