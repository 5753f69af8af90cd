"""Leads of the demo, generated from a recorded seed: some of parties whose orders are real, some not.

The data hold orders only. So before some first orders, and before some that come after a long
pause, a lead of that customer is made up; the order that follows is real, and wins it. Leads of
other parties, who never order, are won by a deal, lost, or never were a chance; what becomes of
them is up to who holds them (`selling`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from random import Random
from typing import Literal

from perennial.contracts.leads import LeadKind
from perennial.contracts.partner import CaptureLead, Organisation, Person, RecordActivity

from perennial_cli.demo.channels import CHANNELS, Channel
from perennial_cli.demo.drawing import SEED, drawn
from perennial_cli.demo.office import DAY, is_working_day, working_hour
from perennial_cli.driving import History

Order = tuple[str, datetime]
"""A customer in the sample's words, and when that one bought."""
Fate = Literal["order", "deal", "junk"]
"""A real order will come; a seller may win it; nobody is there."""

FIRST_ORDERS, RETURNS, OTHERS, OTHERS_EARLY = 330, 150, 320, 60
"""How many leads are made up of each sort. One for each of 2,357 customers would double the time."""
PAUSE = timedelta(days=75)
SHOP, DESK, WEB = "cdnow", "crm", "web"
"""Whose ids are meant: the shop's own, the sales desk's, and web forms that know no ids."""


REGIONS = ("north", "south", "harbour")
LANGUAGES = {"en": 88, "de": 5, "es": 4, "zh": 3}
INDUSTRIES = ("entertainment", "retail", "education", "services", "marketing", "logistics")
SIZES = {"small": 62, "medium": 27, "large": 11}
EMPLOYEES = {"small": (2, 49), "medium": (50, 499), "large": (500, 5000)}
VALUES = {"small": (4_000, 60_000), "medium": (60_000, 600_000), "large": (600_000, 6_000_000)}
CREDIT = {"excellent": 8, "good": 17, "passed": 30, "open": 25, "poor": 20}
CUSTOMISATION = {"none": 12, "little": 23, "some": 30, "much": 35}
TEAMS = {"0.5": 15, "1": 25, "3": 35, "10": 25}
"""How many of our people it would take."""
TAGS = {"hot": 0.35, "budget": 0.3, "deadline": 0.15, "decision-maker": 0.25}
STIRS = ("web-visit", "content", "event-attended", "reply-received")


@dataclass(frozen=True)
class Story:
    """One lead as the generator knows it; the system learns of it bit by bit."""

    said: CaptureLead
    source: str
    fate: Fate
    warmth: float = 1.0
    stirs: tuple[RecordActivity, ...] = ()
    """What the party does by itself."""
    again: CaptureLead | None = None
    """The same person by another door, known by e-mail only."""
    readied_on: date | None = None
    """When somebody of the market department says that it is an opportunity."""

    @property
    def number(self) -> str:
        return self.said.lead


@dataclass(frozen=True)
class _Seed:
    """What a story is made up from."""

    number: str
    source: str
    party: str
    fate: Fate
    at: datetime
    kind: LeadKind = "new"
    draw: Random = field(default_factory=Random)
    channel: Channel = CHANNELS[0]


def stories(
    orders: Iterable[Order], starts: datetime, ends: datetime, seed: int = SEED
) -> list[Story]:
    """All leads of the demo, by the moment of their capture."""
    told = [
        *_before(_firsts(orders := list(orders), starts), "N", "new", starts, seed, FIRST_ORDERS),
        *_before(_after_pauses(orders), "R", "renewal", starts, seed, RETURNS),
        *_others(starts, ends, seed),
    ]
    return sorted(told, key=lambda story: (story.said.captured_at, story.number))


def history(told: Sequence[Story]) -> list[History]:
    """What the stories' sources say, by time; what sellers do comes on top of it, day by day."""
    facts: list[History] = []
    for story in told:
        key = story.said.party
        facts.append(fact_of(story.source, key, story.said.captured_at, story.said))
        facts += [fact_of(story.source, key, stir.at, stir) for stir in story.stirs]
        if story.again is not None:
            facts.append(fact_of(WEB, key, story.again.captured_at, story.again))
    return sorted(facts, key=lambda fact: (fact.time, fact.id))


def fact_of(
    source: str, customer: str, at: datetime, said: CaptureLead | RecordActivity
) -> History:
    name = said.lead if isinstance(said, CaptureLead) else said.activity
    return History(f"{said.TYPE}:{name}", source, customer, at, said)


def _firsts(orders: Iterable[Order], starts: datetime) -> list[Order]:
    first: dict[str, datetime] = {}
    for customer, at in sorted(orders):
        first.setdefault(customer, at)
    return [(customer, at) for customer, at in first.items() if at >= starts + 4 * DAY]


def _after_pauses(orders: Iterable[Order]) -> list[Order]:
    """The first order after a long pause, one of a customer."""
    found: list[Order] = []
    for customer, group in groupby(sorted(orders), key=lambda order: order[0]):
        times = [at for _, at in group]
        late = [b for a, b in pairwise(times) if b - a >= PAUSE]
        found += [(customer, at) for at in late[:1]]
    return found


def _before(
    orders: Sequence[Order], letter: str, kind: LeadKind, starts: datetime, seed: int, most: int
) -> Iterator[Story]:
    """A lead some days before each of so many orders."""
    chosen = drawn("chosen", letter, seed=seed).sample(orders, min(most, len(orders)))
    for customer, at in sorted(chosen):
        draw = drawn("lead", letter, customer, seed=seed)
        ahead = min(draw.randrange(2, 21), (at - starts) // DAY)
        seeded = _Seed(
            f"{letter}-{customer}",
            SHOP,
            customer,
            "order",
            at - ahead * DAY,
            kind,
            draw,
            _channel(draw),
        )
        yield _story(seeded)


def _others(starts: datetime, ends: datetime, seed: int) -> Iterator[Story]:
    """Parties who never order: more of them in the first quarter, while the company makes itself known."""
    days = (ends - starts) // DAY
    for number in range(OTHERS):
        draw = drawn("lead", "other", str(number), seed=seed)
        day = draw.randrange(85) if number < OTHERS_EARLY else draw.randrange(1, days - 2)
        fate: Fate = "junk" if draw.random() < 0.12 else "deal"
        party = f"P-{number:04}"
        at = starts + day * DAY
        yield _story(_Seed(f"L-{number:04}", DESK, party, fate, at, "new", draw, _channel(draw)))


def _channel(draw: Random) -> Channel:
    return draw.choices(CHANNELS, [one.weight for one in CHANNELS])[0]


def _story(seeded: _Seed) -> Story:
    draw, channel = seeded.draw, seeded.channel
    at = _moment(seeded)
    size = _of(SIZES, draw) if seeded.source == DESK else "small"
    person = _person(seeded)
    said = CaptureLead(
        lead=seeded.number,
        party=seeded.party,
        captured_at=at,
        kind=seeded.kind,
        channel=channel.name,
        campaign=draw.choice(channel.campaigns),
        cost=round(channel.cost * draw.uniform(0.6, 1.5)),
        expected_value=draw.randrange(*VALUES[size]),
        wants_call=draw.random() < (0.5 if channel.staffed else 0.3),
        tags=[tag for tag, share in TAGS.items() if draw.random() < share],
        organisation=_organisation(seeded) if size != "small" else None,
        person=person,
        attributes=_attributes(size, draw),
    )
    return Story(
        said=said,
        source=seeded.source,
        fate=seeded.fate,
        warmth=channel.warmth,
        stirs=_stirs(seeded, at),
        again=_again(said, draw) if seeded.source == DESK and draw.random() < 0.1 else None,
        readied_on=_readied_on(at, draw) if draw.random() < 0.12 else None,
    )


def _moment(seeded: _Seed) -> datetime:
    """In the office's hours where somebody has to be there, else between eight and ten."""
    day, draw = seeded.at.date(), seeded.draw
    if not seeded.channel.staffed:
        return working_hour(day, draw, 8, 22)
    while not is_working_day(day) and day > date(seeded.at.year, 1, 2):
        day -= DAY
    return working_hour(day, draw)


def _attributes(size: str, draw: Random) -> dict[str, str]:
    told = {
        "size": size,
        "employees": str(draw.randint(*EMPLOYEES[size])),
        "industry": draw.choice(INDUSTRIES),
        "language": _of(LANGUAGES, draw),
        "class": "end-user",
        "customisation": _of(CUSTOMISATION, draw),
        "team": _of(TEAMS, draw),
    }
    if draw.random() < 0.35:
        told["region"] = draw.choice(REGIONS)
    if draw.random() < 0.7:
        told["credit_check"] = _of(CREDIT, draw)
    return told


def _stirs(seeded: _Seed, at: datetime) -> tuple[RecordActivity, ...]:
    """Visits and answers of the party in the days after its capture."""
    draw = seeded.draw
    count = draw.choices((0, 1, 2, 3), (50, 25, 15, 10))[0]
    days = sorted(draw.sample(range(1, 12), count))
    return tuple(
        RecordActivity(
            activity=f"{seeded.number}-own-{place}",
            lead=seeded.number,
            at=working_hour(at.date() + day * DAY, draw, 8, 22),
            kind=draw.choices(STIRS, (50, 25, 15, 10))[0],  # type: ignore[arg-type]
        )
        for place, day in enumerate(days)
        if seeded.fate != "order" or at + day * DAY < seeded.at + 2 * DAY
    )


def _again(said: CaptureLead, draw: Random) -> CaptureLead:
    """Another touch of the same person, who gives an e-mail address and no name of ours."""
    channel = _channel(draw)
    return CaptureLead(
        lead=f"form-{said.lead}",
        captured_at=said.captured_at + draw.randrange(1, 5) * DAY,
        channel=channel.name,
        cost=channel.cost,
        person=Person(email=said.person.email if said.person else ""),
    )


def _readied_on(at: datetime, draw: Random) -> date:
    day = at.date() + draw.randrange(1, 6) * DAY
    while not is_working_day(day):
        day += DAY
    return day


def _person(seeded: _Seed) -> Person:
    name = seeded.party.casefold()
    return Person(name=f"Customer {seeded.party}", email=f"{name}@{seeded.source}.example")


def _organisation(seeded: _Seed) -> Organisation:
    return Organisation(
        name=f"Records & Sons {seeded.party}", domain=f"{seeded.party.casefold()}.example"
    )


def _of(weights: dict[str, int], draw: Random) -> str:
    return draw.choices(list(weights), list(weights.values()))[0]
