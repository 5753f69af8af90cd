"""What a company's recorded days come to once more: by the live rules to the letter, by others otherwise."""

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import msgspec
import pytest
from perennial.contracts.holdings import LeadReleased
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
WITH_A_LEAVER, WITH_REPORTS = 1, 7
"""Seeds of companies in which somebody leaves who holds leads, and in which months end."""
LEAD_INTAKE, LIFECYCLE = 0, 1


@cache
def company(seed: int) -> list[Recorded]:
    return lives(seed, DAYS)


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
    life = company(WITH_REPORTS)[LIFECYCLE]
    assert len(events(lived(life), ReportPublished)) > 3
    made = tried_on([life], draft_of(life))
    assert found(life, made["lifecycle"]).differing == []


def test_reports_and_vips_follow_the_draft() -> None:
    recorded = company(WITH_REPORTS)
    life = recorded[LIFECYCLE]
    draft = draft_of(life, vip={"limit": 0}, report={"people_named": 1})

    made = tried_on(recorded, draft)["lifecycle"]

    live = lived(life)
    before, after = events(live, ReportPublished), events(made, ReportPublished)
    assert [(one.month, one.lines["closing"].customers) for one in after] == [
        (one.month, one.lines["closing"].customers) for one in before
    ]
    assert max(len(one.people.keys() - {"others"}) for one in before) > 1
    assert max(len(one.people.keys() - {"others"}) for one in after) == 1
    assert events(live, VipChanged) == []
    assert {one.limit for one in events(made, VipChanged)} == {0}


def test_a_leavers_leads_follow_the_draft() -> None:
    recorded = company(WITH_A_LEAVER)
    life = recorded[LEAD_INTAKE]

    made = tried_on(recorded, draft_of(life, holding={"leavers": "wait"}))["lead-intake"]

    def left(side: Sequence[Happened]) -> list[str]:
        return [one.lead_id for one in events(side, LeadReleased) if one.because == "left"]

    assert len(left(lived(life))) == 1
    assert left(made) == []
