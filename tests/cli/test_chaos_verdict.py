"""The verdict on a chaos run can fail: each planted fault is found, and named for what it is."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from perennial.contracts.catalogue import writes
from perennial.contracts.platform import SERVICES
from perennial_cli.chaos_check import Check
from perennial_cli.chaos_ledger import Account, Ledger, Said, read_account
from perennial_cli.chaos_readings import Readings, Stream
from perennial_cli.chaos_verdict import judge
from perennial_cli.events import Seen

pytestmark = pytest.mark.feature("P2")
ORDERS, CUSTOMERS, ALERTS = "orders.v1", "customers.v1", "alerts.v1"


def said(number: int, kind: Any = "order") -> Said:
    order = f"kim-{number}"
    own = f"{order}-p" if kind == "payment" else ""
    return Said(
        id=f"{kind}:{number}", channel="rest", customer="kim", kind=kind, order=order, own=own,
        amount=100, paid=True,
    )  # fmt: skip


def event(topic: str, ver: int, kind: str, **data: Any) -> Seen:
    headers = {"ce_id": f"{topic}-{ver}", "ce_type": f"perennial.{kind}.v1"}
    headers["ce_sequence"] = f"{ver:020d}"
    return Seen(topic, 0, ver, datetime(2026, 1, 1, tzinfo=UTC), "c1", headers, json.dumps(data))


def order_event(ver: int, number: int) -> Seen:
    return event(ORDERS, ver, "order.placed", order_id=f"o{number}", number=f"kim-{number}")


class Run:
    """A run in which all went well; each test breaks one thing."""

    def __init__(self) -> None:
        self.account = Account([said(1), said(2)], {"order:1": ["o1"], "order:2": ["o2", "o2"]})
        self.log = {
            ORDERS: [order_event(1, 1), order_event(2, 2), order_event(2, 2)],
            CUSTOMERS: [
                event(CUSTOMERS, 1, "customer.activated", customer_id="c1", number="C-2026-000001-9"),
                event(CUSTOMERS, 2, "customer.red-light-lit"),
            ],
            ALERTS: [
                event(ALERTS, 1, "alert.raised", cause_event=f"{CUSTOMERS}-2", alert_id="al"),
            ],
        }  # fmt: skip
        self.poison: list[Any] = []
        self.aside: dict[str, list[Any]] = {service: [] for service in SERVICES}
        self.orders = [{"number": f"kim-{n}", "revenue": 100, "status": "paid"} for n in (1, 2)]
        self.score = {"orders": 2, "revenue": 200}
        self.archive = [("c1", 1), ("c1", 2)]
        self.recorded = {topic: list(_stream(log).places()) for topic, log in self.log.items()}

    def verdict(self) -> dict[str, Check]:
        streams = {topic.name: Stream() for service in SERVICES for topic in writes(service)}
        for topic, log in self.log.items():
            for one in log:
                streams[topic].take(one)
        readings = Readings(
            streams=streams,
            recorded={
                service: [p for topic in writes(service) for p in self.recorded.get(topic.name, [])]
                for service in SERVICES
            },
            archive=self.archive,
            poison=self.poison,
            aside=self.aside,
            orders={"c1": self.orders},
            scores={"c1": self.score},
            alerts=["al"],
        )
        return {check.name: check for check in judge(self.account, readings)}

    def broken(self) -> dict[str, tuple[int, int, int, int]]:
        """The checks that found something: lost, doubled, invented, out of order."""
        return {
            name: (check.lost, check.doubled, check.invented, check.disordered)
            for name, check in self.verdict().items()
            if check.violations
        }


def _stream(log: list[Seen]) -> Stream:
    stream = Stream()
    for one in log:
        stream.take(one)
    return stream


def test_a_run_in_which_all_went_well_has_no_violation() -> None:
    run = Run()
    assert run.broken() == {}
    assert run.verdict()["order facts"].held == 2


def test_a_fact_that_never_arrived_is_lost() -> None:
    run = Run()
    run.account.said.append(said(3))
    run.account.acknowledged["order:3"] = ["o3"]
    broken = run.broken()
    assert broken["order facts"] == (1, 0, 0, 0)
    assert broken["lead-intake orders"] == (1, 0, 0, 0)
    assert "scoring rows" in broken


def test_an_event_under_a_new_version_is_doubled_and_a_repeat_is_not() -> None:
    run = Run()
    run.log[ORDERS].append(order_event(3, 2))
    assert run.broken()["order facts"] == (0, 1, 0, 0)


def test_what_nobody_said_is_invented() -> None:
    run = Run()
    run.log[ORDERS].append(order_event(3, 9))
    broken = run.broken()
    assert broken["order facts"] == (0, 0, 1, 0)
    assert broken["lead-intake events"] == (0, 0, 1, 0)


def test_the_order_of_a_customer_matters() -> None:
    run = Run()
    run.log[ORDERS] = [order_event(1, 2), order_event(2, 1)]
    assert run.broken()["order facts"] == (0, 0, 0, 1)


def test_gaps_and_forks_are_seen() -> None:
    run = Run()
    run.log[ORDERS].append(order_event(4, 3))
    assert run.broken()["versions"] == (0, 0, 0, 1)
    forked = Run()
    other = event(ORDERS, 2, "order.placed", order_id="o2", number="kim-2")
    other.headers["ce_id"] = "another"
    forked.log[ORDERS].append(other)
    assert forked.broken() == {"versions": (0, 0, 0, 1)}


def test_an_alert_is_owed_once_for_each_cause() -> None:
    missing = Run()
    missing.log[ALERTS], missing.recorded[ALERTS] = [], []
    assert missing.broken()["alerts per cause"] == (1, 0, 0, 0)
    twice = Run()
    told = event(ALERTS, 2, "alert.raised", cause_event=f"{CUSTOMERS}-2", alert_id="al")
    twice.log[ALERTS].append(told)
    assert twice.broken()["alerts per cause"] == (0, 1, 0, 0)


def test_numbers_leave_no_gap() -> None:
    run = Run()
    second = {"customer_id": "c1", "number": "C-2026-000002-9"}
    run.log[CUSTOMERS][0] = event(CUSTOMERS, 1, "customer.activated", **second)
    assert run.broken()["activations"] == (1, 0, 0, 0)


def test_what_was_asked_again_must_be_answered_alike() -> None:
    run = Run()
    run.account.acknowledged["order:2"].append("o7")
    run.account.acknowledged.pop("order:1")
    assert run.broken()["answers"] == (1, 0, 1, 0)


def test_poison_is_set_aside_once_by_each_reader_and_nothing_else_is() -> None:
    run = Run()
    run.poison = [(CUSTOMERS, 3, 7, "parked")]
    run.aside["scoring"] = run.aside["notifications"] = [(CUSTOMERS, 3, 7, "parked")]
    assert run.broken() == {}
    run.aside["lifecycle"] = [(ORDERS, 0, 2, "parked")]
    run.aside["scoring"] = [(CUSTOMERS, 3, 7, "behind")]
    assert run.broken() == {"set aside": (1, 0, 2, 0)}


def test_what_lifecycle_keeps_twice_is_doubled() -> None:
    run = Run()
    run.archive.append(("c1", 2))
    assert run.broken() == {"lifecycle archive": (0, 1, 0, 0)}


def test_one_event_under_two_versions_is_doubled() -> None:
    run = Run()
    again = order_event(3, 2)
    again.headers["ce_id"] = run.log[ORDERS][1].id
    run.log[ORDERS].append(again)
    assert run.broken()["events under one version"] == (0, 1, 0, 0)


def test_the_ledger_reads_back_what_was_written(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.ndjson") as ledger:
        for fact in (said(1), said(1, "payment")):
            ledger.say(fact)
        ledger.acknowledge(said(1), "o1")
    account = read_account(tmp_path / "ledger.ndjson")
    assert [fact.name for fact in account.said] == ["order kim-1", "payment kim-1 kim-1-p"]
    assert account.unanswered() == ["payment:1"]
