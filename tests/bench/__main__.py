"""`python -m tests.bench [figure…]`: ratios to baselines of the same run, as a table and as JSON."""

import importlib
import logging
import sys
from pathlib import Path

import uvloop

from tests.bench.figures import Figure, table, write

FIGURES = {
    "orders": "tests.bench.orders",
    "relay": "tests.bench.relay",
    "http": "tests.bench.http",
    "latency": "tests.bench.latency",
    "rounds": "tests.bench.rounds",
    "lists": "tests.bench.lists",
    "models": "tests.bench.models",
    "demo": "tests.bench.demo",
    "whatif": "tests.bench.whatif",
}
RESULT = Path(".perennial/bench.json")


def main() -> int:
    wanted = sys.argv[1:] or list(FIGURES)
    unknown = sorted(set(wanted) - set(FIGURES))
    if unknown:
        print(f"no figure {', '.join(unknown)}; known are {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING)
    measured: list[Figure] = []
    for name in wanted:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        found: list[Figure] = uvloop.run(importlib.import_module(FIGURES[name]).measure())
        measured += found
        write(found, RESULT)
        print(table(found), file=sys.stderr, flush=True)
    print(table(measured))
    return 0 if all(one.holds is not False for one in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
