"""A company's recorded life out of a simulated run in which nothing went wrong: what a what-if starts from."""

from perennial.kit.batch import Record
from perennial.kit.recorded import Log, Recorded
from perennial.kit.rerun import steps_of
from perennial.kit.subject import Service

from tests.simulation.broker import Broker
from tests.simulation.campaign import NO_FAULTS
from tests.simulation.running import SERVICES, Plan, through


def lives(
    seed: int, days: int, *, live: bool = False, wild: bool = False, leaver: str = ""
) -> list[Recorded]:
    """All four services'; no build breaks, for what broke stands in no journal."""
    plan = Plan(f"{seed}", days, True, live, wild, NO_FAULTS, spoilt=False, leaver=leaver)
    made = through(plan)
    assert made.world.defects == []
    return [
        Recorded(
            service,
            steps_of(sorted(made.tables[service.name].journal)),
            _log(service, made.broker),
            dict(made.tables[service.name].event),
        )
        for service in SERVICES
    ]


def _log(service: Service, broker: Broker) -> Log:
    log = Log(service)
    for (topic, part), entries in broker.partitions.items():
        log.add(
            Record(topic, part, offset, one.key, one.value, one.headers)
            for offset, one in enumerate(entries)
        )
    return log
