# Two commands do everything: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SERVING := dist/serving
# --without-champion for a cluster whose registry is still empty.
SERVING_OPTIONS ?=
# Builds an image: COMMAND NAME FOLDER DOCKERFILE [OPTION...]
IMAGE_BUILD ?= k8s/images/docker-build
IMAGE_REGISTRY ?= localhost
IMAGE_TAG ?= dev
export IMAGE_REGISTRY IMAGE_TAG
SOURCES := meter_core flows bento tests benchmarks requirements helm
# A cluster for tests that may lie beside the repository; without it KUBECONFIG and IMAGE_BUILD say which to take.
CLUSTER := $(wildcard ../shared/cluster)

.DEFAULT_GOAL := help
.PHONY: help install demo test format lint types unit serving bento images test-cluster chart-docs prove lock proto clean

help:  ## what each target does
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
	$(BIN)/pytest --numprocesses 2 --dist loadfile

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
	@$(BIN)/python -m bento.build $(SERVING) $(SERVING_OPTIONS)

bento: serving  ## a bento of it, in BENTOML_HOME
	@cd $(SERVING) && $(CURDIR)/$(BIN)/python -m bentoml build --bentofile bento/bentofile.yaml

images: serving  ## all images, with docker or what IMAGE_BUILD names
	for part in jobs mlflow prefect; do \
	  $(IMAGE_BUILD) $(IMAGE_REGISTRY)/meter-$$part:$(IMAGE_TAG) . k8s/images/$$part.Dockerfile --build-arg VERSION=$(IMAGE_TAG) || exit; \
	done
	$(IMAGE_BUILD) $(IMAGE_REGISTRY)/meter-serving:$(IMAGE_TAG) $(SERVING) k8s/images/serving.Dockerfile --build-arg VERSION=$(IMAGE_TAG)

test-cluster: SERVING_OPTIONS := --without-champion
test-cluster: IMAGE_BUILD := $(if $(filter file,$(origin IMAGE_BUILD)),$(or $(wildcard $(CLUSTER)/image),$(IMAGE_BUILD)),$(IMAGE_BUILD))
test-cluster: images  ## install the chart on the cluster of KUBECONFIG and test it from outside
	$(IMAGE_BUILD) $(IMAGE_REGISTRY)/meter-serving:next $(SERVING) k8s/images/serving.Dockerfile --build-arg VERSION=next
	@bash -c '[ -n "$$KUBECONFIG" ] || [ -z "$(CLUSTER)" ] || . $(CLUSTER)/settings.sh; $(BIN)/pytest tests/cluster -v --timeout=900'

chart-docs: install  ## write the table of values into helm/meter/README.md
	$(BIN)/python helm/values_table.py

prove: install  ## what takes half an hour: 200 kill points, the whole benchmark, a soak, schemathesis; reports in docs/proofs
	$(BIN)/python -m benchmarks.proofs

lock: install  ## resolve the locked versions anew from pyproject.toml
	$(BIN)/python requirements/lock.py

proto: install  ## generate meter_core/rpc anew from bento/proto
	$(BIN)/python -m grpc_tools.protoc --proto_path=meter_core/rpc=bento/proto/meter/v1 \
	  --python_out=. --pyi_out=. --grpc_python_out=. meter_core/rpc/prediction.proto

clean:  ## forget .venv and the embedded state
	rm -rf $(VENV) .meter
