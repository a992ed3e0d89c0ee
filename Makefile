# Every job of the project. Each target makes the virtual environment it needs; only Python 3.11+ and make must be there.
PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test test-browser test-engines test-slow lint format docs regenerate bench bench-peers clean

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/.test
	$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/.bench: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[bench]'
	@touch $@

demo: $(VENV)/.run  ## run the study of a made-up data set whose truth is known
	$(BIN)/honestlift demo --out demo

lint: $(VENV)/.test  ## format, style, types and the order of the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

test: lint  ## lint, then every test that needs no extra server
	$(BIN)/pytest -n auto -m 'not slow and not browser and not engine'

test-browser: $(VENV)/.test  ## the pages in Chromium (see .ci/browser-setup); screenshots in build/screenshots
	$(BIN)/pytest -m browser

$(VENV)/.engines: pyproject.toml constraints.txt | $(VENV)/.test
	$(PIP) --editable '.[spark,ibis]'
	@touch $@

test-engines: $(VENV)/.engines  ## the studies on a Spark cluster and a PostgreSQL server that the tests start (see .ci/engines-setup)
	$(BIN)/pytest -n 2 -m engine

test-slow: $(VENV)/.test  ## the coverage simulations
	$(BIN)/pytest -n auto -m slow

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.docs  ## the documentation as a site, site/html/index.html; a warning is an error
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --jobs auto --doctree-dir site/doctrees docs site/html
	@! grep -rlE '<(script|img|link|source)[^>]+(src|href)="(https?:)?//' site/html --include='*.html' # no page asks the network

regenerate: $(VENV)/.test  ## make again what is made and committed in docs/: notebooks, schematics, the table of plan keys
	$(BIN)/python -m docs.make

bench: $(VENV)/.bench $(VENV)/.engines $(PEERS)/.installed  ## time against peers and bare scans, in this run, on this machine; Spark needs Java (see .ci/engines-setup)
	$(BIN)/python -m benchmarks

$(PEERS)/.installed: benchmarks/peers/requirements.txt benchmarks/peers/constraints.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check install --quiet \
		--constraint benchmarks/peers/constraints.txt --requirement benchmarks/peers/requirements.txt
	@touch $@

bench-peers: $(VENV)/.bench $(PEERS)/.installed  ## the same work by peers, in an environment of their own
	$(BIN)/python -m benchmarks --only peers

clean:
	rm -rf $(VENV) $(PEERS) demo build dist site .pytest_cache .ruff_cache .hypothesis
