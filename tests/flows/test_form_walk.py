"""The whole story once more by hand: eight people, a real server, and nothing but links and forms.

Every step at which money moves or somebody is bound is sent by a double click: two requests at the same moment, with
the same hidden tokens, that must act once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from contracts.models import Certificate, OfficeNotice, Payout
from exchange.core import clock, kept
from exchange.core.db import session, transaction
from exchange.deals.models import Deal, Offer
from exchange.demo import words
from exchange.ledger.models import Entry
from exchange.parties.models import PartyKind, Role, Session
from tests.crash.test_crash import patents
from tests.flows.reader import Page, Reader
from tests.flows.server import PASSWORD, Exchange, until
from tests.parties.given import PASSWORD as STAFF_PASSWORD
from tests.parties.given import given_party, given_user

PDF = b"%PDF-1.7 a scan with a seal"
SELLER, BUYER = "榕江理工大学", "福州澄川膜材料有限公司"
ASKED, OFFERED = "480,000", "420,000"


class Street:
    """A running exchange with its database at hand, and everybody's browser."""

    def __init__(self, app: Flask, exchange: Exchange) -> None:
        self.app = app
        self.exchange = exchange
        self.readers: list[Reader] = []

    def reader(self) -> Reader:
        """Somebody who has just come in."""
        made = Reader(self.exchange.url)
        self.readers.append(made)
        return made

    def staff(self, party: PartyKind, name: str, *roles: Role) -> list[Reader]:
        """People of the exchange, set up from the machine, each signed in."""
        with self.app.app_context():
            house = given_party(party, name=name, region="350100")
            emails = [given_user(house, role).email for role in roles]
        return [self.sign_in(self.reader(), email, STAFF_PASSWORD) for email in emails]

    def sign_in(self, reader: Reader, email: str, password: str) -> Reader:
        form = reader.open("/login").form("Sign in")
        form.fill("E-mail address", email).fill("Password", password).send()
        return reader

    def count(self, model: type) -> int:
        """How many rows there are."""
        with self.app.app_context():
            return session.scalar(select(func.count()).select_from(model)) or 0

    def once(self, model: type, act: Callable[[], Page]) -> Page:
        """Assert that ``act``, however often it is clicked, makes one row more."""
        before = self.count(model)
        page = act()
        assert self.count(model) == before + 1
        return page

    def coffee(self) -> None:
        """Everybody's proof of who sits at the keyboard has grown old."""
        with self.app.app_context(), transaction():
            session.execute(update(Session).values(second_factor_at=datetime.now(UTC) - timedelta(hours=1)))

    def today(self) -> date:
        """The day on the exchange's clock."""
        with self.app.app_context():
            kept.read_clock()
            return clock.today()


@pytest.fixture
def street(make_clean_app: Callable[..., Flask], tmp_path: Path) -> Iterator[Street]:
    app = make_clean_app()
    exchange = Exchange(app.config["SQLALCHEMY_DATABASE_URI"], tmp_path / "app0")
    made = Street(app, exchange)
    try:
        exchange.start()
        yield made
    finally:
        for reader in made.readers:
            reader.close()
        exchange.stop()


def register(street: Street, operator: Reader, name: str, kind: str, email: str) -> Reader:
    """A login, an organisation, its papers; the operator compares them; every role and a bank account."""
    dice = Random(name)
    person = words.person(dice)
    reader = street.reader()
    form = reader.open("/register").form("Save and continue")
    form.fill("Your name", person).fill("E-mail address", email).fill("Password", PASSWORD)
    form = form.send().form("Save and continue")
    form.fill("Kind", kind).fill("Full name", name).fill("Region", "Fuzhou")
    wrong = form.fill("Unified social credit code", "91350100123456789X").send(expect=422)
    form = wrong.says("1 thing needs to be corrected").form("Save and continue")
    assert form.shows("Full name") == name, "what was typed is still there"
    form.fill("Unified social credit code", words.credit_code(dice, "350100", public=kind == "University"))
    page = form.send().says(f"{name} is registered")
    form = page.form("Send for verification")
    form.attach("Business licence or certificate of legal person", "营业执照.pdf", PDF)
    form.send().says("The exchange checks your papers now")

    page = operator.open("/desk").follow(f"Verify {name}").says("营业执照.pdf")
    form = page.form("Verified: it is who it says").fill("Reason", "Papers compared with the originals.")
    form.send().says(f"Decided: {name}")

    form = reader.open("/organisation").says("Verified").follow(f"Change {person}").form("Save the roles")
    form.choose("Roles", "Agent", "Signer", "Finance").send().says("Saved.", "Signer")
    form = reader.open("/organisation").follow("Change Account for payouts").form("Save")
    form.fill("Bank and branch", "榕海银行").fill("Account number", "6222000011112222").send()
    reader.open("/organisation").says("ending in 2222")
    return reader


def bring_in(tto: Reader, file: Path) -> Page:
    """The office uploads its export, looks at it, imports it, and completes the first right."""
    form = tto.open("/rights").follow("Import a file").form("Upload and look at it")
    page = form.attach("File", file.name, file.read_bytes()).send()
    page.says("How the file is understood", SELLER)
    done = page.form("Import this file").double_click().says("Read 3 rows", "Added 3", "Rejected 0")
    title = json.loads(file.read_text().splitlines()[0])["title"]
    right = done.follow("To my rights").says("3 rights").follow(title)
    form = right.says("not known yet").follow("Complete").form("Save")
    filed = clock.today() - timedelta(days=700)
    form.fill("Application number", words.application_number(Random(1), filed.year, "1"))
    form.on("Filing date", filed).on("Date of grant", clock.today() - timedelta(days=100))
    form.fill("Legal status", "In force").on("Status as of", clock.today())
    form.fill("Where the status was read", "register extract")
    form.fill("Annual fees paid up to patent year", "5")
    return form.send().says("The right is completed", "Listing possible")


def list_it(street: Street, tto: Reader, reviewer: Reader, right: Page) -> str:
    """The wizard, task by task, and the review; the title of the listing."""
    title = str(right.soup.h1.text) if right.soup.h1 else ""
    form = tto.open("/listings").follow("List a right").form("Make the draft")
    draft = form.choose("What is offered", "Transfer").choose("Rights", title).send()
    draft.says("Opens when nothing is missing.")
    form = draft.follow("Description").form("Save and go on")
    draft = form.fill("What a buyer can do with it", "已完成中试,可供吨级样品。").send()
    draft = draft.follow("Price and terms").form("Save and go on").fill("Asking price", ASKED).send()
    form = draft.follow("Consents and decisions").form("Save and go on")
    form.fill("Internal decision", "会议纪要第12号")
    draft = form.tick("The inventors know of the sale and its terms").send()
    page = draft.follow("Check and submit").says(
        "Your price will be made public", "480,000", "会议纪要第12号"
    )
    page = page.form("Submit for review").double_click().says("Submitted.")
    visitor = street.reader()
    visitor.open(page.path, expect=404).says("There is nothing here")
    page = reviewer.open("/desk").follow(f"Review “{title}”").says("会议纪要第12号")
    page.form("Publish").double_click().says("Published.")
    visitor.open(page.path.removesuffix("/review")).says("480,000").does_not_say("会议纪要第12号")
    return title


def agree(street: Street, tto: Reader, buyer: Reader, title: str) -> Page:
    """The enterprise finds it by words, offers, is answered with a counter-offer, and accepts: the deal."""

    def found() -> Page | None:
        form = buyer.open("/search").form("Search")
        page = form.fill("Search rights", title[:8]).send()
        return page if page.has(title) else None

    listing = until("search finds the listing", found).follow(title)
    form = listing.follow("Make an offer").form("Make the offer")
    assert form.shows("Your price") == ASKED, "the asking price is the beginning"
    form.fill("Your price", OFFERED).fill("Message to the other side", "希望两周内签约。")
    page = street.once(Offer, form.double_click).says("Your offer is in", OFFERED, "Waiting for")
    page = tto.open("/desk").follow(f"Answer the offer of {BUYER}").says("希望两周内签约。")
    form = page.follow("Answer with other terms").form("Send the answer")
    street.once(Offer, form.fill("Your price", ASKED).double_click).says("Your answer is in")
    page = buyer.open("/desk").follow(f"Answer the offer of {SELLER}").follow("Accept the offer")
    accept = page.says("480,000", "肆拾捌万元整").form("Accept and make the deal")
    return street.once(Deal, accept.double_click).says("The deal is made", "480,000")


def sign(street: Street, operator: Reader, tto: Reader, buyer: Reader, file: str) -> None:
    """Consents by an uploaded paper, the text is fixed, publicity passes, both sign with a fresh proof."""
    if "Consents" in tto.open(file).text:
        form = tto.open(file).follow("Consents").form("Enter the consent")
        form.choose_all("Whose answer is it?").attach(
            "File", "放弃优先受让权声明.pdf", PDF
        ).double_click().says("Entered.")
    contract = (
        tto.open(f"{file}/contract")
        .press("Fix the text")
        .says("The text is fixed", "The price is public until")
    )
    assert not contract.offers("Sign this text"), "15 days of publicity are enforced"
    form = operator.open("/desk/system").form("Put the clock forward")
    form.fill("Days", "17").send()
    street.coffee()
    for reader, signer in ((tto, SELLER), (buyer, BUYER)):
        contract = reader.open(f"{file}/contract").says("You sign for your organisation", "肆拾捌万元整")
        page = contract.form("Sign this text").send().says("Confirm that it is you")
        wrong = page.form("Confirm").fill("Password", "not my password").send(expect=422)
        page = wrong.form("Confirm").fill("Password", PASSWORD).send()
        page.form("Sign this text").double_click().says("Signed.")
        reader.open(f"{file}/contract").says("Signatures", signer)


def pay(street: Street, cashier: Reader) -> None:
    """The finance officer books the receipt of the price."""
    page = cashier.open("/desk").follow(f"Match the payment of {BUYER}")
    form = page.form("Book the receipt")
    assert form.shows("Amount received") == ASKED
    page = street.once(Entry, form.fill("The bank’s reference", "BANK-0001").double_click)
    page.says("The receipt is booked", "Still to come in 0")


def register_contract(street: Street, tto: Reader, registrar: Reader, reviewer: Reader, file: str) -> None:
    """Application, acceptance, the registrar's answer, and its verification by a reviewer."""
    page = tto.open(f"{file}/registration").form("Apply for registration").double_click()
    page.says("Applied for.")
    page = registrar.open("/desk").follow("Examine the contract").says("480,000")
    page = page.form("Accept the application").double_click().says("Accepted.")
    form = page.form("Enter the answer").choose("Answer", "Register").fill("Number", "3501202600000001")
    form.on("Dated", street.today()).attach("File", "技术合同登记证明.pdf", PDF)
    page = street.once(OfficeNotice, form.double_click).says("The answer waits to be verified")
    page = reviewer.open("/desk").follow("Verify notice 3501202600000001")
    page.form("Verified: it is from the registrar").double_click().says("Verified: 3501202600000001")


def file_change(street: Street, buyer: Reader, reviewer: Reader, file: str) -> Page:
    """The request, its fee, the office's notice, and its verification: owner, escrow and certificate at once."""
    page = buyer.open(file).follow("Do it").form("Filed at the office").double_click()
    page.says("Filed. The form to hand in is among the files.", f"{SELLER}")
    form = page.form("The fee is paid").fill("Number of the office’s receipt", "FEE-0001")
    form.double_click().says("The office examines the request now.")
    form = (
        buyer.open(page.path)
        .form("Enter the notice")
        .choose("Which notice", "Notice that the procedure qualifies (200028)")
    )
    form.fill("Dispatch number", "2026112400001").on("Date of dispatch", street.today())
    form.attach("File", "手续合格通知书.pdf", PDF)
    street.once(OfficeNotice, form.double_click).says("A reviewer of the exchange verifies it.")
    page = reviewer.open("/desk").follow("Verify notice 2026112400001")
    page.says(f"The owner of record becomes {BUYER}", "It is the last right: CNY 470,400")
    return street.once(Certificate, page.form("Verified: it is from the office").double_click)


def pay_out(street: Street, cashier: Reader, cashier2: Reader, tto: Reader) -> None:
    """One officer asks for the payout, another confirms it; the first cannot."""
    page = cashier.open("/desk").follow(f"Pay out the balance of {SELLER}")
    form = page.form("Request the payout")
    assert form.shows("Amount") == "470,400"
    street.once(Payout, form.double_click).says("Another officer approves it", "You asked for it")
    page = cashier2.open("/desk").follow(f"Approve the payout for {SELLER}")
    page = page.form("The bank has paid").fill("The bank’s reference", "OUT-0001").send()
    page = page.says("Confirm that it is you").form("Confirm").fill("Password", STAFF_PASSWORD).send()
    form = page.form("The bank has paid").fill("The bank’s reference", "OUT-0001")
    street.once(Entry, form.double_click).says("Decided", "OUT-0001")
    tto.open("/ledger").says("470,400.00", "0")


def check_certificate(street: Street, file: Page) -> None:
    """Anybody types the code of the certificate and reads it; a wrong code is unknown."""
    sheet = file.follow("Transaction certificate").says("This certificate is genuine and valid", "480,000")
    code = sheet.path.rpartition("/")[2]
    visitor = street.reader()
    form = (
        visitor.open("/verify")
        .form("Verify")
        .fill("Verification code", "-".join(code[i : i + 5] for i in range(0, 26, 5)))
    )
    page = form.send().says("This certificate is genuine and valid", BUYER)
    assert page.path.endswith(code)
    form = page.form("Verify").fill("Verification code", "0" * 26)
    form.send(expect=404).says("There is no certificate with this code")


def test_the_story_by_hand(street: Street, tmp_path: Path) -> None:
    operator, reviewer, cashier, cashier2 = street.staff(
        PartyKind.OPERATOR,
        "榕易平台",
        Role.OPERATOR,
        Role.REVIEWER,
        Role.FINANCE_OFFICER,
        Role.FINANCE_OFFICER,
    )
    (registrar,) = street.staff(PartyKind.REGISTRAR, "榕城登记站", Role.REGISTRAR)
    tto = register(street, operator, SELLER, "University", "tto@uni.example")
    buyer = register(street, operator, BUYER, "Enterprise", "buyer@firm.example")
    right = bring_in(tto, patents(tmp_path / "专利清单.jsonl"))
    title = list_it(street, tto, reviewer, right)
    deal = agree(street, tto, buyer, title)

    def opened() -> Page | None:
        page = deal.go(deal.path)
        return page if page.has("To the one-stop file") else None

    file = until("the file of the deal opens", opened).follow("To the one-stop file").path
    sign(street, operator, tto, buyer, file)
    pay(street, cashier)
    register_contract(street, tto, registrar, reviewer, file)
    file_change(street, buyer, reviewer, file).says("The deal is complete")
    pay_out(street, cashier, cashier2, tto)
    check_certificate(street, buyer.open(file))
    owners = street.reader().open(right.path).says("Owners of record").text.partition("Owners of record")[2]
    assert owners.strip().startswith(BUYER)
    assert json.loads(street.exchange.flask("ledger", "verify", "--json"))["ok"] is True
