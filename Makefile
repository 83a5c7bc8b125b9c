# Every command that a developer or CI runs. `make` alone lists them.
#
# PYTHON=python3.13 picks the interpreter, T=tests/graphql one test or folder, PORT=9000 a port,
# CHAOS_S=60, FUZZ_S=600 a time in seconds.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
RELEASE := $(VENV)/.installed-release
# What an installed copy is made from; Python itself is read in place.
PINS := constraints.txt pyproject.toml release/pins.py
SOURCES := $(PINS) hatch_build.py $(wildcard explorer/*.* explorer/src/*)
# Exactly the versions and files of constraints.txt; no build runs in an environment of its own.
PINNED := $(BIN)/python -m pip install --quiet --require-hashes --constraint constraints.txt
EDITABLE := $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
CHAOS_S := 300
FUZZ_S := 60
AT := $(if $(PORT),--port $(PORT))
SUBGRAPH := examples/federation/catalograph.graphql

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo test
demo: $(RUNTIME) ## Serve the embedded catalogue: no network, no token
	@$(BIN)/catalograph serve --demo $(AT)

test: $(DEV) ## Run all tests on all cores, or those of T=tests/graphql on one
	$(BIN)/pytest $(if $(T),,-n auto --dist loadfile) $(PYTEST_FLAGS) $(T)

.PHONY: quick
quick: $(DEV) ## Lint, and run the tests that start no processes
	$(BIN)/ruff check -q .
	@QUICK=1 $(BIN)/pytest -q -n auto --dist worksteal -m "not slow"

.PHONY: install serve stub
install: $(DEV) ## Install everything for development into .venv

serve: $(RUNTIME) ## Serve the real upstream, with the variables of .env if it exists
	@set -a; if [ -f .env ]; then . ./.env; fi; set +a; exec $(BIN)/catalograph serve $(AT)

stub: $(RUNTIME) ## Serve the embedded catalogue as a REST server
	@$(BIN)/catalograph upstream $(AT)

.PHONY: check lint format types layers schema-check cover chaos schema image clean
check: lint types layers schema-check test ## Lint, types, layers, schemas and all tests

lint: $(DEV) ## Run linters, and check the format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md src tests docs docker

format: $(DEV) ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

types: $(DEV) explorer/node_modules ## Check the types
	$(BIN)/mypy
	@cd explorer && npm run --silent types

layers: $(DEV) ## Check that imports point down only
	$(BIN)/lint-imports

schema-check: $(DEV) ## Fail if a committed schema is out of date
	$(BIN)/catalograph schema --check
	$(BIN)/catalograph schema --subgraph --check
	$(BIN)/python docker/tools/manifests.py --check

.PHONY: bench
bench: $(RUNTIME) ## Measure speed against other servers, 20 minutes; QUICK=1: less exact, printed only
	$(BIN)/python benchmarks/run.py $(if $(QUICK),--quick)

.PHONY: audit
audit: $(DEV) $(RELEASE) ## Ask PyPI for known vulnerabilities of installed packages; needs the network
	$(BIN)/python -m pip freeze --all --exclude-editable > $(VENV)/.audited
	@# --strict: what PyPI knows nothing of would otherwise count as sound.
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement $(VENV)/.audited

.PHONY: pins
pins: $(RELEASE) ## Pin the newest versions that pyproject.toml allows, or only those of T="httpx rich"
	$(BIN)/python release/pins.py refresh $(T)

.PHONY: fuzz fuzz-cost
fuzz-cost: $(DEV) ## Search for cheap operations with slow or large responses, for FUZZ_S=60 seconds
	PYTHONPATH=tests $(BIN)/python tests/fuzz/fuzz_cost.py $(FUZZ_S)

fuzz: fuzz-cost ## The same, then fuzz the parsers for FUZZ_S=60 seconds
	@if $(PINNED) --only-binary :all: --group fuzz && $(BIN)/python -c 'import atheris'; then \
	  PYTHONPATH=tests $(BIN)/python tests/fuzz/fuzz_requests.py $(FUZZ_S); \
	else echo "Skipped: there is no atheris for this Python and system, or no network."; fi

cover: ## Run all tests, and report branches that are not covered
	@$(MAKE) test PYTEST_FLAGS="--cov --cov-report=term-missing:skip-covered"

chaos: $(DEV) ## Inject failures under load, CHAOS_S=300 seconds for each version of the upstream, and check every response
	PYTHONPATH=tests $(BIN)/python -m chaos --seconds $(CHAOS_S) --upstream-version 2025-12 --out chaos/out/2025-12
	PYTHONPATH=tests $(BIN)/python -m chaos --seconds $(CHAOS_S) --upstream-version 2026-08 --out chaos/out/2026-08

schema: $(DEV) ## Update the committed schemas
	$(BIN)/catalograph schema > .schema.tmp && mv .schema.tmp schema.graphql
	mkdir -p $(dir $(SUBGRAPH))
	$(BIN)/catalograph schema --subgraph > .schema.tmp && mv .schema.tmp $(SUBGRAPH)
	$(BIN)/python docker/tools/manifests.py

.PHONY: release sbom
release: $(DEV) $(RELEASE) ## Build wheel, sdist and SBOM of this commit into dist/, and test them without Node
	$(BIN)/python release/build.py $(T)

sbom: $(DEV) $(RELEASE) ## List all components of a release in dist/catalograph-sbom.json
	$(BIN)/python release/build.py --sbom-only $(T)

.PHONY: manifests manifests-check
MANIFESTS = $(BIN)/python docker/tools/manifests.py --tools .tools

manifests: $(DEV) .tools/.built ## Render the Helm chart into docker/kubernetes; needs Go
	$(MANIFESTS)

manifests-check: $(DEV) ## Check the Helm chart and the rendered manifests; skipped without Go
	@if command -v go >/dev/null; then $(MAKE) .tools/.built && $(MANIFESTS) --check; \
	elif [ -n "$$CI" ]; then echo "manifests-check needs Go" >&2; exit 1; \
	else echo "Skipped: helm and kubeconform are built with Go, which is not on the PATH."; fi

# Versions and hashes are in docker/tools/go.mod and go.sum.
.tools/.built: docker/tools/go.mod docker/tools/go.sum
	@echo "Building helm and kubeconform, a minute or two the first time ..."
	@cd docker/tools && go build -o ../../.tools/ helm.sh/helm/v4/cmd/helm github.com/yannh/kubeconform/cmd/kubeconform
	@touch $@

image: ## Build the container image
	docker build --file docker/Dockerfile --tag catalograph .

clean: ## Remove all installed and built files
	rm -rf $(VENV) .tools dist build .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .fuzz

.PHONY: interop federation
INTEROP_INSTALLED := interop/node_modules/.installed interop/registries/node_modules/.installed interop/.venv/.installed
EXAMPLE_INSTALLED := examples/federation/node_modules/.installed

interop: $(RUNTIME) $(INTEROP_INSTALLED) $(EXAMPLE_INSTALLED) ## Test with real clients and routers, or those of T=apollo
	@cd interop && CATALOGRAPH=$(abspath $(BIN)/catalograph) PYTHON=$(CURDIR)/interop/.venv/bin/python node run.mjs $(T)

federation: $(RUNTIME) $(EXAMPLE_INSTALLED) ## Serve the example of a federated graph
	@cd examples/federation && GATEWAY_COMMAND=$(abspath $(BIN)/catalograph) exec node start.mjs

explorer/node_modules:
	@cd explorer && npm ci --ignore-scripts --loglevel=error

%/node_modules/.installed: %/package.json %/package-lock.json
	@echo "Installing the packages of $* ..."
	@cd $* && npm ci --ignore-scripts --loglevel=error
	@touch $@

interop/.venv/.installed: interop/requirements.txt | $(MADE)
	@$(BIN)/python -m venv --clear interop/.venv
	@interop/.venv/bin/python -m pip install --quiet --require-hashes --requirement $<
	@touch $@

# The environment: made once, installed again when what it was made from has changed.
$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "catalograph needs Python 3.11 or later; name one: make PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@# pip itself from the pins: older ones ignore the hashes of a constraints file.
	@$(PYTHON) release/pins.py only pip > $(VENV)/.pip.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement $(VENV)/.pip.txt
	@touch $@

$(RUNTIME): $(SOURCES) | $(MADE)
	@echo "Installing catalograph into $(VENV), which takes a minute or two the first time ..."
	@$(BIN)/python release/pins.py runtime > $(VENV)/.runtime.txt
	@$(PINNED) --group build --requirement $(VENV)/.runtime.txt
	@$(EDITABLE)
	@touch $@

$(DEV): $(SOURCES) | $(MADE)
	@echo "Installing catalograph and its development tools into $(VENV), a minute or two the first time ..."
	@$(BIN)/python release/pins.py runtime > $(VENV)/.runtime.txt
	@$(PINNED) --group dev --requirement $(VENV)/.runtime.txt
	@$(EDITABLE)
	@touch $@ $(RUNTIME)

$(RELEASE): $(PINS) | $(MADE)
	@$(PINNED) --group build --group release
	@touch $@
