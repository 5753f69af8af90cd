"""From what a partner says to what the rules fold: ids worked out, contact data sealed, key found.

Nothing past this point sees a name or an address in the clear: not the fold, not what waits or is
parked, not the events.
"""

from typing import Any, Protocol

import msgspec
from msgspec.structs import replace
from perennial.contracts.base import Fact
from perennial.contracts.partner import (
    CancelOrder,
    CaptureLead,
    CloseLead,
    PlaceOrder,
    RecordActivity,
    RecordPayment,
    RecordReturn,
)
from perennial.kit.subject import Named, Place

from lead_intake.bodies import Contact, Reach
from lead_intake.domain.identity import (
    claims_of,
    is_replay,
    lead_id,
    order_id,
    party_id,
    pseudonym,
    system_of,
)
from lead_intake.domain.requests import (
    ActivitySaid,
    CancelSaid,
    CloseSaid,
    LeadSaid,
    OfLead,
    OrderSaid,
    PaymentSaid,
    ReturnSaid,
    Said,
)

Saying = (
    PlaceOrder
    | RecordPayment
    | RecordReturn
    | CancelOrder
    | CaptureLead
    | RecordActivity
    | CloseLead
)
HOLDER_NOT_BELIEVED = "holder-not-believed"
"""Tag of a lead for which a partner named a holder."""


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
    said = await said_by(source, _believed(fact.data, fact.principal), sealing)
    return replace(fact, data=said, type=said.TYPE)


def reworded(was: Said, said: Said) -> Said:
    """A fact that a person mended: the ids that follow from words that were changed. What was sealed for
    another party stays sealed for that one."""
    ids: dict[str, Any] = {}
    if (number := getattr(said.said, "order", "")) != getattr(was.said, "order", ""):
        ids["order_id"] = order_id(said.source, number)
    if (number := getattr(said.said, "lead", "")) != getattr(was.said, "lead", ""):
        ids["lead_id"] = lead_id(said.source, number)
    if isinstance(said, OrderSaid | LeadSaid) and _party(said) != _party(was):
        ids |= {"customer_id": party_id(said.source, _party(said)), "sealed": ""}
    return replace(said, **ids) if ids else said


def _party(said: Said) -> str:
    """The source's word for whose it is."""
    match said:
        case OrderSaid(said=order):
            return order.customer
        case LeadSaid(said=lead):
            return lead.party or lead.lead
    return ""


def _believed(saying: Saying, principal: str) -> Saying:
    """Who holds a lead, and who has closed it, is ours to say: of a partner's word for a holder only a
    tag is kept, and its closes are its own."""
    if is_replay(principal):
        return saying
    if isinstance(saying, CaptureLead) and saying.holder:
        return replace(saying, holder="", tags=[*saying.tags, HOLDER_NOT_BELIEVED])
    return replace(saying, by=principal) if isinstance(saying, CloseLead) else saying


async def said_by(source: str, saying: Saying, sealing: Sealing) -> Said:
    """The same fact with the ids that follow from its words in that source."""
    saying = _unnamed(saying, sealing.pepper)
    if isinstance(saying, CaptureLead | RecordActivity | CloseLead):
        return await _of_lead(source, saying, sealing)
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


def _unnamed(saying: Saying, pepper: bytes) -> Saying:
    """Without a name or address in place of the party's id; the same words give the same id."""
    field = "party" if isinstance(saying, CaptureLead) else "customer"
    word = getattr(saying, field, "")
    known = pseudonym(word, pepper) if word else word
    return saying if known == word else replace(saying, **{field: known})


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


def locate(fact: Fact) -> Place:
    """The party an order or lead belongs to, by all its names; of what is said of them afterwards
    only the order or lead is known, and who holds it."""
    said: Any = fact.data
    match said:
        case OrderSaid():
            return Named((said.customer_id, *said.claims), said.customer_id)
        case LeadSaid():
            return Named((said.lead_id, said.customer_id, *said.claims), said.customer_id)
        case ActivitySaid() | CloseSaid():
            return Named((said.lead_id,), wait=f"lead:{said.lead_id}")
        case PaymentSaid() | ReturnSaid() | CancelSaid():
            return said.order_id, f"order:{said.order_id}"
    return Named((said.lead_id,))


async def _of_lead(
    source: str, saying: CaptureLead | RecordActivity | CloseLead, sealing: Sealing
) -> OfLead:
    lead = lead_id(source, saying.lead)
    match saying:
        case CaptureLead():
            return await _lead_said(source, lead, saying, sealing)
        case RecordActivity():
            return ActivitySaid(lead_id=lead, source=source, said=saying)
        case CloseLead():
            return CloseSaid(lead_id=lead, source=source, said=saying)


async def _lead_said(source: str, lead: str, saying: CaptureLead, sealing: Sealing) -> LeadSaid:
    """Sealed for the party as this source knows it, so that each source's data can be told apart."""
    party = party_id(source, saying.party or saying.lead)
    known = Reach(organisation=saying.organisation, person=saying.person)
    return LeadSaid(
        lead_id=lead,
        customer_id=party,
        source=source,
        said=replace(saying, person=None, organisation=None),
        sealed="" if known == Reach() else await sealing.seal(party, msgspec.json.encode(known)),
        claims=claims_of(saying.person, sealing.pepper, saying.organisation),
    )


async def _order_said(source: str, order: str, saying: PlaceOrder, sealing: Sealing) -> OrderSaid:
    customer = party_id(source, saying.customer)
    if saying.person is None:
        return OrderSaid(order_id=order, customer_id=customer, source=source, said=saying)
    known = Reach(person=saying.person)
    return OrderSaid(
        order_id=order,
        customer_id=customer,
        source=source,
        said=replace(saying, person=None),
        sealed=await sealing.seal(customer, msgspec.json.encode(known)),
        claims=claims_of(saying.person, sealing.pepper),
    )
