"""Runs: what is run, how it is trained, and where it is kept."""
