"""Every sentence of marshmallow has a Chinese one: a new version that says something new fails here."""

import inspect
from typing import Any

import marshmallow as ma
import pytest
from babel.messages.pofile import read_po

from exchange.web import i18n, wording
from exchange.web.wording import Said, problem, problems
from tests.web.conftest import Shell

#: Only shown to programmers: what cannot be serialised, addresses and periods that no schema of ours asks for.
NOT_SHOWN = {"format"}
KINDS: set[Any] = {
    ma.fields.IP,
    ma.fields.IPInterface,
    ma.fields.IPv4,
    ma.fields.IPv4Interface,
    ma.fields.IPv6,
}
KINDS |= {ma.fields.IPv6Interface, ma.fields.TimeDelta}


def default_sentences() -> list[str]:
    found: list[Any] = []
    for kind in vars(ma.fields).values():
        if inspect.isclass(kind) and issubclass(kind, ma.fields.Field) and kind not in KINDS:
            found += [m for key, m in kind.default_error_messages.items() if key not in NOT_SHOWN]
    return sorted({m for m in found if "{" not in m} | set(map(str, ma.Schema.error_messages.values())))


def codes(found: Any) -> set[str]:
    return {p.code for p in problems(found)}


@pytest.mark.parametrize("sentence", default_sentences())
def test_a_default_sentence_is_known(sentence: str) -> None:
    assert sentence in wording.PLAIN


@pytest.mark.parametrize(
    ("check", "value", "code", "params"),
    [
        (ma.validate.Length(min=3), "a", "field.length", {"min": "3"}),
        (ma.validate.Length(max=3), "abcd", "field.length", {"max": "3"}),
        (ma.validate.Length(min=2, max=3), "a", "field.length", {"min": "2", "max": "3"}),
        (ma.validate.Length(equal=3), "a", "field.length", {"equal": "3"}),
        (ma.validate.Range(1, 5), 9, "field.range", {"min": "1", "max": "5"}),
        (ma.validate.Range(min=1), 0, "field.range", {"min": "1"}),
        (ma.validate.Range(max=1), 2, "field.range", {"max": "1"}),
        (ma.validate.Range(min=1, min_inclusive=False), 1, "field.range", {"min": "1"}),
        (ma.validate.Range(max=1, max_inclusive=False), 1, "field.range", {"max": "1"}),
        (ma.validate.Equal("x"), "y", "field.invalid", {"other": "x"}),
        (ma.validate.OneOf(["a", "b"]), "c", "field.choice", {"choices": "a, b"}),
        (ma.validate.Regexp("^a$"), "b", "field.pattern", {}),
        (ma.validate.Email(), "b", "field.email", {}),
        (ma.validate.URL(), "b", "field.url", {}),
        (ma.validate.NoneOf(["a"]), "a", "field.invalid", {}),
        (ma.validate.ContainsOnly(["a"]), ["b"], "field.choice", {"choices": "a"}),
        (ma.validate.ContainsNoneOf(["a"]), ["a"], "field.choice", {"values": "a"}),
    ],
)
def test_what_a_check_says_is_read_back(check: Any, value: Any, code: str, params: dict[str, str]) -> None:
    with pytest.raises(ma.ValidationError) as caught:
        check(value)
    found = problem(caught.value.messages[0], "v")
    assert (found.code, found.params, found.field) == (code, params, "v")


def test_paths_are_dotted_and_the_whole_schema_has_none() -> None:
    messages = {
        "items": {0: {"price": ["Missing data for required field."]}, 2: ["Invalid type."]},
        "_schema": ["Both cannot be."],
        "name": [Said("Too %(much)s.", code="name.much", much="long")],
    }
    found = [(p.field, p.code) for p in problems(messages)]
    assert found == [
        ("items.0.price", "field.required"),
        ("items.2", "field.type"),
        (None, "field.invalid"),
        ("name", "name.much"),
    ]


def test_a_sentence_of_ours_keeps_its_parts_through_marshmallow() -> None:
    def refuse(_value: str) -> None:
        raise ma.ValidationError(Said("Only %(few)s.", code="few", few=3))

    schema = ma.Schema.from_dict({"v": ma.fields.String(validate=refuse)})()
    with pytest.raises(ma.ValidationError) as caught:
        schema.load({"v": "x"})
    assert caught.value.messages_dict == {"v": ["Only 3."]}
    (found,) = problems(caught.value.messages_dict)
    assert (found.message, found.params, found.code) == ("Only %(few)s.", {"few": 3}, "few")


def test_every_sentence_is_translated(shell: Shell) -> None:
    path = i18n.TRANSLATIONS / "zh_Hans_CN" / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        catalogue = read_po(file)
    wanted = {msgid for _code, msgid in wording.PLAIN.values()} | {m for _p, _c, m in wording.PATTERNS}
    assert [
        msgid for msgid in sorted(wanted) if not (entry := catalogue.get(msgid)) or not entry.string
    ] == []
