"""A storm's verdict reaches whoever waits for it, whatever does not end."""

import subprocess
import sys

import pytest

NEVER = """
import asyncio
from perennial_cli.chaos import ends_by_force

async def stubborn():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

async def main():
    asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    print("the verdict")
    ends_by_force(0.1, 3)

asyncio.run(main())
"""


@pytest.mark.feature("P2")
def test_what_does_not_come_back_from_being_stopped_does_not_keep_the_verdict() -> None:
    ran = subprocess.run([sys.executable, "-c", NEVER], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout.strip()) == (3, "the verdict")
    assert "left as it is" in ran.stderr
