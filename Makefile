# Every command of the project. `make help` lists them; CI and people use the same ones.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
STACK ?= local
PYTEST ?= .venv/bin/python -m pytest
PLATFORM := .venv/bin/python -m rucket_platform

##@ Start here

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: .venv/installed ## Bring up Rucket's regions on this machine with a real `pulumi up`, and say how to reach them (STACK=local)
	@$(PLATFORM).stacks up --stack $(STACK)

.PHONY: test
test: .venv/installed ## Set up and run all tests but those of deployments and containers
	@$(PYTEST) tests --ignore tests/deploy --ignore tests/containers -n 2 --dist loadfile

##@ Regions

.PHONY: status
status: .venv/installed ## Show the regions, their nodes and whether they live
	@$(PLATFORM).stacks status --stack $(STACK)

.PHONY: outputs
outputs: .venv/installed ## Print endpoints and credentials as one JSON object (secrets masked unless SHOW_SECRETS=1)
	@$(PLATFORM).stacks outputs --stack $(STACK)

.PHONY: credentials
credentials: .venv/installed ## Print AWS_… variables of a region, for eval "$(make -s credentials REGION=eu)"
	@$(PLATFORM).stacks credentials --stack $(STACK) $(if $(REGION),--region $(REGION)) $(if $(S3_USER),--user $(S3_USER))

.PHONY: env
env: .venv/installed ## Print the environment for plain pulumi commands, for eval "$(make -s env)"
	@$(PLATFORM).stacks env --stack $(STACK)

.PHONY: down
down: .venv/installed ## End the regions; data is kept or removed as the stack says
	@$(PLATFORM).stacks down --stack $(STACK)

.PHONY: image
image: .venv/installed ## Build the container image (BASE=python:3.11-slim TAG=rucket:latest ARCH=arm64)
	@$(PLATFORM).image $(if $(BASE),--base $(BASE)) $(if $(TAG),--tag $(TAG)) $(if $(ARCH),--arch $(ARCH))

.PHONY: tools
tools: .venv/installed ## Install the pinned Pulumi tools (`make up` does it, too)
	@$(PLATFORM).tools

##@ Development

.PHONY: setup
setup: .venv/installed ## Make .venv with everything in it; then .venv/bin/rucket serve -b ADDRESS -d DIR runs

.venv/installed: platform/locks/dev.txt
	@exec 1>&2 # what `make -s env` and its like print has to stay clean
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Rucket needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Say which one: make PYTHON=python3.12 …" >&2; exit 1; }
	test ! -L .venv || { echo ".venv is a link to $$(readlink .venv), which others may be using; clearing it is not ours to do: run make there" >&2; exit 1; }
	echo "Setting up .venv (about half a minute) …"
	$(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r platform/locks/dev.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.PHONY: unit
unit: .venv/installed ## Unit and property tests
	@$(PYTEST) tests/unit tests/unit_platform tests/unit_chaos tests/unit_conformance tests/unit_loadtests tests/golden tests/model tests/fuzz tests/simulator tests/test_tidy.py

.PHONY: simulate
simulate: .venv/installed ## Nodes and gateways with crashes, from seeds (SEEDS=1..1000 for a long run)
	@$(if $(SEEDS),.venv/bin/python -m tests.simulation $(SEEDS),$(PYTEST) tests/simulation)

.PHONY: storage
storage: .venv/installed ## Power cuts at every operation, mutants, bit rot (EXHAUSTIVE=1 for all of it)
	@$(if $(EXHAUSTIVE),RUCKET_STORAGE_EXHAUSTIVE=1) $(PYTEST) tests/storage

.PHONY: functional
functional: .venv/installed ## S3 by boto3 and raw HTTP against a real server
	@$(PYTEST) tests/functional

.PHONY: clients
clients: .venv/installed ## boto3, aws, rclone, s3cmd, restic and s3fs against a real server
	@$(PYTEST) tests/clients

.PHONY: crash
crash: .venv/installed ## kill -9 cycles against a real server (CYCLES=200 for the long run)
	@RUCKET_CRASH_CYCLES="$(or $(CYCLES),12)" $(PYTEST) tests/crash -s

.PHONY: deploy-test
deploy-test: .venv/installed ## The real Pulumi engine: up, change, heal, grow, destroy
	@$(PYTEST) tests/deploy

.PHONY: containers-test
containers-test: .venv/installed ## The image and nodes in containers, on an engine that is there or is installed and started (as root)
	@.venv/bin/python -m tests.containers.engine -- $(PYTEST) tests/containers tests/deploy -k containers -n 2 --dist loadfile

.PHONY: format
format: .venv/installed ## Format the code
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix --quiet . || true

.PHONY: lint
lint: .venv/installed ## Ruff: style and hazards
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .

.PHONY: types
types: .venv/installed ## mypy --strict
	@.venv/bin/mypy

.PHONY: layers
layers: .venv/installed ## Import contracts: who may know whom
	@.venv/bin/lint-imports

.PHONY: check
check: lint types layers ## lint, types, layers

.PHONY: lock
lock: .venv/installed ## Resolve the dependencies anew into platform/locks (needs uv on PATH)
	@printf 'hatchling\neditables\n' | uv pip compile pyproject.toml - --extra platform --group dev --universal --generate-hashes --no-emit-index-url --python-version 3.11 --no-header --no-annotate -q -o platform/locks/dev.txt
	@uv pip compile pyproject.toml -c platform/locks/dev.txt --universal --generate-hashes --no-emit-index-url --python-version 3.11 --no-header --no-annotate -q -o platform/locks/server.txt

##@ Proof kits

.PHONY: conformance
conformance: .venv/installed ## Ceph's s3-tests: make conformance SUITE=path-or-url [ARGS="--select D2 --endpoint URL --users FILE"]
	@.venv/bin/python -m conformance run --suite "$(SUITE)" $(ARGS)

.PHONY: load
load: .venv/installed ## Users of a kind, in a shape: make load [PROFILE=mixed] [ARGS="--shape knee --endpoint URL --thresholds FILE"]
	@.venv/bin/python -m loadtests run $(or $(PROFILE),mixed) $(ARGS)

.PHONY: chaos
chaos: .venv/installed ## Faults under load: make chaos [SCENARIOS="kill-all latency"] [ARGS="--endpoint URL"]
	@.venv/bin/python -m chaos run $(or $(SCENARIOS),all) $(ARGS)

.PHONY: planted
planted: .venv/installed ## Plant faults in copies of Rucket, and see which judge finds each, and how fast
	@.venv/bin/python -m tests.planted

##@ Measurement

.PHONY: bench
bench: .venv/installed ## Speed, with ratios to peers: make bench ARGS="--peer minio=http://127.0.0.1:9100,KEY,SECRET"
	@.venv/bin/python -m loadtests.bench $(ARGS)

.PHONY: bench-engines
bench-engines: .venv/installed ## SQLite beside LMDB, on the index's own rows
	@.venv/bin/python -m tests.benchmarks.engines $(ARGS)

.PHONY: bench-requests
bench-requests: .venv/installed ## CPU time of requests in gateway and node, without HTTP: make bench-requests ARGS="--only LIST --profile"
	@.venv/bin/python -m tests.benchmarks.request_path $(ARGS)

.PHONY: bench-blobs
bench-blobs: .venv/installed ## Durable blobs a second, by how they are written: files, and segments made in several ways
	@.venv/bin/python -m tests.benchmarks.blob_writes $(ARGS)

.PHONY: bench-objects
bench-objects: .venv/installed ## Millions of small objects in one node's store: make bench-objects ARGS="--objects 10000000"
	@.venv/bin/python -m tests.benchmarks.small_objects_store $(ARGS)

.PHONY: bench-gate
bench-gate: .venv/installed ## CPU time per request beside what it was: fails when a request has become dearer
	@.venv/bin/python -m loadtests.bench --quick --rounds 4 --seconds 1 --only '^16 clients ((PUT|GET) (1|64) KiB|HEAD|DELETE|LIST)' --cpu-gate loadtests/bench/cpu_baseline.json $(ARGS)

.PHONY: bench-memory
bench-memory: .venv/installed ## PSS of all processes with a million objects, and for each idle connection
	@.venv/bin/python -m loadtests.bench.memory $(ARGS)
