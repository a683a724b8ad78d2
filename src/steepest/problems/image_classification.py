"""Image classification: a network under cross-entropy, full batch or mini-batch.

ℓ_i = −log softmax(z(x_i))_{y_i},   z the logits of the network
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, SerializeAsAny, model_validator
from torch import Tensor

from steepest.data.images import ImageSet, Pixels
from steepest.problems.base import Batches, Params, Problem, Task, Work, batched_task
from steepest.problems.image_models import HEAD_BIAS, ImageModel

PASSES = 4  # an activation is written and read forward, and its gradient is written and read backward
STATE = 6  # numbers that an update reads and writes for each param: gradient, param, momentum


class ImageClassification(Problem):
    """A network on an image set (Kunstner et al. 2024, Figures 2 and 3).

    Args:
        data: images and classes, drawn anew for each seed.
        model: the network.
        per_update: images in an update; None takes all of them, in chunks whose gradients are added up.
        per_chunk: images that go through the network together. It bounds memory, and fits the cache of a CPU at small
            sizes; with batch norm it is also the number of images that share a mean and a variance.
        precision: of matrix products and convolutions; params, gradients and losses are float32.
    """

    kind: ClassVar[str] = "ImageClassification"

    data: SerializeAsAny[ImageSet]
    model: SerializeAsAny[ImageModel]
    per_update: Annotated[int, Field(ge=1)] | None = None
    per_chunk: Annotated[int, Field(ge=1)] = 256
    precision: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def _model_reads_the_images(self) -> Self:
        self.model.num_params(self.data.shape, self.data.num_classes)
        return self

    def setup(self, seed: int) -> Task:
        """Draw the data with `seed`; then, from a generator seeded with it, the params and the order of the images.

        Sets are often stored class by class. In a random order, the same in every epoch's chunks of a full batch and in
        evaluation, a chunk is a sample of the whole, which is what batch norm assumes.
        """
        images = self.data.draw(seed)
        generator = torch.Generator().manual_seed(seed)
        params = self.model.init(self.data.shape, self.data.num_classes, generator)
        train_order = torch.randperm(len(images.train_classes), generator=generator)
        held_out_order = torch.randperm(len(images.held_out_classes), generator=generator)
        held_out = self._task(params, images.held_out, images.held_out_classes, held_out_order, seed)
        return self._task(params, images.train, images.train_classes, train_order, seed, held_out)

    def work(self) -> Work:
        """Return the cost of one update; see `PASSES` and `STATE` for the numbers touched."""
        params = self.model.num_params(self.data.shape, self.data.num_classes)
        return self._pass(self.per_update or self.data.num_images, touched=STATE * params)

    def evaluation(self) -> Work:
        """Return the cost of evaluating the training images at the end, and for mini-batches also at the start.

        A forward pass is a third of a training pass.
        """
        return self._pass(self.data.num_images).times((1 if self.per_update is None else 2) / 3)

    def _pass(self, images: int, touched: float = 0.0) -> Work:
        image, c = self.data.shape, self.data.num_classes
        touched += PASSES * images * self.model.activations(image)
        return Work(images * self.model.flops(image, c), float(images * c), touched)

    def _task(
        self,
        params: dict[str, Tensor],
        pixels: Pixels,
        classes: Tensor,
        order: Tensor,
        seed: int,
        held_out: Task | None = None,
    ) -> Task:
        y = classes[order]

        def losses(at: Params, items: Tensor) -> Tensor:
            return self._losses(at, pixels[order[items]], y[items])

        def objective(at: Params, items: Tensor, weights: Tensor, key: int) -> tuple[Tensor, Tensor]:  # noqa: ARG001 - no dropout
            found = losses(at, items)
            return found @ weights.to(found), found.detach()

        batches = Batches(
            objective=objective,
            losses=torch.no_grad()(losses),
            num_items=len(y),
            examples_per_item=1,
            per_chunk=self.per_chunk,
            per_update=self.per_update,
            seed=seed,
        )
        return batched_task(params, batches, y, self.data.num_classes, held_out=held_out, output_bias=HEAD_BIAS)

    def _losses(self, params: Params, X: Tensor, y: Tensor) -> Tensor:
        """Return ℓ (b,), computed where the params are and in their type."""
        bias = params[HEAD_BIAS]
        with torch.autocast(bias.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            z = self.model.logits(params, X.to(bias))
        return F.cross_entropy(z.to(bias.dtype), y.to(bias.device), reduction="none")
