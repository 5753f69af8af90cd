"""OpenAPI of a service from its routes and msgspec structs."""

from collections.abc import Iterator
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from perennial.kit.auth import calls_of, scopes_of
from perennial.kit.problems import PROBLEM_JSON, Problem

TEMPLATE = "#/components/schemas/{name}"


class SchemaRef(dict[str, Any]):
    """A place in the document that is filled with a struct's schema when the document is made."""

    def __init__(self, struct: Any) -> None:
        super().__init__()
        self.struct = struct


def document(app: FastAPI) -> None:
    """From now on `app.openapi()` is ours: struct schemas, problems for faults, scopes for routes."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document_of(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document_of(app: FastAPI) -> dict[str, Any]:
    structs: list[Any] = [Problem]
    for _route, ref in _references(app):
        structs.append(ref.struct)
    for _route, struct in _bodies(app):
        structs.append(struct)
    schemas, components = msgspec.json.schema_components(
        list(dict.fromkeys(structs)), ref_template=TEMPLATE
    )
    schema_of = dict(zip(dict.fromkeys(structs), schemas, strict=True))
    for _route, ref in _references(app):
        ref.update(schema_of[ref.struct])
    made = get_openapi(title=app.title, version=app.version, routes=app.routes)
    for route, struct in _bodies(app):
        for operation in _operations(made, route):
            operation["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": schema_of[struct]}},
            }
    _complete(app, made, components)
    return made


def _complete(app: FastAPI, made: dict[str, Any], components: dict[str, Any]) -> None:
    kept = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        kept.pop(name, None)
    kept.update(components)
    made["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    problem = {
        "description": "A problem (RFC 9457)",
        "content": {PROBLEM_JSON: {"schema": {"$ref": TEMPLATE.format(name="Problem")}}},
    }
    for route in iter_route_contexts(app.routes):
        for operation in _operations(made, route):
            operation["security"] = [{"bearer": scopes_of(route.dependant)}]
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem


def _operations(made: dict[str, Any], route: Any) -> Iterator[dict[str, Any]]:
    path = made["paths"].get(route.path_format, {})
    for method in route.methods or ():
        if method.lower() in path:
            yield path[method.lower()]


def _references(app: FastAPI) -> Iterator[tuple[Any, SchemaRef]]:
    for route in iter_route_contexts(app.routes):
        answers = (getattr(route.route, "responses", None) or {}).values()
        contents = [content for told in answers for content in told.get("content", {}).values()]
        for content in contents:
            if isinstance(content.get("schema"), SchemaRef):
                yield route, content["schema"]


def _bodies(app: FastAPI) -> Iterator[tuple[Any, Any]]:
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route.route, "dependant", None)
        for call in calls_of(dependant) if dependant else ():
            if hasattr(call, "struct"):
                yield route, call.struct
