"""Lifecycles as data: which moves a thing can make, from where, by whom, and by which rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from exchange.core.errors import N_, IllegalMove


class HasStatus(Protocol):
    """A thing whose ``status`` is a member of the lifecycle's enum."""

    status: Any


@dataclass(frozen=True)
class Move:
    """One row: ``name`` leads from any of ``sources`` to ``target``; ``by`` says who moves it.

    ``rule`` names the rulebook row of a move of the clock; ``note`` is for the reader of the diagram.
    """

    name: str
    sources: frozenset[str]
    target: str
    by: str
    rule: str | None = None
    note: str | None = None


def move(
    name: str,
    sources: Iterable[str],
    target: str,
    *,
    by: str,
    rule: str | None = None,
    note: str | None = None,
) -> Move:
    """A row of a lifecycle table."""
    return Move(name, frozenset(sources), target, by, rule, note)


REGISTRY: dict[str, Lifecycle] = {}
"""Every lifecycle by name, for documents, tests and API."""


class Lifecycle:
    """A table of moves over the members of ``states``.

    The constructor raises ``ValueError`` for a move that is named twice from one state, for an unknown state, and
    for a state that cannot be reached from ``initial``.
    """

    def __init__(self, name: str, states: type[Enum], *, initial: str, moves: Iterable[Move]) -> None:
        self.name = name
        self.states = states
        self.initial = states(initial)
        self.moves = tuple(moves)
        known = {state.value for state in states}
        seen: set[tuple[str, str]] = set()
        for row in self.moves:
            if unknown := (row.sources | {row.target}) - known:
                raise ValueError(f"{name}.{row.name}: unknown state {', '.join(sorted(unknown))}")
            for source in row.sources:
                if (source, row.name) in seen:
                    raise ValueError(f"{name}.{row.name}: twice from {source}")
                seen.add((source, row.name))
        reached = {initial}
        while more := {m.target for m in self.moves if m.sources & reached} - reached:
            reached |= more
        if lost := known - reached:
            raise ValueError(f"{name}: no move leads to {', '.join(sorted(lost))}")
        REGISTRY[name] = self

    def find(self, status: Any, name: str) -> Move | None:
        """The move ``name`` from ``status``, or ``None``."""
        value = self.states(status).value
        return next((m for m in self.moves if m.name == name and value in m.sources), None)

    def allowed(self, thing: HasStatus) -> list[str]:
        """The names of the moves that ``thing`` can make now."""
        value = self.states(thing.status).value
        return [m.name for m in self.moves if value in m.sources]

    def check(self, thing: HasStatus, name: str) -> Move:
        """The move, or ``IllegalMove`` (409, ``<lifecycle>.cannot_<move>``) that says what is possible instead."""
        found = self.find(thing.status, name)
        if found is None:
            raise IllegalMove(
                f"{self.name}.cannot_{name}",
                N_(
                    "This cannot be done now: the state is “%(state)s”. Reload the page to see what is possible."
                ),
                move=name,
                state=self.states(thing.status),
                allowed=self.allowed(thing),
            )
        return found

    def fire(self, thing: HasStatus, name: str) -> Move:
        """Make the move: sets ``thing.status``. Raises ``IllegalMove`` where the table has no such move."""
        found = self.check(thing, name)
        thing.status = self.states(found.target)
        return found

    @property
    def final(self) -> frozenset[str]:
        """States that no move leaves."""
        return frozenset(s.value for s in self.states) - frozenset(v for m in self.moves for v in m.sources)

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial.value}"]
        for row in self.moves:
            for source in sorted(row.sources):
                rule = f" [{row.rule}]" if row.rule else ""
                lines.append(f"    {source} --> {row.target}: {row.name} ({row.by}){rule}")
        lines += [f"    {state} --> [*]" for state in sorted(self.final)]
        return "\n".join(lines)
