# The project's commands. `make demo` and `make test` each work first thing on a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONHASHSEED := 0

.PHONY: setup demo demo-hospitals examples test test-network test-pages lint bench bench-scale bench-rivals bench-codec bench-models bench-attacks bench-privacy fuzz vectors results tables docs check clean
.DEFAULT_GOAL := help

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.done  ## make .venv with everything pinned

$(VENV)/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --group dev --editable ".[all]"
	touch $@

demo: setup  ## five unlike peers on scikit-learn's digits, with the baselines, in under a minute
	$(BIN)/fedh2l run --data digits --out runs/demo --overwrite

demo-hospitals: setup  ## four unlike peers on heart disease at four hospitals; UCI's files in DATA=folder, else they are fetched
	$(BIN)/fedh2l run --data heart-disease $(if $(DATA),--data-dir $(DATA)) --out runs/demo-hospitals --overwrite

examples: setup  ## the five in examples/: each looked at by the doctor, a bank's federation, and one that mixes all the others
	$(BIN)/python tools/run_examples.py

test: setup  ## every test that takes seconds
	$(BIN)/pytest -n 2 -m "not slow"

test-network: setup  ## attacks, faults and hosts on a real network: minutes; root for the ones with their own addresses (ip netns)
	$(BIN)/pytest -m slow -n 0 tests/live tests/commands/test_watch.py

test-pages: setup  ## the reports in Chromium, by axe-core's rules, as wide as a screen and as a phone, by day and by night
	$(BIN)/pytest -m slow -n 0 tests/commands/test_pages_in_a_browser.py

lint: setup  ## ruff format, ruff and pyright
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

check: lint test  ## what CI runs

bench: setup  ## overhead, speed-up, start-up and memory, as ratios of one run, on real MNIST: make bench DATA=folder
	$(if $(DATA),FEDH2L_DATA=$(abspath $(DATA))) $(BIN)/python benchmarks/bench.py

bench-scale: setup  ## CPU milliseconds and memory per peer from 10 to 10,000 peers, into build/bench/scale.json (minutes)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scale.py

bench-rivals: setup  ## the same work in BlazeFL, Flower, HtFLlib and PFLlib (half an hour): make bench-rivals DATA=mnist HTFLLIB=checkout PFLLIB=checkout
	$(if $(DATA),FEDH2L_DATA=$(abspath $(DATA))) $(if $(HTFLLIB),HTFLLIB=$(abspath $(HTFLLIB))) $(if $(PFLLIB),PFLLIB=$(abspath $(PFLLIB))) $(BIN)/python benchmarks/rivals/compare.py

bench-codec: setup  ## bits per sample against accuracy, views and FedAvg against bytes, on real MNIST (two hours on one core; resumable): make bench-codec DATA=folder
	$(BIN)/python benchmarks/recorded.py --data-dir $(DATA)
	$(BIN)/python benchmarks/codec.py --data-dir $(DATA)
	$(BIN)/python benchmarks/views.py --data-dir $(DATA)
	$(BIN)/python benchmarks/alike.py --data-dir $(DATA)

bench-models: setup  ## federations of unlike kinds of models: alone, seed labels only, exchange, pooled (an hour; resumable): make bench-models DATA=folder SEEDS="0 1"
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/models.py --data $(or $(DATA),data) $(if $(SEEDS),--seeds $(SEEDS))

bench-privacy: setup  ## what ε = 2, 4 and 8 cost on rotated MNIST, against seed labels alone (an hour on one core; resumable): make bench-privacy DATA=folder
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/privacy.py --data-dir $(DATA)

bench-attacks: setup  ## lies against the honest, with the guard and without (hours; resumable): make bench-attacks ATTACKS="--seeds 2 --mnist folder"
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/attacks.py $(ATTACKS)

fuzz: setup  ## a million bad frames (ten minutes)
	$(BIN)/pip install --quiet --disable-pip-version-check atheris
	$(BIN)/python tests/wire/fuzz.py

vectors: setup  ## the committed vectors, decoded by numpy 1.26 in an environment of its own
	$(PYTHON) -m venv build/numpy1
	build/numpy1/bin/pip install --quiet --disable-pip-version-check "numpy==1.26.*" jaxtyping pytest
	PYTHONPATH=src build/numpy1/bin/python -m pytest -c /dev/null --noconftest tests/wire/test_vectors.py

docs: setup  ## the tables of flags in docs/, from the classes
	$(BIN)/python tools/flags.py

clean:  ## remove what the commands made
	rm -rf $(VENV) build runs sweeps .pytest_cache .ruff_cache

results: setup  ## the sweeps of benchmarks/ and their tables (resumable; all of them take days): make results NAME=digits DATA=folder
	for name in $(or $(NAME),$(basename $(notdir $(wildcard benchmarks/sweeps/*.toml)))); do \
	  $(if $(DATA),FEDH2L_DATA=$(DATA)) OMP_NUM_THREADS=1 $(BIN)/fedh2l sweep benchmarks/sweeps/$$name.toml --out build/sweeps/$$name || exit 1; \
	  $(BIN)/python tools/keep_results.py $$name build/sweeps/$$name || exit 1; \
	done
	$(BIN)/python tools/tables.py

tables: setup  ## the tables of results in README and docs, from benchmarks/results
	$(BIN)/python tools/tables.py

