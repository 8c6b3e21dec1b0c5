"""The starters really start their servers."""

import json
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest

from tests.services import chromium as browser
from tests.services.elasticsearch import Elasticsearch
from tests.services.postgres import Postgres


def ask(url: str, body: dict[str, object] | None = None, method: str = "GET") -> dict[str, object]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def test_postgresql_stores_text_and_leaves_nothing_behind(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE word (text text)")
        connection.execute("INSERT INTO word VALUES (%s)", ("榕易",))
        assert connection.execute("SELECT text FROM word").fetchone() == ("榕易",)


@pytest.mark.postgresql
def test_postgresql_is_stopped_and_removed(postgres_server: str) -> None:
    with Postgres() as own:
        assert own.process is not None
        assert own.folder.exists()
    assert own.process.poll() == 0
    assert not own.folder.exists()


def test_elasticsearch_finds_what_was_put_in(es_url: str) -> None:
    node = es_url.split(",", maxsplit=1)[0]
    ask(f"{node}/starter", {"mappings": {"dynamic": "strict", "properties": {"t": {"type": "text"}}}}, "PUT")
    ask(f"{node}/starter/_doc/1?refresh=true", {"t": "榕易 专利"}, "PUT")
    found = ask(f"{node}/starter/_search", {"query": {"match": {"t": "专利"}}}, "POST")
    assert found["hits"]["total"]["value"] == 1  # type: ignore[index]
    ask(f"{node}/starter", method="DELETE")


def test_three_nodes_form_one_cluster(
    es_cluster: Callable[[int], AbstractContextManager[Elasticsearch]],
) -> None:
    with es_cluster(3) as cluster:
        health = ask(f"{cluster.nodes[0].url}/_cluster/health")
        assert health["number_of_nodes"] == 3
        cluster.nodes[2].kill()
        assert (
            ask(f"{cluster.nodes[0].url}/_cluster/health?wait_for_nodes=2&timeout=30s")["timed_out"] is False
        )


def test_the_browser_draws_a_page(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>榕易</title><p>你好")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [chromium, "--headless", *browser.FLAGS, profile, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "<p>你好" in done.stdout


def test_the_network_is_off() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match="the network is off"):
        outside.connect(("192.0.2.1", 80))
