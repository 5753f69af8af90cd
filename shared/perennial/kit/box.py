"""A recorded decision in a box: what the service's pure rule says to it, called with plain data alone."""

from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

import msgspec

from perennial.contracts.base import Event, Fact, TimerFired
from perennial.kit.batch import event_of
from perennial.kit.subject import Service


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule is given, as plain data."""

    service: str
    subject: str
    key: str
    now: datetime
    fact: dict[str, Any]
    """Its envelope; `data` as the rules saw it, a timer's by its name."""
    history: list[dict[str, Any]] = []
    """The key's own events that the decision rests on."""
    reference: dict[str, dict[str, Any]] = {}
    """Registers, models and the like, as they stood."""
    beside: dict[str, Any] = {}
    """Ledger entries that the rule looked at."""
    others: dict[str, Any] = {}


def decided(case: Mapping[str, Any], policy: Mapping[str, Any]) -> Any:
    """What the service's rule decides on such a case: events as plain data, or the refusal."""
    known = msgspec.convert(case, Case)
    service = service_of(known.service)
    return decision(service, known, policy)


def decision(service: Service, case: Case, policy: Mapping[str, Any]) -> Any:
    subject = service.subjects[case.subject]
    state = _state(service, case)
    reference = {
        name: {
            key: msgspec.convert(one, service.subjects[name].state, str_keys=True)
            for key, one in entries.items()
        }
        for name, entries in case.reference.items()
    }
    world = service.world(reference, msgspec.convert(dict(policy), service.policy, str_keys=True))
    decision = subject.react(state, _fact(service, case), world, case.now)
    if not isinstance(decision, list):
        return builtins(decision)
    return [_told(service, event_of(one)[0]) for one in decision]


def _state(service: Service, case: Case) -> Any:
    subject, state = service.subjects[case.subject], service.subjects[case.subject].state()
    kinds = {kind.TYPE: kind for kind in service.topic_of}
    for one in case.history:
        event = msgspec.convert(one["data"], kinds[one["type"]], str_keys=True)
        state = subject.evolve(state, event, datetime.fromisoformat(one["now"]))
    more = {}
    if case.beside and subject.ledger is not None:
        kind = subject.ledger.state
        more["beside"] = {
            key: msgspec.convert(one, kind, str_keys=True) for key, one in case.beside.items()
        }
    if case.others:
        more["others"] = {
            key: msgspec.convert(one, subject.state, str_keys=True)
            for key, one in case.others.items()
        }
    return msgspec.structs.replace(state, **more) if more else state


def _fact(service: Service, case: Case) -> Fact:
    envelope = dict(case.fact)
    data, kind = envelope.pop("data"), envelope["type"]
    if kind == "timer":
        made: Any = TimerFired(data)
    else:
        made = msgspec.convert(data, service.decoders[kind].type, str_keys=True)
    fact = msgspec.convert({**envelope, "data": None}, Fact)
    return msgspec.structs.replace(fact, data=made)


def plain_fact(fact: Fact) -> dict[str, Any]:
    data = fact.data.name if isinstance(fact.data, TimerFired) else _plain(fact.data)
    kept = {name: getattr(fact, name) for name in fact.__struct_fields__ if name != "data"}
    plain: dict[str, Any] = builtins(kept)
    return {**{name: one for name, one in plain.items() if one}, "data": data}


def _plain(data: Any) -> Any:
    found = builtins(data)
    if isinstance(found, dict):
        found.pop("receipt", None)
    return found


def _told(service: Service, event: Event) -> dict[str, Any]:
    told: dict[str, Any] = _plain(event)
    if type(event) in service.numbered:
        told.pop("number", None)  # drawn at the door, not by the rule
    return {"type": event.TYPE, **told}


def _without_receipt(text: str) -> Any:
    found = msgspec.json.decode(text)
    found.pop("receipt", None)
    return found


def service_of(name: str) -> Service:
    found: Service = import_module(f"{name.replace('-', '_')}.main").SERVICE
    return found


def builtins(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True)
