"""Records as a person on call wants them: decoded where they can be, whole where not."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from perennial.contracts.catalogue import TOPICS
from perennial.kit.reading import Stored

from perennial_cli.trouble import Trouble

_SPAN = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Seen:
    """One event with its envelope and its place in the log."""

    topic: str
    part: int
    offset: int
    at: datetime
    """When the broker appended it."""
    key: str
    headers: dict[str, str]
    text: str

    @property
    def data(self) -> Any:
        """Decoded when looked at: most records of a search are not. Text that is no JSON stays text."""
        try:
            return msgspec.json.decode(self.text)
        except msgspec.DecodeError:
            return self.text

    @property
    def id(self) -> str:
        return self.headers.get("ce_id", "")

    @property
    def type(self) -> str:
        return self.headers.get("ce_type", "")

    @property
    def ver(self) -> int:
        said = self.headers.get("ce_sequence", "")
        return int(said) if said.isdecimal() else 0

    @property
    def time(self) -> str:
        return self.headers.get("ce_time", "")

    @property
    def recorded(self) -> str:
        return self.headers.get("ce_recordedtime", "")

    @property
    def correlation(self) -> str:
        return self.headers.get("ce_correlationid", "")

    @property
    def causation(self) -> str:
        return self.headers.get("ce_causationid", "")

    def as_row(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "topic": self.topic,
            "partition": self.part,
            "offset": self.offset,
            "appended": self.at,
            "key": self.key,
            "type": self.type,
            "id": self.id,
            "ver": self.ver,
            "time": self.time,
            "recorded": self.recorded,
            "correlation": self.correlation,
            "causation": self.causation,
            "data": self.data,
        }


def seen(stored: Stored) -> Seen:
    """Never raises: whoever is on call must be able to look at what no reader could take."""
    record = stored.record
    return Seen(
        record.topic,
        record.part,
        record.offset,
        stored.at,
        (record.key or b"").decode(errors="replace"),
        {name: value.decode(errors="replace") for name, value in record.headers},
        (record.value or b"").decode(errors="replace"),
    )


@dataclass(frozen=True)
class Wanted:
    """Which events; everything given must hold."""

    type: str = ""
    """Part of the type."""
    key: str = ""
    correlation: str = ""
    grep: re.Pattern[str] | None = None
    """Found anywhere in headers or data."""

    def takes(self, event: Seen) -> bool:
        if self.key and event.key != self.key:
            return False
        if self.type and self.type not in event.type:
            return False
        if self.correlation and self.correlation not in (event.correlation, event.id):
            return False
        return self.grep is None or self._found(event, self.grep)

    def _found(self, event: Seen, pattern: re.Pattern[str]) -> bool:
        return any(
            pattern.search(text) for text in (event.text, event.key, *event.headers.values())
        )


def chosen_topics(names: Iterable[str] | None) -> list[str]:
    """Topics by name, with or without version."""
    return [_topic(name) for name in names or ()]


def _topic(name: str) -> str:
    for candidate in (name, f"{name}.v1"):
        if candidate in TOPICS or candidate.startswith("partner."):
            return candidate if candidate.endswith(".v1") else f"{candidate}.v1"
    raise Trouble(f"no topic {name}", f"There are {', '.join(TOPICS)}.")


def moment(text: str, now: datetime) -> datetime:
    """`2h`, `90m`, `1d12h` ago, or an RFC 3339 time or date."""
    spans = _SPAN.findall(text)
    if spans and "".join(n + unit for n, unit in spans) == text:
        return now - sum((timedelta(**{_UNITS[u]: int(n)}) for n, u in spans), timedelta())
    try:
        told = datetime.fromisoformat(text)
    except ValueError as error:
        raise Trouble(
            f"{text!r} is no moment", "Say 2h, 30m, 1d or 1997-03-01T12:00:00Z."
        ) from error
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def span(text: str) -> timedelta:
    """`1d`, `12h`, `1w`: a length of time."""
    now = datetime(2000, 1, 1, tzinfo=UTC)
    if not _SPAN.match(text):
        raise Trouble(f"{text!r} is no length of time", "Say 1d, 12h or 1w.")
    length = now - moment(text, now)
    if not length:
        raise Trouble("a period must be longer than nothing", "Say 1d, 12h or 1w.")
    return length
