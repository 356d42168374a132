# Two targets are all you need: `make demo` and `make test`. Both set up .venv by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

AIRFLOW := 3.3.2
OLD_AIRFLOW := 2.11.2
OLD_VENV := .venv-airflow-$(OLD_AIRFLOW)
OLD_BIN := $(OLD_VENV)/bin

PYTEST := -m pytest --quiet --numprocesses 2

.DEFAULT_GOAL := help
.PHONY: help demo demo-rollback airflow docs golden test test-all test-airflow-2.11 bench bench-full mutants lint format build constraints clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## See a release DAG wait for a simulated upgrade, in a real Airflow (about 3 minutes)
	@$(BIN)/python -m demo

demo-rollback: $(VENV)/.installed ## See a rollback turn the task red, with its reason (about 3 minutes)
	@$(BIN)/python -m demo rollback

airflow: $(VENV)/.installed ## Click through Airflow's pages, with the example DAGs and two simulated clusters, until Ctrl-C
	@$(BIN)/python -m demo airflow

test: $(VENV)/.installed-dev lint ## Run the checks and the tests that a change needs (about 4 minutes)
	@echo "==> Tests, without those marked live or thorough: 'make test-all' runs these, too"
	@$(BIN)/coverage run $(PYTEST) --dist worksteal -m "not live and not thorough"
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

test-all: test ## Run 'make test', then live Airflow, every kind in every mode, more examples, Airflow 2.11
	@echo "==> Tests that are marked live or thorough"
	@$(BIN)/python $(PYTEST) --dist loadfile -m "live or thorough"
	@echo "==> Hypothesis with more examples"
	@$(BIN)/python $(PYTEST) --dist worksteal -m hypothesis --hypothesis-profile thorough
	@$(MAKE) --no-print-directory test-airflow-2.11

test-airflow-2.11: $(OLD_VENV)/.installed ## Run the tests of the Airflow classes on the oldest supported Airflow and Python
	@echo "==> Tests on Airflow $(OLD_AIRFLOW)"
	@$(OLD_BIN)/python $(PYTEST) --dist loadfile tests/hooks tests/links tests/operators tests/sensors tests/triggers \
		tests/test_example_dags.py tests/test_secured_clusters.py

bench: $(VENV)/.installed-bench ## Measure what waiting costs, beside peers (about 3 minutes)
	@$(BIN)/python -m benchmarks

bench-full: $(VENV)/.installed-bench ## Measure it with ten thousand waits, in three rounds (about half an hour)
	@$(BIN)/python -m benchmarks --full

mutants: $(VENV)/.installed-mutation ## Break the core in hundreds of small ways; the tests must notice (about 20 minutes)
	@$(BIN)/python tests/mutants $(FILES)

lint: $(VENV)/.installed-dev ## Check style and types
	@echo "==> Style and types"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy

format: $(VENV)/.installed-dev ## Format the code
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

docs: $(VENV)/.installed-dev ## Write the tables in docs/ that are printed from the code and by the tests
	@$(BIN)/python -m pytest --quiet --write-docs tests/test_docs.py tests/wait/test_schemas.py tests/messages/test_golden_logs.py tests/sensors/test_scenarios.py

golden: $(VENV)/.installed-dev ## Write the logs and XComs in tests/samples/waits/ again, for a person to review
	@$(BIN)/python -m pytest --quiet --write-golden tests/messages/test_golden_logs.py

build: $(VENV)/.installed-dev ## Build the distributions into dist/
	@$(BIN)/python -m build --no-isolation

constraints: $(VENV)/.installed-dev ## Renew both constraints files
	@$(BIN)/python -m pip install --quiet uv
	@echo "apache-airflow==$(AIRFLOW)" | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 \
		--extra bench --extra dev --extra mutation --no-header --no-annotate --no-emit-index-url --constraint - \
		--output-file constraints.txt pyproject.toml
	@echo "apache-airflow==$(OLD_AIRFLOW)" | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 \
		--extra dev --no-header --no-annotate --no-emit-index-url --constraint - --output-file constraints-airflow-2.11.txt pyproject.toml

clean: ## Remove what the other targets made
	@rm -rf .venv* .airflow .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist

$(VENV)/.python: | check-python
	@echo "==> Making $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.python constraints.txt pyproject.toml
	@echo "==> Installing Airflow $(AIRFLOW) and this package into $(VENV) (a minute; more the first time)"
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "==> Installing the tools for tests into $(VENV) (about half a minute)"
	@$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	@echo "==> Installing the peers of the benchmarks into $(VENV) (a few seconds)"
	@$(PIP) --no-build-isolation --editable '.[bench]'
	@touch $@

$(VENV)/.installed-mutation: $(VENV)/.installed-dev
	@echo "==> Installing the mutation tester into $(VENV) (a few seconds)"
	@$(PIP) --no-build-isolation --editable '.[mutation]'
	@touch $@

# The oldest supported pair is Airflow 2.11 on Python 3.10. Under pyenv, 3.10 may be installed without being on PATH.
OLD_PYTHON ?= $(shell $(PYTHON) .ci/find_python.py 3.10)

$(OLD_VENV)/.installed: constraints-airflow-2.11.txt pyproject.toml
	@test -n "$(OLD_PYTHON)" || { echo "Python 3.10 was not found; install it, or name one: make $@ OLD_PYTHON=..." >&2; exit 1; }
	@echo "==> Installing Airflow $(OLD_AIRFLOW) and this package into $(OLD_VENV) (about a minute)"
	@$(OLD_PYTHON) -m venv --clear $(OLD_VENV)
	@$(OLD_BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints-airflow-2.11.txt hatchling editables
	@$(OLD_BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints-airflow-2.11.txt \
		--no-build-isolation --editable '.[dev]'
	@touch $@

.PHONY: check-python
check-python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
		echo "Python 3.10 to 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there)." >&2; \
		echo "Install one, for example 'apt install python3 python3-venv', or name one: make PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
