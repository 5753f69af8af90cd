"""Rules take time, ids and chance as data, and import nothing that could fetch them."""

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.architecture.sources import SERVICES, name_of, tree_of

DOMAINS = [file for service in SERVICES for file in sorted((service / "domain").glob("*.py"))]
PURE = sys.stdlib_module_names - {
    *("asyncio", "concurrent", "multiprocessing", "random", "secrets", "socket", "subprocess"),
    *("threading", "time", "uuid"),
}
IMPURE = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("time.time", "time.monotonic", "random.random", "uuid.uuid4", "uuid.uuid7"),
    *("os.environ", "os.getenv"),
}
IMPURE_CALLS = {"open", "print", "input", "hash", "id"}
"""As names of fields they are harmless."""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                yield from (f"{module}.{alias.name}" for alias in node.names)


def dotted(node: ast.AST) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{dotted(node.value)}.{node.attr}".lstrip(".")
        case _:
            return ""


def touched(tree: ast.AST) -> set[str]:
    """What of the world this code names, by its last two words (`dt.datetime.now` is `datetime.now`)."""
    nodes = list(ast.walk(tree))
    names = {dotted(node) for node in nodes if isinstance(node, ast.Attribute)}
    calls = {dotted(node.func) for node in nodes if isinstance(node, ast.Call)}
    return ({".".join(name.split(".")[-2:]) for name in names} & IMPURE) | (calls & IMPURE_CALLS)


def allowed(module: str, service: str) -> bool:
    ours = (f"{service}.domain", f"{service}.policy", "msgspec", "perennial.contracts")
    return module.partition(".")[0] in PURE or module.startswith(ours)


def test_a_domain_imports_only_what_is_pure() -> None:
    found = [
        f"{name_of(file)}: {one}"
        for file in DOMAINS
        for one in imported(tree_of(file))
        if not allowed(one, file.parents[1].name)
    ]

    assert DOMAINS
    assert found == []


def test_a_domain_reads_no_clock_and_throws_no_dice() -> None:
    found = {name_of(file): touched(tree_of(file)) for file in DOMAINS}

    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text", ["datetime.now(UTC)", "dt.datetime.now()", "time.time()", "open(p)"]
)
def test_the_search_finds_what_it_looks_for(text: str) -> None:
    assert touched(ast.parse(text))


def test_every_service_has_the_same_rooms() -> None:
    for service in SERVICES:
        rooms = {path.stem for path in service.iterdir()}

        assert {"domain", "policy", "handlers", "store", "api", "main", "migrations"} <= rooms
        assert (service / "policy.yaml").exists()
