"""Who may say something of a lead is decided by who holds it when it folds, not when it was sent."""

from typing import Any

import pytest
from lead_intake.asking import about_lead
from lead_intake.domain.assigning import HandLead
from lead_intake.domain.requests import (
    ActivitySaid,
    CloseSaid,
    ReadyLead,
    ReopenLead,
    ReturnLead,
    TagLead,
)
from perennial.contracts.partner import CloseLead, RecordActivity

from tests.lead_intake.client import Client
from tests.lead_intake.histories import NOW
from tests.lead_intake.house import House
from tests.lead_intake.serving import Served
from tests.lead_intake.test_leads import ACTIVITY, LEAD

pytestmark = pytest.mark.feature("I3")
SAID: dict[str, Any] = {"lead_id": "", "source": "shop", "sight": ("ann",)}
WISHES: list[Any] = [
    TagLead(lead_id="", add=("x",), sight=("ann",)),
    ReadyLead(lead_id="", sight=("ann",)),
    ReturnLead(lead_id="", reason="no fit", sight=("ann",)),
    ReopenLead(lead_id="", sight=("ann",)),
    ActivitySaid(**SAID, said=RecordActivity(activity="a", lead="L1", at=NOW, kind="visit")),
    CloseSaid(**SAID, said=CloseLead(lead="L1", closed_at=NOW, outcome="lost", reason="price")),
]


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: type(wish).__name__)
async def test_what_is_taken_away_meanwhile_is_out_of_sight(
    client: Client, house: House, wish: Any
) -> None:
    """Both were asked while ann held it; the hand-over came first."""
    for name in ("ann", "bo"):
        await client("PUT", f"/registers/people/{name}", {"role": "seller"})
    lead = (await client("POST", "/leads", LEAD | {"holder": "ann"})).json()["lead_id"]
    hand = HandLead(lead_id=lead, person="bo", by="boss", anyones=True)
    asked = type(wish)(**{name: getattr(wish, name) for name in wish.__struct_fields__} | {"lead_id": lead})  # fmt: skip

    handed, late = await house.ask_all(
        [about_lead(one, f"w{n}", b"", "p") for n, one in enumerate((hand, asked))]
    )

    assert handed.refusal is None
    assert late.refusal is not None
    assert (late.refusal.code, late.refusal.kind) == ("lead-unknown", "missing")


@pytest.mark.stack
async def test_a_seller_says_what_they_did_themselves_of_leads_they_hold(served: Served) -> None:
    async def said(path: str, body: Any) -> Any:
        return await served.client("POST", f"/leads/{path}", body, role="seller")

    for name in ("seller", "bo"):
        await served.client("PUT", f"/registers/people/{name}", {"role": "seller"})
    held = LEAD | {"holder": "seller"}
    lead = (await served.client("POST", "/leads", held)).json()["lead_id"]
    lost = {"closed_at": "2026-05-08T09:00:00Z", "outcome": "lost", "reason": "price"}

    mine = await said(f"{lead}/activities", ACTIVITY)
    tagged = await said(f"{lead}/tags", {"add": ["hot"]})
    others = await said(f"{lead}/close", lost | {"by": "bo"})
    await served.client("POST", f"/leads/{lead}/assign", {"person": "bo"})
    gone = await said(f"{lead}/close", lost)

    assert (mine.status_code, tagged.status_code, gone.status_code) == (201, 201, 404)
    assert (others.status_code, others.json()["errors"][0]["pointer"]) == (422, "/by")
    logged = await served.pool.fetchval("SELECT data::jsonb->>'by' FROM event WHERE type LIKE '%activity-logged%'")  # fmt: skip
    assert logged == "seller"
