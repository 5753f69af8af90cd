"""What an alert says: a title with its strongest number, and the next step of each kind."""

from perennial.contracts.alerts import AlertKind
from perennial.contracts.customers import Evidence

_HEADLINES: dict[AlertKind, str] = {
    "red-light": "Customer {customer} may be leaving",
    "winback-overdue": "Win-back of customer {customer} has no root cause yet",
    "lost": "Customer {customer} is lost",
    "maturity": "Customer {customer} has matured",
    "growth-slowed": "Growth of customer {customer} has slowed",
    "recovered": "Customer {customer} is back",
}
_NEXT_STEPS: dict[AlertKind, str] = {
    "red-light": "Call the customer today, find the root cause and record it in the win-back case.",
    "winback-overdue": "Hold the root-cause meeting now and record the cause and who acts on it.",
    "lost": "Record the reason of the loss; plan when the customer may be asked again.",
    "maturity": "Bring the next product or need: agree with the customer what it could be.",
    "growth-slowed": "Ask for the next product now, before the growth ends.",
    "recovered": "Thank the customer, and note what brought them back.",
}


def title(kind: AlertKind, customer_id: str, evidence: list[Evidence]) -> str:
    headline = _HEADLINES[kind].format(customer=customer_id)
    return f"{headline}: {reason(evidence[0])}" if evidence else headline


def next_step(kind: AlertKind) -> str:
    return _NEXT_STEPS[kind]


def reason(evidence: Evidence) -> str:
    """One piece of evidence in words; its own words where it brings some."""
    if evidence.text:
        return evidence.text
    words = evidence.sign.replace("-", " ")
    if evidence.value is None:
        return words
    met = "" if evidence.threshold is None else f" (threshold {evidence.threshold:g})"
    return f"{words} {evidence.value:g}{met}"
