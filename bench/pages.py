"""Every page of the demo market: time against the shell's emptiest page, statements, weight of a first visit.

    python -m bench.pages [--listings 60] [--runs 7]

The market runs on the default stack (SQLite, the embedded index, gunicorn). Each kind of page that a role reaches is
asked for several times; its median is shown as a multiple of the median of ``/help/accessibility`` as the same reader
gets it in the same run. Statements are counted in this process, on the same database. The weight is what a browser
with an empty cache loads for the page, compressed as sent, without the charts' library.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urljoin

import httpx
from sqlalchemy import event

from exchange.core.db import db
from exchange.demo import PASSWORD
from tests.browser import reading
from tests.browser.test_every_page import ROLES
from tests.browser.test_queries import Counter
from tests.conftest import create_app, settings
from tests.flows.server import Exchange

EMPTIEST = "/help/accessibility"

#: The library of the charts, which pages without charts do not load.
CHARTS = "echarts"


def sign_in(client: httpx.Client, who: str | None) -> httpx.Client:
    """The client with the session of a demo login."""
    if who:
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
        assert token
        form = {"email": f"{who}@demo.example", "password": PASSWORD, "csrf_token": token[1]}
        assert client.post("/login", data=form).url.path != "/login"
    return client


def milliseconds(client: httpx.Client, path: str, runs: int) -> float:
    """The median time of an answer, after one that warms up."""
    client.get(path)
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        client.get(path)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def sent_bytes(client: httpx.Client, path: str) -> int:
    """How many bytes of body travel for one address."""
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        return sum(len(part) for part in answer.iter_raw())


def weight(client: httpx.Client, page: reading.Seen, known: dict[str, int]) -> int:
    """Bytes of the page and of what it loads; ``known`` remembers the files."""
    links = [
        *(str(tag["href"]) for tag in page.soup.select("link[rel=stylesheet], link[rel=icon]")),
        *(str(tag["src"]) for tag in page.soup.select("script[src], img[src]")),
        *(str(tag["href"]).partition("#")[0] for tag in page.soup.select("use[href]")),
    ]
    total = sent_bytes(client, page.path)
    for link in {urljoin(page.path, one) for one in links}:
        if CHARTS not in link:
            total += known.setdefault(link, sent_bytes(client, link) if link not in known else 0)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listings", type=int, default=60)
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        url, folder = f"sqlite:///{name}/market.db", Path(name)
        exchange = Exchange(url, folder)
        exchange.flask("db", "upgrade")
        started = time.perf_counter()
        exchange.flask("demo", "load", "--listings", str(asked.listings))
        print(f"{asked.listings} listings loaded in {time.perf_counter() - started:.1f} s")
        exchange.start()
        app = create_app(settings(url, folder))
        counter, files = Counter(), dict[str, int]()
        with app.app_context():
            event.listen(db.engine, "before_cursor_execute", counter.note)
        multiples, statements, weights = [], [], []
        print(f"{'reader':14} {'ms':>7} {'×':>5} {'statements':>10} {'KB':>6}  page")
        for who in ROLES:
            inside = sign_in(
                httpx.Client(
                    transport=httpx.WSGITransport(app), base_url="http://127.0.0.1", follow_redirects=True
                ),
                who,
            )
            outside = sign_in(httpx.Client(base_url=exchange.url, follow_redirects=True, timeout=60), who)
            empty = milliseconds(outside, EMPTIEST, asked.runs)
            inside.event_hooks["request"].append(lambda _request: counter.statements.clear())
            for page in reading.walk(inside, each=1, skip=frozenset({"/api/docs"})):
                count = len(counter.statements)
                took = milliseconds(outside, page.path, asked.runs)
                kilobytes = weight(outside, page, files) / 1000
                multiples.append(took / empty)
                statements.append(count)
                weights.append(kilobytes)
                print(
                    f"{who or 'visitor':14} {took:>7.1f} {took / empty:>5.1f} {count:>10} {kilobytes:>6.0f}  {page.kind}",
                    flush=True,
                )
            inside.close()
            outside.close()
        exchange.stop()
        with app.app_context():
            db.engine.dispose()
        p95 = statistics.quantiles(multiples, n=20)[-1]
        print(
            f"{len(multiples)} pages; p95 {p95:.1f}× the emptiest page, at most {max(multiples):.1f}×; "
            f"at most {max(statements)} statements; at most {max(weights):.0f} KB"
        )


if __name__ == "__main__":
    main()
