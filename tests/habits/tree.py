"""The files of the work tree, as the habit tests read them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("exchange", "contracts", "search")


@cache
def files(*, committed: bool = False) -> tuple[Path, ...]:
    """Every file that belongs to the project, relative to its top: what git tracks or would track."""
    which = ["--cached"] if committed else ["--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(["git", "ls-files", "-z", *which], cwd=ROOT, capture_output=True, check=True)
    named = (Path(name) for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in named if (ROOT / path).is_file())


def sources(*tops: str) -> tuple[Path, ...]:
    """The Python files under the folders ``tops``."""
    return tuple(path for path in files() if path.suffix == ".py" and path.parts[0] in tops)


def product() -> tuple[Path, ...]:
    """The Python files of the three packages and ``wsgi.py``."""
    return (*sources(*PACKAGES), Path("wsgi.py"))


def templates() -> tuple[Path, ...]:
    """The Jinja templates of all packages."""
    return tuple(path for path in files() if "templates" in path.parts and path.suffix in {".html", ".txt"})


@cache
def text(path: Path) -> str:
    """The text of a file of the tree."""
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(text(path), filename=str(path))


def nodes(path: Path) -> Iterator[ast.AST]:
    """Every node of a Python file's syntax tree."""
    return ast.walk(tree(path))


def at(path: Path, node: ast.AST, what: str) -> str:
    """A finding as ``file:line: what``."""
    return f"{path}:{getattr(node, 'lineno', 0)}: {what}"


def imported(node: ast.AST) -> list[str]:
    """The modules that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
