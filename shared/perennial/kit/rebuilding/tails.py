"""Topics read again and again, each time up to ends that were captured first."""

from collections.abc import AsyncIterator, Iterable, Mapping

from perennial.kit.batch import Partition
from perennial.kit.reading import Reader, Stored

AT_ONCE = 50_000
"""Records held in memory, if no partition has more."""


class Tail:
    """What has come on some topics since the last look, some whole partitions at a time."""

    def __init__(self, reader: Reader, topics: Iterable[str]) -> None:
        self._reader = reader
        self.topics = sorted(topics)
        self._next: dict[Partition, int] = {}

    async def ends(self) -> dict[Partition, int]:
        return await self._reader.ends(await self._reader.partitions(self.topics))

    async def up_to(self, ends: Mapping[Partition, int]) -> AsyncIterator[list[Stored]]:
        """Records up to `ends`; those of one key come together."""
        fresh = [place for place in ends if place not in self._next]
        self._next.update(await self._reader.starts(fresh))
        for parts in self._groups(ends):
            here = {place: end for place, end in ends.items() if place[1] in parts}
            found: list[Stored] = []
            async for polled in self._reader.between({p: self._next[p] for p in here}, here):
                found += polled
            self._next.update(here)
            if found:
                yield found

    def _groups(self, ends: Mapping[Partition, int]) -> list[set[int]]:
        groups: list[set[int]] = [set()]
        held = 0
        for part in sorted({part for _, part in ends}):
            size = sum(end - self._next[p] for p, end in ends.items() if p[1] == part)
            if held + size > AT_ONCE and held:
                groups.append(set())
                held = 0
            groups[-1].add(part)
            held += size
        return groups
