"""Migrations: up, down, up; and the schema they build is the one of the models, CHECKs and partial indexes included."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import Engine

from exchange.core.db import db
from tests.conftest import ROOT, Databases, create_app, settings
from tests.services.postgres import create_database, drop_database

MIGRATIONS = ROOT / "migrations"


@pytest.fixture
def bare_url(databases: Databases, tmp_path: Path) -> Any:
    """The URL of a database without any table."""
    if databases.server is None:
        yield f"sqlite:///{tmp_path / 'bare.db'}"
    else:
        url = create_database(databases.server)
        yield url
        drop_database(url)


def an_app(url: str, folder: Path) -> Flask:
    return create_app(settings(url, folder))


def config() -> Config:
    found = Config(str(MIGRATIONS / "alembic.ini"))
    found.set_main_option("script_location", str(MIGRATIONS))
    return found


def schema(engine: Engine) -> dict[str, Any]:
    """Tables, columns, keys, CHECKs, indexes (partial ones with their condition) and triggers, comparable."""
    found = inspect(engine)
    answer: dict[str, Any] = {}
    for table in sorted(set(found.get_table_names()) - {"alembic_version"}):
        answer[table] = {
            "columns": sorted(
                (c["name"], str(c["type"]), c["nullable"], c.get("primary_key", 0))
                for c in found.get_columns(table)
            ),
            "primary": found.get_pk_constraint(table)["constrained_columns"],
            "foreign": sorted(
                (tuple(f["constrained_columns"]), f["referred_table"], tuple(f["referred_columns"]))
                for f in found.get_foreign_keys(table)
            ),
            "unique": sorted(
                (str(u["name"]), tuple(str(c) for c in u["column_names"]))
                for u in found.get_unique_constraints(table)
            ),
            "checks": sorted(
                (str(c["name"]), re.sub(r"\s+", " ", str(c["sqltext"])))
                for c in found.get_check_constraints(table)
            ),
            "indexes": sorted(
                (
                    str(i["name"]),
                    tuple(str(c) for c in i["column_names"]),
                    bool(i["unique"]),
                    re.sub(
                        r"\s+", " ", str(i.get("dialect_options", {}).get(f"{engine.dialect.name}_where", ""))
                    ),
                )
                for i in found.get_indexes(table)
            ),
        }
    query = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        if engine.dialect.name == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with engine.connect() as connection:
        answer["triggers"] = sorted(connection.execute(text(query)).scalars())
    return answer


def test_up_down_up_and_equal_to_the_models(bare_url: str, databases: Databases, tmp_path: Path) -> None:
    app = an_app(bare_url, tmp_path)
    with app.app_context():
        command.upgrade(config(), "head")
        first = schema(db.engine)
        command.downgrade(config(), "base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        command.upgrade(config(), "head")
        assert schema(db.engine) == first
        db.engine.dispose()
    model_url = databases.url()
    engine = create_engine(model_url)
    try:
        by_models = schema(engine)
    finally:
        engine.dispose()
        databases.drop(model_url)
    assert first == by_models


def test_the_head_file_names_the_newest_migration() -> None:
    scripts = ScriptDirectory.from_config(config())
    assert (MIGRATIONS / "HEAD").read_text().strip() == scripts.get_current_head()
    assert len(scripts.get_heads()) == 1
