"""The daily digest of watched rights: one letter to each person of a watching party, and none where nothing changed.

What was told is kept with the watch in the same transaction as the letters, so that a change is told once: a digest
that broke off tells it the next time, one that ran twice tells it no second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from exchange.core import clock, log
from exchange.core.config import settings
from exchange.core.db import session, transaction
from exchange.core.errors import N_, fill
from exchange.notifications.actions import say, write_letter
from exchange.parties.models import Membership, Party, Role, User
from exchange.rights import watches
from exchange.rights.models import Watch
from exchange.rights.standing import Change

READERS: Final = frozenset({Role.AGENT.value, Role.OWNER_ADMIN.value})
MOST: Final = 100
"""Rights that a letter names; the page has all."""

SUBJECT: Final = N_("%(count)s of the rights you watch have changed")
BEGIN: Final = N_("%(party)s watches these rights on Rongyi. This has changed since the last digest:")
MORE: Final = N_("… and %(count)s more. All of them:")
REASON: Final = N_(
    "You get this letter because your organisation watches these rights. End a watch on that page, or turn mail off "
    "in your account."
)


@dataclass(frozen=True, slots=True)
class News:
    """What there is to tell of one watched right, as plain values."""

    watch_id: int
    ref: str
    title: str
    told: Mapping[str, Any]
    now: Mapping[str, Any]
    changes: tuple[Change, ...]


def send() -> int:
    """Write the letters of the day; how many. Each party in a transaction of its own."""
    parties = list(session.scalars(select(Watch.party_id).distinct().order_by(Watch.party_id)))
    written = 0
    for party_id in parties:
        news = gather(party_id)
        session.rollback()
        if news:
            written += _tell(party_id, news)
    log.get("digest").info("digest", parties=len(parties), letters=written)
    return written


def gather(party_id: int) -> list[News]:
    """What changed of the rights that a party watches since it was last told, the gravest first."""
    found = [
        News(one.watch.id, one.right.ref, one.right.title, one.watch.told, one.now, one.since_told)
        for one in watches.lines(party_id)
        if one.since_told
    ]
    return sorted(found, key=lambda one: not any(change.grave for change in one.changes))


@transaction
def _tell(party_id: int, news: Sequence[News]) -> int:
    party = session.get_one(Party, party_id)
    rows = {
        row.id: row
        for row in session.scalars(
            select(Watch)
            .where(Watch.id.in_([one.watch_id for one in news]))
            .order_by(Watch.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    }
    # Another digest may have told it, or the watch have ended, since the news were gathered.
    fresh = [one for one in news if (row := rows.get(one.watch_id)) is not None and row.told == one.told]
    now = clock.now()
    for one in fresh:
        rows[one.watch_id].told, rows[one.watch_id].told_at = dict(one.now), now
    if not fresh:
        return 0
    readers = _readers(party_id)
    for user in readers:
        subject, body = letter(party.name, fresh, user.locale)
        write_letter(user.email, subject, body, f"digest:{party.ref}:{user.ref}:{now:%Y%m%dT%H%M%S}")
    return len(readers)


def _readers(party_id: int) -> list[User]:
    """The people of the party who read of its rights and want letters."""
    query = (
        select(Membership, User)
        .join(User, Membership.user_id == User.id)
        .where(Membership.party_id == party_id, Membership.active, User.active)
        .order_by(User.id)
    )
    return [
        user
        for membership, user in session.execute(query)
        if READERS & set(membership.roles) and user.preferences.get("mail", True)
    ]


def letter(party: str, news: Sequence[News], locale: str | None) -> tuple[str, str]:
    """Subject and body of a digest in the language of its reader."""
    speak = _speaker(locale)
    site = settings().public_url
    lines = [speak(BEGIN, {"party": party}), ""]
    for one in news[:MOST]:
        lines.append(one.title)
        lines += [f"  {'! ' if change.grave else ''}{change.told(speak)}" for change in one.changes]
        lines += [f"  {site}/rights/{one.ref}", ""]
    if len(news) > MOST:
        lines.append(speak(MORE, {"count": len(news) - MOST}))
    lines += [f"{site}/rights/watch", "", speak(REASON, {}), ""]
    return speak(SUBJECT, {"count": len(news)}), "\n".join(lines)


def _speaker(locale: str | None) -> Callable[[str, Mapping[str, Any]], str]:
    """Fills msgids in one language, each translated once."""
    known: dict[str, str] = {}

    def speak(message: str, params: Mapping[str, Any]) -> str:
        if message not in known:
            known[message] = say(message, locale)
        return fill(known[message], dict(params))

    return speak
