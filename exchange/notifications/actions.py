"""Turn events into notices and letters, and read the inbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sqlalchemy import func, select

from exchange.core import clock
from exchange.core.config import settings
from exchange.core.db import session, transaction
from exchange.core.errors import fill
from exchange.core.events import Event
from exchange.notifications.messages import BY_EVENT, BY_NAME, Message
from exchange.notifications.models import Notice, OutgoingMail
from exchange.parties.models import Membership, Party, PartyKind, PartyStatus, User
from exchange.parties.policy import Actor


class Titled(Protocol):
    """A thing that has parties and, somewhere, a title."""

    def parties_for(self, relation: str) -> frozenset[int]:
        """Ids of the parties in ``relation``."""
        ...


class Resolver:
    """How a kind of thing is found by its reference, what it is called, and where its page is."""

    def __init__(self, find: Callable[[str], Titled | None], title: Callable[[Any], str], path: str) -> None:
        self.find = find
        self.title = title
        self.path = path


_resolvers: dict[str, Resolver] = {}


def _untranslated(text: str, _locale: str | None) -> str:
    return text


_translate: Callable[[str, str | None], str] = _untranslated


def resolve_by(resolvers: dict[str, Resolver]) -> None:
    """Take the table of resolvers by type of reference (``subscriptions.py`` knows all rooms)."""
    _resolvers.clear()
    _resolvers.update(resolvers)


def translate_by(translate: Callable[[str, str | None], str]) -> None:
    """Take the function that turns (msgid, locale) into words (the web shell has the catalogues)."""
    global _translate  # noqa: PLW0603  set once by the app
    _translate = translate


def say(words: str, locale: str | None) -> str:
    """A msgid in the language of a reader; Chinese where it is not known."""
    return _translate(words, locale)


@transaction
def tell(event: Event) -> int:
    """Write the notices and letters that ``event`` calls for; how many notices. Repeats add nothing."""
    written = 0
    for message in BY_EVENT.get(event.type, ()):
        if message.unless is not None and event.payload.get(message.unless[0]) == message.unless[1]:
            continue
        resolver = _resolvers.get(event.subject_ref[:2])
        thing = resolver.find(event.subject_ref) if resolver else None
        if resolver is None or thing is None:
            continue
        who = (
            session.scalar(select(Party.name).where(Party.ref == event.party_ref))
            if event.party_ref
            else None
        )
        params = {**event.payload, "title": resolver.title(thing), "who": who or ""}
        path = _path(event, resolver)
        for user, party_id in _listeners(message, thing):
            if user.ref == event.actor_ref:
                continue  # nobody needs to be told what they have just done
            written += _write(event, message, user, party_id, params, path)
    return written


def _path(event: Event, resolver: Resolver) -> str:
    about = _resolvers.get((event.about_ref or "")[:2])
    if "%s" not in resolver.path and about is not None:
        return about.path.replace("%s", event.about_ref or "")
    return resolver.path.replace("%s", event.subject_ref)


def _listeners(message: Message, thing: Titled) -> Iterable[tuple[User, int]]:
    query = (
        select(Membership, User)
        .join(User, Membership.user_id == User.id)
        .join(Party, Membership.party_id == Party.id)
        .where(Membership.active, User.active)
        .order_by(User.id)
    )
    if message.relation == "exchange":
        query = query.where(
            Party.kind.in_((PartyKind.OPERATOR, PartyKind.REGISTRAR)), Party.status != PartyStatus.SUSPENDED
        )
    else:
        query = query.where(Membership.party_id.in_(thing.parties_for(message.relation)))
    wanted = {role.value for role in message.roles}
    for membership, user in session.execute(query):
        if wanted & set(membership.roles):
            yield user, membership.party_id


def _write(
    event: Event, message: Message, user: User, party_id: int, params: dict[str, Any], path: str
) -> int:
    known = session.scalar(
        select(Notice.id).where(
            Notice.user_id == user.id, Notice.event_id == event.id, Notice.message == message.name
        )
    )
    if known is not None:
        return 0
    session.add(
        Notice(
            user_id=user.id,
            event_id=event.id,
            party_id=party_id,
            message=message.name,
            params=params,
            subject_ref=event.subject_ref,
            path=path,
            created_at=event.at,
        )
    )
    if message.letter and (message.binding or user.preferences.get("mail", True)):
        words = fill(_translate(message.words, user.locale), params)
        session.add(
            OutgoingMail(
                to=user.email,
                subject=words[:200].replace("\n", " "),
                body=f"{words}\n\n{settings().public_url}{path}\n",
                key=f"{event.id}:{user.ref}:{message.name}",
                not_before=event.at,
            )
        )
    return 1


def words(notice: Notice) -> tuple[str, dict[str, Any]]:
    """The msgid of a notice and its values; the face translates and fills."""
    message = BY_NAME.get(notice.message)
    return (message.words if message else notice.message, notice.params)


def inbox(actor: Actor, *, before: int | None = None, limit: int = 50) -> list[Notice]:
    """The notices of the person, newest first; ``before`` is the id to go on from."""
    if actor.user is None:
        return []
    query = select(Notice).where(Notice.user_id == actor.user.id)
    if before is not None:
        query = query.where(Notice.id < before)
    return list(session.scalars(query.order_by(Notice.id.desc()).limit(limit)))


def unread(actor: Actor) -> int:
    """How many notices the person has not read."""
    if actor.user is None:
        return 0
    return (
        session.scalar(select(func.count()).where(Notice.user_id == actor.user.id, Notice.read_at.is_(None)))
        or 0
    )


@transaction
def mark_read(actor: Actor, *, up_to: int) -> int:
    """Mark the person's notices up to the id ``up_to`` as read; how many were new."""
    if actor.user is None:
        return 0
    fresh = session.scalars(
        select(Notice).where(Notice.user_id == actor.user.id, Notice.read_at.is_(None), Notice.id <= up_to)
    ).all()
    for notice in fresh:
        notice.read_at = clock.now()
    return len(fresh)


@transaction
def write_letter(to: str, subject: str, body: str, key: str) -> None:
    """Queue a letter that belongs to no event (an invitation). The same ``key`` is one letter."""
    if session.scalar(select(OutgoingMail.id).where(OutgoingMail.key == key)) is None:
        session.add(OutgoingMail(to=to, subject=subject, body=body, key=key))
