"""What wishes about leads are refused with, in one wording."""

from perennial.contracts.base import Refusal


def unknown_lead(lead_id: str) -> Refusal:
    return Refusal(code="lead-unknown", detail=f"There is no lead {lead_id}.", kind="missing")


def not_yours(lead_id: str) -> Refusal:
    """The same for leads of others and leads that nobody holds."""
    detail = f"Lead {lead_id} is not yours: ask its holder, or who may dispose of all leads."
    return Refusal(code="not-yours", detail=detail, kind="forbidden")


def differs(code: str, detail: str) -> Refusal:
    return Refusal(code=code, detail=detail)
