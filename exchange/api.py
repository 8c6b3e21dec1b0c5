"""The REST shell under ``/api/v1``: documents, paging, versions, remembered answers, allowed actions.

A room writes ``blp = Blueprint("offers", __name__, url_prefix="/offers")`` with this module's ``Blueprint`` and
decorates its views, outermost first::

    @blp.post("/")
    @idempotent(required=True)          # money and bids; elsewhere plain @idempotent()
    @blp.arguments(OfferBody)
    @blp.response(201, OfferSchema)
    @login
    def make(body: dict[str, Any]) -> Offer: ...

Refusals are raised, never returned: ``exchange.web.errors`` turns them into ``problem+json``.
"""

from __future__ import annotations

import functools
import hashlib
import http
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import flask_smorest
import marshmallow as ma
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_smorest.utils import prepare_response
from webargs.flaskparser import FlaskParser

from exchange.core import idempotency
from exchange.core.errors import N_, DomainError, RuleBroken, Stale
from exchange.core.lifecycle import HasStatus, Lifecycle
from exchange.web import access
from exchange.web.errors import PROBLEM_JSON
from exchange.web.fields import BasisPointsField, FenField, FileField, InstantField, MoneySchema, RefField
from exchange.web.paging import DEFAULT_LIMIT, MAX_LIMIT

P = ParamSpec("P")
V = TypeVar("V", bound=Callable[..., Any])

VERSION = "v1"
PREFIX = f"/api/{VERSION}"


class ProblemItem(ma.Schema):
    """One wrong field of a request."""

    field = ma.fields.String(allow_none=True, metadata={"description": "Path of the field, dotted"})
    code = ma.fields.String(required=True, metadata={"description": "Stable code"})
    message = ma.fields.String(required=True, metadata={"description": "Sentence in the reader's language"})
    rule = ma.fields.String(metadata={"description": "The rule that refuses it"})


class ProblemSchema(ma.Schema):
    """A refusal (RFC 9457)."""

    type = ma.fields.String(required=True, metadata={"format": "uri-reference"})
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True)
    code = ma.fields.String(required=True, metadata={"description": "Stable code, such as `offer.expired`"})
    instance = ma.fields.String(required=True)
    request_id = ma.fields.String(required=True, allow_none=True)
    rule = ma.fields.String()
    errors = ma.fields.List(ma.fields.Nested(ProblemItem))


class PageArgs(ma.Schema):
    """Query of a list: ``?limit=&cursor=``. Inherit to add filters."""

    limit = ma.fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=ma.validate.Range(1, MAX_LIMIT),
        metadata={"description": f"Rows on a page, at most {MAX_LIMIT}"},
    )
    cursor = ma.fields.String(load_default=None, metadata={"description": "`next` of the page before"})


def page_of(schema: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of a page of ``schema``: ``{"items": […], "next": …, "total": …}``."""
    name = schema.__name__.removesuffix("Schema")
    return ma.Schema.from_dict(
        {
            "items": ma.fields.List(ma.fields.Nested(schema), required=True),
            "next": ma.fields.String(required=True, allow_none=True),
            "total": ma.fields.Integer(required=True),
        },
        name=f"{name}Page",
    )


class _Parser(FlaskParser):
    """Refuses unknown names in the query too, except the language switch, which every address accepts."""

    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": ma.RAISE,
        "querystring": ma.RAISE,
    }
    DEFAULT_VALIDATION_STATUS = 422

    def load_querystring(self, req: Any, schema: ma.Schema) -> Any:
        """The query without ``lang``."""
        if "lang" not in req.args:
            return super().load_querystring(req, schema)
        rest = req.args.copy()
        rest.pop("lang")
        return self._makeproxy(rest, schema)


if TYPE_CHECKING:
    from flask.json.provider import DefaultJSONProvider

    class _Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest is published without types
        # Says that its decorators leave a view what it was, so that decorated views stay typed.
        def route(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def get(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def post(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def put(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def patch(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def delete(self, rule: str, **options: Any) -> Callable[[V], V]: ...
        def arguments(self, schema: Any, **options: Any) -> Callable[[V], V]: ...
        def response(self, status_code: int, schema: Any = None, **options: Any) -> Callable[[V], V]: ...
        def alt_response(self, status_code: int, **options: Any) -> Callable[[V], V]: ...
        def doc(self, **doc: Any) -> Callable[[V], V]: ...
else:
    _Blueprint = flask_smorest.Blueprint


class Blueprint(_Blueprint):
    """A room's part of the API. Unknown fields are refused with 422, in bodies and in queries."""

    ARGUMENTS_PARSER = _Parser()


class Api(flask_smorest.Api):  # type: ignore[misc]  # flask-smorest is published without types
    """flask-smorest, without its error handlers: there is one file for errors, and it is not this one."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Leave every refusal to ``exchange.web.errors``."""

    def _register_responses(self) -> None:
        """Document every refusal as ``application/problem+json``."""
        for status in http.HTTPStatus:
            response: dict[str, Any] = {"description": status.phrase}
            if status >= 400:
                response["schema"] = self.ERROR_SCHEMA
            prepare_response(response, self.spec, PROBLEM_JSON)
            self.spec.components.response(status.name, response, lazy=True)
        response = {"description": "A refusal, with its reason", "schema": self.ERROR_SCHEMA}
        prepare_response(response, self.spec, PROBLEM_JSON)
        self.spec.components.response("DEFAULT_ERROR", response, lazy=True)


def _shape_of(_converter: object, spec: ma.fields.Field[Any], **_kwargs: Any) -> dict[str, Any]:
    """How our own fields stand in the document."""
    if isinstance(spec, FenField):
        sign = "-?" if spec.least < 0 else ""
        return {
            "type": ["object", "null"] if spec.allow_none else "object",
            "properties": {
                "amount": {"type": "string", "pattern": rf"^{sign}\d{{1,13}}(\.\d{{1,2}})?$"},
                "currency": {"type": "string", "enum": ["CNY"]},
            },
            "required": ["amount", "currency"],
            "additionalProperties": False,
            "example": {"amount": "1234.50", "currency": "CNY"},
        }
    if isinstance(spec, RefField):
        prefix = "|".join(spec.prefixes) or "[A-Z]{2}"
        return {"pattern": f"^({prefix})-[0-9A-HJKMNP-TV-Z]{{11}}$"}
    if isinstance(spec, BasisPointsField):
        return {"minimum": spec.least, "maximum": spec.most, "description": "Basis points"}
    return {}


class _Names:
    """Names of schemas in the document: a body for changes is ``…Change``; twins of two rooms get their room's name."""

    def __init__(self) -> None:
        self.taken: dict[str, type[ma.Schema]] = {}

    def __call__(self, schema: str | type[ma.Schema] | ma.Schema) -> str:
        found = resolve_schema_cls(schema)
        kind = found[0] if isinstance(found, list) else found
        name = kind.__name__.removesuffix("Schema")
        if isinstance(schema, ma.Schema):
            name += "Change" if schema.partial else ""
            if schema.only:
                name += "".join(part.title().replace("_", "") for part in sorted(schema.only))
            if schema.exclude:
                name += "Without" + "".join(part.title().replace("_", "") for part in sorted(schema.exclude))
        if self.taken.setdefault(name, kind) is kind:
            return name
        room = kind.__module__.rsplit(".", 1)[0].rsplit(".", 1)[-1].title()
        return room + name


_apis: list[Api] = []


def init_app(app: Flask) -> None:
    """Set up the API of ``app``; ``register`` adds the rooms."""
    provider = cast("DefaultJSONProvider", app.json)
    provider.ensure_ascii = False  # Chinese as it is takes half the bytes of its escapes
    provider.sort_keys = False
    app.config.update(
        API_TITLE="Rongyi",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {
                "description": "Rights, listings, offers, deals and the one-stop flow. Money in CNY as strings of yuan; "
                "instants in RFC 3339 UTC; refusals as problem+json with a stable code.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "security": [{"bearer": []}],
        },
    )
    api = Api(app, spec_kwargs={"marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_Names())})
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    api.spec.components.schema("Money", schema=MoneySchema)
    for kind, type_, format_ in (
        (FenField, "object", None),
        (FileField, "string", "binary"),
        (InstantField, "string", "date-time"),
    ):
        api.register_field(kind, type_, format_)
    api.ma_plugin.converter.add_attribute_function(_shape_of)
    _apis[:] = [api]
    app.extensions["rongyi_api"] = api
    app.add_url_rule("/api/openapi.json", "api.document", openapi_json)
    app.add_url_rule("/api/docs", "api.docs", docs)


def register(blp: flask_smorest.Blueprint) -> None:
    """Add a room's part, under ``/api/v1`` (unless its prefix already says so), to the app set up last."""
    prefix = blp.url_prefix or ""
    _apis[-1].register_blueprint(blp, url_prefix=prefix if prefix.startswith("/api/") else PREFIX + prefix)


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 document of ``app``."""
    api: Api = app.extensions["rongyi_api"]
    return cast("dict[str, Any]", api.spec.to_dict())


@access.public
def openapi_json() -> Response:
    """The OpenAPI document."""
    return jsonify(document(current_app))


METHODS = ("get", "post", "put", "patch", "delete")


@access.public
def docs() -> str:
    """The operations of the API on one page, from the document itself."""
    spec = document(current_app)
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in sorted(spec.get("paths", {}).items()):
        shared = operations.get("parameters", [])
        for method in METHODS:
            if operation := operations.get(method):
                tag = (operation.get("tags") or ["other"])[0]
                shown = {
                    **operation,
                    "method": method.upper(),
                    "path": path,
                    "parameters": [_resolved(spec, p) for p in [*shared, *operation.get("parameters", [])]],
                    "body": _fields_of(spec, operation.get("requestBody")),
                    "answers": {
                        status: _resolved(spec, answer) for status, answer in operation["responses"].items()
                    },
                }
                groups.setdefault(tag, []).append(shown)
    return render_template("api/docs.html", spec=spec, groups=groups)


def _resolved(spec: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """``part`` itself, or what its ``$ref`` points to."""
    ref = part.get("$ref")
    if not isinstance(ref, str):
        return part
    found: Any = spec
    for step in ref.removeprefix("#/").split("/"):
        found = found[step]
    return cast("Mapping[str, Any]", found)


def _fields_of(spec: Mapping[str, Any], body: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The fields of a request body as rows: name, type, whether it is needed, what it is."""
    if not body:
        return []
    content: Mapping[str, Any] = next(iter(body.get("content", {}).values()), {})
    schema = _resolved(spec, content.get("schema", {}))
    needed = set(schema.get("required", ()))
    rows = []
    for name, field in schema.get("properties", {}).items():
        shape = _resolved(spec, field)
        rows.append(
            {
                "name": name,
                "type": shape.get("format") or shape.get("type", "object"),
                "needed": name in needed,
                "words": shape.get("description", ""),
                "choices": [choice for choice in shape.get("enum", ()) if choice is not None],
            }
        )
    return rows


# -- remembered answers --------------------------------------------------------------------------


class _KeyHeader(ma.Schema):
    key = ma.fields.String(data_key="Idempotency-Key", validate=ma.validate.Length(1, idempotency.MAX_KEY))


class _NeededKeyHeader(ma.Schema):
    key = ma.fields.String(
        data_key="Idempotency-Key", required=True, validate=ma.validate.Length(1, idempotency.MAX_KEY)
    )


def idempotent(*, required: bool = False) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Answer the same ``Idempotency-Key`` with the same answer, and act once.

    The answer is stored in the transaction of the verb. Another body under the same key is refused (422
    ``idempotency.key_reused``), the same one in flight too (409). With ``required`` (money, bids) a request without
    a key is refused (422 ``idempotency.key_required``). Must be the outermost decorator below the route.
    """

    def around(view: Callable[P, Any]) -> Callable[P, Any]:
        @functools.wraps(view)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            key = request.headers.get("Idempotency-Key", "").strip()
            if not key:
                if required:
                    raise RuleBroken(
                        "idempotency.key_required",
                        N_("Send an Idempotency-Key with this request, so that a repeat cannot act twice."),
                        field="Idempotency-Key",
                    )
                return cast("ResponseReturnValue", view(*args, **kwargs))
            if len(key) > idempotency.MAX_KEY - 4:
                raise RuleBroken(
                    "idempotency.key_length", N_("The Idempotency-Key is too long."), field="Idempotency-Key"
                )
            return _once(key, lambda: make_response(view(*args, **kwargs)))

        apidoc = deepcopy(getattr(wrapped, "_apidoc", {}))
        parameters = apidoc.setdefault("arguments", {}).setdefault("parameters", [])
        parameters.append(
            {"in": "header", "required": required, "schema": (_NeededKeyHeader if required else _KeyHeader)}
        )
        wrapped._apidoc = apidoc  # type: ignore[attr-defined]
        return wrapped

    return around


def _sent() -> Any:
    """The body as far as it makes one request another: JSON by its values, a form by its answers and files.

    What a client makes up anew for each try (the order of names, the boundary of a form) does not count.
    """
    body = request.get_json(silent=True)
    if body is not None:
        return body
    files = []
    for name, upload in sorted(request.files.items(multi=True), key=lambda pair: pair[0] or ""):
        files.append((name, upload.filename, hashlib.sha256(upload.stream.read()).hexdigest()))
        upload.stream.seek(0)
    answers = sorted((name or "", value) for name, value in request.form.items(multi=True))
    return [answers, files] if answers or files else hashlib.sha256(request.get_data()).hexdigest()


def _once(key: str, act: Callable[[], Response]) -> Response:
    print_ = idempotency.fingerprint(
        "api", request.method, request.path, sorted(request.args.items(multi=True)), _sent()
    )
    acted: list[Response] = []

    def remember() -> dict[str, Any]:
        response = act()
        acted.append(response)
        kept = {name: response.headers[name] for name in ("Location", "ETag") if name in response.headers}
        return {"status": response.status_code, "body": response.get_data(as_text=True), "headers": kept}

    answer = idempotency.once(g.actor.key, f"api:{key}", print_, remember)
    if acted:
        return acted[0]
    again = Response(answer["body"], answer["status"], answer["headers"], mimetype="application/json")
    again.headers["Idempotency-Replayed"] = "true"
    return again


# -- versions --------------------------------------------------------------------------------------


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def with_etag(thing: Any, status: int = 200) -> tuple[Any, int, dict[str, str]]:
    """What a view returns so that the answer carries the ETag of ``thing``."""
    return thing, status, {"ETag": etag(thing.version)}


def expected_version() -> int | None:
    """The version that ``If-Match`` names, or ``None`` where the caller did not say.

    Raises ``RuleBroken`` (``if_match.format``) where it is no ETag of ours.
    """
    text = request.headers.get("If-Match", "").strip()
    if not text or text == "*":
        return None
    plain = text.removeprefix("W/").strip('"')
    if not plain.isdigit():
        raise RuleBroken(
            "if_match.format",
            N_("Send back the ETag you were given, with its quotation marks."),
            field="If-Match",
        )
    return int(plain)


class PreconditionRequired(DomainError):
    """A change needs to say which version it changes."""

    status = 428
    title = N_("Say which version you are changing")


def must_be_fresh(thing: Any, *, required: bool = False) -> None:
    """Refuse a change of an older version than the present one.

    Call it under the lock, or hand ``expected_version()`` to the verb. Raises ``Stale`` (412), and with ``required``
    ``PreconditionRequired`` (428) where ``If-Match`` is missing.
    """
    expected = expected_version()
    if expected is None:
        if required and "If-Match" not in request.headers:
            raise PreconditionRequired(
                "if_match.required",
                N_("Send If-Match with the ETag of what you are changing."),
                field="If-Match",
            )
        return
    if expected != thing.version:
        raise Stale(
            "stale",
            N_("Somebody changed this after you read it: it is at version %(version)s now. Read it again."),
            field="If-Match",
            version=thing.version,
        )


def actions(
    lifecycle: Lifecycle, thing: HasStatus, may: Callable[[str], bool], among: Iterable[str] | None = None
) -> list[str]:
    """What this caller may do to ``thing`` now: moves of its lifecycle from here for which ``may(move)`` holds.

    ``among`` keeps moves of the clock and of the system out of the answer.
    """
    offered = None if among is None else set(among)
    return [name for name in lifecycle.allowed(thing) if (offered is None or name in offered) and may(name)]
