"""Where a fact about a right comes from, as of when, and who may replace it.

Five kinds of source, from weak to strong: a file that anybody imported, a file that the exchange imported, a database
that repeats what a register announced, a verified holder, a register. Nobody overwrites what a stronger source said (architecture.md, settled facts), and an
importer never what another importer said. ``Right.facts`` keeps the source of each fact under the fact's name;
``*`` stands for all that came in together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from exchange.core.errors import N_

IMPORT: Final = "import"
OPERATOR: Final = "operator"
DATABASE: Final = "database"
HOLDER: Final = "holder"
REGISTER: Final = "register"

_RANKS: Final = {IMPORT: 1, OPERATOR: 2, DATABASE: 3, HOLDER: 4, REGISTER: 5}

NAMES: Final = {
    IMPORT: N_("Imported file"),
    OPERATOR: N_("File imported by the exchange"),
    DATABASE: N_("Database that repeats a register"),
    HOLDER: N_("Verified holder"),
    REGISTER: N_("Register"),
    "exchange": N_("Rongyi"),
    "rulebook": N_("Term over"),
}

EVERYTHING: Final = "*"


@dataclass(frozen=True, slots=True)
class Source:
    """One source: its kind, who speaks (a reference, or a register's name), and the day it speaks of."""

    kind: str
    by: str = ""
    as_of: date | None = None

    @property
    def token(self) -> str:
        """The form kept in tables: ``import:PT-…``, ``register``; at most 64 characters."""
        return (f"{self.kind}:{self.by}" if self.by else self.kind)[:64]

    @property
    def rank(self) -> int:
        """How strong it is; an unknown kind is the weakest."""
        return _RANKS.get(self.kind, 0)

    def kept(self) -> dict[str, Any]:
        """The form kept in ``Right.facts``."""
        return {"source": self.token, "as_of": self.as_of.isoformat() if self.as_of else None}

    def may_replace(self, other: Source | None) -> bool:
        """Whether this source may overwrite what ``other`` said.

        The stronger may; of equals the register, the exchange and holders go by the later day, and an importer may
        only replace what the same importer said.
        """
        if other is None or self.rank > other.rank:
            return True
        if self.rank < other.rank:
            return False
        if self.kind == IMPORT and self.by != other.by:
            return False
        return other.as_of is None or (self.as_of is not None and self.as_of >= other.as_of)


def read(token: str, as_of: date | None = None) -> Source:
    """The source that ``token`` names."""
    kind, _, by = token.partition(":")
    return Source(kind, by, as_of)


def of(facts: dict[str, Any], name: str) -> Source | None:
    """Where the fact ``name`` of a right comes from; ``None`` where nobody said."""
    kept = facts.get(name) or facts.get(EVERYTHING)
    if not isinstance(kept, dict) or "source" not in kept:
        return None
    day = kept.get("as_of")
    return read(str(kept["source"]), date.fromisoformat(day) if day else None)


def name(token: str) -> str:
    """The msgid that names the kind of source of ``token``; the token itself where it is none of ours."""
    return NAMES.get(token.partition(":")[0], token)
