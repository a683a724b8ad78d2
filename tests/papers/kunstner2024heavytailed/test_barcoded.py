"""Figure 2 and its appendix: sizes against the paper's, measures by hand, the floor by brute force."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy

from steepest.claims.claim import Measured
from steepest.claims.measures import held_out_gap, held_out_lead
from steepest.data.frequency import frequency_groups
from steepest.problems import CNN, ImageClassification
from steepest.runs.results import Best, Undecided
from steepest.runs.sweep import Sweep
from steepest_papers.kunstner2024heavytailed import appendix_barcoded as appendix
from steepest_papers.kunstner2024heavytailed import fig2_barcoded as fig2
from steepest_papers.kunstner2024heavytailed.appendix_barcoded import ALONE, LONGER, conditional_entropy, contradicted
from steepest_papers.kunstner2024heavytailed.barcoded import RATES, BarcodedSizes, gap_and_rest, learnt
from steepest_papers.kunstner2024heavytailed.barcodes import BarcodedDigits
from steepest_papers.kunstner2024heavytailed.optimizers import MAIN


def sweep(figure: Any, scale: str, plan: str, **changes: Any) -> Sweep:
    found = figure.plans(figure.settings(scale, changes))[plan]
    assert isinstance(found, Sweep)
    return found


def labels(plan: Sweep) -> list[str]:
    return [method.label for method in plan.optimizers]


@pytest.mark.parametrize(
    ("figure", "plan", "classes", "images", "steps", "optimizers"),
    [
        (fig2.FIGURE, fig2.BALANCED, 10, 60_000, 300, ["GD-m", "GD+m", "Adam-m", "Adam+m"]),
        (fig2.FIGURE, fig2.BARCODED, 10_250, 101_200, 300, ["GD-m", "GD+m", "Adam-m", "Adam+m"]),
        (ALONE, appendix.ONLY, 10_240, 51_200, 300, ["GD-m", "GD+m", "Adam-m", "Adam+m"]),
        (LONGER, appendix.LONG, 10_250, 101_200, 400, [method.label for method in MAIN]),
    ],
)
def test_paper_scale_has_the_papers_sizes(
    figure: Any, plan: str, classes: int, images: int, steps: int, optimizers: list[str]
) -> None:
    found = sweep(figure, "paper", plan)
    problem = found.problem
    assert isinstance(problem, ImageClassification)
    assert (problem.data.num_classes, problem.data.num_images, problem.data.shape) == (classes, images, (1, 28, 28))
    assert (problem.model, problem.per_update, problem.per_chunk) == (CNN(channels=(32, 100)), None, 20_000)
    assert (found.steps, found.groups, found.device, found.seeds) == (steps, 2, "cuda", (0, 1, 2))
    assert labels(found) == optimizers


def test_reduced_sizes_follow_the_rule() -> None:
    sizes = [BarcodedSizes(bits=bits) for bits in (2, 5, 6, 8)]
    assert [size.horizon for size in sizes] == [19, 53, 75, 150]
    assert [size.barcoded().num_images for size in sizes[:3]] == [400, 3_200, 6_400]
    assert [size.barcoded().num_classes for size in sizes[:3]] == [50, 330, 650]
    assert [size.balanced().per_class for size in sizes[:3]] == [20, 160, 320]
    assert sizes[3].num_plain == 8_000  # all that the smaller source holds
    assert sizes[3].balanced().per_class == 600
    assert BarcodedSizes(bits=10, source="hub").barcoded().num_images == 101_200
    assert [appendix.LongSizes(bits=bits).horizon for bits in (5, 10)] == [71, 400]


@pytest.mark.parametrize(("scale", "bits", "steps"), [("quick", 5, 53), ("laptop", 6, 75)])
def test_scales_of_figure_2_differ_in_bits_only(scale: str, bits: int, steps: int) -> None:
    assert fig2.FIGURE.settings(scale) == BarcodedSizes(bits=bits)
    assert sweep(fig2.FIGURE, scale, fig2.BARCODED).steps == steps
    assert labels(sweep(fig2.FIGURE, scale, fig2.BARCODED)) == ["GD+m", "Adam+m"]


def test_all_optimizers_get_the_same_number_of_runs_around_the_papers_rates() -> None:
    assert list(RATES) == list(MAIN)
    for figure in (fig2.FIGURE, ALONE, LONGER):
        plans = [plan for plan in figure.plans(figure.settings("laptop")).values() if isinstance(plan, Sweep)]
        assert {len(grid.exponents) for plan in plans for grid in plan.optimizers.values()} == {3}
    for method, grid in sweep(LONGER, "laptop", appendix.LONG).optimizers.items():
        assert grid.exponents[0] < RATES[method] < grid.exponents[-1]


def test_the_frequent_half_is_the_plain_digits() -> None:
    data = BarcodedSizes(bits=4).barcoded()
    assert data.num_plain[0] == 160 * 5
    groups = frequency_groups(np.array([80] * 10 + [5] * 160), 2)
    assert groups.of_class.tolist() == [0] * 10 + [1] * 160


def test_bar_coded_digits_alone_have_no_plain_ones() -> None:
    for scale in ("smoke", "laptop", "paper"):
        data = sweep(ALONE, scale, appendix.ONLY).problem.data  # type: ignore[attr-defined]
        assert data.num_classes == 10 * 2**data.bits
        assert data.num_images == data.num_classes * 5


def test_example_images_show_a_digit_plain_with_bars_and_with_the_empty_bar_code() -> None:
    data = BarcodedDigits(bits=3, per_class=2, plain=50, size=14)
    numbers, tables = fig2.example_images(data, seed=1)
    rows = tables["images"].to_pylist()
    assert numbers == {"bits": 3, "size": 14}
    assert len(rows) == 15
    for plain, barred, empty in zip(rows[:5], rows[5:10], rows[10:], strict=True):
        assert 0 <= plain["class"] == barred["class"] % 10 == empty["class"] - 10 < 10
        code = (barred["class"] - 10) // 10
        bars = [pixel == 1.0 for pixel in barred["pixels"][:3]]
        assert bars == [bit == "1" for bit in f"{code:03b}"]
        assert any(bars)
        assert not any(empty["pixels"][:3])
    assert {len(row["pixels"]) for row in rows} == {14 * 14}
    _, without = fig2.example_images(data.changed(empty_barcode=False), seed=1)
    assert set(without["images"].column("kind").to_pylist()) == {"plain", "bar code"}


def test_conditional_entropy_is_the_joint_entropy_less_that_of_the_images() -> None:
    draw = np.random.default_rng(0)
    xs, ys = draw.integers(0, 6, 200), draw.integers(0, 3, 200)
    joint = np.unique(np.stack([xs, ys]), axis=1, return_counts=True)[1]
    expected = entropy(joint) - entropy(np.unique(xs, return_counts=True)[1])
    assert conditional_entropy(xs.tolist(), ys.tolist()) == pytest.approx(expected, rel=1e-12)
    assert contradicted([1, 1, 2, 2, 2, 3], [0, 5, 0, 0, 1, 1]) == 5


def test_the_floor_of_the_loss_is_that_of_images_with_two_labels() -> None:
    data = BarcodedDigits(bits=1, per_class=20, plain=4_000, size=14)
    found = appendix.loss_floor(data, seed=2)
    images = data.raw(2)
    flat = images.train.flatten(1).numpy()  # type: ignore[attr-defined]
    plain, empty = flat[:4_000], flat[4_000:4_200]
    same = np.array([(plain == image).all(axis=1).sum() for image in empty])  # plain twins of each empty bar code
    assert set(same) == {0, 1}
    counts = np.unique(empty[same == 1], axis=0, return_counts=True)[1]
    assert found["contradicted"] == counts.sum() + len(counts)
    expected = sum(np.log(1 + k) + k * np.log((1 + k) / k) for k in counts) / len(flat)
    assert found["floor"] == pytest.approx(expected, rel=1e-9)
    assert appendix.loss_floor(data.changed(empty_barcode=False), seed=2) == {"floor": 0.0, "contradicted": 0}


# Loss of two seeds and three rows, and by half.
LOSS = {"GD+m": [[4, 3, 1.0], [4, 3, 2.0]], "Adam+m": [[4, 2, 0.5], [4, 2, 0.0]], "Sign+m": [[4, 1, 0.1], [4, 1, 0.2]]}
HALVES = {
    "GD+m": [[[4, 4], [3, 4], [1, 4]], [[4, 4], [3, 4], [2, 5]]],
    "Adam+m": [[[4, 4], [3, 4], [1, 1]], [[4, 4], [3, 4], [2, 2]]],
}


def invented(label: str, seed: int) -> Any:
    columns = {"loss": LOSS, "held_out_loss": LOSS, "group": HALVES, "held_out_group": HALVES}
    return SimpleNamespace(
        id=f"{label} {seed}", column=lambda name: np.array(columns[name][label][seed], float), facts={}
    )


def best(label: str, *, decisive: bool = True) -> Best:
    del decisive
    return Best(label, -2.0, tuple(invented(label, seed) for seed in (0, 1)), None)


def results(*floors: float) -> Any:
    found = SimpleNamespace(best=best, labels=list(LOSS))
    runs = [SimpleNamespace(id=f"floor {i}", facts={"floor": value}) for i, value in enumerate(floors)]
    return SimpleNamespace(sweep=lambda plan: found, calculations=lambda plan: runs)


def test_what_is_learnt_over_all_images() -> None:
    found = learnt("plan", "GD+m")(results())
    assert found == Measured([0.75, 0.5], ["GD+m 0", "GD+m 1"], evidence="GD+m at 10^-2: 4 to 1.5")


def test_the_gap_says_what_is_left_and_when_both_have_solved_it() -> None:
    found = gap_and_rest("plan", "Adam+m", "GD+m")(results())
    assert found.values == [0.125, 0.5]
    assert found.evidence.endswith("left of the initial loss, worst seed: Adam+m 12.5%, GD+m 50.0%")
    solved = gap_and_rest("plan", "Sign+m", "Sign+m")(results())
    assert "Sign+m 5.0%" in solved.evidence
    assert "solved" not in solved.evidence


def test_progress_of_the_frequent_half() -> None:
    assert fig2.frequent_half()(results()).values == [0.75, 0.5]


def test_held_out_gaps_over_all_images_and_on_the_rare_half() -> None:
    gap = held_out_gap("plan", "GD+m", "Adam+m")(results())
    assert gap.values == [0.125, 0.5]
    rare = held_out_lead("plan", "GD+m", "Adam+m")(results())
    assert rare.values == [0.75 - 0.0, 0.5 + 0.25]
    assert rare.runs == ["GD+m 0", "GD+m 1", "Adam+m 0", "Adam+m 1"]


def test_the_share_of_the_floor_that_the_empty_bar_code_causes() -> None:
    found = appendix.floor_removed()(results(0.2, 0.05, 0.4, 0.0))
    assert found.values == [0.75, 1.0]
    assert found.runs == [f"floor {i}" for i in range(4)]
    with pytest.raises(Undecided, match="no floor"):
        appendix.floor_removed()(results(0.0, 0.0, 0.4, 0.0))


def test_the_floor_in_units_of_the_lowest_loss() -> None:
    found = appendix.floor_in_loss()(results(0.01, 0.0, 0.05, 0.0))
    assert found.values == pytest.approx([0.1, 0.25])
    assert found.evidence == "H(y|x) 0.03, Sign+m ends at 0.15"
