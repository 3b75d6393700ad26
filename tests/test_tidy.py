"""What no linter checks: sizes, places and promises of the source tree."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_FILE_LINES_MAX = 500
_FUNCTION_LINES_MAX = 60
_FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc", "core"}


def _tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", pattern],
        cwd=_ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = [_ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


_SOURCES = _tracked("*.py")


def _name(path: Path) -> str:
    return str(path.relative_to(_ROOT))


@pytest.mark.parametrize("path", _SOURCES, ids=_name)
def test_a_file_is_one_idea(path: Path) -> None:
    """At most 500 lines, no function of more than 60 lines of code, no drawer's name."""
    text = path.read_text()
    tree = ast.parse(text)

    assert len(text.splitlines()) <= _FILE_LINES_MAX
    assert path.stem not in _FORBIDDEN_NAMES
    assert [name for name, lines in _functions(tree) if lines > _FUNCTION_LINES_MAX] == []


def _functions(tree: ast.AST) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            found.append((node.name, (node.end_lineno or 0) - body[0].lineno + 1))
    return found


def test_platform_is_no_package() -> None:
    """With an __init__.py it would shadow the standard library's module of that name."""
    assert not (_ROOT / "platform" / "__init__.py").exists()


def test_nothing_is_left_for_later() -> None:
    """What is unfinished is an issue, not a comment."""
    pattern = re.compile(r"\b(TODO|FIXME|XXX)\b")

    others = [path for path in _SOURCES if path != Path(__file__)]

    assert [_name(path) for path in others if pattern.search(path.read_text())] == []


def test_every_test_says_what_it_expects() -> None:
    """In a docstring of its own."""
    silent = [
        f"{_name(path)}::{node.name}"
        for path in _SOURCES
        if path.name.startswith("test_")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert silent == []


def test_every_module_of_the_server_is_imported_or_run() -> None:
    """Nothing is dead."""
    modules = {
        _name(path)[:-3].replace("/", "."): path
        for path in _SOURCES
        if _name(path).startswith("rucket/") and path.stem not in {"__init__", "__main__"}
    }
    texts = {name: path.read_text() for name, path in modules.items()}
    dead = [
        name
        for name in modules
        if not any(_mentions(text, name) for other, text in texts.items() if other != name)
        and "__main__" not in texts[name]
        and name != "rucket.cli.main"
    ]

    assert dead == []


def _mentions(text: str, module: str) -> bool:
    package, _, name = module.rpartition(".")
    return (
        module in text
        or re.search(rf"from {re.escape(package)} import [^\n]*\b{name}\b", text) is not None
        or bool(re.search(rf"from {re.escape(package)} import \([^)]*\b{name}\b", text))
    )
