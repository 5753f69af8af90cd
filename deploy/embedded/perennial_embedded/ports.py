"""Loopback ports that stay the same from start to start while nobody else takes them."""

import socket
from collections.abc import Iterable, Mapping

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def choose(names: Iterable[str], before: Mapping[str, int]) -> dict[str, int]:
    """Last time's port where it is still free, else a fresh one; all distinct."""
    chosen: dict[str, int] = {}
    for name in names:
        wanted = before.get(name)
        usable = wanted is not None and wanted not in chosen.values() and is_free(wanted)
        chosen[name] = wanted if usable and wanted is not None else _fresh(chosen.values())
    return chosen


def _fresh(taken: Iterable[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
