"""The one file that turns refusals into answers: problem+json for programs, a page for people.

A page says what happened, what did not happen (money above all), what to do next, and the request's number, which
is also in the log. Under tests an unknown error is not caught but propagates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from exchange import rulebook
from exchange.core.errors import (
    N_,
    DomainError,
    Invalid,
    NotSignedIn,
    Problem,
    Throttled,
)
from exchange.web import access, i18n, wording

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True)
class Words:
    """What the page for a status says where the refusal itself has nothing better: heading, what happened, what not."""

    title: str
    happened: str
    not_happened: str
    next: str


PAGES: dict[int, Words] = {
    400: Words(
        N_("The request could not be read"),
        N_("Your browser sent something this page does not understand."),
        N_("Nothing was saved and no money moved."),
        N_("Go back, load the page again and try once more."),
    ),
    401: Words(
        N_("Sign in first"),
        N_("This needs a person who is signed in."),
        N_("Nothing was saved."),
        N_("Sign in and try again."),
    ),
    403: Words(
        N_("Not allowed"),
        N_("Your roles do not include this."),
        N_("Nothing was changed and no money moved."),
        N_("Ask the administrator of your organisation for the role, or somebody who holds it."),
    ),
    404: Words(
        N_("There is nothing here"),
        N_("The address is wrong, the thing was taken away, or it is not yours to see."),
        N_("Nothing of yours was changed."),
        N_("Check the reference sign by sign, or search for it."),
    ),
    405: Words(
        N_("This page cannot be used like that"),
        N_("The address exists, but not for this kind of request."),
        N_("Nothing was changed."),
        N_("Go back and use the buttons of the page."),
    ),
    409: Words(
        N_("Things have moved on"),
        N_("Somebody was faster, or the state no longer permits this."),
        N_("Your act was not carried out and no money moved."),
        N_("Load the page again to see how it stands now."),
    ),
    412: Words(
        N_("Somebody changed this in the meantime"),
        N_("You were looking at an older version."),
        N_("Your change was not saved over theirs."),
        N_("Load the page again, look at what changed, and make your change once more."),
    ),
    413: Words(
        N_("That is too large"),
        N_("What you sent is larger than the exchange takes."),
        N_("Nothing was uploaded."),
        N_("Send a smaller file, or split it."),
    ),
    422: Words(
        N_("This cannot be carried out"),
        N_("A rule of the exchange stands against it."),
        N_("Nothing was changed and no money moved."),
        N_("Go back, correct it and try again. What you typed is still there."),
    ),
    429: Words(
        N_("Too many tries"),
        N_("There were too many tries in a short time."),
        N_("The last try was not carried out."),
        N_("Wait a little and try again."),
    ),
    500: Words(
        N_("Something broke on our side"),
        N_("The exchange made a mistake. It is noted with the number below."),
        N_("What you were doing was not saved; no money moved."),
        N_("Try again in a minute. If it happens again, call us and give the number."),
    ),
    503: Words(
        N_("Closed for a moment"),
        N_("A part of the exchange is out of reach or being maintained."),
        N_("What you were doing was not saved; no money moved. Deadlines are not lost through our downtime."),
        N_("Try again in a few minutes."),
    ),
}

_KEY = re.compile(r"^[A-Za-z_]+(\.[A-Za-z0-9_]+)+$")
_SHEET = re.compile(r"^[\w-]+\.md\b|^platform setting$|^the platform's own tariff$")

_BARE = {500, 502, 503}


def as_problem(error: DomainError) -> dict[str, Any]:
    """A refusal in the shape of RFC 9457, in the reader's language, with our ``code`` and each wrong field."""
    body: dict[str, Any] = {
        "type": f"{request.script_root}/help/errors#{error.code}",
        "title": gettext(error.title),
        "status": error.status,
        "detail": i18n.say(error.message, error.params),
        "code": error.code,
        "instance": request.path,
        "request_id": g.get("request_id"),
    }
    if error.rule:
        body["rule"] = error.rule
    found = list(error.problems) if isinstance(error, Invalid) else []
    if not found and error.field:
        found = [Problem(error.code, error.message, error.field, error.rule, error.params)]
    if found:
        body["errors"] = [
            {
                "field": p.field,
                "code": p.code,
                "message": i18n.sentence(p),
                **({"rule": p.rule} if p.rule else {}),
            }
            for p in found
        ]
    return body


def answer(error: DomainError) -> Response:
    """A refusal as an answer: JSON under ``/api/``, else a page."""
    if access.is_api():
        response = jsonify(as_problem(error))
        response.status_code = error.status
        response.content_type = PROBLEM_JSON
    else:
        response = page(error)
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, NotSignedIn):
        response.headers["WWW-Authenticate"] = 'Bearer realm="rongyi"'
    return response


def page(error: DomainError) -> Response:
    """The error page for a refusal. For a fault of ours the frame asks nothing of the database."""
    if error.status in _BARE:
        g.bare_frame = True
    words = PAGES.get(error.status, PAGES[500 if error.status >= 500 else 400])
    own_words = error.message if error.code not in {"not_found", "http.error", "internal"} else None
    body = render_template(
        "errors/error.html",
        words=words,
        status=error.status,
        code=error.code,
        detail=i18n.say(own_words, error.params) if own_words else None,
        problems=[i18n.sentence(p) for p in error.problems] if isinstance(error, Invalid) else [],
        rule=citation(error.rule),
        back=_way_back(),
        reference=g.get("request_id", ""),
    )
    return make_response(body, error.status)


def citation(rule: str | None) -> str | None:
    """A rule as a reader can look it up: the legal source of a row of the rulebook, or the words of the refusal.

    Permissions and sections of our own fact sheets say nothing to a reader; for them the answer is ``None``.
    """
    if not rule:
        return None
    source = rule
    if _KEY.match(rule):
        try:
            source = rulebook.as_of(rule).source
        except KeyError:
            return None
    parts = (part.strip() for part in source.split(";"))
    return "; ".join(part for part in parts if part and not _SHEET.match(part)) or None


def _way_back() -> str | None:
    """The page the reader came from, if it is ours and not this one."""
    came_from = access.referring_path()
    return came_from if came_from not in {"/", request.path, request.full_path} else None


class _Plain(DomainError):
    """A refusal of the web itself (404 of an unknown address, a body too large, …)."""

    def __init__(self, status: int, code: str, message: str, title: str, **params: Any) -> None:
        super().__init__(code, message, **params)
        self.status = status
        self.title = title


_CODES = {
    400: "request.malformed",
    404: "not_found",
    405: "method.not_allowed",
    406: "not_acceptable",
    413: "body.too_large",
    414: "address.too_long",
    415: "media_type.unsupported",
    428: "precondition.required",
    429: "throttled",
}


def _from_http(error: HTTPException) -> DomainError | Response:
    """One of werkzeug's exceptions (also those of webargs, which carry marshmallow's messages) as one of ours."""
    status = error.code or 500
    if 300 <= status < 400 or error.response is not None:
        return make_response(error.get_response())
    data = getattr(error, "data", None) or {}
    if status == 422 and data.get("messages"):
        return Invalid(wording.problems(_flat(data["messages"])))
    if status == 400 and data.get("messages"):
        return _Plain(
            status, "request.malformed", N_("The body is not JSON that can be read."), PAGES[400].title
        )
    words = PAGES.get(status, PAGES[500 if status >= 500 else 400])
    code = _CODES.get(status, "http.error")
    if status == 404:
        return _Plain(
            status,
            code,
            N_("There is nothing here that you can see. Check the reference or the address."),
            words.title,
        )
    return _Plain(status, code, words.happened, words.title)


def _flat(messages: Any) -> Any:
    """Ungroup what webargs sorts by place (``json``, ``query``): a reader only needs the field."""
    if isinstance(messages, dict) and set(messages) <= {
        "json",
        "query",
        "form",
        "files",
        "headers",
        "json_or_form",
    }:
        merged: dict[Any, Any] = {}
        for inner in messages.values():
            if isinstance(inner, dict):
                merged.update(inner)
            else:
                merged.setdefault("_schema", []).extend(inner)
        return merged
    return messages


def _on_refusal(error: DomainError) -> Response:
    if isinstance(error, NotSignedIn) and not access.is_api():
        return access.login_page()
    return answer(error)


def _on_csrf(_error: CSRFError) -> Response:
    refusal = _Plain(
        400,
        "csrf.token",
        N_("The form was open for too long, or in another session, so it was not accepted. Load it again and send it once more."),
        PAGES[400].title,
    )  # fmt: skip
    return answer(refusal)


def _on_http(error: HTTPException) -> Response:
    found = _from_http(error)
    if isinstance(found, Response):
        return found
    response = answer(found)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After", "WWW-Authenticate"}:
            response.headers[name] = value
    return response


def _on_fault(_error: InternalServerError) -> Response:
    return answer(_Plain(500, "internal", PAGES[500].happened, PAGES[500].title))


def _log_fault(exc_info: Any) -> None:
    """Write a fault of ours into the log, once; the reader's number is bound to the line already."""
    structlog.get_logger().error("fault", path=request.path, exc_info=exc_info)


def init_app(app: Flask) -> None:
    """Answer every refusal and fault of ``app``."""
    app.register_error_handler(DomainError, _on_refusal)
    app.register_error_handler(CSRFError, _on_csrf)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(InternalServerError, _on_fault)
    app.jinja_env.filters["citation"] = citation
    app.log_exception = _log_fault  # type: ignore[method-assign]
