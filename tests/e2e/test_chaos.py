"""A short storm over orders and leads: nothing lost, doubled, invented or out of order."""

import asyncio
import json
import tempfile
from pathlib import Path

import pytest

from tests.e2e.house import PERENNIAL

SEED = "7"


@pytest.mark.feature("P2")
async def test_a_storm_loses_and_doubles_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        storm = ("--minutes", "0.5", "--seed", SEED, "--every", "2", "--longest-freeze", "8")
        process = await asyncio.create_subprocess_exec(
            *(PERENNIAL, "chaos", *storm, "--home", str(Path(made) / "home")),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        text, errors = await process.communicate()

    assert process.returncode == 0, f"{text.decode()}\n{errors.decode()}"
    *rows, closing = [json.loads(line) for line in text.splitlines()]
    checks = [row for row in rows if "held" in row]
    assert len(checks) > 20
    assert all(check["held"] for check in checks), "nothing was compared"
    assert closing["violations"] == 0
    assert closing["facts"] > 100
    assert closing["wishes done"] > 10
    for struck in ("door killed", "relay killed", "kafka killed", "postgres killed"):
        assert closing[struck] >= 1
    assert closing["REST outcomes unknown"] + closing["waves unknown"] >= 1
