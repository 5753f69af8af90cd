"""What chaos said to the system and what was acknowledged: a file that the system never sees.

A fact is written down before it is sent, and again once it is acknowledged. At the end the file is
read back: it alone says what must be there.
"""

import time
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

Channel = Literal["rest", "partner"]
Kind = Literal["order", "payment", "return", "cancel", "lead", "activity", "close"]
ABOUT_LEADS = frozenset[Kind](("lead", "activity", "close"))
Verb = Literal["assign", "claim", "pool", "release", "return"]


class Said(msgspec.Struct, frozen=True, kw_only=True, tag="said"):
    """One fact about an order or a lead, in the words of the system it comes from."""

    id: str
    """Idempotency key over REST, event id on the partner topic."""
    channel: Channel
    customer: str
    kind: Kind
    order: str = ""
    lead: str = ""
    own: str = ""
    """The payment's, return's or activity's own id."""
    what: str = ""
    """Of an activity its kind, of a close its outcome; of a lead `opportunity`, if it is one already."""
    amount: int = 0
    paid: bool = False
    """Of an order: settled when placed."""
    at: str = ""
    """Business time, RFC 3339."""

    @property
    def name(self) -> str:
        """What makes it one fact, however often and under whatever envelope it is said."""
        return f"{self.kind} {self.order or self.lead} {self.own}".rstrip()


class Wished(msgspec.Struct, frozen=True, kw_only=True, tag="wished"):
    """What somebody wanted done with a lead. It may be refused; done, it is done once."""

    id: str
    verb: Verb
    lead: str
    person: str = ""


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag="answered"):
    id: str
    done: bool
    """Something came of it; a refusal, or a wish for what was so already, changes nothing."""
    text: str = ""
    """The answer: asked again it must be the same."""


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True, tag="acknowledged"):
    id: str
    order_id: str = ""
    """What the answer called the order or lead; Kafka answers nothing."""


Line = Said | Wished | Answered | Acknowledged
_lines = msgspec.json.Decoder(Line)


@dataclass(frozen=True)
class Account:
    """The ledger as read back."""

    said: list[Said]
    """In the order in which each customer's facts were said first."""
    acknowledged: dict[str, list[str]]
    """Fact's id → what its answers called the order or lead."""
    wished: list[Wished] = field(default_factory=list)
    answered: dict[str, list[Answered]] = field(default_factory=dict)
    """Wish's id → its answers."""

    def unanswered(self) -> list[str]:
        facts = [fact.id for fact in self.said if fact.id not in self.acknowledged]
        return facts + [wish.id for wish in self.wished if wish.id not in self.answered]

    def changed_answers(self) -> list[str]:
        """Facts and wishes whose answers, asked again, were not the same answer."""
        facts = [one for one, answers in self.acknowledged.items() if len(set(answers)) > 1]
        wishes = self.answered.items()
        return facts + [one for one, told in wishes if len({each.text for each in told}) > 1]


class Ledger:
    """Use as `with Ledger(path) as ledger`. Every line is written before the call returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.longest_gap = 0.0
        """Seconds in which nothing at all was acknowledged."""
        self.leads: list[str] = []
        """Our ids of the leads acknowledged over REST."""
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

    def say(self, fact: Said | Wished) -> None:
        self._write(fact)

    def acknowledge(self, fact: Said, order_id: str = "") -> None:
        self._note_time()
        if fact.kind == "lead" and order_id:
            self.leads.append(order_id)
        self._write(Acknowledged(id=fact.id, order_id=order_id))

    def answer(self, wish: Wished, done: bool, text: str) -> None:
        self._note_time()
        self._write(Answered(id=wish.id, done=done, text=text))

    def _note_time(self) -> None:
        now = time.monotonic()
        self.longest_gap, self._last = max(self.longest_gap, now - self._last), now

    def _write(self, line: Line) -> None:
        assert self._file is not None, "use the ledger as a context"
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()


def read_account(path: Path) -> Account:
    account = Account([], {})
    with path.open("rb") as lines:
        for line in map(_lines.decode, lines):
            match line:
                case Said():
                    account.said.append(line)
                case Wished():
                    account.wished.append(line)
                case Answered():
                    account.answered.setdefault(line.id, []).append(line)
                case Acknowledged():
                    account.acknowledged.setdefault(line.id, []).append(line.order_id)
    return account
