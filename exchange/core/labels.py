"""What a state, role or kind is called: one msgid per member, beside the enum that it names."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

E = TypeVar("E", bound=Enum)

_labels: dict[type[Enum], dict[str, str]] = {}


def labelled(**names: str) -> Callable[[type[E]], type[E]]:
    """Name every member of an enum by its value: ``@labelled(draft=N_("Draft"), …)``.

    Raises ``ValueError`` where a member has no name or a name no member.
    """

    def keep(kind: type[E]) -> type[E]:
        values = {str(member.value) for member in kind}
        if values != set(names):
            raise ValueError(f"{kind.__name__}: labels differ in {', '.join(sorted(values ^ set(names)))}")
        _labels[kind] = names
        return kind

    return keep


def label(member: Enum) -> str:
    """The msgid of ``member``; the face translates it. An enum without labels is called by its values."""
    return _labels.get(type(member), {}).get(str(member.value), str(member.value))


def labels(kind: type[Enum]) -> dict[str, str]:
    """Value → msgid for every member of ``kind``."""
    return _labels[kind]


def kinds() -> list[type[Enum]]:
    """Every enum that has labels."""
    return list(_labels)
