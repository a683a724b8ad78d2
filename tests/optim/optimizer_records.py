"""What the suite of `test_optimizers.py` knows of each optimizer: its equation in numpy, its rule, a step by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steepest.optim import AdaGrad, Adam, AdamW, GradientDescent, Muon, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.optim.adagrad import adagrad_
from steepest.optim.adam import adam_
from steepest.optim.adamw import adamw_
from steepest.optim.gradient_descent import gradient_descent_
from steepest.optim.muon import muon_
from steepest.optim.normalized import normalized_gd_
from steepest.optim.rescaled_sign import rescaled_sign_descent_
from steepest.optim.sign import sign_descent_

SHAPES = [(3,), (4, 5), (2, 3, 2), ()]
SIZE = sum(math.prod(shape) for shape in SHAPES)


# ---- the equations, once more, in numpy: one flat vector, a given sequence of gradients -----------------------------


def heavy_ball(direction, w, gradients, lr, momentum=0.0):
    b = 0.0
    for g in gradients:
        b = momentum * b + direction(g)
        w = w - lr * b
    return w


def signum(w, gradients, lr, momentum):
    m = 0.0
    for g in gradients:
        m = momentum * m + (1 - momentum) * g
        w = w - lr * np.sign(m)
    return w


def adam(w, gradients, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w


def newton_schulz(U, rounds=5):
    """The quintic applied to the singular values alone."""
    left, s, right = np.linalg.svd(U, full_matrices=False)
    s = s / np.sqrt(np.sum(s**2))
    for _ in range(rounds):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return left * s @ right


def muon(w, gradients, lr, momentum=0.95):
    """Adam but for the only matrix among SHAPES."""
    after, matrix = adam(w, gradients, lr, beta2=0.95), slice(3, 23)
    W, B = w[matrix].reshape(4, 5), 0.0
    for g in gradients:
        G = g[matrix].reshape(4, 5)
        B = momentum * B + G
        W = W - lr * 0.2 * math.sqrt(5) * newton_schulz(G + momentum * B)
    after[matrix] = W.ravel()
    return after


def adagrad(w, gradients, lr, eps=1e-10):
    s = 0.0
    for g in gradients:
        s = s + g**2
        w = w - lr * g / (np.sqrt(s) + eps)
    return w


descend = partial(heavy_ball, lambda g: g)
descend_normalized = partial(heavy_ball, lambda g: g / np.sqrt(np.sum(g**2)))
descend_sign = partial(heavy_ball, np.sign)
descend_rescaled = partial(heavy_ball, lambda g: np.sum(np.abs(g)) * np.sign(g))


# ---- one record per optimizer ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """`by_hand`: the parameters (1, 1) after the first and the second step with gradient (3, −4) and lr 0.1."""

    make: Callable[..., Any]
    reference: Callable[..., Any]
    rule: Callable[..., None]
    by_hand: tuple[tuple[float, float], tuple[float, float]]
    options: dict[str, Any]
    state: tuple[str, ...] = ()
    in_torch: Callable[..., Any] | None = None
    lr: float = 0.01


def with_momentum_buffer(rule, **options):
    """Gives the heavy-ball rules the signature rule(params, grads, state tensors by name, step number, lr)."""

    def step(w, g, state, t, lr):
        rule(w, g, state.get("momentum_buffer", [None] * len(w)), lr, **options)

    return step


def rule_of_adam(beta1):
    def step(w, g, state, t, lr):
        adam_(w, g, state["exp_avg"], state["exp_avg_sq"], t, lr, betas=(beta1, 0.999))

    return step


def rule_of_adamw(w, g, state, t, lr):
    adamw_(w, g, state["exp_avg"], state["exp_avg_sq"], t, lr, weight_decay=0.0)


def rule_of_muon(w, g, state, t, lr):
    for i, (p, gradient) in enumerate(zip(w, g, strict=True)):
        if p.dim() == 3:  # a matrix behind the axis of runs
            muon_([p], [gradient], [state["momentum_buffer"][i]], lr)
        else:
            m, v = state["exp_avg"][i], state["exp_avg_sq"][i]
            adam_([p], [gradient], [m], [v], t, lr, betas=(0.9, 0.95))


def rule_of_adagrad(w, g, state, t, lr):
    adagrad_(w, g, state["sum"], lr)


HALF = {"momentum": 0.5}
BUFFER = ("momentum_buffer",)
MOMENTS = ("exp_avg", "exp_avg_sq")

RECORDS = {
    "gd": Record(
        GradientDescent,
        descend,
        with_momentum_buffer(gradient_descent_),
        ((0.7, 1.4), (0.4, 1.8)),
        {},
        (),
        torch.optim.SGD,
    ),
    "gd+m": Record(
        GradientDescent,
        descend,
        with_momentum_buffer(gradient_descent_, **HALF),
        ((0.7, 1.4), (0.25, 2.0)),
        HALF,
        BUFFER,
        torch.optim.SGD,
    ),
    "normalized": Record(
        NormalizedGD,
        descend_normalized,
        with_momentum_buffer(normalized_gd_, run_axis=True),
        ((0.94, 1.08), (0.88, 1.16)),
        {},
    ),
    "normalized+m": Record(
        NormalizedGD,
        descend_normalized,
        with_momentum_buffer(normalized_gd_, run_axis=True, **HALF),
        ((0.94, 1.08), (0.85, 1.2)),
        HALF,
        BUFFER,
    ),
    "sign": Record(SignDescent, descend_sign, with_momentum_buffer(sign_descent_), ((0.9, 1.1), (0.8, 1.2)), {}),
    "sign+m": Record(
        SignDescent, descend_sign, with_momentum_buffer(sign_descent_, **HALF), ((0.9, 1.1), (0.75, 1.25)), HALF, BUFFER
    ),
    "signum": Record(
        partial(SignDescent, order="signum"),
        signum,
        with_momentum_buffer(sign_descent_, order="signum", **HALF),
        ((0.9, 1.1), (0.8, 1.2)),
        HALF,
        BUFFER,
    ),
    "rescaled": Record(
        RescaledSignDescent,
        descend_rescaled,
        with_momentum_buffer(rescaled_sign_descent_, run_axis=True),
        ((0.3, 1.7), (-0.4, 2.4)),
        {},
        lr=0.001,
    ),
    "rescaled+m": Record(
        RescaledSignDescent,
        descend_rescaled,
        with_momentum_buffer(rescaled_sign_descent_, run_axis=True, **HALF),
        ((0.3, 1.7), (-0.75, 2.75)),
        HALF,
        BUFFER,
        lr=0.001,
    ),
    "adam": Record(
        Adam, adam, rule_of_adam(0.9), ((0.9, 1.1), (0.8, 1.2)), {}, MOMENTS, partial(torch.optim.Adam, fused=False)
    ),
    "adam-m": Record(
        partial(Adam, betas=(0, 0.999)),
        partial(adam, beta1=0.0),
        rule_of_adam(0.0),
        ((0.9, 1.1), (0.8, 1.2)),
        {},
        MOMENTS,
        partial(torch.optim.Adam, fused=False, betas=(0.0, 0.999)),
    ),
    "adamw": Record(  # its decay is in test_adamw.py: with decay, more than the gradient moves the parameters
        partial(AdamW, weight_decay=0.0),
        partial(adam, beta2=0.95),
        rule_of_adamw,
        ((0.9, 1.1), (0.8, 1.2)),
        {},
        MOMENTS,
        partial(torch.optim.AdamW, fused=False, betas=(0.9, 0.95), weight_decay=0.0),
    ),
    "muon": Record(  # a vector by hand; matrices are in test_muon.py
        Muon, muon, rule_of_muon, ((0.9, 1.1), (0.8, 1.2)), {}, (*MOMENTS, *BUFFER)
    ),
    "adagrad": Record(
        AdaGrad,
        adagrad,
        rule_of_adagrad,
        ((0.9, 1.1), (0.9 - 0.1 / math.sqrt(2), 1.1 + 0.1 / math.sqrt(2))),
        {},
        ("sum",),
        torch.optim.Adagrad,
    ),
}


def random_gradients(steps: int, seed: int = 0) -> np.ndarray:
    """(steps, SIZE); coordinates of very different scale, as under class imbalance."""
    scale = 10.0 ** np.linspace(-2, 1, SIZE)
    return np.random.default_rng(seed).standard_normal((steps, SIZE)) * scale


def cut(vector: np.ndarray, dtype: torch.dtype) -> list[Tensor]:
    pieces = np.split(vector, np.cumsum([math.prod(shape) for shape in SHAPES])[:-1])
    return [torch.tensor(piece, dtype=dtype).reshape(shape) for piece, shape in zip(pieces, SHAPES, strict=True)]


def flat(tensors) -> np.ndarray:
    return np.concatenate([t.detach().double().numpy().ravel() for t in tensors])


def parameters(dtype: torch.dtype = torch.float64) -> list[nn.Parameter]:
    return [nn.Parameter(piece) for piece in cut(np.linspace(-1, 1, SIZE), dtype)]


def feed(optimizer, params, gradients) -> None:
    for vector in gradients:
        for p, g in zip(params, cut(vector, params[0].dtype), strict=True):
            p.grad = g
        optimizer.step()


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)
