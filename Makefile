# make demo [TEACHER=FILE] | test | test-all | lint | docs; each creates .venv and installs first, if that is not done.

BIN := .venv/bin
# The first Python that constraints.txt has wheels for and that can make an environment.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14 python3.10; do \
	$$python -c 'import ensurepip, sys; assert (3, 10) <= sys.version_info < (3, 15)' 2> /dev/null \
	&& echo $$python && break; done)
# Of the demo: other weights of its teacher (.pth), or OpenCV's VitTrack (.onnx).
TEACHER ?=
# A folder with reference data for the tests; without it they use the small copies in tests/data.
REFERENCE ?=

PIP_INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Processes that share the tests, with a thread each; one that dies ends the run.
WORKERS ?= 2
# Files go to them by name: by number of tests, the notebook would come last and alone.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/pytest tests --numprocesses=$(WORKERS) --dist=loadfile \
	--no-loadscope-reorder --max-worker-restart=0 \
	$(if $(REFERENCE),--reference=$(REFERENCE))

.PHONY: install demo test test-all lint docs

install: .venv/.installed

# What the demo needs takes half as long to install as everything.
.venv/.demo: setup.py constraints.txt
	@test -n '$(PYTHON)' || { echo 'No Python 3.10 to 3.14 with the module ensurepip is found:' \
		'install one (Debian and Ubuntu: python3-venv), or name it by' \
		'make PYTHON=/path/to/python3'; exit 1; }
	@echo 'Installing into .venv (a few minutes)'
	@start=$$(date +%s) && set -e -x && \
	$(PYTHON) -m venv .venv && \
	$(PIP_INSTALL) setuptools wheel && \
	$(PIP_INSTALL) --no-build-isolation --editable '.[lite,demo,deploy]' && \
	$(PIP_INSTALL) --no-deps mmtrack==1.0.0rc1 && \
	touch $@ && \
	{ set +x; } 2> /dev/null && \
	echo "Installed in $$(($$(date +%s) - start)) s"

.venv/.installed: .venv/.demo
	@echo 'Installing what tests and documentation need'
	$(PIP_INSTALL) --no-build-isolation --editable '.[lite,demo,deploy,dev,docs]'
	@touch $@

demo: .venv/.demo
	$(BIN)/python tools/demo.py $(if $(TEACHER),--teacher '$(TEACHER)')

test: install
	$(PYTEST) -m 'not slow'

test-all: install
	$(PYTEST)

lint: install
	$(BIN)/ruff check

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # --quiet would let warnings pass
	@echo 'site/index.html; to search: $(BIN)/python -m http.server --bind 127.0.0.1' \
		'--directory site, then http://127.0.0.1:8000'
