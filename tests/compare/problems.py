"""Problem files for tests."""

from __future__ import annotations

from pathlib import Path

SMALL = """
import torch
from torch import nn

batch_size = 16


def model():
    return nn.Linear(4, 6)


def data():
    classes = (6 * torch.rand(80) ** 2).long()
    return torch.randn(6, 4)[classes] + 0.3 * torch.randn(80, 4), classes
"""


def written(folder: Path, text: str = SMALL, name: str = "small.py") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
