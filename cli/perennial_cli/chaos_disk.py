"""A full disk: the servers' folders lie on small file systems in memory, which ballast fills up.

To mount them takes root; without it this fault cannot be made, and the run says so.
"""

import asyncio
import errno
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from perennial_embedded.home import Home

from perennial_cli.chaos_faults import SERVERS, Fault

SIZE = 3 << 30
"""Bytes of each file system: more than a run of an hour writes."""
BALLAST, STEP = "ballast", 16 << 20
SHORTEST, LONGEST = 2.0, 8.0


@contextmanager
def small_disks(folder: Path, *, wanted: bool) -> Iterator[dict[str, Path]]:
    """The folder of each server on a file system of its own; empty where that can't be made."""
    home = Home(folder)
    home.prepare()
    folders = {"kafka": home.kafka, "postgres": home.postgres}
    mounted: dict[str, Path] = {}
    try:
        for name, path in folders.items():
            if not wanted or not _mounted(path):
                break
            mounted[name] = path
        yield mounted if len(mounted) == len(folders) else {}
    finally:
        for path in mounted.values():
            subprocess.run(["umount", "-l", str(path)], capture_output=True, check=False)


def disk_faults(disks: dict[str, Path], rng: Random) -> Iterator[Fault]:
    """One of the disks is full for a while."""
    if disks:
        name, seconds = rng.choice(SERVERS), rng.uniform(SHORTEST, LONGEST)
        yield Fault("disk full", f"{name} for {seconds:.1f} s", _filled(disks[name], seconds))


def _mounted(path: Path) -> bool:
    """With the rights that the folder had."""
    mode = path.stat().st_mode & 0o777
    options = f"size={SIZE},mode={mode:o}"
    words = ["mount", "-t", "tmpfs", "-o", options, "perennial-chaos", str(path)]
    if os.geteuid() != 0:
        return False
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _filled(disk: Path, seconds: float) -> Callable[[], Awaitable[None]]:
    async def strike() -> None:
        ballast = disk / BALLAST
        try:
            await asyncio.to_thread(_fill, ballast)
            await asyncio.sleep(seconds)
        finally:
            ballast.unlink(missing_ok=True)

    return strike


def _fill(ballast: Path) -> None:
    """Ever smaller pieces, to the last byte."""
    size, step = 0, STEP
    with ballast.open("wb") as file:
        while step:
            if _fits(file.fileno(), size, step):
                size += step
            else:
                step //= 4


def _fits(file: int, size: int, step: int) -> bool:
    try:
        os.posix_fallocate(file, size, step)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True
