"""The second factor: one-time codes of an authenticator (TOTP, RFC 6238), and recovery codes for when it is lost.

A code counts once (pyotp alone accepts it twice), and the one before and after too, for clocks that are a little
off (R-039). The secret is kept sealed; of recovery codes only what this exchange can compute from them is kept.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime

import pyotp
import segno

from exchange.core import clock
from exchange.core.db import lock, transaction
from exchange.core.errors import N_, Conflict, RuleBroken
from exchange.core.events import record
from exchange.core.refs import ALPHABET
from exchange.parties import keys, members
from exchange.parties.models import User
from exchange.parties.policy import Actor

ISSUER = "Rongyi"
STEP_SECONDS = 30
RECOVERY_CODES = 10
_SEALED = "totp"
_PENDING = "totp_pending"
_RECOVERY = "recovery"


def step_at(instant: datetime) -> int:
    """The number of the half minute that ``instant`` lies in."""
    return int(instant.timestamp()) // STEP_SECONDS


def fitting_step(secret: str, code: str, at: datetime, last: int | None) -> int | None:
    """The half minute that ``code`` belongs to, if it is one of the three around ``at`` and later than ``last``."""
    plain = re.sub(r"\s", "", code)
    totp = pyotp.TOTP(secret)
    now = step_at(at)
    for step in (now, now - 1, now + 1):
        if (last is None or step > last) and keys.same(totp.generate_otp(step), plain):
            return step
    return None


def use(user: User, code: str) -> bool:
    """Whether ``code`` is a one-time or recovery code of ``user`` that was not used yet; now it is.

    ``user`` is locked, in the present transaction. ``record`` and throttle are the caller's.
    """
    if user.totp_secret is None:
        return False
    secret = keys.unseal(user.totp_secret, _SEALED)
    step = fitting_step(secret, code, clock.wall(), user.totp_last_step)
    if step is not None:
        user.totp_last_step = step
        return True
    kept = _kept_form(code)
    if kept in user.recovery_codes:
        user.recovery_codes = [other for other in user.recovery_codes if other != kept]
        record(Actor(user=user), "user.recovery_code_used", user, left=len(user.recovery_codes))
        return True
    return False


def _kept_form(code: str) -> str:
    plain = re.sub(r"[\s-]", "", code).upper().translate(str.maketrans("ILOU", "110V"))
    return keys.tag(plain, _RECOVERY)


def _new_recovery_codes() -> list[str]:
    signs = ["".join(secrets.choice(ALPHABET) for _ in range(12)) for _ in range(RECOVERY_CODES)]
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in signs]


def _me(actor: Actor) -> User:
    return lock(User, members.must_be_oneself(actor))


@transaction
def begin(actor: Actor) -> None:
    """Make a secret for a new authenticator; it counts only once ``finish`` has seen a code from it.

    Raises ``Conflict`` (``second_factor.present``) where there is one, ``StepUp``.
    """
    user = _me(actor)
    actor.must_step_up()
    if user.totp_secret is not None:
        raise Conflict(
            "second_factor.present",
            N_("A second factor is set up already. Remove it first to set up another."),
        )
    user.preferences = {**user.preferences, _PENDING: keys.seal(pyotp.random_base32(), _SEALED)}


def pending(user: User) -> str | None:
    """The secret of a set-up that was begun and not finished."""
    sealed = user.preferences.get(_PENDING)
    return keys.unseal(sealed, _SEALED) if sealed else None


def address(user: User, secret: str) -> str:
    """The ``otpauth://`` address that an authenticator reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)


def picture(user: User, secret: str) -> str:
    """The address as a QR code: an SVG element without styles."""
    code = segno.make(address(user, secret), error="m", micro=False)
    return str(code.svg_inline(scale=5, border=2, dark="#000", light="#fff", svgclass=None, lineclass=None))


@transaction
def finish(actor: Actor, code: str) -> list[str]:
    """Turn the second factor on with a first code; ten recovery codes, shown this once.

    Raises ``RuleBroken`` (``second_factor.code``), ``Conflict`` (``second_factor.not_begun``).
    """
    user = _me(actor)
    secret = pending(user)
    if secret is None:
        raise Conflict("second_factor.not_begun", N_("Begin the set-up again; it was finished or given up."))
    step = fitting_step(secret, code, clock.wall(), None)
    if step is None:
        raise RuleBroken(
            "second_factor.code",
            N_(
                "This is not the present code. Check that the clock of your telephone is right, and try the next one."
            ),
            field="code",
        )
    user.totp_secret = keys.seal(secret, _SEALED)
    user.totp_last_step = step
    user.preferences = {name: value for name, value in user.preferences.items() if name != _PENDING}
    record(actor, "user.second_factor_on", user)
    return _give_recovery_codes(user)


def _give_recovery_codes(user: User) -> list[str]:
    codes = _new_recovery_codes()
    user.recovery_codes = [_kept_form(code) for code in codes]
    return codes


@transaction
def renew_recovery_codes(actor: Actor) -> list[str]:
    """Ten new recovery codes instead of the old ones, shown this once. Raises ``Conflict``, ``StepUp``."""
    user = _me(actor)
    actor.must_step_up()
    if user.totp_secret is None:
        raise Conflict("second_factor.absent", N_("Set up a second factor first."))
    record(actor, "user.recovery_codes_renewed", user)
    return _give_recovery_codes(user)


@transaction
def remove(actor: Actor) -> None:
    """Turn the second factor off. Raises ``StepUp``. Repeats do no harm."""
    user = _me(actor)
    actor.must_step_up()
    if user.totp_secret is not None:
        user.totp_secret = None
        user.totp_last_step = None
        user.recovery_codes = []
        record(actor, "user.second_factor_off", user)
