"""The demo's leads and sellers, without servers: what is drawn, how it reacts, how it is counted."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from perennial.contracts.partner import CloseLead, RecordActivity
from perennial_cli.demo import sample
from perennial_cli.demo.channels import CHANNELS
from perennial_cli.demo.company import STAFF
from perennial_cli.demo.funnel import fairness, funnel, turnover
from perennial_cli.demo.leads import FIRST_ORDERS, OTHERS, RETURNS, Story, history, stories
from perennial_cli.demo.office import CLOSES, HOLIDAYS, OPENS, is_working_day
from perennial_cli.demo.sales import claimable, claimers
from perennial_cli.demo.sales_force import ABSENCES, LEAVER, LEAVES, SELLERS, SUCCESSOR, works
from perennial_cli.demo.selling import Held, deeds, plan, releases

DAY = timedelta(days=1)
MONDAY = datetime(1997, 6, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def orders() -> list[tuple[str, datetime]]:
    return sample.orders()


@pytest.fixture(scope="module")
def told(orders: list[tuple[str, datetime]]) -> list[Story]:
    return stories(orders, sample.STARTS, sample.ENDS)


def some_day(held: Held, days: int = 60) -> dict[date, list[Any]]:
    """What is done on each day, should the lead stay where it is."""
    begun = held.since.date()
    found = {begun + n * DAY: deeds([held], begun + n * DAY) for n in range(days)}
    return {day: facts for day, facts in found.items() if facts}


def held_by(story: Story, person: str, since: datetime = MONDAY) -> Held:
    return Held(story, person, since)


def test_the_same_seed_makes_the_same_leads_and_another_makes_others(
    orders: list[tuple[str, datetime]], told: list[Story]
) -> None:
    assert stories(list(reversed(orders)), sample.STARTS, sample.ENDS) == told
    assert stories(orders, sample.STARTS, sample.ENDS, seed=7) != told
    assert len(told) == FIRST_ORDERS + RETURNS + OTHERS


def test_who_will_buy_is_a_lead_days_before_and_is_known_by_the_shops_own_id(
    orders: list[tuple[str, datetime]], told: list[Story]
) -> None:
    bought: dict[str, list[datetime]] = {}
    for customer, at in orders:
        bought.setdefault(customer, []).append(at)
    buyers = [story for story in told if story.fate == "order"]

    waits = [
        min(at for at in bought[story.said.party] if at > story.said.captured_at)
        - story.said.captured_at
        for story in buyers
    ]

    assert len(buyers) == FIRST_ORDERS + RETURNS
    assert {story.source for story in buyers} == {"cdnow"}
    assert all(DAY <= wait < 24 * DAY for wait in waits)
    assert not {story.said.party for story in told if story.fate != "order"} & set(bought)


def test_every_fact_has_an_id_of_its_own_and_follows_its_lead(told: list[Story]) -> None:
    facts = history(told)
    captured = {
        fact.data.lead: fact.time for fact in facts if fact.data.TYPE.endswith("captured.v1")
    }

    assert len({(fact.source, fact.id) for fact in facts}) == len(facts)
    assert [fact.time for fact in facts] == sorted(fact.time for fact in facts)
    assert facts[0].time >= sample.STARTS
    stirs = [fact for fact in facts if isinstance(fact.data, RecordActivity)]
    assert stirs
    assert all(fact.time > captured[fact.data.lead] for fact in stirs)
    assert {story.said.channel for story in told} == {channel.name for channel in CHANNELS}


def test_sellers_act_in_the_offices_hours_on_days_they_work(told: list[Story]) -> None:
    done = [
        (held.person, fact)
        for place, story in enumerate(told[::8])
        for held in [held_by(story, list(SELLERS)[place % len(SELLERS)], MONDAY + place * DAY)]
        for facts in some_day(held).values()
        for fact in facts
    ]

    assert len(done) > 200
    for person, fact in done:
        assert OPENS <= fact.time.hour < CLOSES
        assert works(person, fact.time.date())
    assert {fact.time.date() for _, fact in done}.isdisjoint(HOLIDAYS)
    assert not is_working_day(datetime(1997, 7, 4, 12, tzinfo=UTC))
    assert not works(ABSENCES[0].person, ABSENCES[0].first)
    assert not works(LEAVER, LEAVES)


def test_deeds_follow_the_gain_and_another_holder_begins_anew(told: list[Story]) -> None:
    story = next(one for one in told if one.fate == "deal")
    early, late = held_by(story, "mei"), held_by(story, "mei", MONDAY + 14 * DAY)
    other = held_by(story, "udo", MONDAY + 14 * DAY)

    assert plan(early) == plan(late)
    assert min(some_day(late)) >= late.since.date()
    firsts = [next(iter(some_day(one).values()))[0].data for one in (early, other)]
    assert [one.by for one in firsts] == ["mei", "udo"]
    assert len({one.activity for one in firsts}) == 2
    assert deeds([early], MONDAY.date()) == deeds([early], MONDAY.date())


def test_only_parties_without_orders_are_closed_and_each_once(told: list[Story]) -> None:
    ends: Counter[str] = Counter()
    for story in told:
        closes = [
            fact.data
            for facts in some_day(held_by(story, "rosa"), 40).values()
            for fact in facts
            if isinstance(fact.data, CloseLead)
        ]
        assert len(closes) <= (story.fate != "order")
        ends.update(close.outcome for close in closes)
    assert set(ends) == {"won", "lost", "disqualified"}


def test_who_neglects_leads_does_less_and_who_is_better_wins_more(told: list[Story]) -> None:
    deals = [story for story in told if story.fate == "deal"]

    def share(person: str, what: str) -> float:
        plans = [plan(held_by(story, person)) for story in deals]
        return sum(any(step.what == what for step in steps) for steps in plans) / len(deals)

    assert share("will", "quotation") < 0.6 < share("mei", "quotation")
    assert share("yara", "won") < share("carl", "won")


def test_a_lead_is_let_go_instead_of_lost_by_a_call_of_its_holder(told: list[Story]) -> None:
    let_go = [
        held
        for story in told
        if story.fate == "deal"
        for held in [held_by(story, "vera")]
        if any(step.what == "released" for step in plan(held))
    ]
    days = [MONDAY.date() + n * DAY for n in range(40)]

    assert let_go
    for held in let_go:
        assert sum(bool(releases([held], day)) for day in days) == 1
        assert not [
            d for facts in some_day(held).values() for d in facts if d.data.TYPE == CloseLead.TYPE
        ]


def test_the_pool_is_looked_into_by_who_claims_and_only_what_has_lain_is_taken() -> None:
    found = {person for n in range(60) for person in claimers(MONDAY.date() + n * DAY)}
    rows = [
        {"lead_id": "a", "claimable_from": "1997-06-02T00:00:00Z"},
        {"lead_id": "b", "claimable_from": "1997-06-02T00:00:01Z"},
        {"lead_id": "c"},
    ]

    assert found == {name for name, one in SELLERS.items() if one.conduct.claims}
    assert claimers(date(1997, 6, 1)) == []
    assert claimable(rows, MONDAY) == ["a"]


def test_sellers_of_every_level_stand_in_every_team() -> None:
    assert {(one.team, one.level) for one in SELLERS.values()} == {
        (team, level) for team in ("north", "south", "harbour") for level in range(1, 6)
    }
    assert SUCCESSOR in SELLERS
    assert all(STAFF[name]["manager"] in STAFF for name in SELLERS)


def lead(stage: str, *holdings: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {
        "lead_id": "l1",
        "stage": stage,
        "channel": "sms",
        "grade": "2A",
        "since": "1997-06-12T00:00:00Z",
    }
    return {
        **told,
        "touches": [{"channel": "sms", "cost": 100}],
        "holdings": list(holdings),
        **more,
    }


def holding(person: str, ended: str = "", how: str = "matched") -> dict[str, Any]:
    return {"person": person, "since": "1997-06-02T00:00:00Z", "how": how, "ended": ended}


def test_turnover_counts_holdings_and_what_later_holders_won() -> None:
    leads = [
        lead("won", holding("will", "turned-over"), holding("mei", "won", "claimed")),
        lead("lost", holding("will", "lost"), lead_id="l2"),
        lead("pooled", holding("will", "released"), lead_id="l3"),
    ]
    moves = [
        {"lead_id": "l1", "what": "turned-over", "reason": "activity"},
        {"lead_id": "l1", "what": "pooled"},
        {"lead_id": "l1", "what": "claimed"},
        {"lead_id": "l3", "what": "pooled"},
    ]

    found = turnover(leads, moves)

    assert (found.assignments, found.turned_over, found.rate) == (4, 1, 0.25)
    assert (found.by_way, found.by_clock) == ({"claimed": 1, "matched": 3}, {"activity": 1})
    assert (found.second_holders, found.won_by_later_holders) == (1, 1)
    will = next(one for one in found.by_seller if one.person == "will")
    assert (will.held, will.turned_over, will.released, will.lost, will.turnover) == (
        3,
        1,
        1,
        1,
        0.3333,
    )
    pool = found.pool
    assert (pool.entered, pool.claimed, pool.lying, pool.won_after_claim) == (2, 1, 1, 1)


def test_the_funnel_narrows_by_channel_and_a_win_has_its_cost() -> None:
    won = lead("won", holding("mei", "won"), ready_at="1997-06-02T00:00:00Z")
    other = lead("nurture", lead_id="l2", channel="referral")

    found = funnel([won, lead("lost", lead_id="l3"), other])

    sms = found.by_channel[0]
    assert (sms.channel, sms.captured, sms.ready, sms.assigned, sms.won, sms.lost) == (
        "sms",
        2,
        1,
        1,
        1,
        1,
    )
    assert (sms.cost, sms.cost_per_win, sms.conversion) == (200, 200, 0.5)
    assert (found.everything.captured, found.everything.conversion) == (3, 0.3333)
    assert found.by_channel[1].cost_per_win is None
    assert (found.days_to_win, found.stages) == (10, {"lost": 1, "nurture": 1, "won": 1})


def test_an_even_share_is_fair_and_a_favourite_is_found() -> None:
    peers = [name for name, one in SELLERS.items() if one.level == 2]
    even = [lead("held", holding(peers[n % 3])) for n in range(30)]
    skewed = [lead("held", holding(peers[0])) for _ in range(30)]

    fair, unfair = fairness(even, "2A"), fairness(skewed, "2A")

    assert fair is not None
    assert unfair is not None
    assert (fair.within, fair.expected, fair.actual) == (True, 10, 10)
    assert (unfair.within, unfair.worst, unfair.actual) == (False, peers[0], 30)
    assert fairness(even, "5A") is None
