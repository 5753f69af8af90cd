"""What a seller does about the leads in hand: pure, drawn by lead and holder from a recorded seed.

The system decides who holds what; this reacts to it. Who forgets a lead is warned by the system's
clocks and loses it, and whoever gets it next begins anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from msgspec import convert
from perennial.contracts.holdings import ActivityKind
from perennial.contracts.partner import CloseLead, RecordActivity

from perennial_cli.demo.drawing import SEED, drawn
from perennial_cli.demo.leads import Story
from perennial_cli.demo.office import DAY, working_hour
from perennial_cli.demo.sales_force import SELLERS, works
from perennial_cli.driving import History

Outcome = Literal["won", "lost", "disqualified"]
RELEASED = 0.15
"""Of what would be lost, so much is let go instead: another may have more luck with it."""
USUAL = 0.3
"""The chance that a seller of usual skill, who stays with it, wins a lead of usual warmth."""
LEVEL_COUNTS = 0.08
REASONS = ("price", "competitor", "no budget", "not now", "no answer")
FOLLOW_UPS = 6


@dataclass(frozen=True)
class Held:
    """A lead in a seller's hands, as the system tells it."""

    story: Story
    person: str
    since: datetime


@dataclass(frozen=True)
class Step:
    """What is done on the so-manyth day on which the seller works, counted from the gain."""

    day: int
    what: ActivityKind | Outcome | Literal["released"]


def deeds(held: Iterable[Held], today: date, seed: int = SEED) -> list[History]:
    """What is done today about all that is held, by time; nothing outside the office's hours."""
    facts = [fact for one in held for fact in _today(one, today, seed)]
    return sorted(facts, key=lambda fact: (fact.time, fact.id))


def releases(held: Iterable[Held], today: date, seed: int = SEED) -> list[Held]:
    """Whose holder lets it go today, with a word to the system at once."""
    return [
        one for one in held if any(step.what == "released" for _, step in _due(one, today, seed))
    ]


def plan(held: Held, seed: int = SEED) -> list[Step]:
    """How this seller goes about this lead, should it stay with them so long."""
    draw = drawn("holding", held.story.number, held.person, seed=seed)
    conduct, level = SELLERS[held.person].conduct, SELLERS[held.person].level
    if draw.random() > conduct.diligence:
        return [Step(0, "call-connected")] if draw.random() < 0.5 else []
    steps = [Step(0, "call-tried")] if draw.random() < 0.3 else []
    steps.append(Step(0, "call-connected"))
    if held.story.fate == "junk":
        return [*steps, Step(1, "disqualified")]
    meets, offers = draw.randrange(2, 5), draw.randrange(5, 8)
    steps += [Step(meets, "meeting-held"), Step(meets, "note"), Step(offers, "quotation")]
    if held.story.fate == "order":
        calls = range(offers + 4, offers + 4 * FOLLOW_UPS, 4)
        return [*steps, *(Step(day, "call-connected") for day in calls)]
    decides = offers + draw.randrange(2, 5)
    chance = USUAL * conduct.skill * held.story.warmth * (1 + LEVEL_COUNTS * (level - 3))
    ends: Outcome | Literal["released"] = "won" if draw.random() < chance else "lost"
    if ends == "lost" and draw.random() < RELEASED:
        ends = "released"
    return [*steps, Step(decides - 1, "reply-received"), Step(decides, ends)]


def worked(person: str, since: datetime, today: date) -> int:
    """Days on which the person has worked since, today left out."""
    days = (today - since.date()) // timedelta(days=1)
    return sum(works(person, since.date() + n * DAY) for n in range(days))


def _today(held: Held, today: date, seed: int) -> Iterator[History]:
    steps = [(place, step) for place, step in _due(held, today, seed) if step.what != "released"]
    draw = drawn("hours", held.story.number, held.person, today.isoformat(), seed=seed)
    moments = sorted(working_hour(today, draw) for _ in steps)
    for (place, step), at in zip(steps, moments, strict=True):
        yield _fact(held, place, step, at, seed)


def _due(held: Held, today: date, seed: int) -> list[tuple[int, Step]]:
    """The steps of today, each with its place in the plan."""
    if not works(held.person, today):
        return []
    now = worked(held.person, held.since, today)
    return [(place, step) for place, step in enumerate(plan(held, seed)) if step.day == now]


def _fact(held: Held, place: int, step: Step, at: datetime, seed: int) -> History:
    said = _said(held, place, step, at, seed)
    name = said.activity if isinstance(said, RecordActivity) else said.lead
    story = held.story
    return History(f"{said.TYPE}:{name}", story.source, story.said.party, at, said)


def _said(
    held: Held, place: int, step: Step, at: datetime, seed: int
) -> RecordActivity | CloseLead:
    story, worth = held.story, held.story.said.expected_value or 0
    draw = drawn("worth", story.number, held.person, seed=seed)
    match step.what:
        case "won":
            value = round(worth * draw.uniform(0.7, 1.1))
            return CloseLead(
                lead=story.number, closed_at=at, outcome="won", by=held.person, value=value
            )
        case "lost" | "disqualified":
            reason = draw.choice(REASONS) if step.what == "lost" else "wrong number"
            return CloseLead(
                lead=story.number, closed_at=at, outcome=step.what, by=held.person, reason=reason
            )
    return RecordActivity(
        activity=f"{story.number}-{held.person}-{held.since:%y%m%d}-{place}",
        lead=story.number,
        at=at,
        kind=convert(step.what, ActivityKind),
        by=held.person,
        amount=worth if step.what == "quotation" else None,
    )
