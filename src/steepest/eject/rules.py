"""Update rules as one writes them on a page: (params, state, lr, options) → params changed in place."""

from __future__ import annotations

from steepest.eject.slices import CannotEject
from steepest.optim import AdaGrad, Adam, GradientDescent, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.spec import Method

RULES = {
    GradientDescent: (
        "gradient_descent",
        '''
def gradient_descent(params, state, lr, momentum):
    """b ← β b + g,   w ← w − α b."""
    for w in params:
        b = state[w] = momentum * state.get(w, 0.0) + w.grad
        w -= lr * b
''',
    ),
    NormalizedGD: (
        "normalized_gd",
        '''
def normalized_gd(params, state, lr, momentum):
    """b ← β b + g/‖g‖₂,   w ← w − α b, with one norm for the whole model."""
    norm = torch.stack([w.grad.norm() for w in params]).norm()
    for w in params:
        b = state[w] = momentum * state.get(w, 0.0) + w.grad / norm
        w -= lr * b
''',
    ),
    SignDescent: (
        "sign_descent",
        '''
def sign_descent(params, state, lr, momentum, order):
    """b ← β b + sign(g),   w ← w − α b."""
    for w in params:
        b = state[w] = momentum * state.get(w, 0.0) + w.grad.sign()
        w -= lr * b
''',
    ),
    RescaledSignDescent: (
        "rescaled_sign_descent",
        '''
def rescaled_sign_descent(params, state, lr, momentum):
    """b ← β b + ‖g‖₁ sign(g),   w ← w − α b, with one norm for the whole model."""
    norm = sum(w.grad.abs().sum() for w in params)
    for w in params:
        b = state[w] = momentum * state.get(w, 0.0) + norm * w.grad.sign()
        w -= lr * b
''',
    ),
    AdaGrad: (
        "adagrad",
        '''
def adagrad(params, state, lr, eps):
    """s ← s + g²,   w ← w − α g / (√s + ε)."""
    for w in params:
        s = state[w] = state.get(w, 0.0) + w.grad**2
        w -= lr * w.grad / (s.sqrt() + eps)
''',
    ),
    Adam: (
        "adam",
        '''
def adam(params, state, lr, betas, eps):
    """m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   w ← w − α m̂ / (√v̂ + ε)."""
    beta1, beta2 = betas
    for w in params:
        m, v, t = state.get(w, (0.0, 0.0, 0))
        m, v, t = beta1 * m + (1 - beta1) * w.grad, beta2 * v + (1 - beta2) * w.grad**2, t + 1
        state[w] = m, v, t
        w -= lr * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + eps)
''',
    ),
}


def rule(method: Method) -> tuple[str, str]:
    """Return name and source of a method's update rule.

    Raises:
        CannotEject: there is none.
    """
    if method.optimizer not in RULES or method.options.get("order") == "signum":
        known = ", ".join(sorted(make.__name__ for make in RULES))
        raise CannotEject(f"it needs {method.label}; update rules are written for {known}")
    name, source = RULES[method.optimizer]
    return name, source.strip()
