"""The committed OpenAPI documents are what the routes say."""

from pathlib import Path

import pytest
from perennial.contracts.platform import SERVICES
from perennial.kit.openapi_files import app_of, text_of

pytestmark = pytest.mark.feature("P12")

OPENAPI = Path(__file__).resolve().parents[2] / "docs/contracts/openapi"


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_is_what_the_routes_say(service: str) -> None:
    written = (OPENAPI / f"{service}.json").read_text()

    assert written == text_of(service), "run `make contracts` and commit what it writes"


@pytest.mark.parametrize("service", SERVICES)
def test_operation_ids_are_given_once(service: str) -> None:
    paths = app_of(service).openapi()["paths"].values()
    ids = [operation["operationId"] for path in paths for operation in path.values()]

    assert len(ids) == len(set(ids))


def test_every_route_that_looks_back_does_so_by_the_one_rule_of_the_kit() -> None:
    told = [
        parameter["description"]
        for service in SERVICES
        for path in app_of(service).openapi()["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "as_of"
    ]

    assert len(told) > 15
    assert set(told) == {"Moment to look back to, RFC 3339; one in the future is refused"}
