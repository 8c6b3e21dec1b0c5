"""The Chinese catalogue is whole: every message of the code is in it, translated, with the same fields."""

import re

from babel.messages.catalog import Catalog

from tests.habits.messages import said, words

FIELD = re.compile(r"%\((\w+)\)[sd]|%[sd]")


def test_every_message_of_the_code_is_in_the_catalogue(catalogue: Catalog, extracted: Catalog) -> None:
    known = {words(message)[0] for message in catalogue}
    assert [words(message)[0] for message in extracted if words(message)[0] not in known] == []


def test_nothing_is_in_the_catalogue_that_the_code_does_not_say(
    catalogue: Catalog, extracted: Catalog
) -> None:
    spoken = {words(message)[0] for message in extracted}
    assert [words(message)[0] for message in catalogue if words(message)[0] not in spoken] == []


def test_every_message_is_translated_and_sure(catalogue: Catalog) -> None:
    unsure = [words(m)[0] for m in catalogue if m.id and (m.fuzzy or not all(said(m)))]
    assert unsure == []


def test_a_translation_has_the_fields_of_its_message(catalogue: Catalog) -> None:
    wrong = []
    for message in catalogue:
        if not message.id:
            continue
        wanted = set(FIELD.findall(" ".join(words(message))))
        for string in said(message):
            if string and set(FIELD.findall(string)) - wanted:
                wrong.append(f"{words(message)[0]!r}: {string!r}")
            # In Chinese a message with a number may say it in words, but it may not lose a name.
            if string and not isinstance(message.id, tuple) and wanted - set(FIELD.findall(string)):
                wrong.append(f"{words(message)[0]!r}: {string!r}")
    assert wrong == []


def test_chinese_has_no_western_marks_between_han(catalogue: Catalog) -> None:
    """A Chinese sentence ends in 。 and is parted by ，: half-width marks between Han read as a slip."""
    mark = re.compile(r"[\u4e00-\u9fff][,;:?!][\u4e00-\u9fff ]|[\u4e00-\u9fff]\.(?:$|\s)")
    assert [
        string for message in catalogue for string in said(message) if string and mark.search(string)
    ] == []
