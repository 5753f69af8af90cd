"""Lead lists and pipeline exports of other companies: a word on every row, once and again."""

import csv
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lead_intake.imports.leads import LeadMapping, parse_lead_mapping
from lead_intake.imports.mapping import MappingError
from lead_intake.imports.run import Import, Told, run_import
from lead_intake.imports.suggest import suggest_lead_mapping
from perennial.contracts.holdings import LeadLost, LeadWon
from perennial.contracts.leads import LeadCaptured

from tests.lead_intake.test_imports import AtHome

pytestmark = pytest.mark.feature("I1")

PIPELINE = """\
opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
A1,Moses,GTXPro,Cancity,Won,20.10.2016,01.03.2017,"1.054,00"
A2,Darcel,GTX Plus Basic,,Lost,25.10.2016,11.03.2017,0
A3,Moses,MG Special,Cancity,Engaging,26.10.2016,,
A4,Zane,GTK 500,Isdom,Won,25.10.2016,24.09.2016,"5,5"
A5,Zane,GTK 500,Isdom,Won,25.10.2016,,"5,5"
A6,Zane,GTK 500,Isdom,Prospecting,,,
A7,Zane,GTK 500,Isdom,Dreaming,25.10.2016,,
"""
RULES = LeadMapping(
    source="crm",
    lead="opportunity_id",
    party="account",
    date="engage_date",
    stage="deal_stage",
    stages={"won": ["won"], "lost": ["lost"], "open": ["engaging", "prospecting"]},
    close_date="close_date",
    close_value="close_value",
    holder="sales_agent",
    product="product",
)
OLIST = Path(__file__).parents[2].parent / "shared" / "data"
"""Beside the project, where somebody has put it there."""


class Desk:
    """Brings files into the service's own rules and routes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, AtHome()

    def bring(self, content: str, rules: LeadMapping = RULES, name: str = "report.csv") -> Told:
        file = self.folder / "pipeline.csv"
        file.write_text(content)
        return run_import(Import(file, rules, self.folder / name), self.home)

    def words(self, name: str = "report.csv") -> list[dict[str, str]]:
        with (self.folder / name).open(newline="") as lines:
            return list(csv.DictReader(lines))

    def events(self, *kinds: type) -> list[Any]:
        return [event for event in self.home.house.events if isinstance(event, kinds)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_pipeline_comes_in_with_its_wins_and_losses(desk: Desk) -> None:
    """One row gives a lead and how it ended; no company, and a win before the contact, are taken."""
    desk.bring(PIPELINE)

    assert {word["row"]: (word["status"], word["field"]) for word in desk.words()} == {
        "2": ("accepted", ""),
        "3": ("accepted", ""),
        "4": ("accepted", ""),
        "5": ("accepted", ""),
        "6": ("rejected", "close_date"),
        "7": ("rejected", "engage_date"),
        "8": ("rejected", "deal_stage"),
    }
    won = {event.value: event.waited_days for event in desk.events(LeadWon)}
    assert won == {105_400: 132.0, 550: None}
    assert [event.reason for event in desk.events(LeadLost)] == ["not said in the export"]
    parties = [event.customer_id for event in desk.events(LeadCaptured)]
    assert len(parties) == 4
    assert len(set(parties)) == 3


def test_a_blank_first_contact_may_be_given_a_day(desk: Desk) -> None:
    rules = msgspec.convert(
        msgspec.to_builtins(RULES) | {"date_otherwise": "2017-01-01T00:00:00Z"}, LeadMapping
    )
    desk.bring(PIPELINE, rules)
    assert [word["status"] for word in desk.words() if word["row"] == "7"] == ["accepted"]


def test_a_second_delivery_changes_nothing(desk: Desk) -> None:
    """Also of rows without an id: each is known by its beginning, whatever has become of it since."""
    rules = msgspec.structs.replace(RULES, lead="")
    desk.bring(PIPELINE, rules)
    before = len(desk.home.house.events)
    told = desk.bring(PIPELINE, rules, "again.csv")
    ended = PIPELINE.replace("MG Special,Cancity,Engaging,26.10.2016,,", "MG Special,Cancity,Won,26.10.2016,27.11.2016,\"7,0\"")  # fmt: skip
    assert len(desk.home.house.events) == before
    assert told.counts["duplicate"] == 4

    desk.bring(ended, rules, "later.csv")
    assert len(desk.events(LeadCaptured)) == 4
    assert len(desk.events(LeadWon)) == 3


def test_a_mapping_that_says_too_little_is_refused() -> None:
    with pytest.raises(MappingError, match="stages"):
        parse_lead_mapping(b"{source: crm, date: day, stage: phase, close_date: end}")
    with pytest.raises(MappingError, match="first contact"):
        parse_lead_mapping(b"{source: crm, lead: id}")
    with pytest.raises(MappingError, match="close_date"):
        parse_lead_mapping(b"{source: crm, date: day, stage: phase, stages: {won: [w]}}")


def test_a_mapping_is_proposed(desk: Desk) -> None:
    header, *rows = [line.split(",") for line in PIPELINE.splitlines()]
    found = suggest_lead_mapping(header, rows)
    proposed = parse_lead_mapping(found.document.encode())

    assert (proposed.lead, proposed.party, proposed.date) == (
        "opportunity_id", "account", "engage_date",
    )  # fmt: skip
    assert (proposed.stage, proposed.holder) == ("deal_stage", "sales_agent")
    assert proposed.stages == {"won": ["Won"], "lost": ["Lost"]}
    assert any("stages" in question for question in found.questions)


@pytest.mark.skipif(not OLIST.is_dir(), reason="the funnel of Olist is not here")
def test_a_marketplaces_funnel_comes_in_whole(desk: Desk) -> None:
    """Leads in one file, their wins in another, some of them before their lead's first contact."""
    leads = LeadMapping(
        source="olist", lead="mql_id", date="first_contact_date", channel_column="origin",
        campaign="landing_page_id",
    )  # fmt: skip
    told = run_import(
        Import(OLIST / "olist_leads_until_2018-02.csv.gz", leads, desk.folder / "leads.csv"),
        desk.home,
    )
    assert told.counts == {"accepted": 4_171}
    captured = desk.events(LeadCaptured)
    assert len({event.customer_id for event in captured}) == 4_171

    deals = LeadMapping(source="olist", lead="mql_id", close_date="won_date")
    file = OLIST / "olist_deals_won_until_2018-02.csv.gz"
    told = run_import(Import(file, deals, desk.folder / "deals.csv"), desk.home)
    won = desk.events(LeadWon)
    assert told.counts["accepted"] == len(won)
    assert sum(told.counts.values()) == 189
    assert all(event.waited_days is None or event.waited_days >= 0 for event in won)
