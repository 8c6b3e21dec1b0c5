"""Documents that are made from the code, so that they cannot differ from it (``docs/generated``)."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Flask

from exchange import api, rulebook
from exchange.core import config, labels, lifecycle
from exchange.core.errors import fill
from exchange.ledger.chart import CHART
from exchange.notifications.messages import MESSAGES
from exchange.parties.policy import POLICY, SCOPES
from exchange.subscriptions import SUBSCRIBERS

FOLDER = config.ROOT / "docs" / "generated"


def lifecycles() -> str:
    """Every lifecycle as a table and a Mermaid diagram."""
    parts = ["# Lifecycles\n\nMade from the tables in the code by `make docs`.\n"]
    for name, cycle in sorted(lifecycle.REGISTRY.items()):
        parts.append(f"## {name}\n")
        parts.append("| move | from | to | by | rule | note |\n|---|---|---|---|---|---|")
        for row in cycle.moves:
            sources = ", ".join(s.value for s in cycle.states if s.value in row.sources)
            parts.append(
                f"| {row.name} | {sources} | {row.target} | {row.by} | {row.rule or ''} | {row.note or ''} |"
            )
        parts.append(f"\n```mermaid\n{cycle.mermaid()}\n```\n")
    return "\n".join(parts)


def permissions() -> str:
    """Who may do what."""
    lines = [
        "# Permissions\n\nMade from `exchange/parties/policy.py` by `make docs`.\n",
        "| permission | roles | relation to the thing |\n|---|---|---|",
    ]
    for permission in sorted(POLICY, key=lambda p: p.value):
        for grant in POLICY[permission]:
            roles = ", ".join(sorted(role.value for role in grant.roles))
            lines.append(f"| {permission.value} | {roles} | {grant.relation} |")
    lines.append("\n## Scopes of API tokens\n\n| scope | permissions |\n|---|---|")
    for scope, allowed in sorted(SCOPES.items()):
        names = "everything its owner may" if allowed is None else ", ".join(sorted(p.value for p in allowed))
        lines.append(f"| {scope} | {names} |")
    return "\n".join(lines) + "\n"


def ledger() -> str:
    """Every movement of money."""
    lines = [
        "# Movements of money\n\nMade from `exchange/ledger/chart.py` by `make docs`.\n",
        "| movement | from | to | why |\n|---|---|---|---|",
    ]
    lines += [f"| {row.code} | {row.source} | {row.destination} | {row.why} |" for row in CHART.values()]
    return "\n".join(lines) + "\n"


def events() -> str:
    """Which event reaches whom."""
    lines = [
        "# Events\n\nMade from `exchange/subscriptions.py` and `exchange/notifications/messages.py` by `make docs`.\n",
        "| subscriber | events | at once |\n|---|---|---|",
    ]
    lines += [
        f"| {subscriber.name} | {', '.join(subscriber.patterns)} | {'yes' if subscriber.prompt else 'no'} |"
        for subscriber in SUBSCRIBERS
    ]
    lines.append("\n## Notices\n\n| event | to | roles | mail | words |\n|---|---|---|---|---|")
    for message in MESSAGES:
        roles = ", ".join(sorted(role.value for role in message.roles))
        mail = "yes" if message.letter else "no"
        lines.append(
            f"| {message.event} | {message.relation} | {roles} | {mail} | {fill(message.words, {})} |"
        )
    return "\n".join(lines) + "\n"


def rules() -> str:
    """The rulebook as a page."""
    lines = [
        (
            "# Rulebook\n\nMade from `exchange/rulebook.csv` by `make docs`. “no” under verified: knowledge or the "
            "platform’s own setting, to be confirmed by the operator.\n"
        ),
        "| rule | value | unit | from | to | verified | source |\n|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.key} | {row.value} | {row.unit} | {row.valid_from} | {row.valid_to or ''} "
        f"| {'yes' if row.verified else 'no'} | {row.source} |"
        for row in rulebook.rows()
    ]
    return "\n".join(lines) + "\n"


def states() -> str:
    """Every state and kind with its English label."""
    lines = ["# States and kinds\n\nMade from the enums in the code by `make docs`.\n"]
    for kind in sorted(labels.kinds(), key=lambda k: k.__name__):
        lines.append(f"## {kind.__name__}\n\n| value | label |\n|---|---|")
        lines += [f"| {value} | {label} |" for value, label in labels.labels(kind).items()]
        lines.append("")
    return "\n".join(lines)


def configuration() -> str:
    """Every setting of the environment."""
    lines = [
        (
            "# Settings\n\nMade from `exchange/core/config.py` by `make docs`. All come from the environment and are "
            "checked at the start; a bad value stops it with one sentence that names the setting.\n"
        ),
        "| setting | meaning |\n|---|---|",
    ]
    lines += [f"| `{name}` | {words} |" for name, words in config.NAMES.items()]
    return "\n".join(lines) + "\n"


def openapi(app: Flask) -> str:
    """The OpenAPI document as JSON."""
    return json.dumps(api.document(app), ensure_ascii=False, indent=1, sort_keys=True, default=str) + "\n"


def build(app: Flask, *, write: bool, folder: Path = FOLDER) -> list[str]:
    """Make the documents; the names of those that differed. With ``write`` they are brought up to date."""
    pages = {
        "lifecycles.md": lifecycles(),
        "permissions.md": permissions(),
        "ledger.md": ledger(),
        "events.md": events(),
        "rulebook.md": rules(),
        "states.md": states(),
        "openapi.json": openapi(app),
        "../configuration.md": configuration(),
    }
    changed = []
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            changed.append(name)
            if write:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return changed
