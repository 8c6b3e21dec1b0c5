"""The public check of a certificate or of a confirmation of rights: a code in, the sheet and its state out.

Nobody needs to sign in.
"""

from __future__ import annotations

from flask import abort, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from contracts import certificates, paper
from contracts.faces import bp
from contracts.schemas import ReasonForm
from contracts.throttle import verifying
from exchange import rulebook
from exchange.core import clock
from exchange.core.config import settings
from exchange.parties.policy import Permission
from exchange.rights import confirmation, page_confirmation
from exchange.web.access import exchange_role, public
from exchange.web.forms import Form
from exchange.web.security import harmless

MAX_FILE = 5_000_000

SEAL = ("榕易交易", "凭证专用")
"""The two lines of the seal: a seal is not translated."""


@bp.get("/verify")
@public
def verify() -> ResponseReturnValue:
    """Ask for a code; a code that was sent leads to its page."""
    typed = request.args.get("code", "")[:200]
    if typed.strip():
        return redirect(url_for("contracts.certificate", code=certificates.read_code(typed)[:64] or "-"), 303)
    return render_template("contracts/verify.html")


@bp.get("/verify/<code>")
@public
def certificate(code: str) -> ResponseReturnValue:
    """Valid, revoked or unknown, and the sheet as the paper itself shows it."""
    return _answer(code, request.args.get("sha256"))


@bp.post("/verify/<code>")
@public
@harmless
def compare(code: str) -> ResponseReturnValue:
    """Compare a file with the certificate or confirmation: the file is hashed here and kept nowhere."""
    upload = request.files.get("file")
    data = upload.stream.read(MAX_FILE + 1) if upload is not None and upload.filename else b""
    if not data or len(data) > MAX_FILE:
        abort(422)
    return _answer(code, paper.digest(data))


def _answer(code: str, sha256: str | None) -> ResponseReturnValue:
    verifying.count(request.remote_addr or "", rulebook.as_of("verify.per_minute").number)
    verdict = certificates.check(code, sha256=sha256)
    found = verdict.certificate
    if found is None and (confirmed := confirmation.find(verdict.code)) is not None:
        return render_template(
            "contracts/confirmation.html",
            **page_confirmation.sheet(confirmed),
            one=confirmed,
            altered=None if sha256 is None else sha256.strip().lower() != confirmed.sha256,
        )
    width, path = paper.qr_path(found.snapshot["verify_url"]) if found else (0, "")
    body = render_template(
        "contracts/certificate.html",
        verdict=verdict,
        certificate=found,
        sheet=found.snapshot if found else None,
        now=clock.now(),
        qr_width=width,
        qr_path=path,
        seal_lines=SEAL,
        groups=[verdict.code[i : i + 5] for i in range(0, len(verdict.code), 5)],
        site=settings().public_url.partition("://")[2],
        may_revoke=found is not None
        and found.revoked_at is None
        and g.actor.user is not None
        and g.actor.can(Permission.DEAL_RESCIND, found.flow),
        form=Form(ReasonForm),
    )
    return make_response(body, 404 if verdict.state == "unknown" else 200)


@bp.post("/verify/<code>/revoke")
@exchange_role("operator")
def revoke(code: str) -> ResponseReturnValue:
    """Take the certificate back."""
    form = Form(ReasonForm)

    def save(values: dict[str, str]) -> str:
        certificates.revoke(g.actor, code, reason=values["reason"])
        flash(gettext("The certificate is revoked; its page says so."), "ask")
        return url_for("contracts.certificate", code=code)

    return form.answer(save, lambda: render_template("contracts/verify.html", form=form))
