# Everything a person does with this repository, one command each. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE := tests/timescale tests/ingest/sparkplug/others
PACKAGES := analytics api batchwitness dashboards ingest records store

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.runtime ## fresh machine to running system with a demo plant (ARGS=--exit stops after the summary)
	@$(BIN)/batchwitness demo $(ARGS)

up: $(VENV)/.runtime ## the embedded stack without the demo plant
	@$(BIN)/batchwitness up $(ARGS)

test: $(VENV)/.dev $(VENV)/.node $(VENV)/.edge ## everything the tests need, and the tests (ARGS are pytest's)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev ## format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(PACKAGES) tests
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## the benchmarks, one JSON object a line (ARGS are names of benchmarks)
	@$(BIN)/python -m tests.bench $(ARGS)

bench-faults: $(VENV)/.dev ## a hundred faults under load, and the account of every message (ARGS="--seed 1 --faults 100")
	@$(BIN)/python -m tests.bench.campaign $(ARGS)

generate: $(VENV)/.dev ## rewrite what is generated: the dashboards' JSON, store/sql/schema.sql, the Sparkplug wire format and checklist
	$(BIN)/batchwitness dashboards build
	$(BIN)/python -m tests.store.dump_schema
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. ingest/sparkplug/sparkplug_b.proto
	$(BIN)/python -m tests.ingest.sparkplug.checklist

lock: $(VENV)/.bootstrap ## resolve the dependencies again and write the hashed locks
	$(BIN)/uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements/bootstrap.in -o requirements/bootstrap.txt
	$(BIN)/uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-emit-index-url pyproject.toml --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements/edge.in -o requirements/edge.txt

clean: ## remove the environment and everything the demo wrote
	rm -rf $(VENV) var $(NODE:=/node_modules)

$(VENV)/.bootstrap: requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Batchwitness needs Python 3.11 or later; $(PYTHON) is older. Name another: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.runtime: $(VENV)/.bootstrap requirements/runtime.txt pyproject.toml
	@echo "installing what the system needs into $(VENV) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/runtime.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.bootstrap requirements/dev.txt pyproject.toml
	@echo "installing what the tests need into $(VENV) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime

$(VENV)/.node: $(NODE:=/package-lock.json) | $(VENV)/.dev
	@if command -v npm >/dev/null; then \
	  for lane in $(NODE); do npm ci --prefix $$lane --silent --no-audit --no-fund --ignore-scripts; done; \
	  else echo "npm is missing: the tests on TimescaleDB and those with an edge node of npm are skipped"; fi
	@touch $@

$(VENV)/.edge: requirements/edge.txt | $(VENV)/.bootstrap
	@echo "installing an edge node of others into $(VENV)/edge …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/edge
	@$(BIN)/uv pip install --quiet --python $(VENV)/edge/bin/python --require-hashes -r requirements/edge.txt
	@touch $@

.PHONY: help demo up test check format bench bench-faults generate lock clean
