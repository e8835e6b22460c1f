# Everything a newcomer types. Each target sets up what it needs first; what is
# already there is not done again.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
READY := .venv/.ready
FLEET := examples/office/fleet.yaml
PYTEST := $(BIN)/pytest
LABS := $(BIN)/python -m scripts.second_look
JOBS := 2
# Most integration tests wait for other programs: a lock to end, a rule to fire, a server to start.
WAITING_JOBS := 2
SLOWEST := --durations=25 --durations-min=10

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Make .venv with quorate and the development tools
	@echo "setup: .venv is ready"

$(READY): scripts/bootstrap.sh requirements/installer.txt requirements/dev.txt pyproject.toml
	@scripts/bootstrap.sh

.PHONY: demo
demo: $(READY) lab-packages ## Deploy the example office on a real four-node swarm here, then cut one server's power
	@FLEET=$(FLEET) scripts/demo.sh

.PHONY: lab
lab: $(READY) lab-packages ## Start (or repair) the lab of the example office: four servers on this machine
	@$(BIN)/quorate lab up $(FLEET)

# `quorate lab` installs what it needs by itself, where no Docker engine runs.
.PHONY: lab-packages
lab-packages:
	@command -v ssh >/dev/null || scripts/packages.sh openssh-client

.PHONY: engine
engine: $(READY)
	@$(BIN)/python -m scripts.ensure_engine

.PHONY: test
test: lint lab-packages engine ## Check the code and run every test: unit, integration, scenarios (up to 40 minutes)
	@echo "test: unit, then integration, then scenarios"
	@$(PYTEST) tests/unit --numprocesses $(JOBS)
	@$(PYTEST) tests/integration -m "not lab and not drill" --numprocesses $(WAITING_JOBS) --dist loadgroup --no-loadscope-reorder $(SLOWEST)
	@$(LABS) tests/integration -m "lab and not drill and not steady" --numprocesses $(JOBS) --dist loadgroup $(SLOWEST)
	@$(LABS) tests/integration -m "steady and not drill" $(SLOWEST)
	@$(LABS) tests/scenarios -m "lab and not drill and not steady" --numprocesses $(JOBS) --dist loadgroup $(SLOWEST)
	@$(LABS) tests/scenarios -m "steady and not drill" $(SLOWEST)

.PHONY: test-drills
test-drills: $(READY) lab-packages engine ## Run the long tests too: a lost leader, Ctrl-C at every step, 100,000 files, by hand
	@$(PYTEST) tests/integration tests/scenarios -m drill

.PHONY: test-unit
test-unit: $(READY) ## Run the quick unit tests only (a minute; no process, no network, nothing random)
	@$(PYTEST) tests/unit -m "not slow and not hypothesis" --quiet --numprocesses $(JOBS)

.PHONY: lint
lint: $(READY) ## Check style, types, layers and the tree's own rules
	@echo "lint: style, layout, types, layers, tree"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "what to do: make format"; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m scripts.check_tree

.PHONY: format
format: $(READY) ## Let ruff lay out and sort the code
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

.PHONY: docs
docs: $(READY) ## Generate docs/reference from the code
	@$(BIN)/python -m scripts.reference
	@$(BIN)/python -m scripts.claims
	@$(BIN)/python -m scripts.reliability --page

.PHONY: evidence
evidence: $(READY) ## Repeat the measurements and write them, with pictures, into docs/evidence
	@$(BIN)/python -m benchmarks.run

.PHONY: reliability
reliability: $(READY) lab-packages engine ## Run every test of faults of backups, and write docs/reliability.md (an hour)
	@$(BIN)/python -m scripts.reliability --lab

# `uv pip compile` keeps the versions of the lock where they still fit;
# `make lock LOCK=--upgrade` takes the newest ones.
LOCK :=
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(LOCK)

.PHONY: lock
lock: $(READY) ## Write requirements/*.txt anew from pyproject.toml (LOCK=--upgrade: newest versions)
	@echo "lock: requirements/installer.txt, runtime.txt, dev.txt"
	@$(COMPILE) requirements/installer.in -o requirements/installer.txt
	@$(COMPILE) pyproject.toml -o requirements/runtime.txt
	@$(COMPILE) pyproject.toml --extra dev --constraint requirements/runtime.txt -o requirements/dev.txt

.PHONY: clean
clean: ## Remove what these targets made in the checkout (a running lab: quorate lab down)
	@echo "clean: .venv, caches, build"
	@rm -rf .venv build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
