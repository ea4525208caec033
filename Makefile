# Everything installs into .venv by itself; delete that folder to start afresh.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo install test test-slow check format bench clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(INSTALLED) ## Train a car from nothing and watch it drive (about two minutes after installation)
	$(BIN)/rlkit demo

install: $(INSTALLED) ## Install into .venv

# What requirements.lock holds is compared with its hashes; torch and, for the bench extra, others only by version.
$(INSTALLED): pyproject.toml constraints.txt requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "rlkit needs Python 3.11 to 3.13, this is %d.%d: name another one with make PYTHON=python3.12" % v)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	touch $@

test: $(INSTALLED) ## Run the tests (a few minutes)
	$(BIN)/python -m pytest -q --numprocesses auto --dist worksteal

test-slow: $(INSTALLED) ## Run the learning tests (tens of minutes)
	$(BIN)/python -m pytest -q -m slow --durations=0

check: $(INSTALLED) ## Check style, types, layers and packaging
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/check_packaging.py

format: $(INSTALLED) ## Put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## Measure against the peers, with minutes and ratios
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python scripts/bench/environments.py

clean: ## Remove what make installed
	rm -rf $(VENV)
