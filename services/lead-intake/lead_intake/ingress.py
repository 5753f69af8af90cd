"""From what a partner says to what the rules fold: ids worked out, contact data sealed, key found.

Nothing past this point sees a name or an address in the clear: not the fold, not what waits or is
parked, not the events.
"""

from typing import Any, Protocol

import msgspec
from msgspec.structs import replace
from perennial.contracts.base import Fact
from perennial.contracts.partner import CancelOrder, PlaceOrder, RecordPayment, RecordReturn

from lead_intake.bodies import Contact
from lead_intake.domain.identity import claims_of, order_id, party_id, system_of
from lead_intake.domain.requests import CancelSaid, OrderSaid, PaymentSaid, ReturnSaid, Said

Saying = PlaceOrder | RecordPayment | RecordReturn | CancelOrder


class Sealing(Protocol):
    """What the edge needs to make contact data unreadable, yet comparable."""

    @property
    def pepper(self) -> bytes:
        """Secret key of the claims' hashes, one for a company."""

    async def seal(self, party: str, plain: bytes) -> str:
        """Encrypts for one party; making the party's key where it has none yet."""

    async def open(self, party: str, sealed: str) -> bytes | str:
        """What was sealed; the word `erased` once the party's key is gone."""


async def adapt(fact: Fact, sealing: Sealing) -> Fact:
    """A partner's fact as the rules fold it; what is adapted already passes as it is."""
    if not isinstance(fact.data, Saying):
        return fact
    source = system_of(fact.principal, fact.source)
    said = await said_by(source, fact.data, sealing)
    return replace(fact, data=said, type=said.TYPE)


async def said_by(source: str, saying: Saying, sealing: Sealing) -> Said:
    """The same fact with the ids that follow from its words in that source."""
    order = order_id(source, saying.order)
    match saying:
        case PlaceOrder():
            return await _order_said(source, order, saying, sealing)
        case RecordPayment():
            return PaymentSaid(order_id=order, source=source, said=saying)
        case RecordReturn():
            return ReturnSaid(order_id=order, source=source, said=saying)
        case CancelOrder():
            return CancelSaid(order_id=order, source=source, said=saying)


async def sealed_contact(key: str, contact: Contact, standing: str, sealing: Sealing) -> str:
    """Contact data of a register entry. Said again they keep their seal: nothing has changed."""
    plain = msgspec.json.encode(contact)
    if standing and await sealing.open(key, standing) == plain:
        return standing
    return await sealing.seal(key, plain)


async def opened_contact(key: str, sealed: str, sealing: Sealing) -> Contact | None:
    """The contact data of a register entry; None where there are none, or they were erased."""
    plain = await sealing.open(key, sealed) if sealed else ""
    return msgspec.json.decode(plain, type=Contact) if isinstance(plain, bytes) else None


def locate(fact: Fact) -> str | tuple[str, str]:
    """The customer an order belongs to; of the others only the order is known, and who holds it."""
    said: Any = fact.data
    if isinstance(said, OrderSaid):
        return said.customer_id
    return said.order_id, f"order:{said.order_id}"


async def _order_said(source: str, order: str, saying: PlaceOrder, sealing: Sealing) -> OrderSaid:
    customer = party_id(source, saying.customer)
    if saying.person is None:
        return OrderSaid(order_id=order, customer_id=customer, source=source, said=saying)
    return OrderSaid(
        order_id=order,
        customer_id=customer,
        source=source,
        said=replace(saying, person=None),
        sealed=await sealing.seal(customer, msgspec.json.encode(saying.person)),
        claims=claims_of(saying.person, sealing.pepper),
    )
