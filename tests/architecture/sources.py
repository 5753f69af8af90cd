"""Every Python file of ours, as text and as a tree."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOMES = ("shared", "services", "deploy", "cli", "tests")
SOURCES = sorted(
    file
    for home in HOMES
    for file in (ROOT / home).rglob("*.py")
    if not {".venv", ".perennial", "versions", "build"} & set(file.relative_to(ROOT).parts)
)
SERVICES = sorted(path.parent for path in (ROOT / "services").glob("*/*/main.py"))
"""The package of each service."""


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), name_of(file))
