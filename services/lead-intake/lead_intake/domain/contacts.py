"""How often a customer was contacted of late, is about to be, and whether a complaint is open."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace
from perennial.contracts.holdings import ActivityLogged, ContactPlanned

from lead_intake.domain.contents import short

KEPT = timedelta(days=31)
"""No window of a policy is longer."""
COMPLAINT, ANSWERED = "complaint", "complaint-answered"


class Contacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A party's contacts over all sellers, in business time, each by a short word for its activity."""

    made: dict[str, datetime] = {}
    planned: dict[str, datetime] = {}
    complained_at: datetime | None = None
    answered_at: datetime | None = None

    @property
    def complaint_since(self) -> datetime | None:
        """Since when a complaint is open; None where none is."""
        since, answered = self.complained_at, self.answered_at
        return None if since and answered and answered >= since else since

    def times(self, lapsed: datetime, but: str = "") -> list[datetime]:
        """What counts besides one activity: what was done, and plans for later than `lapsed`."""
        plans = {word: at for word, at in self.planned.items() if at > lapsed}
        return sorted(at for word, at in {**plans, **self.made}.items() if word != short(but))


def evolve(contacts: Contacts, event: ActivityLogged | ContactPlanned) -> Contacts:
    """After one event; what lies long before the newest is dropped."""
    word = short(event.activity_id)
    match event:
        case ContactPlanned(at=at):
            return replace(contacts, planned=_noted(contacts.planned, word, at))
        case ActivityLogged(kind="complaint", at=datetime() as at):
            return replace(contacts, complained_at=_later(contacts.complained_at, at))
        case ActivityLogged(kind="complaint-answered", at=datetime() as at):
            return replace(contacts, answered_at=_later(contacts.answered_at, at))
        case ActivityLogged(contact=True, at=datetime() as at):
            planned = {one: day for one, day in contacts.planned.items() if one != word}
            return replace(contacts, made=_noted(contacts.made, word, at), planned=planned)
    return contacts


def united(one: Contacts, other: Contacts) -> Contacts:
    """Of two parties that are one: whoever was spared stays so."""
    complaints = [at for at in (one.complained_at, other.complained_at) if at]
    answers = [at for at in (one.answered_at, other.answered_at) if at]
    return Contacts(
        made={**one.made, **other.made},
        planned={**one.planned, **other.planned},
        complained_at=max(complaints, default=None),
        answered_at=None if _one_is_open(one, other) else max(answers, default=None),
    )


def _one_is_open(*both: Contacts) -> bool:
    return any(contacts.complaint_since for contacts in both)


def free_from(times: Iterable[datetime], at: datetime, most: int, window: timedelta) -> datetime:
    """The first moment from `at` on at which one more leaves no window with more than `most`."""
    taken = sorted(times)
    ends = [one + window for one in taken if one + window > at]
    return next(moment for moment in (at, *ends) if _fits(taken, moment, most, window))


def _fits(taken: list[datetime], moment: datetime, most: int, window: timedelta) -> bool:
    """Every window that holds the moment begins with it, or with one of those before it."""
    begins = [moment, *(one for one in taken if moment - window < one <= moment)]
    return all(sum(begin <= one < begin + window for one in taken) < most for begin in begins)


def _noted(found: dict[str, datetime], word: str, at: datetime) -> dict[str, datetime]:
    noted = {**found, word: at}
    oldest = max(noted.values()) - KEPT
    return {one: day for one, day in noted.items() if day > oldest}


def _later(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else max(known, at)
