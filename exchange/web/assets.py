"""Files that pages are made with: the addresses of our own, and of those that npm brought.

``exchange/static/vendor.mjs`` copies each npm file to ``vendor/<name>-<version>/`` and notes it in
``vendor/manifest.json``; templates ask for it by its bare name, so that a new version touches no template.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from flask import Flask, Response, current_app, g, request, url_for
from whitenoise import WhiteNoise

from exchange.core.config import settings

STATIC = Path(__file__).resolve().parents[1] / "static"
VENDOR = STATIC / "vendor"

#: A file of npm has its version in its address, so that a browser may keep it for ever.
IMMUTABLE = re.compile(r"/static/vendor/[\w-]+-\d[\w.]*/")

#: How long a browser may keep our own files in production; their addresses change with their content.
OWN_SECONDS = 86_400

#: Our own files that are served from memory's list in production.
SERVED = {".css", ".js", ".svg", ".png", ".ico", ".webmanifest"}


#: What is compressed on its way: pages. An answer of the API has an entity tag, which stands for its bytes.
PAGES = frozenset({"text/html"})

#: A page up to so many bytes fits into one packet anyway.
LEAST = 1_400


class MissingAsset(RuntimeError):
    """A page asks for a file that is not there.  The text says how to get it."""


@lru_cache(maxsize=4)
def _manifest(path: Path, _changed: int) -> dict[str, dict[str, str]]:
    """The manifest as it stood at ``_changed`` (nanoseconds): read once for each time it is written."""
    found: dict[str, dict[str, str]] = json.loads(path.read_text())
    return found


def manifest() -> dict[str, dict[str, str]]:
    """What npm brought: file name to ``path``, ``package``, ``version``, ``license`` and ``sha256``.

    Raises ``MissingAsset`` where ``make static`` has not run.
    """
    path = VENDOR / "manifest.json"
    try:
        return _manifest(path, path.stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise MissingAsset(
            "The packages of npm are not in exchange/static/vendor: run `make static`."
        ) from error


def vendor(name: str) -> str:
    """The address of a file that npm brought, by its bare name (``bootstrap.min.css``).

    Raises ``MissingAsset`` for a name that the manifest does not have.
    """
    try:
        entry = manifest()[name]
    except KeyError as error:
        raise MissingAsset(f"{name} is not in exchange/static/vendor.mjs: name it there.") from error
    return url_for("static", filename=f"vendor/{entry['path']}")


def vendor_path(name: str) -> Path:
    """The same file on this machine's disk.  Raises ``MissingAsset``."""
    try:
        return VENDOR / manifest()[name]["path"]
    except KeyError as error:
        raise MissingAsset(f"{name} is not in exchange/static/vendor.mjs: name it there.") from error


@lru_cache(maxsize=256)
def _fingerprint(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]


def asset(name: str) -> str:
    """The address of one of our own files (``rongyi.css``), which changes when its content does.

    Raises ``MissingAsset`` where there is no such file.
    """
    known: dict[str, str] = g.setdefault("assets", {})  # a page asks for the same icons many times
    if name not in known:
        path = Path(current_app.static_folder or STATIC) / name
        try:
            known[name] = url_for("static", filename=name, v=_fingerprint(path, path.stat().st_mtime_ns))
        except FileNotFoundError as error:
            raise MissingAsset(f"exchange/static/{name} is not there.") from error
    return known[name]


def _headers(headers: Headers, _path: str, _url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"


def _immutable(_path: str, url: str) -> bool:
    return IMMUTABLE.match(url) is not None


def _compress(response: Response) -> Response:
    """Send a page compressed to who takes it so; the files beside it are compressed when they are made.

    What a page holds back from a stranger cannot be guessed from its length: requests of other sites come without the
    session (``SameSite``), and the signature in a form's token changes with every page.
    """
    if (
        response.mimetype in PAGES
        and response.status_code not in {204, 304}
        and not response.is_streamed
        and not response.direct_passthrough
        and "Content-Encoding" not in response.headers
        and request.accept_encodings["gzip"] > 0
        and len(body := response.get_data()) > LEAST
    ):
        response.set_data(gzip.compress(body, 5, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    return response


def init_app(app: Flask) -> None:
    """Give templates ``vendor()`` and ``asset()``, and serve static files compressed and with their age.

    In development our own files go through Flask, which looks at the disk each time.
    """
    app.jinja_env.globals.update(vendor=vendor, asset=asset)
    served: Any = WhiteNoise(
        app.wsgi_app,
        max_age=OWN_SECONDS,
        immutable_file_test=_immutable,
        add_headers_function=_headers,
        allow_all_origins=False,
    )
    if VENDOR.is_dir():
        served.add_files(str(VENDOR), prefix="static/vendor/")
    if settings().production:
        for path in sorted([*STATIC.glob("*"), *STATIC.glob("js/*")]):
            if path.suffix in SERVED:
                served.add_file_to_dictionary(f"/static/{path.relative_to(STATIC).as_posix()}", str(path))
    app.wsgi_app = served  # type: ignore[method-assign]
    app.after_request(_compress)
