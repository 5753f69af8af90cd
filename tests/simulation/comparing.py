"""The same history without faults, where the design promises the same events.

Promised is the order of a key's facts within one topic, not across topics: so what lead-intake and
scoring make of orders is the same to the letter; of what reads two of their topics, what was decided
and when. A round that was cut short is followed by another one, with other lots: nothing is promised
there of who gets a lead. Where nobody sells, of leads all is the same, type by type, but when a round
found that nobody could take one, and what score it had by then: that is another topic's. Likewise where
parties are united: the others hear of that on a topic beside the one by which they judge.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tests.kit.memory import Tables

EXACT = ("leads.v1", "orders.v1", "registers.v1", "scores.v1", "grades.v1")
DECIDED = ("customers.v1", "alerts.v1")
WITH_ROUNDS = ("orders.v1", "registers.v1")
UNSOLD = (*WITH_ROUNDS, "leads.v1")
OF_ROUNDS = ("perennial.lead.unassigned-queued.v1", "perennial.lead.graded.v1")
BY_SCORE = ("score", "grade", "ready", "ready_at", "regrades", "queued", "value")
BOOKS = "report"
"""Whether a month is told to have ended before its report is, hangs on whether timer or job was faster."""
Events = dict[tuple[str, str], list[Any]]


def differences(
    struck: Mapping[str, Tables], calm: Mapping[str, Tables], rounds: bool, alone: bool
) -> Iterator[str]:
    """Keys whose events came out otherwise than without faults; `alone`: orders, and nobody united."""
    exact = EXACT if alone else WITH_ROUNDS
    yield from _unlike(_events(struck, exact, _whole), _events(calm, exact, _whole))
    if not rounds:
        yield from _unlike(_by_type(struck), _by_type(calm))
    if alone:
        decided = _events(struck, DECIDED, _moment), _events(calm, DECIDED, _moment)
        yield from _unlike(*({key: Counter(told) for key, told in one.items()} for one in decided))


def _unlike(here: Mapping[Any, Any], there: Mapping[Any, Any]) -> Iterator[str]:
    for place in sorted(here.keys() | there.keys()):
        if here.get(place) != there.get(place):
            yield f"{place[0]} {place[1]} is not what it is without faults"


def _by_type(tables: Mapping[str, Tables]) -> dict[tuple[str, str], list[Any]]:
    found: dict[tuple[str, str], list[Any]] = {}
    for (_, key), told in _events(tables, UNSOLD, _whole).items():
        for one in told:
            if one[1] not in OF_ROUNDS:
                found.setdefault((one[1], key), []).append((*one[:-1], _without_scores(one[-1])))
    return found


def _without_scores(data: dict[str, Any]) -> dict[str, Any]:
    """A lead that changes hands is told as it stands, with the score it has by then."""
    standing = {
        name: said for name, said in data.get("standing", {}).items() if name not in BY_SCORE
    }
    return {**data, "standing": standing, "grade": ""}


def _events(tables: Mapping[str, Tables], topics: tuple[str, ...], shown: Any) -> Events:
    found: Events = {}
    for one in tables.values():
        for (topic, key, _), said in sorted(one.event.items()):
            if topic in topics and key != BOOKS:
                found.setdefault((topic, key), []).append(shown(said))
    return found


def _whole(said: tuple[Any, ...]) -> Any:
    data = msgspec.json.decode(said[5])
    data.pop("receipt", None)  # it tells how far other topics had been read
    return said[0], said[1], said[2], said[3], data


def _moment(said: tuple[Any, ...]) -> Any:
    return said[1], said[3]
