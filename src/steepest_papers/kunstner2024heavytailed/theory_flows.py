"""Gradient flow and sign flow of the one-hot softmax model, in closed form and by brute force.

Setting (Kunstner et al. 2024, Section 3.3 and Appendix I): every sample of class k has the input e_k, W ∈ R^{c×c},
W(0) = 0, and f(W) = Σ_k π_k ℓ_k with ℓ_k = −log softmax(W e_k)_k. Column k meets class k only and keeps two values, a_k
on the diagonal and b_k off it. With the margin u = a − b,

    gradient flow   e^u + (c − 1) u = 1 + c s,  s = π_k t
    sign flow       u = 2t
    both            ℓ_k = log(1 + (c − 1) e^{−u})

First the flows, then what the claims are measured on: functions whose named numbers and curves are stored like runs; no
threshold is looked at here. Frequencies follow Zipf's law, π_k = 1/(k H_c), unless stated. The forms with Wright's ω, the
bounds and the times to a fraction of the loss are derived by us.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike
from scipy.special import lambertw, wrightomega

from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.measure.curvature import log_slope

Flow = Literal["gradient", "sign", "normalized"]
Numbers = dict[str, float]
Tables = dict[str, pa.Table]


def odds(s: ArrayLike, c: int) -> np.ndarray:
    """Return the odds p/(1−p) = ω(z) of the correct class under gradient flow, z = (1 + cs)/(c−1) − log(c−1).

    Derived by us: with ω = e^u/(c−1) the margin's equation is Wright's, ω + log ω = z. Nothing overflows or cancels.

    Args:
        s: rescaled time π_k t ≥ 0, any shape.
        c: number of classes, at least 2.

    Returns:
        Odds, same shape; 1/(c−1) at s = 0.

    >>> round(float(odds(0.0, 5)), 12)
    0.25
    """
    if c < 2:
        raise ValueError(f"the flows need at least 2 classes, got c = {c}")
    z = (1.0 + c * np.asarray(s, float)) / (c - 1) - np.log(c - 1)
    return np.asarray(wrightomega(z))


def gradient_flow_margin(s: ArrayLike, c: int) -> np.ndarray:
    """Return the margin u = log((c−1) ω) of gradient flow at s = π_k t (Lemma 5, in Wright's ω; see `odds`)."""
    return np.asarray(np.log((c - 1) * odds(s, c)))


def gradient_flow_margin_lambert(s: ArrayLike, c: int) -> np.ndarray:
    """Return the same margin as f/(c−1) − W₀(e^{f/(c−1)}/(c−1)), f = 1 + cs (Lemma 5); overflows for s ≳ 700."""
    x: Any = (1.0 + c * np.asarray(s, float)) / (c - 1)
    return np.asarray(x - lambertw(np.exp(x) / (c - 1)).real)


def gradient_flow_loss(s: ArrayLike, c: int) -> np.ndarray:
    """Return ℓ_k = log(1 + 1/ω) of gradient flow at s = π_k t.

    log c − (1−1/c)s for s ≪ log c; (1−1/c)/s for s ≫ log c. See `odds` for the arguments.

    >>> round(float(gradient_flow_loss(0.1, 1000)), 5), round(float(gradient_flow_loss(1e5, 50_000)) * 1e5, 4)
    (6.80787, 1.0002)
    """
    return np.asarray(np.log1p(1.0 / odds(s, c)))


def sign_flow_loss(t: ArrayLike, c: int) -> np.ndarray:
    """Return ℓ_k = log(1 + (c−1) e^{−2t}) of sign flow, the same for every class (Lemma 7, exponent corrected).

    >>> round(float(sign_flow_loss(3.0, 5)), 6)
    0.009866
    """
    return np.asarray(np.log1p((c - 1) * np.exp(-2.0 * np.asarray(t, float))))


def gradient_flow_bounds(s: ArrayLike, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (c−1)/(2cs) ≤ ℓ_k ≤ (c−1)/s, valid for s = π_k t ≥ 1."""
    s = np.asarray(s, float)
    return (c - 1) / (2 * c * s), (c - 1) / s


def sign_flow_bounds(t: ArrayLike, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ((c−1)/c) e^{−2t} ≤ ℓ_k ≤ (c−1) e^{−2t}, valid for t ≥ 0."""
    upper = (c - 1) * np.exp(-2.0 * np.asarray(t, float))
    return upper / c, upper


def negative_gradient(W: np.ndarray, pi: np.ndarray, radius: float = 1.0) -> np.ndarray:
    """Return −∇f(W) for inputs x_k = r e_k: entry (i, k) is r π_k (1[i=k] − softmax(r W e_k)_i).

    Args:
        W: parameters, shape (c, c).
        pi: class frequencies (or any positive class weights) π_k, shape (c,).
        radius: r.
    """
    E = np.exp(radius * (W - W.max(axis=0)))
    return np.asarray(radius * pi * (np.eye(len(pi)) - E / E.sum(axis=0)))


def losses(W: np.ndarray, radius: float = 1.0) -> np.ndarray:
    """Return ℓ_k = log Σ_i exp(r (W_ik − W_kk)), shape (…, c), for W of shape (…, c, c)."""
    margins = radius * (np.diagonal(W, axis1=-2, axis2=-1)[..., None, :] - W)
    others = np.exp(-margins) * (1.0 - np.eye(W.shape[-1]))
    return np.asarray(np.log1p(others.sum(axis=-2)))


def solve_flow(pi: ArrayLike, times: ArrayLike, flow: Flow = "gradient", radius: float = 1.0) -> np.ndarray:
    """Integrate W' = −∇f (or −∇f/‖∇f‖_F, "normalized") on the full c×c matrix from W(0) = 0; knows no closed form.

    Args:
        pi: π_k, shape (c,).
        times: increasing times ≥ 0, shape (T,).
        flow: "gradient" or "normalized"; a sign flow is discontinuous, use `descend`.
        radius: r of the inputs x_k = r e_k.

    Returns:
        W at the times, shape (T, c, c); integrated to rtol 1e-10, atol 1e-12.
    """
    pi, times = np.asarray(pi, float), np.asarray(times, float)
    c = len(pi)

    def field(_: float, flat: np.ndarray) -> np.ndarray:
        direction = negative_gradient(flat.reshape(c, c), pi, radius).ravel()
        return direction / np.linalg.norm(direction) if flow == "normalized" else direction

    start, span = np.zeros(c * c), (0.0, float(times[-1]))
    from scipy.integrate import solve_ivp  # slow to import

    solution = solve_ivp(field, span, start, method="DOP853", t_eval=times, rtol=1e-10, atol=1e-12)
    return np.asarray(solution.y).T.reshape(-1, c, c)


def descend(pi: ArrayLike, step: float, count: int, flow: Flow = "gradient", radius: float = 1.0) -> np.ndarray:
    """Make `count` steps of size h of gradient or sign descent from W = 0 on the full matrix.

    Returns:
        W after 0 … count steps, shape (count + 1, c, c).
    """
    pi = np.asarray(pi, float)
    path = np.zeros((count + 1, len(pi), len(pi)))
    for before, after in pairwise(path):
        direction = negative_gradient(before, pi, radius)
        after[:] = before + step * (np.sign(direction) if flow == "sign" else direction)
    return path


def total_loss(t: float, pi: np.ndarray, flow: Flow) -> float:
    """Return f(t) = Σ_k π_k ℓ_k(t) under gradient or sign flow."""
    c = len(pi)
    return float(pi @ gradient_flow_loss(pi * t, c)) if flow == "gradient" else float(sign_flow_loss(t, c))


def time_to_fraction(fraction: float, c: int, flow: Flow) -> float:
    """Return the time at which f under Zipf's law, π_k ∝ 1/k, has fallen to `fraction` of log c.

    >>> round(time_to_fraction(0.5, 100, "gradient"), 1), round(time_to_fraction(0.5, 100, "sign"), 2)
    (82.7, 1.2)
    """
    pi, target = zipf(c), fraction * np.log(c)
    excess: Callable[[float], float] = lambda log_t: total_loss(np.exp(log_t), pi, flow) - target  # noqa: E731
    from scipy.optimize import brentq  # slow to import

    return float(np.exp(brentq(excess, -5.0, np.log(100.0 * c**2), xtol=1e-12)))


@declared("kunstner2024heavytailed.gradient_flow")
def gradient_flow(classes: int) -> tuple[Numbers, Tables]:
    """Integrate gradient flow on the full c×c matrix and compare it with two scalars per class and the closed form."""
    c, pi, s = classes, zipf(classes), np.geomspace(0.03, 100.0, 42)
    shown = np.unique(np.geomspace(1, c, 7).round().astype(int)) - 1
    aligned = np.outer(1 / pi[shown], s)
    times = np.unique(np.append(0.0, aligned))
    W = solve_flow(pi, times)
    loss, rescaled = losses(W), np.outer(times, pi)
    a, off = np.diagonal(W, axis1=1, axis2=2), np.where(np.eye(c, dtype=bool), np.nan, W)
    b = np.nanmean(off, axis=1)
    collapsed = np.array([loss[np.searchsorted(times, row), k] for k, row in zip(shown, aligned, strict=True)])
    early = rescaled[rescaled < 500]
    lambert = gradient_flow_margin(early, c) - gradient_flow_margin_lambert(early, c)
    numbers = {
        "spread_off_diagonal": float((np.nanmax(off, axis=1) - np.nanmin(off, axis=1)).max()),
        "loss_error": float(np.abs(loss - gradient_flow_loss(rescaled, c)).max()),
        "lambert_difference": float(np.abs(lambert).max()),
        "collapse_error": float(np.ptp(collapsed, axis=0).max()),
        "diagonal_over_off_diagonal": float((a[1:] / ((c - 1) * b[1:])).mean()),
    }
    closed: dict[str, Any] = {
        "rescaled_time": s,
        "closed_form": gradient_flow_loss(s, c),
        "asymptote": (1 - 1 / c) / s,
    }
    by_class = {f"loss_{k + 1}": row for k, row in zip(shown, collapsed, strict=True)}
    return numbers, {"curves": _curves(times, pi, loss, shown), "collapse": pa.table(closed | by_class)}


@declared("kunstner2024heavytailed.gradient_rates")
def gradient_rates() -> Numbers:
    """Measure the rate Θ(1/(π_k t)) on the closed form, for c = 2, 10, 1000 and 50 000 classes."""
    sizes, s = (2, 10, 1000, 50_000), np.geomspace(1.0, 1e8, 200)
    late, pi = np.geomspace(1e4, 1e7, 50), zipf(100)
    in_time = [log_slope(late, gradient_flow_loss(late, c)) for c in sizes]
    in_frequency = [log_slope(pi, gradient_flow_loss(1e8 * pi, c)) for c in sizes]
    limits = [abs(float(gradient_flow_loss(1e7, c)) * 1e7 - (1 - 1 / c)) for c in sizes]
    outside = 0
    for c in sizes:
        low, high = gradient_flow_bounds(s, c)
        loss = gradient_flow_loss(s, c)
        outside += int(((loss < low) | (loss > high)).sum())
    return {
        "limit_error": max(limits),
        "least_slope_in_time": min(in_time),
        "slope_in_time_error": max(abs(slope + 1) for slope in in_time),
        "least_slope_in_frequency": min(in_frequency),
        "slope_in_frequency_error": max(abs(slope + 1) for slope in in_frequency),
        "outside_of_bounds": outside,
    }


@declared("kunstner2024heavytailed.sign_flow")
def sign_flow(classes: int, step: float = 0.1, count: int = 120) -> tuple[Numbers, Tables]:
    """Run sign descent on the full c×c matrix for several frequency laws, and fit its exponents."""
    c, pi, times = classes, zipf(classes), step * np.arange(count + 1)
    path = descend(pi, step, count, "sign")
    laws = pi[::-1], np.full(c, 1 / c), pi**3
    loss, margins = losses(path), np.diagonal(path, axis1=1, axis2=2)[:, None, :] - path
    late = times >= 5 + np.log(c) / 2
    exponents = -np.polyfit(times[late], np.log(loss[late]), 1)[0]
    shown = np.unique(np.geomspace(1, c, 7).round().astype(int)) - 1
    numbers = {
        "margin_error": float(np.abs(margins - 2 * times[:, None, None])[:, ~np.eye(c, dtype=bool)].max()),
        "loss_error": float(np.abs(loss - sign_flow_loss(times, c)[:, None]).max()),
        "exponent": float(exponents.mean()),
        "exponent_spread": float(np.ptp(exponents)),
        "differing_entries": int(sum((descend(law, step, count, "sign") != path).sum() for law in laws)),
    }
    return numbers, {"curves": _curves(times, pi, loss, shown)}


def _curves(times: np.ndarray, pi: np.ndarray, loss: np.ndarray, shown: np.ndarray) -> pa.Table:
    """Return the losses (T, c) of some classes in long form; classes are numbered from 1, most frequent first."""
    columns: dict[str, Any] = {
        "class": np.repeat(shown + 1, len(times)),
        "frequency": np.repeat(pi[shown], len(times)),
        "time": np.tile(times, len(shown)),
        "loss": loss[:, shown].T.ravel(),
    }
    return pa.table(columns)


@declared("kunstner2024heavytailed.printed_sign_rate")
def printed_sign_rate(classes: int, time: float, step: float = 0.1) -> Numbers:
    """Compare sign descent with the printed loss, log(1 + (c−1) e^{−ct}), at one time."""
    found = float(losses(descend(zipf(classes), step, round(time / step), "sign"))[-1, 0])
    printed = float(np.log1p((classes - 1) * np.exp(-classes * time)))
    return {"simulated": found, "printed": printed, "ratio": found / printed}


@declared("kunstner2024heavytailed.other_flows")
def other_flows(classes: int) -> Numbers:
    """Integrate reweighted and normalised gradient flows, and flows on inputs of norm r = 3/2, on the full matrix."""
    pi, times = zipf(classes), np.geomspace(0.1, 50.0, 12)
    inverse = losses(solve_flow(pi * pi**-1.0, times))
    root = losses(solve_flow(pi * pi**-0.5, times))
    normalised = losses(solve_flow(pi, times / 10, "normalized"))
    wide = losses(solve_flow(pi, times, radius=1.5), 1.5)
    wide_sign = losses(descend(pi, 0.1, 50, "sign", radius=1.5)[-1], 1.5)
    u = np.log((classes - 1) / np.expm1(normalised))
    rescaled = (np.expm1(u) + (classes - 1) * u) / classes
    return {
        "inverse_spread": float(np.ptp(inverse, axis=1).max()),
        "root_error": float(np.abs(root - gradient_flow_loss(np.outer(times, np.sqrt(pi)), classes)).max()),
        "normalised_error": float(np.abs(rescaled / rescaled[:, :1] * pi[0] / pi - 1).max()),
        "wide_error": float(np.abs(wide - gradient_flow_loss(2.25 * np.outer(times, pi), classes)).max()),
        "wide_sign_error": float(np.abs(wide_sign - sign_flow_loss(1.5 * 5.0, classes)).max()),
    }


@declared("kunstner2024heavytailed.times_to_fractions")
def times_to_fractions(largest: int) -> tuple[Numbers, Tables]:
    """Return how long f needs to fall to 50, 10 and 1 % of log c, c from 10 to `largest`, and how that grows with c."""
    sizes = np.unique(np.geomspace(10, largest, 2 * round(np.log10(largest)) - 1).round().astype(int))
    rows = [
        {
            "classes": int(c),
            "fraction": fraction,
            "gradient": time_to_fraction(fraction, int(c), "gradient"),
            "sign": time_to_fraction(fraction, int(c), "sign"),
            "rarest": 1 / float(zipf(int(c))[-1]),
        }
        for fraction in (0.5, 0.1, 0.01)
        for c in sizes
    ]
    tenth = [row for row in rows if row["fraction"] == 0.1 and row["classes"] >= 100]
    growth = {
        f"{flow}_exponent": log_slope([r["classes"] for r in tenth], [r[flow] for r in tenth])
        for flow in ("gradient", "sign")
    }
    last = {f"{flow}_last": tenth[-1][flow] for flow in ("gradient", "sign")}
    return growth | last, {"times": pa.Table.from_pylist(rows)}
