"""How often one address may ask in a minute: kept in the memory of this process, so that a question writes nothing.

Several processes each count for themselves; the limit is against guessing by machine, and a code has 128 random
bits besides (ux-reliability.md R-060).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from typing import Final

from exchange.core.errors import N_, Throttled

MINUTE: Final = 60.0
"""Seconds of the window."""

ADDRESSES: Final = 10_000
"""How many addresses are remembered; the one that asked longest ago is forgotten first."""


class Throttle:
    """At most ``limit`` questions a minute from one address."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, address: str, limit: int) -> None:
        """Count a question. Raises ``Throttled`` (``verify.throttled``) where there were too many in the last minute."""
        now = time.monotonic()
        with self._lock:
            times = self._asked.setdefault(address, deque())
            self._asked.move_to_end(address)
            while times and now - times[0] >= MINUTE:
                times.popleft()
            if len(times) >= limit:
                wait = int(times[0] + MINUTE - now) + 1
                raise Throttled(
                    "verify.throttled",
                    N_("Too many checks from your address. Try again in %(seconds)s seconds."),
                    retry_after=wait,
                    seconds=wait,
                )
            times.append(now)
            while len(self._asked) > ADDRESSES:
                self._asked.popitem(last=False)

    def forget(self) -> None:
        """Forget every address."""
        with self._lock:
            self._asked.clear()


verifying = Throttle()
"""For the checks of certificates, on the page and in the API."""
