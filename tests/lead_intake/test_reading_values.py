"""Amounts, sending and suggesting: the small parts of an import."""

from decimal import Decimal

import httpx
import msgspec
import pytest
import yaml
from lead_intake.imports.mapping import parse_mapping
from lead_intake.imports.numbers import AmbiguousDecimalError, NotANumber, find_decimal, number
from lead_intake.imports.sending import BulkSender, RowResult, SendingError
from lead_intake.imports.suggest import suggest_lead_mapping, suggest_mapping

pytestmark = pytest.mark.feature("I1")


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("29.33", ".", "29.33"),
        ("1.234.567,89", ",", "1234567.89"),
        ("€ 1 234,50", ",", "1234.50"),
        ("USD 1,234.50", ".", "1234.50"),
        ("1'234.50", ".", "1234.50"),
        ("(12.00)", ".", "-12.00"),
        ("12,00-", ",", "-12.00"),
        ("−7", ".", "-7"),
        (".5", ".", "0.5"),
    ],
)
def test_amounts_as_people_write_them(text: str, decimal: str, expected: str) -> None:
    assert number(text, decimal) == Decimal(expected)


@pytest.mark.parametrize("text", ["", "-", "12,34.5", "1.2.3", "abc", "1e5", "12,3456", "1,23"])
def test_what_is_no_amount_is_none(text: str) -> None:
    with pytest.raises(NotANumber):
        number(text, ".")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "2"], "."),
        (["1,50", "1.234"], ","),
        (["1.234.567"], ","),
        (["1,234", "0.5"], "."),
        (["0.125"], "."),
    ],
)
def test_the_decimal_sign_is_found_where_the_column_tells(texts: list[str], expected: str) -> None:
    assert find_decimal(texts) == expected


@pytest.mark.parametrize("texts", [["1,234"], ["1.234"], ["1,50", "1.50"]])
def test_the_decimal_sign_is_not_guessed(texts: list[str]) -> None:
    with pytest.raises(AmbiguousDecimalError):
        find_decimal(texts)


def answering(*statuses: int) -> tuple[BulkSender, list[float]]:
    """A sender whose service answers with these statuses in turn, and the pauses it made."""
    left = list(statuses)
    pauses: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        rows = len(request.content.split(b"\n"))
        results = [RowResult(row=n + 1, status="accepted") for n in range(rows)]
        status = left.pop(0)
        body = msgspec.json.Encoder().encode_lines(results) if status == 200 else b"{}"
        return httpx.Response(status, content=body, headers={"Retry-After": "3"})

    sender = BulkSender(
        "http://svc", "t", transport=httpx.MockTransport(answer), pause=pauses.append
    )
    return sender, pauses


def test_passing_trouble_is_waited_out() -> None:
    sender, pauses = answering(503, 429, 200)

    assert [result.status for result in sender.send([b"{}", b"{}"])] == ["accepted", "accepted"]
    assert pauses == [3.0, 3.0]


def test_a_refusal_of_the_whole_is_not_repeated() -> None:
    sender, pauses = answering(403)

    with pytest.raises(SendingError, match="403"):
        sender.send([b"{}"])
    assert pauses == []


def test_a_suggested_mapping_is_one_that_can_be_used() -> None:
    suggestion = suggest_mapping(
        ["Order ID", "Kundennummer", "Bestelldatum", "Betrag", "E-Mail"],
        [["1", "7", "31.12.2025", "1.234,50", "a@x.example"]],
    )

    document = yaml.safe_load(suggestion.document)
    assert document["date_formats"] == ["%d.%m.%Y"]
    assert document["decimal"] == ","
    assert parse_mapping(suggestion.document.encode()).customer == "Kundennummer"
    assert suggestion.questions == [
        "No column says which orders are paid: are they all (`paid: true`)?",
        "No currency column: is USD right for all rows?",
    ]


def test_one_bad_date_is_named_by_its_row_and_spoils_no_proposal() -> None:
    rows = [["a", "03.05.2026", "1"], ["b", "99.05.2026", "2"], [], ["c", "14.05.2026", "3"]]

    named = suggest_mapping(["customer", "date", "amount"], rows)
    by_values = suggest_lead_mapping(["company", "seen on", "value"], rows)

    for found, column in ((named, "date"), (by_values, "seen on")):
        document = yaml.safe_load(found.document)
        assert (document["date"], document["date_formats"]) == (column, ["%d.%m.%Y"])
        (told,) = [question for question in found.questions if question.startswith("Row")]
        assert told.startswith(f"Row 3, {column!r}: '99.05.2026' is no date as %d.%m.%Y")
    assert any("'seen on' the date?" in question for question in by_values.questions)


def test_numbers_are_no_dates_and_two_columns_of_dates_are_asked_about() -> None:
    header = ["company", "number", "seen", "met"]
    numbered = suggest_lead_mapping(header[:2], [["a", "20260503"], ["b", "20260504"]])
    twice = suggest_lead_mapping(header, [["a", "1", "2026-05-03", "2026-05-04"]])

    for found in (numbered, twice):
        assert "date" not in yaml.safe_load(found.document)
        assert "Which column is the first contact?" in found.questions


def test_what_means_paid_is_asked_with_what_the_column_holds() -> None:
    rows = [["ann", "2026-05-31", "1.00", status] for status in ("Bezahlt", "offen", "Bezahlt")]

    suggestion = suggest_mapping(["customer", "date", "amount", "Status"], rows)

    assert parse_mapping(suggestion.document.encode()).paid_values == ("Bezahlt",)
    (asked,) = [question for question in suggestion.questions if "paid" in question]
    assert "'Status'" in asked
    assert "Bezahlt, offen" in asked


def test_what_cannot_be_told_is_asked() -> None:
    suggestion = suggest_mapping(["customer", "date", "x"], [["a", "01/02/2026", "1"]])

    assert any("%d/%m/%Y and %m/%d/%Y" in question for question in suggestion.questions)
    assert "Which column is the amount?" in suggestion.questions
