"""Claims: papers, figures, measures and verdicts."""
