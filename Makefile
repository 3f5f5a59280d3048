# Two commands do everything: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SERVING := dist/serving
SERVING_IMAGE ?= localhost/meter-serving:dev
# Builds an image: COMMAND NAME FOLDER DOCKERFILE
IMAGE_BUILD ?= k8s/images/docker-build
SOURCES := meter_core flows bento tests benchmarks requirements

.DEFAULT_GOAL := help
.PHONY: help install demo test format lint types unit serving bento images prove lock proto clean

help:  ## what each target does
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## make .venv with everything in it
	@:

$(VENV)/.installed: requirements/uv.txt requirements/all.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not on the PATH: install Python 3.11, or say make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --compile-bytecode --require-hashes -r requirements/all.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## the main job on the shipped sample: ingest, train, predict, serve
	@$(BIN)/meter demo

test: install format lint types  ## format, lint, type-check and test
	$(BIN)/pytest

format: install
	$(BIN)/ruff format $(if $(CI),--check) $(SOURCES)

lint: install
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

unit: install  ## the tests that need no service
	$(BIN)/pytest tests/unit tests/parity

serving: install  ## the service with the registry's champion, in dist/serving
	@$(BIN)/python -m bento.build $(SERVING)

bento: serving  ## a bento of it, in BENTOML_HOME
	@cd $(SERVING) && $(CURDIR)/$(BIN)/python -m bentoml build --bentofile bento/bentofile.yaml

images: serving  ## the serving image, with docker or what IMAGE_BUILD names
	$(IMAGE_BUILD) $(SERVING_IMAGE) $(SERVING) k8s/images/serving.Dockerfile

prove: install  ## what takes twenty minutes: the whole benchmark, a soak, schemathesis; reports in docs/proofs
	$(BIN)/python -m benchmarks.proofs

lock: install  ## resolve the locked versions anew from pyproject.toml
	$(BIN)/python requirements/lock.py

proto: install  ## generate meter_core/rpc anew from bento/proto
	$(BIN)/python -m grpc_tools.protoc --proto_path=meter_core/rpc=bento/proto/meter/v1 \
	  --python_out=. --pyi_out=. --grpc_python_out=. meter_core/rpc/prediction.proto

clean:  ## forget .venv and the embedded state
	rm -rf $(VENV) .meter
