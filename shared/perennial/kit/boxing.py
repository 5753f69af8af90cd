"""Bug in a box: one recorded decision as a test of its own, with as little beside it as it needs.

`python -m perennial.kit.boxing ID < wish.json` writes the test. Running it calls the service's pure
rule on the state that the kept events make, under the policy that stands in the file.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pprint import pformat
from typing import Any

import msgspec

from perennial.contracts.base import Fact
from perennial.kit.batch import Entity
from perennial.kit.box import Case, builtins, decision, plain_fact, service_of
from perennial.kit.ids import event_id
from perennial.kit.kafka import Broker
from perennial.kit.policies import default_document
from perennial.kit.population import LongFold
from perennial.kit.recorded import Recorded, recorded
from perennial.kit.rerun import Rerun
from perennial.kit.subject import Service
from perennial.kit.trial_house import live_policies
from perennial.kit.whatif_words import Wish

DROPPED_MOST = 400
"""So many pieces are tried without; a decision that rests on more is exported larger than need be."""
_TEST = '''"""{kind} of {key}, decided by {policy} at {now}; exported from {service}.

Change a number in POLICY and run it: what it then says would have been decided instead.
"""

from perennial.kit.box import decided

POLICY = {document}

CASE = {case}

DECIDED = {expected}


def test_it_is_decided_as_it_was() -> None:
    assert decided(CASE, POLICY) == DECIDED
'''


class NotFoundError(LookupError):
    """No service that was asked has made such an event, or it came from no rule."""


def boxed(life: Recorded, wanted: str) -> tuple[Case, dict[str, Any], Any]:
    """A recorded decision: its case, made small, the policy's document, and what was decided."""
    place = next((place for place, told in life.told.items() if told[0] == wanted), None)
    if place is None:
        raise NotFoundError(wanted)
    seen = _watched(life, wanted, place[1])
    document = _document(life, seen.policy)
    case = seen.case(life)
    told = decision(life.service, case, document)
    return _small(life.service, case, document, told), document, told


def as_test(life: Recorded, wanted: str) -> str:
    """The text of a pytest module."""
    case, document, told = boxed(life, wanted)
    kind = next(told_[1] for told_ in life.told.values() if told_[0] == wanted)
    return _TEST.format(
        kind=kind,
        key=case.key,
        policy=f"the policy of {case.service}",
        now=case.now.isoformat(),
        service=case.service,
        document=_shown(document),
        case=_shown(builtins(case)),
        expected=_shown(told),
    )


class _Watched(msgspec.Struct):
    """A rule's arguments, caught on their way."""

    entity: Entity
    made: dict[str, int]
    state: Any
    fact: Fact
    now: datetime
    policy: str
    reference: Mapping[str, Mapping[str, Any]]

    def case(self, life: Recorded) -> Case:
        service, subject = life.service, self.entity.subject
        rows = sorted(
            (told[3], place[0], place[2], told)
            for place, told in life.told.items()
            if place[1] == self.entity.key and place[2] <= self.made.get(place[0], 0)
        )
        policy = service.policy_subject.name
        return Case(
            service=service.name,
            subject=subject.name,
            key=self.entity.key,
            now=self.now,
            fact=plain_fact(self.fact),
            history=[
                {"type": t[1], "now": t[3].isoformat(), "data": _without_receipt(t[5])}
                for _, _, _, t in rows
            ],
            reference={
                name: {key: builtins(one) for key, one in entries.items()}
                for name, entries in self.reference.items()
                if name != policy
            },
            beside=builtins(getattr(self.state, "beside", {})),
            others=builtins(getattr(self.state, "others", {})),
        )


class _Watching(LongFold):
    """Catches what one rule is given when it makes one event."""

    wanted = ""
    key = ""
    found: _Watched | None = None

    def _decided(self, entity: Entity, fact: Fact, now: datetime) -> Any:
        decision = super()._decided(entity, fact, now)
        if (
            entity.key == self.key
            and isinstance(decision, list)
            and self._is_it(entity, fact, decision)
        ):
            state = self.ledgers.beside(entity, fact)
            if others := self._others(entity, fact):
                states = {key: one.state for key, one in others.items()}
                state = msgspec.structs.replace(state, others=states)
            worlds = self.worlds
            self.found = _Watched(
                entity, dict(entity.made), state, fact, now, worlds.policy_version(now),
                worlds.reference,
            )  # fmt: skip
        return decision

    def _is_it(self, entity: Entity, fact: Fact, decision: Sequence[Any]) -> bool:
        cause = fact.id if fact.ver else f"{fact.principal}\0{fact.source}\0{fact.id}"
        name, subject = self.service.name, entity.subject.name
        ids = (event_id(name, subject, entity.key, cause, n) for n in range(len(decision)))
        return self.wanted in ids


def _watched(life: Recorded, wanted: str, key: str) -> _Watched:
    watching: list[_Watching] = []

    def fold(service: Service, worlds: Any) -> LongFold:
        made = _Watching(service, worlds)
        made.wanted, made.key = wanted, key
        watching.append(made)
        return made

    again = Rerun(life.service, life.log.item, fold=fold)
    again.postpone(life.steps)
    for step in life.steps:
        again.take(step)
        if watching[0].found is not None:
            return watching[0].found
    raise NotFoundError(wanted)


def _without_receipt(text: str) -> Any:
    found = msgspec.json.decode(text)
    found.pop("receipt", None)
    return found


def _document(life: Recorded, version: str) -> dict[str, Any]:
    number = int(version.rpartition("@")[2])
    if not number:
        plain: dict[str, Any] = builtins(default_document(life.service.package))
        return plain
    known = live_policies(life).versions
    found: dict[str, Any] = msgspec.json.decode(
        next(one.document for one in known if one.version == number)
    )
    return found


def _small(service: Service, case: Case, policy: Mapping[str, Any], told: Any) -> Case:
    """Without whatever can be left out: the decision stays the same."""

    def holds(tried: Case) -> bool:
        try:
            return bool(decision(service, tried, policy) == told)
        except Exception:  # what a rule can't do without is kept
            return False

    case = _fewer(case, holds)
    for name in list(case.reference):
        for key in list(case.reference[name])[:DROPPED_MOST]:
            entries = {k: one for k, one in case.reference[name].items() if k != key}
            smaller = msgspec.structs.replace(case, reference={**case.reference, name: entries})
            case = smaller if holds(smaller) else case
    return case


def _fewer(case: Case, holds: Callable[[Case], bool]) -> Case:
    for n in reversed(range(len(case.history))[:DROPPED_MOST]):
        history = [*case.history[:n], *case.history[n + 1 :]]
        smaller = msgspec.structs.replace(case, history=history)
        case = smaller if holds(smaller) else case
    return case


def _shown(value: Any) -> str:
    return pformat(value, width=98, sort_dicts=False)


async def _main(wanted: str) -> int:
    wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Wish)
    broker = Broker(wish.kafka_bootstrap, wish.kafka_user, wish.kafka_password)
    for house in wish.houses:
        life = await recorded(service_of(house.name), house.database_url, broker)
        if any(told[0] == wanted for told in life.told.values()):
            sys.stdout.write(as_test(life, wanted))
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(sys.argv[1])))
