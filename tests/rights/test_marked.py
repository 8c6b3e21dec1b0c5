"""The file of an import given back with what is wrong in a column of its own."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font

from exchange.core.errors import RuleBroken
from exchange.parties.models import Party, Role
from exchange.parties.policy import Actor
from exchange.rights import imports, marked, sandbox
from exchange.rights.formats import marking
from exchange.rights.formats.notes import Note, notes_from_values
from exchange.rights.formats.record import Problem
from exchange.rights.formats.source import Source
from exchange.rights.models import ImportStatus, RightImport
from exchange.rights.sandbox import Limits
from tests.parties.given import given_actor, given_party, signed_in, submit
from tests.rights.given import number, row, write

HEAD = ["名称", "申请号", "公开号", "公开日", "申请人"]


@pytest.fixture
def agent(db_app: Flask) -> Actor:
    return given_actor(given_party(name="甲公司"), Role.AGENT)


def lines() -> list[list[str]]:
    return [
        ["一种膜", number(), "CN199000001A", "2022-05-03", "甲公司"],
        ["另一种膜", "201710601862.4", "CN199000002A", "2022-05-03", "甲公司"],
        ["=1+1", number(), "CN199000003A", "2022-05-03", "乙公司"],
    ]


def workbook(rows: list[list[Any]], *, before: int = 0) -> bytes:
    book = Workbook()
    notes = book.active
    assert notes is not None
    notes.title = "说明"
    notes["A1"] = "=SUM(1,2)"
    sheet = book.create_sheet("专利")
    for _ in range(before):
        sheet.append(["2026年专利清单"])
    sheet.append(HEAD)
    for line in rows:
        sheet.append(line)
        sheet.cell(sheet.max_row, 1).font = Font(italic=True)
    for cell in sheet["A"]:
        if cell.value == "=1+1":
            cell.data_type = "s"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def imported(agent: Actor, data: bytes, name: str) -> RightImport:
    kept = imports.upload(agent, data, name)
    done = imports.start(agent, kept.ref)
    assert done.status is ImportStatus.DONE
    return done


def test_a_workbook_comes_back_as_itself_with_a_column_more(agent: Actor) -> None:
    one = imported(agent, workbook(lines(), before=2), "专利.xlsx")
    made = load_workbook(io.BytesIO(marked.give_back(one)))
    assert made.sheetnames == ["说明", "专利"]
    assert (made["说明"]["A1"].value, made["说明"]["A1"].data_type) == ("=SUM(1,2)", "s")
    sheet = made["专利"]
    assert [cell.value for cell in sheet[3]] == [*HEAD, "Error"]
    assert sheet["F4"].value is None
    assert "check digit" in sheet["F5"].value
    assert sheet["F5"].value.startswith("Error · 申请号 · ")
    assert sheet["F6"].value.startswith("Warning")
    assert sheet["B5"].fill.fgColor.rgb == "00F8D7DA"
    assert "check digit" in sheet["B5"].comment.text
    assert sheet["A5"].fill.fgColor.rgb != "00F8D7DA"
    assert sheet["A5"].font.italic
    assert sheet["A6"].value == "=1+1"
    assert sheet["A6"].data_type == "s"


@pytest.mark.parametrize("kind", ["csv", "html"])
def test_another_table_comes_back_as_a_workbook_of_its_cells(agent: Actor, kind: str) -> None:
    if kind == "csv":
        data = "\n".join(",".join(line) for line in [HEAD, *lines()]).encode("gb18030")
        name = "清单.csv"
    else:
        rows = "".join(
            "<tr>"
            + "".join(f"<td>{cell} &amp; </td>" if cell == "一种膜" else f"<td>{cell}</td>" for cell in line)
            + "</tr>"
            for line in [HEAD, *lines()]
        )
        data = f"<html><body><table>{rows}</table></body></html>".encode()
        name = "清单.xls"
    one = imported(agent, data, name)
    sheet = load_workbook(
        io.BytesIO(marked.give_back(one, lambda words: {"Error": "错误"}.get(words, words)))
    ).active
    assert sheet is not None
    assert [cell.value for cell in sheet[1]] == [*HEAD, "错误"]
    assert sheet["F2"].value is None
    assert sheet["F3"].value.startswith("错误 · ")
    assert sheet["A4"].value == "=1+1"
    assert sheet["A4"].data_type == "s"


def without(data: bytes, name: str) -> bytes:
    """A workbook without one of its parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
    return out.getvalue()


def test_a_workbook_that_openpyxl_cannot_read_comes_back_as_its_cells(agent: Actor) -> None:
    one = imported(agent, without(workbook(lines()), "[Content_Types].xml"), "专利.xlsx")
    sheet = load_workbook(io.BytesIO(marked.give_back(one))).active
    assert sheet is not None
    assert [cell.value for cell in sheet[1]] == [*HEAD, "Error"]
    assert "check digit" in sheet["F3"].value


def test_a_workbook_that_is_too_large_is_refused(
    agent: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook(lines()))
    notes = marked.notes_of([Problem(3, "申请号", "x", "error", "wrong")])
    assert sandbox.marked(path, notes).startswith(b"PK")
    with pytest.raises(sandbox.Refused, match="took longer"):
        sandbox.marked(path, notes, limits=Limits(silence=0.001))
    monkeypatch.setattr(marking, "MOST_OCTETS", 1000)
    with pytest.raises(sandbox.Refused, match="too large"):
        marking.marked(Source(path), notes)


def test_the_column_stands_right_of_everything(agent: Actor) -> None:
    rows: list[list[Any]] = [[*line, "备注", "更多"] for line in lines()]
    made = load_workbook(io.BytesIO(marked.give_back(imported(agent, workbook(rows), "a.xlsx"))))
    assert made["专利"]["H1"].value == "Error"
    assert made["专利"]["G2"].value == "更多"


def test_what_is_no_table_has_a_list_of_remarks(agent: Actor, tmp_path: Path) -> None:
    data = write(tmp_path, row(), row(app_no="201710601862.4")).read_bytes()
    one = imported(agent, data, "a.jsonl")
    assert not marked.possible(one)
    with pytest.raises(RuleBroken, match=r"import\.not_a_table"):
        marked.give_back(one)
    clean = imported(agent, workbook(lines()[:1]), "b.xlsx")
    assert not marked.possible(clean)


def test_of_a_large_table_only_rows_with_remarks_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marked, "MOST_CELLS", 10)
    rows = [(line, [f"a{line}", "b", "c"]) for line in range(1, 9)]
    notes = marked.notes_of([Problem(line, "", "x", "warning", "doubtful") for line in (2, 8)])
    sheet = load_workbook(io.BytesIO(marked.plain(rows, notes))).active
    assert sheet is not None
    assert [cell.value for cell in sheet["A"]] == ["a1", "a2", "a8"]
    assert [cell.value for cell in sheet["D"]][1:] == ["Warning · doubtful", "Warning · doubtful"]


def test_notes_survive_the_way_to_the_reading_process() -> None:
    problems = [
        Problem(5, "申请号", "a", "warning", "doubtful"),
        Problem(5, "", "b", "error", "%(x)s is wrong", {"x": "7"}),
        Problem(0, "", "c", "error", "the whole file"),
    ]
    notes = marked.notes_of(problems)
    assert set(notes.rows) == {5}
    assert notes.rows[5] == Note("Error · 7 is wrong\nWarning · 申请号 · doubtful", True, ("申请号",))
    assert notes_from_values(notes.as_values()) == notes


def test_on_the_page_of_the_import(client: FlaskClient, db_app: Flask) -> None:
    party: Party = given_party(name="丙公司")
    signed_in(client, party, Role.AGENT)
    sent = submit(client, "/rights/import", file=(io.BytesIO(workbook(lines())), "专利.xlsx"))
    done = submit(client, sent.location, to=f"{sent.location}/start")
    page = client.get(f"{done.location}?lang=en")
    assert "Download your file with the remarks" in page.text
    made = client.get(f"{done.location}/marked.xlsx?lang=zh")
    assert made.data.startswith(b"PK")
    head = [cell.value for cell in load_workbook(io.BytesIO(made.data))["专利"][1]]
    assert head == [*HEAD, "错误"]
    stranger = client.application.test_client()
    signed_in(stranger, given_party(), Role.AGENT)
    assert stranger.get(f"{done.location}/marked.xlsx").status_code == 404
