"""Appendix: which inputs make the gap? Gaussian inputs N(μ, s²), fewer inputs than samples, a constant input.

We do not know the paper's words on these runs, only which were made; claims on them say "inferred". Gaussian inputs are
trained for 25 updates, as in the paper, but at tuned rates; `linear.gaussian_grid` says where the search begins.
"""

from __future__ import annotations

from steepest.claims.claim import Claim, Measure, placed
from steepest.claims.drawings import ends_by_case, grid_of_cases
from steepest.claims.measures import difference, gap, order
from steepest.claims.paper import Drawing, Figure, Results
from steepest.data.synthetic import HeavyTailedLabels
from steepest.problems import SoftmaxRegression
from steepest.runs.sweep import Plan, Sweep
from steepest_papers.kunstner2024heavytailed.linear import LinearSizes, gaussian_grid, linear_sweep
from steepest_papers.kunstner2024heavytailed.optimizers import ADAM, GD

UPDATES = 25
LABELS = ("GD-m", "Adam-m")


class InputSizes(LinearSizes):
    """Sizes of the experiment on inputs.

    Args:
        means: μ of the inputs N(μ, 1).
        stds: s of the inputs N(0, s²).
    """

    means: tuple[float, ...] = (1.0, 0.5, 0.1, 0.0)
    stds: tuple[float, ...] = (0.1,)

    def summary(self) -> str:
        """Return m, c, n, the inputs and the seeds."""
        data = HeavyTailedLabels(m=self.m)
        cases = f"N(μ, 1) for μ={_list(self.means)}, N(0, s²) for s={_list(self.stds)}, {UPDATES} updates"
        return f"m={self.m}, c={data.num_classes}, n={data.num_samples}, {cases}, seeds {_list(self.seeds)}"


def _list(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)


def gaussian(sizes: InputSizes, mean: float, std: float) -> Sweep:
    """Return the sweep on inputs N(mean, std²)."""
    data = HeavyTailedLabels(m=sizes.m, inputs="gaussian", mean=mean, std=std)
    optimizers = {method: gaussian_grid(method, data) for method in (GD, ADAM)}
    return linear_sweep(sizes, (GD, ADAM)).changed(
        problem=SoftmaxRegression(data=data), optimizers=optimizers, steps=UPDATES
    )


def plans(sizes: InputSizes) -> dict[str, Plan]:
    """Return GD and Adam without momentum on each law of inputs; the runs on uniform inputs are those of Figure 4."""
    uniform, n = linear_sweep(sizes, (GD, ADAM)), HeavyTailedLabels(m=sizes.m).num_samples
    few = HeavyTailedLabels(m=sizes.m, dimension=round(400 * n / 896))
    constant = HeavyTailedLabels(m=sizes.m, constant_feature=True)
    return {
        **{f"mean-{mean:g}": gaussian(sizes, mean, 1.0) for mean in sizes.means},
        **{f"std-{std:g}": gaussian(sizes, 0.0, std) for std in sizes.stds},
        "uniform": uniform,
        "few": uniform.changed(problem=SoftmaxRegression(data=few)),
        "constant": uniform.changed(problem=SoftmaxRegression(data=constant)),
    }


def gap_on(plan: str) -> Measure:
    """Return Γ of GD over Adam, both without momentum."""
    return gap(plan, "GD-m", "Adam-m")


def ends(results: Results) -> Drawing:
    """Return where GD and Adam end on each Gaussian law of inputs."""
    return ends_by_case(laws(results), LABELS, axis="law of the inputs")(results)


def by_level(results: Results) -> Drawing:
    """Return their loss by level on each Gaussian law of inputs."""
    return grid_of_cases(laws(results), LABELS)(results)


def laws(results: Results) -> dict[str, str]:
    """Return the plans on Gaussian inputs by what their panels are called."""
    sizes = results.settings
    means = {f"N({mean:g}, 1)": f"mean-{mean:g}" for mean in sizes.means}
    return means | {f"N(0, {std:g}²)": f"std-{std:g}" for std in sizes.stds}


FIGURE = Figure(
    id="inputs",
    title="Linear model on other inputs: mean, scale, fewer inputs, a constant input",
    statement=(
        "How much of the gap comes from the inputs? A mean makes one direction stiff, which bounds the step of gradient "
        "descent. Whether it takes a mean to leave rare classes behind is what the centred inputs show."
    ),
    scales={
        "smoke": InputSizes(m=4, means=(1.0, 0.0)),
        "laptop": InputSizes(m=7),
        "paper": InputSizes(m=7, means=(1.0, 0.75, 0.5, 0.25, 0.1, 0.0), stds=(0.75, 0.5, 0.25, 0.1)),
    },
    plans=plans,
    claims=(
        Claim("in-mean-gap", gap_on("mean-1").at_least(0.15, fails=0.05)).says("On inputs N(1, 1) Adam ends below GD"),
        Claim("in-mean", difference(gap_on("mean-1"), gap_on("mean-0")).at_least(0.05, fails=0.0)).says(
            "The gap depends on the inputs' mean, with which GD must take smaller steps: Γ on N(1, 1) minus Γ on N(0, 1)"
        ),
        *placed(
            "Appendix, inputs of the linear model",
            Claim("in-order", order("mean-0", "GD-m").at_least(0.8, fails=0.3)).says(
                "Frequency alone suffices for the order under GD on N(0, 1)"
            ),
            Claim("in-scale", difference(gap_on("std-0.1"), gap_on("mean-0")).absolute().at_most(0.1, fails=0.2)).says(
                "Scaling centred inputs is undone by the rates: |Γ on N(0, 0.1²) − Γ on N(0, 1)|"
            ),
            kind="ours",
        ),
        Claim("in-few", gap_on("few").at_least(0.15, fails=0.05)).says(
            "With fewer inputs than samples the gap remains"
        ),
        Claim(
            "in-constant", difference(gap_on("constant"), gap_on("uniform")).absolute().at_most(0.05, fails=0.15)
        ).says("A constant input changes little: |Γ with it − Γ without|"),
    ),
    draw={
        "inputs": ends,
        "inputs-groups": by_level,
        "inputs-variants": grid_of_cases({"uniform": "uniform", "d < n": "few", "constant input": "constant"}, LABELS),
    },
    rule=(
        "The paper's own size, m = 7. Of its means the first, third, fifth and last, of its scales the smallest. 25 updates as "
        "in the paper; d = 400 (at other m 400·n/896) and the constant input have T(m), as has Figure 4, whose runs are shared."
    ),
    where="Appendix, inputs of the linear model (claim inferred)",
)
