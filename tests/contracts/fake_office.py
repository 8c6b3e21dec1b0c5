"""An office in memory that speaks the port's words: it numbers requests, and sends notices when it is told to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from contracts.office import Said
from exchange.core import clock


class FakeOffice:
    """Keeps requests by (filing, attempt) and notices in the order in which they were sent."""

    name = "fake"

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], str] = {}
        self.sent: list[Said] = []
        self.down = False
        self._count = itertools.count(1)

    def file(self, package: Mapping[str, Any]) -> str | None:
        """Take a request in; the same one gets the same receipt."""
        if self.down:
            raise OSError("the office is out of reach")
        key = (str(package["filing"]), int(package["attempt"]))
        return self.requests.setdefault(key, f"SQ{next(self._count):08d}")

    def news(self, filings: Sequence[str]) -> list[Said]:
        """Everything sent about these filings so far."""
        if self.down:
            raise OSError("the office is out of reach")
        return [said for said in self.sent if said.filing in set(filings)]

    def send(self, filing: str, code: str, *, due_on: date | None = None) -> Said:
        """Send a notice about a filing."""
        number = f"GA{next(self._count):012d}"
        said = Said(
            filing, code, number, clock.today(), f"{number}.pdf", b"%PDF-1.7 " + number.encode(), due_on
        )
        self.sent.append(said)
        return said
