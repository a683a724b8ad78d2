# %% [markdown]
# # Which optimizer for my model?
#
# A fair comparison gives every optimizer the same number of runs, searches each one's learning rate, uses several seeds,
# and says when it cannot tell. `steepest compare my_problem.py` does that within a budget of time. The problem is a file
# with a model, data and, if it is not the cross-entropy, a loss; `steepest new problem my_problem.py` writes this one.

# %%
import os
import tempfile
from pathlib import Path

from steepest.compare import compare

SMOKE = "TUTORIAL_SMOKE" in os.environ
folder = Path(tempfile.mkdtemp())
problem = folder / "my_problem.py"
problem.write_text(
    """
import torch
from torch import nn

def model():
    return nn.Linear(20, 30)

def data():  # class k has a share ∝ 1/k, and its inputs lie around a centre of their own
    classes = torch.multinomial(1 / torch.arange(1.0, 31.0), 600, replacement=True)
    return torch.randn(30, 20)[classes] + 0.5 * torch.randn(600, 20), classes
"""
)

# %% [markdown]
# The budget is spent evenly: rounds of the same number of runs for each optimizer, from coarse rates to fine ones.

# %%
answer = compare(
    problem, optimizers=("SGD+m", "Sign+m", "Adam"), budget=600, steps=20 if SMOKE else 200, store=folder / "store"
)
print(answer.headline)

# %% [markdown]
# `answer` also holds the table with intervals over seeds and the curves by class frequency; the command line draws them on
# a page and prints the command that trains the leader again.
