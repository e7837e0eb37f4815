PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# numeric libraries share two cores badly
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint types unit bench clean

demo: $(VENV)/.installed
	$(BIN)/forecast-eval run configs/demo.yaml

test: lint types unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

unit: $(VENV)/.installed-dev
	$(BIN)/pytest -n 2

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/loss_figures.py --boosting
	$(BIN)/python benchmarks/inventory_loss.py
	$(BIN)/python benchmarks/simulator.py
	$(BIN)/python benchmarks/scores.py
	$(BIN)/python benchmarks/world.py
	$(BIN)/python benchmarks/online_validity.py --tests 400
	$(BIN)/python benchmarks/story.py
	$(BIN)/python benchmarks/align_coverage.py --quick
	$(BIN)/python benchmarks/align_proxy.py --worlds 5
	$(BIN)/python benchmarks/replay.py --markets 1
	@if [ -n "$$FORECAST_EVAL_DATA" ]; then $(BIN)/python benchmarks/m5.py && $(BIN)/python benchmarks/backtest_figures.py; \
	else echo "left out: benchmarks/m5.py and backtest_figures.py; set FORECAST_EVAL_DATA to the folder that holds m5_two_stores"; fi

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "forecast-eval needs Python 3.11 or newer; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[dev]'
	$(PIP) --no-deps -e tests/plugin_package
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
