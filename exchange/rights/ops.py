"""The EPO's Open Patent Services as a source of legal status: INPADOC repeats what CNIPA's gazette announced.

It lags some weeks behind and writes names in its own way, so what it says is a database's word (``source.DATABASE``):
it ends and restores rights, it never moves owners, and it gives way to the gazette itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final
from urllib.parse import quote

import httpx

from exchange.core.config import settings
from exchange.rights import feeds, numbers, sandbox
from exchange.rights import source as sources
from exchange.rights.feeds import Answer, FeedDown
from exchange.rights.formats.record import Refused
from exchange.rights.numbers import Number

NAME: Final = "epo_ops"
TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)
MOST_OCTETS: Final = 8_000_000
_LEGAL: Final = re.compile(r"inpadoc=(\w+):(\d+)")
_KINDS: Final = {"invention": "A", "utility_model": "U", "design": "S"}
SOURCE: Final = sources.Source(sources.DATABASE, NAME)


class Ops:
    """Asks for one number at a time, no faster than the service allows (``X-Throttling-Control``)."""

    name = NAME

    def __init__(
        self,
        url: str,
        key: str,
        secret: str,
        *,
        pause: Callable[[float], None] = time.sleep,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self._url = url.rstrip("/")
        self._auth = (key, secret)
        self._pause = pause
        self._token = ""
        self._wait = 0.0
        self._client = httpx.Client(timeout=timeout, follow_redirects=False)

    def ready(self, wanted: Collection[Number]) -> None:
        """Show who asks. Raises ``FeedDown``."""
        if wanted:
            self._token = self._sign_in()

    def fetch(self, number: Number) -> Answer | None:
        """The legal events of ``number``, ``None`` where the service does not know it. Raises ``FeedDown``."""
        path = _path(number)
        if path is None:
            return None
        data = self._get(path)
        return None if data is None else read(data, number)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _sign_in(self) -> str:
        answer = self._send(
            "POST", "/auth/accesstoken", data={"grant_type": "client_credentials"}, auth=self._auth
        )
        token = answer.json().get("access_token") if answer.status_code == 200 else None
        if not isinstance(token, str) or not token:
            raise FeedDown(f"{NAME}: the key was not accepted ({answer.status_code})")
        return token

    def _get(self, path: str) -> bytes | None:
        for again in (False, True):
            self._token = self._token or self._sign_in()
            if self._wait:
                self._pause(self._wait)
            headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/xml"}
            answer = self._send("GET", path, headers=headers)
            self._slow_down(answer)
            if answer.status_code in {400, 401} and not again:  # the token has run out
                self._token = ""
                continue
            if answer.status_code == 404:
                return None
            if answer.status_code != 200:
                reason = answer.headers.get("X-Rejection-Reason", "")
                raise FeedDown(f"{NAME}: {answer.status_code} {reason}".strip())
            return answer.content
        return None

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request; an answer that grows too large is dropped. Raises ``FeedDown``."""
        auth = more.pop("auth", None)
        request = self._client.build_request(method, f"{self._url}{path}", **more)
        try:
            answer = self._client.send(request, stream=True, auth=auth)
            try:
                octets = b""
                for piece in answer.iter_bytes():
                    octets += piece
                    if len(octets) > MOST_OCTETS:
                        raise FeedDown(f"{NAME}: the answer is too large")
            finally:
                answer.close()
        except httpx.HTTPError as error:
            raise FeedDown(f"{NAME}: {type(error).__name__}") from error
        return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=octets)

    def _slow_down(self, answer: httpx.Response) -> None:
        """Keep to the requests a minute that the service allows now."""
        found = _LEGAL.search(answer.headers.get("X-Throttling-Control", ""))
        if found is None:
            return
        if found.group(1) == "black" or found.group(2) == "0":
            raise FeedDown(f"{NAME}: asks not to be asked now")
        self._wait = 60 / int(found.group(2))


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """The headers of a body that was unpacked already."""
    return {
        name: value for name, value in headers.items() if name not in {"content-encoding", "content-length"}
    }


def _path(number: Number) -> str | None:
    """Where the legal events of a number are; nothing for numbers of other registers."""
    if number.scheme in {numbers.CN_PUBLICATION, numbers.FOREIGN}:
        return f"/rest-services/legal/publication/epodoc/{quote(number.key, safe='')}"
    if number.scheme == numbers.CN_APPLICATION:
        kind = _KINDS.get(number.patent_type, "A")
        return f"/rest-services/legal/application/docdb/CN.{number.key[:-1]}.{kind}"
    return None


def read(data: bytes, number: Number) -> Answer | None:
    """The announcements in an answer of the service that are about ``number``. Raises ``FeedDown``."""
    with NamedTemporaryFile(suffix=".xml") as file:
        file.write(data)
        file.flush()
        try:
            records = [
                row.record for row in sandbox.rows(Path(file.name), "ops-xml") if row.record is not None
            ]
        except Refused as refused:
            raise FeedDown(f"{NAME}: {refused}") from refused
    mine = [record for record in records if feeds.about(record, number)]
    if not mine:
        return None
    return Answer(tuple(one for record in mine for one in feeds.announcements(record, SOURCE)))


def configured() -> Ops | None:
    """The service as the settings name it, ``None`` where they do not."""
    given = settings()
    return Ops(given.ops_url, given.ops_key, given.ops_secret) if given.ops_url else None
