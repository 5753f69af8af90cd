"""What may exceed a budget, and why."""

MODULES: dict[str, str] = {
    "shared/perennial/contracts/customers.py": "a topic's events stand on one page",
    "shared/perennial/kit/door.py": "one batch from its first lock to its commit, read in one go",
    "shared/perennial/kit/fold.py": "everything that decides about a fact's fate, in one place",
    "shared/perennial/kit/lanes.py": "three lanes that share the door's state",
}
FUNCTIONS: dict[str, str] = {}
NESTING: dict[str, str] = {}
