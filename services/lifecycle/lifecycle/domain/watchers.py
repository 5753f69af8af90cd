"""At least two people watch every customer, whoever leaves or is away (C5).

The choice is a hash of the customer's id over the sorted staff: even over many customers, the same
on every machine, and made without reading anybody's load.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b

from lifecycle.domain.staff import Staff
from lifecycle.policy import Watching

ROLE = "role:"
"""Prefix of a named role that watches in the place of a person."""


def watchers_for(
    customer_id: str, staff: Staff, rules: Watching, now: datetime, keep: Sequence[str] = ()
) -> list[str]:
    """Those of `keep`, and as many present ones after them as are missing; the first one owns."""
    chosen = list(dict.fromkeys(keep))
    missing = rules.least - sum(staff.present(one, now) for one in chosen)
    candidates = _candidates(customer_id, staff, rules, now)
    while missing > 0 and (found := next(candidates, "")):
        if found not in chosen:
            chosen.append(found)
            missing -= 1
    return chosen


def rewatched(
    customer_id: str, watchers: Sequence[str], staff: Staff, rules: Watching, now: datetime
) -> list[str]:
    """The watchers once leavers are gone, each replaced by the successor it named, if any.

    Somebody who is away stays and is helped out by another, so that nothing must be undone when
    they are back. Named roles step back as soon as people can be found.
    """
    heirs = [one if staff.employed(one) else staff.successor(one) for one in watchers]
    return watchers_for(customer_id, staff, rules, now, keep=[one for one in heirs if one])


def _candidates(customer_id: str, staff: Staff, rules: Watching, now: datetime) -> Iterator[str]:
    turn = int.from_bytes(blake2b(customer_id.encode(), digest_size=8).digest(), "big")
    for role in rules.roles:
        people = staff.with_role(role)
        for step in range(len(people)):
            present = staff.stand_in(people[(turn + step) % len(people)], now)
            if present:
                yield present
    yield from rules.last_resort
