"""What a service has taken of others' topics: its mirrors, and the facts that it keeps for timelines."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import msgspec

from perennial.contracts.base import Fact
from perennial.contracts.strict import Malformed
from perennial.kit.batch import Partition
from perennial.kit.reading import Reader, Stored
from perennial.kit.rebuilding.rows import save_archive, save_states
from perennial.kit.rebuilding.shadow import families, logged, mirrored
from perennial.kit.rebuilding.tails import Tail
from perennial.kit.subject import Service, Subject
from perennial.kit.worlds import Worlds
from perennial.kit.writing import encode_state

_SEEN = "SELECT key, seen::text FROM entity WHERE subject = $1 AND key = ANY($2::text[])"
_STANDS = "SELECT topic, part, next_offset FROM position"
_ASIDE = """
    SELECT topic, key, ver FROM parked WHERE ver > 0
    AND state IN ('parked', 'behind', 'waiting', 'barred', 'redrive', 'discarded')
"""


class Others:
    """Looks as often as it is asked to, each time at what the living service has taken by then."""

    def __init__(self, service: Service, reader: Reader, remade: Any, lost: bool = False) -> None:
        """`lost`: nobody knows what was taken, so mirrors take everything."""
        self._service, self._remade, self._lost = service, remade, lost
        self._mirrors = [
            (family.subjects[0], Tail(reader, [topic.name for topic in family.topics]))
            for family in families(service)
            if family.mirrors
        ]
        self._mirrored: dict[str, list[Fact]] = {}
        self._archived = Tail(reader, _archived(service))
        self._unarchived: list[Fact] = []

    async def mirrors(self, base: Any, worlds: Worlds) -> None:
        """Subjects without a topic of their own, as `base` has them."""
        taken = await _Taken.by(base)
        for subject, tail in self._mirrors:
            await self._mirror(subject, tail, worlds, taken)

    async def archive(self, base: Any) -> None:
        """Facts that were kept for timelines when `base` took them."""
        taken = await _Taken.by(base)
        pending, self._unarchived = self._unarchived, []
        await self._keep(pending, taken)
        async for records in self._archived.up_to(await self._ends(self._archived, taken)):
            kinds = self._service.archives
            await self._keep([one for one in _facts(records) if type(one.data) in kinds], taken)

    async def _ends(self, tail: Tail, taken: "_Taken") -> dict[Partition, int]:
        return await tail.ends() if self._lost else taken.of(tail.topics)

    async def _mirror(self, subject: Subject, tail: Tail, worlds: Worlds, taken: "_Taken") -> None:
        """All its facts are held: a mirror is small, or it would not be kept whole in memory."""
        facts = self._mirrored.setdefault(subject.name, [])
        async for records in tail.up_to(await self._ends(tail, taken)):
            facts += _facts(records)
        its: dict[str, list[Fact]] = {}
        for one in facts if self._lost else await taken.some(subject.name, facts):
            its.setdefault(one.key, []).append(one)
        rows = []
        for key, some in its.items():
            state = mirrored(self._service, worlds, subject, some).state
            rows.append((subject.name, key, _last_of_each(some), encode_state(state)))
        await save_states(self._remade, rows)

    async def _keep(self, facts: Sequence[Fact], taken: "_Taken") -> None:
        for topic in sorted({one.topic for one in facts}):
            its = [one for one in facts if one.topic == topic]
            known = await taken.some(self._service.by_topic[topic].name, its)
            await save_archive(self._remade, known)
            kept = {one.id for one in known}
            self._unarchived += [one for one in its if one.id not in kept]


class _Taken:
    """How far a service has come with others' facts, at one moment."""

    def __init__(self, base: Any, stands: Mapping[Partition, int], aside: set[Any]) -> None:
        self._base, self._stands, self._aside = base, stands, aside

    @classmethod
    async def by(cls, base: Any) -> Self:
        stands = {(topic, part): n for topic, part, n in await base.fetch(_STANDS)}
        return cls(base, stands, {tuple(row) for row in await base.fetch(_ASIDE)})

    def of(self, topics: Sequence[str]) -> dict[Partition, int]:
        return {place: end for place, end in self._stands.items() if place[0] in topics}

    async def some(self, subject: str, facts: Sequence[Fact]) -> list[Fact]:
        """Those of these facts that its subjects have taken."""
        keys = sorted({one.key for one in facts})
        rows = await self._base.fetch(_SEEN, subject, keys)
        seen = {key: msgspec.json.decode(text) for key, text in rows}
        return [
            one
            for one in facts
            if one.ver <= seen.get(one.key, {}).get(one.topic, 0)
            and (one.topic, one.key, one.ver) not in self._aside
        ]


def _last_of_each(facts: Iterable[Fact]) -> str:
    seen: dict[str, int] = {}
    for one in facts:
        seen[one.topic] = max(one.ver, seen.get(one.topic, 0))
    return msgspec.json.encode(seen).decode()


def _facts(records: Iterable[Stored]) -> list[Fact]:
    """Those that can be read; the others were parked."""
    found: list[Fact] = []
    for stored in records:
        try:
            found.append(logged(stored).fact)
        except Malformed:
            continue
    return found


def _archived(service: Service) -> list[str]:
    return [
        topic.name
        for topic in service.reads
        if topic.name in service.by_topic and set(topic.events.values()) & set(service.archives)
    ]
