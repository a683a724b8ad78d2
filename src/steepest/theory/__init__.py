"""Closed forms: what class frequencies alone say."""
