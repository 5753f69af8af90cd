# Everything starts here. Needs Python 3.11 or newer, make, and a network for the first `make setup`.

PYTHON  ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
             $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
             && { command -v $$python; break; }; done)
MINUTES ?= 5
STEPS   ?= 100000
SEED    ?= 0
TOOLS   := .perennial/tools
UV_PIN  := 0.13.9
UV      := $(or $(shell command -v uv),$(TOOLS)/bin/uv)
RUN     := $(UV) run --frozen --no-sync
SYNCED  := .venv/.synced
export UV_PYTHON := >=3.11
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: setup up down demo test check contracts bench features chaos simulate help

setup: $(SYNCED) ## install everything into .venv (only what changed)

up: $(SYNCED) ## start the whole system here; Ctrl-C ends it
	@$(RUN) perennial up

down: $(SYNCED) ## end the system that runs here
	@$(RUN) perennial down

demo: $(SYNCED) ## a company's years in a minute
	@$(RUN) perennial demo

check: $(SYNCED) ## the fast loop: style, types, architecture, tests without servers
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) python -m pytest -q -p tests.features -m "not stack and not long"

test: check ## all that CI runs: check, and the tests against real Kafka and Postgres
	$(RUN) python -m pytest -q -p tests.features -m "stack or long"

contracts: $(SYNCED) ## write schemas, AsyncAPI, OpenAPI and golden files anew from the code
	@$(RUN) python -m perennial.contracts.publish
	@$(RUN) python -m perennial.kit.openapi_files lead-intake lifecycle scoring notifications

bench: $(SYNCED) ## throughput and latency, as ratios to baselines of the same run
	$(RUN) python -m tests.bench

features: $(SYNCED) ## which promised features a test proves
	$(RUN) python -m tests.features

chaos: $(SYNCED) ## strike everything for MINUTES=5 and prove that nothing is lost or doubled
	@$(RUN) perennial chaos --minutes $(MINUTES)

simulate: $(SYNCED) ## four services in one process, struck by faults between any two of STEPS=100000 steps
	@$(RUN) python -m tests.simulation --steps $(STEPS) --seed $(SEED) $(if $(MUTANTS),--mutants)

help: ## this list
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

$(SYNCED): uv.lock $(UV)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (python3)."; exit 1; }
	$(UV) sync --frozen --no-python-downloads
	@$(RUN) python -m perennial_embedded.jars
	@touch $@

# uv isn't on the PATH: a private copy. A Python without ensurepip still may have a pip of its own.
$(TOOLS)/bin/uv:
	@mkdir -p $(TOOLS)/bin
	@{ $(PYTHON) -m venv $(TOOLS)/venv \
	     && $(TOOLS)/venv/bin/python -m pip install --quiet uv==$(UV_PIN) \
	     && ln -sf ../venv/bin/uv $@; } \
	 || { echo "No venv with pip here; trying Python's own pip." \
	     && $(PYTHON) -m pip install --quiet --upgrade --target $(TOOLS)/uv uv==$(UV_PIN) \
	     && ln -sf ../uv/bin/uv $@; } \
	 || { echo "Install uv, or the python3-venv package, and try again."; exit 1; }
