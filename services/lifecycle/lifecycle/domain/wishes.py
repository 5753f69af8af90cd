"""What people ask of a customer's life, and when the answer is no."""

from datetime import datetime, timedelta

from perennial.contracts.base import Decision, Fact, Refusal
from perennial.contracts.customers import (
    CustomerReleased,
    Evidence,
    LostReasonGiven,
    Signs,
    WinbackDiagnosed,
)
from perennial.contracts.teams import Department

from lifecycle.domain import care, persona, winback
from lifecycle.domain.moves import because, moved
from lifecycle.domain.record import Case, Customer
from lifecycle.domain.requests import (
    CloseWinback,
    ConfirmHandover,
    ConfirmPersona,
    DiagnoseWinback,
    GiveLostReason,
    JudgeVip,
    LightRedLight,
    ReleaseCustomer,
    Rewatch,
)
from lifecycle.domain.segments import LIT, MEMBERS, UNLIT
from lifecycle.domain.world import World

Wish = (
    LightRedLight
    | DiagnoseWinback
    | CloseWinback
    | GiveLostReason
    | ReleaseCustomer
    | Rewatch
    | ConfirmPersona
    | ConfirmHandover
    | JudgeVip
)


def answer(customer: Customer, fact: Fact, wish: Wish, world: World, now: datetime) -> Decision:
    if customer.segment is None:
        return Refusal(
            code="unknown-customer",
            detail=f"There is no customer {fact.key}; check the id.",
            kind="missing",
        )
    match wish:
        case LightRedLight():
            return _red_light(customer, fact, wish, world, now)
        case DiagnoseWinback():
            return _diagnosis(customer, fact, wish, world, now)
        case CloseWinback():
            return _close(customer, fact, wish, world)
        case GiveLostReason():
            return _lost_reason(customer, fact, wish)
        case ReleaseCustomer():
            return _release(customer, fact, wish, world)
        case Rewatch():
            return care.rewatch(customer, fact, wish.reason, world, now)
        case ConfirmPersona():
            return persona.confirmed(customer, fact, wish, world, now)
        case ConfirmHandover():
            return care.handed_over(customer, fact, wish)
        case JudgeVip():
            return care.vip_judged(customer, fact, wish, world, now)


def _red_light(
    customer: Customer, fact: Fact, wish: LightRedLight, world: World, now: datetime
) -> Decision:
    """A person may see what no number shows. While a light is on, a second one says nothing new."""
    if customer.segment in LIT:
        return Refusal(code="already-lit", detail="The red light is on; work on the open case.")
    if customer.segment not in UNLIT:
        return _not_a_customer(customer)
    evidence = [Evidence(sign="person", text=wish.reason, event_id=fact.id)]
    return winback.light(customer, fact, evidence, Signs(), world, now)


def _diagnosis(
    customer: Customer, fact: Fact, wish: DiagnoseWinback, world: World, now: datetime
) -> Decision:
    """With the cause recorded the win-back begins; a better diagnosis later adds to the first."""
    case, causes = customer.case, world.policy.winback.causes
    if case is None or customer.segment not in LIT:
        return _no_open_case()
    if wish.cause not in causes:
        return Refusal(
            code="unknown-cause",
            detail=f"Choose one of: {', '.join(causes)}.",
            pointer="/cause",
            kind="invalid",
        )
    department = wish.department or causes[wish.cause]
    if customer.segment == "winning-back":
        return [_diagnosed(case, fact, wish, department, case.deadline)]
    late = max(now - case.diagnose_by, timedelta())
    diagnosed = _diagnosed(case, fact, wish, department, case.deadline + late)
    reason = because("diagnosis", fact, text=wish.cause)
    return [diagnosed, moved(customer, "winning-back", fact, world, reason, department)]


def _diagnosed(
    case: Case, fact: Fact, wish: DiagnoseWinback, department: Department, deadline: datetime
) -> WinbackDiagnosed:
    return WinbackDiagnosed(
        customer_id=fact.key,
        case_id=case.case_id,
        cause=wish.cause,
        department=department,
        owner=wish.owner or case.owner,
        actions=wish.actions,
        competitor=wish.competitor,
        note=wish.note,
        deadline=deadline,
        by=fact.principal,
    )


def _close(customer: Customer, fact: Fact, wish: CloseWinback, world: World) -> Decision:
    if customer.case is None or customer.segment not in LIT:
        return _no_open_case()
    if wish.outcome == "lost":
        return winback.given_up(customer, fact, world, wish.reason, by=fact.principal)
    if customer.segment == "winning-back":
        return Refusal(
            code="cause-recorded",
            detail="Once the cause is recorded a case ends by recovery or loss; close it as lost, "
            "or let the next orders recover it.",
            pointer="/outcome",
        )
    cured = because("person", fact, text=wish.reason)
    return winback.cleared(customer, fact, cured, customer.signs, world)


def _lost_reason(customer: Customer, fact: Fact, wish: GiveLostReason) -> Decision:
    if customer.segment != "lost":
        return Refusal(code="not-lost", detail="Only a lost customer has a reason for it.")
    return [
        LostReasonGiven(
            customer_id=fact.key,
            reason=wish.reason,
            competitor=wish.competitor,
            by=fact.principal,
        )
    ]


def _release(customer: Customer, fact: Fact, wish: ReleaseCustomer, world: World) -> Decision:
    """Let go by a person, with the reason; what was open is closed with it."""
    if customer.segment not in MEMBERS:
        return _not_a_customer(customer)
    case = customer.case
    closing = [winback.closed_by_release(case, fact)] if case is not None else []
    return [
        *closing,
        CustomerReleased(customer_id=fact.key, reason=wish.reason, by=fact.principal),
        moved(customer, "released", fact, world, because("person", fact, text=wish.reason)),
    ]


def _not_a_customer(customer: Customer) -> Refusal:
    return Refusal(
        code="not-a-customer",
        detail=f"A party that is {customer.segment} has nothing to lose; wait for an order.",
    )


def _no_open_case() -> Refusal:
    return Refusal(
        code="no-open-case", detail="No win-back case is open; light the red light first."
    )
