# Every target makes or updates .venv by itself; Python 3.11 or later is all that must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2
SEEDS ?= 0:1000
NAME ?= salesforce-netsuite

.PHONY: help demo example demo-real test test-fast coverage lint format bench simulate kill-workers storm reconcile build clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	@echo "Making .venv ..."
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -c constraints.txt --upgrade pip

$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing Interlock ..."
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.twins: $(VENV)/.core
	@$(PIP) install -c constraints.txt -e ".[twins]"
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "Installing what tests and checks need ..."
	@$(PIP) install -c constraints.txt --group dev
	@touch $@

demo: $(VENV)/.core  ## A messy company on two systems in memory, told step by step
	@$(BIN)/interlock demo

example: $(VENV)/.twins  ## One of examples/ between two twins: NAME=salesforce-netsuite
	@$(BIN)/python examples/start.py $(NAME)

demo-real: $(VENV)/.dev  ## The same between BottleCRM and Tryton, both started for real
	@$(BIN)/python -m tests.real.demo

test: $(VENV)/.dev  ## All tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

test-fast: $(VENV)/.dev  ## Tests that need no real system
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not real"

coverage: $(VENV)/.dev  ## Lines and branches of the engine no test reaches
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not real" --cov --cov-report=
	@$(BIN)/python -m coverage report -m --skip-covered --include="*/governance/*,*/sync/*"

lint: $(VENV)/.dev  ## Style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev  ## Put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev  ## Measure throughput beside a raw copy in the same run
	@$(BIN)/python benchmarks/throughput.py

simulate: $(VENV)/.dev  ## Simulated histories under faults: SEEDS=START:END
	@$(BIN)/python -m interlock.testing.simulator --seeds $(SEEDS) --jobs $(WORKERS)

kill-workers: $(VENV)/.dev  ## Workers on PostgreSQL killed ten times during 20,000 writes, and the server restarted
	@INTERLOCK_KILL_WORKERS=full $(BIN)/python -m pytest -s -n 0 tests/integration/test_kill_workers.py

storm: $(VENV)/.dev  ## BottleCRM and Tryton behind misbehaving proxies, with kills, in full
	@INTERLOCK_STORM=full $(BIN)/python -m pytest -s tests/real/test_storm.py

reconcile: $(VENV)/.dev  ## Revenue of two hundred deals against Tryton's own ledger
	@INTERLOCK_REVENUE_DEALS=200 $(BIN)/python -m pytest -s tests/real/test_revenue.py

build: $(VENV)/.dev  ## A wheel and a source archive in dist/
	@rm -rf dist
	@$(BIN)/python -m build --quiet
	@ls dist

clean:  ## Remove what the targets made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
