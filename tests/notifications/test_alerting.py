"""Who hears of what, once, and what happens when nobody answers."""

import pytest
from notifications.domain.alerting import Acknowledge, Customer, ReportSent, find
from notifications.domain.endpoints import Endpoint
from notifications.handlers import CUSTOMER
from perennial.contracts.alerts import (
    AlertAcknowledged,
    AlertEscalated,
    AlertRaised,
    AlertRepeated,
    AlertResolved,
    AlertSent,
)
from perennial.contracts.base import Event
from perennial.contracts.customers import (
    CustomerLost,
    CustomerMatured,
    CustomerRecovered,
    CustomerReleased,
    GrowthSlowed,
    RedLightCleared,
    WinbackOverdue,
)

from tests.notifications.told import (
    POLICY,
    SILENCE,
    STAFF,
    activated,
    after,
    away,
    hours,
    lit,
    person,
    refusal,
    said,
    world,
)


def of(kind: type[Event], made: list[Event]) -> list[Event]:
    return [one for one in made if type(one) is kind]


@pytest.mark.feature("N1")
def test_a_red_light_reaches_the_owner_with_evidence_and_what_to_do() -> None:
    _, made = after([activated(), lit(fact_id="light-1")])

    (raised,) = of(AlertRaised, made)
    assert isinstance(raised, AlertRaised)
    assert (raised.person, raised.also, raised.team) == ("anna", ["ben"], "north")
    assert raised.evidence == [SILENCE]
    assert "silence 92 (threshold 30)" in raised.title
    assert "root cause" in raised.next_step
    assert (raised.severity, raised.value_at_risk) == ("critical", 1_234_500)
    assert (raised.cause_event, raised.respond_by) == ("light-1", hours(24))


@pytest.mark.feature("N1")
@pytest.mark.parametrize(
    ("fact", "kind", "hears"),
    [
        (CustomerMatured(customer_id="c-1", owner="anna"), "maturity", "anna"),
        (GrowthSlowed(customer_id="c-1", owner="anna"), "growth-slowed", "anna"),
        (CustomerLost(customer_id="c-1"), "lost", "anna"),
        (CustomerRecovered(customer_id="c-1", case_id="w-1"), "recovered", "anna"),
        (WinbackOverdue(customer_id="c-1", case_id="w-1", owner="anna"), "winback-overdue", "mia"),
        (
            WinbackOverdue(customer_id="c-1", case_id="w-1", owner="anna", escalated_to="dora"),
            "winback-overdue",
            "dora",
        ),
    ],
)
def test_every_cause_calls_its_person_and_says_why(fact: Event, kind: str, hears: str) -> None:
    _, made = after([activated(), said(fact, fact_id="cause")])

    (raised,) = of(AlertRaised, made)
    assert isinstance(raised, AlertRaised)
    assert (raised.kind, raised.person) == (kind, hears)
    assert raised.evidence
    assert raised.next_step
    assert raised.severity == POLICY.kinds[raised.kind].severity


@pytest.mark.feature("N1")
@pytest.mark.parametrize(
    ("known", "owner", "hears", "copies"),
    [
        (STAFF, "anna", "anna", ["ben"]),
        (world(person("anna", absences=away(-1, 9), substitute="ben")), "anna", "ben", ["anna"]),
        (world(person("anna", left=True, successor="carl")), "anna", "carl", ["anna", "ben"]),
        (world(person("anna", left=True, manager="mia"), person("mia")), "anna", "mia", ["anna"]),
        (world(), "", "ben", ["duty-manager"]),
    ],
)
def test_an_absent_owner_is_stood_in_for(
    known: object, owner: str, hears: str, copies: list[str]
) -> None:
    watchers = [one for one in (owner, "ben") if one]
    _, made = after([activated(owner, watchers), lit(owner=owner)], known)  # type: ignore[arg-type]

    (raised,) = of(AlertRaised, made)
    assert isinstance(raised, AlertRaised)
    assert raised.person == hears
    assert set(copies) <= set(raised.also)


@pytest.mark.feature("N1")
def test_never_to_nobody() -> None:
    gone = world(
        person("anna", left=True, successor="ben", manager="mia"),
        person("ben", absences=away(-1, 99), substitute="anna"),
        person("mia", left=True, manager="anna"),
    )
    head = world(*gone.people.values(), person("zoe", role="head"))

    for known, last in ((gone, "duty-manager"), (head, "zoe")):
        _, made = after([activated(), lit()], known)
        (raised,) = of(AlertRaised, made)
        assert isinstance(raised, AlertRaised)
        assert raised.person == last


def test_one_alert_per_cause_and_repeats_are_counted_not_lost() -> None:
    again = [lit(hours(h), fact_id=f"light-{h}") for h in (0, 1, 2)]
    state, made = after([activated(), *again, lit(hours(3), fact_id="light-0")])

    assert len(of(AlertRaised, made)) == 1
    assert [one.repeats for one in of(AlertRepeated, made)] == [1, 2]  # type: ignore[attr-defined]
    assert state.live["red-light"].repeats == 2


def test_after_the_quiet_time_a_new_alert_takes_the_place_of_the_old_one() -> None:
    state, made = after([activated(), lit(), lit(hours(24 * 7))])

    first, second = of(AlertRaised, made)
    (over,) = of(AlertResolved, made)
    assert isinstance(over, AlertResolved)
    assert (over.alert_id, over.because) == (first.alert_id, "superseded")  # type: ignore[attr-defined]
    assert [one.id for one in state.live.values()] == [second.alert_id]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fact", "because"),
    [
        (RedLightCleared(customer_id="c-1"), "light-cleared"),
        (CustomerRecovered(customer_id="c-1", case_id="w"), "recovered"),
        (CustomerLost(customer_id="c-1"), "superseded"),
        (CustomerReleased(customer_id="c-1", reason="r", by="mia"), "released"),
    ],
)
def test_what_is_over_rings_no_longer(fact: Event, because: str) -> None:
    state, made = after([activated(), lit(fact_id="light"), said(fact), lit(hours(1))])

    assert [one.because for one in of(AlertResolved, made)] == [because]  # type: ignore[attr-defined]
    red = [one for one in of(AlertRaised, made) if one.kind == "red-light"]  # type: ignore[attr-defined]
    assert len(red) == 2
    assert find(state, red[0].alert_id).state == "resolved"  # type: ignore[attr-defined,union-attr]


@pytest.mark.feature("N7")
def test_unanswered_it_goes_up_the_chain_and_comes_to_rest() -> None:
    state, made = after([activated(), lit(), said(None, hours(24 * 30))])

    steps = [(one.step, one.person) for one in of(AlertEscalated, made)]  # type: ignore[attr-defined]
    assert steps == [(1, "mia"), (2, "dora"), (3, "dora")]
    assert CUSTOMER.due(state, STAFF) == {}


@pytest.mark.feature("N7")
def test_the_chain_ends_at_the_last_resort_even_where_managers_point_at_each_other() -> None:
    known = world(person("anna", manager="mia"), person("mia", manager="anna"))
    state, made = after([lit(), said(None, hours(24 * 30))], known)

    people = [one.person for one in of(AlertEscalated, made)]  # type: ignore[attr-defined]
    assert people == ["mia", "duty-manager", "duty-manager"]
    assert CUSTOMER.due(state, known) == {}


@pytest.mark.feature("N7")
def test_acknowledged_it_rests_and_acknowledging_twice_is_once() -> None:
    state, made = after([activated(), lit()])
    (raised,) = of(AlertRaised, made)
    seen = Acknowledge(alert_id=raised.alert_id)  # type: ignore[attr-defined]
    said_so = [said(seen, hours(h), principal="anna") for h in (1, 2)]
    state, made = after([*said_so, said(None, hours(24 * 30))], state=state)

    assert made == [AlertAcknowledged(alert_id=seen.alert_id, by="anna")]


@pytest.mark.feature("N7")
def test_an_alert_that_does_not_exist_is_refused_with_the_reason() -> None:
    no = refusal(said(Acknowledge(alert_id="al-none")), Customer())

    assert (no.code, no.kind) == ("alert-unknown", "missing")
    assert "GET /v1/alerts" in no.detail


def test_an_alert_names_the_endpoints_that_want_it() -> None:
    endpoints = [
        Endpoint(id="ep-all", enabled=True),
        Endpoint(id="ep-off", enabled=False),
        Endpoint(id="ep-ben", enabled=True, persons=["ben"]),
        Endpoint(id="ep-lost", enabled=True, kinds=["lost"]),
        Endpoint(id="ep-mia", enabled=True, persons=["mia"], kinds=["red-light"]),
    ]
    known = world(*STAFF.people.values(), endpoints=endpoints)
    _, made = after([activated(), lit(), said(None, hours(25))], known)

    raised, escalated = of(AlertRaised, made)[0], of(AlertEscalated, made)[0]
    assert raised.endpoints == ["ep-all", "ep-ben"]  # type: ignore[attr-defined]
    assert escalated.endpoints == ["ep-all", "ep-mia"]  # type: ignore[attr-defined]


@pytest.mark.feature("N8")
def test_a_delivery_is_told_of_even_after_the_alert_is_over() -> None:
    state, made = after([lit(), said(RedLightCleared(customer_id="c-1"))])
    alert_id = of(AlertRaised, made)[0].alert_id  # type: ignore[attr-defined]
    sent = ReportSent(alert_id=alert_id, endpoint="ep", attempt=1, status=204)
    _, made = after([said(sent)], state=state)

    assert made == [AlertSent(alert_id=alert_id, endpoint="ep", attempt=1, status=204)]


def test_the_published_events_rebuild_the_state_exactly() -> None:
    facts = [activated(), lit(), lit(hours(1)), said(None, hours(30)), lit(hours(24 * 8))]
    state, made = Customer(), []
    for fact in facts:
        state, events = after([fact], state=state)
        made += [(event, fact.now) for event in events]
    rebuilt = Customer()
    for event, now in made:
        rebuilt = CUSTOMER.evolve(rebuilt, event, now)

    assert rebuilt == state
