"""Closed forms: what follows from class frequencies alone."""
