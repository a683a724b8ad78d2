"""Figure 3 and its kin: sizes, counts and grids against the stated rules, measures against hand values."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from steepest.claims.measures import behind, held_out_lead
from steepest.data.fashion import Fashion
from steepest.data.folders import ImageFolder
from steepest.data.frequency import frequency_groups
from steepest.data.glyphs import Glyphs
from steepest.data.images import Images, ImageSet, Shape
from steepest.errors import DataError
from steepest.optim import Adam, GradientDescent
from steepest.problems import ResNet
from steepest.runs.results import Best
from steepest.runs.spec import Spec
from steepest.runs.stream import Agenda
from steepest.runs.sweep import Sweep
from steepest_papers.kunstner2024heavytailed import (
    appendix_fashion,
    appendix_reweighting_images,
    appendix_vision_transformer,
    fig3_many_classes,
)
from steepest_papers.kunstner2024heavytailed.example_images import image_table
from steepest_papers.kunstner2024heavytailed.many_classes import ManyClasses, ResNetSizes, Unlocated

FIGURES = (fig3_many_classes.FIGURE, appendix_vision_transformer.FIGURE, appendix_fashion.FIGURE)
SMALLEST_CLASS_OF_IMAGENET = 732


def sizes(figure: Any, scale: str) -> Any:
    return figure.settings(scale)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
def test_laptop_sizes_follow_the_rule(figure: Any) -> None:
    chosen = sizes(figure, "laptop")
    assert (chosen.total, chosen.batch, chosen.epoch, chosen.horizon) == (4_000, 125, 32, 320)
    for name in ("uniform", "zipf"):
        plan = figure.plans(chosen)[name]
        assert (plan.problem.per_update, plan.steps, plan.every, plan.refine) == (125, 320, 32, 0.5)
        assert plan.groups == (5 if figure.id == "fashion" else 10)


def test_the_rarest_glyphs_have_three_images_and_the_tail_is_as_long_as_there_are_classes() -> None:
    uniform, zipf = (sizes(fig3_many_classes.FIGURE, "laptop").data(imbalance) for imbalance in ("none", "zipf"))
    assert isinstance(zipf, Glyphs)
    counts = zipf.counts(0)
    assert (len(counts), counts.sum(), counts.min()) == (200, 4_000, 3)
    assert counts.max() / counts.min() == pytest.approx(200, rel=0.2)
    assert counts.max() == pytest.approx(4_000 / sum(1 / k for k in range(1, 201)), rel=0.05)
    assert uniform.counts(0).tolist() == [20] * 200
    assert (frequency_groups(counts, 10).samples_per_group > 0).all()


@pytest.mark.parametrize("figure", FIGURES[:2], ids=lambda figure: figure.id)
def test_between_two_rows_every_image_is_read_equally_often(figure: Any) -> None:
    plan = figure.plans(sizes(figure, "smoke"))["zipf"]
    batches = plan.problem.setup(0).batches
    for row in range(2):
        read = torch.cat([batches.items(row * plan.every + update) for update in range(plan.every)])
        assert torch.bincount(read, minlength=400).unique().tolist() == [1]


@pytest.mark.parametrize(("steps", "every"), [(1, 32), (320, 32), (640, 32), (1_280, 64), (32_000, 1_600)], ids=str)
def test_rows_are_few_and_come_after_whole_epochs(steps: int, every: int) -> None:
    plan = ResNetSizes(steps=steps).sweep("zipf")
    assert plan.every == every


def test_the_source_says_which_images(tmp_path: Path) -> None:
    for k in range(20):
        (tmp_path / f"{k:02}").mkdir()
    base = sizes(fig3_many_classes.FIGURE, "smoke")
    assert isinstance(base.data("zipf"), Glyphs)
    folder, unlocated = (base.changed(source=source).data("zipf") for source in (str(tmp_path), "imagenet"))
    assert isinstance(folder, ImageFolder)
    assert isinstance(unlocated, Unlocated)
    for name in ("num_classes", "shape", "num_images", "num_held_out"):
        assert getattr(unlocated, name) == getattr(folder, name)


def test_the_cost_at_paper_scale_is_known_without_imagenet_and_its_runs_say_what_is_missing() -> None:
    for figure in FIGURES[:2]:
        plans = figure.plans(sizes(figure, "paper"))
        plan = plans["zipf"]
        assert isinstance(plan, Sweep)
        agenda = Agenda([plan], lambda _: None)
        assert agenda.step().seconds_left > 3600
        (spec, *_) = agenda.pending.values()
        assert isinstance(spec, Spec)
        with pytest.raises(DataError, match="--set source=FOLDER"):
            spec.problem.setup(0)


def test_every_class_of_imagenet_has_the_images_that_paper_scale_may_ask_of_it() -> None:
    chosen = sizes(fig3_many_classes.FIGURE, "paper")
    most = Glyphs(num_glyphs=chosen.classes, imbalance="zipf", total=chosen.total).counts(0).max()
    assert most + 2 <= SMALLEST_CLASS_OF_IMAGENET
    assert chosen.model == ResNet()


def test_both_optimizers_start_from_three_decades_around_the_papers_rates() -> None:
    for figure, adam in zip(FIGURES, ((-3, -2, -1), (-4, -3, -2), (-3, -2, -1)), strict=True):
        grids = {m.label: (m, grid.exponents) for m, grid in sizes(figure, "laptop").optimizers.items()}
        assert {label: exponents for label, (_, exponents) in grids.items()} == {"SGD+m": (-3, -2, -1), "Adam+m": adam}
        sgd, adam_m = (method for method, _ in grids.values())
        assert (sgd.optimizer, sgd.options["momentum"]) == (GradientDescent, 0.9)
        assert (adam_m.optimizer, adam_m.options["betas"]) == (Adam, (0.9, 0.999))


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_the_tail_of_fashion_is_harmonic_and_has_as_many_images_as_the_balanced_set(scale: str) -> None:
    chosen = sizes(appendix_fashion.FIGURE, scale)
    balanced, tail = (chosen.data(imbalance) for imbalance in ("none", "zipf"))
    assert isinstance(tail, Fashion)
    assert balanced.num_images == chosen.total
    assert tail.num_images == pytest.approx(chosen.total, abs=10)
    counts = tail.counts()
    assert (counts == counts[0] // np.arange(1, 11)).all()
    assert (frequency_groups(counts, 5).samples_per_group > 0).all()
    assert (frequency_groups(counts, 10).samples_per_group == 0).any()


def test_without_weights_the_reweighted_figure_has_the_runs_of_figure_3() -> None:
    chosen = sizes(fig3_many_classes.FIGURE, "laptop")
    mine = appendix_reweighting_images.FIGURE.plans(sizes(appendix_reweighting_images.FIGURE, "laptop"))
    theirs = fig3_many_classes.FIGURE.plans(chosen)["zipf"].progress(lambda _: None)
    ids = {name: {spec.id for spec in plan.progress(lambda _: None).pending} for name, plan in mine.items()}
    assert ids.pop("rew-images-none") == {spec.id for spec in theirs.pending}
    assert sorted(ids) == ["rew-images-inverse", "rew-images-inverse-sqrt", "rew-images-logit-adjusted"]
    assert len({name for names in ids.values() for name in names}) == 9


class Stripes(ImageSet):
    """Classes of 2, 5, 1 images; image i of all is a row of the numbers −i, 0, 3 i."""

    @property
    def num_classes(self) -> int:
        return 3

    @property
    def shape(self) -> Shape:
        return (1, 1, 3)

    @property
    def num_images(self) -> int:
        return 8

    @property
    def num_held_out(self) -> int:
        return 0

    def draw(self, seed: int) -> Images:
        i = torch.arange(1.0, 9.0)
        pixels = torch.stack([-i, 0 * i, 3 * i], dim=1).view(8, 1, 1, 3)
        classes = torch.tensor([0, 1, 1, 2, 1, 1, 0, 1])
        return Images(pixels, classes, pixels[:0], classes[:0], 3)


def test_example_images_are_shown_by_rank_with_their_counts_in_grey_levels() -> None:
    numbers, tables = image_table(Stripes(), seed=0)
    assert numbers == {"n_1": 5, "n_c": 1, "channels": 1, "side": 1}
    table = tables["images"]
    assert table["rank"].to_pylist() == [1, 1, 1, 1, 1, 2, 2, 3]
    assert table["count"].to_pylist() == [5, 5, 5, 5, 5, 2, 2, 1]
    assert table["pixels"].to_pylist() == [[0, 64, 255]] * 8


# Loss by group, shape (seeds, rows, G), and of all; the rarest group of SGD ends at 3, 4, 5 of 4.
GROUPS = {"SGD+m": [[[4, 4], [1, end]] for end in (3, 4, 5)], "Adam+m": [[[4, 4], [1, 0.5]]] * 3}
LOSS = {"SGD+m": [[4, 2.0], [4, 2.0], [4, 3.0]], "Adam+m": [[4, 1.0]] * 3}
HELD_OUT = {"SGD+m": [[[5, 5], [1, 5]]] * 3, "Adam+m": [[[5, 5], [1, end]] for end in (4, 2.5, 5)]}


class Invented:
    def __init__(self, label: str, seed: int) -> None:
        self.id = f"{label} {seed}"
        self.columns = {"loss": LOSS[label], "group": GROUPS[label], "held_out_group": HELD_OUT[label]}
        self.seed = seed

    def column(self, name: str) -> np.ndarray:
        return np.array(self.columns[name][self.seed], float)


def best(label: str) -> Best:
    return Best(label, -1.0, tuple(Invented(label, seed) for seed in range(3)), None)  # type: ignore[arg-type]


RESULTS: Any = SimpleNamespace(sweep=lambda plan: SimpleNamespace(best=best))


def test_how_far_the_rarest_group_is_behind_the_mean() -> None:
    found = behind("plan", "SGD+m")(RESULTS)
    assert found.values == [1 - 0.25 / 0.5, 1 - 0.0 / 0.5, 1 + 0.25 / 0.25]
    assert found.runs == ["SGD+m 0", "SGD+m 1", "SGD+m 2"]


def test_how_much_more_of_the_rarest_group_one_learns_on_held_out_images() -> None:
    found = held_out_lead("plan", "SGD+m", "Adam+m")(RESULTS)
    assert found.values == pytest.approx([0.2, 0.5, 0.0])
    assert len(found.runs) == 6


def test_sizes_are_stated_in_one_line() -> None:
    for figure in FIGURES:
        for scale in figure.scales:
            text = sizes(figure, scale).summary()
            assert "\n" not in text
            assert f"T={sizes(figure, scale).horizon:,}" in text


def test_sizes_of_no_network_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract"):
        ManyClasses()  # type: ignore[abstract]
