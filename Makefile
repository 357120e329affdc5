# Everything a person or CI does here. `make help` lists the targets.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# uv does not read pip's find-links, and stops at a folder that is not there
export UV_FIND_LINKS := $(if $(PIP_FIND_LINKS),$(wildcard $(PIP_FIND_LINKS)))
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1
PYTEST := $(PY) -m pytest

.PHONY: help install run up down test faults lint format docs site dvc bench constraints clean
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	test -x $(PY) || python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet uv
	@# compiled now, once: on some machines Python may not keep what it compiles at the first start
	$(VENV)/bin/uv pip install --quiet --compile-bytecode --python $(PY) -c constraints.txt \
	    --config-settings editable_mode=compat -e '.[test]'
	touch $@

install: $(STAMP) ## create .venv with exactly the versions of constraints.txt

run: $(STAMP) ## the main job on the default data: platform up, deploy, search, train, promote, down
	infra/run-main-job.sh

up: $(STAMP) ## start the local platform and leave it running
	cic up

down: $(STAMP) ## stop it
	cic down

test: $(STAMP) ## the whole test suite
	$(PYTEST)

faults: $(STAMP) ## make every attack as often as it says, and print a table; fails if one succeeds
	$(PYTEST) --faults --durations=0 --durations-min=60

lint: $(STAMP) ## style, types
	ruff check .
	ruff format --check .
	mypy

format: $(STAMP) ## put the sources into shape
	ruff check --fix .
	ruff format .

docs: $(STAMP) ## write what docs/ has from the code: parameters, command line, names, tables, figures
	$(PY) infra/docs.py

site: $(STAMP) ## build docs/ into build/site, to be opened in a browser without a server
	zensical build --strict --clean --config-file mkdocs.yml

dvc: $(STAMP) ## write the stages' dependencies into dvc.yaml
	$(PY) infra/dvc_deps.py

bench: $(STAMP) ## measure speed and memory side by side; writes bench/results.json and a table
	$(VENV)/bin/uv pip install --quiet --python $(PY) -c constraints.txt 'lightning>=2.6,<3'
	$(PY) -m bench

constraints: ## resolve the versions anew
	{ echo "# The versions this release was tested with; made by 'make constraints'."; \
	  $(VENV)/bin/uv pip compile --quiet --no-annotate --no-header --extra test --extra bench pyproject.toml | sed 's/+cpu//'; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove the outputs of the stages; data, models and platform stay
	rm -rf build
