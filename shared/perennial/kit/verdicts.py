"""What becomes of an item: answered, set aside, given up, or done with."""

from collections.abc import Mapping

import msgspec

from perennial.contracts.base import Event, Refusal, Wait
from perennial.kit.ask import Answer
from perennial.kit.batch import Entity, Item, Outcome, Parked, StoredAnswer, Writes

REFUSED = {"conflict": 409, "invalid": 422, "missing": 404, "forbidden": 403}
_encoder = msgspec.json.Encoder()


class Verdicts:
    """Notes what a batch will write and tell; the fold decides which verdict it is."""

    def __init__(self, lane: str, stored: Mapping[str, StoredAnswer]) -> None:
        self.writes = Writes(lane=lane)
        self.outcome = Outcome(self.writes)
        self.stored = dict(stored)

    def _count(self, item: Item, n: int) -> None:
        topic = item.fact.topic
        self.writes.taken[topic] = self.writes.taken.get(topic, 0) + n

    def _answered(self, item: Item) -> bool:
        stored = self.stored.get(item.answer_id)
        if stored is None:
            return False
        ask = item.ask
        if ask is None:
            self.outcome.duplicates += 1
            self._done_with(item)
        elif stored.fingerprint != ask.fingerprint:
            refusal = Refusal(
                code="idempotency-key-reused",
                detail="This Idempotency-Key was used with another request; use a new key.",
                pointer="",
                kind="invalid",
            )
            self.outcome.answers[id(ask)] = Answer(422, _encoder.encode(refusal), refusal=refusal)
        else:
            self.outcome.answers[id(ask)] = replayed(stored)
        return True

    def _answer(self, item: Item, entity: Entity, events: list[Event]) -> None:
        ask = item.ask
        if ask is None:
            status, body = 200 if events else 208, ""
        else:
            status, made = ask.respond(entity.state, events)
            body = _encoder.encode(made).decode()
            self.outcome.answers[id(ask)] = Answer(status, body.encode())
        self._remember(item, status, body)
        self._done_with(item)

    def _done_with(self, item: Item) -> None:
        if item.parked_id:
            state = "discarded" if item.dropping else "released"
            self.writes.released.append((item.parked_id, state))

    def _refused(self, item: Item, entity: Entity | None, refusal: Refusal) -> None:
        ask, body, status = item.ask, _encoder.encode(refusal), REFUSED[refusal.kind]
        if ask is None:
            self._park(Parked(item, "parked", refusal.code, body.decode()), entity)
        else:
            self.outcome.answers[id(ask)] = Answer(status, body, refusal=refusal)
        self._remember(item, status, body.decode())

    def _wait(self, item: Item, entity: Entity | None, wait: Wait) -> None:
        if item.ready_for == wait.until_known:
            self._cannot(item, entity, "still waits", f"{wait.until_known} is known by now")
            return
        reason = f"waits until {wait.until_known} is known"
        waits_for, expires = wait.until_known, wait.expires
        self._park(Parked(item, "waiting", reason, "", waits_for, expires), entity)
        body = _encoder.encode({"status": "waiting", "until_known": waits_for}).decode()
        if item.ask is not None:
            self.outcome.answers[id(item.ask)] = Answer(202, body.encode())
        self._remember(item, 202, body)

    def _cannot(
        self, item: Item, entity: Entity | None, reason: str, error: str, *, holds: bool = False
    ) -> None:
        """A fact that can't be applied is parked; a request is told so."""
        if item.ask is not None:
            refusal = Refusal(code="internal-error", detail="The request could not be judged.")
            self.outcome.answers[id(item.ask)] = Answer(500, error.encode(), refusal=refusal)
            return
        if holds and entity is not None:
            entity.held = entity.touched = True
            entity.aside[item.fact.topic] = item.fact.ver
        parked = Parked(item, "parked", reason, error, holds=holds and entity is not None)
        self._park(parked, entity)
        if not item.parked_id:
            self._remember(item, 500, error)

    def _barred(self, item: Item, entity: Entity, reason: str, waits_for: str) -> None:
        """Its key stands still, until the part that the fact names is let go of."""
        entity.held = entity.touched = True
        entity.aside[item.fact.topic] = item.fact.ver
        self._park(Parked(item, "barred", reason, waits_for=waits_for, holds=True), entity)

    def _remember(self, item: Item, status: int, body: str) -> None:
        if item.answer_id:
            fingerprint = item.ask.fingerprint if item.ask else b""
            stored = StoredAnswer(item.answer_id, fingerprint, status, body)
            self.stored[item.answer_id] = stored
            self.writes.answers.append(stored)

    def _park(self, parked: Parked, entity: Entity | None) -> None:
        if entity is not None:
            parked.subject, parked.key = entity.subject.name, entity.key
        self.writes.parked.append(parked)


def replayed(stored: StoredAnswer) -> Answer:
    """The answer given before, word for word."""
    refusal = msgspec.json.decode(stored.body, type=Refusal) if stored.status >= 400 else None
    return Answer(stored.status, stored.body.encode(), replayed=True, refusal=refusal)
