"""Files of a flow: kept once, never overwritten, open to those who may read the flow and to nobody else."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from contracts.flows import get_for
from contracts.models import Flow
from exchange.core import files
from exchange.core.db import get, session, transaction
from exchange.core.errors import N_, NotFound, RuleBroken
from exchange.core.events import record
from exchange.core.files import Document
from exchange.parties.policy import Actor, Permission

CONTRACT, CERTIFICATE, PACKAGE, PROOF = "contract", "certificate", "package", "proof"
"""Purposes of documents; ``proof`` is whatever somebody brings (consent, notice, receipt)."""

PURPOSES: Final[dict[str, str]] = {
    CONTRACT: N_("Contract"),
    PACKAGE: N_("Filing form"),
    CERTIFICATE: N_("Transaction certificate"),
    PROOF: N_("Added paper"),
}
"""What a purpose is called: value → msgid."""


@transaction
def attach(actor: Actor, flow_ref: str, data: bytes, filename: str, *, purpose: str = PROOF) -> Document:
    """Keep a file in the flow, for the verb that names it next.

    Raises ``NotFound`` for strangers, ``NotAllowed`` for who may only read, and ``RuleBroken`` (``file.empty``,
    ``file.too_large``, ``file.type``).
    """
    flow = get_for(actor, flow_ref)
    actor.must(Permission.FLOW_ATTACH, flow)
    document = files.store(
        actor.user_ref, data, filename, subject=flow.ref, purpose=purpose, party_ref=actor.party_ref
    )
    record(actor, "flow.document_added", document, about=flow, filename=document.filename, purpose=purpose)
    return document


def keep(actor: Actor, flow: Flow, data: bytes, filename: str, purpose: str) -> Document:
    """Keep a document that the exchange made itself, in the present transaction."""
    return files.store(actor.user_ref, data, filename, subject=flow.ref, purpose=purpose, made_here=True)


def open_for(actor: Actor, ref: str) -> Document:
    """The document ``ref``. Raises ``NotFound`` unless it belongs to a flow that the actor may read."""
    document = get(Document, ref)
    if not document.subject_ref.startswith(f"{Flow.REF}-"):
        raise NotFound
    get_for(actor, document.subject_ref)
    return document


def of_flow(flow: Flow) -> list[Document]:
    """Every file of the flow, oldest first; superseded versions stay."""
    return list(
        session.scalars(select(Document).where(Document.subject_ref == flow.ref).order_by(Document.id))
    )


def named(flow: Flow, ref: str | None, *, field: str = "document") -> Document:
    """The document that a verb names. Raises ``RuleBroken`` (``file.missing``, ``file.not_here``)."""
    if not ref:
        raise RuleBroken("file.missing", N_("Add the file that proves it."), field=field)
    document = session.scalar(select(Document).where(Document.ref == ref, Document.subject_ref == flow.ref))
    if document is None:
        raise RuleBroken(
            "file.not_here",
            N_("The file %(file)s does not belong to this deal. Upload it here first."),
            field=field,
            file=ref,
        )
    return document
