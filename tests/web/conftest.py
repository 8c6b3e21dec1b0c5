"""The shell alone: a small app of these pieces, with views of its own and a database of its own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask, g, render_template_string, request, url_for
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from flask.views import MethodView

from exchange import api, web
from exchange.core import config, errors
from exchange.core.db import Base, db
from exchange.core.errors import Problem
from exchange.web import access, hooks
from exchange.web.fields import FenField, FileField
from exchange.web.forms import Form
from tests.conftest import settings

N_ = errors.N_


@dataclass
class Person:
    locale: str | None = None
    ref: str = "US-1"


@dataclass
class Organisation:
    name: str = "榕江理工大学"
    ref: str = "PT-1"


@dataclass
class Somebody:
    """An actor of the tests: it satisfies what the shell asks of one."""

    roles: tuple[str, ...] = ()
    user: Person | None = field(default_factory=Person)
    party: Organisation | None = field(default_factory=Organisation)
    label: str = "林知夏"

    @property
    def user_ref(self) -> str | None:
        return self.user.ref if self.user else None

    @property
    def key(self) -> str:
        return self.user_ref or "visitor"


class OfferForm(ma.Schema):
    price = FenField(required=True, least=100, metadata={"label": N_("Price")})
    note = ma.fields.String(load_default="", validate=ma.validate.Length(max=20), metadata={"label": "Note"})


class PaperForm(ma.Schema):
    paper = FileField(required=True, most=2_000_000, metadata={"label": "Paper"})
    note = ma.fields.String(load_default="", metadata={"label": "Note"})


REFUSALS: dict[str, errors.DomainError] = {
    "not_found": errors.NotFound(),
    "not_allowed": errors.NotAllowed("role.missing", "You lack the role %(role)s.", role="signer"),
    "conflict": errors.Conflict("offer.gone", "The offer is gone."),
    "stale": errors.Stale("stale", "Somebody was faster."),
    "rule": errors.RuleBroken("price.low", "At least %(least)s.", field="price", rule="rule 7", least="1.00"),
    "invalid": errors.Invalid([Problem("a.b", "First.", "x"), Problem("c.d", "Second.", "y")]),
    "throttled": errors.Throttled("slow.down", "Wait.", retry_after=30),
    "funds": errors.InsufficientFunds("funds.short", "The account does not hold that much."),
    "key": errors.KeyReused(),
    "closed": errors.Unavailable("search.down", "The search is being repaired."),
}

PLAIN_FORM = """{% extends "base.html" %}{% from "_macros/form.html" import draft, form_of %}
{% block body %}<h1>Offer</h1>{% if request.args.draft %}{{ draft() }}{{ form_of(form, "Make it", autosave="offer") }}
{% else %}{{ form_of(form, "Make it") }}{% endif %}{% endblock %}"""


def add_views(app: Flask) -> None:
    """Views of every kind of access."""

    @access.public
    def home() -> str:
        return render_template_string('{% extends "base.html" %}{% block body %}<h1>Home</h1>{% endblock %}')

    @access.login
    def private() -> str:
        return render_template_string(
            '{% extends "base.html" %}{% block body %}<h1>Private</h1>{% endblock %}'
        )

    def silent() -> str:
        return "silent"

    @access.operator
    def staff() -> str:
        return "staff"

    @access.exchange_role("reviewer")
    def review() -> str:
        return "review"

    class Mixed(MethodView):
        @access.public
        def get(self) -> str:
            return "read"

        @access.login
        def post(self) -> str:
            return "written"

    app.add_url_rule("/", "home", home)
    app.add_url_rule("/private", "private", private, methods=["GET", "POST"])
    app.add_url_rule("/silent", "silent", silent)
    app.add_url_rule("/staff", "staff", staff)
    app.add_url_rule("/review", "review", review)
    app.add_url_rule("/mixed", view_func=Mixed.as_view("mixed"))
    app.add_url_rule("/api/v1/private", "api_private", private, methods=["GET", "POST"])


def add_refusals(app: Flask, made: list[int]) -> None:
    """Refusals of every kind, and a form that refuses and accepts."""

    @access.public
    def refused(kind: str) -> str:
        raise REFUSALS[kind]

    @access.public
    def broken() -> str:
        raise ZeroDivisionError

    @access.public
    def echo() -> ResponseReturnValue:
        return {"value": request.form.get("value"), "request": g.request_id}

    @access.login
    def offer() -> ResponseReturnValue:
        form = Form(OfferForm)

        def save(values: dict[str, Any]) -> str:
            if values["price"] == 66600:
                raise errors.RuleBroken("offer.low", "The seller wants more.", field="price")
            if values["price"] == 77700:
                raise errors.Conflict("listing.sold", "It is sold.")
            made.append(values["price"])
            return url_for("home", offer=len(made))

        return form.answer(save, lambda: render_template_string(PLAIN_FORM, form=form))

    @access.login
    def paper() -> ResponseReturnValue:
        form = Form(PaperForm)

        def save(values: dict[str, Any]) -> str:
            made.append(len(values["paper"].data))
            return url_for("home", paper=len(made))

        return form.answer(save, lambda: render_template_string(PLAIN_FORM, form=form))

    app.add_url_rule("/paper", "paper", paper, methods=["GET", "POST"])
    for prefix in ("", "/api/v1"):
        app.add_url_rule(f"{prefix}/refused/<kind>", f"refused{prefix}", refused)
        app.add_url_rule(f"{prefix}/broken", f"broken{prefix}", broken)
        app.add_url_rule(f"{prefix}/echo", f"echo{prefix}", echo, methods=["POST"])
    app.add_url_rule("/offer", "offer", offer, methods=["GET", "POST"])


@dataclass
class Shell:
    """The app under test, who is signed in, and what its form has done."""

    app: Flask
    made: list[int]
    actor: Any = field(default_factory=hooks.Nobody)

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def sign_in(self, *roles: str, locale: str | None = None) -> Somebody:
        self.actor = Somebody(roles, Person(locale))
        return self.actor  # type: ignore[no-any-return]


def build(folder: Path, **others: str) -> Shell:
    """A shell with its own settings; the caller restores the old ones."""
    config.use(config.load(settings(f"sqlite:///{folder / 'web.db'}", folder, **others)))
    app = Flask("exchange", root_path=str(config.ROOT / "exchange"))
    app.config.update(
        SECRET_KEY="only-for-tests-only-for-tests-only-for-tests",
        SQLALCHEMY_DATABASE_URI=config.settings().database_url,
        SQLALCHEMY_ENGINE_OPTIONS={"connect_args": {"timeout": 30, "check_same_thread": False}},
    )
    db.init_app(app)
    web.init_app(app)
    api.init_app(app)
    shell = Shell(app, [])
    add_views(app)
    add_refusals(app, shell.made)
    hook = hooks.of(app)
    hook.load_actor = lambda: shell.actor
    hook.has_role = lambda actor, roles: (
        bool(actor.roles) if not roles else bool(set(roles) & set(actor.roles))
    )
    return shell


@pytest.fixture
def make_shell(tmp_path: Path) -> Iterator[Any]:
    """Makes shells with other settings: ``make_shell(ENVIRONMENT="production")``."""
    kept = list(config._current)
    made: list[Shell] = []

    def make(**others: str) -> Shell:
        made.append(build(tmp_path, **others))
        return made[-1]

    yield make
    for shell in made:
        with shell.app.app_context():
            db.session.remove()
            db.engine.dispose()
    config._current[:] = kept


@pytest.fixture
def shell(make_shell: Any) -> Shell:
    """A shell under test: unknown errors propagate, form tokens are checked."""
    made: Shell = make_shell()
    made.app.testing = True
    with made.app.app_context():
        Base.metadata.create_all(db.engine)
    return made


@pytest.fixture
def client(shell: Shell) -> FlaskClient:
    return shell.client()


def token_of(page: str) -> str:
    """The form token in a page."""
    return page.split('name="csrf_token" value="')[1].split('"', maxsplit=1)[0]


def key_of(page: str) -> str:
    """The form's own key in a page."""
    return page.split('name="_key" value="')[1].split('"', maxsplit=1)[0]
