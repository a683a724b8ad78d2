"""Names of optimizers, and the decade that the search begins with."""

from __future__ import annotations

import math

import pytest
import torch
from compare.problems import SMALL, written
from torch.nn.functional import cross_entropy

from steepest.compare.contenders import KNOWN, contenders, starting_exponent
from steepest.compare.problem_file import ProblemFile
from steepest.errors import UsageError
from steepest.runs.method import Method


def first_gradient(problem: ProblemFile) -> tuple[float, float, int]:
    """Return ‖w‖, ‖g‖ at the first mini-batch and the number of params, by the module itself."""
    found = problem.contents
    torch.manual_seed(0)
    module = found.model()
    items = problem.setup(0).batches.items(0)
    cross_entropy(module(found.train.inputs[items]), found.train.targets[items]).backward()
    flat = [
        torch.cat([t.detach().flatten() for t in ts])
        for ts in zip(*((p, p.grad) for p in module.parameters()), strict=True)
    ]
    return float(flat[0].norm()), float(flat[1].norm()), len(flat[0])


def test_the_first_update_moves_the_params_by_a_hundredth_of_their_length(tmp_path):
    problem = ProblemFile.open(written(tmp_path))
    w, g, n = first_gradient(problem)
    lengths = {"SGD": g, "SGD+m": g, "NormSGD": 1.0, "Sign": math.sqrt(n), "Adam": math.sqrt(n)}
    for label, length in lengths.items():
        (contender,) = contenders([label])
        assert starting_exponent(problem, contender.method, 0) == round(math.log10(0.01 * w / length)), label


def test_the_start_does_not_depend_on_the_scale_of_the_loss(tmp_path):
    scaled = SMALL + "\n\ndef loss(z, y):\n    return 1000 * nn.functional.cross_entropy(z, y, reduction='none')\n"
    plain, other = ProblemFile.open(written(tmp_path / "a")), ProblemFile.open(written(tmp_path / "b", scaled))
    sgd, adam = (contender.method for contender in contenders(["SGD", "Adam"]))
    assert starting_exponent(other, sgd, 0) == starting_exponent(plain, sgd, 0) - 3
    assert starting_exponent(other, adam, 0) == starting_exponent(plain, adam, 0)


def test_a_loss_without_gradient_has_no_start(tmp_path):
    flat = SMALL + "\n\ndef loss(z, y):\n    return 0 * nn.functional.cross_entropy(z, y, reduction='none')\n"
    with pytest.raises(UsageError, match="Adam: the loss has no gradient at the initial params"):
        starting_exponent(ProblemFile.open(written(tmp_path, flat)), Method(torch.optim.Adam, "Adam"), 0)


@pytest.mark.parametrize("label", KNOWN)
def test_every_name_builds_an_optimizer(label):
    (contender,) = contenders([label])
    built = contender.method.build({"weight": torch.zeros(2, 2, requires_grad=True)}, 0.1)
    assert contender.method.label == label
    assert built.param_groups[0]["lr"] == 0.1


def test_classes_are_named_by_their_import_path():
    (contender,) = contenders(["torch.optim.RMSprop"])
    assert contender.method == Method(torch.optim.RMSprop)
    assert contender.label == "torch.optim.RMSprop"


def test_a_rate_may_be_given():
    power, number, searched = contenders(["SGD@10^-1.25", "Adam@3e-4", "Sign"])
    assert power.rate.exponents == (-1.25,)
    assert 10 ** number.rate.exponents[0] == pytest.approx(3e-4)
    assert not power.rate.tuned
    assert searched.rate is None


WRONG = {
    ("Adm",): "unknown optimizer 'Adm'; did you mean Adam",
    ("SGD@fast",): "SGD@fast: 'fast' is not a rate; write it as 10\\^-2.5 or 3e-3",
    ("SGD@-1",): "must be a finite number above 0",
    ("Adam", "Adam@0.1"): "Adam is there twice",
    ("torch.optim.Nothing",): "torch.optim.Nothing: module 'torch.optim' has no attribute 'Nothing'",
    ("torch.nn.Linear",): "torch.nn.Linear: is not a torch.optim.Optimizer class",
}


@pytest.mark.parametrize("names", WRONG)
def test_wrong_names_are_refused(names):
    with pytest.raises(UsageError, match=WRONG[names]):
        contenders(names)
