"""The verdict on leads can fail: each planted fault is found, and named for what it is."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from perennial_cli.chaos_ledger import Account, Answered, Said, Wished
from perennial_cli.chaos_market import FEW_AT_ONCE, FEW_IN_ALL, FLOOR, lively
from perennial_cli.chaos_readings import Stream
from perennial_cli.chaos_shoppers import Prospect
from perennial_cli.chaos_verdict_leads import judge_leads
from perennial_cli.events import Seen

pytestmark = pytest.mark.feature("P2")
START = datetime(2026, 1, 1, tzinfo=UTC)
ANN, BO = FEW_AT_ONCE[0].name, FEW_AT_ONCE[1].name
SHORT = FEW_IN_ALL[0]


class Topic:
    """`leads.v1` as it is written, one event a second."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.at = START
        self._vers: dict[str, int] = {}

    def write(
        self, kind: str, lead: str = "l1", *, key: str = "c1", by: str = "", **data: Any
    ) -> None:
        self.at += timedelta(seconds=1)
        ver = self._vers[key] = self._vers.get(key, 0) + 1
        headers = {
            "ce_id": f"{key}-{ver}", "ce_type": f"perennial.lead.{kind}.v1",
            "ce_sequence": f"{ver:020d}", "ce_recordedtime": self.at.isoformat(),
            "ce_causationid": f"11:{FLOOR}:{by}" if by else "",
        }  # fmt: skip
        text = json.dumps({"lead_id": lead, **data})
        self.stream.take(Seen("leads.v1", 0, ver, self.at, key, headers, text))

    def gain(self, holder: str, lead: str = "l1", **more: Any) -> None:
        told: dict[str, Any] = {"holder": holder, "former": "", "how": "matched", **more}
        self.write("assigned", lead, key=f"c-{lead}" if lead != "l1" else "c1", **told)

    def broken(self, account: Account | None = None) -> dict[str, tuple[int, int, int, int]]:
        checks = judge_leads(account or Account([], {}), self.stream)
        return {
            one.name: (one.lost, one.doubled, one.invented, one.disordered)
            for one in checks
            if one.violations
        }


def said(kind: Any, own: str = "", lead: str = "1") -> Said:
    return Said(id=f"{kind}:{own or lead}", channel="rest", customer="kim", kind=kind, lead=lead, own=own)  # fmt: skip


def told() -> tuple[Topic, Account]:
    """A lead with an activity and its end, said and written."""
    topic = Topic()
    topic.write("captured", number="1")
    topic.write("activity-logged", activity_id="a1")
    topic.write("lost", holder="")
    return topic, Account([said("lead"), said("activity", "a1"), said("close")], {})


def test_a_lead_that_went_well_has_no_violation() -> None:
    topic, account = told()
    topic.write("captured", lead="l2", number="2")
    account.said.append(said("lead", lead="2"))
    topic.write("readied", lead="l2")
    topic.write("assigned", lead="l2", holder=ANN, former="", how="matched")
    topic.write("turnover-warned", lead="l2", holder=ANN)
    topic.write("turned-over", lead="l2", former=ANN)
    topic.write("pooled", lead="l2")
    topic.write("claimed", lead="l2", holder=BO, former=ANN)
    topic.write("assigned", lead="l2", holder=ANN, former=BO, how="person")
    assert topic.broken(account) == {}


def test_facts_of_leads_are_neither_lost_nor_doubled_nor_turned_round() -> None:
    topic, account = told()
    account.said.append(said("activity", "a2"))
    assert topic.broken(account) == {"lead facts": (1, 0, 0, 0)}
    topic, account = told()
    topic.write("activity-logged", activity_id="a1")
    assert topic.broken(account)["lead facts"] == (0, 1, 0, 1)
    topic, account = told()
    account.said[1:] = account.said[:0:-1]
    assert topic.broken(account) == {"lead facts": (0, 0, 0, 1)}


def test_an_end_belongs_to_the_lead_that_a_further_touch_has_joined() -> None:
    topic = Topic()
    topic.write("captured", number="1")
    topic.write("touched", number="2")
    topic.write("won", holder="")
    account = Account([said("lead"), said("lead", lead="2"), said("close", lead="2")], {})
    assert topic.broken(account) == {}


def wish(done: bool) -> Account:
    asked = Wished(id="w1", verb="pool", lead="l1")
    return Account([], {}, [asked], {"w1": [Answered(id="w1", done=done)]})


def test_a_wish_that_was_answered_as_done_has_happened_once() -> None:
    topic = Topic()
    assert topic.broken(wish(done=True)) == {"wishes done": (1, 0, 0, 0)}
    topic.write("pooled", by="w1")
    assert topic.broken(wish(done=True)) == {}
    assert topic.broken(wish(done=False)) == {"wishes done": (0, 0, 1, 0)}
    topic.write("pooled", by="w1")
    assert topic.broken(wish(done=True)) == {"wishes done": (0, 1, 0, 0)}


@pytest.mark.parametrize(
    "plant",
    [
        lambda topic: topic.gain(BO),
        lambda topic: topic.gain(BO, former=ANN, how="matched"),
        lambda topic: topic.write("claimed", holder=BO, former=ANN),
        lambda topic: topic.write("released", former=BO),
        lambda topic: topic.write("pooled"),
        lambda topic: topic.write("turnover-warned", holder=BO),
    ],
)
def test_two_holders_at_once_are_seen(plant: Callable[[Topic], None]) -> None:
    topic = Topic()
    topic.gain(ANN)
    assert topic.broken() == {}
    plant(topic)
    assert topic.broken()["one holder at a time"] == (0, 0, 0, 1)


def test_nothing_moves_after_the_end() -> None:
    topic = Topic()
    topic.write("closed", holder="")
    topic.gain(ANN)
    assert topic.broken()["one holder at a time"] == (0, 0, 0, 1)


def test_limits_are_counted_over_all_leads() -> None:
    topic = Topic()
    for number in range(FEW_AT_ONCE[0].open):
        topic.gain(ANN, f"held-{number}")
    assert topic.broken() == {}
    topic.gain(ANN, "one-more")
    assert topic.broken()["sellers' limits"] == (0, 1, 0, 0)
    many = Topic()
    for number in range(SHORT.inflow + 1):
        many.gain(SHORT.name, f"l-{number}")
        many.write("released", f"l-{number}", key=f"c-l-{number}", former=SHORT.name)
    assert many.broken() == {"sellers' limits": (0, 1, 0, 0)}


def test_prospects_tell_each_lead_in_order_and_by_their_seed() -> None:
    one, again = (Prospect("rest", 1, Random("s")) for _ in range(2))
    facts = [one.next() for _ in range(40)]
    assert [fact.id for fact in facts] == [again.next().id for _ in facts]
    assert {fact.kind for fact in facts} == {"lead", "activity", "close"}
    assert len({fact.name for fact in facts}) == len(facts)


def test_lively_rules_leave_the_others_alone() -> None:
    document = {
        "turnover": {"rules": [], "warnings": [], "lease": {"period": "14d", "most": 2}},
        "holding": {"handovers": {"most": 2}, "queue": "head"},
        "pools": [{"name": "public", "hold_new": "24h"}],
        "most_returns": 2,
    }
    rules = lively(document)
    assert rules["holding"]["queue"] == "head"
    assert rules["pools"][0]["hold_new"] == "0min"
    assert document["most_returns"] == 2
