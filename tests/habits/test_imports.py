"""The import contracts of ``pyproject.toml`` hold, and leave no room and no file of the trade out."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.habits.tree import ROOT, sources, text

#: What speaks HTTP or the command line, and may therefore know Flask.
FACES = ("__init__", "api", "cli", "faces", "page", "schemas", "shown")


@pytest.fixture(scope="module")
def contracts() -> dict[str, dict[str, list[str]]]:
    linter = tomllib.loads(text(Path("pyproject.toml")))["tool"]["importlinter"]
    return {contract["name"]: contract for contract in linter["contracts"]}


def test_the_contracts_hold() -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())",
    ]
    done = subprocess.run([*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_every_room_has_its_layer(contracts: dict[str, dict[str, list[str]]]) -> None:
    layers = " ".join(contracts["Rooms only look down"]["layers"])
    named = set(layers.replace("|", " ").replace(":", " ").replace("(", " ").replace(")", " ").split())
    rooms = {".".join(path.parts[:2]) for path in sources("exchange") if len(path.parts) > 2}
    shells = {
        f"exchange.{path.stem}"
        for path in sources("exchange")
        if len(path.parts) == 2 and path.stem != "__init__"
    }
    assert (rooms | shells) - named == set()


def test_every_file_of_the_trade_is_kept_from_the_web(contracts: dict[str, dict[str, list[str]]]) -> None:
    kept = contracts["The trade does not know the web"]["source_modules"]
    trade = {
        ".".join(path.with_suffix("").parts)
        for path in sources("contracts", "search")
        if not path.stem.startswith(FACES) and "templates" not in path.parts
    }
    left_out = {name for name in trade if not any(name == one or name.startswith(f"{one}.") for one in kept)}
    assert left_out == set()


def test_every_face_is_forbidden_to_the_trade(contracts: dict[str, dict[str, list[str]]]) -> None:
    forbidden = contracts["The trade does not know the web"]["forbidden_modules"]
    faces = {
        ".".join(path.with_suffix("").parts)
        for path in sources("contracts", "search")
        if path.stem.startswith(("api", "faces", "page", "shown"))
    }
    assert faces - set(forbidden) == set()
