# Two commands matter: `make demo` and `make test`. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
TORCH := torch==2.13.0

.PHONY: demo test lint docs bench clean install install-dev
.DEFAULT_GOAL := test

$(BIN)/python:
	$(PYTHON) -m venv .venv

# torch first: a later step must find it installed, or pip would fetch its newest build.
.venv/torch.stamp: $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	touch $@

.venv/install.stamp: .venv/torch.stamp pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[plot,study]"
	touch $@

.venv/dev.stamp: .venv/torch.stamp pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@ .venv/install.stamp

install: .venv/install.stamp
install-dev: .venv/dev.stamp

demo: install
	$(BIN)/actlas compare --task digits --out out
	@echo "The report is out/report.html"

test: install-dev lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install-dev
	$(BIN)/python -m actlas.docs docs/functions

bench: install-dev
	$(BIN)/python benchmarks/composition.py

clean:
	rm -rf .venv out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
