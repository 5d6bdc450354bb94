"""Modules, functions and names stay small enough to read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("streaming_core", "napari_plugin", "fiji_bridge")
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
LONGEST_CLASS_NAME = 24
# Words that name no thing of this field.
EMPTY_WORDS = ("Authority", "Helper", "Helpers", "Manager", "Projection", "Util", "Utils")


def modules() -> Iterator[tuple[Path, str]]:
    """Yield every module that is shipped, and its text."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def lines(node: ast.stmt) -> int:
    """Return how many lines a statement takes."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_is_too_long() -> None:
    lengths = {path: len(text.splitlines()) for path, text in modules()}
    assert not [f"{path}: {n} lines" for path, n in lengths.items() if n > LONGEST_MODULE]


def test_no_function_is_too_long() -> None:
    found = []
    for path, text in modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = lines(node)
                if ast.get_docstring(node):
                    length -= lines(node.body[0])  # what a caller reads does not make it longer
                if length > LONGEST_FUNCTION:
                    found.append(f"{path}:{node.lineno}: {node.name} has {length} lines")
    assert not found


def test_class_names_are_short_nouns() -> None:
    found = []
    for path, text in modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and (
                len(node.name) > LONGEST_CLASS_NAME or node.name.endswith(EMPTY_WORDS)
            ):
                found.append(f"{path}:{node.lineno}: {node.name}")
    assert not found


def test_every_module_says_what_it_is_for() -> None:
    assert not [str(path) for path, text in modules() if not ast.get_docstring(ast.parse(text))]
