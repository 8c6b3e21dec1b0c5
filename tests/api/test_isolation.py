"""Strangers: what belongs to others does not exist for them, in addresses, bodies, lists, counts, search, or words."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.wrappers import Response

from exchange.core import refs
from tests.api.calls import CALLS, Call, named
from tests.api.market import SECRET_WORDS, Market
from tests.api.test_permissions import AGREED, PEOPLE

NO_CODE = "0" * 26
NO_NUMBER = "987654321"
NO_SECRET = "0" * 64

#: Things that everybody may look at: there, a refusal may say that the thing is there.
PUBLIC = {"@right", "@right_claimed", "@listed", "@public", "@party", "@certificate"}

#: Everything in the market that a stranger must not meet: its references and the words only its owners may read.
PRIVATE = (
    "draft", "submitted", "verified", "gated", "rejected", "suspended", "offer", "counter", "objection", "import",
    "import_done", "paper", "token", "user", "member", "consent", "document", "deal", "payout", "notice", "waiting",
    "suspended_party", "confirmation",
)  # fmt: skip
KINDS = ("flow_", "filing_", "proof_", "registration_")


def private_refs(market: Market) -> dict[str, str]:
    return {name: ref for name, ref in market.refs.items() if name in PRIVATE or name.startswith(KINDS)}


def missing(ref: str) -> str:
    """Something of the same shape that is not there."""
    if re.fullmatch(r"[A-Z]{2}-[0-9A-Z]{11}", ref):
        return refs.new(ref[:2])
    if ref.isdigit():
        return NO_NUMBER
    if ref.startswith("party:"):
        return f"party:{refs.new('PT')}"
    return NO_SECRET if len(ref) == len(NO_SECRET) else NO_CODE


def shape(answer: Response, path: str) -> str:
    """An answer without what differs between any two requests: the address asked for, numbers and tokens of forms."""
    text = html.unescape(answer.get_data(as_text=True)).replace(path, "HERE")
    text = text.replace(quote(path), "HERE")
    text = re.sub(r'name="csrf-token" content="[^"]*"', "", text)
    text = re.sub(r'"request_id":\s*"[0-9a-f]+"', "", text)
    text = re.sub(r'name="(csrf_token|_key)" value="[^"]*"', "", text)
    return re.sub(r"\b[0-9a-f]{12}\b", "", text)


def foreign() -> list[str]:
    """Calls that a stranger is refused and that name a thing."""
    column = PEOPLE.index("stranger")
    return [key for key, cells in sorted(AGREED.items()) if cells[column] in ".x" and CALLS[key].path]


@pytest.mark.parametrize("key", foreign())
def test_a_stranger_cannot_tell_a_foreign_thing_from_none(market: Market, key: str) -> None:
    """R-003: the answer to a reference of somebody else is the answer to one that is not there, letter by letter."""
    call = CALLS[key]
    theirs = {name: str(named(value, market.refs)) for name, value in call.path.items()}
    nobodys = {name: missing(ref) if call.path[name].startswith("@") else ref for name, ref in theirs.items()}
    answers = []
    for values in (theirs, nobodys):
        asked = Call(call.key, values, call.body, call.files)
        path = asked.url(market.app, market.refs)
        with (
            market.undone(),
            market.ask("stranger", call.method, path, **asked.sent(market.refs)) as answer,
        ):
            answers.append((answer.status_code, shape(answer, path)))
    if set(call.path.values()) & PUBLIC:
        assert answers[0][0] in {403, 404}
    else:
        assert answers[0] == answers[1]


BY_REFERENCE = [
    ("POST contracts_api.answer_filing", "document", "@proof_abroad"),
    ("POST contracts_api.enter_notice", "document", "@proof_abroad"),
    ("POST contracts_api.give_consents", "document", "@proof_draft"),
    ("POST contracts_api.apply_export", "document", "@proof_draft"),
    ("POST contracts_api.supplement_registration", "document", "@paper"),
    ("POST contracts_api.decide_registration", "document", "@proof_draft"),
]


@pytest.mark.parametrize(("key", "field", "theirs"), BY_REFERENCE)
def test_a_reference_in_a_body_opens_nothing_either(
    market: Market, key: str, field: str, theirs: str
) -> None:
    """A file of another flow, or of a party's papers, proves nothing here, and says no more than one that is not."""
    call = CALLS[key]
    who = next(who for who in ("buyer", "agent", "registrar") if AGREED[key][PEOPLE.index(who)] == "+")
    answers = []
    for ref in (market.refs[theirs[1:]], missing(market.refs[theirs[1:]])):
        body = {**(call.body or {}), field: ref}
        with market.undone():
            answer = market.ask(
                who, call.method, call.url(market.app, market.refs), json=named(body, market.refs)
            )
        answers.append((answer.status_code, shape(answer, ref)))
    assert answers[0][0] in {404, 422}
    assert answers[0] == answers[1]


def test_files_open_only_in_their_own_flow(market: Market) -> None:
    """Papers of a party are no files of a flow, and a flow's files are for its two sides."""
    files = {name: ref for name, ref in market.refs.items() if name.startswith("proof_") or name == "paper"}
    abroad = {"proof_abroad", "proof_declared", "proof_applying", "paper"}
    for name, ref in files.items():
        for path in (f"/documents/{ref}", f"/api/v1/documents/{ref}", f"/api/v1/documents/{ref}/content"):
            for who in ("stranger", "buyer"):
                with market.undone(), market.ask(who, "GET", path) as answer:
                    wanted = 200 if who == "buyer" and name not in abroad else 404
                    assert answer.status_code == wanted, (name, who, path)
    with market.undone():
        own = market.refs["other_party"]
        assert (
            market.ask("stranger", "GET", f"/parties/{own}/documents/{market.refs['paper']}").status_code
            == 404
        )
        assert market.ask("admin", "GET", f"/documents/{market.refs['paper']}").status_code == 404


LISTS = ("flows", "offers", "deals", "payouts", "registrations", "listings?mine=true", "rights?mine=true",
         "ledger/accounts")  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_lists_and_their_counts_are_empty_for_a_stranger(market: Market, path: str) -> None:
    with market.undone():
        mine = market.ask("stranger", "GET", f"/api/v1/{path}").get_json()
        theirs = market.ask("admin", "GET", f"/api/v1/{path}").get_json()
    assert (mine["items"], mine["total"], mine["next"]) == ([], 0, None)
    assert theirs["total"] > 0, "the list is not empty as such"


def let_in(who: str) -> list[str]:
    """What ``who`` can read."""
    column = PEOPLE.index(who)
    return [key for key, cells in sorted(AGREED.items()) if key.startswith("GET ") and cells[column] == "+"]


def read(market: Market, who: str, key: str) -> str:
    """What an address says to ``who``."""
    call = CALLS[key]
    with market.undone(), market.ask(who, "GET", call.url(market.app, market.refs)) as answer:
        found = answer.get_data()
    return html.unescape(found.decode("utf-8", errors="replace"))


@pytest.mark.parametrize("who", ["visitor", "stranger"])
def test_nothing_private_is_read_by_strangers_anywhere(market: Market, who: str) -> None:
    """R-005, R-008: no reference, no word, on any page and in any answer they are let in to."""
    secrets = {**SECRET_WORDS, **private_refs(market)}
    if who == "stranger":
        del secrets["other tenant"]
    leaks = []
    for key in let_in(who):
        asked = {named(value, market.refs) for value in CALLS[key].path.values()}
        text = read(market, who, key)
        leaks += [(key, name) for name, secret in secrets.items() if secret in text and secret not in asked]
    assert leaks == []


SELLERS_OWN = ("bank account", "internal decision", "draft title", "paper", "import", "refusal")


def test_the_other_side_of_a_deal_reads_no_secret_of_the_seller(market: Market) -> None:
    leaks = [
        (key, name)
        for key in let_in("buyer")
        for text in [read(market, "buyer", key)]
        for name in SELLERS_OWN
        if SECRET_WORDS[name] in text
    ]
    assert leaks == []


def test_the_account_for_payouts_is_read_by_administrators_money_and_the_exchange(market: Market) -> None:
    readers = {
        who
        for who in PEOPLE
        for key in let_in(who)
        if who not in {"visitor", "disabled", "expired"}
        and SECRET_WORDS["bank account"] in read(market, who, key)
    }
    assert readers == {"admin", "finance", "operator", "officer", "auditor"}


@pytest.mark.parametrize("words", sorted(SECRET_WORDS.values()))
@pytest.mark.parametrize("who", ["visitor", "stranger"])
def test_the_search_knows_only_what_is_on_offer(market: Market, who: str, words: str) -> None:
    on_offer = {market.refs[name] for name in ("listed", "public")} | _countered(market)
    with market.undone():
        found = market.ask(who, "GET", f"/api/v1/search?q={words}&facets=kind&facets=applicant").get_json()
        said = market.ask(who, "GET", f"/api/v1/search/suggestions?q={words}").get_json()
    assert {hit["ref"] for hit in found["items"]} <= on_offer
    assert found["total"] <= len(on_offer)
    for buckets in found["facets"].values():
        assert all(bucket["count"] <= len(on_offer) for bucket in buckets)
    assert words not in str(said["items"])


def _countered(market: Market) -> set[str]:
    with market.undone():
        listings: Any = market.ask("visitor", "GET", "/api/v1/listings?limit=100").get_json()
    return {one["ref"] for one in listings["items"]}


def test_what_is_on_offer_is_what_is_listed(market: Market) -> None:
    assert _countered(market).isdisjoint(private_refs(market).values())
    assert {market.refs["listed"], market.refs["public"]} <= _countered(market)
