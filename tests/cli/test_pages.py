"""The examples of the page on interfaces, run as they stand against a whole system."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, System

pytestmark = pytest.mark.stack
NOT_HERE = ("kcat", "alerts/stream")
"""A tool that need not be installed, and a stream that does not end."""


@pytest.mark.feature("P12")
def test_every_example_on_interfaces_runs_as_it_stands(system: System, tmp_path: Path) -> None:
    page = (ROOT / "docs/interfaces.md").read_text()
    blocks = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    (partner,) = [text for kind, text in blocks if "AIOKafkaProducer" in text]
    (tmp_path / "partner.py").write_text(partner)
    (tmp_path / ".perennial").mkdir()
    (tmp_path / ".perennial/home").symlink_to(system.home)
    told = [text for kind, text in blocks if kind == "sh" and not any(w in text for w in NOT_HERE)]

    _live_until_the_day(system, tmp_path / "before.ndjson")
    script = "set -e\n" + "\necho\n".join(told).replace("curl -s ", "curl -sS --fail-with-body ")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for answer in (text.strip() for kind, text in blocks if kind == "json"):
        if '"status": 409' not in answer:
            assert answer in done.stdout
    assert '"secret"' in done.stdout
    assert "till-4711" in done.stdout


def _live_until_the_day(system: System, file: Path) -> None:
    """The played clock stands where a history ends."""
    said = {"type": "order", "source": "shop", "order": "0", "customer": "anna", "total": 1}
    file.write_text(json.dumps(said | {"placed_at": "2026-01-05T10:00:00Z", "currency": "USD"}))
    played = system.perennial("replay", str(file))
    assert played.code == 0, played.aside
