"""Hostile files: refused in seconds with a reason, and the asking process lives on (ux-reliability.md R-045, R-046)."""

import io
import os
import random
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange.rights import formats, sandbox
from exchange.rights.formats.prescan import MOST_ENTRIES, check_archive
from exchange.rights.formats.record import Refused, Row
from exchange.rights.sandbox import Limits
from tests.rights import files
from tests.rights.reading import Put

NUMBER = files.app_no(2015, 2, 5)
HEAD = ["申请号", "名称"]

#: The most seconds a refusal may take on a busy machine.
SOON = 20.0


def refusal(path: Path, limits: Limits = sandbox.LIMITS) -> Refused:
    """The refusal, reached soon, by a process that is still the same one."""
    pid, began = os.getpid(), time.monotonic()
    with pytest.raises(Refused) as refused:
        list(sandbox.rows(path, limits=limits))
    assert time.monotonic() - began < SOON
    assert os.getpid() == pid
    assert "%(" not in str(refused.value)
    return refused.value


# -- good files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", sorted(files.SAMPLES))
def test_rows_come_through_the_process_unchanged(put: Put, key: str) -> None:
    path = put(files.SAMPLES[key])
    assert sandbox.sniff(path) == key
    assert list(sandbox.rows(path)) == list(formats.read(path))
    assert sandbox.mapping(path) == formats.mapping(path)


def test_problems_come_through_unchanged(put: Put) -> None:
    path = put(
        files.csv_text(
            [["2015200000019", "wrong", "实用新型", "2015-01-01", "甲"], files.csv_row(1)]
        ).encode()
    )
    rows = list(sandbox.rows(path))
    assert rows == list(formats.read(path))
    assert rows[0].rejected


def test_a_spooled_file_was_read_to_its_end(put: Put) -> None:
    path = put(files.SAMPLES["csv"])
    expected = list(formats.read(path))
    with sandbox.spool(path) as spooled:
        assert (spooled.format, spooled.count) == ("csv", 2)
        assert list(spooled) == expected
        assert list(spooled) == expected, "as often as wanted"
        assert list(spooled.since(1)) == expected[1:]


def test_a_file_that_breaks_off_shows_no_row_when_spooled(put: Put) -> None:
    rows = [files.csv_row(at) for at in range(3000)]
    path = put(files.csv_text(rows).encode() + b'1,"never closed\n')
    streamed = sandbox.rows(path)
    assert [next(streamed).line for _ in range(3000)] == list(range(2, 3002))
    with pytest.raises(Refused) as refused:
        next(streamed)
    assert refused.value.code == "file.truncated"
    with pytest.raises(Refused), sandbox.spool(path):
        pytest.fail("the block must not be entered")


def children() -> set[int]:
    """Running children of this process."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.add(int(status.parent.name))
    return found


def test_a_caller_that_stops_leaves_no_process_behind(put: Put) -> None:
    before = children()
    path = put(files.json_lines([files.json_record(at) for at in range(20_000)]))
    rows: Iterator[Row] = sandbox.rows(path)
    assert next(rows).line == 1
    assert children() - before
    rows.close()  # type: ignore[attr-defined]
    assert children() - before == set()


def test_the_process_knows_nothing_of_the_asking_one_s_secrets(
    put: Put, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "x"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "exchange.py").write_text("raise SystemExit('taken over')")
    assert sandbox.sniff(put(files.SAMPLES["csv"])) == "csv"


LARGE = r"""
import re, resource, sys
from pathlib import Path
from exchange.rights import sandbox
count = sum(row.counts for row in sandbox.rows(Path(sys.argv[1])))
own, child = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
most = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()).group(1))
print(count, most // 1024, own.ru_utime + child.ru_utime)
"""


def test_a_large_real_file_takes_seconds_and_little_memory(real_data: Path) -> None:
    """Measured in processor time, because other work on the machine does not count."""
    path = real_data / "cn_patents" / "sysu_cnki.jsonl.gz"
    found = subprocess.run([sys.executable, "-c", LARGE, path], capture_output=True, text=True, check=True)
    count, megabytes, seconds = map(float, found.stdout.split())
    assert count == 27_940
    assert megabytes < 60
    assert seconds < 12


# -- archives ------------------------------------------------------------------------------------------


def far_corner() -> bytes:
    """Two cells at the two ends of the largest sheet: 1.4 KB that a careless reader turns into 17 billion cells."""

    def cell(reference: str, text: str) -> str:
        return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'

    sheet = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f'<row r="1">{cell("A1", "申请号")}{cell("B1", "名称")}</row>'
        f'<row r="1048576">{cell("XFD1048576", "x")}</row></sheetData></worksheet>'
    )
    return replaced(files.xlsx([HEAD]), {"xl/worksheets/sheet1.xml": sheet.encode()})


def replaced(data: bytes, changes: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return files.zipped({**entries, **changes})


def sheet_of(inside: str, before: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}'
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{inside}</sheetData></worksheet>"
    ).encode()


def shared_string_bomb() -> bytes:
    """One string of a megabyte, pointed to by every cell of a hundred rows and columns."""
    strings = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    for text in (*HEAD, "x" * 1_000_000):
        strings += f"<si><t>{text}</t></si>".encode()
    rows = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    for row in range(2, 1002):
        rows += f'<row r="{row}">' + '<c t="s"><v>2</v></c>' * 90 + "</row>"
    relations = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
        b"</Relationships>"
    )
    with zipfile.ZipFile(io.BytesIO(files.xlsx([HEAD]))) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["xl/worksheets/sheet1.xml"] = sheet_of(rows)
    entries["xl/sharedStrings.xml"] = strings + b"</sst>"
    entries["xl/_rels/workbook.xml.rels"] = relations
    # Stored, so that the ratio of packing says nothing.
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


def quoted_overlap() -> bytes:
    """An archive whose second entry claims the bytes of the first."""
    data = bytearray(
        files.zipped({name: random.Random(name).randbytes(5000) for name in ("xl/workbook.xml", "b.xml")})
    )
    second = data.rfind(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<L", 0)
    return bytes(data)


def liar() -> bytes:
    """An entry that unpacks to a thousand times the size it declares."""
    data = bytearray(
        files.zipped({"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": b"0" * 5_000_000})
    )
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.rfind(mark)
        data[at + offset : at + offset + 4] = struct.pack("<L", 5000)
    return bytes(data)


def zlib_bomb() -> bytes:
    """Three hundred megabytes of one line as gzip."""
    squeezer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = (b'{"pub_no": "CN100000001A", "title": "' + b"0" * 30_000 + b'"}\n') * 100
    return b"".join(squeezer.compress(block) for _ in range(100)) + squeezer.flush()


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)

HOSTILE: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "far corner": (far_corner, {"file.too_many_rows"}),
    "ratio": (lambda: replaced(files.xlsx([HEAD]), {"xl/worksheets/sheet1.xml": sheet_of("<row/>" * 3_000_000)}), {"zip.ratio"}),
    "unpacked size": (
        lambda: files.zipped({f"xl/{at}.xml": b"".join(zlib.compress(str(n).encode()) for n in range(at, at + 9)) * 60_000 for at in range(20)}),
        {"file.too_large", "zip.ratio"},
    ),
    "entries": (lambda: files.zipped({f"{at}.xml": b"x" for at in range(MOST_ENTRIES + 1)}), {"zip.too_many"}),
    "overlap": (quoted_overlap, {"zip.overlap"}),
    "false size": (liar, {"file.damaged"}),
    "shared strings": (shared_string_bomb, {"file.too_large"}),
    "laughs in a sheet": (
        lambda: replaced(
            files.xlsx([HEAD]),
            {"xl/worksheets/sheet1.xml": sheet_of("<row><c><v>&j;</v></c></row>", LAUGHS + "]>")},
        ),
        {"xml.doctype"},
    ),
    "laughs": (
        (LAUGHS + "]><us-patent-grant>&j;</us-patent-grant>").encode,
        {"xml.doctype"},
    ),
    "external entity": (
        lambda: b'<!DOCTYPE us-patent-grant [<!ENTITY x SYSTEM "file:///etc/passwd">]><us-patent-grant>&x;</us-patent-grant>',
        {"xml.doctype"},
    ),
    "external parameter": (
        lambda: b'<!DOCTYPE us-patent-grant [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><us-patent-grant/>',
        {"xml.doctype"},
    ),
    "blow-up of one entity": (
        lambda: b'<!DOCTYPE us-patent-grant [<!ENTITY x "' + b"y" * 100_000 + b'">]><us-patent-grant>' + b"&x;" * 100_000,
        {"xml.doctype", "format.unknown"},
    ),
    "one cell of a hundred megabytes": (
        lambda: files.csv_text([[NUMBER, "x" * 100_000_000, "", "", ""]]).encode(),
        {"line.too_long"},
    ),
    "one cell of a hundred megabytes in HTML": (
        lambda: files.cnki_html([files.cnki_row(1, abstract="x" * 100_000_000)]),
        {"line.too_long"},
    ),
    "one line of JSON of a hundred megabytes": (
        lambda: b'{"title": "' + b"x" * 100_000_000 + b'"}\n',
        {"line.too_long", "file.too_large"},
    ),
    "deep JSON": (lambda: b'{"title": ' + b"[" * 5_000_000, {"file.damaged", "line.too_long"}),
    "deep XML": (lambda: b"<us-patent-grant>" + b"<a>" * 3_000_000, {"file.truncated", "file.too_large", "line.too_long", "file.memory"}),
    "many attributes": (
        lambda: b"<us-patent-grant " + b"".join(b'a%d="" ' % at for at in range(100_000)) + b"/>",
        set(),
    ),
    "nested archive": (lambda: files.zipped({"a.zip": files.zipped({"b.zip": b"x"})}), {"zip.nested"}),
    "archive behind a picture": (lambda: b"GIF89a" + files.SAMPLES["xlsx"], {"file.picture"}),
    "archive behind HTML": (lambda: b"<html><table></table>" + files.SAMPLES["xlsx"], {"format.unknown", "file.encoding"}),
    "HTML behind an archive": (lambda: files.SAMPLES["xlsx"] + b"<html><table></table></html>", {"zip.polyglot"}),
    "archive behind an archive": (lambda: files.SAMPLES["xlsx"] + files.SAMPLES["st96-zip"], {"zip.polyglot"}),
    "PDF that is also HTML": (lambda: b"%PDF-1.4\n<table><tr><td>x</td></tr></table>", {"file.pdf"}),
    "rows without number": (
        lambda: replaced(files.xlsx([HEAD]), {"xl/worksheets/sheet1.xml": sheet_of('<row r="99999999999999999999"/>')}),
        {"file.empty", "file.damaged", "file.too_many_rows"},
    ),
    "gzip bomb": (zlib_bomb, {"file.bomb"}),
    "NUL": (lambda: b"\x00" * 100_000, {"file.empty", "format.unknown"}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_file_is_refused_soon(put: Put, name: str) -> None:
    build, codes = HOSTILE[name]
    path = put(build())
    if not codes:
        began = time.monotonic()
        assert list(sandbox.rows(path)), "strange, and readable"
        assert time.monotonic() - began < SOON
        return
    assert refusal(path).code in codes


def test_the_far_corner_is_small() -> None:
    assert len(far_corner()) < 8000


def test_an_archive_is_judged_by_its_directory_alone(put: Put) -> None:
    """Ten million entries are refused without being loaded."""
    small = files.zipped({"a": b"x"})
    directory = small[small.find(b"PK\x01\x02") : small.find(b"PK\x05\x06")]
    many = 200_000
    start = small.find(b"PK\x01\x02")
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory) * many, start, 0)
    path = put(small[:start] + directory * many + end)
    began = time.monotonic()
    with pytest.raises(Refused) as refused:
        check_archive(path)
    assert refused.value.code == "zip.too_many"
    assert time.monotonic() - began < 1


def test_a_protected_archive_is_refused(put: Put) -> None:
    data = bytearray(files.SAMPLES["xlsx"])
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        data[at + offset] |= 1
    assert refusal(put(bytes(data))).code == "zip.encrypted"


@pytest.mark.parametrize("name", ["../up.xml", "/root.xml", "a/../../b.xml", "..\\up.xml"])
def test_names_that_lead_out_of_the_archive_are_refused(put: Put, name: str) -> None:
    assert refusal(put(files.zipped({"xl/workbook.xml": b"x", name: b"x"}))).code == "file.damaged"


# -- a process that dies -----------------------------------------------------------------------------------


def test_memory_time_and_silence_end_as_refusals(put: Put) -> None:
    big = put(files.json_lines([files.json_record(at, abstract="样" * 20_000) for at in range(800)]))
    assert refusal(big, Limits(memory=16 * 1024 * 1024)).code in {"file.memory", "file.damaged"}
    assert refusal(big, Limits(answers=1_000_000)).code == "file.too_large"
    assert refusal(big, Limits(silence=0.0)).code == "file.too_slow"
    long = put(files.json_lines([files.json_record(at) for at in range(60_000)]))
    assert refusal(long, Limits(processor=1)).code == "file.too_slow"


def test_a_process_that_is_killed_is_a_refusal(put: Put) -> None:
    path = put(files.json_lines([files.json_record(at) for at in range(30_000)]))
    before = children()
    rows = sandbox.rows(path)
    next(rows)
    for child in children() - before:
        os.kill(child, 9)
    with pytest.raises(Refused):
        list(rows)


def test_a_slow_caller_is_waited_for(put: Put) -> None:
    """Only the time spent waiting for the process counts: an import may take minutes over its rows."""
    path = put(files.json_lines([files.json_record(at) for at in range(3000)]))
    rows = sandbox.rows(path, limits=Limits(waiting=4))
    next(rows)
    time.sleep(4.2)
    assert sum(1 for _ in rows) == 2999


def test_the_asking_process_never_imports_the_web(put: Put) -> None:
    """The reading process starts fast because it loads neither the web nor the database."""
    program = (
        "import sys, exchange.rights.formats, exchange.rights.sandbox\n"
        "print([name for name in ('flask', 'sqlalchemy', 'openpyxl', 'chinese_calendar') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
