"""The ``flask …`` commands of the house; rooms bring their own (``rights``, ``parties``, ``users``, ``tokens``).

Each takes ``--json``: one object on standard output, everything else on standard error. Exit 0: done; 1: refused or
found wrong, with the reason in one sentence; 2: wrong usage.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from rich.console import Console
from rich.progress import Progress

from exchange import demo, docs, jobs, walks
from exchange.core import audit, kept
from exchange.core.errors import DomainError
from exchange.ledger.verify import verify
from exchange.parties.cli import parties_cli, tokens_cli, users_cli
from exchange.rights.cli import rights_cli
from search import engine, indexer


def answering(command: Callable[..., dict[str, Any]], *, database: bool = True) -> Callable[..., None]:
    """A command that answers with an object: ``--json`` prints it, otherwise a line per value.

    A refusal of the exchange ends it with exit code 1 and its sentence; so does an answer with ``ok`` false.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
    @with_appcontext
    @functools.wraps(command)
    def run(*args: Any, as_json: bool, **kwargs: Any) -> None:
        if database:
            kept.read_clock()
        try:
            answer = command(*args, **kwargs)
        except DomainError as error:
            click.echo(str(error), err=True)
            sys.exit(1)
        if as_json:
            click.echo(json.dumps(answer, ensure_ascii=False, default=str))
        else:
            for name, value in answer.items():
                click.echo(f"{name}: {_plain(value)}")
        if answer.get("ok") is False:
            click.echo(str(answer.get("wrong") or "found wrong"), err=True)
            sys.exit(1)

    return run


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "".join(f"\n  {json.dumps(item, ensure_ascii=False, default=str)}" for item in value) or "none"
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict) else str(value)


ledger_cli = AppGroup("ledger", help="The escrow ledger.")


@ledger_cli.command("verify")
@answering
def ledger_verify() -> dict[str, Any]:
    """Prove the whole book: chain, chart, balances."""
    proof = verify()
    return {
        "ok": proof.ok,
        "entries": proof.entries,
        "accounts": proof.accounts,
        "held_fen": proof.held,
        "head": proof.head,
        "wrong": proof.wrong,
        "problems": proof.problems[:50],
    }


audit_cli = AppGroup("audit", help="The Merkle tree over the events.")


@audit_cli.command("verify")
@click.argument("file", required=False, type=click.File(encoding="utf-8"))
@answering
def audit_verify(file: Any) -> dict[str, Any]:
    """Compare the events with every published head, and with the heads in FILE (JSON lines kept elsewhere)."""
    try:
        kept_outside = [json.loads(line) for line in file if line.strip()] if file else []
    except json.JSONDecodeError as error:
        raise click.UsageError(f"{file.name}, line {error.lineno}: no JSON") from error
    verdict = audit.verify(kept_outside)
    return {"ok": verdict.ok, "events": verdict.events, "heads": verdict.heads, "wrong": verdict.wrong}


search_cli = AppGroup("search", help="The search index.")


@search_cli.command("rebuild")
@answering
def search_rebuild() -> dict[str, Any]:
    """Build the index anew from the database beside the old one, then swap."""
    started = time.perf_counter()
    count = indexer.rebuild()
    return {"indexed": count, "seconds": round(time.perf_counter() - started, 3)}


@search_cli.command("reconcile")
@answering
def search_reconcile() -> dict[str, Any]:
    """Compare index and database by (reference, version), and repair."""
    return dict(indexer.reconcile())


@search_cli.command("query")
@click.argument("text")
@click.option("--filter", "filters", multiple=True, metavar="FIELD=VALUE", help="May be repeated.")
@answering
def search_query(text: str, filters: tuple[str, ...]) -> dict[str, Any]:
    """Ask the index as visitors do."""
    chosen: dict[str, list[str]] = {}
    for item in filters:
        name, equals, value = item.partition("=")
        if not equals:
            raise click.UsageError(f"--filter takes FIELD=VALUE, not {item!r}")
        chosen.setdefault(name, []).append(value)
    page = indexer.ask(text, chosen)
    return {
        "total": page.total,
        "hits": [{"ref": hit.ref} for hit in page.hits],
        "facets": {
            name: {count.value: count.count for count in facet}
            for name, facet in engine.facet_counts(page).items()
        },
    }


@click.group("jobs", cls=AppGroup, invoke_without_command=True)
@click.pass_context
@with_appcontext
def jobs_cli(context: click.Context) -> None:
    """The timetable; without a further word, the scheduler process."""
    if context.invoked_subcommand is None:
        jobs.run_forever(_app())


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]


@jobs_cli.command("run")
@click.argument("name", type=click.Choice(sorted(jobs.TIMETABLE)))
@answering
def jobs_run(name: str) -> dict[str, Any]:
    """Run one job now."""
    jobs.prepare()
    return {"job": name, "ran": jobs.run_once(_app(), name)}


@jobs_cli.command("status")
@answering
def jobs_status() -> dict[str, Any]:
    """Last runs and next."""
    return {"jobs": jobs.status()}


demo_cli = AppGroup("demo", help="A believable market for trying out.")


@demo_cli.command("load")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same market.")
@click.option("--listings", default=300, show_default=True, type=click.IntRange(1, 5000))
@click.option("--if-empty", is_flag=True, help="Do nothing where parties exist.")
@answering
def demo_load(seed: int, listings: int, if_empty: bool) -> dict[str, Any]:
    """Load the demo market: parties, people, rights, listings, deals. Development only."""
    if not sys.stderr.isatty():
        return demo.load(seed=seed, listings=listings, if_empty=if_empty)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("two years of a market", total=None)
        return demo.load(
            seed=seed,
            listings=listings,
            if_empty=if_empty,
            progress=lambda done, all_: bar.update(task, completed=done, total=all_),
        )


walk_cli = AppGroup("walk", help="Drive a whole story through the verbs.")


@walk_cli.command("one-stop")
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@answering
def walk_one_stop(file: Path | None) -> dict[str, Any]:
    """From a file of patents to a recorded, paid transfer."""
    return walks.one_stop(file, say=lambda line: click.echo(line, err=True))


@click.command("docs")
@click.option("--check", is_flag=True, help="Only tell whether they are current.")
@functools.partial(answering, database=False)
def docs_(check: bool) -> dict[str, Any]:
    """Write docs/generated (lifecycles, permissions, ledger, events, errors, rulebook, OpenAPI)."""
    changed = docs.build(_app(), write=not check)
    return {
        "ok": not (check and changed),
        "changed": changed,
        "wrong": "run `make docs` and commit" if check and changed else None,
    }


@click.command("openapi")
@with_appcontext
def openapi() -> None:
    """Print the OpenAPI document."""
    click.echo(docs.openapi(_app()))


def init_app(app: Flask) -> None:
    """Register every command."""
    for command in (
        ledger_cli,
        audit_cli,
        search_cli,
        jobs_cli,
        demo_cli,
        walk_cli,
        docs_,
        openapi,
        parties_cli,
        users_cli,
        tokens_cli,
        rights_cli,
    ):
        app.cli.add_command(command)
