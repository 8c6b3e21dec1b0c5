"""Passwords: what is refused and why, and that a hash says nothing and takes as long for nobody."""

import time

import pytest
from argon2 import PasswordHasher

from exchange.core.errors import RuleBroken
from exchange.parties import passwords


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "password.short"),
        ("eleven char", "password.short"),
        ("x" * 129, "password.long"),
        ("password1234!", "password.common"),
        ("Password!2026", "password.common"),
        ("qwertyuiop99", "password.common"),
        ("123456789012", "password.common"),
        ("aaaaaaaaaaaaaaa", "password.common"),
        ("202611232026112", "password.common"),
        ("rongyi-rongyi-2026", "password.context"),
        ("zhixia.lin-2026!", "password.context"),
        ("榕江理工大学榕江理工大学2026", "password.context"),
    ],
)
def test_what_anybody_would_try_is_refused(password: str, code: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        passwords.check(password, context=("zhixia.lin", "Lin Zhixia", "榕江理工大学"))
    assert refused.value.code == code
    assert refused.value.field == "password"


@pytest.mark.parametrize(
    "password",
    [
        "seven green lanterns",
        "twelve chars",
        "榕树下面七盏绿灯笼真好看",
        "correct-horse-rongyi",  # a word of the exchange does no harm where enough is left
        "A1!" * 4 + "zebra",
        "x y" * 42 + "ab",  # 128 signs
        "  leading and trailing  ",
    ],
)
def test_what_is_long_and_nobodys_is_accepted_whatever_signs_it_has(password: str) -> None:
    passwords.check(password, context=("zhixia.lin", "Lin Zhixia"))


def test_a_hash_fits_its_password_and_no_other() -> None:
    hashed = passwords.hash("seven green lanterns")
    assert hashed.startswith("$argon2id$")
    assert passwords.hash("seven green lanterns") != hashed, "each has a salt of its own"
    assert passwords.fits(hashed, "seven green lanterns")
    assert not passwords.fits(hashed, "seven green lantern")
    assert not passwords.fits("no hash at all", "seven green lanterns")


def test_nobody_has_no_password_and_takes_as_long() -> None:
    hashed = passwords.hash("seven green lanterns")

    def seconds(stored: str | None) -> float:
        took = []
        for _ in range(7):
            started = time.perf_counter()
            assert not passwords.fits(stored, "wrong")
            took.append(time.perf_counter() - started)
        return sorted(took)[3]

    assert not passwords.fits(None, "nobody has this password")
    known, unknown = seconds(hashed), seconds(None)
    assert unknown > known / 3, (known, unknown)


def test_a_hash_of_other_costs_is_outdated() -> None:
    assert not passwords.outdated(passwords.hash("x"))
    assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x"))
