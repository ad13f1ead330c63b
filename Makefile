# Every target stands on `install`, which makes .venv once and then does nothing until the
# requirements change. PYTHON names the interpreter that .venv is made from.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
KILL = $(PY) tests/robustness/kill_inversion.py bdinvert_inv_toon64 demo/images --out-dir $$(mktemp -d)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-long lint format docs wheel clean distclean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

install: $(STAMP)  ## make .venv with the tested versions and this package, editable

$(STAMP): $(wildcard requirements/*.txt) setup.py mmgen_bdinvert/version.py
	@$(PY) -m pip --version >/dev/null 2>&1 || $(MAKE) --no-print-directory new-venv
	$(PY) -m pip install -r requirements/tested.txt
	@$(PY) -c 'import cv2' 2>/dev/null || $(MAKE) --no-print-directory headless
	$(PY) -m pip install --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: new-venv headless
new-venv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
	  { echo "error: the tested versions need Python 3.11, 3.12 or 3.13, but '$(PYTHON)' is" \
	    "$$($(PYTHON) --version 2>/dev/null || echo 'not there');" \
	    "name another one: make PYTHON=/path/to/python3.11 install" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo "error: '$(PYTHON) -m venv' failed; on Debian or Ubuntu:" \
	    "apt-get install python3-venv" >&2; exit 1; }

# mmengine asks for opencv-python, which needs libGL and GLib from the system; where they are
# missing, the headless build of the same version goes over it.
headless:
	$(PY) -m pip install --no-deps --force-reinstall \
	  $$(sed -n 's/^opencv-python==/opencv-python-headless==/p' requirements/tested.txt)

demo: $(STAMP)  ## invert, move and edit toon faces; pictures go to work_dirs/demo
	$(PY) tools/demo_toon.py --out-dir work_dirs/demo

test: $(STAMP)  ## run the tests, in two processes (ARGS='-k name' picks some)
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 2 --dist loadfile $(ARGS)

test-long: $(STAMP)  ## run what takes hours: long tests, hostile inputs, fuzz, kills, a soak
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 2 --dist loadfile -m long
	$(PY) tests/robustness/hostile_inputs.py
	FUZZ_EXAMPLES=50000 $(PY) -m pytest -q tests/robustness/test_properties.py
	$(PY) tests/robustness/kill_training.py bdinvert_enc_toon64 --out-dir $$(mktemp -d) --kills 25 \
	  --cfg-options train_cfg.max_iters=60 train_dataloader.batch_size=2 val_dataloader.dataset.length=2
	$(KILL) --kills 50 --every 3 --steps 3
	$(KILL) --kills 25 --every 3 --steps 3 --processes 2
	$(KILL) --minutes 120 --every 130 --steps 15

lint: $(STAMP)  ## check style, formatting and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(STAMP)  ## mend style and formatting
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

docs: $(STAMP)  ## build the documentation into docs/_build/html
	$(PY) -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo 'Look at it, with its search: $(PY) -m http.server --directory docs/_build/html 8000'
	@echo 'in a browser, at localhost:8000'

wheel: $(STAMP)  ## build a wheel into dist/
	$(PY) -m pip wheel --no-deps --no-build-isolation -w dist .
	@rm -rf build

clean:  ## remove build products and caches
	rm -rf build dist *.egg-info docs/_build .pytest_cache .ruff_cache .mypy_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean  ## clean, and remove .venv
	rm -rf $(VENV)
