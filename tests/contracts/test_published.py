"""The gates: documents match the code, golden files decode for ever, a broken promise fails by name."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from perennial.contracts.catalogue import EVENTS, READS, TOPICS
from perennial.contracts.cloudevents import decode, encode_data, headers
from perennial.contracts.compatibility import breaks
from perennial.contracts.examples import example
from perennial.contracts.publish import GOLDEN, PUBLISHED, broken, documents, main, publish, stale
from perennial.contracts.schemas import reader_schema, writer_schema

pytestmark = pytest.mark.feature("P12")

ROOT = Path(__file__).resolve().parents[2]
RUN = "run `make contracts` and commit what it writes"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
DOCUMENTS = documents()
ORDER = "partner.order.placed.v1"


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_every_document_is_what_the_code_says(path: Path) -> None:
    assert (ROOT / path).read_text() == DOCUMENTS[path], RUN


def test_no_document_is_left_behind() -> None:
    assert stale(ROOT) == [], RUN


def test_every_promise_is_kept() -> None:
    assert [str(fault) for fault in broken(ROOT)] == []
    assert list((ROOT / PUBLISHED).glob("*.json")), "nothing is published, so nothing is checked"


@pytest.mark.parametrize("kind", EVENTS)
def test_a_golden_file_decodes_and_comes_back_the_same(kind: str) -> None:
    record = json.loads((ROOT / GOLDEN / f"{kind}.json").read_text())
    wire = [(name, text.encode()) for name, text in record["headers"].items()]
    value = json.dumps(record["value"]).encode()

    fact = decode(record["topic"], record["key"].encode(), wire, value, NOW, trust_recorded=True)

    assert isinstance(fact.data, EVENTS[kind])
    assert json.loads(encode_data(fact.data)) == record["value"]
    assert set(wire) <= set(headers(fact))


def test_every_golden_file_has_its_type() -> None:
    assert {file.stem for file in (ROOT / GOLDEN).glob("*.json")} == set(EVENTS)


@pytest.mark.parametrize("kind", EVENTS)
def test_an_example_shows_every_field(kind: str) -> None:
    said = json.loads(encode_data(example(EVENTS[kind])))

    assert set(said) == {field.encode_name for field in msgspec.structs.fields(EVENTS[kind])}


def test_each_type_has_one_struct_and_each_topic_one_writer() -> None:
    for topic in TOPICS.values():
        for kind, event in topic.events.items():
            assert EVENTS[kind] is event
            assert kind == event.TYPE
    assert all(topic in TOPICS.values() for topics in READS.values() for topic in topics)


def test_writers_are_closed_and_readers_open() -> None:
    event = EVENTS["perennial.order.placed.v1"]

    assert writer_schema(event)["$defs"]["OrderPlaced"]["additionalProperties"] is False
    assert "additionalProperties" not in reader_schema(event)["$defs"]["OrderPlaced"]


def changed(kind: str, **fields: Any) -> list[str]:
    """What the gate says when the type's own fields change so (None removes one)."""
    published = writer_schema(EVENTS[kind])
    present = copy.deepcopy(published)
    own = present["$defs"][present["$ref"].rpartition("/")[2]]
    for name, schema in fields.items():
        if schema is None:
            del own["properties"][name]
            own["required"] = [one for one in own["required"] if one != name]
        else:
            own["properties"][name] = schema
    return [str(fault) for fault in breaks(kind, published, present)]


def test_an_optional_field_may_be_added() -> None:
    assert changed(ORDER, note={"type": "string", "default": ""}) == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"total": None}, "/total is removed"),
        ({"total": {"type": "string"}}, "/total is retyped"),
        ({"currency": {"type": "string", "pattern": "^USD$"}}, "/currency is retyped"),
        ({"units": {"type": "integer", "default": 9}}, "/units has another default"),
        ({"placed_at": {"type": "string", "format": "date"}}, "/placed_at is retyped"),
        ({"lines": {"type": "array", "items": {"type": "string"}}}, "/lines[] is retyped"),
    ],
)
def test_a_broken_field_fails_by_type_name_and_cure(fields: dict[str, Any], says: str) -> None:
    faults = changed(ORDER, **fields)

    assert any(fault.startswith(f"{ORDER}: {says}") for fault in faults)
    assert all("publish a new type beside it (partner.order.placed.v2)" in one for one in faults)


def altered(kind: str, name: str, **own: Any) -> list[str]:
    """What the gate says when one definition's keywords are replaced."""
    published = writer_schema(EVENTS[kind])
    present = copy.deepcopy(published)
    present["$defs"][name] |= own
    return [str(fault) for fault in breaks(kind, published, present)]


def test_a_new_required_field_fails() -> None:
    schema = writer_schema(EVENTS[ORDER])["$defs"]["PlaceOrder"]
    more = {**schema["properties"], "note": {"type": "string"}}

    (fault,) = altered(ORDER, "PlaceOrder", properties=more, required=[*schema["required"], "note"])

    assert fault.startswith(f"{ORDER}: /note is new and required")


@pytest.mark.parametrize(("name", "says"), [("paid", "became"), ("order", "is no longer")])
def test_what_is_required_stays_as_it_is(name: str, says: str) -> None:
    required = set(writer_schema(EVENTS[ORDER])["$defs"]["PlaceOrder"]["required"]) ^ {name}

    (fault,) = altered(ORDER, "PlaceOrder", required=sorted(required))

    assert fault.startswith(f"{ORDER}: /{name} {says} required")


def test_a_narrowed_or_widened_enum_fails() -> None:
    kind = "perennial.customer.curve-started.v1"
    schema = writer_schema(EVENTS[kind])["$defs"]["CurveStarted"]["properties"]

    def because(*allowed: str) -> list[str]:
        return altered(
            kind, "CurveStarted", properties={**schema, "because": {"enum": list(allowed)}}
        )

    (narrowed,) = because("recovery", "reactivation")
    (widened,) = because("recovery", "reactivation", "next-product", "whim")

    assert narrowed.startswith(f"{kind}: /because is narrowed: next-product no longer allowed")
    assert widened.startswith(f"{kind}: /because is retyped")
    assert because("next-product", "reactivation", "recovery") == []


def test_a_change_deep_inside_is_seen_with_its_path() -> None:
    line = writer_schema(EVENTS[ORDER])["$defs"]["OrderLine"]
    less = {name: schema for name, schema in line["properties"].items() if name != "cost"}

    (fault,) = altered(ORDER, "OrderLine", properties=less)

    assert fault.startswith(f"{ORDER}: /lines[]/cost is removed")


def test_a_type_that_is_gone_fails() -> None:
    (fault,) = breaks(ORDER, writer_schema(EVENTS[ORDER]), None)

    assert "is gone from the catalogue" in str(fault)


def test_the_command_refuses_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    promise = writer_schema(EVENTS[ORDER])
    promise["$defs"]["PlaceOrder"]["properties"]["gone"] = {"type": "string"}
    file = tmp_path / PUBLISHED / f"{ORDER}.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(promise))
    monkeypatch.setattr("sys.argv", ["publish", "--root", str(tmp_path)])

    assert main() == 1
    assert f"{ORDER}: /gone is removed" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*.json") if path != file] == []


def test_a_released_golden_file_is_never_rewritten(tmp_path: Path) -> None:
    list(publish(tmp_path, [ORDER]))
    released = tmp_path / GOLDEN / f"{ORDER}.json"
    unreleased = tmp_path / GOLDEN / "perennial.order.placed.v1.json"
    for file in (released, unreleased):
        file.write_text("{}")

    written = list(publish(tmp_path))

    assert written == [unreleased]
    assert broken(tmp_path) == []
