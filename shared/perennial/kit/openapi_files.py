"""Each service's OpenAPI document in its file: `python -m perennial.kit.openapi_files <service> …`."""

import json
import sys
from importlib import import_module
from pathlib import Path

from fastapi import FastAPI
from joserfc.jwk import KeySet

from perennial.kit.auth import Tokens
from perennial.kit.http import build_app
from perennial.kit.operating import kit_router


def app_of(service: str) -> FastAPI:
    """The service's app with its routes only: no database, no keys."""
    router = import_module(f"{service.replace('-', '_')}.api").router
    return build_app(service, [router, kit_router()], Tokens(KeySet([])))


def text_of(service: str) -> str:
    """The service's document as it stands in its file."""
    return json.dumps(app_of(service).openapi(), indent=2, ensure_ascii=False) + "\n"


def main(service: str, folder: Path) -> Path:
    """Write the service's document."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{service}.json"
    file.write_text(text_of(service))
    return file


if __name__ == "__main__":
    for named in sys.argv[1:]:
        print(main(named, Path("docs/contracts/openapi")))
