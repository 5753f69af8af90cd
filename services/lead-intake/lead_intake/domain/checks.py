"""What a fact about an order may not say: each refusal names the field and the cure."""

from datetime import UTC, datetime, timedelta

from perennial.contracts.base import Refusal
from perennial.contracts.currencies import mistyped
from perennial.contracts.partner import PlaceOrder

from lead_intake.domain.requests import CancelSaid, OfOrder, OrderSaid, PaymentSaid, ReturnSaid
from lead_intake.policy import Policy


def fault_of(said: OfOrder, policy: Policy, now: datetime) -> Refusal | None:
    """The first thing wrong with a fact, whatever the order looks like."""
    match said:
        case OrderSaid(said=order):
            return (
                moment_fault(order.placed_at, "placed_at", policy, now)
                or currency_fault(order.currency)
                or _amounts(order, policy)
            )
        case PaymentSaid(said=payment):
            return moment_fault(payment.paid_at, "paid_at", policy, now) or _above_zero(
                payment.amount
            )
        case ReturnSaid(said=back):
            return moment_fault(back.returned_at, "returned_at", policy, now) or _not_below_zero(
                back.amount
            )
        case CancelSaid(said=cancel):
            return moment_fault(cancel.cancelled_at, "cancelled_at", policy, now)


def moment_fault(moment: datetime, field: str, policy: Policy, now: datetime) -> Refusal | None:
    """What is wrong with a business time."""
    if moment.tzinfo is None:
        return invalid(
            "time-without-zone", f"Write {field} with an offset, as 2026-01-31T09:00:00Z.", field
        )
    if moment.astimezone(UTC).date() < policy.earliest:
        return invalid(
            "date-out-of-range",
            f"{field} lies before {policy.earliest}: correct the year.",
            field,
        )
    if moment > now + timedelta(hours=policy.ahead_hours):
        return invalid(
            "date-out-of-range",
            f"{field} lies more than {policy.ahead_hours} hours ahead: send it when it has"
            " happened, or correct the date.",
            field,
        )
    return None


def currency_fault(code: str | None) -> Refusal | None:
    """What is wrong with a currency: for the rate of one that is none everybody would wait in vain."""
    told = mistyped(code)
    return invalid("currency-unknown", f"{told}.", "currency") if told else None


def _amounts(order: PlaceOrder, policy: Policy) -> Refusal | None:
    if order.total < 0:
        return invalid(
            "total-below-zero", "An order has no negative total: send it as a return.", "total"
        )
    if not order.lines:
        return None
    lines = sum(line.amount for line in order.lines)
    if abs(lines - order.total) > policy.total_tolerance:
        return invalid(
            "total-differs",
            f"The lines add up to {lines}, the total says {order.total}: correct one of them.",
            "total",
        )
    return None


def _above_zero(amount: int) -> Refusal | None:
    if amount > 0:
        return None
    return invalid(
        "amount-not-above-zero",
        "A payment is above zero: send money given back as a return or a cancellation.",
        "amount",
    )


def _not_below_zero(amount: int | None) -> Refusal | None:
    if amount is None or amount >= 0:
        return None
    return invalid("amount-below-zero", "Send the amount given back without a sign.", "amount")


def invalid(code: str, detail: str, field: str) -> Refusal:
    return Refusal(code=code, detail=detail, pointer=f"/{field}", kind="invalid")
