"""How mail leaves the house: SMTP, or a folder of .eml files in development.

A letter is a row written in the transaction that it tells of; this job sends it. The database says "sent" only after
the server took it, so a crash between the two may send twice and never loses one.
"""

from __future__ import annotations

import smtplib
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import select

from exchange.core import clock, log
from exchange.core.config import settings
from exchange.core.db import session, transaction
from exchange.notifications.models import MAIL, MailStatus, OutgoingMail

MAX_ATTEMPTS = 10
BATCH = 50
TIMEOUT = 20


def letter(mail: OutgoingMail) -> EmailMessage:
    """``mail`` as a message; line breaks in a header are refused by the library."""
    message = EmailMessage()
    message["From"] = f"Rongyi <no-reply@{urlsplit(settings().public_url).hostname or 'localhost'}>"
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = make_msgid(idstring=mail.key.replace(":", "."), domain="rongyi.invalid")
    message.set_content(mail.body)
    return message


def send_waiting() -> int:
    """Send what waits; how many letters went out."""
    ripe = list(
        session.scalars(
            select(OutgoingMail.id)
            .where(OutgoingMail.status == MailStatus.WAITING, OutgoingMail.not_before <= clock.now())
            .order_by(OutgoingMail.id)
            .limit(BATCH)
        )
    )
    session.rollback()
    return sum(_send(id_) for id_ in ripe)


@transaction
def _send(id_: int) -> bool:
    mail = session.scalar(
        select(OutgoingMail)
        .where(OutgoingMail.id == id_, OutgoingMail.status == MailStatus.WAITING)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if mail is None:
        return False
    try:
        _hand_over(mail)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        log.get("mail").warning("mail_failed", mail=id_, error=repr(error))
        mail.attempts += 1
        mail.last_error = f"{type(error).__name__}: {error}"[:2000]
        mail.not_before = clock.now() + timedelta(seconds=min(3600, 5 * 2**mail.attempts))
        if mail.attempts >= MAX_ATTEMPTS:
            MAIL.fire(mail, "give_up")
        return False
    MAIL.fire(mail, "send")
    mail.sent_at = clock.now()
    return True


def _hand_over(mail: OutgoingMail) -> None:
    url = urlsplit(settings().mail_url)
    message = letter(mail)
    if url.scheme == "file":
        folder = Path(unquote(url.path))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{mail.key.replace(':', '_').replace('/', '_')}.eml").write_bytes(message.as_bytes())
        return
    kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    with kind(url.hostname or "localhost", url.port or 25, timeout=TIMEOUT) as server:
        if url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls()
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(message)
