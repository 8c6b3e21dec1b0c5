from datetime import UTC, date, datetime, timedelta
from enum import Enum
from io import BytesIO
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage

from exchange.core import money, refs
from exchange.web.fields import (
    BasisPointsField,
    DateField,
    EnumField,
    FenField,
    FileField,
    InstantField,
    RefField,
    Upload,
)
from exchange.web.wording import Said


def load(spec: ma.fields.Field[Any], value: Any) -> Any:
    schema = ma.Schema.from_dict({"v": spec})()
    return schema.load({"v": value})["v"]


def refusal(spec: ma.fields.Field[Any], value: Any) -> str:
    """The code with which ``spec`` refuses ``value``."""
    with pytest.raises(ma.ValidationError) as caught:
        load(spec, value)
    found = caught.value.messages_dict["v"][0]
    return found.code if isinstance(found, Said) else str(found)


def dump(spec: ma.fields.Field[Any], value: Any) -> Any:
    return ma.Schema.from_dict({"v": spec})().dump({"v": value})["v"]


@given(st.integers(min_value=0, max_value=money.MAX_FEN))
def test_an_amount_comes_back_as_it_went_out(fen: int) -> None:
    assert load(FenField(), dump(FenField(), fen)) == fen


def test_money_has_one_shape() -> None:
    assert dump(FenField(), 123450) == {"amount": "1234.50", "currency": "CNY"}
    assert load(FenField(), {"amount": "1234.5"}) == 123450
    wrongs: list[Any] = ["1234.50", 1234.5, 1234, None, {"amount": 1234.5}, {"currency": "CNY"}, [], True]
    for wrong in wrongs:
        with pytest.raises(ma.ValidationError):
            load(FenField(), wrong)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"amount": "1", "currency": "USD"}, "money.currency"),
        ({"amount": "1", "currency": "CNY", "minor": 100}, "money.currency"),
        ({"amount": "1.234"}, "money.format"),
        ({"amount": "-1"}, "money.format"),
        ({"amount": "1e5"}, "money.format"),
        ({"amount": "NaN"}, "money.format"),
        ({"amount": ""}, "money.format"),
        ({"amount": "0.99"}, "money.least"),
        ({"amount": "10.01"}, "money.most"),
        ("1.00", "money.shape"),
    ],
)
def test_a_wrong_amount_is_refused_by_name(value: Any, code: str) -> None:
    assert refusal(FenField(least=100, most=1000), value) == code


def test_a_reference_is_checked_to_its_last_sign() -> None:
    ref = refs.new("LS")
    assert load(RefField("LS"), f" {ref.lower()} ") == ref
    assert load(RefField(), ref) == ref
    assert refusal(RefField("LS"), refs.new("OF")) == "ref.type"
    wrong = ref[:-1] + ("0" if ref[-1] != "0" else "1")
    assert refusal(RefField("LS"), wrong) == "ref.format"


def test_a_day_says_what_is_wrong_with_it() -> None:
    assert load(DateField(), "2026-11-30") == date(2026, 11, 30)
    assert load(DateField(), "2028-2-29") == date(2028, 2, 29)
    schema = ma.Schema.from_dict({"v": DateField()})()
    for typed, part in [
        ("2026-11-31", "30"),
        ("2027-02-29", "28"),
        ("2026-13-01", "12"),
        ("26-01-01", "valid"),
    ]:
        with pytest.raises(ma.ValidationError) as caught:
            schema.load({"v": typed})
        assert part in str(caught.value.messages_dict["v"][0])
    assert refusal(DateField(), "1899-01-01") == "field.date"


def test_an_instant_needs_its_zone() -> None:
    assert load(InstantField(), "2026-11-30T14:00:00+08:00") == datetime(2026, 11, 30, 6, tzinfo=UTC)
    assert load(InstantField(), "2026-11-30T06:00:00Z").utcoffset() == UTC.utcoffset(None)
    assert refusal(InstantField(), "2026-11-30T06:00:00") == "field.zone"
    assert dump(InstantField(), datetime(2026, 11, 30, 6, tzinfo=UTC)) == "2026-11-30T06:00:00Z"


@given(st.integers(min_value=0, max_value=7_000_000_000_000))
def test_an_instant_comes_back_to_the_millisecond(milliseconds: int) -> None:
    instant = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert load(InstantField(), dump(InstantField(), instant)) == instant


@pytest.mark.parametrize(
    ("value", "fits"), [(0, True), (10_000, True), (1250, True), (10_001, False), (-1, False)]
)
def test_a_rate_is_in_basis_points(value: int, fits: bool) -> None:
    if fits:
        assert load(BasisPointsField(), value) == value
    else:
        assert refusal(BasisPointsField(), value) == "field.range"


def test_a_rate_is_no_fraction() -> None:
    with pytest.raises(ma.ValidationError):
        load(BasisPointsField(), 12.5)


class Colour(Enum):
    RED = "red"
    GREEN = "green"


def test_a_choice_is_spelt_by_its_value() -> None:
    assert load(EnumField(Colour), "red") is Colour.RED
    assert dump(EnumField(Colour), Colour.GREEN) == "green"
    with pytest.raises(ma.ValidationError):
        load(EnumField(Colour), "RED")


def sent(data: bytes, name: str | None = "a.pdf") -> FileStorage:
    return FileStorage(BytesIO(data), filename=name, content_type="application/pdf")


def test_a_file_is_read_whole_and_no_further_than_its_limit() -> None:
    assert load(FileField(most=10), sent(b"0123456789")) == Upload(b"0123456789", "a.pdf", "application/pdf")
    assert refusal(FileField(most=10), sent(b"0123456789x")) == "file.size"
    assert refusal(FileField(), sent(b"")) == "file.empty"
    assert refusal(FileField(), sent(b"x", None)) == "file.missing"
    assert refusal(FileField(), "a.pdf") == "file.missing"
