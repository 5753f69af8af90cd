"""`python -m tests.mutants [M4 …]`: a short storm for each planted fault, and what turned it red."""

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from perennial_cli.chaos_run import Plan, Ran, run_chaos
from perennial_cli.showing import Show

from tests.mutants.planted import MUTANTS

HERE = Path(__file__).parent
SEED = 4
AIMED = {
    "M1": ("door killed", "poison", "rebalance", "postgres killed"),
    "M2": ("relay killed", "old records"),
    "M3": ("door killed",),
    "M5": ("relay killed", "relay frozen"),
    "M7": ("relay killed", "kafka killed"),
    "M8": ("kafka killed", "kafka frozen", "network"),
    "M9": ("door killed",),
    "M11": ("poison",),
    "M12": ("relay killed", "relay frozen", "kafka killed"),
}
"""What brings a fault to light; the others show under load alone."""


def main() -> None:
    wanted = sys.argv[1:] or list(MUTANTS)
    survived = [name for name in wanted if not _red(name)]
    if survived:
        sys.exit(f"survived: {', '.join(survived)}")


def _red(name: str) -> bool:
    """Whether the storm saw it, with a line of the table."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o711)
        ran = asyncio.run(_run(name, folder / "storm"))
        shutil.rmtree(folder / "storm", ignore_errors=True)
    verdict = "red" if ran.violations else "GREEN"
    what = MUTANTS[name].__name__.replace("_", " ")
    line = f"{name:4} {what:20} {verdict:6} {time.monotonic() - began:4.0f} s  {_seen_by(ran)}"
    print(line, flush=True)
    return bool(ran.violations)


async def _run(name: str, folder: Path) -> Ran:
    aimed = AIMED.get(name, ())
    settings = {"PERENNIAL_MUTANT": name, "PYTHONPATH": str(HERE)}
    plan = Plan(
        folder, 30, SEED, every=1.5, longest_freeze=8, calm=not aimed, kinds=aimed,
        settle_within=45, settings=settings,
    )  # fmt: skip
    return await run_chaos(plan, Show(as_json=True))


def _seen_by(ran: Ran) -> str:
    red = [
        f"{one.name}: {one.lost} lost, {one.doubled} doubled, {one.invented} invented,"
        f" {one.disordered} out of order"
        for one in ran.checks
        if one.violations
    ]
    return "; ".join([*(one[:160] for one in ran.troubles[:2]), *red])


if __name__ == "__main__":
    main()
