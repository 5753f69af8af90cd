"""Which fact goes to which rule: the story of this service on one screen."""

from perennial.contracts.base import Event
from perennial.contracts.customers import CUSTOMERS, CustomerActivated
from perennial.contracts.grades import GradeChanged, LeadScored
from perennial.contracts.holdings import (
    ActivityLogged,
    LeadReopened,
    ProtectionGranted,
)
from perennial.contracts.leads import LeadCaptured, LeadReadied, LeadTouched
from perennial.contracts.orders import (
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    OrderReturned,
)
from perennial.contracts.registers import PersonChanged
from perennial.contracts.reports import MonthClosed, ReportPublished
from perennial.contracts.scores import ChurnChanged, CustomerScored, TrendChanged
from perennial.contracts.unions import OrderLeft, OrderTaken
from perennial.kit.subject import Numbering, Subject, on

from lifecycle.domain import books, customer, evolving, numbering, record, register, unions
from lifecycle.domain.requests import REQUESTS, PublishReport

CUSTOMER = Subject(
    name="customer",
    state=record.Customer,
    react=customer.react,
    evolve=evolving.evolve,
    due=customer.due,
    part=record.Product,
    names=customer.names,
    root=lambda one: one.root,
    emits=(CUSTOMERS,),
)
REPORT = Subject(
    name="report",
    state=books.Books,
    react=books.react,
    evolve=books.evolve,
    due=books.due,
    emits=(CUSTOMERS,),
    makes=(MonthClosed, ReportPublished),
)
REGISTER = Subject(
    name="register",
    state=register.Entry,
    react=register.react,
    evolve=register.evolve,
    reference=True,
)

ORDER_FACTS = (OrderPlaced, OrderPaid, OrderReturned, OrderCancelled, OrderLeft, OrderTaken)
LEAD_FACTS = (
    LeadCaptured,
    LeadTouched,
    LeadReadied,
    ActivityLogged,
    ProtectionGranted,
    LeadReopened,
    *unions.UNIONS,
    *customer.HOLDINGS,
)
ARCHIVES = (*ORDER_FACTS, *LEAD_FACTS, CustomerScored, TrendChanged, GradeChanged)
"""Leads and orders for the timeline; scores and trends also for the values of a past month."""

LISTENS = (
    on(*LEAD_FACTS, to=CUSTOMER),
    on(LeadScored, GradeChanged, to=CUSTOMER),
    on(CustomerScored, TrendChanged, ChurnChanged, to=CUSTOMER),
    on(*ORDER_FACTS, to=CUSTOMER),
    on(*(wish for wish in REQUESTS if wish is not PublishReport), to=CUSTOMER),
    on(PublishReport, to=REPORT),
    on(*register.REGISTER_FACTS, PersonChanged, to=REGISTER),
)
NUMBERED: dict[type[Event], Numbering] = {
    CustomerActivated: Numbering(numbering.scope, numbering.number)
}
