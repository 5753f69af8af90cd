"""What rules may know beside their own state: policies in force and the reference subjects."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from perennial.kit.policies import Policies, PolicyState
from perennial.kit.subject import Service


class Worlds:
    """Hands out the world at a moment; one world per policy version, rebuilt when facts change it."""

    def __init__(
        self, service: Service, reference: Mapping[str, Mapping[str, Any]], known: int = 0
    ) -> None:
        self.service = service
        self.known = known
        """The last row of the journal whose changes of reference subjects are in here."""
        self.reference = {name: dict(entries) for name, entries in reference.items()}
        self._rebuild()

    def _rebuild(self) -> None:
        own = self.reference.get(self.service.policy_subject.name, {})
        self.policy: PolicyState = own.get(self.service.name) or PolicyState()
        self._policies = Policies(self.service, self.policy)
        self._built: dict[int, Any] = {}

    def at(self, now: datetime) -> Any:
        """The world under the policy in force at `now`."""
        index = self._policies.index_at(now)
        world = self._built.get(index)
        if world is None:
            world = self.service.world(self.reference, self._policies.documents[index])
            self._built[index] = world
        return world

    def policy_version(self, now: datetime) -> str:
        """The version that judges at `now`, as `scoring@3`."""
        return self._policies.names[self._policies.index_at(now)]

    def with_states(
        self, changed: Mapping[tuple[str, str], Any], known: int | None = None
    ) -> "Worlds":
        """The worlds after reference subjects changed: a new value, so that a rollback costs nothing."""
        reference = {name: dict(entries) for name, entries in self.reference.items()}
        for (subject, key), state in changed.items():
            reference.setdefault(subject, {})[key] = state
        return Worlds(self.service, reference, self.known if known is None else known)
