"""Update rules as one writes them on a page: (params, state, lr, options) → params changed in place.

They do the library's operations in the library's order, so that a run ends with the same bits: where a learning rate is at
the edge of stability, another rounding is another run.
"""

from __future__ import annotations

from steepest.eject.slices import CannotEject
from steepest.optim import AdaGrad, Adam, GradientDescent, NormalizedGD, RescaledSignDescent, SignDescent
from steepest.runs.method import Method

DESCEND = {
    True: '''
def descend(w, d, lr):
    """w ← w − α d, rounded as where many runs train together."""
    w.addcmul_(d, torch.tensor(lr, dtype=w.dtype), value=-1)
''',
    False: '''
def descend(w, d, lr):
    """w ← w − α d."""
    w.add_(d, alpha=-lr)
''',
}
NORM = '''
def norm(params, order):
    """Return the norm of the gradient of the whole model."""
    pieces = [torch.linalg.vector_norm(w.grad.reshape(1, -1), order, dim=1) for w in params]
    return torch.linalg.vector_norm(torch.stack(pieces, dim=1), order, dim=1)
'''
RULES = {
    GradientDescent: (
        "gradient_descent",
        '''
def gradient_descent(params, state, lr, momentum):
    """b ← β b + g,   w ← w − α b."""
    for w in params:
        b = state[w] = momentum * state.get(w, 0.0) + w.grad
        descend(w, b, lr)
''',
    ),
    NormalizedGD: (
        "normalized_gd",
        NORM
        + '''

def normalized_gd(params, state, lr, momentum):
    """b ← β b + g/‖g‖₂,   w ← w − α b."""
    length = norm(params, 2)
    for w in params:
        b = state[w] = momentum * state.get(w, 0.0) + w.grad / length
        descend(w, b, lr)
''',
    ),
    SignDescent: (
        "sign_descent",
        '''
def sign_descent(params, state, lr, momentum, order):
    """b ← β b + sign(g),   w ← w − α b."""
    for w in params:
        b = state[w] = momentum * state.get(w, 0.0) + w.grad.sign()
        descend(w, b, lr)
''',
    ),
    RescaledSignDescent: (
        "rescaled_sign_descent",
        NORM
        + '''

def rescaled_sign_descent(params, state, lr, momentum):
    """b ← β b + ‖g‖₁ sign(g),   w ← w − α b."""
    length = norm(params, 1)
    for w in params:
        b = state[w] = momentum * state.get(w, 0.0) + length * w.grad.sign()
        descend(w, b, lr)
''',
    ),
    AdaGrad: (
        "adagrad",
        '''
def adagrad(params, state, lr, eps):
    """s ← s + g²,   w ← w − α g / (√s + ε)."""
    for w in params:
        s = state.setdefault(w, torch.zeros_like(w))
        s.addcmul_(w.grad, w.grad)
        descend(w, w.grad / (s.sqrt() + eps), lr)
''',
    ),
    Adam: (
        "adam",
        '''
def adam(params, state, lr, betas, eps):
    """m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   w ← w − α m̂ / (√v̂ + ε)."""
    beta1, beta2 = betas
    for w in params:
        m, v, t = state.get(w, (torch.zeros_like(w), torch.zeros_like(w), 0))
        average(m, w.grad, beta1), average(v, w.grad.square(), beta2)
        state[w] = m, v, t = m, v, t + 1
        root = v.sqrt() / (1 - beta2**t) ** 0.5 + eps
        descend(w, m / root / (1 - beta1**t), lr)


def average(average, value, beta):
    average.mul_(beta).addcmul_(value, torch.tensor(1 - beta, dtype=value.dtype))
''',
    ),
}
FUSED_ADAM = '''
def adam(params, state, lr, betas, eps):
    """m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   w ← w − α m̂ / (√v̂ + ε), as torch's fused kernel rounds it."""
    if not state:
        state["adam"] = torch.optim.Adam(params, lr=lr, betas=betas, eps=eps, fused=True)
    state["adam"].step()
'''


def rule(method: Method, *, stacked: bool) -> tuple[str, str]:
    """Return name and source of a method's update rule.

    Args:
        method: the optimizer.
        stacked: whether its runs trained in stacks, which round otherwise.

    Raises:
        CannotEject: there is none.
    """
    if method.optimizer not in RULES or method.options.get("order") == "signum":
        known = ", ".join(sorted(make.__name__ for make in RULES))
        raise CannotEject(f"it needs {method.label}; update rules are written for {known}")
    name, source = RULES[method.optimizer]
    return name, (FUSED_ADAM if method.optimizer is Adam and not stacked else source).strip()
