"""Damaged files of every format: rows or a refusal, never anything else.

``FUZZ_SECONDS`` is the time for each kind of file (by default such that all take a minute). Files are self-made; a
failing one is shrunk and printed by hypothesis.
"""

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import randrange

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from exchange.rights import formats
from exchange.rights.formats.record import (
    Refused,
    as_json,
    mapping_from_values,
    mapping_values,
    row_from_values,
    row_values,
)
from tests.rights import files

SECONDS = float(os.environ.get("FUZZ_SECONDS", 60 / len(files.SAMPLES)))

#: How many damaged files make one round; rounds follow until the time is over.
ROUND = 40

told = settings(max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))

TOKENS = [
    b"<table>", b"</table>", b"<td>", b"</td>", b"<tr>", b"<td colspan=9999999>", b"<!DOCTYPE x [", b"]>", b"<?xml ",
    b"<!--", b"&j;", b"&#0;", b"&#xD800;", b"<Image a=\"", b"...", b"\"", b"'", b",", b"\t", b"\n", b"\r\n", b"\x00",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xd6\xd0", "榕".encode(), b"{", b"}", b"[", b"]", b"null", b"NaN", b"1e999",
    b"-1", b"9" * 40, b"\\ud800", b"\\u0000", b"2147483648", b"=cmd|' /C calc'!A0", b"2014206562949.0",
    b"2.01421E+12", b"CN114081026A", "申请号".encode(), b"title", b"#N/A", b"1904", b"hidden=\"1\"", b"t=\"s\"",
    b"<f>1</f>", b"PK\x03\x04", b"\x1f\x8b", b"<", b">", b"/", b":", b"20200230", "法律状态公告日：".encode(),
]  # fmt: skip

Mutation = Callable[[bytes], bytes]


def _at(data: bytes, share: float) -> int:
    return int(share * len(data))


_share = st.floats(0, 1, exclude_max=True)
_length = st.integers(1, 400)

mutations: st.SearchStrategy[Mutation] = st.one_of(
    st.builds(
        lambda at, token: lambda d: d[: _at(d, at)] + token + d[_at(d, at) :], _share, st.sampled_from(TOKENS)
    ),
    st.builds(lambda at, n: lambda d: d[: _at(d, at)] + d[_at(d, at) + n :], _share, _length),
    st.builds(lambda at, n: lambda d: d[: _at(d, at) + n] + d[_at(d, at) :], _share, _length),
    st.builds(lambda at: lambda d: d[: _at(d, at)], _share),
    st.builds(lambda at: lambda d: d[_at(d, at) :], _share),
    st.builds(
        lambda at, flip: (
            lambda d: d[: _at(d, at)] + bytes([d[_at(d, at)] ^ flip]) + d[_at(d, at) + 1 :] if d else d
        ),
        _share,
        st.integers(1, 255),
    ),
    st.builds(
        lambda at, to, n: lambda d: d[: _at(d, at)] + d[_at(d, to) : _at(d, to) + n] + d[_at(d, at) + n :],
        _share,
        _share,
        _length,
    ),
    st.builds(
        lambda at, key: lambda d: d[: _at(d, at)] + files.SAMPLES[key],
        _share,
        st.sampled_from(sorted(files.SAMPLES)),
    ),
    st.builds(lambda at, token: lambda d: d[: _at(d, at)] + token * 3000, _share, st.sampled_from(TOKENS)),
    st.builds(
        lambda old, new: lambda d: d.replace(old, new), st.sampled_from(TOKENS), st.sampled_from(TOKENS)
    ),
)


def inside_archive(data: bytes, which: int, mutate: Mutation) -> bytes:
    """The archive with one of its entries mutated, so that the damage gets past the outer checks."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = sorted(entries)[which % len(entries)]
    return files.zipped({**entries, name: mutate(entries[name])})


def judge(path: Path, key: str) -> None:
    """Read the file every way there is: each ends in rows that can be sent and told, or in a refusal."""
    for name in (formats.AUTO, key):
        try:
            for row in islice(formats.read(path, name), 5000):
                assert (
                    row_from_values(json.loads(as_json(row_values(row)).encode("utf-8", "backslashreplace")))
                    == row
                )
                assert row.record is not None or row.problems
                assert (row.record is None) == (not row.counts or row.rejected)
                for problem in row.problems:
                    assert "%(" not in problem.sentence
            found = formats.mapping(path, name)
            assert (
                mapping_from_values(
                    json.loads(as_json(mapping_values(found)).encode("utf-8", "backslashreplace"))
                )
                == found
            )
        except Refused as refused:
            reason = str(refused)
            if "%(" in reason or not refused.code:
                pytest.fail(f"a refusal without a readable reason: {reason}")


@pytest.mark.timeout(SECONDS + 180)
@pytest.mark.parametrize("key", sorted(files.SAMPLES))
def test_a_damaged_file_gives_rows_or_a_refusal(key: str, tmp_path: Path) -> None:
    path = tmp_path / "upload.dat"
    original = files.SAMPLES[key]
    archive = original.startswith(b"PK")

    @told
    @given(st.lists(mutations, min_size=1, max_size=4), st.integers(0, 20), st.booleans())
    def fuzz(changes: list[Mutation], which: int, inner: bool) -> None:
        data = original
        for change in changes:
            data = inside_archive(data, which, change) if archive and inner else change(data)
        path.write_bytes(data)
        judge(path, key)

    end, rounds = time.monotonic() + SECONDS, 0
    while not rounds or time.monotonic() < end:
        seed(randrange(2**32))(fuzz)()
        rounds += 1
    print(f"{key}: {rounds} rounds of {ROUND} files")


@told
@given(st.binary(max_size=3000) | st.text(max_size=1000).map(str.encode))
def test_anything_at_all_gives_rows_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything.dat"
    path.write_bytes(data)
    judge(path, "csv")


@pytest.mark.parametrize("key", sorted(formats.FORMATS))
def test_a_file_taken_for_another_gives_rows_or_a_refusal(key: str, tmp_path: Path) -> None:
    path = tmp_path / "upload.dat"
    for data in files.SAMPLES.values():
        path.write_bytes(data)
        judge(path, key)
