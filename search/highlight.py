"""Marking what was found, in the text of the database: segments for a template to escape and mark.

The engines store no text. The words of the query (``Page.words``) are looked for in the folded text, and the marks
are carried back to the signs that are shown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from search import text

WIDTH = 72
"""Signs of a snippet."""


class Segment(NamedTuple):
    """A piece of text, and whether it was found. Not escaped: the template does that."""

    text: str
    hit: bool


def highlight(shown: str, words: Collection[str]) -> tuple[Segment, ...]:
    """The whole text in segments that alternate between found and not; one segment where nothing was found."""
    return tuple(_segments(shown, _marks(shown, words), 0, len(shown)))


def snippet(shown: str, words: Collection[str], width: int = WIDTH) -> tuple[Segment, ...]:
    """The stretch of at most ``width`` signs with the most different words, with … where it was cut.

    Empty where no word was found.
    """
    marks = _marks(shown, words)
    if not marks:
        return ()
    start, end = _densest(shown, marks, width)
    segments = list(_segments(shown, marks, start, end))
    if start > 0:
        segments.insert(0, Segment("…", hit=False))
    if end < len(shown):
        segments.append(Segment("…", hit=False))
    return tuple(segments)


def _marks(shown: str, words: Collection[str]) -> list[tuple[int, int]]:
    """The stretches of the source that were found, in order, touching ones joined."""
    if not words or not shown:
        return []
    folded = text.fold_mapped(shown)
    marks: list[tuple[int, int]] = []
    for start, end in _found(folded.text, frozenset(words)):
        left, right = folded.offsets[start], folded.offsets[end]
        right = max(right, left + 1)
        if marks and left <= marks[-1][1]:
            marks[-1] = marks[-1][0], max(marks[-1][1], right)
        else:
            marks.append((left, right))
    return marks


@lru_cache(maxsize=256)
def _pattern(words: frozenset[str]) -> tuple[re.Pattern[str] | None, frozenset[str]]:
    """Where Han words begin (they overlap, so it looks ahead), and the stems of the others."""
    wide = sorted((word for word in words if text.is_wide(word)), key=len, reverse=True)
    pattern = re.compile(f"(?=({'|'.join(map(re.escape, wide))}))") if wide else None
    return pattern, frozenset(text.stem(word) for word in words if not text.is_wide(word))


def _found(folded: str, words: frozenset[str]) -> list[tuple[int, int]]:
    """The stretches of folded text that are among the words, in order."""
    pattern, stems = _pattern(words)
    found = [match.span(1) for match in pattern.finditer(folded)] if pattern else []
    if stems:
        found.extend((r.start, r.end) for r in text.runs(folded) if not r.wide and text.stem(r.text) in stems)
        found.sort()
    return found


def _densest(shown: str, marks: list[tuple[int, int]], width: int) -> tuple[int, int]:
    """Where a window of ``width`` shows the most different marked pieces; the earliest of equals."""
    best, best_worth = marks[0][0], 0
    for i, (start, _) in enumerate(marks):
        inside = {shown[a:b] for a, b in marks[i:] if b <= start + width}
        worth = sum(map(len, inside))
        if worth > best_worth:
            best, best_worth = start, worth
    lead = max(0, best - width // 4)
    end = min(len(shown), lead + width)
    return max(0, min(lead, end - width)), end


def _segments(shown: str, marks: list[tuple[int, int]], start: int, end: int) -> Iterator[Segment]:
    edges = [start]
    for left, right in marks:
        if right > start and left < end:
            edges.extend((max(left, start), min(right, end)))
    edges.append(end)
    for i, (left, right) in enumerate(pairwise(edges)):
        if left < right:
            yield Segment(shown[left:right], hit=i % 2 == 1)
