# Start with `make demo` and `make test`. Each target sets up what it needs in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

AIRFLOW := 3.3.2
OLD_AIRFLOW := 2.11.2

TOOLS := .venv-release-tools
CLEAN := build/clean

E2E_VENV := .venv-e2e
E2E_PIP := $(E2E_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	--constraint constraints.txt --constraint constraints-e2e.txt

PYTEST := -m pytest --quiet --numprocesses 2

# Compiled files save time each time that Python starts.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-rollback airflow docs docs-site screenshots golden test test-all test-airflow-2.11 matrix matrix-wheel e2e bench bench-full soak mutants lint format build constraints clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## Wait for a simulated upgrade with a DAG in a real Airflow (about 3 minutes)
	@$(BIN)/python -m demo

demo-rollback: $(VENV)/.installed ## The same with a rollback: the task fails and names the reason (about 3 minutes)
	@$(BIN)/python -m demo rollback

airflow: $(VENV)/.installed ## Start Airflow with the example DAGs and simulated clusters, until Ctrl-C
	@$(BIN)/python -m demo airflow

test: $(VENV)/.installed-dev lint ## Run the checks and the tests that a change needs (about 5 minutes)
	@echo "==> Tests"
	@$(BIN)/coverage run $(PYTEST) --dist worksteal --show-left-out -m "not live and not thorough"
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
	@echo "==> 'make test-all' runs what was left out, more Hypothesis examples, and Airflow $(OLD_AIRFLOW)"

test-all: test ## Run 'make test', then the documentation site, live Airflow, every kind in every mode, Airflow 2.11
	@$(MAKE) --no-print-directory docs-site
	@echo "==> Every kind in every mode, and Hypothesis with more examples"
	@$(BIN)/python $(PYTEST) --dist worksteal --hypothesis-profile thorough -m "not live and (thorough or hypothesis)"
	@echo "==> Live Airflow"
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then \
		$(PIP) --constraint constraints-e2e.txt asyncpg psycopg2-binary; fi  # the faults run on PostgreSQL then
	@$(BIN)/python $(PYTEST) --numprocesses 3 --dist loadfile --no-loadscope-reorder -m live  # they wait most of the time
	@$(MAKE) --no-print-directory test-airflow-2.11

test-airflow-2.11: | check-python ## Test Airflow 2.11 on Python 3.10 (part of test-all)
	@$(PYTHON) tests/matrix --examples $(OLD_AIRFLOW)

matrix: | check-python ## Test each supported Airflow and Python, or AIRFLOWS="3.1.8 3.2.2" (about an hour and a half)
	@$(PYTHON) tests/matrix --write-docs $(AIRFLOWS)

matrix-wheel: | check-python ## Check the wheel of 'make build' in a clean environment of each Airflow and Python, or AIRFLOWS="3.1.8" (about 20 minutes)
	@$(PYTHON) tests/matrix --wheel --write-docs $(AIRFLOWS)

e2e: $(E2E_VENV)/.installed ## Play faults in a distributed Airflow, or NAMES="triggerer_killed"; EXECUTOR=celery, RUNS=3, BROKEN=1, PEERS=1, DOCS=1
	@$(E2E_VENV)/bin/python -m $(if $(PEERS),tests.e2e.peers,tests.e2e --executor $(or $(EXECUTOR),local) $(if $(BROKEN),--broken)) \
		--runs $(or $(RUNS),1) $(if $(DOCS),--write-docs) $(NAMES)

bench: $(VENV)/.installed-bench ## Measure the cost of waits and compare it with other providers (about 3 minutes)
	@$(BIN)/python -m benchmarks

bench-full: $(VENV)/.installed-bench ## The same with 10,000 waits, in three rounds (about half an hour)
	@$(BIN)/python -m benchmarks --full

soak: $(VENV)/.installed-bench ## Let gateways fail and return while WAITS=1000 wait in a real triggerer, for MINUTES=30
	@$(BIN)/python -m benchmarks.soak --waits $(or $(WAITS),1000) --minutes $(or $(MINUTES),30) \
		$(if $(SERVER),--server $(SERVER))

mutants: $(VENV)/.installed-mutation ## Mutation tests: change the core in hundreds of small ways; the tests must fail (about 20 minutes)
	@$(BIN)/python tests/mutants $(FILES)

lint: $(VENV)/.installed-dev ## Check style and types
	@echo "==> Style and types"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy

format: $(VENV)/.installed-dev ## Format the code
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

docs: $(VENV)/.installed-dev ## Write the tables in docs/ and the JSON Schemas, which come from the code
	@$(BIN)/python -m pytest --quiet --write-docs tests/test_docs.py tests/wait/test_schemas.py \
		tests/recordings/test_docs.py tests/recordings/test_guesses.py::test_documentation_shows_each_guess \
		tests/messages/test_golden_logs.py tests/sensors/test_scenarios.py::test_documented_ends_are_the_same \
		tests/cluster/test_connection_failures.py::test_both_transports_report_failures_as_documented \
		tests/test_readme.py::test_readme_log_is_the_real_log tests/test_readme.py::test_readme_error_is_the_real_error

docs-site: $(VENV)/.installed-docs ## Build the documentation site into build/site, offline; a warning is an error (part of test-all)
	@echo "==> Documentation site"
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/site
	@echo "==> Open build/site/index.html"

screenshots: docs-site $(VENV)/.installed-dev ## Photograph Airflow and the site with Chromium into build/screenshots; DOCS=1 also writes docs/images
	@$(BIN)/python -m demo.screenshots $(if $(DOCS),--docs)

golden: $(VENV)/.installed-dev ## Write the expected logs and XComs in tests/samples/waits/; review the difference
	@$(BIN)/python -m pytest --quiet --write-golden tests/messages/test_golden_logs.py

build: $(TOOLS)/.installed ## Build the distributions and their SBOM into dist/, and check them in a clean Airflow (about 3 minutes)
	@rm -rf dist
	@$(TOOLS)/bin/validate-pyproject pyproject.toml
	@$(TOOLS)/bin/python -m build --no-isolation
	@$(TOOLS)/bin/twine check --strict dist/*
	@$(TOOLS)/bin/check-wheel-contents dist/*.whl
	@echo "==> Installing the wheel and Airflow $(AIRFLOW) into $(CLEAN)"
	@$(PYTHON) -m venv --clear $(CLEAN)
	@$(CLEAN)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt dist/*.whl
	@$(CLEAN)/bin/python -m pip check
	@$(CLEAN)/bin/python release/check_install.py
	@$(PYTHON) release/write_sbom.py $(TOOLS)/bin/cyclonedx-py $(CLEAN)/bin/python dist/airflow-provider-sf.cdx.json

constraints: $(VENV)/.installed-dev ## Update the constraints file of each Airflow
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/python tests/matrix --write-constraints

clean: ## Remove the files that other targets wrote
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
	@echo "==> Installing the packages for the benchmarks into $(VENV) (a few seconds)"
	@$(PIP) --no-build-isolation --editable '.[bench]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	@echo "==> Installing the documentation builder into $(VENV) (a few seconds)"
	@$(PIP) --no-build-isolation --editable '.[docs]'
	@touch $@

$(VENV)/.installed-mutation: $(VENV)/.installed-dev
	@echo "==> Installing the mutation tester into $(VENV) (a few seconds)"
	@$(PIP) --no-build-isolation --editable '.[mutation]'
	@touch $@

$(TOOLS)/.installed: constraints.txt release/tools.txt | check-python
	@echo "==> Installing the tools of a release into $(TOOLS) (about half a minute)"
	@$(PYTHON) -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--requirement release/tools.txt
	@touch $@

$(E2E_VENV)/.installed: constraints.txt constraints-e2e.txt pyproject.toml | check-python check-servers
	@echo "==> Installing Airflow $(AIRFLOW), Celery and the drivers into $(E2E_VENV) (two minutes)"
	@$(PYTHON) -m venv --clear $(E2E_VENV)
	@$(E2E_PIP) hatchling editables
	@$(E2E_PIP) --no-build-isolation --editable '.[e2e]'
	@touch $@

.PHONY: check-servers
check-servers:
	@for program in initdb postgres psql redis-server; do \
		PATH="$$PATH:$$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')" command -v $$program >/dev/null || { \
		echo "$$program is not installed. On Debian and Ubuntu: apt install postgresql redis-server" >&2; exit 1; }; done

.PHONY: check-python
check-python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null || { \
		echo "Python 3.10 to 3.14 is required; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not installed)." >&2; \
		echo "Install it, for example 'apt install python3 python3-venv', or set its path: make PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
