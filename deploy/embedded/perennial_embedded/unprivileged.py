"""Postgres refuses to run as root, so root lends it another user, and a way through its folders."""

import os
import pwd
import sys
from pathlib import Path

from perennial_embedded.processes import User

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
NOBODY = 65534


def user_for(*paths: Path) -> User | None:
    """None: we aren't root, stay who we are. Else somebody who can reach all the paths."""
    if os.geteuid() != 0:
        return None
    uid = _nobody()
    blocked = [path for path in paths if not _reachable(path, uid)]
    if not blocked:
        return User(uid)
    capability = next((c for c in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if _held(c)), None)
    if capability is None:
        raise PermissionError(
            f"Postgres must not run as root, and user {uid} can't pass through to {blocked[0]}. "
            "Move the project to a folder that others may enter (such as /srv), "
            "or `chmod o+x` the folders above it, or run as an ordinary user."
        )
    return User(uid, capability)


def give(path: Path, user: User | None) -> None:
    if user is not None:
        os.chown(path, user.uid, user.uid)


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return NOBODY


def _reachable(path: Path, uid: int) -> bool:
    """Every folder above may be entered, by owner or by everybody; those yet to come will be ours."""
    for folder in path.resolve().parents:
        if not folder.exists():
            continue
        found = folder.stat()
        if not found.st_mode & (0o100 if found.st_uid == uid else 0o001):
            return False
    return True


def _held(capability: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    status = Path("/proc/self/status").read_text()
    held = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(held.split()[1], 16) >> capability & 1)
