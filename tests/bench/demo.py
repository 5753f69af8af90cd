"""How long the demo's replay takes: of the demo run just before, or of one run for this."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, not_measured

REPORT = Path(".perennial/demo/report.json")
FRESH_SECONDS = 900.0
WITHIN = 300.0
BAR, GOAL = 90.0, 60.0
UNIT = "s"


async def measure() -> list[Figure]:
    why = "" if fresh() else await run_demo()
    if why or not REPORT.exists():
        return [not_measured("demo", BAR, UNIT, why or "the demo left no report", at_most=True)]
    report: dict[str, Any] = json.loads(REPORT.read_text())
    note = f"wall time of replaying {report['days']} days; goal {GOAL:.0f} s; against one second"
    return [Figure("demo", report["seconds"], 1.0, BAR, UNIT, note, at_most=True)]


def fresh() -> bool:
    return REPORT.exists() and time.time() - REPORT.stat().st_mtime < FRESH_SECONDS


async def run_demo() -> str:
    """Why the demo could not be run; empty if it was."""
    perennial = Path(sys.executable).with_name("perennial")
    running = await asyncio.create_subprocess_exec(
        str(perennial), "demo", env={**os.environ, "DEMO_EXIT": "1"},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = await asyncio.wait_for(running.communicate(), WITHIN)
    except TimeoutError:
        running.terminate()
        await running.wait()
        return f"the demo did not end within {WITHIN:.0f} s"
    if running.returncode != 0:
        return f"the demo ended with {running.returncode}: {out[-200:].decode(errors='replace')}"
    return ""
