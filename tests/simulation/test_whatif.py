"""What a company's recorded days come to once more: by the live rules to the letter, by others otherwise."""

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import msgspec
import pytest
from perennial.contracts.holdings import LeadAssigned, LeadReleased
from perennial.contracts.reports import ReportPublished
from perennial.contracts.teams import VipChanged
from perennial.kit.outcomes import Both, Compared, Happened, compared, lived, tried
from perennial.kit.policies import default_document
from perennial.kit.recorded import Recorded
from perennial.kit.trial import Trial
from perennial.kit.trial_house import Draft

from tests.simulation.lives import lives

pytestmark = pytest.mark.feature("P6")

DAYS = 12
LEAD_INTAKE, LIFECYCLE = 0, 1


@cache
def company() -> list[Recorded]:
    """In which months end, and somebody leaves who holds leads."""
    return lives(3, 20, leaver="bob")


def months(side: Sequence[Happened]) -> list[str]:
    return [one.month for one in events(side, ReportPublished)]


def left(side: Sequence[Happened]) -> list[str]:
    """Leads that were taken from who is gone."""
    queued = [one.lead_id for one in events(side, LeadReleased) if one.because == "left"]
    return [*queued, *(one.lead_id for one in events(side, LeadAssigned) if one.how == "re-held")]


def tried_on(recorded: Sequence[Recorded], draft: Draft | None) -> dict[str, list[Happened]]:
    trial = Trial(recorded, draft)
    asyncio.run(trial.run())
    return {
        life.service.name: tried(life.service, trial.made[life.service.name]) for life in recorded
    }


def found(life: Recorded, made: Sequence[Happened]) -> Compared:
    service = life.service
    policy: Any = msgspec.convert(default_document(service.package), service.policy)
    return compared(Both(service, lived(life), made, policy, life.log.facts))


def draft_of(life: Recorded, **changes: dict[str, Any]) -> Draft:
    """The shipped rules but for some fields of some sections."""
    document = deepcopy(default_document(life.service.package))
    for section, fields in changes.items():
        document[section] |= fields
    return Draft(life.service.name, msgspec.json.encode(document).decode(), 1)


def events(made: Sequence[Happened], kind: type) -> list[Any]:
    return [one.event for one in made if isinstance(one.event, kind)]


@pytest.mark.parametrize(
    ("live", "wild"), [(False, False), (True, False), (False, True), (True, True)]
)
def test_the_live_rules_decide_all_of_it_the_same_again(live: bool, wild: bool) -> None:
    recorded = lives(5, DAYS, live=live, wild=wild)
    made = tried_on(recorded, None)
    for life in recorded:
        told = found(life, made[life.service.name])
        assert (told.same, told.differing) == (told.decisions, [])
        assert told.decisions > 100


def test_jobs_that_look_again_under_the_live_rules_ask_for_the_same() -> None:
    life = company()[LIFECYCLE]
    live, made = lived(life), tried_on([life], draft_of(life))["lifecycle"]
    assert len(months(live)) > 1
    assert months(made) == months(live)
    otherwise = {one.type for one in found(life, made).differing}
    assert otherwise <= {ReportPublished.TYPE}, (
        "what came while a report was being read is in it here"
    )


def test_reports_and_vips_follow_the_draft() -> None:
    recorded = company()
    life = recorded[LIFECYCLE]
    draft = draft_of(life, vip={"limit": 0}, report={"people_named": 1})

    made = tried_on(recorded, draft)["lifecycle"]

    live = lived(life)
    before, after = events(live, ReportPublished), events(made, ReportPublished)
    assert months(made) == months(live)
    assert max(len(one.people.keys() - {"others"}) for one in before) > 1
    assert max(len(one.people.keys() - {"others"}) for one in after) == 1
    assert events(live, VipChanged) == []
    assert {one.limit for one in events(made, VipChanged)} == {0}


def test_a_leavers_leads_follow_the_draft() -> None:
    recorded = company()
    life = recorded[LEAD_INTAKE]

    made = tried_on(recorded, draft_of(life, holding={"leavers": "wait"}))["lead-intake"]

    assert left(lived(life))
    assert left(made) == []
