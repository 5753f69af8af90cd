"""One example of every event, made from its type: for documents, golden files and tests.

Every field is filled, so that a golden file notices any field that no longer decodes.
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
from msgspec import inspect

from perennial.contracts.base import Event, Fact, Topic

MOMENT = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
RECORDED = datetime(2026, 1, 31, 9, 0, 1, 250_000, tzinfo=UTC)
CUSTOMER = "01994d2e-6f00-7a10-8000-5eed00000001"
TEXTS = {
    "customer_id": CUSTOMER,
    "number": "26-000001-7",
    "month": "2026-01",
    "period": "2026-01",
    "currency": "EUR",
    "reporting_currency": "CNY",
    "timezone": "Asia/Shanghai",
    "opens": "08:30",
    "closes": "17:30",
    "policy": "scoring@3",
    "model": "pareto-nbd@2",
    "document": "{}",
    "email": "ann@example.org",
    "url": "https://example.org/alerts",
}


def example(event: type[Event]) -> Event:
    """An event of this type with every field set."""
    made: Event = msgspec.convert(_value(inspect.type_info(event), event.__name__), event)
    return made


def example_fact(topic: Topic, event: type[Event]) -> Fact:
    """The example as it travels on `topic`."""
    return Fact(
        data=example(event),
        id="01994d2e-6f00-8a10-8000-5eed00000002",
        key=CUSTOMER,
        now=RECORDED,
        time=MOMENT,
        topic=topic.name,
        type=event.TYPE,
        ver=1,
        source=f"/{topic.writer}",
        principal=topic.writer,
        correlation="01994d2e-6f00-7a10-8000-5eed00000003",
        causation="01994d2e-6f00-7a10-8000-5eed00000004",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        hops=1,
    )


def _value(kind: inspect.Type, name: str) -> Any:
    match kind:
        case inspect.Metadata():
            return _value(kind.type, name)
        case inspect.StructType():
            return {field.encode_name: _unlike_default(field) for field in kind.fields}
        case inspect.UnionType():
            return _value(next(t for t in kind.types if not isinstance(t, inspect.NoneType)), name)
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.CollectionType():
            return [_value(kind.item_type, name)]
        case inspect.DictType():
            return {"example": _value(kind.value_type, name)}
        case inspect.AnyType():
            return f"{name}-1"
        case _:
            return _plain(kind, name)


def _unlike_default(field: inspect.Field) -> Any:
    """Defaults are left out on the wire, and an example is to show every field."""
    made = _value(field.type, field.name)
    return not made if made is True and field.default is True else made


def _plain(kind: inspect.Type, name: str) -> Any:
    match kind:
        case inspect.StrType():
            return TEXTS.get(name) or f"{name.removesuffix('_id').replace('_', '-')}-1"
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return max(2, kind.ge or 2)
        case inspect.FloatType():
            return 0.25
        case inspect.DateTimeType():
            return MOMENT
        case inspect.DateType():
            return date(2026, 1, 31)
    raise TypeError(
        f"no example for {kind} in field {name}; say in contracts/examples.py what it is"
    )
