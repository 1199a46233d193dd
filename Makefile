# `make check` is what to run before a commit, in an environment that has the `test` extra.

PYTHON ?= python

.PHONY: check
check:
	$(PYTHON) -m pytest -n auto
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
