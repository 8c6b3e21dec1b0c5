"""An app of this process behind a real socket, for browsers and for clients that keep a stream open."""

import threading
from types import TracebackType

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    """Answers without a line on the terminal per request."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 the base class calls it so
        """Say nothing: a failing test shows what it needs."""


class Live:
    """``with Live(app) as address``: the app answers at ``address`` (no trailing slash), a thread per request."""

    def __init__(self, app: Flask) -> None:
        self.server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        self.server.daemon_threads = True  # type: ignore[attr-defined]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> str:
        """Start answering."""
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop answering and give the port back."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
