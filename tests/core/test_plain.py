"""References, lifecycles, labels, settings, file names: what needs no database."""

from __future__ import annotations

import random
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.core import config, files, labels, lifecycle, refs
from exchange.core.errors import IllegalMove
from exchange.core.lifecycle import Lifecycle, move


def test_a_reference_is_typed_and_checks_itself() -> None:
    ref = refs.new("LS")
    assert ref.startswith("LS-")
    assert refs.valid(ref)


@given(st.integers(3, 13), st.sampled_from(refs.ALPHABET))
def test_one_changed_sign_is_seen(place: int, sign: str) -> None:
    ref = refs.new("LS")
    changed = ref[:place] + sign + ref[place + 1 :]
    assert refs.valid(changed) == (changed == ref)


@given(st.integers(3, 12))
def test_two_swapped_neighbours_are_seen(place: int) -> None:
    ref = refs.new("DL")
    swapped = ref[:place] + ref[place + 1] + ref[place] + ref[place + 2 :]
    assert refs.valid(swapped) == (swapped == ref)


def test_another_type_does_not_fit() -> None:
    assert not refs.valid("OF" + refs.new("LS")[2:])


def test_a_verification_code_has_26_signs_and_does_not_repeat() -> None:
    codes = {refs.code() for _ in range(1000)}
    assert len(codes) == 1000
    assert {len(code) for code in codes} == {26}


class Light(Enum):
    RED = "red"
    GREEN = "green"


class Lamp:
    def __init__(self, status: Light) -> None:
        self.status = status


@pytest.fixture
def no_trace() -> object:
    before = dict(lifecycle.REGISTRY)
    yield None
    lifecycle.REGISTRY.clear()
    lifecycle.REGISTRY.update(before)


def test_a_lifecycle_moves_only_by_its_table(no_trace: object) -> None:
    cycle = Lifecycle("lamp", Light, initial="red", moves=[move("go", {"red"}, "green", by="clock")])
    lamp = Lamp(Light.RED)
    assert cycle.allowed(lamp) == ["go"]
    cycle.fire(lamp, "go")
    assert lamp.status is Light.GREEN
    with pytest.raises(IllegalMove) as refused:
        cycle.fire(lamp, "go")
    assert refused.value.code == "lamp.cannot_go"
    assert refused.value.status == 409
    assert "red --> green: go (clock)" in cycle.mermaid()


def test_a_wrong_table_does_not_start(no_trace: object) -> None:
    with pytest.raises(ValueError, match="unknown state"):
        Lifecycle("a", Light, initial="red", moves=[move("go", {"blue"}, "green", by="clock")])
    with pytest.raises(ValueError, match="no move leads to green"):
        Lifecycle("b", Light, initial="red", moves=[])
    with pytest.raises(ValueError, match="twice"):
        Lifecycle(
            "c",
            Light,
            initial="red",
            moves=[move("go", {"red"}, "green", by="x"), move("go", {"red"}, "green", by="y")],
        )


def test_random_moves_never_leave_the_table_of_any_lifecycle() -> None:
    dice = random.Random(7)
    for cycle in lifecycle.REGISTRY.values():
        for _ in range(50):
            thing = Lamp(cycle.initial)  # type: ignore[arg-type]
            for _ in range(30):
                names = cycle.allowed(thing)
                if not names:
                    assert thing.status.value in cycle.final
                    break
                name = dice.choice(names)
                before = thing.status.value
                row = cycle.fire(thing, name)
                assert before in row.sources
                assert thing.status.value == row.target


def test_every_member_of_an_enum_needs_a_label() -> None:
    with pytest.raises(ValueError, match="green"):
        labels.labelled(red="Red")(Light)


def test_settings_name_what_is_wrong(tmp_path: Path) -> None:
    good = {"VAR": str(tmp_path)}
    assert config.load(good).sqlite
    for name, value in {
        "DATABASE_URL": "mysql://x",
        "SEARCH_URL": "ftp://x",
        "ENVIRONMENT": "staging",
        "JOBS": "sometimes",
        "SECRET_KEY": "short",
        "MAIL_URL": "pigeon://x",
        "FILES_URL": "s3://bucket",
    }.items():
        with pytest.raises(config.BadSetting, match=name):
            config.load(good | {name: value})


def test_production_needs_a_key_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(config.BadSetting, match="SECRET_KEY"):
        config.load({"VAR": str(tmp_path), "ENVIRONMENT": "production"})
    kept = config.load({"VAR": str(tmp_path)}).secret_key
    assert config.load({"VAR": str(tmp_path)}).secret_key == kept
    assert len(kept) >= 32


@given(st.text(max_size=400))
def test_any_file_name_becomes_harmless(name: str) -> None:
    clean = files.clean_name(name)
    assert 0 < len(clean.encode()) <= 200
    assert "/" not in clean
    assert "\\" not in clean
    assert not any(ord(c) < 32 or c in "\u202e\u200f" for c in clean)
