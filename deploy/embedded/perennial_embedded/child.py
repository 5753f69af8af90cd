"""Becomes the program it is given, after tying its life to the supervisor's and dropping root.

Run by path with `python -I -S`, so it uses the standard library only.
argv: <supervisor's pid> <signal at its death> <uid, or - to stay> <capability to keep, or -> program …
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522


def die_with(parent: int, signal: int) -> None:
    """After the change of user, which would clear it; then check that the parent still lives."""
    if not sys.platform.startswith("linux"):
        return
    _prctl(PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        sys.exit(f"the supervisor {parent} is gone")


def become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def become_keeping(uid: int, capability: int) -> None:
    """Another user who may still pass through root's folders to its own: files stay in the home."""
    _prctl(PR_SET_KEEPCAPS, 1)
    become(uid)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    low = 1 << capability
    sets = (ctypes.c_uint32 * 6)(low, low, low, 0, 0, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def _prctl(*arguments: int) -> None:
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:5]]
    if ctypes.CDLL(None, use_errno=True).prctl(*padded) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {arguments}")


def main() -> None:
    parent, signal, uid, capability, *program = sys.argv[1:]
    if uid != "-" and capability != "-":
        become_keeping(int(uid), int(capability))
    elif uid != "-":
        become(int(uid))
    die_with(int(parent), int(signal))
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
