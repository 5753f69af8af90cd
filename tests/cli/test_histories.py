"""Recorded histories from files: sorted, decoded, and told whose they are."""

import json
from pathlib import Path

import pytest
from lead_intake.imports.leads import parse_lead_mapping
from lead_intake.imports.mapping import MappingError
from perennial.contracts.partner import CancelOrder, PlaceOrder
from perennial_cli.driving import History
from perennial_cli.histories import opened
from perennial_cli.importing import mapping_in
from perennial_cli.trouble import Trouble

ROOT = Path(__file__).parents[2]


def order(number: str, day: int, **more: object) -> dict[str, object]:
    return {
        "type": "order",
        "source": "shop",
        "order": number,
        "customer": "anna",
        "placed_at": f"1997-01-{day:02d}T00:00:00Z",
        "currency": "USD",
        "total": 100,
    } | more


def written(path: Path, *lines: object) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def read(*files: Path, source: str = "") -> list[History]:
    with opened([(file, None) for file in files], source, pytest.fail) as facts:
        return list(facts)


def test_lines_in_any_order_come_by_time_and_files_are_merged(tmp_path: Path) -> None:
    one = written(tmp_path / "a.ndjson", order("3", 9), order("1", 2))
    two = written(tmp_path / "b.jsonl", order("2", 5))
    assert [fact.data.order for fact in read(one, two)] == ["1", "2", "3"]


def test_a_cancellation_goes_where_its_customers_facts_go(tmp_path: Path) -> None:
    cancelled = {
        "type": "cancel",
        "source": "shop",
        "order": "1",
        "cancelled_at": "1997-01-02T00:00:00Z",
    }
    facts = read(written(tmp_path / "a.ndjson", cancelled, order("1", 2)))
    assert [type(fact.data) for fact in facts] == [PlaceOrder, CancelOrder]
    assert [(fact.customer, fact.source) for fact in facts] == [("anna", "shop")] * 2
    assert len({fact.id for fact in facts}) == 2


def test_cloudevents_keep_their_own_id_and_source(tmp_path: Path) -> None:
    event = {
        "specversion": "1.0",
        "id": "mine-1",
        "source": "crm",
        "type": "partner.order.cancelled.v1",
        "data": {"order": "7", "cancelled_at": "1997-01-02T00:00:00Z"},
    }
    (fact,) = read(written(tmp_path / "a.ndjson", event))
    assert (fact.id, fact.source, fact.customer) == ("mine-1", "crm", "7")


def test_a_line_without_source_takes_the_one_that_is_named(tmp_path: Path) -> None:
    (fact,) = read(written(tmp_path / "a.ndjson", order("1", 2, source="")), source="till")
    assert fact.source == "till"


@pytest.mark.parametrize(
    "line", [{"type": "gift"}, order("1", 2, total="a lot"), {"type": "order"}]
)
def test_a_wrong_line_is_named_before_anything_is_published(tmp_path: Path, line: object) -> None:
    file = written(tmp_path / "a.ndjson", order("1", 2), line)
    with pytest.raises(Trouble, match="line 2"):
        read(file)


def test_a_table_needs_its_columns_explained(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(Trouble, match="--suggest"):
        read(tmp_path / "a.csv")


def test_the_cdnow_sample_comes_whole_and_by_time() -> None:
    mapping = mapping_in(ROOT / "examples" / "cdnow.yaml")
    with opened(
        [(ROOT / "tests" / "data" / "CDNOW_sample.txt", mapping)], "", pytest.fail
    ) as found:
        facts = list(found)
    assert len(facts) == len({fact.id for fact in facts}) == 6919
    assert [fact.time for fact in facts] == sorted(fact.time for fact in facts)


def test_a_pipeline_export_and_its_orders_play_together(tmp_path: Path) -> None:
    """A lead, its end and the party's orders go under one key; a win never comes before its lead."""
    leads = tmp_path / "pipeline.csv"
    leads.write_text(
        "deal;company;first;status;closed;worth\n"
        "d1;acme;05.01.2026;won;02.01.2026;1.500,00\n"
        "d2;beta;03.01.2026;lost;20.01.2026;\n"
        "d3;beta;04.01.2026;running;;\n"
    )
    pipeline = parse_lead_mapping(
        b"{source: crm, lead: deal, party: company, date: first, stage: status, close_date: closed,"
        b" close_value: worth, stages: {won: [won], lost: [lost]}, currency: EUR,"
        b" blanks: {close_value: skip}}"
    )
    orders = tmp_path / "orders.ndjson"
    orders.write_text(
        '{"type":"order","source":"crm","order":"o1","customer":"acme",'
        '"placed_at":"2026-01-06T00:00:00Z","currency":"EUR","total":100}\n'
    )
    told: list[str] = []
    with opened([(leads, pipeline), (orders, None)], "crm", told.append) as found:
        facts = list(found)
    assert told == []
    assert [(type(one.data).__name__, one.customer) for one in facts] == [
        ("CaptureLead", "beta"),
        ("CaptureLead", "beta"),
        ("CaptureLead", "acme"),
        ("CloseLead", "acme"),
        ("PlaceOrder", "acme"),
        ("CloseLead", "beta"),
    ]
    assert [one.time for one in facts] == sorted(one.time for one in facts)


def test_a_notation_of_dates_in_another_alphabet_is_refused_with_the_cure() -> None:
    with pytest.raises(MappingError, match=r"%d\.%m\.%Y"):
        parse_lead_mapping(b"{source: crm, date: first, date_formats: [DD.MM.YYYY]}")
