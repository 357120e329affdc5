# Everything a person or CI does here. `make help` lists the targets.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# uv does not read pip's find-links, and stops at a folder that is not there
export UV_FIND_LINKS := $(if $(PIP_FIND_LINKS),$(wildcard $(PIP_FIND_LINKS)))

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	test -x $(PY) || python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet uv
	$(VENV)/bin/uv pip install --quiet --python $(PY) -c constraints.txt -e '.[test]'
	touch $@

.PHONY: install
install: $(STAMP) ## create .venv with exactly the versions of constraints.txt
