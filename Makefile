# CIOR from a checkout. `make demo` needs Python 3.11 and nothing else; `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# A compiled module is kept: without, every worker of pytest and every part of every centre compiles all anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.stamp-runtime
DEV := $(VENV)/.stamp-dev
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
PACKAGES := core/cior_core streams/cior_bus streams/cior_streams store/cior_store store/cior_register store/cior_sink \
            vision/cior_video vision/cior_vision vision/cior_recorder connectors/cior_connectors city/cior_city \
            evidence/cior_evidence console/cior_console deploy/grafana/cior_grafana cior demo/cior_demo
CHECKED := $(PACKAGES) console/web/build_page.py tests $(wildcard benchmarks)
TEST_ARGS ?=
# Three phases: what may run beside others, then what mostly waits for parts that it froze (four at a time, whatever
# TEST_WORKERS says), then what must be alone. Each closes with its own summary.
TEST_WORKERS ?= 4
TEST := $(BIN)/python -m pytest
LONG_ARGS ?=
CANARY_EVENTS ?= 10000
MUTANTS ?=
DEMO_ARGS ?=
UP_ARGS ?=

.PHONY: help venv venv-runtime python-check engines-check demo up web test long canary pictures mutants unit lint format types contracts bench docs clean licences

help: ## Show the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

python-check:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "CIOR needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo absent)." >&2; \
	  echo "Cure: install it (Debian 12: apt-get install python3 python3-venv), or: make PYTHON=/path/to/python3.11" >&2; exit 1; }

$(BIN)/python: | python-check
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "The venv module is missing. Cure on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

# The pinned set is verified hash by hash; CIOR itself is linked, not copied. A dev install holds the runtime set too.
$(RUNTIME): pyproject.toml requirements/runtime.txt | $(BIN)/python
	@echo "Installing the pinned runtime set into $(VENV) (about a minute, once) ..."
	@$(PIP) --require-hashes -r requirements/runtime.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): pyproject.toml requirements/dev.txt | $(BIN)/python
	@echo "Installing the pinned development set into $(VENV) (about a minute, once) ..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(RUNTIME) $@

venv: $(DEV) ## Make .venv with everything, tests included
venv-runtime: $(RUNTIME) ## Make .venv with what the demo and a centre need

web: $(RUNTIME) ## Build the console's page out of console/web, when its sources changed
	@$(BIN)/python console/web/build_page.py

demo: $(RUNTIME) web ## Simulated city through the whole system, then a summary (DEMO_ARGS=--keep leaves it up)
	@$(BIN)/cior demo $(DEMO_ARGS)

up: $(RUNTIME) web ## Run the embedded stack until Ctrl-C
	@$(BIN)/cior up $(UP_ARGS)

engines-check: $(DEV)
	@PYTHONPATH=tests $(BIN)/python -m engines.prepare

test: $(DEV) web engines-check ## All tests; what a missing Debian package hides is listed at the end
	@status=0; \
	$(TEST) --phase=parallel -n $(TEST_WORKERS) --dist=loadgroup $(TEST_ARGS) || status=$$?; \
	$(TEST) --phase=frozen -n 4 --dist=loadgroup $(TEST_ARGS) || { code=$$?; ((code == 5)) || status=$$code; }; \
	$(TEST) --phase=alone $(TEST_ARGS) || { code=$$?; ((code == 5)) || status=$$code; }; \
	exit $$status

long: $(DEV) web engines-check ## The long forms: kills by the hundred, millions of inputs; hours (LONG_ARGS chooses)
	@CIOR_LONG=1 $(TEST) -m long $(LONG_ARGS)

canary: $(DEV) web engines-check ## Ten thousand people with canaries press on every wire: none may be told of (CANARY_EVENTS=n)
	@CIOR_CANARY_EVENTS=$(CANARY_EVENTS) $(TEST) tests/e2e/test_e2e_canary.py

pictures: $(DEV) web ## Take the console's pictures of docs/img again: a real centre, real browsers; look at each afterwards
	@CIOR_SHOTS=$(CURDIR)/docs/img $(TEST) tests/e2e/test_e2e_console_story.py
	@CIOR_SHOTS=$(CURDIR)/docs/img $(TEST) tests/integration/console/test_console_page_portal.py \
	  tests/integration/console/test_console_page_custody.py
	@CIOR_SHOTS=$(CURDIR)/docs/img $(TEST) tests/integration/evidence/test_evidence_pictures.py \
	  tests/integration/vision/test_vision_calibration_page.py

mutants: $(DEV) ## Put faults into a copy one by one: the tests must notice each (MUTANTS=words chooses)
	@PYTHONPATH=tests $(BIN)/python -m mutants $(MUTANTS)

unit: $(DEV) ## Tests without any I/O, in seconds
	@$(BIN)/python -m pytest tests/unit $(TEST_ARGS)

lint: $(DEV) ## ruff: rules and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(DEV) ## Let ruff rewrite
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

types: $(DEV) ## mypy --strict over packages and tests
	@$(BIN)/mypy $(CHECKED)

contracts: $(DEV) ## Who may import whom
	@$(BIN)/lint-imports --no-logo

bench: $(DEV) ## Measurements; prints where each result went
	@test -d benchmarks || { echo "There is no benchmarks/ folder in this checkout." >&2; exit 1; }
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

docs: $(DEV) ## Regenerate what is generated under docs/
	@$(BIN)/cior docs

licences: $(DEV) ## Licence of every installed distribution
	@$(BIN)/pip-licenses --format=markdown --order=license

clean: ## Remove caches and the environment (not the engines in the user's cache)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist \
	  console/web/node_modules console/cior_console/static_app
	find . -path ./.git -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
