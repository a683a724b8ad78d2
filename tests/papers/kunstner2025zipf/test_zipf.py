"""The paper's laws against trained matrices and integrals, and the numbers of its specification to their digits."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from steepest.lab import Lab
from steepest.measure.scaling_laws import gd_relative_error, sign_relative_error
from steepest.measure.unigram import contenders, frequencies, updates_needed
from steepest_papers.kunstner2025zipf import PAPER
from steepest_papers.kunstner2025zipf.bigrams import count_bigrams, gd_error, horizon, sign_error
from steepest_papers.kunstner2025zipf.bounds import gradient_norm, linear_bound, sublinear_bound
from steepest_papers.kunstner2025zipf.brute_force import conditionals, exact_sign_error, losses
from steepest_papers.kunstner2025zipf.cross_entropy import first_hit, hitting_times, sign_identity
from steepest_papers.kunstner2025zipf.laws import (
    best_rank,
    exponential_integral,
    gd_limit,
    gd_tail,
    gd_updates_of,
    power_law,
    sign_limit,
    sign_updates_of,
)


def rounded(values: list[float], digits: int) -> list[float]:
    return [round(value, digits) for value in values]


def test_formulas_are_exact_on_the_trained_matrix() -> None:
    pi = power_law(30, 1.0)
    target = conditionals(pi, 0)
    gd = losses(pi, target, "gd", 1 / pi[0], 100)[-1]
    sign = losses(pi, target, "sign", 0.013, 41)[-1]
    assert gd == pytest.approx(4.1239249875689004e-05, rel=1e-12)
    assert sign == pytest.approx(0.009514518358492518, rel=1e-12)
    assert gd_relative_error(pi, 100) == pytest.approx(gd, rel=1e-12)
    assert exact_sign_error(pi, 0.013, 41) == pytest.approx(sign, rel=1e-12)


def test_the_exponential_integral_is_its_integral() -> None:
    for p, x in ((2.0, 0.5), (1.5, 2.0), (1 / 0.7, 0.1)):
        assert exponential_integral(p, x) == pytest.approx(
            quad(lambda u, p, x: np.exp(-x * u) * u**-p, 1, np.inf, (p, x))[0], rel=1e-6
        )


def gd_sums(alpha: float, taus: list[float], d: int) -> list[float]:
    return [gd_relative_error(power_law(d, alpha), gd_updates_of(tau, d, alpha)) for tau in taus]


def test_gradient_descent_has_the_specified_limits_and_sums() -> None:
    flat, zipf, steep = [0.25, 1, 2, 4], [0.25, 0.5, 0.75, 0.9], [4, 16, 64, 256]
    assert rounded([gd_limit(t, 0.5) for t in flat], 4) == [0.5177, 0.1485, 0.0375, 0.0032]
    assert rounded(gd_sums(0.5, flat, 1_000), 4) == [0.5171, 0.1461, 0.0363, 0.0030]
    assert rounded(gd_sums(0.5, flat, 1_000_000), 4) == [0.5177, 0.1484, 0.0375, 0.0032]
    assert rounded(gd_sums(1.0, zipf, 10_000), 3) == [0.642, 0.412, 0.186, 0.072]
    assert rounded(gd_sums(1.0, zipf, 1_000_000), 3) == [0.679, 0.440, 0.202, 0.072]
    assert rounded([gd_tail(t, 2) for t in steep], 4) == [0.2694, 0.1347, 0.0673, 0.0337]
    assert rounded([gd_limit(t, 2) for t in steep], 4) == [0.2470, 0.1316, 0.0670, 0.0336]
    assert rounded(gd_sums(2, steep, 10_000), 4) == [0.2458, 0.1315, 0.0669, 0.0336]


def sign_sums(alpha: float, taus: list[float], d: int) -> list[float]:
    return [sign_relative_error(power_law(d, alpha), sign_updates_of(tau, d, alpha)).error for tau in taus]


def test_sign_descent_has_the_specified_limits_and_sums() -> None:
    taus = [1.0, 2.0, 4.0, 8.0]
    assert rounded([sign_limit(t, 1.0) for t in taus], 4) == [0.3040, 0.1216, 0.0358, 0.0094]
    assert rounded([sign_limit(t, 2.0) for t in taus], 4) == [0.4620, 0.1848, 0.0543, 0.0142]
    assert rounded([sign_limit(t, 0.25) for t in taus[:3]], 4) == [0.1667, 0.1301, 0.0705]
    assert sign_sums(1.0, taus, 1_000_000) == pytest.approx([0.3040, 0.1216, 0.0358, 0.0095], abs=1.5e-4)
    assert sign_sums(2.0, taus, 10_000) == pytest.approx([0.4623, 0.1848, 0.0545, 0.0144], abs=4e-4)
    assert rounded(sign_sums(0.25, taus[:3], 10_000), 4) == [0.1613, 0.1248, 0.0652]
    assert sign_sums(0.5, [0.25, 0.5, 0.75], 1_000_000) == pytest.approx([0.620, 0.387, 0.174], abs=1e-3)
    assert rounded([best_rank(t, 1.0) for t in taus], 4) == [2.0, 1.25, 1.0625, 1.0156]


def test_the_limit_of_sign_descent_is_the_best_over_the_rank() -> None:
    for alpha, tau in ((0.25, 1.0), (0.25, 4.0), (0.4, 2.0)):
        x = np.linspace(1e-4, 1, 200_001)
        below = quad(lambda u, a: u ** (-2 * a), 0, 1, (alpha,))[0]
        moving = x ** (1 - 2 * alpha) * quad(lambda u, a: (u**-a - 1) ** 2, 0, 1, (alpha,))[0]
        r = (moving + (1 - x) * x ** (-2 * alpha) / (4 * tau**2)) / below
        assert sign_limit(tau, alpha) == pytest.approx(float(r.min()), rel=1e-6)


def test_bounds_at_the_root_of_the_vocabulary() -> None:
    pi = power_law(10_000, 1.0)
    assert round(gd_relative_error(pi, 100), 4) == 0.3425
    assert round(sublinear_bound(pi, 100), 3) == 10.217
    assert round(linear_bound(10_000, 100), 4) == 0.9802
    assert gradient_norm(np.array([1.0, 1.0]), 4) == pytest.approx(0.0)


def test_sign_descent_on_the_cross_entropy_is_the_unigram_model() -> None:
    assert sign_identity(12, 0.1, 20)["difference"] < 1e-14
    numbers, tables = hitting_times((15, 30, 60))
    updates = [row["updates"] for row in tables["updates"].to_pylist() if row["method"] == "GD"]
    assert updates[1:] == [17, 30]
    assert numbers["growth"] <= 1
    assert first_hit(np.array([1.0, 0.5, 0.1, 0.2])) == 2
    p = frequencies(power_law(120, 1.0))
    assert updates_needed(p, contenders(p)["Sign"], (0.1,)).updates[0] <= 3


def test_bigrams_are_counted_and_their_dynamics_are_those_of_the_matrix() -> None:
    ids = np.random.default_rng(0).integers(0, 6, 400) ** 2 // 6
    text = count_bigrams(ids, 6)
    d = 6
    counts = np.zeros((d, d))
    for a, b in pairwise(ids):
        counts[a, b] += 1
    pi, rows = counts.sum(1) / counts.sum(), counts.sum(1, keepdims=True)
    target = np.divide(counts, rows, out=np.zeros_like(counts), where=rows > 0)
    np.testing.assert_allclose(text.pi, pi)
    np.testing.assert_allclose(text.squares, (target**2).sum(1))
    W = np.zeros_like(target)
    for _ in range(7):
        W -= pi[:, None] * (W - target) / pi.max()
    r = (pi @ (W - target) ** 2).sum() / (pi @ target**2).sum()
    assert gd_error(text, 7) == pytest.approx(float(r), rel=1e-12)
    T, best = horizon(40), np.inf
    for h in np.geomspace(target.max() / 300, target.max(), 40):
        W = np.zeros_like(target)
        for _ in range(T):
            W -= h / T * np.sign(np.where(np.abs(W - target) < 1e-12, 0.0, W - target))
        best = min(best, float((pi @ (W - target) ** 2).sum() / (pi @ target**2).sum()))
    assert sign_error(text, T) == pytest.approx(best, rel=1e-6)


def test_every_figure_runs_judges_and_draws_at_smoke_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "text.txt"
    words = np.random.default_rng(0).zipf(1.3, 6000)
    text.write_text(" ".join(f"w{word % 5000}" for word in words), encoding="utf-8")
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))
    for figure in PAPER.figures:
        changes = {"corpus": str(text)} if figure.id == "real-text" else {}
        lab = Lab.open(f"{PAPER.key}/{figure.id}", scale="smoke", changes=changes, store=tmp_path / "store")
        for _ in lab.stream():
            pass
        assert {row.verdict for row in lab.ledger()} <= {"supported", "contradicted", "undecided"}
        assert all(path.is_file() for path in lab.draw(figure).values())
