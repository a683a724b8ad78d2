"""Real images as clean patches: two digits beside sparse noise, read by the two-layer transformer.

    X = (x, ξ),   x = (pixels − mean of the training images)/norm, so that ‖x‖ = 1,   ξ: s coordinates from N(0, σ_p²)

The paper adds noise to real images; which, how and how much could not be read, and this set is ours.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from steepest.data.digits import Digits
from steepest.errors import DataError
from steepest.problems.base import Problem, Task, Work
from steepest_papers.li2024signgd.problem import balanced_labels, dense, sparse_noise, two_class_task
from steepest_papers.li2024signgd.transformer import initial_params, output_weights, work

Digit = Annotated[int, Field(ge=0, le=9)]


class DigitPatches(Problem):
    """Two classes of MNIST digits beside patches of sparse noise.

    Args:
        digits: where the images come from.
        classes: the digit with label +1 and that with −1.
        samples: n, even, half of each digit.
        sparsity: s, non-zero pixels of a noise patch, drawn uniformly.
        noise: σ_p; 0 leaves the patch empty.
        init_scale: σ_0.
        key_width: m_k.
        value_width: m_v.
        test_points: number of held-out images, even, half of each digit, with fresh noise.
    """

    kind: ClassVar[str] = "li2024signgd.DigitPatches"

    version: ClassVar[int] = 3
    lockstep: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ("noise", "init_scale")

    digits: Digits = Digits(size=14)
    classes: tuple[Digit, Digit] = (0, 1)
    samples: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    sparsity: Annotated[int, Field(ge=1, le=196)] = 5
    noise: Annotated[float, Field(ge=0)] = 1.0
    init_scale: Annotated[float, Field(gt=0)] = 0.02
    key_width: Annotated[int, Field(ge=1)] = 16
    value_width: Annotated[int, Field(ge=1)] = 8
    test_points: Annotated[int, Field(ge=2, multiple_of=2)] = 300

    def setup(self, seed: int) -> Task:
        """Draw the images, then training noise, weights and test noise from one generator seeded with `seed`."""
        images = self.digits.draw(seed)
        train = self._of_both(images.batch(torch.arange(len(images.train))), images.train_classes, self.samples)
        held_out = images.held_out_batch(torch.arange(len(images.held_out)))
        test = self._of_both(held_out, images.held_out_classes, self.test_points)
        mean = train.mean(0)
        y, test_y = balanced_labels(self.samples), balanced_labels(self.test_points)
        generator = torch.Generator().manual_seed(seed)
        noise = dense(*self._noise(self.samples, generator), self.dimension)
        params = initial_params(self.dimension, self.key_width, self.value_width, self.init_scale, generator)
        support, entries = self._noise(self.test_points, generator)
        data = {
            "a": output_weights(self.value_width),
            "y": y,
            "patches": torch.cat([y[:, None] * unit(train - mean), noise]),
            "test_signal": test_y[:, None] * unit(test - mean),
            "test_y": test_y,
            "test_support": support.int(),
            "test_entries": entries,
        }
        return two_class_task(params, data)

    @property
    def dimension(self) -> int:
        """Return d, the number of pixels."""
        return self.digits.size**2

    def work(self) -> Work:
        """Return the cost of an update."""
        return work(2 * self.samples, self.dimension, self.key_width, self.value_width)

    def _noise(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        support, entries = sparse_noise(count, self.dimension, self.sparsity, generator)
        return support, self.noise * entries

    def _of_both(self, images: Tensor, classes: Tensor, count: int) -> Tensor:
        """Return the first images of both digits in turn, shape (count, d).

        Raises:
            DataError: there are fewer.
        """
        found = [images[classes == digit][: count // 2].flatten(1) for digit in self.classes]
        fewest = min(len(part) for part in found)
        if 2 * fewest < count:
            raise DataError(
                f"{count} images of digits {self.classes} are wanted, {2 * fewest} are there; ask for fewer"
            )
        return torch.stack(found, dim=1).flatten(0, 1)


def unit(images: Tensor) -> Tensor:
    """Return rows scaled to norm 1."""
    return torch.nn.functional.normalize(images, dim=1)


def scale_name(noise: float) -> str:
    """Return the name of the sweep at one noise scale.

    >>> scale_name(0.5)
    'σ = 0.5'
    """
    return f"σ = {noise:g}"
