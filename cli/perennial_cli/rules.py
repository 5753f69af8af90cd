"""The rules of a service, named and in a file."""

from pathlib import Path
from typing import Any

import yaml
from perennial.contracts.platform import SERVICES

from perennial_cli.trouble import Trouble

ROLE = "admin"
"""Who may read and draft them."""


def known(service: str) -> str:
    """The service, if there is one of that name."""
    if service not in SERVICES:
        raise Trouble(f"no service {service}", f"There are {', '.join(SERVICES)}.")
    return service


def document_in(file: Path) -> Any:
    """The rules in a file: written by hand, or kept from what `policy show` printed, with --json too."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise Trouble(f"{file}: {' '.join(str(error).split())}", "Mend the YAML.") from error
    if not isinstance(document, dict):
        raise Trouble(f"{file} is no document of rules", "Start from `perennial policy show`.")
    shown_whole = "in_force" in document and isinstance(document.get("document"), dict)
    return document["document"] if shown_whole else document
