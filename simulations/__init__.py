"""Simulations behind the tables of docs/: each is seeded, and run by `python -m simulations.NAME`."""
