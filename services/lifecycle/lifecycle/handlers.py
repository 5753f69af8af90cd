"""Which fact goes to which rule: the story of this service on one screen."""

from perennial.contracts.base import Event
from perennial.contracts.customers import CUSTOMERS, CustomerActivated
from perennial.contracts.leads import LEADS, LeadCaptured
from perennial.contracts.orders import (
    ORDERS,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    OrderReturned,
)
from perennial.contracts.registers import REGISTERS, PersonChanged
from perennial.contracts.scores import SCORES, ChurnChanged, CustomerScored, TrendChanged
from perennial.kit.subject import Numbering, Subject, on

from lifecycle.domain import books, customer, numbering, record, register
from lifecycle.domain.requests import REQUESTS, PublishReport

CUSTOMER = Subject(
    name="customer",
    state=record.Customer,
    react=customer.react,
    evolve=record.evolve,
    due=customer.due,
    part=record.Product,
    names=customer.names,
    emits=(CUSTOMERS,),
)
REPORT = Subject(
    name="report",
    state=books.Books,
    react=books.react,
    evolve=books.evolve,
    due=books.due,
    emits=(CUSTOMERS,),
)
REGISTER = Subject(
    name="register",
    state=register.Entry,
    react=register.react,
    evolve=register.evolve,
    reference=True,
)

ORDER_FACTS = (OrderPlaced, OrderPaid, OrderReturned, OrderCancelled)
ARCHIVES = (*ORDER_FACTS, CustomerScored, TrendChanged)
"""Orders for the timeline; scores and trends for the values that a past month's report is made of."""

LISTENS = (
    on(LeadCaptured, to=CUSTOMER),
    on(CustomerScored, TrendChanged, ChurnChanged, to=CUSTOMER),
    on(*ORDER_FACTS, to=CUSTOMER),
    on(*(wish for wish in REQUESTS if wish is not PublishReport), to=CUSTOMER),
    on(PublishReport, to=REPORT),
    on(*register.REGISTER_FACTS, PersonChanged, to=REGISTER),
)
READS = (LEADS, ORDERS, SCORES, REGISTERS)
NUMBERED: dict[type[Event], Numbering] = {
    CustomerActivated: Numbering(numbering.scope, numbering.number)
}
