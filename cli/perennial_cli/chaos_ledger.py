"""What chaos said to the system and what was acknowledged: a file that the system never sees.

A fact is written down before it is sent, and again once it is acknowledged. At the end the file is
read back: it alone says what must be there.
"""

import time
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

Channel = Literal["rest", "partner"]
Kind = Literal["order", "payment", "return", "cancel"]


class Said(msgspec.Struct, frozen=True, kw_only=True, tag="said"):
    """One fact about an order, in the words of the system it comes from."""

    id: str
    """Idempotency key over REST, event id on the partner topic."""
    channel: Channel
    customer: str
    kind: Kind
    order: str
    own: str = ""
    """The payment's or return's own id."""
    amount: int = 0
    paid: bool = False
    """Of an order: settled when placed."""
    at: str = ""
    """Business time, RFC 3339."""

    @property
    def name(self) -> str:
        """What makes it one fact, however often and under whatever envelope it is said."""
        return f"{self.kind} {self.order} {self.own}".rstrip()


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True, tag="acknowledged"):
    id: str
    order_id: str = ""
    """What the answer called the order; Kafka answers nothing."""


_lines = msgspec.json.Decoder(Said | Acknowledged)


@dataclass(frozen=True)
class Account:
    """The ledger as read back."""

    said: list[Said]
    """In the order in which each customer's facts were said first."""
    acknowledged: dict[str, list[str]]
    """Fact's id → what its answers called the order."""

    def unanswered(self) -> list[Said]:
        return [fact for fact in self.said if fact.id not in self.acknowledged]

    def changed_answers(self) -> list[str]:
        """Facts whose answers, asked again, were not the same answer."""
        return [one for one, answers in self.acknowledged.items() if len(set(answers)) > 1]


class Ledger:
    """Use as `with Ledger(path) as ledger`. Every line is written before the call returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.longest_gap = 0.0
        """Seconds in which nothing at all was acknowledged."""
        self._last = time.monotonic()
        self._file: BufferedWriter | None = None

    def __enter__(self) -> Self:
        self._file = self.path.open("xb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def say(self, fact: Said) -> None:
        self._write(fact)

    def acknowledge(self, fact: Said, order_id: str = "") -> None:
        now = time.monotonic()
        self.longest_gap, self._last = max(self.longest_gap, now - self._last), now
        self._write(Acknowledged(id=fact.id, order_id=order_id))

    def _write(self, line: Said | Acknowledged) -> None:
        assert self._file is not None, "use the ledger as a context"
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()


def read_account(path: Path) -> Account:
    said: list[Said] = []
    acknowledged: dict[str, list[str]] = {}
    with path.open("rb") as lines:
        for line in map(_lines.decode, lines):
            if isinstance(line, Said):
                said.append(line)
            else:
                acknowledged.setdefault(line.id, []).append(line.order_id)
    return Account(said, acknowledged)
