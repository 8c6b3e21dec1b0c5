"""Habits of the code that no linter knows (architecture.md §3.3)."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.habits.tree import PACKAGES, at, imported, nodes, product, sources, text

#: A library, and the only files that may import it: replacing it touches nothing else.
ONLY_IN = {
    "apscheduler": ["exchange/jobs.py"],
    "argon2": ["exchange/parties/*.py"],
    "chinese_calendar": ["exchange/core/clock.py"],
    "elastic_transport": ["search/elastic.py"],
    "elasticsearch": ["search/elastic.py"],
    "flask_sqlalchemy": ["exchange/core/db.py"],
    "opencc": ["search/text.py"],
    "pyhanko": ["exchange/core/seal.py"],
    "pyotp": ["exchange/parties/*.py"],
    "tantivy": ["search/embedded*.py"],
    "typst": ["exchange/core/pdf.py"],
}

#: Ways to read the machine's clock.  ``time.perf_counter`` measures a duration and is nobody's date.
CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "date.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
}

INEXACT = {"Float", "Double", "DOUBLE", "DOUBLE_PRECISION", "REAL", "FLOAT", "Numeric", "NUMERIC", "DECIMAL"}


def test_a_transaction_ends_in_one_place() -> None:
    allowed = {"exchange/core/db.py": "any", "search/embedded.py": "writer"}
    wrong = [
        at(path, node, f"{ast.unparse(node)}: a verb commits by `transaction`")
        for path in product()
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
        # The embedded index has commits of its own.
        if allowed.get(path.as_posix()) != "any"
        and not (allowed.get(path.as_posix()) == "writer" and "writer" in ast.unparse(node.func.value))
    ]
    assert wrong == []


def test_one_clock() -> None:
    wrong = [
        at(path, node, f"{ast.unparse(node)}: ask exchange.core.clock")
        for path in product()
        if path != Path("exchange/core/clock.py")
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in CLOCKS
        # A new index has a name that no other ever had, whatever a test's clock says.
        if not (path.parts[0] == "search" and node.attr == "time_ns")
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_known_in_one_place(library: str) -> None:
    allowed = ONLY_IN[library]
    wrong = [
        at(path, node, f"imports {library}, which belongs in {' or '.join(allowed)}")
        for path in product()
        if not any(fnmatch(path.as_posix(), pattern) for pattern in allowed)
        for node in nodes(path)
        for module in imported(node)
        if module.split(".", maxsplit=1)[0] == library
    ]
    assert wrong == []


def test_no_inexact_columns() -> None:
    """Money is fen and a rate is basis points, both whole; SQLite keeps even ``Numeric`` as a float."""
    wrong = [
        at(path, node, f"imports {alias.name} from sqlalchemy: money is fen, a rate is basis points")
        for path in product()
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for alias in node.names
        if alias.name in INEXACT
    ]
    wrong += [
        at(path, node, f"{ast.unparse(node)}: money is fen, a rate is basis points")
        for path in product()
        for node in nodes(path)
        if isinstance(node, ast.Subscript)
        and ast.unparse(node).replace("| None", "").replace(" ", "") == "Mapped[float]"
    ]
    assert wrong == []


def test_sql_text_is_never_put_together() -> None:
    wrong = [
        at(path, node, f"{ast.unparse(node)[:60]}: bind the values instead")
        for path in product()
        for node in nodes(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"text", "exec_driver_sql"}
        for argument in node.args[:1]
        if isinstance(argument, ast.JoinedStr)
        or (isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Mod | ast.Add))
        or (isinstance(argument, ast.Call) and ast.unparse(argument.func).endswith(".format"))
    ]
    assert wrong == []


def test_a_package_says_what_it_is_for() -> None:
    wrong = [
        f"{path}: the first line says what the room is for, in the trade's words"
        for path in sources(*PACKAGES)
        if path.name == "__init__.py" and not (text(path).startswith(('"""', "'''")))
    ]
    assert wrong == []


def test_a_verb_names_its_actor_first() -> None:
    wrong = [
        at(path, node, f"{node.name}() is a verb: `actor` comes first")
        for path in sources(*PACKAGES)
        if path.name == "actions.py"
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and any("transaction" in ast.unparse(decorator) for decorator in node.decorator_list)
        # What the clock begins, and the notices of what others did, have no actor.
        and node.name != "run_due"
        and "notifications" not in path.parts
        and (not node.args.args or node.args.args[0].arg != "actor")
    ]
    assert wrong == []


def test_a_file_is_one_word_of_the_trade() -> None:
    wrong = [
        f"{path}: {lines} lines; is it one word of the trade?"
        for path in sources(*PACKAGES, "tests", "bench", "migrations")
        if "versions" not in path.parts and (lines := text(path).count("\n")) > 600
    ]
    assert wrong == []


def test_nothing_is_left_unfinished() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "X" * 3, "pragma: no " + "cover")
    wrong = [
        f"{path}:{number}: {word}"
        for path in sources(*PACKAGES, "tests", "bench", "migrations")
        for number, line in enumerate(text(path).splitlines(), 1)
        for word in words
        if word in line
    ]
    wrong += [
        at(path, node, "a function that does nothing yet")
        for path in sources(*PACKAGES, "tests", "bench")
        for node in nodes(path)
        if isinstance(node, ast.Raise) and node.exc and "NotImplemented" in ast.unparse(node.exc)
    ]
    assert wrong == []
