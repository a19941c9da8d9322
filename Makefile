# make figures: clone to figures. make test: everything that CI checks.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: figures findings test lint unit workflow test-slurm format scale graphs clean

figures: $(VENV)/.installed
	$(BIN)/snakemake figures
	@echo "Figures: results/figures. Tables and a report to read: $(BIN)/snakemake"

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("grokatlas needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	@echo "Installing into $(VENV): a minute or two, torch being large"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

# docs/findings.md and the README's headline, from resources/evidence alone, which trains nothing; all of it anew, since
# an edit of the code that draws or judges makes nothing due.
findings: $(VENV)/.installed
	$(BIN)/snakemake findings --forceall --configfile config/evidence.yaml
	$(BIN)/grokatlas publish

# Two tests at a time, each with one thread for torch.
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

# In the order of CI: format, lint, unit, then the workflow end to end.
test: lint unit workflow

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

unit: $(VENV)/.installed
	$(TESTS) tests/unit

workflow: $(VENV)/.installed
	$(TESTS) tests/workflow

# Faults on a real SLURM of this machine's own; prints the table of docs/reliability.md. As root, for slurmd.
test-slurm: $(VENV)/.installed
	@which slurmctld slurmd munged >/dev/null || test "$$(id -u)" = 0 || \
	  { echo "No SLURM here: install slurm-wlm and munge, or run this as root to have apt do so"; exit 1; }
	@which slurmctld slurmd munged >/dev/null || \
	  { apt-get update -qq && apt-get install -qq -y --no-install-recommends slurm-wlm munge; }
	$(BIN)/python -m pytest tests/slurm

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile workflow/rules

# How long the graph of 10,000 runs takes to look at: docs/performance.md.
scale: $(VENV)/.installed
	$(BIN)/python tests/scale.py

# The pictures of the graph in the README, drawn from what Snakemake prints.
GRAPH := PYTHONHASHSEED=0 $(BIN)/snakemake --quiet --configfile $(CURDIR)/docs/images/graphs.yaml
LAYOUT := dot -Tsvg -Grankdir=LR

graphs: $(VENV)/.installed
	@command -v dot > /dev/null || { echo "make graphs needs dot: install graphviz (apt-get install graphviz)"; exit 1; }
	empty=$$(mktemp -d) && \
	$(GRAPH) --directory $$empty --rulegraph dot > $$empty/rules.dot && \
	$(GRAPH) --directory $$empty --dag dot -- results/metrics.parquet > $$empty/stack.dot && \
	$(LAYOUT) $$empty/rules.dot -o docs/images/rules.svg && \
	$(LAYOUT) $$empty/stack.dot -o docs/images/stack.svg && \
	rm -r $$empty

clean:
	rm -rf $(VENV) .snakemake .pytest_cache .ruff_cache
