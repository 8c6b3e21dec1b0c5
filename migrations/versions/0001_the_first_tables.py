"""The first tables of every room, and the guards of what is written once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import exchange.core.db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("audit_head", "entry", "event", "posting", "right_confirmation", "signature")


def _guard(table: str, postgresql: bool) -> list[str]:
    if postgresql:
        return [
            "CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$",
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()",
        ]
    return [
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for act in ("UPDATE", "DELETE")
    ]


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "account",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("may_be_negative", sa.Boolean(), nullable=False),
        sa.Column("postings_count", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("balance >= 0 OR may_be_negative", name=op.f("ck_account_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("address", name=op.f("uq_account_address")),
    )
    op.create_table(
        "audit_head",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("last_event_id", sa.BigInteger(), nullable=False),
        sa.Column("at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
        sa.UniqueConstraint("size", name=op.f("uq_audit_head_size")),
    )
    op.create_table(
        "document",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("subject_ref", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("uploaded_by", sa.String(length=16), nullable=True),
        sa.Column("party_ref", sa.String(length=16), nullable=True),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("ref", name=op.f("uq_document_ref")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_sha256"), ["sha256"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_subject_ref"), ["subject_ref"], unique=False)

    op.create_table(
        "due_item",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("due_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_due_item")),
        sa.UniqueConstraint("kind", "ref", name=op.f("uq_due_item_kind_ref")),
    )
    with op.batch_alter_table("due_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_due_item_due_at"), ["due_at"], unique=False)

    op.create_table(
        "entry",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("input_hash", sa.String(length=64), nullable=False),
        sa.Column("movement", sa.String(length=32), nullable=False),
        sa.Column("at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("actor_ref", sa.String(length=16), nullable=True),
        sa.Column("subject_ref", sa.String(length=16), nullable=True),
        sa.Column("memo", sa.String(length=255), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["reverses_id"], ["entry.id"], name=op.f("fk_entry_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
        sa.UniqueConstraint("hash", name=op.f("uq_entry_hash")),
        sa.UniqueConstraint("key", name=op.f("uq_entry_key")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_entry_reverses_id")),
        sa.UniqueConstraint("sequence", name=op.f("uq_entry_sequence")),
    )
    with op.batch_alter_table("entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entry_subject_ref"), ["subject_ref"], unique=False)

    op.create_table(
        "event",
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("subject_ref", sa.String(length=16), nullable=False),
        sa.Column("about_ref", sa.String(length=16), nullable=True),
        sa.Column("actor_ref", sa.String(length=16), nullable=True),
        sa.Column("party_ref", sa.String(length=16), nullable=True),
        sa.Column("at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_about_ref"), ["about_ref"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_at"), ["at"], unique=False)
        batch_op.create_index("ix_event_subject_ref_id", ["subject_ref", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_type"), ["type"], unique=False)

    op.create_table(
        "kept_value",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_value")),
        sa.UniqueConstraint("name", name=op.f("uq_kept_value_name")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=True),
        sa.Column("until", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("started_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("failed_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
        sa.UniqueConstraint("name", name=op.f("uq_lease_name")),
    )
    op.create_table(
        "login_try",
        sa.Column("subject", sa.String(length=320), nullable=False),
        sa.Column("at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_try")),
    )
    with op.batch_alter_table("login_try", schema=None) as batch_op:
        batch_op.create_index("ix_login_try_subject_at", ["subject", "at"], unique=False)

    op.create_table(
        "outgoing_mail",
        sa.Column("to", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "waiting",
                "sent",
                "failed",
                name="mail_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_mail")),
        sa.UniqueConstraint("key", name=op.f("uq_outgoing_mail_key")),
    )
    with op.batch_alter_table("outgoing_mail", schema=None) as batch_op:
        batch_op.create_index("ix_outgoing_mail_claim", ["status", "not_before"], unique=False)

    op.create_table(
        "party",
        sa.Column(
            "kind",
            sa.Enum(
                "university",
                "institute",
                "enterprise",
                "bank",
                "guarantor",
                "appraiser",
                "registrar",
                "operator",
                "person",
                name="party_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("name_en", sa.String(length=255), nullable=True),
        sa.Column("uscc", sa.String(length=18), nullable=True),
        sa.Column("region", sa.String(length=6), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=True),
        sa.Column("legal_representative", sa.String(length=100), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "registered",
                "submitted",
                "verified",
                "refused",
                "suspended",
                name="party_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("verified_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("bank_account", sa.String(length=64), nullable=True),
        sa.Column("bank_name", sa.String(length=255), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party")),
        sa.UniqueConstraint("ref", name=op.f("uq_party_ref")),
        sa.UniqueConstraint("uscc", name=op.f("uq_party_uscc")),
    )
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_party_name"), ["name"], unique=False)

    op.create_table(
        "remembered_answer",
        sa.Column("actor_key", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remembered_answer")),
        sa.UniqueConstraint("actor_key", "key", name=op.f("uq_remembered_answer_actor_key_key")),
    )
    with op.batch_alter_table("remembered_answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_remembered_answer_created_at"), ["created_at"], unique=False)

    op.create_table(
        "right_check_count",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_right_check_count")),
        sa.UniqueConstraint("address", "minute", name=op.f("uq_right_check_count_address_minute")),
    )
    with op.batch_alter_table("right_check_count", schema=None) as batch_op:
        batch_op.create_index("ix_right_check_count_minute", ["minute"], unique=False)

    op.create_table(
        "right_record",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("app_no", sa.String(length=32), nullable=True),
        sa.Column("title", sa.String(length=1000), nullable=False),
        sa.Column("title_en", sa.String(length=1000), nullable=True),
        sa.Column("inventors", sa.JSON(), nullable=False),
        sa.Column("ipc", sa.JSON(), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=True),
        sa.Column("agency", sa.String(length=255), nullable=True),
        sa.Column("filed_on", sa.Date(), nullable=True),
        sa.Column("published_on", sa.Date(), nullable=True),
        sa.Column("granted_on", sa.Date(), nullable=True),
        sa.Column("compensation_days", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "granted",
                "lapsed",
                "expired",
                "invalid",
                "withdrawn",
                "unknown",
                name="right_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("status_detail", sa.String(length=255), nullable=True),
        sa.Column("status_as_of", sa.Date(), nullable=True),
        sa.Column("status_source", sa.String(length=255), nullable=True),
        sa.Column("status_checked_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("fees_paid_through", sa.Integer(), nullable=True),
        sa.Column("fee_reduction", sa.Boolean(), nullable=False),
        sa.Column("government_funded", sa.Boolean(), nullable=False),
        sa.Column("same_day_application", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("row_hash", sa.String(length=64), nullable=False),
        sa.Column("merged_into_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["merged_into_id"], ["right_record.id"], name=op.f("fk_right_record_merged_into_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_right_record")),
        sa.UniqueConstraint("key", name=op.f("uq_right_record_key")),
        sa.UniqueConstraint("ref", name=op.f("uq_right_record_ref")),
    )
    with op.batch_alter_table("right_record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_right_record_app_no"), ["app_no"], unique=False)
        batch_op.create_index(batch_op.f("ix_right_record_kind"), ["kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_right_record_row_hash"), ["row_hash"], unique=False)

    op.create_table(
        "user_account",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("totp_secret", sa.String(length=255), nullable=True),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=True),
        sa.Column("recovery_codes", sa.JSON(), nullable=False),
        sa.Column("last_login_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("preferences", sa.JSON(), nullable=False),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email", name=op.f("uq_user_account_email")),
        sa.UniqueConstraint("ref", name=op.f("uq_user_account_ref")),
    )
    op.create_table(
        "api_token",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_api_token_party_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_api_token_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("ref", name=op.f("uq_api_token_ref")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_token_user_id"), ["user_id"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subscriber", sa.String(length=64), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "waiting",
                "done",
                "parked",
                name="delivery_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("done_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_delivery_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_claim", ["subscriber", "status", "not_before"], unique=False)
        batch_op.create_index(batch_op.f("ix_delivery_event_id"), ["event_id"], unique=False)

    op.create_table(
        "encumbrance",
        sa.Column("right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "pledge",
                "preservation",
                "dispute",
                "licence",
                "exclusive_licence",
                "open_licence",
                "invalidation_request",
                name="encumbrance_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("holder", sa.String(length=255), nullable=False),
        sa.Column("register_no", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["right_id"], ["right_record.id"], name=op.f("fk_encumbrance_right_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encumbrance")),
        sa.UniqueConstraint("ref", name=op.f("uq_encumbrance_ref")),
    )
    with op.batch_alter_table("encumbrance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_encumbrance_right_id"), ["right_id"], unique=False)

    op.create_table(
        "holding",
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("basis", sa.String(length=255), nullable=False),
        sa.Column("verified_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_holding_party_id")),
        sa.ForeignKeyConstraint(["right_id"], ["right_record.id"], name=op.f("fk_holding_right_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holding")),
        sa.UniqueConstraint("party_id", "right_id", name=op.f("uq_holding_party_id_right_id")),
    )
    with op.batch_alter_table("holding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_holding_right_id"), ["right_id"], unique=False)

    op.create_table(
        "invitation",
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("used_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_invitation_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_invitation_secret_hash")),
    )
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invitation_party_id"), ["party_id"], unique=False)

    op.create_table(
        "legal_event",
        sa.Column("right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("announced_on", sa.Date(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["right_id"], ["right_record.id"], name=op.f("fk_legal_event_right_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_event")),
        sa.UniqueConstraint("right_id", "fingerprint", name=op.f("uq_legal_event_right_id_fingerprint")),
    )
    with op.batch_alter_table("legal_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_legal_event_right_id"), ["right_id"], unique=False)

    op.create_table(
        "listing",
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "transfer",
                "licence",
                "open_licence",
                "demand",
                "pledge_disposal",
                name="listing_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "licence_kind",
            sa.Enum(
                "exclusive",
                "sole",
                "ordinary",
                name="listing_licence_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("licence_years", sa.Integer(), nullable=True),
        sa.Column("licence_region", sa.String(length=255), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("title_en", sa.String(length=500), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "submitted",
                "verified",
                "gated",
                "listed",
                "matched",
                "sold",
                "rejected",
                "suspended",
                "withdrawn",
                "expired",
                name="listing_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("region", sa.String(length=6), nullable=True),
        sa.Column("maturity", sa.String(length=32), nullable=True),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("stopped_by", sa.JSON(), nullable=False),
        sa.Column("submitted_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("published_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("expires_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.String(length=16), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["party.id"], name=op.f("fk_listing_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
        sa.UniqueConstraint("ref", name=op.f("uq_listing_ref")),
    )
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_seller_id"), ["seller_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_status"), ["status"], unique=False)

    op.create_table(
        "login_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("second_factor_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=255), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_login_session_party_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_login_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_session_token_hash")),
    )
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "membership",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("since", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_membership_party_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_membership_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("user_id", "party_id", name=op.f("uq_membership_user_id_party_id")),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_membership_party_id"), ["party_id"], unique=False)

    op.create_table(
        "notice",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("message", sa.String(length=64), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("subject_ref", sa.String(length=16), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("read_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_notice_event_id")),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_notice_party_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_notice_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "user_id", "event_id", "message", name=op.f("uq_notice_user_id_event_id_message")
        ),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index("ix_notice_inbox", ["user_id", "read_at", "id"], unique=False)

    op.create_table(
        "party_name",
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_party_name_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_name")),
        sa.UniqueConstraint("party_id", "name", name=op.f("uq_party_name_party_id_name")),
    )
    with op.batch_alter_table("party_name", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_party_name_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_party_name_party_id"), ["party_id"], unique=False)

    op.create_table(
        "posting",
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("destination_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_posting_positive")),
        sa.CheckConstraint("source_id <> destination_id", name=op.f("ck_posting_two_accounts")),
        sa.ForeignKeyConstraint(["destination_id"], ["account.id"], name=op.f("fk_posting_destination_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_posting_entry_id")),
        sa.ForeignKeyConstraint(["source_id"], ["account.id"], name=op.f("fk_posting_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting")),
        sa.UniqueConstraint("entry_id", "position", name=op.f("uq_posting_entry_id_position")),
    )
    with op.batch_alter_table("posting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_posting_destination_id"), ["destination_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_posting_entry_id"), ["entry_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_posting_source_id"), ["source_id"], unique=False)

    op.create_table(
        "publication",
        sa.Column("right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("kind_code", sa.String(length=4), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=True),
        sa.Column("title", sa.String(length=1000), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column("main_claim", sa.Text(), nullable=False),
        sa.Column("abstract_en", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("row_hash", sa.String(length=64), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["right_id"], ["right_record.id"], name=op.f("fk_publication_right_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
        sa.UniqueConstraint("number", "kind_code", name=op.f("uq_publication_number_kind_code")),
    )
    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_publication_right_id"), ["right_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_publication_row_hash"), ["row_hash"], unique=False)

    op.create_table(
        "right_confirmation",
        sa.Column("code", sa.String(length=26), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("document_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("user_ref", sa.String(length=16), nullable=True),
        sa.Column("issued_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_right_confirmation_document_id")
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_right_confirmation_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_right_confirmation")),
        sa.UniqueConstraint("code", name=op.f("uq_right_confirmation_code")),
        sa.UniqueConstraint("ref", name=op.f("uq_right_confirmation_ref")),
    )
    with op.batch_alter_table("right_confirmation", schema=None) as batch_op:
        batch_op.create_index("ix_right_confirmation_party_id_digest", ["party_id", "digest"], unique=False)

    op.create_table(
        "right_import",
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("user_ref", sa.String(length=16), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "waiting",
                "running",
                "done",
                "refused",
                name="right_import_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("warned", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("row_hashes", sa.LargeBinary(), nullable=True),
        sa.Column("queued_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_right_import_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_right_import")),
        sa.UniqueConstraint("party_id", "sha256", name=op.f("uq_right_import_party_id_sha256")),
        sa.UniqueConstraint("ref", name=op.f("uq_right_import_ref")),
    )
    with op.batch_alter_table("right_import", schema=None) as batch_op:
        batch_op.create_index(
            "uq_right_import_sha256_no_party",
            ["sha256"],
            unique=True,
            sqlite_where=sa.text("party_id IS NULL"),
            postgresql_where=sa.text("party_id IS NULL"),
        )

    op.create_table(
        "right_owner",
        sa.Column("right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("share_bp", sa.Integer(), nullable=True),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_right_owner_party_id")),
        sa.ForeignKeyConstraint(["right_id"], ["right_record.id"], name=op.f("fk_right_owner_right_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_right_owner")),
    )
    with op.batch_alter_table("right_owner", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_right_owner_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_right_owner_party_id"), ["party_id"], unique=False)
        batch_op.create_index("ix_right_owner_right_id_until", ["right_id", "until"], unique=False)

    op.create_table(
        "right_watch",
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("since", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(length=255), nullable=False),
        sa.Column("user_ref", sa.String(length=16), nullable=True),
        sa.Column("then", sa.JSON(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("told_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_right_watch_party_id")),
        sa.ForeignKeyConstraint(["right_id"], ["right_record.id"], name=op.f("fk_right_watch_right_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_right_watch")),
        sa.UniqueConstraint("party_id", "right_id", name=op.f("uq_right_watch_party_id_right_id")),
    )
    with op.batch_alter_table("right_watch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_right_watch_right_id"), ["right_id"], unique=False)

    op.create_table(
        "listing_item",
        sa.Column("listing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "transfer",
                "licence",
                "open_licence",
                "demand",
                "pledge_disposal",
                name="listing_item_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("price_share_bp", sa.Integer(), nullable=True),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_listing_item_listing_id")),
        sa.ForeignKeyConstraint(["right_id"], ["right_record.id"], name=op.f("fk_listing_item_right_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_item")),
    )
    with op.batch_alter_table("listing_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_item_listing_id"), ["listing_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_item_right_id"), ["right_id"], unique=False)
        batch_op.create_index(
            "uq_listing_item_live",
            ["right_id", "kind"],
            unique=True,
            sqlite_where=sa.text("live = 1"),
            postgresql_where=sa.text("live"),
        )

    op.create_table(
        "offer",
        sa.Column("listing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("buyer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("maker_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("answers_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("thread_ref", sa.String(length=16), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "countered",
                "accepted",
                "declined",
                "withdrawn",
                "expired",
                "superseded",
                name="offer_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("expires_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["answers_id"], ["offer.id"], name=op.f("fk_offer_answers_id")),
        sa.ForeignKeyConstraint(["buyer_id"], ["party.id"], name=op.f("fk_offer_buyer_id")),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_offer_listing_id")),
        sa.ForeignKeyConstraint(["maker_id"], ["party.id"], name=op.f("fk_offer_maker_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["party.id"], name=op.f("fk_offer_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.UniqueConstraint("answers_id", name=op.f("uq_offer_answers_id")),
        sa.UniqueConstraint("ref", name=op.f("uq_offer_ref")),
    )
    with op.batch_alter_table("offer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_offer_buyer_id"), ["buyer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_offer_listing_id"), ["listing_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_offer_seller_id"), ["seller_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_offer_thread_ref"), ["thread_ref"], unique=False)
        batch_op.create_index(
            "uq_offer_open_per_buyer",
            ["listing_id", "buyer_id"],
            unique=True,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )

    op.create_table(
        "publicity",
        sa.Column("listing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("buyer_is_inventor", sa.Boolean(), nullable=False),
        sa.Column("started_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("signing_from", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_publicity_listing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publicity")),
    )
    with op.batch_alter_table("publicity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_publicity_listing_id"), ["listing_id"], unique=False)

    op.create_table(
        "deal",
        sa.Column("listing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("offer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("buyer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "agreed",
                "completed",
                "rescinded",
                name="deal_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("agreed_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["buyer_id"], ["party.id"], name=op.f("fk_deal_buyer_id")),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_deal_listing_id")),
        sa.ForeignKeyConstraint(["offer_id"], ["offer.id"], name=op.f("fk_deal_offer_id")),
        sa.ForeignKeyConstraint(["seller_id"], ["party.id"], name=op.f("fk_deal_seller_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deal")),
        sa.UniqueConstraint("offer_id", name=op.f("uq_deal_offer_id")),
        sa.UniqueConstraint("ref", name=op.f("uq_deal_ref")),
    )
    with op.batch_alter_table("deal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deal_buyer_id"), ["buyer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_deal_listing_id"), ["listing_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_deal_seller_id"), ["seller_id"], unique=False)

    op.create_table(
        "objection",
        sa.Column("publicity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_objection_party_id")),
        sa.ForeignKeyConstraint(["publicity_id"], ["publicity.id"], name=op.f("fk_objection_publicity_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objection")),
        sa.UniqueConstraint("ref", name=op.f("uq_objection_ref")),
    )
    with op.batch_alter_table("objection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_objection_publicity_id"), ["publicity_id"], unique=False)

    op.create_table(
        "flow",
        sa.Column("deal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("opened_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["deal_id"], ["deal.id"], name=op.f("fk_flow_deal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow")),
        sa.UniqueConstraint("deal_id", name=op.f("uq_flow_deal_id")),
        sa.UniqueConstraint("ref", name=op.f("uq_flow_ref")),
    )
    op.create_table(
        "certificate",
        sa.Column("code", sa.String(length=26), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("flow_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("document_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("issued_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_certificate_document_id")),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name=op.f("fk_certificate_flow_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate")),
        sa.UniqueConstraint("code", name=op.f("uq_certificate_code")),
        sa.UniqueConstraint("flow_id", name=op.f("uq_certificate_flow_id")),
        sa.UniqueConstraint("number", name=op.f("uq_certificate_number")),
    )
    op.create_table(
        "consent",
        sa.Column("flow_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "co_owner",
                "pledgee",
                "inventor",
                name="consent_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "asked",
                "given",
                "refused",
                name="consent_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("document_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("answered_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_consent_document_id")),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name=op.f("fk_consent_flow_id")),
        sa.ForeignKeyConstraint(["right_id"], ["right_record.id"], name=op.f("fk_consent_right_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint(
            "flow_id", "right_id", "kind", "name", name=op.f("uq_consent_flow_id_right_id_kind_name")
        ),
        sa.UniqueConstraint("ref", name=op.f("uq_consent_ref")),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_flow_id"), ["flow_id"], unique=False)

    op.create_table(
        "escrow",
        sa.Column("flow_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "awaiting",
                "funded",
                "released",
                "refunded",
                "void",
                name="escrow_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("due_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("funded_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("closed_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name=op.f("fk_escrow_flow_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escrow")),
        sa.UniqueConstraint("flow_id", name=op.f("uq_escrow_flow_id")),
    )
    op.create_table(
        "export_clearance",
        sa.Column("flow_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "required",
                "applied",
                "cleared",
                "refused",
                name="clearance_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("category", sa.String(length=16), nullable=True),
        sa.Column("intent_no", sa.String(length=64), nullable=True),
        sa.Column("approval_no", sa.String(length=64), nullable=True),
        sa.Column("certificate_no", sa.String(length=64), nullable=True),
        sa.Column("entered_by", sa.String(length=16), nullable=True),
        sa.Column("decided_by", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("document_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_export_clearance_document_id")
        ),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name=op.f("fk_export_clearance_flow_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_clearance")),
        sa.UniqueConstraint("flow_id", name=op.f("uq_export_clearance_flow_id")),
        sa.UniqueConstraint("ref", name=op.f("uq_export_clearance_ref")),
    )
    op.create_table(
        "filing",
        sa.Column("flow_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "transfer",
                "licence",
                name="filing_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "filed",
                "fee_paid",
                "supplement",
                "recorded",
                "deemed_not_filed",
                "on_hold",
                "abandoned",
                name="filing_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("package", sa.JSON(), nullable=False),
        sa.Column("filed_on", sa.Date(), nullable=True),
        sa.Column("fee_due_on", sa.Date(), nullable=True),
        sa.Column("fee_fen", sa.BigInteger(), nullable=True),
        sa.Column("fee_paid_on", sa.Date(), nullable=True),
        sa.Column("fee_receipt", sa.String(length=64), nullable=True),
        sa.Column("supplement_due_on", sa.Date(), nullable=True),
        sa.Column("recorded_on", sa.Date(), nullable=True),
        sa.Column("hold_reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name=op.f("fk_filing_flow_id")),
        sa.ForeignKeyConstraint(["right_id"], ["right_record.id"], name=op.f("fk_filing_right_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filing")),
        sa.UniqueConstraint("flow_id", "right_id", name=op.f("uq_filing_flow_id_right_id")),
        sa.UniqueConstraint("ref", name=op.f("uq_filing_ref")),
    )
    with op.batch_alter_table("filing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_filing_flow_id"), ["flow_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_filing_right_id"), ["right_id"], unique=False)

    op.create_table(
        "payout",
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("flow_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "requested",
                "paid",
                "refused",
                name="payout_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("requested_by", sa.String(length=16), nullable=False),
        sa.Column("decided_by", sa.String(length=16), nullable=True),
        sa.Column("bank_reference", sa.String(length=64), nullable=True),
        sa.Column("bank_account", sa.String(length=64), nullable=False),
        sa.Column("requested_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name=op.f("fk_payout_flow_id")),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_payout_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout")),
        sa.UniqueConstraint("ref", name=op.f("uq_payout_ref")),
    )
    with op.batch_alter_table("payout", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payout_flow_id"), ["flow_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payout_party_id"), ["party_id"], unique=False)

    op.create_table(
        "technology_contract",
        sa.Column("flow_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "ready",
                "signed",
                "void",
                name="contract_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("technology_fen", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("signed_on", sa.Date(), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_technology_contract_document_id")
        ),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name=op.f("fk_technology_contract_flow_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_technology_contract")),
        sa.UniqueConstraint("ref", name=op.f("uq_technology_contract_ref")),
    )
    with op.batch_alter_table("technology_contract", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_technology_contract_flow_id"), ["flow_id"], unique=False)
        batch_op.create_index(
            "uq_technology_contract_live",
            ["flow_id"],
            unique=True,
            sqlite_where=sa.text("status <> 'void'"),
            postgresql_where=sa.text("status <> 'void'"),
        )

    op.create_table(
        "contract_registration",
        sa.Column("flow_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contract_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("registrar_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "applied",
                "accepted",
                "supplement",
                "large_review",
                "registered",
                "refused",
                "cancelled",
                "revoked",
                name="registration_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=True),
        sa.Column("technology_fen", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("decide_by", sa.Date(), nullable=True),
        sa.Column("decide_by_provisional", sa.Boolean(), nullable=False),
        sa.Column("registered_on", sa.Date(), nullable=True),
        sa.Column("refusal_code", sa.String(length=8), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("examined_by", sa.String(length=16), nullable=True),
        sa.Column("decided_by", sa.String(length=16), nullable=True),
        sa.Column("large_reviewed_by", sa.String(length=16), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["technology_contract.id"], name=op.f("fk_contract_registration_contract_id")
        ),
        sa.ForeignKeyConstraint(["flow_id"], ["flow.id"], name=op.f("fk_contract_registration_flow_id")),
        sa.ForeignKeyConstraint(
            ["registrar_id"], ["party.id"], name=op.f("fk_contract_registration_registrar_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_registration")),
        sa.UniqueConstraint("number", name=op.f("uq_contract_registration_number")),
        sa.UniqueConstraint("ref", name=op.f("uq_contract_registration_ref")),
    )
    with op.batch_alter_table("contract_registration", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contract_registration_flow_id"), ["flow_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_contract_registration_registrar_id"), ["registrar_id"], unique=False
        )
        batch_op.create_index(
            "uq_contract_registration_live",
            ["contract_id"],
            unique=True,
            sqlite_where=sa.text("status NOT IN ('refused', 'cancelled', 'revoked')"),
            postgresql_where=sa.text("status NOT IN ('refused', 'cancelled', 'revoked')"),
        )

    op.create_table(
        "signature",
        sa.Column("contract_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_ref", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["technology_contract.id"], name=op.f("fk_signature_contract_id")
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_signature_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature")),
        sa.UniqueConstraint("contract_id", "party_id", name=op.f("uq_signature_contract_id_party_id")),
    )
    op.create_table(
        "office_notice",
        sa.Column("filing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("registration_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("document_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "entered",
                "verified",
                "rejected",
                name="office_notice_status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("entered_by", sa.String(length=16), nullable=False),
        sa.Column("entered_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=16), nullable=True),
        sa.Column("decided_at", exchange.core.db.UTCDateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ref", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", exchange.core.db.UTCDateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_office_notice_document_id")),
        sa.ForeignKeyConstraint(["filing_id"], ["filing.id"], name=op.f("fk_office_notice_filing_id")),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["contract_registration.id"], name=op.f("fk_office_notice_registration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_notice")),
        sa.UniqueConstraint("ref", name=op.f("uq_office_notice_ref")),
    )
    with op.batch_alter_table("office_notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_office_notice_filing_id"), ["filing_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_office_notice_registration_id"), ["registration_id"], unique=False
        )
        batch_op.create_index(
            "uq_office_notice_number",
            ["code", "number"],
            unique=True,
            sqlite_where=sa.text("status <> 'rejected'"),
            postgresql_where=sa.text("status <> 'rejected'"),
        )

    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in APPEND_ONLY:
        for statement in _guard(table, postgresql):
            op.get_bind().exec_driver_sql(statement.replace("%", "%%") if postgresql else statement)


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("office_notice", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_office_notice_number",
            sqlite_where=sa.text("status <> 'rejected'"),
            postgresql_where=sa.text("status <> 'rejected'"),
        )
        batch_op.drop_index(batch_op.f("ix_office_notice_registration_id"))
        batch_op.drop_index(batch_op.f("ix_office_notice_filing_id"))

    op.drop_table("office_notice")
    op.drop_table("signature")
    with op.batch_alter_table("contract_registration", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_contract_registration_live",
            sqlite_where=sa.text("status NOT IN ('refused', 'cancelled', 'revoked')"),
            postgresql_where=sa.text("status NOT IN ('refused', 'cancelled', 'revoked')"),
        )
        batch_op.drop_index(batch_op.f("ix_contract_registration_registrar_id"))
        batch_op.drop_index(batch_op.f("ix_contract_registration_flow_id"))

    op.drop_table("contract_registration")
    with op.batch_alter_table("technology_contract", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_technology_contract_live",
            sqlite_where=sa.text("status <> 'void'"),
            postgresql_where=sa.text("status <> 'void'"),
        )
        batch_op.drop_index(batch_op.f("ix_technology_contract_flow_id"))

    op.drop_table("technology_contract")
    with op.batch_alter_table("payout", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payout_party_id"))
        batch_op.drop_index(batch_op.f("ix_payout_flow_id"))

    op.drop_table("payout")
    with op.batch_alter_table("filing", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_filing_right_id"))
        batch_op.drop_index(batch_op.f("ix_filing_flow_id"))

    op.drop_table("filing")
    op.drop_table("export_clearance")
    op.drop_table("escrow")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consent_flow_id"))

    op.drop_table("consent")
    op.drop_table("certificate")
    op.drop_table("flow")
    with op.batch_alter_table("objection", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_objection_publicity_id"))

    op.drop_table("objection")
    with op.batch_alter_table("deal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deal_seller_id"))
        batch_op.drop_index(batch_op.f("ix_deal_listing_id"))
        batch_op.drop_index(batch_op.f("ix_deal_buyer_id"))

    op.drop_table("deal")
    with op.batch_alter_table("publicity", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_publicity_listing_id"))

    op.drop_table("publicity")
    with op.batch_alter_table("offer", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_offer_open_per_buyer",
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.drop_index(batch_op.f("ix_offer_thread_ref"))
        batch_op.drop_index(batch_op.f("ix_offer_seller_id"))
        batch_op.drop_index(batch_op.f("ix_offer_listing_id"))
        batch_op.drop_index(batch_op.f("ix_offer_buyer_id"))

    op.drop_table("offer")
    with op.batch_alter_table("listing_item", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_listing_item_live", sqlite_where=sa.text("live = 1"), postgresql_where=sa.text("live")
        )
        batch_op.drop_index(batch_op.f("ix_listing_item_right_id"))
        batch_op.drop_index(batch_op.f("ix_listing_item_listing_id"))

    op.drop_table("listing_item")
    with op.batch_alter_table("right_watch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_right_watch_right_id"))

    op.drop_table("right_watch")
    with op.batch_alter_table("right_owner", schema=None) as batch_op:
        batch_op.drop_index("ix_right_owner_right_id_until")
        batch_op.drop_index(batch_op.f("ix_right_owner_party_id"))
        batch_op.drop_index(batch_op.f("ix_right_owner_name"))

    op.drop_table("right_owner")
    with op.batch_alter_table("right_import", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_right_import_sha256_no_party",
            sqlite_where=sa.text("party_id IS NULL"),
            postgresql_where=sa.text("party_id IS NULL"),
        )

    op.drop_table("right_import")
    with op.batch_alter_table("right_confirmation", schema=None) as batch_op:
        batch_op.drop_index("ix_right_confirmation_party_id_digest")

    op.drop_table("right_confirmation")
    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_publication_row_hash"))
        batch_op.drop_index(batch_op.f("ix_publication_right_id"))

    op.drop_table("publication")
    with op.batch_alter_table("posting", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_posting_source_id"))
        batch_op.drop_index(batch_op.f("ix_posting_entry_id"))
        batch_op.drop_index(batch_op.f("ix_posting_destination_id"))

    op.drop_table("posting")
    with op.batch_alter_table("party_name", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_party_name_party_id"))
        batch_op.drop_index(batch_op.f("ix_party_name_name"))

    op.drop_table("party_name")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index("ix_notice_inbox")

    op.drop_table("notice")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_membership_party_id"))

    op.drop_table("membership")
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_session_user_id"))

    op.drop_table("login_session")
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listing_status"))
        batch_op.drop_index(batch_op.f("ix_listing_seller_id"))

    op.drop_table("listing")
    with op.batch_alter_table("legal_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_legal_event_right_id"))

    op.drop_table("legal_event")
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invitation_party_id"))

    op.drop_table("invitation")
    with op.batch_alter_table("holding", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_holding_right_id"))

    op.drop_table("holding")
    with op.batch_alter_table("encumbrance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_encumbrance_right_id"))

    op.drop_table("encumbrance")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delivery_event_id"))
        batch_op.drop_index("ix_delivery_claim")

    op.drop_table("delivery")
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_token_user_id"))

    op.drop_table("api_token")
    op.drop_table("user_account")
    with op.batch_alter_table("right_record", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_right_record_row_hash"))
        batch_op.drop_index(batch_op.f("ix_right_record_kind"))
        batch_op.drop_index(batch_op.f("ix_right_record_app_no"))

    op.drop_table("right_record")
    with op.batch_alter_table("right_check_count", schema=None) as batch_op:
        batch_op.drop_index("ix_right_check_count_minute")

    op.drop_table("right_check_count")
    with op.batch_alter_table("remembered_answer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_remembered_answer_created_at"))

    op.drop_table("remembered_answer")
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_party_name"))

    op.drop_table("party")
    with op.batch_alter_table("outgoing_mail", schema=None) as batch_op:
        batch_op.drop_index("ix_outgoing_mail_claim")

    op.drop_table("outgoing_mail")
    with op.batch_alter_table("login_try", schema=None) as batch_op:
        batch_op.drop_index("ix_login_try_subject_at")

    op.drop_table("login_try")
    op.drop_table("lease")
    op.drop_table("kept_value")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_type"))
        batch_op.drop_index("ix_event_subject_ref_id")
        batch_op.drop_index(batch_op.f("ix_event_at"))
        batch_op.drop_index(batch_op.f("ix_event_about_ref"))

    op.drop_table("event")
    with op.batch_alter_table("entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_entry_subject_ref"))

    op.drop_table("entry")
    with op.batch_alter_table("due_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_due_item_due_at"))

    op.drop_table("due_item")
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_document_subject_ref"))
        batch_op.drop_index(batch_op.f("ix_document_sha256"))

    op.drop_table("document")
    op.drop_table("audit_head")
    op.drop_table("account")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS refuse_rewriting()")
