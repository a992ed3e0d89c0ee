"""Benchmarks: each case against a peer or a bare scan in the same run; `make bench` runs them all."""
