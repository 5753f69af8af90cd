"""Every topic of the house, and who reads which: declared once, for the door, the ACLs and the docs."""

from collections.abc import Iterable
from functools import cache

from perennial.contracts.alerts import ALERTS, ENDPOINTS
from perennial.contracts.base import Event, Topic
from perennial.contracts.customers import CUSTOMERS
from perennial.contracts.grades import GRADES
from perennial.contracts.leads import LEADS
from perennial.contracts.orders import ORDERS
from perennial.contracts.partner import DEMO, REPLAY, partner_topic
from perennial.contracts.platform import CLOCK, POLICIES, REJECTED
from perennial.contracts.registers import REGISTERS
from perennial.contracts.rounds import ROUNDS
from perennial.contracts.scores import SCORES

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        LEADS,
        ROUNDS,
        ORDERS,
        CUSTOMERS,
        SCORES,
        GRADES,
        ALERTS,
        ENDPOINTS,
        REGISTERS,
        CLOCK,
        *POLICIES.values(),
        *REJECTED.values(),
        REPLAY,
        DEMO,
    )
}

READS: dict[str, tuple[Topic, ...]] = {
    "lead-intake": (GRADES, REPLAY, DEMO, CLOCK),
    "scoring": (LEADS, ORDERS, CUSTOMERS, CLOCK),
    "lifecycle": (LEADS, ORDERS, SCORES, GRADES, REGISTERS, CLOCK),
    "notifications": (LEADS, CUSTOMERS, REGISTERS, CLOCK),
}
"""Topics of others that each service folds; lead-intake reads those of all its partners besides."""

EVENTS: dict[str, type[Event]] = {
    kind: event for topic in TOPICS.values() for kind, event in topic.events.items()
}


@cache
def topic_named(name: str) -> Topic:
    """The topic of that name; any `partner.<name>.v1` is one, for partners are added by deployments."""
    if name in TOPICS:
        return TOPICS[name]
    prefix, _, rest = name.partition(".")
    partner, _, version = rest.rpartition(".")
    if prefix == "partner" and partner and version == "v1":
        return partner_topic(partner)
    raise KeyError(f"no topic {name!r} in the catalogue")


def reads(service: str, partners: Iterable[str] = ()) -> tuple[Topic, ...]:
    """What a service subscribes to; `partners` are those this deployment has besides the built-in."""
    if service != "lead-intake":
        return READS[service]
    return READS[service] + tuple(topic_named(f"partner.{name}.v1") for name in partners)


def writes(service: str) -> tuple[Topic, ...]:
    return tuple(topic for topic in TOPICS.values() if topic.writer == service)


def readers(topic: Topic) -> tuple[str, ...]:
    return tuple(service for service, read in READS.items() if topic in read)


def is_partner(topic: Topic) -> bool:
    return topic.name.startswith("partner.")


def believes_recorded_time(topic: Topic) -> bool:
    """Our own writers stamp `recordedtime`; of the partners only recorded histories may."""
    return topic is REPLAY or not is_partner(topic)


def topic_of_type(kind: str) -> Topic:
    """The first topic that carries this type (policies and rejections have one topic per service)."""
    return next(topic for topic in TOPICS.values() if kind in topic.events)
