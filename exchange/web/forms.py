"""A marshmallow schema as an HTML form: its fields, what people typed, what is wrong with it, its values.

A page with a form reads like this; everything else (translation of what was typed, the summary of errors, keeping
every answer, double clicks) happens here::

    @bp.route("/listings/<ref>/offer", methods=["GET", "POST"])
    @login
    def offer(ref: str) -> ResponseReturnValue:
        form = Form(OfferForm, data={"price": listing.price})
        def save(values: dict[str, Any]) -> str:
            return url_for("deals.offer", ref=actions.make_offer(g.actor, ref, **values).ref)
        return form.answer(save, lambda: render_template("deals/offer.html", form=form))

``save`` calls the verb and answers with the address to go to. A refusal of the verb is shown on the form, beside
the field it names. In the template: ``{{ form_of(form, _("Make the offer")) }}`` or field by field
(``_macros/form.html``).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any

import marshmallow as ma
from flask import Response, g, make_response, redirect, request
from flask_babel import gettext
from flask_babel.speaklater import LazyString
from werkzeug.datastructures import MultiDict

from exchange.core import clock, idempotency, labels, money
from exchange.core.errors import DomainError, Invalid, Problem
from exchange.web import i18n, wording
from exchange.web.fields import BasisPointsField, FenField, FileField, InstantField

KEY = "_key"
"""The hidden field with the form's own key: the same answer sent twice is one act."""

_KEPT_OUT = {KEY, "csrf_token"}
_KEY_SHAPE = re.compile(r"^[0-9a-f]{32}$")
_ROW = re.compile(r"^(?P<list>[^.]+)\.(?P<row>\d{1,3})\.(?P<rest>.+)$")
_WHOLE = re.compile(r"^\d{1,2}$")
MAX_ROWS = 500


@dataclass
class Option:
    """One choice of a select, of radios or of checkboxes."""

    value: str
    text: str
    chosen: bool = False
    hint: str = ""


@dataclass
class FormField:
    """One field as the page shows it. ``kind`` picks the control in ``_macros/form.html``."""

    name: str
    kind: str
    label: str
    hint: str
    required: bool
    value: Any
    prefix: str = ""
    scope: str = ""
    errors: list[str] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    unit: str = ""
    rows: list[Form] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The name of the control in the request, with the row of a list before it."""
        return f"{self.prefix}{self.name}"

    @property
    def base(self) -> str:
        """What the ids of its parts begin with."""
        return f"f-{self.scope}{self.path.replace('.', '-')}"

    @property
    def id(self) -> str:
        """The id of the (first) control: where a link of the error summary leads."""
        return self.base + {"date": "-y", "instant": "-y", "radio": "-0", "checks": "-0"}.get(self.kind, "")

    @property
    def described_by(self) -> str | None:
        """The ids of hint and error, for ``aria-describedby``."""
        ids = ([f"{self.base}-hint"] if self.hint else []) + ([f"{self.base}-error"] if self.errors else [])
        return " ".join(ids) or None

    @property
    def reading(self) -> str:
        """How an amount reads: its capitals, and in ten thousands where it is large. Empty where it is none."""
        try:
            fen = money.parse_yuan(str(self.value or ""))
        except DomainError:
            return ""
        return i18n.wan(fen) if fen >= 1_000_000 else ""


def _kind(spec: ma.fields.Field[Any]) -> str:
    if widget := spec.metadata.get("widget"):
        return str(widget)
    if isinstance(spec, FenField):
        return "money"
    if isinstance(spec, FileField):
        return "file"
    if isinstance(spec, BasisPointsField):
        return "percent"
    if isinstance(spec, InstantField):
        return "instant"
    if isinstance(spec, ma.fields.Date):
        return "date"
    if isinstance(spec, ma.fields.Boolean):
        return "check"
    if isinstance(spec, ma.fields.Integer | ma.fields.Decimal):
        return "number"
    if isinstance(spec, ma.fields.Email):
        return "email"
    if isinstance(spec, ma.fields.List):
        inner = spec.inner
        if isinstance(inner, ma.fields.Nested):
            return "rows"
        if isinstance(inner, FileField):
            return "files"
        return "checks" if _choices(inner) else "lines"
    if choices := _choices(spec):
        return "radio" if len(choices) <= 4 else "select"
    return "text"


def _text(value: Any) -> str:
    """A label or hint: a lazy string as it is, a msgid translated."""
    return str(value) if isinstance(value, LazyString) else (gettext(str(value)) if value else "")


def _choices(spec: ma.fields.Field[Any]) -> list[tuple[str, str]]:
    """The values a field accepts with their names: given in ``metadata["choices"]``, or read from an enum or OneOf."""
    given = spec.metadata.get("choices")
    if given is not None:
        return [(str(value), _text(text)) for value, text in (given() if callable(given) else given)]
    if isinstance(spec, ma.fields.Enum):
        return [(str(m.value), gettext(labels.label(m))) for m in spec.enum]
    for check in spec.validators:
        if isinstance(check, ma.validate.OneOf):
            names = check.labels or check.choices
            return [(str(v), _text(t)) for v, t in zip(check.choices, names, strict=False)]
    return []


def _typed(spec: ma.fields.Field[Any], kind: str, value: Any) -> Any:
    """A value of ours as somebody would have typed it."""
    if value is None or value is ma.missing:
        return [] if kind in {"checks", "lines"} else ""
    if kind == "money":
        return i18n.short_yuan(int(value))
    if kind == "percent":
        return i18n.percent(int(value)).removesuffix("%")
    if kind == "instant":
        local = clock.beijing(value)
        return {"y": str(local.year), "m": str(local.month), "d": str(local.day), "t": f"{local:%H:%M}"}
    if kind == "date":
        return {"y": str(value.year), "m": str(value.month), "d": str(value.day)}
    if kind == "check":
        return bool(value)
    if kind in {"checks", "lines"}:
        return [str(item.value if isinstance(item, Enum) else item) for item in value]
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return spec.serialize("v", {"v": value}) if isinstance(value, Mapping) else str(value)


class Form:
    """A form over ``schema``. ``data`` are values of ours to begin with; ``errors`` come from elsewhere.

    Where several forms stand on one page, give each a ``scope``, so that their controls have ids of their own.
    ``fields`` maps names to ``FormField``; ``form["price"]`` is one of them, ``for field in form`` all of them.
    """

    def __init__(
        self,
        schema: type[ma.Schema] | ma.Schema,
        *,
        data: Mapping[str, Any] | None = None,
        errors: Sequence[Problem] = (),
        prefix: str = "",
        scope: str = "",
    ) -> None:
        self.schema = schema() if isinstance(schema, type) else schema
        self.prefix = prefix
        self.scope = f"{scope}-" if scope else ""
        self.data = dict(data or {})
        self.typed: MultiDict[str, str] | None = None
        self.uploads: Mapping[str, Any] = {}
        self.key = secrets.token_hex(16)
        self.problems: list[Problem] = list(errors)
        self._fields: dict[str, FormField] | None = None

    # -- reading the form -------------------------------------------------------

    @property
    def fields(self) -> dict[str, FormField]:
        """The fields in the order of the schema, with what was typed and what is wrong with it."""
        if self._fields is None:
            self._fields = {
                name: self._field(name, spec)
                for name, spec in self.schema.fields.items()
                if not spec.dump_only and _kind(spec) != "none"
            }
        return self._fields

    def __getitem__(self, name: str) -> FormField:
        return self.fields[name]

    def __iter__(self) -> Iterator[FormField]:
        return iter(self.fields.values())

    @property
    def multipart(self) -> bool:
        """Whether the form carries files."""
        return any(spec.kind in {"file", "files"} for spec in self)

    @property
    def summary(self) -> list[tuple[str, str | None]]:
        """Every problem as (sentence, id of the field or ``None``), in the order of the fields."""
        order = {name: index for index, name in enumerate(self.fields)}
        ranked = sorted(self.problems, key=lambda p: order.get((p.field or "").split(".")[0], -1))
        return [(self._with_label(p), self._id_of(p.field)) for p in ranked]

    def _with_label(self, found: Problem) -> str:
        sentence = i18n.sentence(found)
        shown = self._find(found.field)
        if shown is None or not found.code.startswith("field."):
            return sentence
        return f"{shown.label}: {sentence}" if i18n.language_tag() == "en" else f"{shown.label}：{sentence}"

    def _find(self, path: str | None) -> FormField | None:
        if not path:
            return None
        name, _, rest = path.partition(".")
        found = self.fields.get(name)
        if found is None or not rest or found.kind != "rows":
            return found
        index, _, inner = rest.partition(".")
        if not index.isdigit() or int(index) >= len(found.rows):
            return found
        return found.rows[int(index)]._find(inner) or found

    def _id_of(self, path: str | None) -> str | None:
        found = self._find(path)
        return None if found is None else found.id

    def _errors_of(self, name: str) -> list[str]:
        return [
            i18n.sentence(p)
            for p in self.problems
            if p.field == name or ((p.field or "").startswith(f"{name}.") and not self._is_rows(name))
        ]

    def _is_rows(self, name: str) -> bool:
        spec = self.schema.fields.get(name)
        return spec is not None and _kind(spec) == "rows"

    def _field(self, name: str, spec: ma.fields.Field[Any]) -> FormField:
        kind = _kind(spec)
        value = self._value(name, spec, kind)
        shown = FormField(
            name=name,
            kind=kind,
            label=_text(spec.metadata.get("label")) or name.replace("_", " ").capitalize(),
            hint=_text(spec.metadata.get("hint")),
            required=spec.required,
            value=value,
            prefix=self.prefix,
            scope=self.scope,
            errors=self._errors_of(name),
            attributes=_attributes(spec, kind),
            unit=_text(spec.metadata.get("unit")),
        )
        choices = _choices(spec.inner if isinstance(spec, ma.fields.List) else spec)
        if choices:
            chosen = set(value) if isinstance(value, list) else {value}
            shown.options = [Option(v, text, v in chosen) for v, text in choices]
        if kind == "rows":
            shown.rows = self._rows(name, spec)
        return shown

    def _rows(self, name: str, spec: ma.fields.Field[Any]) -> list[Form]:
        assert isinstance(spec, ma.fields.List)
        assert isinstance(spec.inner, ma.fields.Nested)
        given = self.data.get(name) or []
        count = len(given) + int(spec.metadata.get("blank", 0))
        if self.typed is not None:
            numbers = [
                int(f["row"]) for k in self.typed if (f := _ROW.match(k)) and f["list"] == self.prefix + name
            ]
            count = min(max(numbers, default=-1) + 1, MAX_ROWS)
        rows = []
        for index in range(count):
            row = Form(
                spec.inner.schema,
                data=given[index] if index < len(given) else None,
                prefix=f"{self.prefix}{name}.{index}.",
            )
            row.typed = self.typed
            row.scope = self.scope
            head = f"{name}.{index}."
            row.problems = [
                Problem(p.code, p.message, p.field.removeprefix(head), p.rule, p.params)
                for p in self.problems
                if p.field and p.field.startswith(head)
            ]
            rows.append(row)
        return rows

    def _value(self, name: str, spec: ma.fields.Field[Any], kind: str) -> Any:
        path = self.prefix + name
        if self.typed is None:
            given = self.data.get(name, ma.missing)
            if given is ma.missing and spec.load_default is not ma.missing:
                given = spec.load_default() if callable(spec.load_default) else spec.load_default
            return _typed(spec, kind, given)
        if kind == "date":
            return {part: self.typed.get(f"{path}-{part}", "") for part in "ymd"}
        if kind == "instant":
            return {part: self.typed.get(f"{path}-{part}", "") for part in "ymdt"}
        if kind == "check":
            return self.typed.get(path) is not None
        if kind == "checks":
            return self.typed.getlist(path)
        if kind == "lines":
            return [line for line in self.typed.get(path, "").splitlines() if line.strip()]
        if kind in {"file", "files", "password", "rows"}:
            return ""
        return self.typed.get(path, "")

    # -- taking the answers -----------------------------------------------------

    def load(
        self, typed: Mapping[str, Any] | None = None, uploads: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The values of what was typed (this request's form by default).

        Raises ``Invalid`` with every problem; the form keeps them and all that was typed.
        """
        self.typed = MultiDict(request.form if typed is None else typed)
        self.uploads = (request.files if typed is None else {}) if uploads is None else uploads
        sent = self.typed.get(KEY, "")
        if _KEY_SHAPE.match(sent):
            self.key = sent
        self._fields = None
        try:
            values: dict[str, Any] = self.schema.load(self._wire(self.schema, ""))
        except ma.ValidationError as error:
            self.refuse(Invalid(wording.problems(error.messages_dict)))
            raise Invalid(self.problems) from error
        self.problems = []
        return values

    def refuse(self, error: DomainError) -> None:
        """Show a refusal on the form: beside the field it names, else at the top."""
        self._fields = None
        if isinstance(error, Invalid):
            self.problems = list(error.problems)
        else:
            self.problems = [Problem(error.code, error.message, error.field, error.rule, error.params)]

    def answer(
        self,
        save: Callable[[dict[str, Any]], str],
        page: Callable[[], str],
        *,
        once: bool = True,
    ) -> Response:
        """Show the page (GET), or take the answers and go where ``save`` says (POST, 303).

        What is refused is shown again with everything that was typed: 422, or the refusal's own status where the
        state of things is the reason (409, 412, 429). With ``once`` the form's key makes a second click harmless: it
        leads to the same address and nothing happens twice.
        """
        if request.method in {"GET", "HEAD"}:
            return make_response(page())
        try:
            values = self.load()
            target = self._once(save, values) if once else save(values)
        except DomainError as error:
            if error.status not in {409, 412, 422, 429}:
                raise
            self.refuse(error)
            return make_response(page(), error.status)
        if request.headers.get("HX-Request"):  # a script that opens the page itself, after the upload
            return make_response("", 204, {"HX-Redirect": target})
        return make_response(redirect(target, 303))

    def _once(self, save: Callable[[dict[str, Any]], str], values: dict[str, Any]) -> str:
        assert self.typed is not None
        if not self.typed.get(KEY):
            return save(values)
        actor = g.get("actor")
        who = getattr(actor, "user_ref", None) or f"visitor:{request.remote_addr}"
        sent = {name: self.typed.getlist(name) for name in self.typed if name not in _KEPT_OUT}
        print_ = idempotency.fingerprint("form", request.path, sent)
        answer = idempotency.once(who, f"form:{self.key}", print_, lambda: {"to": save(values)})
        return str(answer["to"])

    def _wire(self, schema: ma.Schema, prefix: str) -> dict[str, Any]:
        """What was typed, in the language of the API. An empty answer is no answer."""
        sent: dict[str, Any] = {}
        for name, spec in schema.fields.items():
            if spec.dump_only:
                continue
            value = self._one(spec, prefix + name)
            if value is not ma.missing:
                sent[spec.data_key or name] = value
        return sent

    def _one(self, spec: ma.fields.Field[Any], path: str) -> Any:
        assert self.typed is not None
        kind = _kind(spec)
        if kind == "date":
            return self._date(path)
        if kind == "instant":
            day = self._date(path)
            time = self.typed.get(f"{path}-t", "").strip().replace("：", ":")
            return (
                ma.missing
                if day is ma.missing and not time
                else f"{day if day is not ma.missing else ''}T{time}:00+08:00"
            )
        if kind == "check":
            return self.typed.get(path) is not None
        if kind == "checks":
            chosen = [value for value in self.typed.getlist(path) if value]
            return chosen if chosen or spec.required else ma.missing
        if kind == "rows":
            return self._wire_rows(spec, path)
        if kind in {"file", "files"}:
            return self._files(path, many=kind == "files")
        text = self.typed.get(path)
        if text is None:
            return ma.missing
        if kind != "password":
            text = text.replace("\r\n", "\n").strip()
        if kind == "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        if text == "":
            return None if spec.allow_none and not spec.required else ma.missing
        if kind == "money" and isinstance(spec, FenField):
            return {"amount": text, "currency": "CNY"}
        if kind == "percent":
            return _basis_points(text)
        return text

    def _date(self, path: str) -> Any:
        assert self.typed is not None
        parts = [self.typed.get(f"{path}-{part}", "").strip() for part in "ymd"]
        whole = self.typed.get(path, "").strip()
        if not any(parts):
            return whole or ma.missing
        year, month, day = parts
        if _WHOLE.match(month) and _WHOLE.match(day):
            return f"{year}-{month:0>2}-{day:0>2}"
        return f"{year}-{month}-{day}"

    def _wire_rows(self, spec: ma.fields.Field[Any], path: str) -> Any:
        assert self.typed is not None
        assert isinstance(spec, ma.fields.List)
        assert isinstance(spec.inner, ma.fields.Nested)
        numbers = {
            int(found["row"]) for key in self.typed if (found := _ROW.match(key)) and found["list"] == path
        }
        if not numbers:
            return [] if spec.required else ma.missing
        last = min(max(numbers), MAX_ROWS - 1)
        rows = [self._wire(spec.inner.schema, f"{path}.{index}.") for index in range(last + 1)]
        while last == max(numbers) and rows and not any(rows[-1].values()):
            rows.pop()  # blank rows at the end were only offered
        return rows

    def _files(self, path: str, *, many: bool) -> Any:
        getlist = getattr(self.uploads, "getlist", None)
        given = getlist(path) if getlist else [v for v in [self.uploads.get(path)] if v is not None]
        found = [item for item in given if getattr(item, "filename", None)]
        if many:
            return found or ma.missing
        return found[0] if found else ma.missing


def _basis_points(text: str) -> Any:
    """``12.5`` typed as percent, in basis points; what is no such number goes on as it is and is refused there."""
    found = re.fullmatch(r"(\d{1,3})(?:[.．](\d{1,2}))?\s*%?", text)
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else text


def _attributes(spec: ma.fields.Field[Any], kind: str) -> dict[str, Any]:
    """Attributes of the control: limits, ``autocomplete``, ``inputmode``, and what ``metadata`` adds."""
    found: dict[str, Any] = {}
    for check in spec.validators:
        if isinstance(check, ma.validate.Length) and kind in {"text", "textarea", "email", "password"}:
            limit = check.equal or check.max
            found.update({"maxlength": limit} if limit else {})
    if kind in {"money", "percent"}:
        found["inputmode"] = "decimal"
    elif kind == "number":
        found["inputmode"] = "numeric"
    if isinstance(spec, FileField) and spec.accept:
        found["accept"] = ",".join(spec.accept)
    if isinstance(spec, ma.fields.List) and isinstance(spec.inner, FileField) and spec.inner.accept:
        found["accept"] = ",".join(spec.inner.accept)
    for name in ("autocomplete", "inputmode", "placeholder", "rows", "pattern", "spellcheck"):
        if name in spec.metadata:
            found[name] = spec.metadata[name]
    return found


def load(
    schema: type[ma.Schema] | ma.Schema,
    typed: Mapping[str, Any],
    uploads: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The values of a form, without a form to show again. Raises ``Invalid`` with every problem."""
    return Form(schema).load(typed, uploads)
