"""Whole journeys by clicking, in both languages, with everything that happens to people on the way.

They run on the demo market behind gunicorn. Where money moves or somebody is bound, the button is clicked twice, or
the answer gets lost: the act must count once, and the page must tell the truth afterwards.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date, datetime
from random import Random

import pytest
from playwright.sync_api import Page, expect

from exchange.core import clock
from exchange.demo import PASSWORD as DEMO_PASSWORD
from exchange.demo import words
from exchange.rights.template import HEADERS
from tests.browser.conftest import Market
from tests.browser.people import Person
from tests.browser.steps import hold
from tests.flows.server import until

Visit = Callable[..., Page]
Accessible = Callable[[Page], None]

PDF = b"%PDF-1.7 a scan with a seal"
SELLER, BUYER = "榕江理工大学", "三明石云茶业有限公司"


def given_file(lang: str, count: int) -> tuple[list[words.Invention], list[list[str]]]:
    """Patents of the office, and a table of them with one number that cannot be."""
    dice = Random(f"journey {lang} {count}")
    made = [words.invention(dice, date(2026, 1, 1)) for _ in range(count)]
    names = [header for header, _width, _needed in HEADERS]
    rows = [names]
    for one in made:
        row = dict.fromkeys(names, "")
        row["申请号 Application no."] = one.app_no
        row["公开（公告）号 Publication no."] = one.pub_no
        row["名称 Title"] = one.title
        row["权利人 Owners"] = SELLER
        row["发明（设计）人 Inventors"] = ";".join(one.inventors)
        row["申请日 Filing date"] = one.filed_on.isoformat()
        row["公开（公告）日 Publication date"] = one.granted_on.isoformat()
        row["授权日 Grant date"] = one.granted_on.isoformat()
        row["分类号 IPC"] = ";".join(one.ipc)
        row["摘要 Abstract"] = one.abstract
        rows.append([row[name] for name in names])
    return made, rows


def as_csv(rows: list[list[str]]) -> bytes:
    """A table as a file that spreadsheet programs write."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


class Town:
    """Everybody in the walk, each in a browser of their own."""

    def __init__(self, visit: Visit, lang: str, look: Accessible) -> None:
        seen: set[str] = set()

        def come(who: str | None) -> Person:
            return Person(visit(who, lang), lang, look=look, seen=seen)

        self.visitor = come(None)

        self.tto, self.signer = come("tto"), come("tto.signer")
        self.buyer, self.buyer_signer = come("buyer"), come("buyer.signer")
        self.operator, self.reviewer = come("operator"), come("reviewer")
        self.cashier, self.cashier2 = come("cashier"), come("cashier2")
        self.registrar = come("registrar")

    def pass_days(self, days: int) -> None:
        """Let time pass, as the operator of a development machine can."""
        self.operator.open("/desk/system").fill("Days", str(days)).press("Put the clock forward")

    def today(self) -> date:
        """The day in Beijing on the exchange's clock."""
        shown = self.operator.open("/desk/system").main.locator("section").last.locator("time").first
        return clock.beijing(datetime.fromisoformat(shown.get_attribute("datetime") or "")).date()


def import_and_mend(tto: Person, rows: list[list[str]], name: str) -> None:
    """Upload a file with a wrong row, read what is wrong, mend it, upload it again."""
    broken = [list(row) for row in rows]
    digit = broken[1][1][-1]
    broken[1][1] = broken[1][1][:-1] + ("1" if digit != "1" else "2")
    with tto.task("import"):
        tto.open("/rights").follow("Import a file")
        tto.attach("File", name, as_csv(broken)).press("Upload and look at it")
        tto.sees("How the file is understood").press_twice("Import this file")
        tto.sees("Remarks by row").sees_plain(f"{broken[1][1][:12]}.{broken[1][1][12:]}")
        tto.follow("Import").attach("File", name, as_csv(rows)).press("Upload and look at it")
        tto.press("Import this file")
        expect(tto.main.get_by_text(tto.say("Remarks by row"))).to_have_count(0)


def list_right(town: Town, title: str) -> str:
    """The office completes the right, writes the listing, the reviewer publishes it; its address."""
    tto, reviewer = town.tto, town.reviewer
    with tto.task("list"):
        tto.follow("To my rights").follow_plain(title).follow("Complete")
        tto.choose("Legal status", "In force").fill("Where the status was read", "登记簿副本")
        tto.fill("Annual fees paid up to patent year", "8").press("Save")
        tto.follow("List it").tick("Transfer")
        expect(tto.main.get_by_label(title).first).to_be_checked()
        tto.press("Make the draft").follow("Description")
        tto.fill("What a buyer can do with it", "已完成中试，可供样品。").press("Save and go on")
        tto.follow("Price and terms").fill("Asking price", "480,000").press("Save and go on")
        tto.follow("Consents and decisions").fill("Internal decision", "会议纪要第12号")
        tto.tick("The inventors know of the sale and its terms").press("Save and go on")
        tto.follow("Check and submit").press_twice("Submit for review").sees(
            "Submitted. The exchange reviews it and tells you the outcome."
        )
    with reviewer.task("review"):
        reviewer.open("/desk").follow("Review “%(title)s”", title=title)
        reviewer.press_twice("Publish").sees("Published.")
    return re.sub(r"/review$", "", reviewer.page.url)


def find_and_agree(town: Town, title: str) -> str:
    """The enterprise finds it, offers, gets an answer, accepts; the address of the one-stop file."""
    tto, buyer = town.tto, town.buyer

    def found() -> bool:
        buyer.page.goto(f"/search?q={title}")
        return buyer.main.get_by_role("link", name=title).count() > 0

    until("search finds the listing", found)
    with buyer.task("find"):
        buyer.open("/search")
        buyer.page.get_by_role("searchbox").first.fill(title)
        buyer.page.get_by_role("searchbox").first.press("Enter")
        buyer._count(pages=1, fields=1, signs=3 * len(title))
        buyer.follow_plain(title)
    with buyer.task("offer"):
        buyer.follow("Make an offer").fill("Your price", "420,000")
        buyer.press_into_the_void("Make the offer")
        buyer.open("/offers").follow_plain(title)
        buyer.sees_plain("420,000")
    with tto.task("answer"):
        tto.open("/desk").follow("Answer the offer of %(name)s", name=BUYER)
        tto.follow("Answer with other terms").fill("Your price", "480,000")
        tto.press_twice("Send the answer").sees("Your answer is in. Now it is the other side's turn.")
    with buyer.task("accept"):
        buyer.open("/desk").follow("Answer the offer of %(name)s", name=SELLER).follow("Accept the offer")
        buyer.sees_plain("肆拾捌万元整").press_twice("Accept and make the deal").sees(
            "The deal is made. The contract is the next step."
        )

    def opened() -> bool:
        buyer.page.reload()
        return buyer.link("To the one-stop file").count() > 0

    until("the file of the deal opens", opened)
    buyer.follow("To the one-stop file")
    return buyer.page.url


def contract_and_signatures(town: Town, file: str) -> None:
    """Inventors' waiver, the text is fixed, publicity passes, both sides sign."""
    tto = town.tto
    with tto.task("contract"):
        tto.open(file).follow("Consents")
        for box in tto.main.get_by_role("checkbox").all():
            box.check()
        tto.attach("File", "放弃优先受让权声明.pdf", PDF).press_twice("Enter the consent").sees(
            "Entered. The papers are in the file."
        )
        tto.open(f"{file}/contract").press("Fix the text").sees(
            "The text is fixed. Both sides can read and sign it now."
        )
    expect(tto.button("Sign this text")).to_have_count(0)
    town.pass_days(17)
    for signer in (town.signer, town.buyer_signer):
        with signer.task("sign"):
            signer.open(file).follow("Do it")
            signer.press_twice("Sign this text")
            if "/login/confirm" in signer.page.url:
                confirm_who(signer)
                signer.press("Sign this text")
            signer.sees("Signed. The signature stands in the record.")


def confirm_who(person: Person) -> None:
    """Type the password where the exchange wants to know who sits there."""
    if "/login/confirm" in person.page.url:
        person.fill("Password", DEMO_PASSWORD).press("Confirm")


def pay_register_file(town: Town, file: str, mark: str) -> None:
    """Escrow, registration and change of owner run side by side, each from the one file."""
    cashier, tto, registrar, reviewer, buyer = (
        town.cashier, town.tto, town.registrar, town.reviewer, town.buyer,
    )  # fmt: skip
    with cashier.task("receipt"):
        cashier.open("/desk").follow("Match the payment of %(name)s", name=BUYER)
        cashier.open(f"{file}/receipt").fill("The bank’s reference", f"BANK-{mark}")
        cashier.press_into_the_void("Book the receipt")
    cashier.open(file)
    expect(cashier.main.get_by_role("cell").filter(has_text=f"BANK-{mark}")).to_have_count(1)
    day = town.today()
    with tto.task("one application"):
        tto.open(f"{file}/registration").press_twice("Apply for registration").sees(
            "Applied for. The registrar answers here."
        )
    with registrar.task("examine"):
        registrar.open(file).follow("Do it").press_twice("Accept the application")
    with registrar.task("answer of the registrar"):
        registrar.tick("Register").fill("Number", f"35012026{mark}").on("Dated", day)
        registrar.attach("File", "技术合同登记证明.pdf", PDF).press_twice("Enter the answer")
    with reviewer.task("verify notices"):
        reviewer.open("/desk").follow("Verify notice %(number)s", number=f"35012026{mark}")
        reviewer.press_twice("Verified: it is from the registrar")
    with buyer.task("file"):
        filing = buyer.open(file).follow("Do it").page.url
        buyer.press_twice("Filed at the office").open(filing)
        buyer.fill("Number of the office’s receipt", f"FEE-{mark}").press_into_the_void("The fee is paid")
        buyer.open(filing).sees_plain(f"FEE-{mark}")
        buyer.tick("Notice that the procedure qualifies (200028)")
        buyer.fill("Dispatch number", f"2026{mark}").on("Date of dispatch", day)
        buyer.attach("File", "手续合格通知书.pdf", PDF).press_twice("Enter the notice")
    with reviewer.task("verify notices"):
        reviewer.open("/desk").follow("Verify notice %(number)s", number=f"2026{mark}")
        reviewer.press_twice("Verified: it is from the office").sees("The deal is complete")


def pay_out(town: Town, file: str, mark: str) -> str:
    """One officer asks for the payout, another confirms it; then anybody verifies the certificate."""
    cashier, second = town.cashier, town.cashier2
    with cashier.task("request payout"):
        cashier.open("/desk").follow("Pay out the balance of %(name)s", name=SELLER)
        address = cashier.page.url
        row = cashier.main.locator("li").filter(has_text=SELLER)
        ask = row.get_by_role("button", name=cashier.say("Request the payout"))
        cashier.lose_the_answer(ask.dblclick)
        cashier.open(address)
        expect(row.get_by_role("button", name=cashier.say("Request the payout"))).to_have_count(0)
    with second.task("confirm payout"):
        second.open("/desk").follow("Approve the payout for %(name)s", name=SELLER)
        address = second.page.url
        second.fill("The bank’s reference", f"OUT-{mark}").press_into_the_void("The bank has paid")
        second.open(address)
        if second.button("The bank has paid").count():  # a fresh proof was asked for, and its page got lost
            second.fill("The bank’s reference", f"OUT-{mark}").press("The bank has paid")
            confirm_who(second)
            second.fill("The bank’s reference", f"OUT-{mark}").press_into_the_void("The bank has paid")
            second.open(address)
        second.sees_plain(f"OUT-{mark}")
    town.buyer.open(file).follow("Transaction certificate").sees("This certificate is genuine and valid")
    return town.buyer.page.url.rpartition("/")[2]


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_the_whole_walk(lang: str, visit: Visit, accessible: Accessible, market: Market) -> None:
    town = Town(visit, lang, accessible)
    mark = {"zh-CN": "00000001", "en": "00000002"}[lang]
    made, rows = given_file(lang, 200)
    import_and_mend(town.tto, rows, f"专利清单{mark}.csv")
    list_right(town, made[0].title)
    file = find_and_agree(town, made[0].title)
    contract_and_signatures(town, file)
    pay_register_file(town, file, mark)
    code = pay_out(town, file, mark)
    visitor = town.visitor
    visitor.open("/verify").fill("Verification code", code).press("Verify")
    with visitor.task("verify by QR"):
        visitor.open(f"/verify/{code}")
        visitor.sees("This certificate is genuine and valid").sees_plain(BUYER)
    assert '"ok": true' in market.exchange.flask("ledger", "verify", "--json")
    hold(task for person in vars(town).values() for task in person.tasks)
