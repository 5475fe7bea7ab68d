# Two commands matter: `make demo` and `make test`. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
TORCH := torch==2.13.0

.PHONY: demo test test-without-compiler test-triton lint docs bench clean install install-dev
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

# The models of other libraries that the tests run. They ask for torch builds of their own, so
# they come without dependencies, and what else they need is named here.
PEERS := torchvision==0.28.0 timm==1.0.31 lightning==2.6.6 pytorch-lightning==2.6.6 \
  lightning-utilities==0.15.3 torchmetrics==1.9.0 accelerate==1.15.0 captum==0.9.0

.venv/dev.stamp: .venv/torch.stamp pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps $(PEERS)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt transformers psutil
	touch $@ .venv/install.stamp

.venv/bench.stamp: .venv/torch.stamp pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	touch $@

install: .venv/install.stamp
install-dev: .venv/dev.stamp

demo: install
	$(BIN)/actlas compare --task digits --out out
	@echo "The report is out/report.html"

test: install-dev lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

# The same suite as on a machine without a C compiler: the composition runs in the engine's place.
# The next `make test` builds the engine again.
test-without-compiler: install-dev
	rm -f actlas/kernels/cpu/_engine*.so .venv/install.stamp .venv/dev.stamp
	CC=no-such-compiler $(BIN)/python -m pytest -n 2 --dist loadgroup

# The generated GPU kernels, without a GPU: Triton's interpreter, and binaries for three targets.
# An extra of its own, for Triton takes a gigabyte and its interpreter many minutes.
test-triton: install-dev
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt triton
	$(BIN)/python -m pytest tests/kernels/triton -n 2 --dist loadgroup

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The generated pages, then the site: build/docs/html/index.html. A warning is an error.
docs: install-dev
	$(BIN)/python -m actlas.facts.proofs
	$(BIN)/python -m actlas.docs.systems docs/systems.toml
	$(BIN)/python -m actlas.docs.tasks docs/tasks.md
	$(BIN)/python -m actlas.docs.claims docs/claims.md
	$(BIN)/python -m actlas.docs.site . build/docs/source
	$(BIN)/sphinx-build -E -W --keep-going --quiet -c docs build/docs/source build/docs/html
	@echo "The site is build/docs/html/index.html"

# About twelve minutes; any other work on the machine meanwhile makes the figures worthless.
bench: .venv/bench.stamp
	$(BIN)/actlas bench --minutes 10.5 --out benchmarks/results
	$(BIN)/python benchmarks/allocators.py --turns 1
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python -m actlas.bench docs
	$(BIN)/python -m actlas.explorer costs benchmarks/results

clean:
	rm -rf .venv out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
