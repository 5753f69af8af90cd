"""Exports of other companies come in whole, once, and with a word about every row."""

import asyncio
import csv
import gzip
import re
from collections import Counter as Multiset
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lead_intake.imports.mapping import Mapping, MappingError, parse_mapping, read_mapping
from lead_intake.imports.run import Import, Told, run_import
from lead_intake.imports.sending import RowResult

from tests.lead_intake.client import Client
from tests.lead_intake.counter import Counter
from tests.lead_intake.house import House, rest

ROOT = Path(__file__).parents[2]
PLAIN = {"source": "erp", "customer": "who", "date": "day", "amount": "sum", "currency": "EUR"}

pytestmark = pytest.mark.feature("I1")


def mapping(**more: Any) -> Mapping:
    return Mapping(**{**PLAIN, **more})


class Desk:
    """Runs imports in a folder of its own against one service."""

    def __init__(self, folder: Path, service: Any = None) -> None:
        self.folder, self.service = folder, service or Counter()

    def bring(
        self, content: str | bytes, rules: Mapping | None = None, report: str = "report.csv"
    ) -> Told:
        file = self.folder / "export.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return run_import(Import(file, rules or mapping(), self.folder / report), self.service)

    def words(self, report: str = "report.csv") -> list[dict[str, str]]:
        with (self.folder / report).open(newline="") as lines:
            return list(csv.DictReader(lines))

    def word(self, row: int) -> dict[str, str]:
        return next(word for word in self.words() if word["row"] == str(row))


class AtHome:
    """Takes what an import sends to the service's own rules and routes."""

    def __init__(self) -> None:
        self.house = House()
        self._app, self._tokens = rest(self.house)

    def asks(self, method: str, path: str, content: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(self._app), base_url="http://svc"
            ) as http:
                return await Client(http, self._tokens)(method, path, content)

        return asyncio.run(ask())

    def send(self, lines: Sequence[bytes]) -> list[RowResult]:
        answer = self.asks("POST", "/orders:bulk", b"\n".join(lines))
        return msgspec.json.Decoder(RowResult).decode_lines(answer.content)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_one_bad_row_does_not_reject_the_others(desk: Desk) -> None:
    rows = [f"c{n},2026-05-01,{n}.50" for n in range(1_000)]
    rows[499] = "c499,2026-05-01,much"

    told = desk.bring("who,day,sum\n" + "\n".join(rows))

    assert told.counts == {"accepted": 999, "rejected": 1}
    assert desk.word(501)["field"] == "sum"
    assert "'much'" in desk.word(501)["reason"]


def test_decimal_commas_thousands_semicolons_and_old_encodings(desk: Desk) -> None:
    text = (
        'Kunde;Datum;Betrag\r\n"Müller & Söhne";31.12.2025;1.234,50 €\r\nJürgen;01.02.2026;7,00\r\n'
    )
    rules = mapping(customer="Kunde", date="Datum", amount="Betrag")

    desk.bring(text.encode("cp1252"), rules)

    assert [(o["customer"], o["total"]) for o in desk.service.orders()] == [
        ("Müller & Söhne", 123_450),
        ("Jürgen", 700),
    ]
    assert desk.service.orders()[1]["placed_at"] == "2026-02-01T00:00:00Z"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings_are_found_out(desk: Desk, encoding: str) -> None:
    desk.bring("who,day,sum\n上海机械有限公司,2026年5月1日,10.00\n".encode(encoding))

    assert desk.service.orders()[0]["customer"] == "上海机械有限公司"


def test_gzip_and_quoted_newlines(desk: Desk) -> None:
    desk.bring(
        gzip.compress(b'who,day,sum,note\nann,2026-05-01,1.00,"two\nlines"\nbob,2026-05-01,x,y\n')
    )

    assert desk.service.orders()[0]["customer"] == "ann"
    assert desk.word(3)["status"] == "rejected"


def test_dates_that_fit_two_notations_are_reported(desk: Desk) -> None:
    with pytest.raises(MappingError, match="%d/%m/%Y and %m/%d/%Y"):
        desk.bring("who,day,sum\nann,03/04/2026,1.00\nbob,05/06/2026,1.00\n")

    assert desk.service.sent == []


def test_one_date_that_settles_the_notation_settles_it_for_all(desk: Desk) -> None:
    desk.bring("who,day,sum\nann,03/04/2026,1.00\nbob,25/06/2026,1.00\n")

    assert desk.service.orders()[0]["placed_at"] == "2026-04-03T00:00:00Z"


def test_with_two_formats_named_only_the_ambiguous_row_is_rejected(desk: Desk) -> None:
    rules = mapping(date_formats=["%d/%m/%Y", "%m/%d/%Y"])

    told = desk.bring("who,day,sum\nann,03/04/2026,1.00\nbob,25/06/2026,1.00\n", rules)

    assert told.counts == {"accepted": 1, "rejected": 1}
    assert "2026-03-04 or 2026-04-03" in desk.word(2)["reason"]


def test_a_thousand_or_one_and_a_bit_is_not_guessed(desk: Desk) -> None:
    with pytest.raises(MappingError, match="decimal"):
        desk.bring('who,day,sum\nann,2026-05-01,"1,234"\n')


def test_times_are_local_and_mere_dates_stay(desk: Desk) -> None:
    rules = mapping(timezone="Asia/Shanghai", date_formats=["%d.%m.%Y %H:%M", "%d.%m.%Y"])

    desk.bring("who,day,sum\nann,01.05.2026 06:00,1.00\nbob,01.05.2026,1.00\n", rules)

    assert [order["placed_at"] for order in desk.service.orders()] == [
        "2026-04-30T22:00:00Z",
        "2026-05-01T00:00:00Z",
    ]


def test_blanks_zeros_and_empty_rows(desk: Desk) -> None:
    rows = "who,day,sum\nann,2026-05-01,0\n,2026-05-01,1\n\nbob,2026-05-01,\n"

    told = desk.bring(rows, mapping(blanks={"amount": "zero", "customer": "skip"}))

    assert told.counts == {"accepted": 2, "skipped": 2}
    assert desk.word(3)["field"] == "who"


def test_rows_that_moved_are_rejected(desk: Desk) -> None:
    told = desk.bring("who,day,sum\nann,2026-05-01,1,99\nbob,2026-05-01\ncy,2026-05-01,1,\n")

    assert told.counts == {"accepted": 1, "rejected": 2}
    assert "quote what holds a delimiter" in desk.word(2)["reason"]


def test_rows_of_one_order_are_one_order_with_lines(desk: Desk) -> None:
    rules = mapping(order="no", product="sku", amount="", quantity="qty", unit_price="each")
    text = (
        "no,who,day,sku,qty,each\n7,ann,2026-05-01,tea,2,3.50\n8,bob,2026-05-01,pot,1,9\n"
        "7,ann,2026-05-01,cup,0.5,4.25\n9,cy,2026-05-01,x,1,1\n9,dan,2026-05-01,y,1,1\n"
    )

    told = desk.bring(text, rules)

    seven = desk.service.known["order", "7"]
    assert (seven["total"], [line["amount"] for line in seven["lines"]]) == (912, [700, 212])
    assert told.counts == {"accepted": 3, "rejected": 2}
    assert desk.word(5)["field"] == "who"


@pytest.mark.parametrize(("wish", "total"), [("same", 100), ("real", 200)])
def test_an_identical_row_of_one_order_is_one_unless_said_otherwise(
    desk: Desk, wish: Any, total: int
) -> None:
    rows = "no,who,day,sum\n7,ann,2026-05-01,1\n7,ann,2026-05-01,1\n"

    desk.bring(rows, mapping(order="no", repeated_lines=wish))

    assert desk.service.total() == total


def test_negative_rows_and_types_become_returns_payments_and_cancellations(desk: Desk) -> None:
    rules = mapping(order="no", type_column="kind", types={"payment": ["Pay"], "cancel": ["void"]})
    text = (
        "no,who,day,sum,kind\n7,ann,2026-05-01,10,sale\n7,ann,2026-05-03,-4,sale\n"
        "7,ann,2026-05-02,6,PAY\n8,bob,2026-05-01,10,sale\n8,bob,2026-05-02,,void\n"
    )

    desk.bring(text, rules)

    assert [fact["type"] for fact in desk.service.sent] == [
        "order",
        "order",
        "payment",
        "cancel",
        "return",
    ]
    assert desk.service.sent[-1]["amount"] == 400
    assert {fact["customer"] for fact in desk.service.sent} == {"ann", "bob"}


def test_a_negative_row_without_an_order_says_what_is_missing(desk: Desk) -> None:
    desk.bring("who,day,sum\nann,2026-05-01,-4\n")

    assert (desk.word(2)["status"], desk.word(2)["field"]) == ("rejected", "order")


def test_what_is_sent_is_sorted_by_business_time(desk: Desk) -> None:
    days = [f"2026-05-{(7 * n) % 28 + 1:02d}" for n in range(28)]

    desk.bring("who,day,sum\n" + "\n".join(f"c{n},{day},1" for n, day in enumerate(days)))

    placed = [fact["placed_at"] for fact in desk.service.sent]
    assert placed == sorted(placed)


def test_contact_data_travel_apart_and_do_not_tell_rows_from_each_other(desk: Desk) -> None:
    rules = mapping(person={"email": "mail"}, attributes={"region": "area"})
    header = "who,day,sum,mail,area\n"

    desk.bring(header + "ann,2026-05-01,1,a@x.example,north\n", rules)
    desk.bring(header + "ann,2026-05-01,1,new@x.example,north\n", rules, "second.csv")

    assert len(desk.service.orders()) == 1
    assert desk.service.orders()[0]["person"] == {"email": "a@x.example"}
    assert desk.service.orders()[0]["attributes"] == {"region": "north"}


def test_a_delivery_again_with_a_tenth_twice_doubles_nothing(desk: Desk) -> None:
    rules = mapping(order="no")
    rows = [f"{n},c{n % 7},2026-05-{n % 28 + 1:02d},{n}" for n in range(1, 101)]

    desk.bring("no,who,day,sum\n" + "\n".join(rows), rules)
    again = desk.bring("no,who,day,sum\n" + "\n".join(rows[::-1] + rows[:10]), rules, "second.csv")

    assert desk.service.total() == sum(range(1, 101)) * 100
    assert again.counts == {"duplicate": 110}


content = st.tuples(st.sampled_from("ab"), st.sampled_from(["1", "2"]), st.sampled_from(["5", "6"]))
delivery = st.lists(content, max_size=8)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(delivery, min_size=1, max_size=3))
def test_deliveries_without_ids_unite_by_the_most_repetitions(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[tuple[str, str, str]]]
) -> None:
    desk = Desk(tmp_path_factory.mktemp("import"))
    expected: Multiset[tuple[str, str, str]] = Multiset()
    for number, rows in enumerate(deliveries):
        text = "\n".join(f"{who},2026-05-0{day},{amount}" for who, day, amount in rows)
        desk.bring(f"who,day,sum\n{text}", mapping(date_formats=["iso"]), f"{number}.csv")
        expected |= Multiset(rows)

    assert len(desk.service.orders()) == expected.total()


def test_an_import_that_was_cut_off_goes_on_and_doubles_nothing(desk: Desk) -> None:
    text = "who,day,sum\nbad,2026-05-01,?\n" + "\n".join(f"c{n},2026-05-01,1" for n in range(5_000))
    desk.service.fail_after = 4_000
    with pytest.raises(ConnectionError):
        desk.bring(text)

    desk.service.fail_after = 10**9
    told = desk.bring(text)

    assert len(desk.service.sent) == 5_000
    assert told.counts == {"accepted": 5_000, "rejected": 1}
    assert Multiset(word["row"] for word in desk.words()).most_common(1)[0][1] == 1
    assert len(desk.words()) == 5_001


def test_a_finished_import_run_again_sends_nothing(desk: Desk) -> None:
    desk.bring("who,day,sum\nann,2026-05-01,1\n")
    told = desk.bring("who,day,sum\nann,2026-05-01,1\n")

    assert (len(desk.service.sent), told.counts) == (1, {"accepted": 1})


def sample_of_the_page() -> tuple[str, Mapping, str]:
    """The file, the mapping and the report that the page on importing shows."""
    page = (ROOT / "docs/importing.md").read_text()
    file = re.search(r"```\n(Order No;.*?)```", page, re.DOTALL)
    rules = re.search(r"```yaml\n(source: shop.*?)```", page, re.DOTALL)
    report = re.search(r"```\n(row,status,.*?)```", page, re.DOTALL)
    assert file
    assert rules
    assert report
    return file[1], parse_mapping(rules[1].encode()), report[1]


@pytest.mark.feature("P14")
def test_the_sample_of_the_page_comes_to_the_report_it_shows(tmp_path: Path) -> None:
    file, rules, report = sample_of_the_page()
    shop = AtHome()
    desk = Desk(tmp_path, shop)

    waiting = desk.bring(file, rules)
    assert waiting.counts == {"rejected": 1, "waiting": 4}
    assert "PUT /v1/registers/rates/EUR" in desk.word(2)["reason"]
    assert desk.word(5)["reason"] == "waits for its order: import that too"

    shop.asks("PUT", "/registers/rates/EUR", {"rate": 1.08, "starts": "2026-01-01"})
    shop.house.release()
    assert desk.bring(file, rules).counts == {"rejected": 1, "duplicate": 4}

    other = AtHome()
    other.asks("PUT", "/registers/rates/EUR", {"rate": 1.08, "starts": "2026-01-01"})
    Desk(tmp_path, other).bring(file, rules, "shown.csv")
    assert (tmp_path / "shown.csv").read_text() == report


def test_a_payment_above_the_total_is_told_in_the_report(tmp_path: Path) -> None:
    rules = mapping(order="no", type_column="kind", types={"payment": ["pay"]}, currency="USD")
    desk = Desk(tmp_path, AtHome())

    desk.bring("no,who,day,sum,kind\n7,ann,2026-05-01,10,sale\n7,ann,2026-05-02,12,pay\n", rules)

    assert (desk.word(3)["status"], desk.word(3)["code"]) == ("accepted", "overpaid")


def test_cdnow_comes_in_whole_with_its_identical_lines(desk: Desk) -> None:
    job = Import(
        ROOT / "tests/data/CDNOW_sample.txt",
        read_mapping(ROOT / "examples/cdnow.yaml"),
        desk.folder / "report.ndjson",
    )

    told = run_import(job, desk.service)

    orders = desk.service.orders()
    assert told.counts == {"accepted": 6_919}
    assert len({order["customer"] for order in orders}) == 2_357
    assert sum(order["total"] for order in orders) == 24_409_194
    alike = Multiset((o["customer"], o["placed_at"], o["total"], o.get("units", 1)) for o in orders)
    assert sum(count > 1 for count in alike.values()) == 19


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("source: x\ncustomer: a\ndate: b\ncurrency: USD\n", "map `amount`"),
        ("source: x\ncustomer: a\ndate: b\namount: c\n", "currency"),
        ("source: x\ncustomer: a\ndate: b\namount: c\ncurrency: USD\ntimezone: Mars\n", "timezone"),
        ("source: x\ncustomer: a\ndate: b\namuont: c\n", "amuont"),
        ("source: x\ncustomer: a\ndate: b\namount: c\ncurrency: UDS\n", "UDS is no currency"),
    ],
)
def test_a_mapping_says_what_it_lacks(document: str, complaint: str) -> None:
    with pytest.raises(MappingError, match=complaint):
        parse_mapping(document.encode())


def test_a_column_that_is_not_there_is_named_with_those_that_are(desk: Desk) -> None:
    with pytest.raises(MappingError, match=r"'sum' is not there; the file has who, day, total"):
        desk.bring("who,day,total\nann,2026-05-01,1\n")
