"""A million customers scored: our tables against `lifetimes`, in an environment of its own."""

import asyncio
import shutil
import sys
from pathlib import Path
from subprocess import DEVNULL

import msgspec

from tests.bench.figures import Figure, not_measured

PLACE = Path(".perennial/bench-lifetimes")
NEEDS = ("lifetimes==0.11.3", "numpy<2", "pandas<2.1", "scipy<1.12", "setuptools<80")
BAR, TOLERANCE = 20.0, 1e-8
UNIT = "customers/CPU s"
INSTALLS_WITHIN = 240.0
WORKS_WITHIN = 300.0


class Scored(msgspec.Struct):
    """What one side says of itself."""

    cpu_seconds: float
    customers: int


async def measure() -> list[Figure]:
    why = await _missing()
    if why:
        return [not_measured("models", BAR, UNIT, why)]
    folder = PLACE / "figures"
    folder.mkdir(exist_ok=True)
    theirs = await _scored(PLACE / "bin/python", "models_lifetimes.py", folder)
    ours = await _scored(Path(sys.executable), "models_ours.py", folder)
    worst = msgspec.json.decode((folder / "worst.json").read_bytes(), type=float)
    note = (
        f"expected purchases, P(alive) and 12-month value of {ours.customers:,} customers, one thread;"
        f" lifetimes 0.11.3, its 12-month value on {theirs.customers:,} of them, scaled"
    )
    return [
        Figure(
            "models",
            ours.customers / ours.cpu_seconds,
            ours.customers / theirs.cpu_seconds,
            BAR,
            UNIT,
            note,
        ),
        Figure(
            "models / error", worst, TOLERANCE, 1.0, "relative",
            "largest difference from lifetimes; the baseline is what is tolerated", at_most=True,
        ),
    ]  # fmt: skip


async def _missing() -> str:
    """Why there is no `lifetimes` here; empty once it is installed."""
    done = PLACE / "installed"
    if done.exists():
        return ""
    uv = shutil.which("uv") or ".perennial/tools/bin/uv"
    if not Path(uv).exists():
        return "no uv to make an environment for lifetimes with"
    shutil.rmtree(PLACE, ignore_errors=True)
    python = str(PLACE / "bin/python")
    commands = (
        (uv, "venv", "--quiet", "--python", sys.executable, str(PLACE)),
        (uv, "pip", "install", "--quiet", "--python", python, *NEEDS),
    )
    for command in commands:
        running = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL)
        try:
            code = await asyncio.wait_for(running.wait(), INSTALLS_WITHIN)
        except TimeoutError:
            running.kill()
            return "lifetimes was not installed in time"
        if code != 0:
            return "lifetimes can't be installed here"
    done.touch()
    return ""


async def _scored(python: Path, script: str, folder: Path) -> Scored:
    path = Path(__file__).with_name(script)
    running = await asyncio.create_subprocess_exec(
        str(python), str(path), str(folder), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(running.communicate(), WORKS_WITHIN)
    if running.returncode != 0:
        raise RuntimeError(f"{script} ended with {running.returncode}")
    return msgspec.json.decode(out, type=Scored)
