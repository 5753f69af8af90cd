"""What a comparison of tables and topics has found: counts, the first of the differences, and names."""

from collections.abc import Iterable, Iterator

import msgspec

from perennial.kit.rebuilding.shadow import Difference, Logged, by_moment
from perennial.kit.subject import Subject

TOLD_MOST = 200
"""Differences that are kept; all are counted."""


class Checked(msgspec.Struct, kw_only=True):
    """What was compared, and the first of the differences."""

    service: str
    compared: dict[str, int] = {}
    differing: int = 0
    differences: list[Difference] = []
    switched: bool = False
    """What was made anew stands in the place of the living tables."""

    def count(self, table: str, n: int = 1) -> None:
        self.compared[table] = self.compared.get(table, 0) + n

    def add(self, found: Iterable[Difference]) -> None:
        for one in found:
            self.differing += 1
            if len(self.differences) < TOLD_MOST:
                self.differences.append(one)


def names_of(subject: Subject, key: str, told: Iterable[Logged]) -> set[str]:
    """Names that lead to this key, as its events have left it."""
    given: dict[str, str] = {}
    for fact in sorted((one.fact for one in told), key=by_moment):
        if fact.data is not None:
            given |= {**subject.aliases(fact.data), **subject.renames(fact.data)}
    return {name for name, leads_to in given.items() if leads_to == key}


def compared_names(
    subject: Subject, key: str, live: frozenset[str], told: Iterable[Logged]
) -> Iterator[Difference]:
    """Names that lead to this key in the tables, against those that its events have left it with."""
    ours = names_of(subject, key, told)
    for name in sorted(live ^ ours):
        missing = "the table" if name in ours else "the topics"
        yield Difference(
            table="alias", key=f"{subject.name} {key}", what=f"{name}: not in {missing}"
        )
