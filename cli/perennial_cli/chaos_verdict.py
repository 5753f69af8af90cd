"""Ledger against readings: what is lost, doubled, invented or out of order. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from perennial.contracts.alerts import AlertRaised, AlertRepeated
from perennial.contracts.catalogue import READS, writes
from perennial.contracts.customers import (
    CustomerActivated,
    CustomerLost,
    CustomerMatured,
    CustomerRecovered,
    GrowthSlowed,
    RedLightLit,
    WinbackOverdue,
)
from perennial.contracts.holdings import LeadAssigned, LeadClaimed, LeadReleased, LeadTurnedOver
from perennial.contracts.leads import LeadReturned
from perennial.contracts.orders import OrderCancelled, OrderPaid, OrderPlaced, OrderReturned

from perennial_cli.chaos_check import SHOWN, Check, compared
from perennial_cli.chaos_ledger import Account, Said
from perennial_cli.chaos_readings import Readings
from perennial_cli.chaos_verdict_leads import judge_leads
from perennial_cli.events import Seen

CALLS = tuple(
    event.TYPE
    for event in (
        RedLightLit,
        CustomerMatured,
        GrowthSlowed,
        CustomerLost,
        CustomerRecovered,
        WinbackOverdue,
    )
)
"""What a person must be told of, once each; likewise of leads."""
LEAD_CALLS = tuple(
    event.TYPE for event in (LeadAssigned, LeadClaimed, LeadTurnedOver, LeadReleased, LeadReturned)
)


def judge(account: Account, readings: Readings) -> list[Check]:
    """All comparisons; the system kept its promise if none has a violation."""
    return [
        _answers(account),
        _facts(account, readings),
        _orders(account, readings),
        _scores(account, readings),
        compared("lifecycle archive", _order_places(readings), readings.archive),
        _activated(account, readings),
        *judge_leads(account, readings.streams["leads.v1"]),
        compared("alerts per cause", _calls(readings), _told(readings)),
        compared("alerts over REST", _raised(readings), readings.alerts),
        *_published(readings),
        _versions(readings),
        _event_ids(readings),
        _set_aside(readings),
    ]


def _answers(account: Account) -> Check:
    """Everything said was answered in the end, and asked again the answer was the same."""
    open_facts, changed = account.unanswered(), account.changed_answers()
    examples = [*(f"unanswered {one}" for one in open_facts), *(f"changed {c}" for c in changed)]
    held = len(account.said) + len(account.wished) - len(open_facts)
    return Check("answers", held, len(open_facts), invented=len(changed), examples=examples[:SHOWN])


def _facts(account: Account, readings: Readings) -> Check:
    """Each fact once on `orders.v1`, and each customer's in the order in which they were said."""
    numbers = _numbers(readings)
    found = {
        key: [_name(event, numbers) for event in events]
        for key, events in readings.streams["orders.v1"].events.items()
    }
    check = compared(
        "order facts",
        (fact.name for fact in account.said if fact.order),
        (name for names in found.values() for name in names),
    )
    said = {fact.name: (fact.customer, n) for n, fact in enumerate(account.said)}
    for key, names in found.items():
        check.in_order(key, (said[name] for name in names if name in said))
    return check


def _numbers(readings: Readings) -> dict[str, str]:
    """Our id of each order → its number in the ledger."""
    placed = readings.streams["orders.v1"].of_type(OrderPlaced.TYPE)
    return {event.data["order_id"]: event.data["number"] for event in placed}


def _name(event: Seen, numbers: dict[str, str]) -> str:
    """An order event in the ledger's words."""
    order = numbers.get(event.data["order_id"], f"unknown {event.data['order_id']}")
    names = {
        OrderPlaced.TYPE: f"order {order}",
        OrderPaid.TYPE: f"payment {order} {event.data.get('payment_id')}",
        OrderReturned.TYPE: f"return {order} {event.data.get('return_id')}",
        OrderCancelled.TYPE: f"cancel {order}",
    }
    return names.get(event.type, f"{event.type} {event.id}")


@dataclass
class _Books:
    """An order as the ledger alone knows it."""

    customer: str
    net: int = 0
    received: int = 0
    cancelled: bool = False

    def enter(self, fact: Said) -> None:
        match fact.kind:
            case "order":
                self.net += fact.amount
            case "payment":
                self.received += fact.amount
            case "return":
                self.net -= fact.amount
            case "cancel":
                self.net, self.cancelled = 0, True


def _books(account: Account) -> dict[str, _Books]:
    books: dict[str, _Books] = {}
    for fact in filter(attrgetter("order"), account.said):
        books.setdefault(fact.order, _Books(fact.customer)).enter(fact)
    return books


def _orders(account: Account, readings: Readings) -> Check:
    """Each order with what is left of it, as lead-intake tells it over REST."""
    expected = (
        (number, one.net, one.received, one.cancelled) for number, one in _books(account).items()
    )
    found = (
        (row["number"], row.get("revenue", 0), row.get("received", 0), row["status"] == "cancelled")
        for rows in readings.orders.values()
        for row in rows
    )
    return compared("lead-intake orders", expected, found)


def _scores(account: Account, readings: Readings) -> Check:
    """Number of live orders and their sum for each customer, as scoring tells them over REST."""
    sums: dict[str, list[int]] = {}
    for one in _books(account).values():
        entry = sums.setdefault(one.customer, [0, 0])
        entry[0] += not one.cancelled
        entry[1] += one.net
    names = {
        key: rows[0]["number"].rpartition("-")[0] for key, rows in readings.orders.items() if rows
    }
    found = (
        (names.get(key, key), score.get("orders"), score.get("revenue"))
        for key, score in readings.scores.items()
    )
    return compared("scoring rows", ((who, *told) for who, told in sums.items()), found)


def _activated(account: Account, readings: Readings) -> Check:
    """Every customer's first order is paid: each has one number, and numbers leave no gap."""
    made = list(readings.streams["customers.v1"].of_type(CustomerActivated.TYPE))
    check = compared("activations", readings.orders, (event.data["customer_id"] for event in made))
    running = Counter(tuple(event.data["number"].split("-")[1:3]) for event in made)
    for year in {year for year, _ in running}:
        used = sorted(int(number) for of, number in running if of == year)
        missing = set(range(1, len(used) + 1)) - set(used)
        check.lost += len(missing)
        check.examples += [f"no number {year}-{number}" for number in sorted(missing)[:SHOWN]]
    check.doubled += sum(count - 1 for count in running.values())
    return check


def _order_places(readings: Readings) -> Iterator[tuple[str, int]]:
    return ((key, ver) for _, key, ver, _ in readings.streams["orders.v1"].places())


def _calls(readings: Readings) -> Iterator[str]:
    for topic, kinds in (("customers.v1", CALLS), ("leads.v1", LEAD_CALLS)):
        yield from (event.id for event in readings.streams[topic].of_type(*kinds))


def _told(readings: Readings) -> Iterator[Any]:
    """Causes of alerts; some are told of leads that others made needless, and aren't counted."""
    counted = {*CALLS, *LEAD_CALLS}
    streams = (readings.streams[topic] for topic in ("customers.v1", "leads.v1"))
    others = {one.id for each in streams for one in each.all() if one.type not in counted}
    alerts = readings.streams["alerts.v1"].of_type(AlertRaised.TYPE, AlertRepeated.TYPE)
    causes = (event.data["cause_event"] for event in alerts)
    return (cause for cause in causes if cause not in others)


def _raised(readings: Readings) -> Iterator[Any]:
    raised = readings.streams["alerts.v1"].of_type(AlertRaised.TYPE)
    return (event.data["alert_id"] for event in raised)


def _published(readings: Readings) -> Sequence[Check]:
    """What each service recorded stands on its topics, and nothing else does."""
    checks = []
    for service, places in readings.recorded.items():
        found = [
            place for topic in writes(service) for place in readings.streams[topic.name].places()
        ]
        checks.append(compared(f"{service} events", places, found))
    return checks


def _versions(readings: Readings) -> Check:
    """Versions 1, 2, 3 … of every key of every topic, without gaps."""
    faults = [fault for stream in readings.streams.values() for fault in stream.faults]
    events = sum(len(one) for stream in readings.streams.values() for one in stream.events.values())
    return Check("versions", events, disordered=len(faults), examples=faults[:SHOWN])


def _event_ids(readings: Readings) -> Check:
    """No event stands on a topic under two versions."""
    found = [(topic, one.id) for topic, each in readings.streams.items() for one in each.all()]
    return compared("events under one version", set(found), found)


def _set_aside(readings: Readings) -> Check:
    """What could not be read is set aside once by everybody who reads its topic, and nothing else is."""
    topics = {service: {topic.name for topic in read} for service, read in READS.items()}
    return compared(
        "set aside",
        (
            (name, *one)
            for name, read in topics.items()
            for one in readings.poison
            if one[0] in read
        ),
        ((name, *one) for name, aside in readings.aside.items() for one in aside),
    )
