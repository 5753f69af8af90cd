"""What the pages say can be done: every variable is set, every role holds what its line says."""

import re
from pathlib import Path

import pytest
from perennial.kit import tokens

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GROUPS = {
    "read": tokens.READ,
    "work": tokens.WORK,
    "decide": tokens.DECIDE,
    "operate": tokens.OPERATE,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_an_example_uses_the_page_has_set(page: Path) -> None:
    text = "\n".join(re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL))
    for used in re.finditer(r"\$\{?([A-Z_]{2,})(?!\w|:-)", text):
        assert re.search(rf"\b{used[1]}=", text[: used.start()]), f"${used[1]} is never set"


@pytest.mark.feature("P9")
def test_the_page_lists_the_scopes_of_every_role() -> None:
    page = (ROOT / "docs/interfaces.md").read_text()
    told = {
        name: (rows, scopes)
        for name, rows, scopes in re.findall(
            r"^\| `(\w+)` \| (\w+) \| (.*) \|$", page, re.MULTILINE
        )
        if rows in ("all", "own", "team", "self")
    }
    groups = dict(re.findall(r"^\| (\w+) \| (`\w+:\w+`.*) \|$", page, re.MULTILINE))

    assert {name: tuple(_scopes(line)) for name, line in groups.items()} == GROUPS
    assert told.keys() == tokens.ROLES.keys()
    for name, role in tokens.ROLES.items():
        rows, line = told[name]
        words = re.findall(r"\w+", re.sub(r"`[^`]*`|:.*", "", line))
        held = [scope for word in words for scope in GROUPS[word]] + _scopes(line)
        assert (rows, set(held)) == (role.rows, set(role.scopes)), name


def _scopes(line: str) -> list[str]:
    return re.findall(r"`(\w+:\w+|internal)`", line)
