"""Habits of the house: what stands at the top, and what no file may say."""

import re
from pathlib import Path

from tests.habits.tree import ROOT, files, text

TOP = {
    *("exchange", "contracts", "search", "migrations", "tests", "bench", "docs"),
    *("wsgi.py", "requirements.txt", "pyproject.toml", "Makefile", "README.md", "CHANGELOG.md", "LICENSE"),
    *("Dockerfile", "compose.yaml"),
}

BINARY = {".png", ".jpg", ".ico", ".pdf", ".xlsx", ".mo", ".ttf", ".woff2"}

#: Paths of somebody's machine, and hosts of package registries: a file that names one works only there.
#: The words are taken apart so that this file does not name them either.
MACHINES = re.compile(r"(?:^|[^a-zA-Z0-9_.)}-])/(?:wo" + r"rk|ro" + r"ot|fa" + r"rm)/|\.libr" + r"ary/")
REGISTRIES = re.compile(
    r"\b(?:registry\.np"
    r"mjs\.org|py"
    r"pi\.org|files\.python"
    r"hosted\.org|repo1?\.maven\.(?:apache\.)?org"
    r"|deb\.deb" + r"ian\.org|registry\.np" + r"mmirror\.com|proxy\.go" + r"lang\.org)\b"
)


def prose() -> list[tuple[Path, str]]:
    return [(path, text(path)) for path in files() if path.suffix not in BINARY]


def findings(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, whole in prose()
        for number, line in enumerate(whole.splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_top_level_is_as_agreed() -> None:
    tops = {path.parts[0] for path in files()}
    assert {top for top in tops if not top.startswith(".")} - TOP == set()
    for needed in (
        "README.md",
        "requirements.txt",
        "wsgi.py",
        "Makefile",
        ".ci/run",
        "LICENSE",
        "CHANGELOG.md",
    ):
        assert (ROOT / needed).is_file(), f"{needed} is missing"


def test_no_file_names_a_machine() -> None:
    assert findings(MACHINES) == []


def test_no_file_names_a_registry() -> None:
    assert findings(REGISTRIES) == []


def test_no_large_file() -> None:
    limit = 800 * 1024
    assert [
        f"{path}: {size} bytes" for path in files() if (size := (ROOT / path).stat().st_size) > limit
    ] == []


def test_what_is_pinned_is_pinned_exactly() -> None:
    for name in ("requirements.txt", "tests/requirements.txt"):
        lines = [line for line in text(Path(name)).splitlines() if line and not line.lstrip().startswith("#")]
        assert [line for line in lines if not re.fullmatch(r"[a-z0-9._-]+==[\w.+!-]+", line)] == [], name


def test_every_direct_dependency_is_pinned_and_used_the_same_in_both_lists() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(
            line.split("==", 1) for line in text(Path(name)).splitlines() if line and line[0] not in "# "
        )

    runtime, testing = pins("requirements.txt"), pins("tests/requirements.txt")
    assert {name: version for name, version in runtime.items() if testing.get(name) != version} == {}


def test_npm_pins_exactly_and_its_lock_has_no_addresses_of_packages() -> None:
    package = text(Path("exchange/static/package.json"))
    assert re.findall(r'"[~^><]', package) == []
    assert '"resolved"' not in text(Path("exchange/static/package-lock.json"))
