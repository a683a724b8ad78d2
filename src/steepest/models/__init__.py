"""Models: what maps inputs to the scores of the classes."""
