"""The Chinese catalogue, and what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from tests.habits.tree import PACKAGES, ROOT, text

CHINESE = ROOT / "exchange" / "translations" / "zh_Hans_CN" / "LC_MESSAGES" / "messages.po"


@pytest.fixture(scope="session")
def catalogue() -> Catalog:
    with CHINESE.open("rb") as file:
        return read_po(file, locale="zh_Hans_CN")


@pytest.fixture(scope="session")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What the code says, extracted as ``make translate`` does it."""
    target = tmp_path_factory.mktemp("messages") / "messages.pot"
    keywords = re.search(r"^KEYWORDS := (.+)$", text(Path("Makefile")), re.MULTILINE)
    assert keywords
    command = [sys.executable, "-m", "babel.messages.frontend", "--quiet", "extract", "-F", "pyproject.toml"]
    subprocess.run(
        [*command, *keywords[1].split(), "-o", str(target), *PACKAGES],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    with target.open("rb") as file:
        return read_po(file)
