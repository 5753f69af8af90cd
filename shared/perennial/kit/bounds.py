"""What an adopted version may do at most while it is watched: what is counted, and the verdict. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from perennial.contracts.platform import Bound


class Count(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Decisions of one kind since a version judges."""

    live: int = 0
    former: int = 0
    """That the former version would have made."""
    either: int = 0
    otherwise: int = 0
    """Of either's, those that the two did not make alike."""
    most_a_day: int = 0
    """Live, on one day (UTC)."""


Tally = Mapping[str, Count]
"""By type of event; "" is all of them."""


def broken(bounds: Iterable[Bound], tally: Tally) -> str:
    """The bounds that do not hold, each with its figure; "" while all hold."""
    return "; ".join(
        f"{bound.type or 'all decisions'}: {told}"
        for bound in bounds
        if (told := _broken(bound, tally.get(bound.type, Count())))
    )


def _broken(bound: Bound, count: Count) -> str:
    most = bound.at_most
    match bound.of:
        case "a-day":
            figure, of, allowed = count.most_a_day, count.most_a_day, most
            told = f"{figure} on one day, at most {most:g}"
        case "ratio":
            figure, of, allowed = count.live, count.live, most * count.former
            told = f"{figure} against {count.former} by the former version, at most {most:g} times"
        case "otherwise":
            figure, of, allowed = count.otherwise, count.either, most * count.either
            told = f"{figure} of {of} otherwise than by the former version, at most {most:.4g}"
    return told if of >= bound.least and figure > round(allowed, 6) else ""
