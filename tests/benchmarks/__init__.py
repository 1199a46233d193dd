"""Measurements: run as modules, or with `pytest -m benchmark`."""
