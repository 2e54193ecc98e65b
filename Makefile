# Minsheng 民声. Nothing but Python 3.11, make and a package registry is needed; a second run works offline.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(PYTHON) .ci/install.py
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test check bench lock

help: ## show these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 8

run: ## install, start everything, play 12 sample complaints (more options: make run ARGS="--port 8090")
	@$(INSTALL) requirements-run.lock
	@$(BIN)/minsheng up --demo 12 --speed 3600 $(ARGS)

test: ## install with test tools and run every test (some of them: make test ARGS="tests/rules -k route")
	@$(INSTALL) requirements.lock
	@$(BIN)/python .ci/test_needs.py
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: ## style, types, import order and size budgets
	@$(INSTALL) requirements.lock
	$(BIN)/ruff check .
	$(BIN)/mypy rules infra tasks flows
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:randomly tests/test_architecture.py

bench: ## lives per second on PostgreSQL, beside bare Prefect and a stock worker (make bench ARGS="--json --quick")
	@$(INSTALL) requirements.lock
	@$(BIN)/minsheng bench $(ARGS)

lock: ## renew the locks from pyproject.toml (no registry address is written)
	@$(INSTALL) requirements.lock
	$(BIN)/python .ci/lock.py
