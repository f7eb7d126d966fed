# One command each; `make help` lists them. They use the virtual environment .venv-dev, which `make setup` makes.

BIN := .venv-dev/bin

.PHONY: help setup test lint types laws validate bench docs

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## a virtual environment with cyclesim and what its tests need
	python3 -m venv .venv-dev && $(BIN)/pip install -e '.[test]'

test: ## all tests
	$(BIN)/pytest

lint: ## ruff
	$(BIN)/ruff check .

types: ## mypy
	$(BIN)/mypy

laws: ## which module may import which
	$(BIN)/lint-imports

validate: ## the long proofs
	$(BIN)/cyclesim validate schedule functional memory rtl published

bench: ## speed, as ratios in one run
	$(BIN)/cyclesim validate speed

docs: ## docs/reports.md from the tables in the code
	{ cat docs/reports.head.md; $(BIN)/python -m cyclesim.reports; } > docs/reports.md
