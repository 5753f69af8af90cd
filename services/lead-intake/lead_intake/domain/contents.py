"""What a fact says, in one short word: equal for equal content, whoever delivers it again."""

from datetime import UTC
from hashlib import blake2b
from typing import Any

import msgspec
from perennial.contracts.partner import CaptureLead, PlaceOrder

_encode = msgspec.json.Encoder(order="deterministic").encode


def content_of(said: PlaceOrder) -> str:
    """Of an order."""
    return _word(
        said.customer,
        said.placed_at.astimezone(UTC),
        said.currency,
        said.total,
        said.paid,
        said.units,
        said.lines,
        said.channel,
    )


def content_of_lead(said: CaptureLead) -> str:
    """Of a lead; contact data may be mended between deliveries."""
    return _word(
        said.party,
        said.captured_at.astimezone(UTC),
        said.kind,
        said.channel,
        said.campaign,
        said.product,
        said.expected_value,
        said.currency,
        said.holder,
    )


def short(text: str) -> str:
    """48 bits of an id: enough to tell those of one lead apart."""
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _word(*told: Any) -> str:
    return blake2b(_encode(told), digest_size=12).hexdigest()
