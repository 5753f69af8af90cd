"""What may exceed a budget, and why."""

MODULES: dict[str, str] = {}
FUNCTIONS: dict[str, str] = {}
NESTING: dict[str, str] = {}
