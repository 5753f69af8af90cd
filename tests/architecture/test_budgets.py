"""Modules and functions stay small enough to be read at once; an exemption carries its reason."""

import ast
from functools import cache

import pytest

from tests.architecture.exempt import FUNCTIONS, MODULES, NESTING
from tests.architecture.sources import SOURCES, name_of, tree_of

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
NESTING_MOST = 3

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_test(name: str) -> bool:
    return name.startswith("tests/")


def beyond(exempt: dict[str, str], found: dict[str, int]) -> dict[str, int]:
    """What exceeds its budget and has no reason; an exemption that nothing needs counts as 0."""
    assert all(exempt.values())
    idle = dict.fromkeys(exempt.keys() - found.keys(), 0)
    return idle | {name: number for name, number in found.items() if name not in exempt}


@cache
def functions() -> list[tuple[str, Function]]:
    """Every function of ours, as `path:name`."""
    return [
        (f"{name_of(file)}:{node.name}", node)
        for file in SOURCES
        for node in ast.walk(tree_of(file))
        if isinstance(node, DEFINITIONS)
    ]


def length(function: Function) -> int:
    """Lines from `def` to the end; decorators are declarations, they don't count."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def depth(node: ast.AST) -> int:
    """How deep blocks stand in each other; `elif` is not deeper, a function begins anew."""
    return max((_deeper(node, child) for child in ast.iter_child_nodes(node)), default=0)


def _deeper(node: ast.AST, child: ast.AST) -> int:
    if isinstance(child, (*DEFINITIONS, ast.Lambda, ast.ClassDef)):
        return 0
    is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
    return depth(child) + (isinstance(child, BLOCKS) and not is_elif)


def test_modules_are_short() -> None:
    found = {name_of(file): len(file.read_text().splitlines()) for file in SOURCES}
    long = {name: n for name, n in found.items() if n > (400 if is_test(name) else 300)}

    assert beyond(MODULES, long) == {}, "at most 300 lines, tests 400"


def test_functions_are_short() -> None:
    found = {name: length(one) for name, one in functions()}
    long = {name: n for name, n in found.items() if n > (60 if is_test(name) else 40)}

    assert beyond(FUNCTIONS, long) == {}, "at most 40 lines, in tests 60"


def test_functions_are_flat() -> None:
    found = {name: depth(one) for name, one in functions()}
    deep = {name: n for name, n in found.items() if n > NESTING_MOST}

    assert beyond(NESTING, deep) == {}, "at most 3 blocks in each other"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1", 0),
        ("if a:\n  pass\nelif b:\n  pass\nelse:\n  pass", 1),
        ("for a in b:\n  if a:\n    with c:\n      while d:\n        pass", 4),
        ("if a:\n  def f():\n    if b:\n      pass", 1),
    ],
)
def test_depth_counts_what_a_reader_must_keep_in_mind(text: str, expected: int) -> None:
    assert depth(ast.parse(text)) == expected
