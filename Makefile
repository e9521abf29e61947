PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCH_VENV := .bench-venv
BENCH_DASK_VENV := .bench-dask-venv

.PHONY: run test thorough bench app pictures notebooks lint help

help:
	@echo "make run    install, then trace a wrong prediction of the built-in cohort"
	@echo "make test   install, then lint, types, import contracts and the tests"
	@echo "make thorough  install, then the tests of many draws, damages, kills and experiments"
	@echo "make app    install, then open the clinician's page on the built-in cohort"
	@echo "make bench  install, then the slow measurements"
	@echo "make notebooks  install, then run the notebooks of experiments in full; their figures are kept in figures/"
	@echo "make pictures install, then take the pictures of the README and of the app's help"

run: $(INSTALLED)
	@$(BIN)/clinflu run

app: $(INSTALLED)
	@$(BIN)/clinflu app

pictures: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python -m browser.pictures

notebooks: $(INSTALLED)
	CLINFLU_NOTEBOOKS=full CLINFLU_FIGURES=$(CURDIR)/figures PYTHONPATH=tests $(BIN)/python -m benchmarks.notebooks

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The tests start Python a hundred times: it may keep what it compiles. Some wait for a browser: a third worker goes on.
PYTEST := PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/pytest --dist loadfile --no-loadscope-reorder

test: lint
	$(PYTEST) -n 3 -m "not thorough"

thorough: $(INSTALLED)
	$(PYTEST) -n 2 -m thorough

bench: $(INSTALLED) $(BENCH_VENV)/.installed $(BENCH_DASK_VENV)/.installed
	$(BIN)/python tests/benchmarks/run.py --peers $(BENCH_VENV)/bin/python --dask-peer $(BENCH_DASK_VENV)/bin/python

$(INSTALLED): pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "clinflu needs Python 3.11 or newer; say which with PYTHON=python3.11 make ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c .ci/constraints.txt -e '.[dev]'
	@touch $@

$(BENCH_VENV)/.installed: .ci/constraints-bench.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check -r .ci/constraints-bench.txt
	@touch $@

$(BENCH_DASK_VENV)/.installed: .ci/constraints-bench-dask.txt
	$(PYTHON) -m venv $(BENCH_DASK_VENV)
	$(BENCH_DASK_VENV)/bin/pip install --quiet --disable-pip-version-check -r .ci/constraints-bench-dask.txt
	@touch $@
