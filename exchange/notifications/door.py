"""Letters of the door: invitations, and links to set a new password. They go to one address and carry a secret.

The secret stands in no event: it is computed anew for the letter (``members.invitation_link``,
``logins.reset_link``).
"""

from __future__ import annotations

from sqlalchemy import select

from exchange.core import clock
from exchange.core.db import session
from exchange.core.errors import N_, fill
from exchange.core.events import Event
from exchange.notifications import actions
from exchange.parties import logins, members
from exchange.parties.models import Invitation, User

_INVITED = N_("%(name)s invites you to the IP exchange Rongyi")
_OPEN = N_("Open this link to accept. It works once, until %(until)s (Beijing time):")
_RESET = N_("Set a new password for Rongyi")
_SET = N_("Open this link to set a new password. It works once, until %(until)s (Beijing time):")
_NOT_YOU = N_("If you did not ask for it, throw this letter away; nothing changes.")


def tell(event: Event) -> None:
    """Write the letter that ``event`` calls for; none where the invitation or the person is gone. Repeats add nothing."""
    if event.type == "member.invited":
        invitation = session.get(Invitation, event.payload["invitation"])
        if invitation is not None and invitation.used_at is None and invitation.expires_at > clock.wall():
            subject = fill(actions.say(_INVITED, None), {"name": invitation.party.name})
            until = f"{clock.beijing(invitation.expires_at):%Y-%m-%d %H:%M}"
            link = members.invitation_link(invitation)
            _write(event, invitation.email, subject, _OPEN, until, link, None)
    elif event.type == "user.reset_asked":
        user = session.scalar(select(User).where(User.ref == event.subject_ref))
        if user is not None and user.active:
            seconds = int(event.payload["until"])
            until = f"{clock.beijing(logins.instant_of(seconds)):%Y-%m-%d %H:%M}"
            subject = actions.say(_RESET, user.locale)
            _write(event, user.email, subject, _SET, until, logins.reset_link(user, seconds), user.locale)


def _write(
    event: Event, to: str, subject: str, words: str, until: str, link: str, locale: str | None
) -> None:
    lines = [
        fill(actions.say(words, locale), {"until": until}),
        "",
        link,
        "",
        actions.say(_NOT_YOU, locale),
        "",
    ]
    actions.write_letter(to, subject, "\n".join(lines), key=f"{event.id}:door")
