"""The browser for the tests that look at pages: Debian's Chromium, found by path."""

import os
import shutil

from tests.services import Absent, install

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: No look-ups of the maker's hosts, no sandbox (tests may run as root), no first-run pages.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def path() -> str:
    """Return the path of a Chromium.  Raises :class:`Absent` where there is none."""
    found = _find()
    if found is None:
        install("chromium", "fonts-noto-cjk")
        found = _find()
    if found is None:
        raise Absent("Chromium: not on this machine (Debian: apt-get install chromium)")
    return found


def _find() -> str | None:
    asked = os.environ.get("CHROMIUM")
    return next((where for name in ([asked] if asked else NAMES) if (where := shutil.which(name))), None)
