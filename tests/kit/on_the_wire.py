"""One order as partners and we write it."""

from datetime import UTC, datetime

from hypothesis import strategies as st
from perennial.contracts.base import Fact
from perennial.contracts.cloudevents import encode_data, headers
from perennial.contracts.partner import PlaceOrder

NOW = datetime(2026, 2, 1, tzinfo=UTC)
ORDER = {
    "order": "A-1",
    "customer": "C-1",
    "placed_at": "2026-01-31T09:00:00Z",
    "currency": "USD",
    "total": 1200,
}
ENVELOPE = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/till",
    "type": PlaceOrder.TYPE,
    "data": ORDER,
}

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)


def wire(fact: Fact) -> tuple[bytes, list[tuple[str, bytes]], bytes]:
    return fact.key.encode(), headers(fact), encode_data(fact.data)
