"""Keys derived from SECRET_KEY, one for each purpose; what is kept sealed; hashes of secrets that are only compared."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken

from exchange.core.config import settings
from exchange.core.errors import N_, Unavailable


def _derive(purpose: str) -> bytes:
    """32 octets that only this exchange knows, different for each purpose (HMAC-SHA256 as the extractor)."""
    return hmac.digest(settings().secret_key.encode(), f"rongyi/{purpose}".encode(), "sha256")


def _fernet(purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derive(purpose)))


def seal(text: str, purpose: str) -> str:
    """``text`` encrypted and signed, to be kept in the database."""
    return _fernet(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """The text of ``seal``. Raises ``Unavailable`` where SECRET_KEY has changed or the value was tampered with."""
    try:
        return _fernet(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unavailable(
            "secret.unreadable",
            N_(
                "A stored secret cannot be read with the present SECRET_KEY. Ask the operator to set it up anew."
            ),
        ) from error


def tag(text: str, purpose: str) -> str:
    """64 hexadecimal digits that only this exchange can compute for ``text``: for short codes, and for links."""
    return hmac.digest(_derive(purpose), text.encode(), "sha256").hex()


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def new_secret() -> str:
    """A random secret of 256 bits that fits into an address."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a long random secret: its SHA-256. It needs no salt, since nobody can guess 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
