"""A service's recorded life, read from its schema and the log: what a run in memory starts from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from perennial.contracts.base import EPOCH, Event, Fact
from perennial.contracts.platform import Ticked
from perennial.kit.aside import snapshot
from perennial.kit.batch import Item, Partition, Record
from perennial.kit.ingest import receive
from perennial.kit.journal import Taken
from perennial.kit.kafka import Broker
from perennial.kit.reading import Reader
from perennial.kit.rerun import Step, steps_of
from perennial.kit.subject import Service

_JOURNAL = """
    SELECT seq, at, lane, knew, page FROM journal WHERE seq > $1 ORDER BY seq
"""
_RESTORED = "SELECT EXISTS (SELECT FROM sent WHERE lane = 'restored')"
_EVENTS = """
    SELECT topic, key, ver, id, type, time, now, context, data FROM event
    WHERE topic = ANY($1::text[]) AND ($2::timestamptz IS NULL OR now >= $2)
"""

Told = tuple[str, str, datetime, datetime, str, str]
"""An own event as it stands in the history: id, type, time, now, context, data."""
Version = tuple[str, str, int]
"""(topic, key, version)"""


class LostJournalError(Exception):
    """The tables came back from the topics, and in no topic stands what was folded with what."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"{service} lost its database once: the order in which it took its facts is gone,"
            " and nothing can be tried on them"
        )


class Log:
    """Records of other services' topics by their place, as bytes; each look is a fresh item."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._heard = frozenset((*service.decoders, Ticked.TYPE))
        self._records: dict[tuple[str, int, int], Record] = {}

    def add(self, records: Iterable[Record]) -> None:
        for one in records:
            self._records[one.topic, one.part, one.offset] = one

    def join(self, newer: "Log") -> None:
        """With what was read later."""
        self._records.update(newer._records)

    def item(self, topic: str, part: int, offset: int, whole: bool = False) -> Item:
        """See `rerun.LogItem`; of what no rule hears, the data are read only if it is to be `whole`."""
        found = self.record(topic, part, offset)
        record = Record(topic, part, offset, found.key, found.value, found.headers)
        return receive(self._service, record, EPOCH, None if whole else self._heard)

    def record(self, topic: str, part: int, offset: int) -> Record:
        """As it stands in the log."""
        found = self._records.get((topic, part, offset))
        if found is None:
            raise LookupError(f"the log has lost {topic}/{part} at {offset}")
        return found

    def facts(self, kind: type[Event]) -> Iterator[Fact]:
        """Those of one kind, in the order of their places."""
        wanted = kind.TYPE.encode()
        for place, record in sorted(self._records.items()):
            if ("ce_type", wanted) in record.headers:
                yield self.item(*place, whole=True).fact

    def __len__(self) -> int:
        return len(self._records)


@dataclass(frozen=True)
class Recorded:
    """All that a service folded, batch by batch, and all that it published."""

    service: Service
    steps: list[Step]
    log: Log
    told: dict[Version, Told]

    def more(self, newer: "Recorded") -> None:
        """What has come since."""
        self.steps.extend(newer.steps)
        self.told.update(newer.told)
        self.log.join(newer.log)


async def recorded(
    service: Service, url: str, broker: Broker, after: int = 0, since: datetime | None = None
) -> Recorded:
    """The whole recorded life; or the batches behind a row of the journal, and events since a moment."""
    async with snapshot(url) as base:
        if await base.fetchval(_RESTORED):
            raise LostJournalError(service.name)
        steps = steps_of(await base.fetch(_JOURNAL, after))
        topics = [topic.name for subject in service.subjects.values() for topic in subject.emits]
        events = await base.fetch(_EVENTS, topics, since) if steps else []
    log = Log(service)
    starts, ends = _extent(steps)
    if starts:
        async with Reader(broker) as reader:
            async for polled in reader.between(starts, ends):
                log.add(one.record for one in polled)
    told = {(row[0], row[1], row[2]): tuple(row[3:]) for row in events}
    return Recorded(service, steps, log, told)


def _extent(steps: Iterable[Step]) -> tuple[dict[Partition, int], dict[Partition, int]]:
    """From where to where each partition's records are needed."""
    starts: dict[Partition, int] = {}
    ends: dict[Partition, int] = {}
    for step in steps:
        for entry in step.page.entries:
            if isinstance(entry, Taken):
                place, end = (entry.topic, entry.part), entry.offset + entry.count
                starts[place] = min(entry.offset, starts.get(place, entry.offset))
                ends[place] = max(end, ends.get(place, 0))
    return starts, ends
