"""A whole system through the command alone: started, fed, watched, mended, proved, and ended."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import yaml
from perennial.contracts.platform import SERVICES
from perennial.kit.kafka import Broker, Message, Outlet

from tests.cli.conftest import System, perennial

pytestmark = pytest.mark.stack
DEMO = "partner.demo"


def order(number: str, customer: str, day: int) -> dict[str, Any]:
    return {
        "type": "order",
        "source": "shop",
        "order": number,
        "customer": customer,
        "placed_at": f"1997-01-{day:02d}T10:00:00Z",
        "currency": "USD",
        "total": 1999,
        "paid": True,
    }


@pytest.fixture(scope="module")
def fed(system: System, tmp_path_factory: pytest.TempPathFactory) -> System:
    """Three orders of two customers, played over ten days."""
    file = tmp_path_factory.mktemp("history") / "orders.ndjson"
    told = [order("3", "anna", 9), order("1", "anna", 2), order("2", "ben", 5)]
    file.write_text("".join(json.dumps(one) + "\n" for one in told))
    played = system.perennial("replay", str(file))
    assert played.code == 0, played.aside
    assert (played.rows[0]["facts"], played.rows[0]["parked"]) == (3, 0)
    return system


@pytest.mark.feature("P10")
def test_up_says_where_everything_is_and_the_doctor_finds_it_well(system: System) -> None:
    assert system.announced["status"] == "ready"
    assert "perennial token --role director --home" in system.announced["login"]
    assert {*SERVICES, "kafka", "postgres"} <= system.announced.keys()
    examined = system.perennial("doctor")
    assert examined.code == 0, [one for one in examined.rows if one["verdict"] == "fail"]
    runs = {one["process"]: one["runs"] for one in system.perennial("status").rows}
    assert {f"{service}-door" for service in SERVICES} <= runs.keys()
    assert set(runs.values()) == {"yes"}


@pytest.mark.feature("P10")
def test_the_token_of_the_command_opens_the_staff_that_up_registered(system: System) -> None:
    told = system.perennial("token", "--role", "director").text.strip()
    people = httpx.get(
        f"{system.announced['lead-intake']}/v1/registers/people",
        headers={"authorization": f"Bearer {told}"},
    )
    assert people.status_code == 200, people.text
    assert "person:dora" in people.text


@pytest.mark.feature("P4")
def test_tail_shows_decoded_events_and_only_those_asked_for(fed: System) -> None:
    placed = fed.perennial("tail", "orders", "--type", "order.placed", "--from-beginning")
    assert placed.code == 0
    assert [one["time"][:10] for one in placed.rows] == ["1997-01-02", "1997-01-05", "1997-01-09"]
    customer = placed.rows[0]["key"]
    of_anna = fed.perennial("tail", "orders", "--type", "order.placed", "--key", customer)
    assert [one["ver"] for one in of_anna.rows] == [1, 2]
    found = fed.perennial("tail", "--grep", placed.rows[1]["data"]["order_id"], "-n", "50")
    assert placed.rows[1]["id"] in {one["id"] for one in found.rows}
    assert fed.perennial("tail", "oders").code == 3


@pytest.mark.feature("P4")
def test_trace_follows_a_customer_and_a_cause_through_the_topics(fed: System) -> None:
    first = fed.perennial("tail", "orders", "--type", "order.placed", "--from-beginning").rows[0]
    mine = fed.perennial("trace", first["key"]).rows
    assert {one["key"] for one in mine} == {first["key"]}
    assert {"orders.v1", "scores.v1"} <= {one["topic"] for one in mine}
    led_to = fed.perennial("trace", first["id"]).rows
    assert led_to[0]["id"] == first["causation"], "the partner's own fact is the root"
    assert led_to[0]["topic"] == "partner.replay.v1"
    below = [one for one in led_to if one["causation"] == first["id"]]
    assert below, "the order led to something in another service"
    assert all(one["hop_seconds"] >= 0 for one in below)
    assert fed.perennial("trace", "nobody").code == 1


@pytest.mark.feature("P4")
def test_a_partners_event_over_http_is_traced_by_its_own_id_and_a_request_by_its_correlation(
    fed: System,
) -> None:
    login = {"authorization": f"Bearer {fed.perennial('token', '--role', 'operator').text.strip()}"}
    said = {"type": "partner.order.placed.v1", "id": "till-4711", "source": "/till"}
    data = {name: value for name, value in order("90", "zoe", 8).items() if name not in SAID_APART}
    intake = fed.announced["lead-intake"]
    event = {**said, "specversion": "1.0", "data": data}
    form = {"content-type": "application/cloudevents+json"}
    taken = httpx.post(f"{intake}/v1/events", json=event, headers=login | form)
    assert taken.status_code == 201, taken.text
    named = login | {"x-correlation-id": "call-of-monday", "content-type": "application/x-ndjson"}
    row = json.dumps(order("91", "zoe", 9)).encode()
    assert httpx.post(f"{intake}/v1/orders:bulk", content=row, headers=named).status_code == 200
    for name, number in (("till-4711", "90"), ("call-of-monday", "91")):
        led_to = _traced(fed, name)
        assert number in {one["data"].get("number") for one in led_to}


SAID_APART = ("type", "source")


def _traced(system: System, name: str) -> list[dict[str, Any]]:
    """What came of it, once the relay has brought it to Kafka."""
    deadline = time.monotonic() + 30
    while not (found := system.perennial("trace", name)).rows:
        assert time.monotonic() < deadline, found.aside
    return found.rows


@pytest.mark.feature("P4")
def test_lag_counts_and_ages_every_service_on_every_topic(fed: System) -> None:
    told = fed.perennial("lag")
    assert told.code == 0
    topics = {(one["service"], one["topic"]) for one in told.rows if "topic" in one}
    assert {("lead-intake", "partner.replay.v1"), ("scoring", "orders.v1")} <= topics
    work = {one["service"]: one["outbox"] for one in told.rows if "outbox" in one}
    assert work == dict.fromkeys(SERVICES, "empty")


@pytest.mark.feature("P3")
def test_what_no_rule_can_take_is_listed_shown_and_given_up_with_a_reason(fed: System) -> None:
    asyncio.run(_say_nonsense(fed))
    _until_parked(fed)
    listed = fed.perennial("rejected", "list", "--service", "lead-intake")
    assert listed.code == 1
    assert [one["reason"] for one in listed.rows[:-1]] == ["malformed"]
    assert listed.rows[-1] == {"facts": 1, "parked": 1, "waiting": 0, "listed": 1}
    fact = listed.rows[0]["fact"]
    unknown = fed.perennial("rejected", "show", "lead-intake/999999")
    assert (unknown.code, "lead-intake/999999" in unknown.aside) == (1, True)
    (whole,) = fed.perennial("rejected", "show", fact).rows
    assert "gift" in whole["raw"] or "gift" in whole["error"]
    preview = fed.perennial("rejected", "redrive", fact)
    assert "1 parked would be tried again; --yes" in preview.aside
    assert preview.rows[-1] == {"facts": 1, "parked": 1, "waiting": 0, "behind": 0}
    again = fed.perennial("rejected", "redrive", fact, "--yes")
    assert again.code == 1, "it is still nonsense, so it is parked again"
    assert fed.perennial("rejected", "discard", fact, "--yes").code == 3, "a reason is needed"
    gone = fed.perennial("rejected", "discard", fact, "--yes", "--note", "a test")
    assert gone.code == 0, gone.aside
    nothing = {"facts": 0, "parked": 0, "waiting": 0, "listed": 0}
    assert fed.perennial("rejected", "list").rows == [nothing]


async def _say_nonsense(system: System) -> None:
    login = system.addresses.credentials(DEMO)
    outlet = Outlet(Broker(system.addresses.bootstrap, login.username, login.password), DEMO)
    headers = {"specversion": "1.0", "id": "n1", "source": "demo", "type": "partner.gift.v1"}
    told = [(f"ce_{name}", text.encode()) for name, text in headers.items()]
    await outlet.start()
    try:
        await outlet.send_wave([Message(0, f"{DEMO}.v1", "anna", b'{"gift": 1}', told)])
    finally:
        await outlet.stop()


def _until_parked(system: System) -> None:
    bearer = {
        "authorization": f"Bearer {system.perennial('token', '--role', 'oncall').text.strip()}"
    }
    url = f"{system.announced['lead-intake']}/v1/parked"
    deadline = time.monotonic() + 30
    while not httpx.get(url, headers=bearer).json()["items"]:
        assert time.monotonic() < deadline, "nothing was parked"
        time.sleep(0.05)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.feature("P7")
def test_every_schema_is_what_its_topics_make_of_it(fed: System, service: str) -> None:
    compared = fed.perennial("rebuild", service, "--check")
    assert compared.code == 0, compared.rows or compared.aside
    assert compared.rows[0]["compared"].get("event", 0) > 0


@pytest.mark.feature("P7")
def test_a_row_that_was_changed_behind_the_topics_is_named(fed: System) -> None:
    key = asyncio.run(_change_a_part(fed, "1"))
    try:
        compared = fed.perennial("rebuild", "lead-intake", "--check")
        assert compared.code == 1
        (found,) = compared.rows[0]["differences"]
        assert found["table"] == "part"
        assert key in found["key"]
    finally:
        asyncio.run(_change_a_part(fed, "-1"))


async def _change_a_part(system: System, by: str) -> str:
    """Adds to one order's total; the key of the one that was changed."""
    base = await asyncpg.connect(system.addresses.dsn("lead_intake"))
    try:
        key: str = await base.fetchval(
            "UPDATE part SET state = jsonb_set(state, '{total}',"
            f" to_jsonb((state->>'total')::bigint + {by}))"
            " WHERE id = (SELECT min(id) FROM part) RETURNING key"
        )
        return key
    finally:
        await base.close()


def test_an_export_comes_in_through_its_mapping_once(fed: System, tmp_path: Path) -> None:
    file, mapping, report = (tmp_path / name for name in ("a.csv", "m.yaml", "r.ndjson"))
    file.write_text("number,who,when,paid\n7,carla,1997-01-03,12.50\n8,,1997-01-04,1\n")
    mapping.write_text(
        "{source: till, order: number, customer: who, date: when, amount: paid, currency: USD, decimal: '.'}"
    )
    words = ("import", "orders", str(file), "--mapping", str(mapping), "--report", str(report))
    first = fed.perennial(*words)
    assert first.code == 1, "one row names no customer"
    assert first.rows[0]["rejected"] == 1
    assert first.rows[0]["accepted"] == 1
    words_of_rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert {one["row"] for one in words_of_rows} == {2, 3}


def test_a_policy_is_shown_drafted_and_adopted(system: System, tmp_path: Path) -> None:
    shown = system.perennial("policy", "show", "scoring").text
    assert shown.startswith("# scoring@0\n")
    (whole,) = system.perennial("policy", "show", "scoring", "--json").rows
    assert yaml.safe_load(shown) == whole["document"]
    file = tmp_path / "policy.yaml"
    file.write_text(shown)
    drafted = system.perennial("policy", "draft", "scoring", str(file), "--note", "the same")
    assert (drafted.code, drafted.rows[0]["version"]) == (0, 1)
    adopt = ("policy", "adopt", "scoring", "1", "--at", "2031-01-01T00:00:00Z")
    untried = system.perennial(*adopt)
    assert (untried.code, "perennial policy try scoring 1" in untried.aside) == (1, True)
    adopted = system.perennial(*adopt, "--reason", "the same rules")
    assert adopted.code == 0, adopted.aside
    file.write_text(json.dumps({**whole["document"], "churn": "often"}))
    refused = system.perennial("policy", "draft", "scoring", str(file))
    assert refused.code == 1
    assert "churn" in refused.aside, "the path of the fault is named"
    assert len(refused.aside.strip().splitlines()) == 1
    rules = yaml.safe_load(system.perennial("policy", "show", "lifecycle").text)
    file.write_text(json.dumps({**rules, "calendar": "lunar"}))
    refused = system.perennial("policy", "draft", "lifecycle", str(file))
    assert refused.code == 1
    assert "/document/calendar" in refused.aside


def test_a_wrong_word_is_said_in_one_line(system: System) -> None:
    again = system.perennial("up")
    assert again.code == 3
    assert "perennial down" in again.aside


def test_a_system_that_does_not_run_is_an_answer_with_its_cure(tmp_path: Path) -> None:
    for words in (["status"], ["tail"], ["lag"], ["down"], ["token", "--role", "admin"]):
        done = perennial(*words, "--home", str(tmp_path))
        assert done.code == 3
        assert done.aside.startswith(f"nothing runs at {tmp_path}. ")
        assert len(done.aside.strip().splitlines()) == 1
