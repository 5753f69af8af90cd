"""Which fact goes to which rule: what notifications does, on one screen."""

from typing import Any

from perennial.contracts.alerts import ALERTS, ENDPOINTS
from perennial.contracts.customers import (
    CustomerActivated,
    CustomerLost,
    CustomerMatured,
    CustomerReactivated,
    CustomerRecovered,
    CustomerReleased,
    GrowthSlowed,
    RedLightCleared,
    RedLightLit,
    WatcherChanged,
    WinbackDiagnosed,
    WinbackOverdue,
)
from perennial.contracts.entering import CustomerMerged
from perennial.contracts.holdings import (
    ActivityLogged,
    LeadAssigned,
    LeadClaimed,
    LeadClosed,
    LeadLost,
    LeadNurtured,
    LeadPooled,
    LeadReleased,
    LeadTurnedOver,
    LeadWon,
    ProtectionGranted,
    TurnoverWarned,
)
from perennial.contracts.leads import LeadQueued, LeadReadied, LeadReturned
from perennial.contracts.registers import PersonAbsent, PersonChanged, PersonJoined, PersonLeft
from perennial.contracts.unions import LeadLeft
from perennial.kit.subject import Reference, Subject, on

from notifications.domain import alerting, endpoints, people
from notifications.domain.world import World
from notifications.policy import Policy

CUSTOMER = Subject(
    name="customer",
    state=alerting.Customer,
    react=alerting.react,
    evolve=alerting.evolve,
    due=alerting.due,
    part=alerting.Alert,
    names=alerting.names,
    emits=(ALERTS,),
)
ENDPOINT = Subject(
    name="endpoint",
    state=endpoints.Endpoint,
    react=endpoints.react,
    evolve=endpoints.evolve,
    emits=(ENDPOINTS,),
    reference=True,
)
REGISTER = Subject(
    name="register",
    state=people.Person,
    react=people.react,
    evolve=people.evolve,
    reference=True,
)


LISTENS = (
    # somebody is to be called
    on(RedLightLit, WinbackOverdue, CustomerLost, to=CUSTOMER),
    on(CustomerMatured, GrowthSlowed, CustomerRecovered, to=CUSTOMER),
    # a call is over
    on(RedLightCleared, WinbackDiagnosed, CustomerReactivated, CustomerReleased, to=CUSTOMER),
    # a lead is about to move or has moved: old and new holder and their manager are called
    on(TurnoverWarned, LeadTurnedOver, LeadPooled, LeadClaimed, LeadAssigned, to=CUSTOMER),
    on(LeadQueued, LeadReleased, LeadReturned, to=CUSTOMER),
    # such a call is over
    on(ActivityLogged, ProtectionGranted, LeadReadied, LeadNurtured, to=CUSTOMER),
    on(LeadWon, LeadLost, LeadClosed, LeadLeft, CustomerMerged, to=CUSTOMER),
    # who is called
    on(CustomerActivated, WatcherChanged, to=CUSTOMER),
    on(PersonJoined, PersonChanged, PersonAbsent, PersonLeft, to=REGISTER),
    # people and the delivery worker ask
    on(alerting.Acknowledge, alerting.ReportSent, alerting.ReportFailed, to=CUSTOMER),
    on(endpoints.RegisterEndpoint, endpoints.ChangeEndpoint, to=ENDPOINT),
)
REQUESTS = (
    alerting.Acknowledge,
    alerting.ReportSent,
    alerting.ReportFailed,
    endpoints.RegisterEndpoint,
    endpoints.ChangeEndpoint,
)


def world(reference: Reference, policy: Policy) -> World:
    """What the rules may know: registers and endpoints are read in place, nothing is copied."""
    known: dict[str, Any] = {name: reference.get(name, {}) for name in ("register", "endpoint")}
    return World(policy, known["register"], known["endpoint"])
