# Everything is built into .venv; `make help` lists the targets.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
DIR ?= $(HOME)/arena
SRC ?= /usr/include
CHECK ?=
# Of 100 calls into threads, and messages, 6 begin up to 0.4 s later. Or say "jobs,0.6", see scripts/late.
LATE ?= threads,0.4
# Options for pytest: a process for each core, each test file in one of them.
PYTEST ?= -n auto --dist loadfile

STAMP := .venv/.built
LOCKS := .ci/requirements-build.txt .ci/requirements.txt

.PHONY: help
help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: packages $(STAMP) ## build .venv with everything, .venv/bin/realizefs included

$(STAMP): pyproject.toml $(LOCKS) scripts/setup | packages
	@scripts/setup "$(PYTHON)"
	@touch $@

.PHONY: packages
packages:
	@scripts/install-packages "$(PYTHON)"

.PHONY: check
check: setup ## lint, format, types, layers and tidiness, in well under a minute
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "\`make format\` formats these:"; $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/mypy realizefs tests scripts
	@layers=$$($(BIN)/lint-imports --cache-dir .cache/import-linter) || { echo "$$layers"; exit 1; }
	@$(BIN)/pytest -q tests/unit/test_tidy.py

.PHONY: test
test: check ## check, then every test but the big ones
	@$(BIN)/pytest -m "not big" $(PYTEST)

.PHONY: test-big
test-big: setup ## the tests that take minutes, with the figures that they print
	@$(BIN)/pytest -m big -s

.PHONY: test-late
test-late: setup ## the tests with something late, threads and messages at random, or LATE=jobs,0.6
	@LATE="$(LATE)" PYTHONPATH="$(CURDIR)/scripts/late" $(BIN)/pytest -m "not big" $(PYTEST)

.PHONY: format
format: setup ## format the code and fix what ruff can fix
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# exec: python is the process that Ctrl-C, and make's SIGTERM, reach.
.PHONY: demo
demo: setup ## mount DIR (~/arena) and fill it from SRC (/usr/include); CHECK=1 checks and leaves
	@exec $(BIN)/python -m scripts.demo --dir "$(DIR)" --src "$(SRC)" $(if $(filter 1,$(CHECK)),--check)

.PHONY: bench
bench: setup ## measure, as ratios within one run; ARGS="NAME…" picks benchmarks
	@exec $(BIN)/python scripts/bench.py $(ARGS)

.PHONY: dist
dist: setup ## build the wheel into dist/
	@rm -rf dist build
	@$(BIN)/python -m scripts.write_share build/share
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir dist .

.PHONY: lock
lock: setup ## pin what pyproject.toml asks for; UPGRADE=1 moves every pin to the newest
	@UPGRADE="$(UPGRADE)" scripts/lock

.PHONY: clean
clean: ## remove .venv and everything else that was built
	@rm -rf .venv .cache .hypothesis dist build
	@find realizefs tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
