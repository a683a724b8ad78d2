"""Data: synthetic labels, text corpora, vocabularies, and how often each class occurs."""
