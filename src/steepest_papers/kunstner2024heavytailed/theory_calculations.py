"""What the theory's claims are measured on: each function returns named numbers, some with tables of curves.

Stored like runs; nothing below looks at a threshold. Frequencies follow Zipf's law, π_k = 1/(k H_c), unless stated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from steepest.component import declared
from steepest.data.frequency import zipf
from steepest.data.synthetic import HeavyTailedLabels
from steepest.measure.curvature import log_slope
from steepest_papers.kunstner2024heavytailed import theory_flows as flows
from steepest_papers.kunstner2024heavytailed import theory_moments as moments

Numbers = dict[str, float]
Tables = dict[str, pa.Table]


def uniform_inputs(m: int, features: int, seed: int) -> tuple[Tensor, Tensor, int]:
    """Return inputs uniform on [0, 1], float64, the labels of the m-level construction, and c = 2^m − 1."""
    y = torch.from_numpy(HeavyTailedLabels(m=m).labels())
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(len(y), features, dtype=torch.float64, generator=generator), y, 2**m - 1


@declared("kunstner2024heavytailed.initial_derivatives")
def initial_derivatives(m: int, features: int, seed: int) -> Numbers:
    """Compare autograd at W = 0 with Proposition 2 (1), and its gradient with the printed sign."""
    X, y, c = uniform_inputs(m, features, seed)
    gradient, hessian = moments.derivatives(X, y, torch.zeros(len(y), c, dtype=torch.float64))
    formula, block = moments.initial_gradient(X, y, c), moments.initial_hessian(X, c)
    return {
        "gradient_error": float((gradient - formula).abs().max() / formula.abs().max()),
        "hessian_error": float((hessian - block).abs().max() / block.abs().max()),
        "cosine_with_print": float(torch.cosine_similarity(gradient.flatten(), -formula.flatten(), dim=0)),
    }


@declared("kunstner2024heavytailed.assigned_derivatives")
def assigned_derivatives(levels: int, features: int, p: float, seed: int) -> tuple[Numbers, Tables]:
    """Compare autograd under correct assignment with Proposition 2 (2) for c = 2^m − 1, m = 3 … levels."""
    rows = [_assignment_row(m, features, p, seed) for m in range(3, levels + 1)]
    table = pa.Table.from_pylist(rows)
    classes, gradient, hessian = (table[name].to_numpy() for name in ("classes", "gradient_error", "hessian_error"))
    bounds = (1 - p) / (classes - 1)
    numbers = {
        "gradient_exponent": log_slope(classes, gradient),
        "hessian_exponent": log_slope(classes, hessian),
        "share_of_bound": float(max((gradient / bounds).max(), (hessian / bounds).max())),
    }
    return numbers, {"errors": table}


def _assignment_row(m: int, features: int, p: float, seed: int) -> Numbers:
    X, y, c = uniform_inputs(m, features, seed)
    gradient, hessian = moments.derivatives(X, y, moments.assignment_probabilities(y, c, p).log())
    by_class = moments.class_moments(X, y, c)
    errors = gradient - moments.leading_gradient(by_class, p), hessian - moments.leading_hessian(by_class, p)
    return {"classes": c, "gradient_error": float(errors[0].abs().max()), "hessian_error": float(errors[1].abs().max())}


@declared("kunstner2024heavytailed.gradient_to_trace")
def gradient_to_trace(m: int, features: int, p: float, seed: int) -> Numbers:
    """Compare g_1/h_1 under correct assignment with ‖x̄_1‖/(p Tr H̄_1), for the most frequent class, π_1 = 1/m."""
    X, y, c = uniform_inputs(m, features, seed)
    own = y == 0
    gradient, trace = moments.block_of_class(X, own, torch.where(own, p, (1 - p) / (c - 1)).double())
    limit = X[own].mean(0).norm() / (p * X[own].square().sum(1).mean())
    return {"deviation": float((gradient.norm() / trace / limit - 1).abs()), "c_pi": c / m}


@declared("kunstner2024heavytailed.counterexamples")
def counterexamples(classes: int, p: float) -> Numbers:
    """Return the error of Proposition 2 (2) relative to the larger term, with one condition broken at a time.

    One input; class k has half of the samples, every other class one. As printed, the error should vanish as c grows.
    """
    half, c = classes - 1, classes
    own, ones = np.repeat([True, False], half), np.ones(2 * half)
    even = np.where(own, p, (1 - p) / half)
    centred, growing = ones.copy(), ones.copy()
    centred[:half], growing[-1] = np.linspace(-1, 1, half), 4 * c**2
    numbers = {
        "all_conditions": _relative_errors(ones, own, even)[0],
        "zero_class_mean": _relative_errors(centred, own, even)[0],
        "unbounded_input": _relative_errors(growing, own, even)[0],
        "p_to_1": _relative_errors(ones, own, np.where(own, 1 - 1 / c, 1 / c))[0],
        "p_to_0": _relative_errors(ones, own, np.full(2 * half, 1 / c))[1],
    }
    return numbers | {"smallest": min(value for name, value in numbers.items() if name != "all_conditions")}


def _relative_errors(x: np.ndarray, own: np.ndarray, prob: np.ndarray) -> tuple[float, float]:
    """Return the relative errors of the leading gradient and of the leading Hessian trace of class k."""
    exact = moments.block_of_class(torch.from_numpy(x)[:, None], torch.from_numpy(own), torch.from_numpy(prob))
    p, share = prob[0], own.mean()
    leading = -(1 - p) * share * x[own].mean(), p * (1 - p) * share * (x[own] ** 2).mean()
    pairs = zip((float(value) for value in exact), leading, strict=True)
    gradient, trace = (abs(a - b) / max(abs(a), abs(b)) for a, b in pairs)
    return float(gradient), float(trace)


@declared("kunstner2024heavytailed.gradient_flow")
def gradient_flow(classes: int) -> tuple[Numbers, Tables]:
    """Integrate gradient flow on the full c×c matrix and compare it with two scalars per class and the closed form."""
    c, pi, s = classes, zipf(classes), np.geomspace(0.03, 100.0, 42)
    shown = np.unique(np.geomspace(1, c, 7).round().astype(int)) - 1
    aligned = np.outer(1 / pi[shown], s)
    times = np.unique(np.append(0.0, aligned))
    W = flows.solve_flow(pi, times)
    loss, rescaled = flows.losses(W), np.outer(times, pi)
    a, off = np.diagonal(W, axis1=1, axis2=2), np.where(np.eye(c, dtype=bool), np.nan, W)
    b = np.nanmean(off, axis=1)
    collapsed = np.array([loss[np.searchsorted(times, row), k] for k, row in zip(shown, aligned, strict=True)])
    early = rescaled[rescaled < 500]
    lambert = flows.gradient_flow_margin(early, c) - flows.gradient_flow_margin_lambert(early, c)
    numbers = {
        "spread_off_diagonal": float((np.nanmax(off, axis=1) - np.nanmin(off, axis=1)).max()),
        "loss_error": float(np.abs(loss - flows.gradient_flow_loss(rescaled, c)).max()),
        "lambert_difference": float(np.abs(lambert).max()),
        "collapse_error": float(np.ptp(collapsed, axis=0).max()),
        "diagonal_over_off_diagonal": float((a[1:] / ((c - 1) * b[1:])).mean()),
    }
    closed: dict[str, Any] = {
        "rescaled_time": s,
        "closed_form": flows.gradient_flow_loss(s, c),
        "asymptote": (1 - 1 / c) / s,
    }
    by_class = {f"loss_{k + 1}": row for k, row in zip(shown, collapsed, strict=True)}
    return numbers, {"curves": _curves(times, pi, loss, shown), "collapse": pa.table(closed | by_class)}


@declared("kunstner2024heavytailed.gradient_rates")
def gradient_rates() -> Numbers:
    """Measure the rate Θ(1/(π_k t)) on the closed form, for c = 2, 10, 1000 and 50 000 classes."""
    sizes, s = (2, 10, 1000, 50_000), np.geomspace(1.0, 1e8, 200)
    late, pi = np.geomspace(1e4, 1e7, 50), zipf(100)
    in_time = [log_slope(late, flows.gradient_flow_loss(late, c)) for c in sizes]
    in_frequency = [log_slope(pi, flows.gradient_flow_loss(1e8 * pi, c)) for c in sizes]
    limits = [abs(float(flows.gradient_flow_loss(1e7, c)) * 1e7 - (1 - 1 / c)) for c in sizes]
    outside = 0
    for c in sizes:
        low, high = flows.gradient_flow_bounds(s, c)
        loss = flows.gradient_flow_loss(s, c)
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
    path = flows.descend(pi, step, count, "sign")
    laws = pi[::-1], np.full(c, 1 / c), pi**3
    loss, margins = flows.losses(path), np.diagonal(path, axis1=1, axis2=2)[:, None, :] - path
    late = times >= 5 + np.log(c) / 2
    exponents = -np.polyfit(times[late], np.log(loss[late]), 1)[0]
    shown = np.unique(np.geomspace(1, c, 7).round().astype(int)) - 1
    numbers = {
        "margin_error": float(np.abs(margins - 2 * times[:, None, None])[:, ~np.eye(c, dtype=bool)].max()),
        "loss_error": float(np.abs(loss - flows.sign_flow_loss(times, c)[:, None]).max()),
        "exponent": float(exponents.mean()),
        "exponent_spread": float(np.ptp(exponents)),
        "differing_entries": int(sum((flows.descend(law, step, count, "sign") != path).sum() for law in laws)),
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
    found = float(flows.losses(flows.descend(zipf(classes), step, round(time / step), "sign"))[-1, 0])
    printed = float(np.log1p((classes - 1) * np.exp(-classes * time)))
    return {"simulated": found, "printed": printed, "ratio": found / printed}


@declared("kunstner2024heavytailed.other_flows")
def other_flows(classes: int) -> Numbers:
    """Integrate reweighted and normalised gradient flows, and flows on inputs of norm r = 3/2, on the full matrix."""
    pi, times = zipf(classes), np.geomspace(0.1, 50.0, 12)
    inverse = flows.losses(flows.solve_flow(pi * pi**-1.0, times))
    root = flows.losses(flows.solve_flow(pi * pi**-0.5, times))
    normalised = flows.losses(flows.solve_flow(pi, times / 10, "normalized"))
    wide = flows.losses(flows.solve_flow(pi, times, radius=1.5), 1.5)
    wide_sign = flows.losses(flows.descend(pi, 0.1, 50, "sign", radius=1.5)[-1], 1.5)
    u = np.log((classes - 1) / np.expm1(normalised))
    rescaled = (np.expm1(u) + (classes - 1) * u) / classes
    return {
        "inverse_spread": float(np.ptp(inverse, axis=1).max()),
        "root_error": float(np.abs(root - flows.gradient_flow_loss(np.outer(times, np.sqrt(pi)), classes)).max()),
        "normalised_error": float(np.abs(rescaled / rescaled[:, :1] * pi[0] / pi - 1).max()),
        "wide_error": float(np.abs(wide - flows.gradient_flow_loss(2.25 * np.outer(times, pi), classes)).max()),
        "wide_sign_error": float(np.abs(wide_sign - flows.sign_flow_loss(1.5 * 5.0, classes)).max()),
    }


@declared("kunstner2024heavytailed.times_to_fractions")
def times_to_fractions(largest: int) -> tuple[Numbers, Tables]:
    """Return how long f needs to fall to 50, 10 and 1 % of log c, c from 10 to `largest`, and how that grows with c."""
    sizes = np.unique(np.geomspace(10, largest, 2 * round(np.log10(largest)) - 1).round().astype(int))
    rows = [
        {
            "classes": int(c),
            "fraction": fraction,
            "gradient": flows.time_to_fraction(fraction, int(c), "gradient"),
            "sign": flows.time_to_fraction(fraction, int(c), "sign"),
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


@declared("kunstner2024heavytailed.zipf_prefixes")
def zipf_prefixes() -> Numbers:
    """Return shares and least c π_k of Appendix H's prefixes, cut off at c/log²c (needed) and at c/log c (printed)."""
    small, large, huge = (moments.zipf_prefix(c, 2) for c in (1e3, 1e6, 1e300))
    printed = [moments.zipf_prefix(c, 1).least for c in (1e3, 1e6)]
    return {
        "share_small": small.share,
        "share_large": large.share,
        "share_huge": huge.share,
        "growth": large.least / small.least,
        "least_large": large.least,
        "printed_growth": printed[1] / printed[0],
        "printed_least_large": printed[1],
        "largest_over_log": max(
            moments.zipf_prefix(c, 2).least / float(np.log(c)) for c in (1e3, 1e4, 1e5, 1e6, 1e300)
        ),
    }


@declared("kunstner2024heavytailed.stable_step")
def stable_step(classes: int) -> Numbers:
    """Return α π_1 at the largest stable step of gradient descent on the weighted quadratic, by simulation."""
    pi = zipf(classes)
    return {"step_times_weight": moments.largest_stable_step(pi) * float(pi[0])}


@declared("kunstner2024heavytailed.class_count")
def class_count(m: int) -> Numbers:
    """Return the number of classes of the m-level construction, and the printed one."""
    built, printed = len(HeavyTailedLabels(m=m).counts()), 2 ** (m + 1) - 1
    return {"built": built, "printed": printed, "surplus": printed - built}
