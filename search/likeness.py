"""More like this, and suggestions: what every engine does alike once it has counted words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from search import text
from search.clauses import NOTHING, Any, Clause, Term
from search.engine import Document, Suggestion

WORDS = 15
"""So many words stand for a text (search.md §1.14)."""

CANDIDATES = 120
"""So many of a text's words are weighed; the most frequent ones, ties by their order in it."""

FIELDS = ("title", "abstract")
SUGGESTION_CANDIDATES = 1_000


def likeness(
    like: Document, frequencies: Callable[[Sequence[str]], Mapping[str, int]], documents: int
) -> Clause:
    """The clause that finds what is like ``like``: its 15 words of the highest tf-idf, any of them.

    ``frequencies`` says in how many titles and abstracts each word stands; ``documents`` how many there are.
    """
    counted: Counter[str] = Counter()
    for name in FIELDS:
        value = like.values.get(name)
        parts = [value] if isinstance(value, str) else value if isinstance(value, Iterable) else []
        for part in parts:
            counted.update(word for word in text.bigrams(part) if len(word) > 1 and not word.isdigit())
    candidates = [word for word, _ in counted.most_common(CANDIDATES)]
    if not candidates:
        return NOTHING
    seen = frequencies(candidates)
    alone = 1 if like.id else 0  # a word that only the listing itself has leads to nobody
    weights = {
        word: counted[word] * math.log(1 + documents / seen[word])
        for word in candidates
        if seen.get(word, 0) > alone
    }
    chosen = sorted(weights, key=lambda word: (-weights[word], word))[:WORDS]
    return Any(tuple(Any(tuple(Term(name, word) for name in FIELDS)) for word in chosen))


def suggestions(found: Iterable[tuple[str, str, int]], limit: int) -> tuple[Suggestion, ...]:
    """The most frequent of (field, indexed suggestion, count), ties by field and folded text."""
    ordered = sorted(found, key=lambda item: (-item[2], item[0], item[1]))
    seen: dict[str, Suggestion] = {}
    for field, indexed, count in ordered:
        shown = indexed.partition("\x1f")[2]
        seen.setdefault(shown, Suggestion(field.removeprefix("suggest_"), shown, count))
    return tuple(seen.values())[:limit]


def prefix(typed: str) -> str:
    """What suggestions must begin with, folded; empty where nothing was typed."""
    return text.fold(" ".join(typed.split()))[:60]
