"""Figure 5: the horizon, and what momentum changes against hand values on invented curves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steepest.runs.results import Best
from steepest_papers.kunstner2024heavytailed.fig5_last_layer import horizon, momentum_against_direction

ENDS = {"GD-m": (3.0, 2.0, 2.5), "GD+m": (2.8, 2.2, 2.5), "Sign-m": (1.0, 1.0, 0.5), "Sign+m": (1.1, 2.0, 0.5)}


def best(label: str) -> Best:
    """Return selected runs whose loss falls from 4."""
    runs = [
        SimpleNamespace(id=f"{label} {i}", column=lambda _, x=x: np.array([4, x])) for i, x in enumerate(ENDS[label])
    ]
    return Best(label, -1.5, tuple(runs), None)  # type: ignore[arg-type]


def test_momentum_in_units_of_what_the_sign_changes() -> None:
    results: Any = SimpleNamespace(sweep=lambda plan: SimpleNamespace(best=best))
    found = momentum_against_direction("plan", ("GD", "Sign"))(results)
    assert found.values == pytest.approx([0.2 / 2, 1.0 / 1, 0.0 / 2])
    assert found.runs == [f"{label} {seed}" for label in ENDS for seed in range(3)]
    assert found.evidence == "Γ by momentum: GD 0.03, Sign 0.09; by sign: 0.42"


def test_the_horizon_of_the_last_layer_is_proportional_to_the_classes() -> None:
    assert [horizon(c) for c in (9_900, 4_950, 990, 3)] == [1000, 500, 100, 1]
