"""Row locks with queues, as Postgres keeps them; a circle of waiters is told to one of them."""

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import asyncpg


@dataclass(eq=False)
class Holder:
    """One transaction, as the locks know it."""

    held: set[Hashable] = field(default_factory=set)
    waits_for: Hashable = None


class Locks:
    """Who holds what, and who waits for it, first come first served."""

    def __init__(self) -> None:
        self._holders: dict[Hashable, Holder] = {}
        self._queues: dict[Hashable, deque[tuple[Holder, asyncio.Future[None]]]] = {}

    def free(self, holder: Holder, key: Hashable) -> bool:
        return self._holders.get(key, holder) is holder

    async def take(self, holder: Holder, key: Hashable) -> bool:
        """Hold it, when it is free; whether there was a wait."""
        if self.free(holder, key):
            self._grant(holder, key)
            return False
        self._refuse_circles(holder, key)
        turn = asyncio.get_running_loop().create_future()
        queue = self._queues.setdefault(key, deque())
        queue.append((holder, turn))
        holder.waits_for = key
        try:
            await turn
        except BaseException:
            if (holder, turn) in queue:
                queue.remove((holder, turn))
            raise
        finally:
            holder.waits_for = None
        return True

    def drop(self, holder: Holder, key: Hashable) -> None:
        """Let go, and hand on to who waited longest."""
        if key not in holder.held:
            return
        holder.held.discard(key)
        del self._holders[key]
        queue = self._queues.get(key)
        while queue:
            after, turn = queue.popleft()
            if not turn.done():
                after.waits_for = None
                self._grant(after, key)
                turn.set_result(None)
                return

    def drop_all(self, holder: Holder) -> None:
        for key in sorted(holder.held, key=str):
            self.drop(holder, key)

    def break_off(self, error: Exception) -> None:
        """The server goes down: nobody holds anything, and all who wait are told."""
        for queue in self._queues.values():
            for _, turn in queue:
                if not turn.done():
                    turn.set_exception(error)
        for holder in set(self._holders.values()):
            holder.held.clear()
        self._holders.clear()
        self._queues.clear()

    def _grant(self, holder: Holder, key: Hashable) -> None:
        self._holders[key] = holder
        holder.held.add(key)

    def _refuse_circles(self, holder: Holder, key: Hashable) -> None:
        wanted: Any = key
        while wanted is not None:
            owner = self._holders.get(wanted)
            if owner is holder:
                raise asyncpg.DeadlockDetectedError(f"waiting for {key} closes a circle")
            wanted = owner.waits_for if owner is not None else None
