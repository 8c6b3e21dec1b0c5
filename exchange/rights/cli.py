"""``flask rights import``, ``check`` and ``events``: a file in, numbers answered, announcements applied.

Each takes ``--json``: one object on standard output, everything else on standard error. Exit 0: done; 1: refused or
found wrong, with the reason in one sentence; 2: wrong usage.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from exchange.core import kept
from exchange.core.db import get
from exchange.core.errors import DomainError
from exchange.parties.models import Party
from exchange.parties.policy import SYSTEM
from exchange.rights import check, gazette, imports
from exchange.rights.formats import AUTO, FORMATS

rights_cli = AppGroup("rights", help="The register of rights: import, quick check, legal events.")

_SHOWN = 20
"""Problems printed in full where people read."""

errors = Console(stderr=True)


def _refusing(command: Callable[..., int]) -> Callable[..., None]:
    """A command that answers with its exit code; a refusal of the exchange is 1 and its sentence."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
    @with_appcontext
    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        kept.read_clock()
        try:
            code = command(*args, **kwargs)
        except DomainError as error:
            click.echo(str(error), err=True)
            code = 1
        sys.exit(code)

    return run


def _print_json(answer: dict[str, Any]) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False))


@contextmanager
def _progress(words: str) -> Iterator[Callable[[int], None]]:
    """A moving line on a terminal: how many rows are done. Silent elsewhere."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as bar:
        task = bar.add_task(words, total=None)
        yield lambda done: bar.update(task, completed=done)


@rights_cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--owner", metavar="PARTY_REF", help="Claim a holding for this party in the rights it owns of record."
)
@click.option("--format", "fmt", default=AUTO, show_default=True, type=click.Choice([AUTO, *FORMATS]))
@click.option("--dry-run", is_flag=True, help="Read and compare everything, write nothing.")
@_refusing
def import_(file: Path, owner: str | None, fmt: str, dry_run: bool, as_json: bool) -> int:
    """Bring a file of rights in. The same file twice is the same import; a run that broke off goes on."""
    party = get(Party, owner) if owner else None
    with _progress(file.name) as progress:
        report = imports.import_file(
            SYSTEM,
            file,
            owner=party,
            filename=file.name,
            fmt=fmt,
            dry_run=dry_run,
            progress=progress,
        )
    answer = report.as_json()
    if as_json:
        _print_json(answer)
    else:
        _print_report(answer, dry_run=dry_run)
    return 0


def _print_report(answer: dict[str, Any], *, dry_run: bool) -> None:
    names = ("read", "added", "updated", "unchanged", "rejected", "warned")
    click.echo(f"{'dry run, ' if dry_run else ''}{answer['format']}, {answer['seconds']:.2f} s")
    for name in names:
        click.echo(f"{name:>10} {answer[name]:>8,}")
    problems = answer["problems"]
    for problem in problems[:_SHOWN]:
        place = f"line {problem['line']}" + (f", {problem['column']}" if problem["column"] else "")
        click.echo(f"  {problem['severity']} {problem['code']} ({place}): {problem['message']}")
    if len(problems) > _SHOWN:
        click.echo(f"  … and {len(problems) - _SHOWN:,} more; --json prints them all")


@rights_cli.command("check")
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER…")
@click.option(
    "--kind", default="", help="Kind of right, for bare numbers of registers that need it (trademark)."
)
@_refusing
def check_(numbers: tuple[str, ...], kind: str, as_json: bool) -> int:
    """What the register here knows of each number, and what may be done with the right."""
    answers = check.check(list(numbers), kind=kind)
    items = [answer.as_json() for answer in answers]
    if as_json:
        _print_json({"items": items})
    else:
        _print_answers(items)
    return 0


def _print_answers(items: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "right", "status", "until", "list", "transfer", "license", "pledge", "remark"):
        table.add_column(heading, no_wrap=heading != "remark", overflow="fold")
    for item in items:
        remark = item["error"]["message"] if item["error"] else (item["title"] or "")
        if item["suggestions"]:
            remark += f" Meant: {', '.join(item['suggestions'])}?"
        may = ["yes" if item["may"][act]["ok"] else "no" for act in ("list", "transfer", "license", "pledge")]
        table.add_row(
            item["normalized"] or item["input"],
            item["ref"] or "–",
            item["status"] if item["valid"] else "–",
            item["expires_on"] or "–",
            *may,
            remark,
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@rights_cli.command("events")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--number", help="The number of the right, where the file names none.")
@click.option("--format", "fmt", default=AUTO, show_default=True, type=click.Choice([AUTO, *FORMATS]))
@_refusing
def events(file: Path, number: str | None, fmt: str, as_json: bool) -> int:
    """Apply the legal events of a file to the rights they name. Any order arrives at the same state."""
    report = gazette.import_events(SYSTEM, file, number=number, fmt=fmt)
    answer = report.as_json()
    if as_json:
        _print_json(answer)
        return 0
    for name in ("read", "applied", "recorded", "known", "unknown_right", "rejected", "warned"):
        click.echo(f"{name:>14} {answer[name]:>8,}")
    for problem in answer["problems"][:_SHOWN]:
        click.echo(
            f"  {problem['severity']} {problem['code']} (line {problem['line']}): {problem['message']}"
        )
    return 0
