# Everything a fresh machine with Python 3.11-3.13 and make needs. `make demo` first.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do "$$p" -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
export LUXVID_HOME ?= $(CURDIR)/.luxvid
export DAGSTER_HOME ?= $(LUXVID_HOME)/dagster
# Checks never touch the instance that films are made on.
NO_HOME = env -u LUXVID_HOME -u DAGSTER_HOME
DEMO_LISTING = examples/listings/villa-aurora

.PHONY: help demo demo-hosted test dev lint format bench setup clean
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: setup ## Render the example listing and say how to look at it
	@$(BIN)/luxvid render $(DEMO_LISTING)
	@echo "       make dev opens Dagster's UI on this very run"

demo-hosted: setup ## The same with hosted engines, their vendors simulated: no key, no money
	@$(BIN)/python tools/demo_hosted.py "$(LUXVID_HOME)/hosted" $(DEMO_LISTING)

# Bytecode is kept even where an image forbids it: the tests start dozens of processes.
test: setup ## Run the tests
	$(NO_HOME) -u PYTHONDONTWRITEBYTECODE OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

dev: setup ## Dagster's UI and daemon on the same instance
	@$(BIN)/luxvid doctor >/dev/null || $(BIN)/luxvid doctor
	$(BIN)/dagster dev

lint: setup ## Style, types, layers, definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(NO_HOME) $(BIN)/dagster definitions validate
	$(NO_HOME) VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/dg check defs

format: setup ## Put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup $(PEERS)/.done ## The table of docs/benchmarks.md, as ratios in one run
	$(BIN)/python -m benchmarks --peers $(PEERS)/bin/python

setup: $(VENV)/.done

$(VENV)/.done: setup.cfg pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "LuxVid needs Python 3.11, 3.12 or 3.13: install one, or run make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

# The peers of the benchmark want an older Pillow than LuxVid, so they live in an environment of their own.
$(PEERS)/.done: benchmarks/peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/peers.txt
	@touch $@

clean: ## Remove environments and caches; films stay
	rm -rf $(VENV) $(PEERS) build *.egg-info .ruff_cache .hypothesis .import_linter_cache
