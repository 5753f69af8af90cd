"""How fast the demo's history runs again: through each service alone, and through all four in a chain."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from perennial.contracts.platform import SERVICES
from perennial_cli.topology import OBSERVER, access
from perennial_embedded.state import Addresses
from perennial_embedded.system import System

from tests.bench import demo
from tests.bench.figures import Figure, not_measured

HOME = Path(".perennial/demo")
ALONE, CHAIN = 1_500_000, 600_000
UNIT = "facts/min"


async def measure() -> list[Figure]:
    why = "" if demo.fresh() else await demo.run_demo()
    if why:
        return [
            not_measured("whatif-alone", 1, UNIT, why),
            not_measured("whatif-chain", 1, UNIT, why),
        ]
    async with System(HOME, access(), clock="ticks") as system:
        alone = {name: await _rate(system, [name]) for name in SERVICES}
        chain = await _rate(system, list(SERVICES), tried=True)
    told = ", ".join(f"{name} {rate:,.0f}" for name, rate in sorted(alone.items()))
    return [
        Figure("whatif-alone", max(alone.values()), ALONE, 1, UNIT, f"by one core's time: {told}"),
        Figure("whatif-chain", chain, CHAIN, 1, UNIT, "all four, rounds held anew, every fact that one takes"),
    ]  # fmt: skip


async def _rate(system: System, names: list[str], tried: bool = False) -> float:
    """Facts folded in a minute of one core's time; the shipped rules of lead-intake as the draft."""
    wish: dict[str, Any] = _wish(system.addresses, names)
    if tried:
        wish |= {"service": "lead-intake", "version": 0}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perennial.kit.whatif"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(json.dumps(wish).encode())
    report = json.loads(out.splitlines()[-1])["report"]
    return float(report["facts"] / report["cpu"] * 60)


def _wish(addresses: Addresses, names: list[str]) -> dict[str, Any]:
    login = addresses.credentials(OBSERVER)
    return {
        "houses": [
            {"name": name, "database_url": addresses.dsn(name.replace("-", "_"))} for name in names
        ],
        "kafka_bootstrap": addresses.bootstrap,
        "kafka_user": login.username,
        "kafka_password": login.password,
    }
