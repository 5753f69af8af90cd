"""Who earns a lease: the holder, within the present holding; features.md 2.5."""

from datetime import timedelta

import msgspec
import pytest
from lead_intake.asking import as_wish
from lead_intake.domain.requests import ActivitySaid
from perennial.contracts.holdings import ActivityLogged, ProtectionGranted
from perennial.contracts.partner import RecordActivity
from perennial.kit.auth import Principal, Rows

from tests.lead_intake.selling import DAY, HOUR, Market, policy, seller

pytestmark = pytest.mark.feature("I10")


def market() -> Market:
    """One waiting lead of `crm`, which is to be won within two weeks."""
    rules = {"rules": [{"clock": "assignment", "period": "14d"}]}
    made = Market(*(seller(name) for name in ("ann", "bo", "cy")), policy=policy(turnover=rules))
    made.lead("l")
    return made


@pytest.mark.parametrize(
    ("by", "source", "after", "leases"),
    [
        ("bo", "crm", HOUR, 1),
        ("", "crm", HOUR, 1),
        ("ann", "crm", HOUR, 0),
        ("", "shop", HOUR, 0),
        ("bo", "crm", -HOUR, 0),
        ("", "crm", -HOUR, 0),
    ],
)
def test_only_the_holder_earns_a_lease_and_only_in_the_present_holding(
    by: str, source: str, after: timedelta, leases: int
) -> None:
    """`ann` held it before `bo`; `crm` is the source that the lead comes from."""
    it = market()
    it.assign("l", "ann")
    it.go(DAY)
    it.hand("l", "bo")
    at = it.now + after
    it.go(2 * HOUR)
    said = RecordActivity(activity="q", lead="L", at=at, kind="quotation", by=by)

    made = it.ask(it.key("l"), ActivitySaid(lead_id="l", source=source, said=said))

    assert [type(event) for event in made] == [ActivityLogged] + [ProtectionGranted] * leases


@pytest.mark.parametrize(
    ("rows", "by", "leases"), [("own", "bo", 1), ("team", "cy", 0), ("all", "cy", 1)]
)
def test_who_sees_only_some_rows_speaks_for_itself(rows: Rows, by: str, leases: int) -> None:
    """A colleague's token earns the holder nothing, though it asks through the lead's own source."""
    it = market()
    it.assign("l", "bo")
    said = RecordActivity(activity="q", lead="L", at=it.now, kind="quotation")
    asked = ActivitySaid(lead_id="l", source="crm", said=said)
    who = Principal(subject="x", client="crm", rows=rows, person=by)

    made = it.ask(
        it.key("l"),
        msgspec.structs.replace(
            asked, **as_wish(who, asked, None if rows == "all" else (by, "bo"))
        ),
    )

    assert len(made) == 1 + leases
