"""Personal data that can be forgotten: one key per party, and forgetting is deleting the key.

What stands in topics, states and backups is sealed text; without its key it opens as `ERASED`,
a value like any other, so that a replay over erased parties goes on.
"""

import base64
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
FORMAT = "p1"
ERASED: Final[Literal["erased"]] = "erased"


@dataclass(frozen=True)
class KeyTable:
    """What the owning service does with its table `(party, key_id, wrapped)`, primary key party."""

    find: Callable[[str], Awaitable[tuple[str, bytes] | None]]
    """Key id and wrapped key of a party, if it has one."""
    add: Callable[[str, str, bytes], Awaitable[tuple[str, bytes]]]
    """Keep this key unless the party has one by now; whichever stands is returned."""
    remove: Callable[[str], Awaitable[None]]


class PersonalKeys:
    """Seals and opens the personal data of parties; only the service that owns the table can."""

    def __init__(
        self,
        master: bytes,
        table: KeyTable,
        *,
        remembered: int = 10_000,
        seconds: float = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._master = AESGCM(master)
        self.pepper = hashlib.sha256(b"claims" + master).digest()
        self._table, self._clock = table, clock
        self._limit, self._seconds = remembered, seconds
        self._known: OrderedDict[str, tuple[str, AESGCM, float]] = OrderedDict()

    async def seal(self, party: str, plain: bytes) -> str:
        """`plain` for this party only; a party without a key, or erased before, gets a new one."""
        key_id, cipher = await self._key(party) or await self._new_key(party)
        nonce = os.urandom(NONCE)
        sealed = nonce + cipher.encrypt(nonce, plain, party.encode())
        return f"{FORMAT}.{key_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    async def open(self, party: str, sealed: str) -> bytes | Literal["erased"]:
        """What was sealed; `ERASED` once its key is gone. Tampering raises `InvalidTag`."""
        form, key_id, text = sealed.split(".")
        if form != FORMAT:
            raise ValueError(f"sealed in the unknown form {form}")
        known = await self._key(party)
        if known is None or known[0] != key_id:
            return ERASED
        raw = base64.urlsafe_b64decode(text)
        return known[1].decrypt(raw[:NONCE], raw[NONCE:], party.encode())

    async def erase(self, party: str) -> None:
        """Forget the party's key. Other processes forget it within `seconds`."""
        await self._table.remove(party)
        self._known.pop(party, None)

    async def _key(self, party: str) -> tuple[str, AESGCM] | None:
        known = self._known.get(party)
        if known and known[2] > self._clock():
            return known[0], known[1]
        found = await self._table.find(party)
        if found is None:
            self._known.pop(party, None)
            return None
        return self._remember(party, *found)

    async def _new_key(self, party: str) -> tuple[str, AESGCM]:
        key_id, key, nonce = os.urandom(8).hex(), AESGCM.generate_key(256), os.urandom(NONCE)
        wrapped = nonce + self._master.encrypt(nonce, key, self._bound_to(party, key_id))
        return self._remember(party, *await self._table.add(party, key_id, wrapped))

    def _remember(self, party: str, key_id: str, wrapped: bytes) -> tuple[str, AESGCM]:
        key = self._master.decrypt(wrapped[:NONCE], wrapped[NONCE:], self._bound_to(party, key_id))
        cipher = AESGCM(key)
        self._known[party] = key_id, cipher, self._clock() + self._seconds
        self._known.move_to_end(party)
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
        return key_id, cipher

    @staticmethod
    def _bound_to(party: str, key_id: str) -> bytes:
        return f"{len(party)}:{party}{key_id}".encode()
