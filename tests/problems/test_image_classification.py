"""Image classification: losses, gradients, order and cost against torch's modules and direct computation."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from steepest.component import describe
from steepest.data.images import Images, ImageSet, Shape
from steepest.errors import UsageError
from steepest.models.layers import Image
from steepest.optim import GradientDescent
from steepest.problems import CNN, ImageClassification, ResNet, Task, ViT
from steepest.problems.image_models import ImageModel
from steepest.runs.execute import execute
from steepest.runs.method import Method
from steepest.runs.spec import Spec
from steepest.runs.train import loss_by_class

COUNTS, HELD_OUT = (7, 4, 2, 1), (2, 2, 1, 1)


class Noise(ImageSet):
    """Random images, class by class, that show their class in the first pixels: 9 there, 0 for the other classes."""

    shape_: Shape = (1, 8, 8)

    @property
    def num_classes(self) -> int:
        return len(COUNTS)

    @property
    def shape(self) -> Shape:
        return self.shape_

    @property
    def num_images(self) -> int:
        return sum(COUNTS)

    @property
    def num_held_out(self) -> int:
        return sum(HELD_OUT)

    def draw(self, seed: int) -> Images:
        generator = torch.Generator().manual_seed(seed)
        parts = []
        for counts in (COUNTS, HELD_OUT):
            y = torch.arange(4).repeat_interleave(torch.tensor(counts))
            X = torch.randn(len(y), *self.shape, generator=generator)
            X[:, 0, 0, :4] = 9.0 * nn.functional.one_hot(y)
            parts += [X, y]
        return Images(*parts, num_classes=4)


class Unloadable(Noise):
    def draw(self, seed: int) -> Images:
        raise AssertionError("loaded")


class FirstPixels(ImageModel):
    """z = W (the first pixels) + b with W = 1 and b = 0."""

    def init(self, image: Image, num_classes: int, generator: torch.Generator) -> dict[str, Tensor]:
        return {"head.weight": torch.eye(num_classes), "head.bias": torch.zeros(num_classes)}

    def logits(self, params: Mapping[str, Tensor], X: Tensor) -> Tensor:
        return X[:, 0, 0, :4] @ params["head.weight"].T + params["head.bias"]

    def flops(self, image: Image, num_classes: int) -> float:
        return 0.0

    def activations(self, image: Image) -> float:
        return 0.0


SMALL_RESNET = ResNet(widths=(8, 16), blocks=(1, 1), stem="small", norm="group")
MODELS = [CNN(channels=(3, 5)), SMALL_RESNET, ViT(patch=4, width=8, depth=2, heads=2)]
PROBLEM = ImageClassification(data=Noise(), model=MODELS[0], per_chunk=5)


def double(task: Task) -> dict[str, Tensor]:
    return {name: param.detach().double().requires_grad_() for name, param in task.params.items()}


def gradients(task: Task, params: dict[str, Tensor], weights: Tensor) -> list[Tensor]:
    """Return the gradient of Σ_i w_i ℓ_i, added up over chunks."""
    batches = task.batches
    assert batches is not None
    for items in batches.items(0).split(batches.per_chunk):
        objective, losses = batches.objective(params, items, weights[items], 0)
        torch.testing.assert_close(objective.detach(), losses @ weights[items].to(losses))
        assert not losses.requires_grad
        torch.autograd.backward(objective)
    return [param.grad for param in params.values()]  # type: ignore[misc]


def reference(task: Task) -> nn.Sequential:
    """Return the problem's network made of torch's modules, holding the same numbers."""
    layers = [nn.Conv2d(1, 3, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(3, 5, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(20, 4)]
    network = nn.Sequential(*layers).double()
    names = [name for name, _ in network.named_parameters()]
    network.load_state_dict(dict(zip(names, task.params.values(), strict=True)))
    return network


def images_in_order(task: Task, seed: int) -> Tensor:
    """Return the images in the task's order, which the seed draws after the params."""
    generator = torch.Generator().manual_seed(seed)
    PROBLEM.model.init(PROBLEM.data.shape, 4, generator)
    return PROBLEM.data.draw(seed).train[torch.randperm(len(task.classes), generator=generator)]


def test_losses_and_gradients_are_those_of_the_modules() -> None:
    task = PROBLEM.setup(3)
    network = reference(task)
    losses = cross_entropy(network(images_in_order(task, 3).double()), task.classes, reduction="none")
    torch.testing.assert_close(task.loss_by_example(task.params).double(), losses.detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(task.loss_by_example(double(task)), losses.detach(), rtol=1e-12, atol=1e-12)

    weights = torch.rand(14, generator=torch.Generator().manual_seed(0))
    found = gradients(task, double(task), weights)
    (losses @ weights.double()).backward()
    for gradient, param in zip(found, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, param.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_the_size_of_chunks_changes_nothing_but_the_rounding(model: ImageModel) -> None:
    tasks = [PROBLEM.changed(model=model, per_chunk=size).setup(0) for size in (14, 5, 1)]
    found = [gradients(task, double(task), task.weights) for task in tasks]
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_every_image_is_read_once_with_its_own_class_in_a_random_order() -> None:
    task = PROBLEM.changed(model=FirstPixels()).setup(0)
    alone = torch.log1p(3 * torch.tensor(-9.0).exp())
    for part, counts in ((task, COUNTS), (task.held_out, HELD_OUT)):
        assert part is not None
        assert tuple(part.class_counts.tolist()) == counts
        torch.testing.assert_close(part.loss_by_example(task.params), alone.expand(len(part.classes)))
    assert task.classes.tolist() != sorted(task.classes.tolist())
    assert torch.equal(PROBLEM.setup(1).classes, PROBLEM.setup(1).classes)
    assert not torch.equal(PROBLEM.setup(1).classes, PROBLEM.setup(2).classes)


def test_mini_batches_go_through_all_images_in_an_order_of_the_seed() -> None:
    batches = PROBLEM.changed(per_update=7).setup(0).batches
    assert batches is not None
    epochs = [torch.cat([batches.items(update) for update in (first, first + 1)]) for first in (0, 2)]
    assert all(epoch.sort().values.tolist() == list(range(14)) for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()
    assert batches.seed == 0


def test_the_loss_by_class_is_the_mean_over_its_images() -> None:
    task = PROBLEM.setup(1)
    losses = task.loss_by_example(task.params)
    sums, counts = [0.0] * 4, [0] * 4
    for loss, k in zip(losses.tolist(), task.classes.tolist(), strict=True):
        sums[k], counts[k] = sums[k] + loss, counts[k] + 1
    assert loss_by_class(task, losses).tolist() == pytest.approx([s / n for s, n in zip(sums, counts, strict=True)])


def test_held_out_images_see_the_params_that_are_trained() -> None:
    task = PROBLEM.setup(0)
    assert task.held_out is not None
    assert all(task.held_out.params[name] is param for name, param in task.params.items())
    assert task.output_bias == "head.bias"
    with torch.no_grad():
        for param in task.params.values():
            param.zero_()
    torch.testing.assert_close(task.held_out.loss_by_example(task.held_out.params), torch.full((6,), 4.0).log())


def test_a_run_in_chunks_is_a_run_at_once() -> None:
    outcomes = [
        execute(Spec(problem=PROBLEM.changed(per_chunk=size), method=Method(GradientDescent), lr=0.01, steps=3))
        for size in (14, 3)
    ]
    whole, chunked = (outcome.tables["curves"].column("loss").to_numpy() for outcome in outcomes)
    task = PROBLEM.setup(0)
    assert whole[0] == pytest.approx(float(task.loss_by_example(task.params).mean()), rel=1e-6)
    assert chunked.tolist() == pytest.approx(whole.tolist(), rel=1e-5)
    assert whole[3] < whole[0]


def test_bfloat16_is_for_the_products_alone() -> None:
    task, exact = PROBLEM.changed(precision="bfloat16").setup(0), PROBLEM.setup(0)
    losses = task.loss_by_example(task.params)
    assert losses.dtype == torch.float32
    expected = exact.loss_by_example(exact.params)
    torch.testing.assert_close(losses, expected, rtol=0.03, atol=0.03)  # 2⁻⁸ for each of the products
    assert not torch.equal(losses, expected)
    assert all(gradient.dtype == torch.float32 for gradient in gradients(task, task.params, task.weights))


@pytest.mark.parametrize("model", MODELS[:2], ids=lambda model: type(model).__name__)
def test_the_cost_of_an_update_is_what_torch_counts(model: ImageModel) -> None:
    task = PROBLEM.changed(model=model).setup(0)
    with FlopCounterMode(display=False) as counter:
        gradients(task, task.params, task.weights)
    work = ImageClassification(data=Unloadable(), model=model).work()
    assert work.flops == pytest.approx(counter.get_total_flops(), rel=0.02)
    assert work.logits == 14 * 4
    num_params = sum(param.numel() for param in task.params.values())
    assert work.touched == 4 * 14 * model.activations((1, 8, 8)) + 6 * num_params


def test_the_cost_of_a_mini_batch_and_of_evaluation() -> None:
    full = ImageClassification(data=Unloadable(), model=MODELS[0])
    part = full.changed(per_update=7)
    assert part.work().flops == full.work().flops / 2
    assert full.evaluation().flops == pytest.approx(full.work().flops / 3)
    assert part.evaluation().flops == pytest.approx(full.work().flops * 2 / 3)


def test_the_description_holds_data_and_model() -> None:
    described = describe(PROBLEM)
    assert described["model"]["channels"] == [3, 5]
    assert described["data"]["shape_"] == [1, 8, 8]
    assert described["per_update"] is None
    assert described["precision"] == "float32"


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (lambda: PROBLEM.changed(model=ViT(patch=3)), "patches of 3 × 3 pixels do not tile images of 8 × 8"),
        (lambda: PROBLEM.changed(data=Noise(shape_=(1, 3, 8))), "two poolings need images of 4 × 4 pixels, got 3 × 8"),
        (lambda: ViT(width=10, heads=4), "4 heads do not divide the width 10"),
        (lambda: ResNet(widths=(8, 16)), r"widths \(8, 16\) and blocks \(2, 2, 2, 2\) must both have one number"),
        (lambda: ResNet(widths=(12,), blocks=(1,)), r"ResNet.widths.0 = 12: .* multiple of 8"),
    ],
)
def test_models_that_do_not_fit_are_refused_in_one_line(refused: object, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        refused()  # type: ignore[operator]
