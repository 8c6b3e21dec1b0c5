"""Pages that belong to no room: help, language and theme, health and metrics, robots, sitemap, the component page."""

from __future__ import annotations

import os
import time
from xml.sax.saxutils import escape

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from exchange import rulebook
from exchange.core.config import settings
from exchange.core.errors import N_, Unavailable
from exchange.web import hooks, i18n, look, refusals
from exchange.web.access import impersonal, public, safe_next
from exchange.web.security import harmless

bp = Blueprint("site", __name__)

REQUESTS = Counter("rongyi_requests_total", "Requests answered", ["endpoint", "method", "status"])
SECONDS = Histogram(
    "rongyi_request_seconds",
    "Time from the request to its answer",
    ["endpoint"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

GUIDES: dict[str, tuple[str, str]] = {
    "selling": (
        N_("Listing and selling"),
        N_("From the register number to the published listing: papers, publicity, price."),
    ),
    "buying": (
        N_("Finding and buying"),
        N_("Search, check what you buy, make an offer, sign and pay."),
    ),
    "one-stop": (
        N_("Contract, registration and change of owner in one flow"),
        N_("The tracks of a deal, who acts when, and what happens when somebody is late."),
    ),
    "money": (
        N_("How your money is protected"),
        N_("Where the price lies until the new owner is recorded, and how it is paid out."),
    ),
    "rules": (
        N_("Trading rules and fees"),
        N_("Periods and fees in force today, each with its source."),
    ),
    "complaints": (
        N_("Complaints and objections"),
        N_("Objecting to a listing, stopping a deal, complaining about us."),
    ),
    "operator": (
        N_("Who runs the exchange"),
        N_("What the exchange does, what it does not do, and who checks it."),
    ),
    "accessibility": (
        N_("Accessibility"),
        N_("How to use these pages by keyboard, with a screen reader, enlarged, without scripts."),
    ),
    "errors": (
        N_("What error codes mean"),
        N_("Every refusal has a stable code; this page lists them."),
    ),
}
"""The guides: address under ``/help/``, title and what is in it. The text is ``templates/help/<address>.html``."""


UNITS = {
    "days": N_("days"),
    "working days": N_("working days"),
    "months": N_("months"),
    "years": N_("years"),
    "minutes": N_("minutes"),
    "hours": N_("hours"),
    "CNY": N_("yuan"),
    "CNY per right": N_("yuan per right"),
}
"""The units of the rulebook, as msgids."""


@bp.get("/help")
@public
def help() -> str:  # noqa: A001 - the page is called that
    """The list of guides."""
    return render_template("help/index.html", guides=GUIDES)


@bp.get("/help/<guide>")
@public
def guide(guide: str) -> str:
    """One guide."""
    if guide not in GUIDES:
        abort(404)
    extra = {"codes": refusals.codes()} if guide == "errors" else {}
    return render_template(
        f"help/{guide}.html", guides=GUIDES, guide=guide, rule=rulebook.as_of, units=UNITS, **extra
    )


@bp.route("/language", methods=["GET", "POST"])
@public
@harmless
def language() -> ResponseReturnValue:
    """Switch the language and go back to ``next``. A link with ``?lang=`` on any page does the same."""
    locale = i18n.spoken(request.values.get("lang")) or i18n.CHINESE
    return i18n.remember_language(make_response(redirect(safe_next(request.values.get("next")), 303)), locale)


@bp.post("/theme")
@impersonal
@harmless
def theme() -> ResponseReturnValue:
    """Choose the theme and go back to ``next``."""
    chosen = request.form.get("theme", "auto")
    response = make_response(redirect(safe_next(request.form.get("next")), 303))
    response.set_cookie(
        look.THEME_COOKIE,
        chosen if chosen in look.THEMES else "auto",
        max_age=i18n.COOKIE_AGE,
        samesite="Lax",
        secure=request.is_secure,
    )
    return response


@bp.get("/healthz")
@impersonal
def healthz() -> Response:
    """The process is up and answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
@impersonal
def readyz() -> ResponseReturnValue:
    """Whether everything the exchange stands on can be reached: 200, or 503 with the reasons.

    Each probe comes from the room that knows (database, search, last runs of the jobs).
    """
    findings = {name: _probed(probe) for name, probe in sorted(hooks.of().probes.items())}
    ready = all(finding.ok for finding in findings.values())
    body = {
        "status": "ready" if ready else "not ready",
        "checks": {name: {"ok": finding.ok, "reason": finding.reason} for name, finding in findings.items()},
        "reasons": [f"{name}: {finding.reason}" for name, finding in findings.items() if not finding.ok],
    }
    return jsonify(body), 200 if ready else 503


def _probed(probe: hooks.Probe) -> hooks.Finding:
    try:
        return probe()
    except Exception as error:  # noqa: BLE001 - whatever breaks a probe is its finding
        return hooks.Finding(False, type(error).__name__)


@bp.get("/metrics")
@impersonal
def metrics() -> Response:
    """Figures for Prometheus. Labels are endpoints and statuses, never people.

    Several workers count apart; where ``PROMETHEUS_MULTIPROC_DIR`` names a folder (empty at the start of the
    server), the answer adds them up.
    """
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # its maker wrote no types
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@bp.get("/robots.txt")
@impersonal
def robots() -> Response:
    """What crawlers may read: public pages, no forms and no API."""
    lines = [
        "User-agent: *",
        *(
            f"Disallow: {path}"
            for path in ("/api/", "/desk", "/login", "/inbox", "/account", "/language", "/metrics")
        ),
        f"Sitemap: {settings().public_url}/sitemap.xml",
    ]
    return Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@bp.get("/sitemap.xml")
@public
def sitemap() -> Response:
    """The public addresses: guides, and what the rooms give (listings)."""
    entries = [hooks.SitemapEntry("/"), hooks.SitemapEntry("/help")]
    entries += [hooks.SitemapEntry(f"/help/{name}") for name in GUIDES]
    for provide in hooks.of().sitemap:
        entries.extend(provide())
    rows = "".join(_sitemap_row(entry) for entry in entries[:50_000])
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>\n'
    return Response(text, content_type="application/xml; charset=utf-8")


def _sitemap_row(entry: hooks.SitemapEntry) -> str:
    changed = f"<lastmod>{entry.changed_at:%Y-%m-%d}</lastmod>" if entry.changed_at else ""
    return f"<url><loc>{escape(settings().public_url + entry.path)}</loc>{changed}</url>"


@bp.get("/styleguide")
@public
def styleguide() -> str:
    """Every component on one page, for those who build pages. Development only."""
    if settings().production:
        abort(404)
    from exchange.web.samples import samples  # only this page needs them

    return render_template("styleguide.html", **samples())


def _start_clock() -> None:
    g.started_at = time.perf_counter()


def _count(response: Response) -> Response:
    endpoint = request.endpoint or "none"
    REQUESTS.labels(endpoint, request.method, response.status_code).inc()
    if "started_at" in g:
        SECONDS.labels(endpoint).observe(time.perf_counter() - g.started_at)
    return response


_ALWAYS = {"static", "site.healthz", "site.readyz", "site.metrics", "site.theme"}


def _closed() -> None:
    """During maintenance only health checks and files are answered."""
    if request.endpoint in _ALWAYS:
        return
    if sentence := hooks.of().maintenance():
        raise Unavailable("maintenance", sentence)


def init_app(app: Flask) -> None:
    """Register the pages and the measuring of every request."""
    app.before_request(_start_clock)
    app.before_request(_closed)
    app.after_request(_count)
    app.register_blueprint(bp)
