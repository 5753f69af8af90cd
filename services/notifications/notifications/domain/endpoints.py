"""Where apps want to hear of alerts: webhook endpoints, as they were registered and changed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from perennial.contracts.alerts import AlertKind, EndpointChanged, EndpointRegistered
from perennial.contracts.base import Decision, Event, Fact, Id, Refusal, State


class Endpoint(State, frozen=True, kw_only=True):
    """One endpoint; `id` is empty until it is registered. Empty filters let everything through."""

    id: str = ""
    url: str = ""
    kinds: list[AlertKind] = []
    persons: list[str] = []
    enabled: bool = False
    by: str = ""
    reason: str = ""
    since: datetime | None = None


class RegisterEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: post alerts of these kinds, for these people, to this address."""

    TYPE: ClassVar[str] = "request.endpoint.register"
    endpoint_id: Id
    url: str
    kinds: list[AlertKind] = []
    persons: list[str] = []


class ChangeEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A wish: change what is given, leave the rest as it is."""

    TYPE: ClassVar[str] = "request.endpoint.change"
    endpoint_id: Id
    url: str | None = None
    kinds: list[AlertKind] | None = None
    persons: list[str] | None = None
    enabled: bool | None = None
    reason: str = ""


Endpoints = Mapping[str, Endpoint]
"""By key, as `endpoint:ep-1`."""


def endpoint_key(endpoint_id: str) -> str:
    return f"endpoint:{endpoint_id}"


def react(state: Endpoint, fact: Fact, _world: Any, _now: datetime) -> Decision:
    match fact.data:
        case RegisterEndpoint() as wish:
            return _register(state, wish, fact.principal)
        case ChangeEndpoint() as wish:
            return _change(state, wish, fact.principal)
    return []


def evolve(state: Endpoint, event: Event, now: datetime) -> Endpoint:
    match event:
        case EndpointRegistered():  # EndpointChanged too: it is the whole entry
            return msgspec.structs.replace(
                state,
                id=event.endpoint_id,
                url=event.url,
                kinds=event.kinds,
                persons=event.persons,
                enabled=event.enabled,
                by=event.by,
                reason=event.reason,
                since=now,
            )
    return state


def matching(endpoints: Endpoints, kind: AlertKind, persons: Iterable[str]) -> list[str]:
    """The enabled endpoints that want an alert of this kind for any of these people, by id."""
    told = set(persons)
    return sorted(
        one.id
        for one in endpoints.values()
        if one.enabled
        and (not one.kinds or kind in one.kinds)
        and (not one.persons or told.intersection(one.persons))
    )


def _register(state: Endpoint, wish: RegisterEndpoint, by: str) -> Decision:
    if state.id:
        return Refusal(
            code="endpoint-exists",
            detail=f"Endpoint {state.id} is registered already; change it with PATCH.",
        )
    return [
        EndpointRegistered(
            endpoint_id=wish.endpoint_id,
            url=wish.url,
            kinds=wish.kinds,
            persons=wish.persons,
            by=by,
        )
    ]


def _change(state: Endpoint, wish: ChangeEndpoint, by: str) -> Decision:
    if not state.id:
        return Refusal(
            code="endpoint-unknown",
            detail=f"There is no endpoint {wish.endpoint_id}; register it first.",
            kind="missing",
        )
    after = EndpointChanged(
        endpoint_id=state.id,
        url=state.url if wish.url is None else wish.url,
        kinds=state.kinds if wish.kinds is None else wish.kinds,
        persons=state.persons if wish.persons is None else wish.persons,
        enabled=state.enabled if wish.enabled is None else wish.enabled,
        by=by,
        reason=wish.reason,
    )
    return [] if _says_nothing_new(state, after) else [after]


def _says_nothing_new(state: Endpoint, after: EndpointChanged) -> bool:
    before = (state.url, state.kinds, state.persons, state.enabled)
    return before == (after.url, after.kinds, after.persons, after.enabled)
