"""What wishes about leads are refused with, in one wording."""

from perennial.contracts.base import Refusal

from lead_intake.domain.world import World


def unknown_lead(lead_id: str) -> Refusal:
    return Refusal(code="lead-unknown", detail=f"There is no lead {lead_id}.", kind="missing")


def not_yours(lead_id: str) -> Refusal:
    """The same for leads of others and leads that nobody holds."""
    detail = f"Lead {lead_id} is not yours: ask its holder, or who may dispose of all leads."
    return Refusal(code="not-yours", detail=detail, kind="forbidden")


def pool_unknown(name: str, world: World) -> Refusal | None:
    """Why nothing can be claimed there, if the policy has no such pool."""
    names = [pool.name for pool in world.policy.pools]
    if name in names:
        return None
    detail = f"There is no pool {name}: there are {', '.join(names)}."
    return Refusal(code="pool-unknown", detail=detail, kind="missing")


def differs(code: str, detail: str) -> Refusal:
    return Refusal(code=code, detail=detail)
