"""Drives a subject's pure rules as the door does, for tests: one fact after another, in memory."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from perennial.contracts.base import Event, Fact, Refusal, Wait
from perennial.kit.batch import event_of
from perennial.kit.subject import Subject


class RefusedError(Exception):
    """A rule said no."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.detail}")
        self.refusal = refusal


def fold(
    subject: Subject, state: Any, facts: Iterable[Fact], world: Any
) -> tuple[Any, list[Event]]:
    """The state after the facts and the events they made; raises `RefusedError` for a `no`."""
    made: list[Event] = []
    for fact in facts:
        decision = subject.react(state, fact, world, fact.now)
        if isinstance(decision, Refusal):
            raise RefusedError(decision)
        if isinstance(decision, Wait):
            raise LookupError(decision.until_known)
        for wish in decision:
            event, _ = event_of(wish)
            state = subject.evolve(state, event, fact.now)
            made.append(event)
    return state, made


def fold_waiting(
    subject: Subject,
    state: Any,
    facts: Iterable[Fact],
    world: Any,
    makes_known: Callable[[Event], Iterable[str]],
) -> tuple[Any, list[Event]]:
    """The same, where a fact that must wait is folded again once its name is known."""
    made: list[Event] = []
    waiting: dict[str, list[Fact]] = defaultdict(list)
    pending = list(facts)
    while pending:
        fact = pending.pop(0)
        try:
            state, events = fold(subject, state, [fact], world)
        except LookupError as unknown:
            waiting[str(unknown.args[0])].append(fact)
            continue
        made += events
        names = [name for event in events for name in makes_known(event)]
        pending[:0] = [held for name in names for held in waiting.pop(name, [])]
    return state, made
