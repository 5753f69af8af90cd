"""Who hears of a lead that moves, or is about to: old and new holder and manager, each thing once."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, get_args

import pytest
from notifications.domain.alerting import ReportSent
from notifications.domain.phrases import CURES, TEMPLATES, WORDS
from notifications.domain.wording import MissingFieldError, filled, named, worded
from notifications.handlers import CUSTOMER
from perennial.contracts.alerts import (
    AlertEscalated,
    AlertKind,
    AlertRaised,
    AlertRepeated,
    AlertResolved,
    AlertSent,
)
from perennial.contracts.base import Event
from perennial.contracts.holdings import (
    ActivityLogged,
    Clock,
    LeadAssigned,
    LeadClaimed,
    LeadClosed,
    LeadLost,
    LeadNurtured,
    LeadPooled,
    LeadReleased,
    LeadTurnedOver,
    LeadWon,
    ProtectionGranted,
    TurnoverWarned,
)
from perennial.contracts.leads import LeadQueued, LeadReturned
from perennial.contracts.unions import LeadLeft

from tests.notifications.told import START, after, away, hours, person, said, world

WHERE: dict[str, Any] = {"customer_id": "c-1", "lead_id": "l-1"}
DUE = hours(24 * 5)
SALES = world(
    person("carl", manager="sena", team="sales", substitute="mei"),
    person("mei", manager="sena", team="sales"),
    person("sena", manager="dora", team="sales", role="sales-head"),
    person("mark", role="market", manager="dora"),
    person("dora", role="head", department="service"),
    person("hugo", role="head", department="sales", manager="dora"),
)


def warned(rung: str = "5d", lead: str = "l-1", **more: Any) -> TurnoverWarned:
    told: dict[str, Any] = {"clock": "activity", "started_at": START, "due_at": DUE, **more}
    return TurnoverWarned(customer_id="c-1", lead_id=lead, holder="carl", rung=rung, **told)


def turned_over(follows: Any = "pool") -> LeadTurnedOver:
    told: dict[str, Any] = {"clock": "activity", "started_at": START, "due_at": DUE, "holders": 1}
    return LeadTurnedOver(**WHERE, former="carl", follows=follows, **told)


def pooled(former: str = "carl") -> LeadPooled:
    times: dict[str, Any] = {"claimable_from": hours(24), "nurtured_at": hours(24 * 30)}
    return LeadPooled(**WHERE, pool="region-n", former=former, because="turnover", **times)


def assigned(holder: str = "mei", **more: Any) -> LeadAssigned:
    told: dict[str, Any] = {"how": "matched", "grade": "3A", "win_chance": 0.3, **more}
    return LeadAssigned(**WHERE, holder=holder, **told)


def queued(role: str = "sales-head", reason: Any = "no-capacity") -> LeadQueued:
    return LeadQueued(**WHERE, reason=reason, holder=role, lost_by_reason={"full": 4})


CLAIMED = LeadClaimed(**WHERE, holder="mei", former="carl", pool="region-n", grade="2A")
RELEASED = LeadReleased(**WHERE, former="carl", by="carl", reason="no budget")
TAKEN = LeadReleased(**WHERE, former="carl", by="sena", reason="ill", because="absent")
RETURNED = LeadReturned(**WHERE, by="mei", former="mei", reason="wrong persona")


def raised(made: Iterable[Event]) -> list[AlertRaised]:
    return [one for one in made if isinstance(one, AlertRaised)]


def ended(made: Iterable[Event]) -> list[tuple[str, str]]:
    return [(one.alert_id, one.because) for one in made if isinstance(one, AlertResolved)]


@pytest.mark.feature("N2")
@pytest.mark.parametrize(
    ("fact", "kind", "hears", "copies"),
    [
        (warned(), "turnover-due", "carl", []),
        (warned("due", manager_too=True), "turnover-due", "carl", ["sena"]),
        (warned("review", clock="review"), "lead-review", "sena", ["carl"]),
        (turned_over(), "turned-over", "carl", ["sena"]),
        (pooled(), "lead-pooled", "carl", ["sena"]),
        (pooled(former=""), "lead-pooled", "mark", []),
        (CLAIMED, "lead-claimed", "mei", ["carl", "sena"]),
        (assigned(former="carl"), "lead-assigned", "mei", ["carl", "sena"]),
        (assigned("sena", team=["sena", "mei"]), "lead-assigned", "sena", ["mei", "dora"]),
        (queued(), "lead-queued", "sena", []),
        (queued("mei"), "lead-queued", "mei", []),
        (queued("nobody-has-this"), "lead-queued", "dora", []),
        (queued("head-of-sales"), "lead-queued", "hugo", []),
        (queued("head-of-support"), "lead-queued", "dora", []),
        (RELEASED, "lead-released", "sena", ["carl"]),
        (TAKEN, "lead-released", "carl", ["sena"]),
        (RETURNED, "lead-returned", "mark", ["mei", "sena"]),
    ],
)
def test_old_and_new_holder_and_manager_hear_with_the_numbers(
    fact: Event, kind: str, hears: str, copies: list[str]
) -> None:
    told = said(fact, fact_id="cause")
    _, made = after([told, told], SALES)

    (call,) = raised(made)
    assert (call.kind, call.person, call.also, call.lead_id) == (kind, hears, copies, "l-1")
    assert "l-1" in call.title
    assert call.next_step
    assert call.evidence[0].text


@pytest.mark.feature("N2")
def test_a_warning_says_which_clock_since_when_until_when_and_what_to_do() -> None:
    _, made = after([said(warned(), hours(24))], SALES)

    (call,) = raised(made)
    assert (call.clock, call.rung, call.started_at, call.due_at) == ("activity", "5d", START, DUE)
    assert call.title == (
        "Lead l-1 leaves carl in 4 d: no effective activity since 2026-03-02 09:00 UTC"
    )
    assert "two-way contact" in call.next_step
    assert "2026-03-07 09:00 UTC" in call.next_step


@pytest.mark.feature("N2")
def test_each_rung_rings_once_and_takes_the_place_of_the_one_before() -> None:
    ladder = [warned("5d"), warned("5d"), warned("2d"), warned("due", manager_too=True)]
    state, made = after([said(rung, hours(n)) for n, rung in enumerate(ladder)], SALES)

    calls = raised(made)
    assert [one.rung for one in calls] == ["5d", "2d", "due"]
    assert ended(made) == [(one.alert_id, "superseded") for one in calls[:2]]
    assert [one.id for one in state.live.values()] == [calls[2].alert_id]


@pytest.mark.feature("N2")
def test_two_leads_of_one_customer_are_two_alerts() -> None:
    facts = [warned(lead="l-1"), warned(lead="l-2")]
    state, made = after([said(one) for one in facts], SALES)
    _, later = after([said(LeadWon(customer_id="c-1", lead_id="l-2"))], SALES, state)

    first, second = raised(made)
    assert first.alert_id != second.alert_id
    assert ended(later) == [(second.alert_id, "won")]


def activity(kind: Any, **more: Any) -> ActivityLogged:
    return ActivityLogged(**WHERE, activity_id="a-1", kind=kind, **more)


LEASE = ProtectionGranted(
    **WHERE, holder="carl", because="quotation", until=hours(24 * 14), times=1
)


@pytest.mark.feature("N2")
@pytest.mark.parametrize(
    ("clock", "fact", "because"),
    [
        ("activity", activity("meeting-held", effective=True), "activity"),
        ("first-contact", activity("call-connected", first_contact=True), "activity"),
        ("quotation", activity("quotation", effective=True), "activity"),
        ("activity", activity("note"), None),
        ("activity", activity("call-tried", first_contact=True), None),
        ("assignment", activity("meeting-held", effective=True), None),
        ("assignment", LEASE, "protected"),
        ("activity", turned_over(), "turned-over"),
        ("activity", assigned(), "moved"),
        ("activity", RETURNED, "moved"),
        ("activity", LeadWon(**WHERE), "won"),
        ("activity", LeadLost(**WHERE, reason="price"), "lost"),
        ("activity", LeadClosed(**WHERE, reason="a test"), "closed"),
        ("activity", LeadNurtured(**WHERE, because="score"), "moved"),
    ],
)
def test_a_warning_is_over_when_its_clock_stands_still(
    clock: Clock, fact: Event, because: str | None
) -> None:
    state, made = after([said(warned(clock=clock))], SALES)
    _, then = after([said(fact)], SALES, state)

    (call,) = raised(made)
    assert ended(then) == ([(call.alert_id, because)] if because else [])


def test_a_lead_that_waits_on_is_counted_and_goes_up_where_nobody_acts() -> None:
    again = [said(queued(), hours(n)) for n in range(3)]
    state, made = after([*again, said(None, hours(24 * 3))], SALES)

    assert len(raised(made)) == 1
    assert sum(isinstance(one, AlertRepeated) for one in made) == 2
    assert next(one.person for one in made if isinstance(one, AlertEscalated)) == "dora"
    _, then = after([said(assigned())], SALES, state)
    assert [because for _, because in ended(then)] == ["moved"]


def test_who_is_away_is_stood_in_for_and_who_left_hears_nothing() -> None:
    gone = world(
        person("carl", absences=away(-1, 9), substitute="mei", manager="sena"),
        person("mei", manager="sena"),
        person("otto", left=True, successor="mei", manager="sena"),
        person("sena"),
        person("dora", role="head"),
    )
    _, made = after([said(warned()), said(assigned(former="otto"))], gone)

    warning, assignment = raised(made)
    assert (warning.person, warning.also) == ("mei", ["carl"])
    assert (assignment.person, assignment.also) == ("mei", ["sena"])


def test_what_a_recorded_pipeline_brings_along_calls_nobody() -> None:
    _, made = after([said(assigned(how="arrived"))], SALES)

    assert made == []


@pytest.mark.feature("N2")
def test_how_early_a_warning_was_sent_is_measured() -> None:
    state, made = after([said(warned())], SALES)
    (call,) = raised(made)
    report = ReportSent(alert_id=call.alert_id, endpoint="mail:carl", attempt=1, status=250)
    sent = CUSTOMER.react(state, said(report, hours(1)), SALES, hours(1))

    assert isinstance(sent, list)
    (told,) = sent
    assert isinstance(told, AlertSent)
    assert told.rung == "5d"
    assert told.before_due_seconds == (DUE - START - timedelta(hours=1)).total_seconds()


def test_only_who_gave_an_address_is_written_to_and_only_of_the_kinds_in_the_policy() -> None:
    known = world(
        person("carl", manager="sena", reachable=True),
        person("mei", manager="sena"),
        person("sena", reachable=True),
    )
    facts = [warned("due", manager_too=True), assigned(), pooled()]
    _, made = after([said(one) for one in facts], known)

    assert [(one.kind, one.mailed) for one in raised(made)] == [
        ("turnover-due", ["carl", "sena"]),
        ("lead-assigned", ["sena"]),
        ("lead-pooled", []),
    ]


EVERY = [
    warned(), warned("review", clock="review"), turned_over(), pooled(), CLAIMED, assigned(),
    queued(), RELEASED, RETURNED,
]  # fmt: skip


@pytest.mark.parametrize("fact", EVERY, ids=lambda one: one.TYPE)
def test_every_call_has_words_in_both_languages(fact: Event) -> None:
    _, made = after([said(fact)], SALES)
    (call,) = raised(made)
    english, chinese = worded(call, "en"), worded(call, "zh")

    assert (english.title, english.next_step) == (call.title, call.next_step)
    assert "l-1" in chinese.title
    assert english.next_step != chinese.next_step


def test_both_languages_know_every_kind_clock_and_field() -> None:
    for language, templates in TEMPLATES.items():
        assert set(templates) == set(get_args(AlertKind))
        assert set(CURES[language]) == set(get_args(Clock)) <= set(WORDS[language])
    for kind, texts in TEMPLATES["en"].items():
        other = TEMPLATES["zh"][kind]
        assert [set(named(one)) for one in texts] == [set(named(one)) for one in other]


@pytest.mark.parametrize("told", [{}, {"lead": ""}])
def test_a_missing_field_is_a_fault_before_anything_is_sent(told: dict[str, str]) -> None:
    with pytest.raises(MissingFieldError, match="turnover-due needs lead"):
        filled("turnover-due", "Lead {lead}", told)


@pytest.mark.feature("I2")
def test_a_lead_that_changed_hands_calls_nobody_any_more_of_its_former_party() -> None:
    left = LeadLeft(**WHERE, to="c-2")
    _, events = after([said(warned()), said(left)], SALES)
    assert [one.because for one in events if isinstance(one, AlertResolved)] == ["merged"]
