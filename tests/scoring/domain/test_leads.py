"""A lead's points (I5, I6, S9): matched attribute by attribute, decaying in closed form."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from perennial.contracts.base import Event, Fact
from perennial.contracts.grades import GradeChanged, LeadScored, LeadScoringEnded, Signal
from perennial.contracts.holdings import ActivityLogged, LeadClosed, LeadReopened, LeadWon
from perennial.contracts.leads import LeadCaptured, LeadTagged, LeadTouched
from perennial.contracts.touches import Touch
from scoring import policy
from scoring.domain.leads import points_of
from scoring.domain.model import World
from scoring.domain.personas import best_match
from scoring.domain.points import Points, assessed, level
from scoring.domain.rescoring import CustomerState
from scoring.handlers import CUSTOMER

from tests.scoring.replaying import Replay, timer

POLICY = policy.default()
WORLD = World(POLICY)
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
LATER = START + timedelta(days=90)
KNOWN = {
    "size": "medium",
    "industry": "Retail",
    "credit_check": "passed",
    "customisation": "little",
    "team": "1",
}

SO_SO = {"size": "large", "industry": "farming", "customisation": "some"}


def captured(lead_id: str = "l1", **more: Any) -> LeadCaptured:
    told = {"channel": "referral", "attributes": KNOWN} | more
    return LeadCaptured(customer_id="c1", lead_id=lead_id, source="crm", external_id="e1", **told)


def activity(kind: str, lead_id: str = "l1") -> ActivityLogged:
    return ActivityLogged(customer_id="c1", lead_id=lead_id, activity_id=kind, kind=kind)  # type: ignore[arg-type]


def fact(data: Event, happened: datetime = START, learned: datetime | None = None) -> Fact:
    return Fact(data=data, id=data.TYPE, key="c1", now=learned or happened, time=happened)


def story(*facts: Fact) -> Replay:
    return Replay(WORLD).take(facts)


def scores(told: Replay) -> list[LeadScored]:
    return [event for event in told.events if isinstance(event, LeadScored)]


@pytest.mark.parametrize(
    ("attributes", "persona", "share"),
    [
        ({"size": "large"}, "established-company@1", 1.0),
        ({"size": "SMALL "}, "growing-small-business@1", 1.0),
        ({"size": "large", "credit_check": "failed"}, "established-company@1", 30 / 45),
        ({"employees": "1,200"}, "established-company@1", 1.0),
        ({"employees": "49"}, "growing-small-business@1", 1.0),
        ({"employees": "many", "size": "large"}, "established-company@1", 1.0),
        ({"size": "small", "customisation": "much"}, "growing-small-business@1", 0.5),
    ],
)
def test_the_persona_that_fits_best(attributes: dict[str, str], persona: str, share: float) -> None:
    match = best_match(attributes, POLICY.leads.personas)

    assert match is not None
    assert match.name == persona
    assert match.share == pytest.approx(share)


def test_a_match_is_explained_attribute_by_attribute() -> None:
    (scored,) = scores(story(fact(captured(attributes={"size": "large", "industry": "farming"}))))

    told = {one.feature: one for one in scored.contributions}
    assert scored.persona == "established-company@1"
    assert scored.match == pytest.approx(54.55)
    assert (told["size"].value, told["size"].points) == ("large", told["size"].most)
    assert (told["industry"].value, told["industry"].points) == ("farming", 0)
    assert (told["employees"].value, told["employees"].most) == ("", 0), "unknown: marked, left out"
    assert "budget" in told["size"].expected


def test_of_a_bare_lead_nothing_is_made_up() -> None:
    (scored,) = scores(story(fact(captured(attributes={}, channel="elsewhere"))))

    assert (scored.match, scored.persona, scored.fit, scored.score) == (None, "", 25, 25)
    assert (scored.ready, scored.grade, scored.expected_value) == (False, "2A", 200_000)


def test_a_score_is_the_sum_of_its_contributions() -> None:
    facts = [fact(captured(wants_call=True, tags=["hot"]))]
    facts += [fact(activity(kind), START + timedelta(days=n)) for n, kind in enumerate(ALL_KINDS)]

    for scored in scores(story(*facts)):
        told = sum(one.points for one in scored.contributions)
        assert scored.score == pytest.approx(told, abs=0.05)
        assert scored.score == pytest.approx(scored.fit + scored.engagement, abs=0.011)
        assert scored.fit <= POLICY.leads.fit_most
        assert scored.engagement <= POLICY.leads.engagement_most


ALL_KINDS = (
    "web-visit",
    "content",
    "reply-received",
    "call-connected",
    "meeting-held",
    "quotation",
)


@st.composite
def signals(draw: st.DrawFn) -> list[Signal]:
    hours = draw(st.lists(st.integers(0, 24 * 60), max_size=12))
    kinds = st.sampled_from([f"activity:{kind}" for kind in ALL_KINDS] + ["wants-call"])
    return [Signal(what=draw(kinds), at=START + timedelta(hours=h)) for h in sorted(hours)]


@given(signals(), st.integers(0, 24 * 90))
@settings(deadline=None)
def test_the_closed_form_is_what_hour_by_hour_decay_makes(known: list[Signal], hours: int) -> None:
    now = START + timedelta(hours=hours)
    hourly = 0.5 ** (1 / (24 * POLICY.leads.half_life_days))
    for group in POLICY.leads.groups.values():
        stepwise = 0.0
        for hour in range(hours + 1):
            then = [s for s in known if s.at == START + timedelta(hours=hour)]
            grown = (group.points.get(signal.what, 0.0) for signal in then)
            stepwise = reduce(
                lambda was, more: min(group.most, was + more), grown, stepwise * hourly
            )

        assert level(known, group, POLICY.leads, now) == pytest.approx(stepwise, abs=1e-9)


@given(
    signals(), st.fixed_dictionaries({}, optional={name: st.just(KNOWN[name]) for name in KNOWN})
)
@settings(max_examples=300)
def test_review_is_exactly_when_silence_changes_something(
    known: list[Signal], attributes: dict[str, str]
) -> None:
    def at(now: datetime) -> Points:
        return assessed(attributes, known, None, POLICY, now)

    now = LATER
    before = at(now)
    if before.review_at is None:
        after = at(now + timedelta(days=4000))
        assert (after.ready, after.grade) == (before.ready, before.grade)
        return
    reviewed = at(before.review_at)
    assert (reviewed.ready, reviewed.grade) != (before.ready, before.grade)
    just_before = before.review_at - timedelta(seconds=2)
    assume(just_before > now)
    unchanged = at(just_before)
    assert (unchanged.ready, unchanged.grade) == (before.ready, before.grade)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_the_score_does_not_depend_on_the_order_of_arrival(data: st.DataObject) -> None:
    hours = data.draw(st.lists(st.integers(0, 24 * 60), min_size=2, max_size=8))
    kinds = data.draw(
        st.lists(st.sampled_from(ALL_KINDS), min_size=len(hours), max_size=len(hours))
    )
    facts = [
        fact(activity(kind), START + timedelta(hours=h), LATER)
        for kind, h in zip(kinds, hours, strict=True)
    ]
    capture = fact(captured())
    straight, shuffled = story(capture, *facts), story(capture, *data.draw(st.permutations(facts)))

    assert shuffled.state.leads == straight.state.leads
    assert scores(shuffled)[-1].score == scores(straight)[-1].score
    assert rebuilt(shuffled) == shuffled.state


def rebuilt(told: Replay) -> CustomerState:
    """From the published events alone, in the order in which the topics are read back."""
    order = [topic.events for topic in sorted(CUSTOMER.emits, key=lambda topic: topic.name)]
    made = zip(told.moments, told.events, strict=True)
    place = {kind: n for n, events in enumerate(order) for kind in events}
    state = CustomerState()
    for moment, event in sorted(made, key=lambda one: (one[0], place[one[1].TYPE])):
        state = CUSTOMER.evolve(state, event, moment)
    return state


def test_a_lead_is_graded_anew_when_it_acts_and_when_it_is_silent() -> None:
    told = story(
        fact(captured(wants_call=True, attributes=SO_SO)),
        fact(activity("meeting-held"), START + timedelta(days=3)),
    )
    assert [(s.because, s.ready) for s in scores(told)] == [("captured", True), ("activity", True)]
    assert scores(told)[-1].grade == scores(told)[0].grade == "4A"

    told.until(START + timedelta(days=400))

    silent = [s for s in scores(told) if s.because == "silence"]
    assert [(s.grade, s.ready) for s in silent] == [
        ("4A", False),
        ("3A", False),
        ("2A", False),
    ]
    assert silent[-1].review_at is None
    assert told.state.leads.review_at is None
    assert [s.score for s in silent] == sorted((s.score for s in silent), reverse=True)


@pytest.mark.parametrize("end", [LeadWon, LeadClosed])
def test_a_lead_that_has_ended_is_scored_no_more(end: type) -> None:
    more = {"reason": "no need"} if end is LeadClosed else {}
    told = story(
        fact(captured(wants_call=True)),
        fact(end(customer_id="c1", lead_id="l1", **more), START + timedelta(hours=1)),
        fact(activity("reply-received"), START + timedelta(hours=2)),
    ).until(LATER)

    assert isinstance(told.events[-1], LeadScoringEnded)
    assert CUSTOMER.due(told.state, WORLD) == {}

    told.take([fact(LeadReopened(customer_id="c1", lead_id="l1", by="ann"), LATER)])
    assert scores(told)[-1].because == "reopened"
    assert told.state.leads.open == ["l1"]


def test_a_party_that_came_by_an_order_has_no_lead_to_score() -> None:
    assert story(fact(captured(lead_id="", by_order=True))).events == []


def test_tags_make_points_until_they_are_taken_off() -> None:
    told = story(
        fact(captured()),
        fact(LeadTagged(customer_id="c1", lead_id="l1", added=["hot", "blue"])),
        fact(LeadTagged(customer_id="c1", lead_id="l1", removed=["blue"])),
        fact(LeadTagged(customer_id="c1", lead_id="l1", removed=["hot"])),
        fact(LeadTagged(customer_id="c1", lead_id="l1", added=["green"])),
    )
    assert [s.score for s in scores(told)] == [65.0, 80.0, 80.0, 65.0]


def test_what_is_learned_of_the_party_counts_for_all_its_leads() -> None:
    touch = LeadTouched(
        customer_id="c1", lead_id="l1", touch=Touch(channel="kol"),
        attributes={"size": "small", "credit_check": "failed"},
    )  # fmt: skip
    told = story(
        fact(captured(attributes={"size": "large"})),
        fact(captured("l2", attributes={})),
        fact(touch),
    )

    assert told.state.leads.attributes == {"size": "large", "credit_check": "failed"}
    assert [(s.lead_id, s.match) for s in scores(told)[-2:]] == [("l1", 66.67), ("l2", 66.67)]


def test_what_did_not_make_a_point_is_not_told() -> None:
    told = story(fact(captured()), fact(activity("note")), fact(activity("message-sent")))

    assert [event.TYPE for event in told.events] == [LeadScored.TYPE, GradeChanged.TYPE]


def test_a_late_activity_counts_from_when_it_happened() -> None:
    late = story(
        fact(captured()),
        fact(activity("demo"), START + timedelta(days=1), START + timedelta(days=30)),
    )
    lead = late.state.leads.by_id["l1"]
    days = (START + timedelta(days=30) - lead.signals[-1].at).days
    engaged = points_of(late.state.leads.attributes, lead, POLICY, START + timedelta(days=30))

    assert engaged.levels["dialogue"] == pytest.approx(25 * 0.5 ** (days / 14))


def test_a_timer_of_a_lead_always_tells() -> None:
    told = story(fact(captured(wants_call=True)))
    at = told.state.leads.review_at
    assert at is not None
    assert CUSTOMER.react(told.state, timer("c1", "lead", at), WORLD, at)


def test_a_state_without_leads_costs_nothing() -> None:
    kept = msgspec.json.decode(b"{}", type=CustomerState)

    assert not {"leads", "conduct", "graded"} & msgspec.to_builtins(kept).keys()


def faults() -> Iterable[tuple[dict[str, Any], str]]:
    shipped = msgspec.to_builtins(POLICY)
    leads, grades = shipped["leads"], shipped["grades"]
    yield {"leads": leads | {"half_life_days": 0}}, "$.leads.half_life_days"
    yield {"leads": leads | {"fit_most": 60}}, "$.leads"
    yield (
        {"leads": leads | {"groups": {"x": {"most": 5, "points": {"activity:dance": 3}}}}},
        "$.leads.groups[...]",
    )
    asked = {"name": "size", "weight": 3, "reason": "why"}
    persona = {"name": "p", "attributes": [asked]}
    yield {"leads": leads | {"personas": [persona]}}, "$.leads.personas[0].attributes[0]"
    yield {"grades": grades | {"cutoffs": [20, 40, 30, 80]}}, "$.grades"
    yield (
        {"grades": grades | {"quantiles": {"revenue": {"rows": [[5, 1], [4, 2]]}}}},
        "$.grades.quantiles[...]",
    )


@pytest.mark.parametrize(("document", "path"), list(faults()))
def test_a_wrong_policy_is_refused_with_the_path(document: dict[str, Any], path: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(document, policy.Policy)

    assert f"`{path}`" in str(refused.value)
