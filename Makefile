# Two commands on a fresh machine with Python 3.11+ and make: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?=
THEORY := yadav2025signdescent kunstner2025zipf li2024signgd frei2022amplification
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run theory laptop check test lint bench venv clean
.DEFAULT_GOAL := run

run: venv  ## re-measure the core paper's main figures in three to six minutes; runs, figures and the page go to ./store
	$(BIN)/steepest run kunstner2024heavytailed --scale quick --store store $(if $(JOBS),--jobs $(JOBS))

theory: venv  ## the four theory papers, two to five minutes on two cores
	$(BIN)/steepest run $(THEORY) --store store $(if $(JOBS),--jobs $(JOBS))

laptop: venv  ## every paper, about an hour on two cores; what `make run` trained is not trained again
	$(BIN)/steepest run --store store $(if $(JOBS),--jobs $(JOBS))

check: $(BIN)/.integrated  ## the fast tests, for daily work
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not slow" tests

test: $(BIN)/.integrated  ## all tests and doctests
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

lint: venv  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: venv  ## timings, always as ratios measured side by side in one run
	$(BIN)/python benchmarks/linear_sweep.py
	$(BIN)/python benchmarks/lockstep.py
	$(BIN)/python benchmarks/cli.py --store store
	$(BIN)/python benchmarks/draw.py

venv: $(BIN)/.installed  ## .venv from the committed lock, with the console script in place

$(BIN)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "steepest needs Python 3.11 or newer, found " + sys.version.split()[0] + "; try make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@test -x $(BIN)/steepest && touch $@

$(BIN)/.integrated: requirements-integrations.lock $(BIN)/.installed
	$(BIN)/python -m pip install --quiet --requirement requirements.lock --requirement requirements-integrations.lock
	@touch $@

clean:  ## remove the environment and caches; the store stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
