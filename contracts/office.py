"""The port to the patent office: packages out, notices in.

By default a person files by hand and enters what comes back (``ByHand``). Whatever stands behind the port, it never
changes a right: what it reports is entered as a notice, and a reviewer verifies it (law.md §0 rule 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Protocol

from contracts import documents, flows, paper, snapshot
from contracts.models import (
    ConsentKind,
    ConsentStatus,
    Filing,
    FilingKind,
    Flow,
    OfficeNotice,
)
from exchange import rulebook
from exchange.core import clock
from exchange.core.errors import N_
from exchange.core.money import yuan
from exchange.parties.models import Party, PartyKind

QUALIFIED, SUPPLEMENT, NOT_FILED = "200028", "200029", "200023"
"""手续合格通知书, 办理手续补正通知书, 视为未提出通知书 (law.md §2.2)."""

CODES: Final[dict[str, str]] = {
    QUALIFIED: N_("Notice that the procedure qualifies (200028)"),
    SUPPLEMENT: N_("Notice to supplement the procedure (200029)"),
    NOT_FILED: N_("Notice that the request counts as not filed (200023)"),
}
"""The notices that move a filing: code → msgid."""

FORM: Final = {FilingKind.TRANSFER: "100016", FilingKind.LICENCE: ""}
TITLES_ZH: Final = {
    FilingKind.TRANSFER: "著录项目变更申报书",
    FilingKind.LICENCE: "专利实施许可合同备案申请表",
}

ATTACHMENTS_ZH: Final[dict[int, str]] = {
    1: "双方当事人签章的权利转移协议书",
    2: "全体权利人同意转让的证明",
    10: "国务院商务主管部门证明",
    11: "变更后专利代理委托书",
    13: "其他",
}
"""Attachments of form 100016 that the flow can need (law.md §2.2): number → name."""

HOME: Final = "CN"


# -- the package ----------------------------------------------------------------------------------


def needs_agency(flow: Flow) -> bool:
    """Whether a party without residence or business in China must act through an agency (invariant 43)."""
    return any(party.country != HOME for party in (flow.deal.seller, flow.deal.buyer))


def fee_fen(filing: Filing, day: date) -> int:
    """The office's fee: per right for a change of owner, none for a licence put on record (law.md §2.2, §4.3)."""
    return rulebook.as_of("recordal.fee", day).fen if filing.kind is FilingKind.TRANSFER else 0


def pay_by(day: date) -> date:
    """The last day for the fee of a request made on ``day``: one month, moved on to a working day (law.md §0, §2.2)."""
    months = rulebook.as_of("recordal.pay_within", day).number
    return clock.next_working_day(clock.add_months(day, months))


def package(filing: Filing, *, submitter: Party | None, agency: str | None) -> dict[str, Any]:
    """The data of the form for one right (one form per right; law.md §2.2), from the signed contract's snapshot."""
    flow, right = filing.flow, filing.right
    contract = flows.contract_of(flow)
    facts = snapshot.right_facts(right)
    buyer = flow.deal.buyer
    transfer = filing.kind is FilingKind.TRANSFER
    names = [owner["name"] for owner in facts["owners"] or []]
    day = clock.today()
    return {
        "form": FORM[filing.kind],
        "title_zh": TITLES_ZH[filing.kind],
        "filing": filing.ref,
        "attempt": filing.attempts + 1,
        "app_no": facts["app_no"],
        "title": facts["title"],
        "owners": names,
        "submitter": {"name": submitter.name if submitter else buyer.name, "code": None},
        "agency": agency,
        "reason_zh": "权利转让" if transfer else "专利实施许可",
        "changes": _changes(names, flow.deal.seller, buyer) if transfer else _licence(flow),
        "attachments": _attachments(flow, filing, contract.document.ref if contract.document else "", agency),
        "fee": yuan(fee_fen(filing, day)),
        "fee_due_on": pay_by(day).isoformat(),
        "made_on": day.isoformat(),
        "contract_sha256": contract.sha256,
    }


def _changes(names: Sequence[str], seller: Party, buyer: Party) -> list[dict[str, str]]:
    """Each item before and after: name, nationality, number, address (law.md §2.2)."""
    rows = (
        ("专利权人", "；".join(names), buyer.name),
        ("国籍或注册国家（地区）", seller.country, buyer.country),
        (
            "居民身份证件号码" if buyer.kind is PartyKind.PERSON else "统一社会信用代码",
            seller.uscc,
            buyer.uscc,
        ),
        ("地址", seller.address, buyer.address),
    )
    return [{"item_zh": item, "before": before or "", "after": after or ""} for item, before, after in rows]


def _licence(flow: Flow) -> list[dict[str, str]]:
    licence = flows.contract_of(flow).snapshot["terms"]["licence"]
    rows = (
        ("被许可人", flow.deal.buyer.name),
        ("许可方式", licence["kind"]),
        ("许可期限", f"{licence['from']} 至 {licence['until']}"),
        ("许可地域", licence["region"] or "中华人民共和国境内"),
    )
    return [{"item_zh": item, "before": "", "after": after} for item, after in rows]


def _attachments(flow: Flow, filing: Filing, contract_ref: str, agency: str | None) -> list[dict[str, Any]]:
    def of(kind: ConsentKind) -> list[str]:
        found = [
            consent.document.ref
            for consent in flow.consents
            if consent.right_id == filing.right_id
            and consent.kind is kind
            and consent.status is ConsentStatus.GIVEN
            and consent.document is not None
        ]
        return list(dict.fromkeys(found))

    rows: list[tuple[int, list[str]]] = [(1, [contract_ref])]
    if owners := of(ConsentKind.CO_OWNER):
        rows.append((2, owners))
    if flow.clearance is not None and flow.clearance.document is not None:
        rows.append((10, [flow.clearance.document.ref]))
    if agency:
        rows.append((11, []))
    if pledgees := of(ConsentKind.PLEDGEE):
        rows.append((13, pledgees))
    return [{"code": code, "name_zh": ATTACHMENTS_ZH[code], "documents": docs} for code, docs in rows]


def form_of(filing: Filing) -> bytes:
    """The filled form of a submitted filing, as an HTML document to print or to type from."""
    return paper.filing_form(filing.package)


# -- the port -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What the office sent about one filing. ``due_on`` is set where it asks for something by a day."""

    filing: str
    code: str
    number: str
    dated: date
    filename: str
    data: bytes
    due_on: date | None = None


class Office(Protocol):
    """A way to the office. Calls may fail with ``OSError``; they are tried again, so both are safe to repeat."""

    name: str

    def file(self, package: Mapping[str, Any]) -> str | None:
        """Hand over a package; the office's receipt number, or ``None`` where a person files by hand.

        The same package (by ``filing`` and ``attempt``) is one request, however often it is handed over.
        """
        ...

    def news(self, filings: Sequence[str]) -> list[Said]:
        """What the office has sent about these filings so far, oldest first; the same each time until more comes."""
        ...


class ByHand:
    """Nobody is connected: people file at the office's own site and enter the notices that come back."""

    name = "by hand"

    def file(self, package: Mapping[str, Any]) -> str | None:
        """Nothing is handed over."""
        _ = package
        return None

    def news(self, filings: Sequence[str]) -> list[Said]:
        """Nothing comes by itself."""
        _ = filings
        return []


_office: list[Office] = [ByHand()]


def use(office: Office) -> None:
    """Take ``office`` as the way to the patent office from now on."""
    _office[:] = [office]


def current() -> Office:
    """The way to the patent office."""
    return _office[0]


def same(notice: OfficeNotice, flow: Flow, document: str | None, dated: date, due_on: date | None) -> bool:
    """Whether a notice that is known says the same as the one entered again."""
    return (
        notice.flow.id == flow.id
        and notice.dated == dated
        and notice.due_on == due_on
        and (document is None or notice.document is None or notice.document.sha256 == _hash(flow, document))
    )


def _hash(flow: Flow, document: str) -> str:
    return documents.named(flow, document).sha256
