"""Runs migrations against the app's database, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from exchange.core.db import Base, db

ADVISORY_LOCK = 7_264_936
"""Two deployments that migrate at once wait for each other."""


def offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(
        url=str(db.engine.url), target_metadata=Base.metadata, literal_binds=True, render_as_batch=True
    )
    with context.begin_transaction():
        context.run_migrations()


def online() -> None:
    """Run the migrations under a lock and with time limits, so that a waiting one cannot stop the exchange."""
    with db.engine.connect() as connection:
        postgresql = connection.dialect.name == "postgresql"
        if postgresql:
            connection.execute(text("SET lock_timeout = '4s'"))
            connection.execute(text("SET statement_timeout = '60s'"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        if postgresql:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
            connection.commit()


if context.is_offline_mode():
    offline()
else:
    online()
