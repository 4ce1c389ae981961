# Barometer's commands. Each does its own set-up first; nothing else is needed than Python 3.11 to 3.13 and make.
SHELL := /bin/sh
BIN := .venv/bin
PYTHON ?= python3
UP ?=
TESTS ?= tests
DATA ?= ../shared/data
WORKERS ?= 2
MINUTES ?= 5
RATE ?= 100
SEED ?= 1
PARTITIONS ?= 1
STAGE ?=
DEPLOY ?=
DESTROY ?=
MUTANTS ?=
LOCALSTACK ?=
NODE := ../scripts/with-node
SAM := $(BIN)/uv tool run --quiet --from aws-sam-cli==1.170.0 sam

.DEFAULT_GOAL := help
.PHONY: help up down test check check-aws deploy destroy e2e containers compose-smoke sam-test localstack-deploy localstack-down bench bench-model bench-containers soak chaos mutants train setup format openapi clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: setup ## start Barometer on this machine and print its address (UP="--port 9000 --detach" for options)
	@$(BIN)/barometer up $(UP)

down: setup ## stop a detached Barometer
	@$(BIN)/barometer down

test: setup .venv/.torch ## every test: front end, units, integration, end to end
	@scripts/browser
	@cd frontend && $(NODE) npm test --silent
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not containers" $(TESTS)

e2e: setup ## only the end-to-end tests
	@scripts/browser
	@$(BIN)/python -m pytest -m e2e tests/e2e

containers: ## the same Barometer in containers, on http://127.0.0.1:3000 (needs Docker with compose)
	docker compose up --build

compose-smoke: setup ## the images, docker compose up, a first post in a browser, every service killed (needs Docker)
	@scripts/browser
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m containers --ignore tests/containers/test_sam.py \
		tests/containers tests/integration

localstack-deploy: setup ## the same on LocalStack, with LOCALSTACK_AUTH_TOKEN set (docs/localstack.md); LOCALSTACK=--plan prints the commands
	@scripts/browser
	@SAM="$(SAM)" $(BIN)/python -m infra.localstack $(LOCALSTACK)

localstack-down: ## stop what localstack-deploy started; posts stay
	docker compose --profile localstack down

sam-test: setup ## the template under AWS's own command line: build, validate, invoke each function, start-lambda (needs Docker)
	@$(BIN)/python -m pytest -s -q -m containers tests/containers/test_sam.py

check: setup ## every gate that needs no running: lint, format, types, imports, lock, template, contracts
	$(BIN)/uv lock --check --quiet
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(SAM) validate --lint --template template.yaml --region us-east-1
	$(BIN)/uv tool run --quiet --from cfn-lint==1.58.0 cfn-lint infra/aws/*.yaml
	$(BIN)/uv tool run --quiet zizmor==1.32.0 --quiet --offline --persona pedantic .github
	$(BIN)/python -m functions.api.openapi --check
	cd frontend && $(NODE) npm run check --silent

check-aws: setup ## checkov on the templates: nothing open to the world, nothing unencrypted, or a reason beside it
	$(BIN)/uv tool run --quiet --from checkov==3.3.30 checkov --quiet --compact --skip-download \
		--framework cloudformation --directory infra/aws
	$(BIN)/uv tool run --quiet --from checkov==3.3.30 checkov --quiet --compact --skip-download \
		--config-file infra/aws/checkov.conf --file template.yaml

deploy: setup ## Barometer on AWS: STAGE=dev DEPLOY="--plan" (says what it would do; docs/aws.md has the other options)
	@$(BIN)/python -m infra.aws.deploy --stage "$(STAGE)" $(DEPLOY)

destroy: setup ## delete what make deploy made, after asking: STAGE=dev
	@$(BIN)/python -m infra.aws.destroy --stage "$(STAGE)" $(DESTROY)

bench: setup ## posts a second through the whole stack, where the time goes, and what the poller alone moves
	@$(BIN)/python -m tests.bench.pipeline
	@$(BIN)/python -m tests.bench.poller

bench-containers: setup ## cold starts and posts a second, containers beside processes (needs Docker with compose)
	docker compose build --quiet
	@$(BIN)/python -m tests.bench.launchers
	@$(BIN)/python -m tests.bench.containers

soak: MINUTES = 20
soak: setup ## whether memory, files or streams grow under a steady load: MINUTES=20 RATE=100
	@$(BIN)/python -m tests.bench.soak --minutes $(MINUTES) --rate $(RATE)

chaos: setup ## kill and freeze everything while posts come in, then prove that none was lost: MINUTES=30 SEED=7 PARTITIONS=3
	@$(BIN)/python -m tests.chaos --minutes $(MINUTES) --seed $(SEED) --partitions $(PARTITIONS) $(CHAOS)

mutants: setup ## put deliberate bugs into copies of the tree, one into each, and see that tests or oracle notice: MUTANTS=names
	@$(BIN)/python -m tests.chaos.mutants $(MUTANTS)

train: setup .venv/.torch ## make layers/model from labelled files: DATA=folder, TRAIN="--device cuda" for options
	@scripts/torch --required
	@$(BIN)/python -m training --data $(DATA) $(TRAIN)

bench-model: setup .venv/.torch ## posts a second of the model, beside the pair that it stands in for
	@$(BIN)/python -m tests.bench.model

format: setup ## write every file as the gates want it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd frontend && $(NODE) npm run format --silent

openapi: setup ## write docs/openapi.json and the front end's types from the API's code
	$(BIN)/python -m functions.api.openapi
	cd frontend && $(NODE) npm run schema --silent

clean: ## remove what was built and installed here (not .barometer, which holds data)
	rm -rf .venv .tools .artifacts frontend/node_modules frontend/dist

setup: .venv/.ready frontend/dist/.ready ## install everything into this folder

# An environment without pip is one whose making was cut short (or had no venv module): it is made again.
.venv/.ready: pyproject.toml uv.lock
	@echo "installing Python packages into .venv"
	@test -x $(BIN)/uv || test -x $(BIN)/pip || $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "$(PYTHON) is not a Python 3.11 to 3.13; name one: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/uv || test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv || \
		{ echo "cannot make a Python environment: $(PYTHON) needs its venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	@$(BIN)/uv sync --quiet --frozen --inexact --all-extras --no-extra hub --no-extra train --compile-bytecode --python $(BIN)/python
	@touch $@

# For tests and training: the extras with transformers and scikit-learn, and torch, which is in no lock file.
.venv/.torch: .venv/.ready scripts/torch
	@$(BIN)/uv sync --quiet --frozen --inexact --extra hub --extra train --python $(BIN)/python
	@scripts/torch
	@touch $@

frontend/node_modules/.ready: frontend/package.json frontend/package-lock.json | .venv/.ready
	@echo "installing the dashboard's packages"
	@cd frontend && $(NODE) npm ci --loglevel=error --no-audit --no-fund --no-update-notifier
	@touch $@

FRONTEND := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
frontend/dist/.ready: frontend/node_modules/.ready $(FRONTEND)
	@echo "building the dashboard"
	@cd frontend && $(NODE) npm run build --silent -- --logLevel warn
	@touch $@
