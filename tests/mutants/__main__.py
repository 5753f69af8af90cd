"""`python -m tests.mutants [M4 …]`: a short storm for each planted fault, and what turned it red; and one
for the system as it is (M0), which must stay green."""

import asyncio
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from perennial_cli.chaos_run import Plan, Ran, run_chaos
from perennial_cli.showing import Show

from tests.mutants.planted import MUTANTS

HERE = Path(__file__).parent
SEED = 4


@dataclass(frozen=True)
class Aim:
    """What brings a fault to light."""

    kinds: tuple[str, ...] = ()
    """None: it shows under load alone."""
    every: float = 1.5
    longest_freeze: float = 8
    seconds: float = 30


CONTROL = "M0"
AIMED = {
    CONTROL: Aim(
        ("rebalance", "door killed", "relay killed", "relay frozen", "kafka killed", "old records"),
        every=3,
    ),
    "M1": Aim(("rebalance",), every=6),
    "M2": Aim(("relay killed", "old records")),
    "M3": Aim(("door killed",)),
    "M7": Aim(("relay killed", "kafka killed")),
    "M8": Aim(("right withdrawn",), every=6),
    "M9": Aim(("door killed",)),
    "M11": Aim(("poison",)),
    "M12": Aim(("relay killed", "relay frozen", "kafka killed")),
}


def main() -> None:
    wanted = sys.argv[1:] or [CONTROL, *MUTANTS]
    wrong = [name for name in wanted if _red(name) == (name == CONTROL)]
    if wrong:
        sys.exit(f"not as they should be: {', '.join(wrong)}")


def _red(name: str) -> bool:
    """Whether the storm saw it, with a line of the table."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o711)
        ran = asyncio.run(_run(name, folder / "storm"))
        shutil.rmtree(folder / "storm", ignore_errors=True)
    verdict = "red" if ran.violations else "GREEN"
    what = MUTANTS[name].__name__.replace("_", " ") if name in MUTANTS else "as it is"
    line = f"{name:4} {what:20} {verdict:6} {time.monotonic() - began:4.0f} s  {_seen_by(ran)}"
    print(line, flush=True)
    return bool(ran.violations)


async def _run(name: str, folder: Path) -> Ran:
    aim = AIMED.get(name, Aim())
    planted = {"PERENNIAL_MUTANT": name, "PYTHONPATH": str(HERE)}
    settings = planted if name in MUTANTS else {}
    plan = Plan(
        folder, aim.seconds, SEED, aim.every, aim.longest_freeze, calm=not aim.kinds,
        kinds=aim.kinds, settle_within=45, settings=settings,
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
