"""The glossary is current: its names are in the code, its Chinese is the catalogue's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog

from tests.habits.messages import said, words
from tests.habits.tree import product, text


class Term(NamedTuple):
    """A row of the glossary."""

    chinese: str
    english: str
    name: str


def terms() -> Iterator[Term]:
    for line in text(Path("docs/glossary.md")).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[2].startswith("`"):
            yield Term(cells[0], cells[1], cells[2].strip("`"))


def test_every_name_is_in_the_code() -> None:
    code = "\n".join(text(path) for path in product())
    listed = list(terms())
    assert len(listed) >= 30
    assert [term.name for term in listed if not re.search(rf"\b{re.escape(term.name)}\b", code)] == []


def test_no_word_is_used_for_two_things() -> None:
    listed = list(terms())
    assert len({term.english for term in listed}) == len(listed)
    assert len({term.chinese for term in listed}) == len(listed)


def test_the_catalogue_says_it_with_the_same_words(catalogue: Catalog) -> None:
    chinese = {words(message)[0].casefold(): said(message)[0] for message in catalogue if message.id}
    wrong = [
        f"{term.english}: glossary {term.chinese}, catalogue {found}"
        for term in terms()
        if (found := chinese.get(term.english.casefold())) and found != term.chinese
    ]
    assert wrong == []
