"""A server on this machine that answers as the EPO's Open Patent Services do, for the tests of the sources."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

KEY, SECRET = "a-key", "a-secret"


@dataclass
class Service:
    """What the server says. ``answers`` maps ``publication/epodoc/CN1…`` to a body."""

    answers: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    tokens: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def expire(self) -> None:
        """No token that was given holds any more."""
        self.tokens = [f"{token} no more" for token in self.tokens]


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            """Say nothing."""

        def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            try:
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True  # the caller lost patience

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            right = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
            if self.path != "/auth/accesstoken" or self.headers.get("Authorization") != f"Basic {right}":
                self._answer(401, b"{}", "application/json")
                return
            service.tokens.append(f"token{len(service.tokens)}")
            self._answer(200, f'{{"access_token": "{service.tokens[-1]}"}}'.encode(), "application/json")

        def do_GET(self) -> None:
            time.sleep(service.delay)
            if self.headers.get("Authorization", "").removeprefix("Bearer ") not in service.tokens:
                self._answer(400, b"invalid_access_token", "text/plain")
                return
            asked = unquote(self.path.removeprefix("/rest-services/legal/"))
            service.asked.append(asked)
            if service.status != 200:
                self._answer(service.status, b"", "text/plain", service.headers)
            elif asked in service.answers:
                self._answer(200, service.answers[asked], "application/xml", service.headers)
            else:
                self._answer(404, b"", "text/plain", service.headers)

    return Handler


@contextmanager
def serving() -> Iterator[Service]:
    """The service on a free port."""
    service = Service()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def legal(pub_no: str, *events: tuple[str, str, str], kind: str = "B", owner: str = "") -> bytes:
    """An answer about one Chinese publication; each event is (code, day ``YYYY-MM-DD``, words)."""
    digits = pub_no.removeprefix("CN")
    told = "".join(
        f'<ops:legal code="{code}" desc="{words}"><ops:pre line="00001">{words}</ops:pre>'
        f'<ops:L007EP desc="Gazette DATE">{day}</ops:L007EP>'
        + (f'<ops:L500EP><ops:L509EP desc="New owner">{owner}</ops:L509EP></ops:L500EP>' if owner else "")
        + "</ops:legal>"
        for code, day, words in events
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ops:world-patent-data xmlns="http://www.epo.org/exchange" xmlns:ops="http://ops.epo.org">'
        '<ops:patent-family legal="true"><ops:family-member family-id="1"><publication-reference>'
        '<document-id document-id-type="docdb">'
        f"<country>CN</country><doc-number>{digits}</doc-number><kind>{kind}</kind><date>20220503</date>"
        f"</document-id></publication-reference>{told}</ops:family-member></ops:patent-family>"
        "</ops:world-patent-data>"
    ).encode()
