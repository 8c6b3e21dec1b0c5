"""Pages of parties: one's own organisation with its papers and members, the public card, the operator's check."""

from __future__ import annotations

import io
from typing import Any

from flask import Response, flash, g, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from exchange.core import files
from exchange.core.db import get
from exchange.core.errors import N_, NotFound, RuleBroken
from exchange.core.events import timeline
from exchange.core.files import Document
from exchange.parties import actions, auth, members, regions
from exchange.parties.actions import Paper
from exchange.parties.faces import bp
from exchange.parties.models import PaperKind, Party, PartyStatus
from exchange.parties.policy import Permission
from exchange.parties.schemas import (
    TRAIL,
    InviteForm,
    NameForm,
    PapersForm,
    PartyForm,
    PayoutForm,
    ReasonForm,
    RolesForm,
)
from exchange.web.access import exchange_role, login, public, safe_next
from exchange.web.forms import Form
from exchange.web.legible import row_number

_DECISIONS = {
    "verify": actions.verify,
    "refuse": actions.refuse,
    "suspend": actions.suspend,
    "restore": actions.restore,
}


def _own() -> Party:
    """The organisation one acts for. Raises ``NotFound`` where there is none."""
    party: Party | None = g.actor.party
    if party is None:
        raise NotFound(
            "party.none", N_("You belong to no organisation yet. Register one, or ask for an invitation.")
        )
    return party


def _papers(party: Party) -> list[tuple[Document, PaperKind]]:
    """A party's documents with what each is to prove."""
    known = {kind.value for kind in PaperKind}
    return [
        (paper, PaperKind(paper.purpose) if paper.purpose in known else PaperKind.OTHER)
        for paper in actions.papers_of(party)
    ]


# -- one's own organisation --------------------------------------------------------------------


@bp.get("/organisation")
@login
def organisation() -> ResponseReturnValue:
    """One's organisation: what is known of it, how far it is verified, its people."""
    if g.actor.party is None:
        return redirect(url_for("parties.found"), 303)
    party = _own()
    may_manage = g.actor.can(Permission.MEMBER_MANAGE, party)
    return render_template(
        "parties/organisation.html",
        party=party,
        region=regions.name(party.region),
        may=actions.actions_for(g.actor, party),
        papers=_papers(party),
        members=members.members_of(party),
        invitations=members.open_invitations(party) if may_manage else [],
        may_manage=may_manage,
        statuses=PartyStatus,
    )


@bp.post("/organisation/switch")
@login
def switch() -> ResponseReturnValue:
    """Act for another organisation of one's own, and go on where one was."""
    party = get(Party, request.form.get("party", ""))
    auth.carry(auth.switch_to(party))
    flash(gettext("You now act for %(name)s.", name=party.name), "ok")
    return redirect(safe_next(request.form.get("next"), "/"), 303)


@bp.route("/organisation/edit", methods=["GET", "POST"])
@login
def edit() -> ResponseReturnValue:
    """Change what is known of one's organisation."""
    party = _own()
    g.actor.must(Permission.PARTY_EDIT, party)
    names = list(PartyForm().fields)
    fixed = (
        actions.IDENTITY if party.status not in {PartyStatus.REGISTERED, PartyStatus.REFUSED} else frozenset()
    )
    asked = [name for name in names if name not in fixed]
    form = Form(PartyForm(only=asked), data={name: getattr(party, name) for name in asked})

    def save(values: dict[str, Any]) -> str:
        given = {name: values.get(name) for name in asked}
        actions.edit(g.actor, party.ref, **given)
        flash(gettext("Saved."), "ok")
        return url_for("parties.organisation")

    return form.answer(
        save, lambda: render_template("parties/edit.html", form=form, party=party, fixed=bool(fixed))
    )


@bp.route("/organisation/payout", methods=["GET", "POST"])
@login
def payout() -> ResponseReturnValue:
    """The account that money goes to."""
    party = _own()
    g.actor.must(Permission.PARTY_EDIT, party)
    g.actor.must_step_up()
    form = Form(PayoutForm, data={"bank_name": party.bank_name, "bank_account": party.bank_account})

    def save(values: dict[str, Any]) -> str:
        actions.edit(g.actor, party.ref, **values)
        flash(gettext("Saved."), "ok")
        return url_for("parties.organisation")

    return form.answer(save, lambda: render_template("parties/payout.html", form=form, party=party))


@bp.route("/organisation/verification", methods=["GET", "POST"])
@login
def verification() -> ResponseReturnValue:
    """Give the papers and ask to be verified."""
    party = _own()
    g.actor.must(Permission.PARTY_EDIT, party)
    form = Form(PapersForm)

    def save(values: dict[str, Any]) -> str:
        others = values.pop("other", [])
        given = [(PaperKind(name), upload) for name, upload in values.items()]
        given += [(PaperKind.OTHER, upload) for upload in others]
        papers = [Paper(kind, upload.data, upload.filename) for kind, upload in given]
        if party.verified:
            actions.add_papers(g.actor, party.ref, papers)
        else:
            actions.submit_verification(g.actor, party.ref, papers)
        flash(gettext("The exchange checks your papers now. You will hear from it."), "ok")
        return url_for("parties.organisation")

    return form.answer(
        save,
        lambda: render_template("parties/verification.html", form=form, party=party, papers=_papers(party)),
    )


@bp.route("/organisation/names", methods=["GET", "POST"])
@login
def names() -> ResponseReturnValue:
    """Former and foreign names of one's organisation."""
    party = _own()
    g.actor.must(Permission.PARTY_EDIT, party)
    form = Form(NameForm)

    def save(values: dict[str, Any]) -> str:
        actions.add_name(g.actor, party.ref, values["name"])
        return url_for("parties.names")

    return form.answer(save, lambda: render_template("parties/names.html", form=form, party=party))


# -- people ------------------------------------------------------------------------------------


@bp.route("/organisation/invite", methods=["GET", "POST"])
@login
def invite() -> ResponseReturnValue:
    """Invite a person by mail."""
    party = _own()
    g.actor.must(Permission.MEMBER_MANAGE, party)
    form = Form(InviteForm)

    def save(values: dict[str, Any]) -> str:
        invitation = members.invite(g.actor, party.ref, **values)
        return url_for("parties.invited", number=invitation.id)

    return form.answer(save, lambda: render_template("parties/invite.html", form=form, party=party))


@bp.get("/organisation/invitations/<int:number>")
@login
def invited(number: int) -> str:
    """An open invitation with its link, to be handed over where mail does not arrive."""
    party = _own()
    g.actor.must(Permission.MEMBER_MANAGE, party)
    found = next((row for row in members.open_invitations(party) if row.id == number), None)
    if found is None:
        raise NotFound
    return render_template(
        "parties/invited.html", party=party, invitation=found, link=members.invitation_link(found)
    )


@bp.post("/organisation/invitations/<int:number>/withdraw")
@login
def withdraw_invitation(number: int) -> ResponseReturnValue:
    """Let an invitation end."""
    members.withdraw_invitation(g.actor, _own().ref, number)
    return redirect(url_for("parties.organisation") + "#members", 303)


@bp.route("/organisation/members/<ref>", methods=["GET", "POST"])
@login
def member(ref: str) -> ResponseReturnValue:
    """The roles of a member."""
    party = _own()
    g.actor.must(Permission.MEMBER_MANAGE, party)
    user = members.get_member(g.actor, ref)
    row = members.membership(party, user)
    if row is None:
        raise NotFound
    form = Form(RolesForm, data={"roles": row.roles})

    def save(values: dict[str, Any]) -> str:
        members.change_roles(g.actor, party.ref, ref, values["roles"])
        flash(gettext("Saved. The roles count from the next page on."), "ok")
        return url_for("parties.organisation") + "#members"

    return form.answer(
        save, lambda: render_template("parties/member.html", form=form, party=party, member=user)
    )


@bp.post("/organisation/members/<ref>/remove")
@login
def remove_member(ref: str) -> ResponseReturnValue:
    """Let a member go, or leave."""
    leaving = ref == g.actor.user_ref
    members.remove_member(g.actor, _own().ref, ref)
    if leaving:
        auth.sign_out()
        flash(gettext("You have left the organisation."), "ok")
        return redirect(url_for("parties.sign_in"), 303)
    flash(gettext("This person has left. Their sessions and tokens for the organisation have ended."), "ok")
    return redirect(url_for("parties.organisation") + "#members", 303)


# -- any party ---------------------------------------------------------------------------------


def _to_see(ref: str) -> Party:
    """A party for this reader: its own and the exchange's people see it always, others once it is verified."""
    try:
        return actions.get_for(g.actor, ref)
    except NotFound:
        return actions.public_party(ref)


@bp.get("/parties/<ref>")
@public
def show(ref: str) -> str:
    """The card of a party."""
    party = _to_see(ref)
    return render_template(
        "parties/show.html",
        party=party,
        region=regions.name(party.region),
        inside=g.actor.can(Permission.PARTY_READ, party),
        may=actions.actions_for(g.actor, party),
    )


@bp.get("/parties/<ref>/documents/<document_ref>")
@login
def paper(ref: str, document_ref: str) -> Response:
    """A document that a party gave for its verification."""
    party = actions.get_for(g.actor, ref)
    document = get(Document, document_ref)
    if document.subject_ref != party.ref:
        raise NotFound
    shown = document.media_type in {"application/pdf", "image/png", "image/jpeg"}
    return send_file(
        io.BytesIO(files.read(document)),
        mimetype=document.media_type,
        as_attachment=not shown,
        download_name=document.filename,
    )


@bp.route("/parties/<ref>/verify", methods=["GET", "POST"])
@exchange_role("operator")
def check(ref: str) -> ResponseReturnValue:
    """The operator's check: what the party says beside the papers that show it, and the decision."""
    party = actions.get_for(g.actor, ref, Permission.PARTY_VERIFY)
    form = Form(ReasonForm)

    def save(values: dict[str, Any]) -> str:
        decision = _DECISIONS.get(request.form.get("decision", ""))
        if decision is None:
            raise RuleBroken("party.decision", N_("Choose what you decide."), field="reason")
        seen = request.form.get("version", type=row_number)
        decision(g.actor, party.ref, values["reason"], version=seen)
        flash(gettext("Decided: %(name)s.", name=party.name), "ok")
        return url_for("parties.show", ref=party.ref)

    def page() -> str:
        return render_template(
            "parties/check.html",
            form=form,
            party=party,
            region=regions.name(party.region),
            papers=_papers(party),
            may=actions.actions_for(g.actor, party),
            events=[
                (event, TRAIL[event.type]) for event in timeline(party.ref, limit=20) if event.type in TRAIL
            ],
        )

    return form.answer(save, page)


@bp.post("/parties/<ref>/names/verify")
@exchange_role("operator")
def verify_name(ref: str) -> ResponseReturnValue:
    """The exchange has seen the proof of a further name."""
    actions.verify_name(g.actor, ref, request.form.get("name", ""))
    return redirect(url_for("parties.check", ref=ref), 303)
