"""One service in a trial: its run in memory, and what the others make for it on the way."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from perennial.contracts.base import Fact
from perennial.contracts.catalogue import topic_named
from perennial.contracts.platform import CLOCK
from perennial.kit.batch import Item, Record
from perennial.kit.jobs import LOOK_AGAIN_SECONDS
from perennial.kit.journal import Again, Entry, Page, Said, Taken
from perennial.kit.making import Context
from perennial.kit.policies import Adoption, PolicyState, Version
from perennial.kit.population import UntoldFold
from perennial.kit.recorded import Recorded
from perennial.kit.rehearsing import Rehearsals
from perennial.kit.rerun import Rerun, Step
from perennial.kit.subject import Made
from perennial.kit.worlds import Worlds

BEGINNING = datetime.min.replace(tzinfo=UTC)
QUIET = timedelta(seconds=2 * LOOK_AGAIN_SECONDS)
"""After so long without a batch a living job has looked whether there is anything to do."""
_context = msgspec.json.Decoder(Context)


@dataclass(frozen=True)
class Draft:
    """A policy to be tried, and when it would have judged: all the time, unless told otherwise."""

    service: str
    document: str
    """Whole, as JSON."""
    version: int
    starts: datetime | None = None
    ends: datetime | None = None

    def states(self, live: PolicyState) -> PolicyState:
        """The policy subject as it would have been."""
        versions = [one for one in live.versions if one.version != self.version]
        mine = Version(version=self.version, document=self.document)
        starts = self.starts or BEGINNING
        adoptions = [one for one in live.adoptions if one.effective_at < starts]
        adoptions.append(Adoption(version=self.version, effective_at=starts))
        if self.ends is not None:
            before = [one for one in live.adoptions if one.effective_at <= self.ends]
            back = before[-1].version if before else 0
            adoptions.append(Adoption(version=back, effective_at=self.ends))
            adoptions += [one for one in live.adoptions if one.effective_at > self.ends]
        return msgspec.structs.replace(live, versions=[*versions, mine], adoptions=adoptions)


def live_policies(life: Recorded) -> PolicyState:
    """All versions and adoptions there ever were."""
    subject, service = life.service.policy_subject, life.service
    state = PolicyState()
    kinds = {event.TYPE: event for topic in subject.emits for event in topic.events.values()}
    topics = {topic.name for topic in subject.emits}
    rows = sorted((place[2], told) for place, told in life.told.items() if place[0] in topics)
    for _, told in rows:
        event = msgspec.json.decode(told[5], type=kinds[told[1]])
        state = service.policy_subject.evolve(state, event, told[3])
    return state


class TrialHouse:
    """One service in a trial: its run, and the facts on their way to it."""

    def __init__(self, life: Recorded, draft: Draft | None) -> None:
        self.life = life
        self.inner: set[str] = set()
        self.moment = BEGINNING
        self.ticking = any(_ticks(step) for step in life.steps)
        rehearses = draft is not None and life.service.rehearsal is not None
        self.jobs = Rehearsals(life.service, rehearses)
        tried = draft is not None and draft.service == life.service.name
        drafting = life.service.policy_subject.requests if tried else ()
        self._not_asked = frozenset(str(getattr(kind, "TYPE", "")) for kind in drafting)
        self._differs = draft is not None
        self._latest = BEGINNING
        self._seq = 0
        self._expected: set[str] = set()
        self._pending: dict[tuple[str, str], deque[Fact]] = defaultdict(deque)
        self.again = Rerun(life.service, life.log.item, _worlds(life, draft), UntoldFold)
        self._live = Rerun(life.service, life.log.item, fold=UntoldFold) if rehearses else None
        self.postpone(life.steps)
        self._looks: dict[int, set[int]] = defaultdict(set)
        self._settled: set[int] = set()
        if draft is not None and self.ticking:
            self._find_looks(life.steps)

    def postpone(self, steps: Sequence[Step]) -> None:
        """See `rerun.Rerun`."""
        for run in filter(None, (self.again, self._live)):
            run.postpone(steps)

    def expect(self) -> None:
        """Note which facts of the others it took live: those wait for their moment."""
        for step in self.life.steps if self.inner else ():
            for entry in step.page.entries:
                if isinstance(entry, Taken) and entry.topic in self.inner:
                    self._expected.update(one.id for one in self._peeked(entry))

    def fires_before(self, step: Step) -> bool:
        """Whether all that was due live has fired, so that what is due still is due by the draft alone."""
        if not self._differs or not self.ticking:
            return self._differs and step.at - self._latest > QUIET
        return step.seq in self._settled

    def looks_after(self, step: Step) -> set[int]:
        """By a played clock: the jobs that looked for the last time here, and live found nothing."""
        return self._looks.get(step.seq, set())

    def fire(self, until: datetime) -> list[Made]:
        """Timers that are due under the draft alone."""
        return self.again.fire(until, self._seq)

    def live_too(self, step: Step) -> None:
        """Where people stand in for each other, it matters what they did live."""
        if self._live is not None:
            self._live.take(step)

    def _find_looks(self, steps: Iterable[Step]) -> None:
        """In every period: where it had settled, and where jobs looked last and asked for nothing."""
        last, idle, settled = 0, set(self.jobs.all), True
        for step in steps:
            outside = _ticks(step) or self._from_outside(step)
            if outside and not settled:
                self._settled.add(step.seq)
                settled = True
            if _ticks(step):
                self._looks[last] |= idle
                last, idle, settled = step.seq, set(self.jobs.all), False
            elif step.page.until is not None:
                last = step.seq
            idle -= {self.jobs.whose(entry) for entry in step.page.entries}
        self._looks[last] |= idle

    def _from_outside(self, step: Step) -> bool:
        said = (one for one in step.page.entries if isinstance(one, Said))
        return any(one.principal != self.life.service.name for one in said)

    def passed(self, step: Step) -> None:
        """Note how far time has come."""
        self._seq, self._latest = step.seq, step.at
        if not self.ticking:
            self.moment = step.at
            return
        for entry in step.page.entries:
            if _is_tick(entry):
                ticks = self.again.items_of([entry])
                self.moment = max(self.moment, *(one.fact.data.to for one in ticks))

    def step(self) -> Step:
        """A batch of its own, between recorded ones."""
        return Step(self._seq, self._latest, "whatif", self._seq, Page([]))

    def without_rehearsed(self, step: Step) -> tuple[Page, list[Said]]:
        """What is folded as it was; and what a job asked for that is done anew."""
        if not self.jobs.all and not self._not_asked:
            return step.page, []
        kept: list[Entry] = []
        again: list[Said] = []
        for entry in step.page.entries:
            if isinstance(entry, Said) and self.jobs.whose(entry) is not None:
                again.append(entry)
            elif not (isinstance(entry, Said) and entry.type in self._not_asked):
                kept.append(entry)
        return Page(kept, step.page.until), again

    def items_of(self, entries: Iterable[Entry]) -> list[Item]:
        """As recorded; of the others' topics, what they made in this run."""
        return [self._retold(item) for item in self._items(entries)]

    def _retold(self, item: Item) -> Item:
        rehearsal, live = self.life.service.rehearsal, self._live
        if rehearsal is None or live is None or item.fact.ver:
            return item
        said = rehearsal.retold(
            item.fact.data,
            lambda name: live.named(rehearsal.subject, name),
            lambda name: self.again.named(rehearsal.subject, name),
        )
        if said is not item.fact.data:
            item.fact = msgspec.structs.replace(item.fact, data=said)
        return item

    def _items(self, entries: Iterable[Entry]) -> list[Item]:
        if not self.inner:
            return self.again.items_of(entries)
        items: list[Item] = []
        for entry in entries:
            if isinstance(entry, Taken) and entry.topic in self.inner:
                for one in self._peeked(entry):
                    items += self._duewith_page(one)
            else:
                items += self.again.items_of([self._named(entry)])
        return items

    def _named(self, entry: Entry) -> Entry:
        """What was set aside live came from a place in the log; here it is known by its id."""
        if not isinstance(entry, Again):
            return entry
        topic, _, place = entry.origin.partition("/")
        if topic not in self.inner:
            return entry
        part, _, offset = place.partition("/")
        record = self.life.log.record(topic, int(part), int(offset))
        return msgspec.structs.replace(entry, origin=f"{topic}/{_id(record)}")

    def receive(self, made: Made) -> list[Item]:
        """A fact of another: what of its key can be taken at once."""
        waiting = self._pending[made.topic, made.key]
        waiting.append(_fact(made))
        return [] if self._holds(waiting) else self._released(waiting)

    def take_new(self, items: list[Item]) -> list[Made]:
        """Facts that live never took."""
        return self.again.take(self.step(), items)

    def _duewith_page(self, peeked: "_Peek") -> list[Item]:
        """The fact that was taken then, if it was made; what stands before and right behind it."""
        self._expected.discard(peeked.id)
        waiting = self._pending.get((peeked.topic, peeked.key))
        return self._released(waiting) if waiting else []

    def _released(self, waiting: deque[Fact]) -> list[Item]:
        items = []
        while waiting and not self._holds(waiting):
            fact = waiting.popleft()
            items.append(Item(fact, self.life.service.by_topic.get(fact.topic), fact.key))
        return items

    def _holds(self, waiting: deque[Fact]) -> bool:
        return waiting[0].id in self._expected

    def _peeked(self, entry: Taken) -> Iterator["_Peek"]:
        for n in range(entry.count):
            record = self.life.log.record(entry.topic, entry.part, entry.offset + n)
            yield _Peek(entry.topic, (record.key or b"").decode(), _id(record))


@dataclass(frozen=True, slots=True)
class _Peek:
    topic: str
    key: str
    id: str


def _id(record: Record) -> str:
    return next((value.decode() for name, value in record.headers if name == "ce_id"), "")


def _fact(made: Made) -> Fact:
    """An event as its readers have it from the log."""
    said = _context.decode(made.context)
    return Fact(
        data=made.event,
        id=made.id,
        key=made.key,
        now=made.now,
        time=made.time,
        topic=made.topic,
        type=made.type,
        ver=made.ver,
        source=topic_named(made.topic).writer,
        principal=topic_named(made.topic).writer,
        correlation=said.correlationid,
        causation=said.causationid,
        traceparent=said.traceparent,
        hops=said.hops,
    )


def _worlds(life: Recorded, draft: Draft | None) -> Worlds:
    service = life.service
    if draft is None or draft.service != service.name:
        return Worlds(service, {})
    tried = draft.states(live_policies(life))
    return Worlds(service, {service.policy_subject.name: {service.name: tried}})


def with_page(step: Step, page: Page) -> Step:
    return step if page is step.page else Step(step.seq, step.at, step.lane, step.knew, page)


def _ticks(step: Step) -> bool:
    return any(_is_tick(one) for one in step.page.entries)


def _is_tick(entry: Entry) -> bool:
    return isinstance(entry, Taken) and entry.topic == CLOCK.name


def size(step: Step) -> int:
    return sum(one.count if isinstance(one, Taken) else 1 for one in step.page.entries)
