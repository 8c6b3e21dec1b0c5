"""One good call of every route of the exchange: which thing it names, and what is sent with it.

``@name`` stands for a reference of the market (``tests/api/market.py``). A route without a call fails a test, so that
a new one is asked of everybody from its first day.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask

from exchange.parties.uscc import check_character
from tests.contracts.scene import PDF

TODAY = "2026-06-15"
ROW = '{"title": "纳滤膜", "applicants": ["某企业"], "pub_no": "CN120000009B"}\n'.encode()
CODE = "91350100MA2XN5LX5" + check_character("91350100MA2XN5LX5")
YUAN = {"amount": "900000.00", "currency": "CNY"}
ORGANISATION = {"kind": "enterprise", "name": "新来企业", "uscc": CODE, "region": "350100"}


@dataclass(frozen=True)
class Call:
    """A request: the method and endpoint of a route, its parts of the path, and what is sent."""

    key: str
    path: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """``GET`` …"""
        return self.key.partition(" ")[0]

    @property
    def endpoint(self) -> str:
        """The name of the view."""
        return self.key.partition(" ")[2]

    @property
    def api(self) -> bool:
        """Whether it is part of the API."""
        return self.endpoint.partition(".")[0].endswith("_api")

    def url(self, app: Flask, refs: dict[str, str]) -> str:
        """The address, with the references of ``refs``."""
        values = {name: named(value, refs) for name, value in self.path.items()}
        return app.url_map.bind("localhost").build(self.endpoint, values, method=self.method)

    def sent(self, refs: dict[str, str]) -> dict[str, Any]:
        """What the test client is given: JSON for the API, form fields for pages, files as a form for both."""
        if self.method == "GET":
            return {}
        body = named(self.body or {}, refs)
        if self.api and not self.files:
            return {"json": body} if self.body is not None else {}
        uploads = {name: (io.BytesIO(data), filename) for name, (filename, data) in self.files.items()}
        return {"data": {**body, **uploads}}

    def to(self, **path: str) -> Call:
        """The same call to another thing."""
        return replace(self, path=path)


def named(value: Any, refs: dict[str, str]) -> Any:
    """``value`` with every ``@name`` replaced."""
    if isinstance(value, dict):
        return {key: named(one, refs) for key, one in value.items()}
    if isinstance(value, list):
        return [named(one, refs) for one in value]
    return refs[value[1:]] if isinstance(value, str) and value.startswith("@") else value


_REASON = {"reason": "不再需要"}
_DATED = {"number": "2026061500001", "dated": TODAY}
_SCAN = {"file": ("证明.pdf", PDF)}
_PRICE = {"price": YUAN}

_API: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    # parties
    ("POST parties_api.found_party", "", ORGANISATION),
    ("GET parties_api.list_parties", "", None),
    ("GET parties_api.read_party", "party", None),
    ("PATCH parties_api.change_party", "party", {"phone": "0591-1"}),
    ("GET parties_api.list_papers", "party", None),
    ("POST parties_api.submit_party", "waiting", None),
    ("POST parties_api.verify_party", "waiting", _REASON),
    ("POST parties_api.refuse_party", "waiting", _REASON),
    ("POST parties_api.suspend_party", "party", _REASON),
    ("POST parties_api.restore_party", "suspended_party", _REASON),
    ("POST parties_api.tell_name", "party", {"name": "曾用名"}),
    ("POST parties_api.verify_name", "waiting", {"name": "旧名企业"}),
    ("GET parties_api.list_members", "party", None),
    ("GET parties_api.list_invitations", "party", None),
    ("POST parties_api.invite_member", "party", {"email": "new@example.cn", "roles": ["agent"]}),
    ("GET parties_api.list_users", "", None),
    ("POST parties_api.register", "", {"email": "n@example.cn", "password": "nine herons at dawn", "name": "N",
                                       "organisation": ORGANISATION}),
    ("GET parties_api.read_me", "", None),
    ("PATCH parties_api.change_me", "", {"name": "林知夏"}),
    ("GET parties_api.read_user", "user", None),
    ("POST parties_api.disable_user", "user", _REASON),
    ("POST parties_api.enable_user", "user_disabled", None),
    ("GET parties_api.list_tokens", "", None),
    ("POST parties_api.make_token", "", {"label": "script", "scopes": ["read"]}),
    ("GET parties_api.read_token", "token", None),
    ("POST parties_api.revoke_token", "token", None),
    # rights
    ("GET rights_api.list_rights", "", None),
    ("GET rights_api.read_right", "right", None),
    ("GET rights_api.list_events", "right", None),
    ("POST rights_api.check_numbers", "", {"numbers": ["CN120000001B"]}),
    ("POST rights_api.complete_right", "right", {"title_en": "Membrane"}),
    ("POST rights_api.claim_right", "right", None),
    ("POST rights_api.give_up_right", "right", None),
    ("POST rights_api.verify_holding", "right_claimed", {"party": "@buyer_party", "basis": "证书"}),
    ("POST rights_api.merge_rights", "right", {"other": "@right_twin"}),
    ("POST rights_api.record_event", "right", {"announced_on": TODAY, "code": "CF01"}),
    ("GET rights_api.read_import", "import_done", None),
    ("GET watches_api.list_watches", "", None),
    ("POST watches_api.begin_watches", "", {"numbers": ["CN120000002B"]}),
    ("POST watches_api.end_watches", "", {"rights": ["@right"]}),
    ("POST watches_api.begin_watch", "right", None),
    ("POST watches_api.end_watch", "right", None),
    ("POST confirmations_api.issue_confirmation", "", {"numbers": ["CN120000001B"]}),
    # ledger
    ("GET ledger_api.list_accounts", "", None),
    # listings
    ("GET listings_api.index", "", None),
    ("POST listings_api.draft", "", {"kind": "transfer", "right_refs": ["@right"]}),
    ("GET listings_api.show", "listed", None),
    ("PATCH listings_api.edit", "draft", {"summary": "新的说明"}),
    ("POST listings_api.submit", "draft", None),
    ("POST listings_api.resume", "suspended", None),
    ("POST listings_api.verify", "submitted", None),
    ("POST listings_api.pass_gates", "verified", None),
    ("POST listings_api.publish", "gated", None),
    ("POST listings_api.approve", "submitted", None),
    ("POST listings_api.reject", "submitted", _REASON),
    ("POST listings_api.withdraw", "listed", _REASON),
    ("POST listings_api.change_price", "listed", _PRICE),
    ("GET listings_api.objections", "public", None),
    ("POST listings_api.object_to", "public", {"text": "作价偏低"}),
    ("POST listings_api.decide", "objection", {"upheld": False, "decision": "作价合理"}),
    # offers and deals
    ("GET deals_api.offers", "", None),
    ("GET deals_api.offers_on", "listed", None),
    ("POST deals_api.make_offer", "public", _PRICE),
    ("GET deals_api.show_offer", "offer", None),
    ("POST deals_api.counter", "offer", _PRICE),
    ("POST deals_api.accept", "offer", None),
    ("POST deals_api.decline", "offer", None),
    ("POST deals_api.withdraw", "offer", None),
    ("GET deals_api.deals", "", None),
    ("GET deals_api.show_deal", "deal", None),
    # flows
    ("GET contracts_api.list_flows", "", None),
    ("GET contracts_api.show_flow", "flow_draft", None),
    ("POST contracts_api.rescind", "flow_draft", _REASON),
    ("GET contracts_api.list_documents", "flow_draft", None),
    ("GET contracts_api.show_document", "document", None),
    ("GET contracts_api.read_document", "document", None),
    ("GET contracts_api.show_contract", "flow_draft", None),
    ("PATCH contracts_api.edit_contract", "flow_draft", {"clauses": {"other": "培训两次"}}),
    ("POST contracts_api.finalise", "flow_draft", None),
    ("POST contracts_api.reopen", "flow_final", None),
    ("POST contracts_api.sign", "flow_final", {"sha256": "@sha256"}),
    ("POST contracts_api.give_consents", "flow_asked", {"consents": ["@consent"], "document": "@proof_asked"}),
    ("POST contracts_api.refuse_consent", "consent", None),
    ("POST contracts_api.declare_export", "flow_abroad", {"category": "free"}),
    ("POST contracts_api.apply_export", "flow_declared", {"certificate_no": "EX-1", "document": "@proof_declared"}),
    ("POST contracts_api.clear_export", "flow_applying", None),
    ("POST contracts_api.refuse_export", "flow_applying", _REASON),
    # money
    ("POST contracts_api.receive_price", "flow_signed", {"amount": YUAN, "bank_reference": "BANK-0001"}),
    ("POST contracts_api.take_back_receipt", "flow_funded", {"bank_reference": "@receipt", "reason": "记错"}),
    ("GET contracts_api.list_payouts", "", None),
    ("POST contracts_api.request_payout", "", {"party": "@party", "amount": {"amount": "1.00", "currency": "CNY"}}),
    ("POST contracts_api.approve_payout", "payout", {"bank_reference": "OUT-0001"}),
    ("POST contracts_api.refuse_payout", "payout", None),
    ("GET contracts_api.check_certificate", "certificate", None),
    # registrations, filings, notices
    ("POST contracts_api.apply_registration", "flow_signed", {"contact": "林知夏"}),
    ("GET contracts_api.list_registrations", "", None),
    ("GET contracts_api.show_registration", "registration_accepted", None),
    ("POST contracts_api.accept_registration", "registration_applied", None),
    ("POST contracts_api.ask_supplement", "registration_accepted", {"note": "请补充"}),
    ("POST contracts_api.supplement_registration", "registration_supplement", {"document": "@proof_supplement"}),
    ("POST contracts_api.pass_on", "registration_large", None),
    ("POST contracts_api.decide_registration", "registration_accepted",
     {**_DATED, "register": True, "number": "3501202600000001", "document": "@proof_accepted"}),
    ("POST contracts_api.cancel_registration", "registration_accepted", _REASON),
    ("POST contracts_api.revoke_registration", "registration_registered", _REASON),
    ("GET contracts_api.list_filings", "flow_draft", None),
    ("GET contracts_api.show_filing", "filing_funded", None),
    ("POST contracts_api.submit_filing", "filing_funded", {}),
    ("POST contracts_api.pay_fee", "filing_filed", {"receipt": "FEE-0001"}),
    ("POST contracts_api.answer_filing", "filing_asking", {"document": "@proof_asking"}),
    ("POST contracts_api.enter_notice", "filing_paid", {**_DATED, "code": "200028", "document": "@proof_paid"}),
    ("GET contracts_api.show_notice", "notice", None),
    ("POST contracts_api.verify_notice", "notice", None),
    ("POST contracts_api.reject_notice", "notice", _REASON),
    # search
    ("GET search_api.find", "", None),
)  # fmt: skip

_PAGES: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    # the house
    ("GET site.healthz", "", None),
    ("GET site.readyz", "", None),
    ("GET site.metrics", "", None),
    ("GET site.robots", "", None),
    ("GET site.sitemap", "", None),
    ("GET site.help", "", None),
    ("GET site.language", "", None),
    ("POST site.language", "", {"lang": "en"}),
    ("POST site.theme", "", {"theme": "dark"}),
    ("GET site.styleguide", "", None),
    ("GET api.docs", "", None),
    ("GET api.document", "", None),
    # the door
    ("GET parties.sign_in", "", None),
    ("POST parties.sign_in", "", {"email": "nobody@example.cn", "password": "not the password"}),
    ("GET parties.second", "", None),
    ("POST parties.second", "", {"code": "123456"}),
    ("GET parties.confirm", "", None),
    ("POST parties.confirm", "", {"answer": "seven green lanterns"}),
    ("GET parties.forgot", "", None),
    ("POST parties.forgot", "", {"email": "nobody@example.cn"}),
    ("POST parties.sign_out", "", {}),
    ("GET parties.sign_up", "", None),
    ("POST parties.sign_up", "", {"name": "N", "email": "n@example.cn", "password": "nine herons at dawn"}),
    ("GET parties.found", "", None),
    ("POST parties.found", "", ORGANISATION),
    # one's own account
    ("GET parties.account", "", None),
    ("GET parties.person", "", None),
    ("POST parties.person", "", {"name": "林知夏", "locale": "en"}),
    ("GET parties.password", "", None),
    ("POST parties.password", "", {"present": "seven green lanterns", "new": "eight grey herons"}),
    ("POST parties.begin_second", "", {}),
    ("GET parties.second_factor", "", None),
    ("POST parties.second_factor", "", {"code": "123456"}),
    ("POST parties.recovery_codes", "", {}),
    ("POST parties.remove_second", "", {}),
    ("POST parties.end_other_sessions", "", {}),
    ("GET parties.new_token", "", None),
    ("POST parties.new_token", "", {"label": "script", "scopes": ["read"]}),
    ("POST parties.revoke_token", "token", {}),
    ("GET notifications.inbox", "", None),
    ("POST notifications.read", "", {"up_to": "1"}),
    # one's organisation
    ("GET parties.organisation", "", None),
    ("GET parties.edit", "", None),
    ("POST parties.edit", "", {"phone": "0591-1", "country": "CN"}),
    ("GET parties.payout", "", None),
    ("POST parties.payout", "", {"bank_name": "榕海银行", "bank_account": "6222000011112222"}),
    ("GET parties.verification", "", None),
    ("GET parties.names", "", None),
    ("POST parties.names", "", {"name": "曾用名"}),
    ("GET parties.invite", "", None),
    ("POST parties.invite", "", {"email": "new@example.cn", "roles": ["agent"]}),
    ("GET parties.member", "member", None),
    ("POST parties.member", "member", {"roles": ["agent", "finance"]}),
    ("POST parties.remove_member", "member", {}),
    ("POST parties.switch", "", {"party": "@party"}),
    ("GET parties.show", "party", None),
    ("GET parties.check", "waiting", None),
    ("POST parties.check", "waiting", {"decision": "verify", **_REASON}),
    ("POST parties.verify_name", "waiting", {"name": "旧名企业"}),
    # the desk
    ("GET desk.index", "", None),
    ("GET desk.system", "", None),
    ("GET desk.find", "", None),
    ("POST desk.advance", "", {"days": "1"}),
    ("GET desk.audit_heads", "", None),
    # rights
    ("GET rights.index", "", None),
    ("GET rights.import_", "", None),
    ("GET rights.import_template", "", None),
    ("GET rights.imported", "import", None),
    ("POST rights.start_import", "import", {}),
    ("GET rights.import_problems", "import_done", None),
    ("GET rights.import_marked", "import_done", None),
    ("GET rights.check_", "", None),
    ("POST rights.check_", "", {"numbers": "CN120000001B"}),
    ("GET rights.show", "right", None),
    ("POST rights.claim", "right", {}),
    ("POST rights.give_up", "right", {}),
    ("GET rights.complete", "right", None),
    ("POST rights.complete", "right", {"title_en": "Membrane"}),
    ("GET watches.index", "", None),
    ("POST watches.index", "", {"numbers": "CN120000002B"}),
    ("POST watches.begin", "right", {}),
    ("POST watches.end", "right", {}),
    ("GET confirmations.index", "", None),
    ("POST confirmations.index", "", {"numbers": "CN120000001B"}),
    # money
    ("GET ledger.index", "", None),
    ("GET ledger.proof", "", None),
    # listings
    ("GET listings.home", "", None),
    ("GET listings.mine", "", None),
    ("GET listings.new", "", None),
    ("POST listings.new", "", {"kind": "transfer", "right_refs": ["@right"]}),
    ("GET listings.show", "listed", None),
    ("GET search.similar", "listed", None),
    ("GET listings.edit", "draft", None),
    ("GET listings.check", "draft", None),
    ("POST listings.submit", "draft", {}),
    ("POST listings.resume", "suspended", {}),
    ("GET listings.price", "listed", None),
    ("POST listings.price", "listed", {"price": "900000"}),
    ("GET listings.withdraw", "listed", None),
    ("POST listings.withdraw", "listed", _REASON),
    ("GET listings.object_to", "public", None),
    ("POST listings.object_to", "public", {"text": "作价偏低"}),
    ("GET listings.review", "submitted", None),
    ("POST listings.approve", "submitted", {}),
    ("POST listings.reject", "submitted", _REASON),
    # offers and deals
    ("GET deals.make", "public", None),
    ("POST deals.make", "public", {"price": "900000", "valid_days": "7"}),
    ("GET deals.offers", "", None),
    ("GET deals.offer", "offer", None),
    ("GET deals.counter", "offer", None),
    ("POST deals.counter", "offer", {"price": "900000", "valid_days": "7"}),
    ("GET deals.accept", "offer", None),
    ("POST deals.accept", "offer", {}),
    ("POST deals.decline", "offer", {}),
    ("POST deals.withdraw", "offer", {}),
    ("GET deals.index", "", None),
    ("GET deals.show", "deal", None),
    # flows
    ("GET contracts.index", "", None),
    ("GET contracts.show", "flow_draft", None),
    ("GET contracts.document", "document", None),
    ("GET contracts.rescind", "flow_draft", None),
    ("POST contracts.rescind", "flow_draft", _REASON),
    ("GET contracts.contract", "flow_draft", None),
    ("GET contracts.edit", "flow_draft", None),
    ("POST contracts.edit", "flow_draft", {"payment_mode": "LUMP", "clause_other": "培训两次"}),
    ("POST contracts.finalise", "flow_draft", {}),
    ("POST contracts.reopen", "flow_final", {}),
    ("POST contracts.sign", "flow_final", {"sha256": "@sha256"}),
    ("GET contracts.consents", "flow_asked", None),
    ("POST contracts.refuse_consent", "consent", {}),
    ("GET contracts.export", "flow_abroad", None),
    ("POST contracts.export_declare", "flow_abroad", {"category": "free"}),
    ("POST contracts.export_clear", "flow_applying", {}),
    ("POST contracts.export_refuse", "flow_applying", _REASON),
    ("GET contracts.receipt", "flow_signed", None),
    ("POST contracts.receive", "flow_signed", {"amount": "900000", "bank_reference": "BANK-0001"}),
    ("POST contracts.take_back", "flow_funded", {"bank_reference": "@receipt", "reason": "记错"}),
    ("GET contracts.money", "", None),
    ("POST contracts.request_payout", "", {"party": "@party", "amount": "1"}),
    ("POST contracts.approve_payout", "payout", {"bank_reference": "OUT-0001"}),
    ("POST contracts.refuse_payout", "payout", {}),
    # registrations, filings, notices, certificates
    ("GET contracts.register", "flow_signed", None),
    ("POST contracts.register", "flow_signed", {"contact": "林知夏"}),
    ("GET contracts.registrations", "", None),
    ("GET contracts.registration", "registration_accepted", None),
    ("POST contracts.accept_registration", "registration_applied", {}),
    ("POST contracts.ask_supplement", "registration_accepted", {"note": "请补充"}),
    ("POST contracts.pass_on_registration", "registration_large", {}),
    ("POST contracts.cancel_registration", "registration_accepted", _REASON),
    ("POST contracts.revoke_registration", "registration_registered", _REASON),
    ("GET contracts.filing", "filing_funded", None),
    ("POST contracts.submit_filing", "filing_funded", {}),
    ("POST contracts.pay_fee", "filing_filed", {"receipt": "FEE-0001"}),
    ("GET contracts.notice", "notice", None),
    ("POST contracts.verify_notice", "notice", {}),
    ("POST contracts.reject_notice", "notice", _REASON),
    ("GET contracts.verify", "", None),
    # search
    ("GET search.index", "", None),
)

_REST: tuple[Call, ...] = (
    # paths with more than one part, or with a part that is no reference
    Call("DELETE parties_api.withdraw_invitation", {"ref": "@party", "number": "@invitation"}),
    Call("PATCH parties_api.change_member", {"ref": "@party", "user_ref": "@member"}, {"roles": ["agent", "finance"]}),
    Call("DELETE parties_api.remove_member", {"ref": "@party", "user_ref": "@member"}),
    Call("GET ledger_api.statement", {"address": "@account"}),
    Call("GET search_api.suggest", {"q": "纳滤"}),
    Call("GET static", {"filename": "rongyi.css"}),
    Call("GET site.guide", {"guide": "selling"}),
    Call("GET parties.reset", {"token": "@reset"}),
    Call("POST parties.reset", {"token": "@reset"}, {"new": "eight grey herons"}),
    Call("POST parties.end_session", {"number": "@session"}, {}),
    Call("GET parties.invited", {"number": "@invitation"}),
    Call("POST parties.withdraw_invitation", {"number": "@invitation"}, {}),
    Call("GET parties.invitation", {"secret": "@invitation_secret"}),
    Call("POST parties.invitation", {"secret": "@invitation_secret"}, {"name": "N", "password": "nine herons at dawn"}),
    Call("POST parties.accept", {"secret": "@invitation_called"}, {}),
    Call("GET parties.paper", {"ref": "@party", "document_ref": "@paper"}),
    Call("GET desk.queue", {"key": "flows"}),
    Call("POST desk.retry", {"id_": "@delivery"}, {}),
    Call("GET ledger.account", {"address": "@account"}),
    Call("GET listings.edit_part", {"ref": "@draft", "part": "description"}),
    Call("POST listings.edit_part", {"ref": "@draft", "part": "description"}, {"title": "新的标题"}),
    Call("POST listings.decide", {"ref": "@public", "objection": "@objection"},
         {"upheld": "false", "decision": "作价合理"}),
    Call("GET confirmations_api.read_confirmation", {"code": "@confirmation"}),
    Call("GET confirmations_api.download_confirmation", {"code": "@confirmation"}),
    Call("GET confirmations.show", {"code": "@confirmation"}),
    Call("GET confirmations.document", {"code": "@confirmation"}),
    Call("GET contracts.certificate", {"code": "@certificate"}),
    Call("POST contracts.revoke", {"code": "@certificate"}, _REASON),
    # with a file
    Call("POST parties_api.give_paper", {"ref": "@party"}, {"kind": "licence"}, _SCAN),
    Call("POST rights_api.import_rights", {}, {}, {"file": ("清单.jsonl", ROW)}),
    Call("POST contracts_api.add_document", {"ref": "@flow_draft"}, {}, _SCAN),
    Call("POST parties.verification", {}, {}, {"licence": ("执照.pdf", PDF)}),
    Call("POST rights.import_", {}, {}, {"file": ("清单.jsonl", ROW)}),
    Call("POST contracts.consents", {"ref": "@flow_asked"}, {"consent": "@consent"}, _SCAN),
    Call("POST contracts.export_apply", {"ref": "@flow_declared"}, {"certificate_no": "EX-1"}, _SCAN),
    Call("POST contracts.supplement_registration", {"ref": "@registration_supplement"}, {"note": "见附件"}, _SCAN),
    Call("POST contracts.decide_registration", {"ref": "@registration_accepted"},
         {**_DATED, "register": "true", "number": "3501202600000001"}, _SCAN),
    Call("POST contracts.answer_supplement", {"ref": "@filing_asking"}, {"note": "见附件"}, _SCAN),
    Call("POST contracts.enter_notice", {"ref": "@filing_paid"}, {**_DATED, "code": "200028"}, _SCAN),
    Call("POST contracts.compare", {"code": "@certificate"}, {}, {"file": ("证书.pdf", PDF)}),
)  # fmt: skip


def _one(key: str, thing: str, body: dict[str, Any] | None) -> Call:
    part = "code" if thing == "certificate" else "ref"
    return Call(key, {part: f"@{thing}"} if thing else {}, body)


CALLS: dict[str, Call] = {call.key: call for call in (*(_one(*row) for row in (*_API, *_PAGES)), *_REST)}
"""``METHOD endpoint`` to its call."""


def routes(app: Flask) -> Iterator[str]:
    """Every method and endpoint of ``app``."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"{method} {rule.endpoint}"
