"""Every scope that a route asks for is one that some role holds; else nobody could ever call it."""

import pytest
from perennial.contracts.platform import SERVICES
from perennial.kit.auth import unprotected_routes
from perennial.kit.openapi_files import app_of
from perennial.kit.tokens import ROLES

pytestmark = pytest.mark.feature("P9")


@pytest.mark.parametrize("service", SERVICES)
def test_routes_ask_for_scopes_that_roles_hold(service: str) -> None:
    pytest.importorskip(f"{service.replace('-', '_')}.api", reason="has no routes yet")
    app = app_of(service)
    granted = {scope for role in ROLES.values() for scope in role.scopes}

    asked = {
        scope
        for path in app.openapi()["paths"].values()
        for operation in path.values()
        for scope in operation["security"][0]["bearer"]
    }

    assert asked
    assert asked <= granted
    assert unprotected_routes(app) == []
