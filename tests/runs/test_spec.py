"""Runs: what is recorded against an independent float64 loop, equal bytes for equal specs, golden losses."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from steepest import optim
from steepest.component import declared, identity
from steepest.data.corpus import TextFiles
from steepest.data.glyphs import Glyphs
from steepest.data.synthetic import HeavyTailedLabels
from steepest.data.tokens import Words
from steepest.errors import UsageError
from steepest.files import write_atomically
from steepest.optim import Adam, GradientDescent, SignDescent
from steepest.problems import CNN, ImageClassification, LastLayer, Problem, SoftmaxRegression, WeightedQuadratic, Work
from steepest.problems.base import Params, Task
from steepest.problems.language_model import LanguageModel, Transformer
from steepest.runs.execute import execute, pinned_threads
from steepest.runs.method import Method
from steepest.runs.probe import Probe
from steepest.runs.spec import Calculation, Spec
from steepest.runs.store import Outcome, Store
from steepest.runs.stream import run
from steepest.runs.sweep import Calculations

GOLDEN = Path(__file__).parents[1] / "golden" / "losses.json"
PROBLEM = SoftmaxRegression(data=HeavyTailedLabels(m=3))
GD = Method(GradientDescent)


def spec(**options: Any) -> Spec:
    return Spec(**{"problem": PROBLEM, "method": GD, "lr": 0.02, "steps": 4} | options)


def column(outcome: Outcome, name: str, table: str = "curves") -> np.ndarray:
    values = outcome.tables[table].column(name).combine_chunks()
    if pa.types.is_fixed_size_list(values.type):
        return np.asarray(values.flatten()).reshape(len(values), -1)
    return np.asarray(values)


def losses_by_hand(problem: SoftmaxRegression, seed: int, lr: float, steps: int, weights: Any = None) -> torch.Tensor:
    """Return ℓ_i(t) of gradient descent, shape (steps + 1, n), by the formulas in float64."""
    task = problem.setup(seed)
    assert task.inputs is not None
    X, y = task.inputs.double(), task.classes
    W, b = task.params["W"].detach().double(), task.params["b"].detach().double()
    w = torch.full((len(y),), 1 / len(y), dtype=torch.float64) if weights is None else weights
    rows = []
    for _ in range(steps + 1):
        z = X @ W.T + b
        rows.append(torch.logsumexp(z, 1) - z[torch.arange(len(y)), y])
        residual = (torch.softmax(z, 1) - torch.nn.functional.one_hot(y, z.shape[1])) * w[:, None]
        W, b = W - lr * residual.T @ X, b - lr * residual.sum(0)
    return torch.stack(rows)


def test_curves_are_those_of_a_float64_loop_written_from_the_formulas() -> None:
    found = execute(spec(groups=3, by_class=True, seed=5))
    losses = losses_by_hand(PROBLEM, 5, 0.02, 4)
    y, counts = PROBLEM.setup(5).classes, PROBLEM.data.counts()
    by_class = np.stack([losses[:, y == k].mean(1).numpy() for k in range(7)], axis=1)
    levels = [[0], [1, 2], [3, 4, 5, 6]]
    by_group = np.stack([(by_class[:, g] * counts[g]).sum(1) / counts[g].sum() for g in levels], axis=1)
    np.testing.assert_array_equal(column(found, "step"), range(5))
    np.testing.assert_allclose(column(found, "loss"), losses.mean(1), rtol=2e-6)
    np.testing.assert_allclose(column(found, "class"), by_class, rtol=2e-6)
    np.testing.assert_allclose(column(found, "group"), by_group, rtol=2e-6)
    assert found.tables["curves"].column_names == ["step", "loss", "group", "class"]
    assert (column(found, "loss").dtype, column(found, "class").dtype) == (np.float64, np.float32)
    assert found.facts == {
        "initial_loss": column(found, "loss")[0],
        "final_loss": column(found, "loss")[-1],
        "initial_objective": pytest.approx(column(found, "loss")[0], rel=1e-6),
        "final_objective": pytest.approx(column(found, "loss")[-1], rel=1e-6),
        "last_step": 4,
    }
    assert found.state == "done"


@pytest.mark.parametrize(("weighting", "power"), [("inverse", 1.0), ("inverse-sqrt", 0.5)])
def test_a_weighted_run_minimises_the_weighted_mean_and_records_the_plain_one(weighting: str, power: float) -> None:
    counts = torch.as_tensor(PROBLEM.data.counts()).double()
    weights = counts[PROBLEM.setup(0).classes] ** -power
    weights = weights / weights.sum()
    losses = losses_by_hand(PROBLEM, 0, 0.02, 4, weights)
    found = execute(spec(weighting=weighting))
    np.testing.assert_allclose(column(found, "loss"), losses.mean(1), rtol=2e-6)
    np.testing.assert_allclose(column(found, "objective"), losses @ weights, rtol=2e-6)
    assert found.facts["final_objective"] == pytest.approx(float(losses[-1] @ weights), rel=2e-6)
    assert found.facts["final_loss"] == pytest.approx(float(losses[-1].mean()), rel=2e-6)


def test_groups_and_classes_are_recorded_only_when_asked_for() -> None:
    assert execute(spec()).tables["curves"].column_names == ["step", "loss"]
    assert execute(spec(steps=0)).tables["curves"].num_rows == 1


class Norm(Probe):
    def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
        return {"row": np.arange(2), "norm": np.full(2, float(params["W"].detach().norm()))}


def test_probes_measure_before_the_update_of_their_step_and_become_tables() -> None:
    found = execute(spec(probes=(Norm(at=(0, 3, 4, 99)),)))
    np.testing.assert_array_equal(column(found, "step", "norm"), [0, 0, 3, 3, 4, 4])
    np.testing.assert_array_equal(column(found, "row", "norm"), [0, 1] * 3)
    start = float(PROBLEM.setup(0).params["W"].detach().norm())
    assert column(found, "norm", "norm")[0] == pytest.approx(start, rel=1e-6)
    assert column(found, "norm", "norm")[2] != column(found, "norm", "norm")[4]
    assert "norm" not in execute(spec(probes=(Norm(at=(99,)),))).tables


def test_probes_do_not_change_the_curves() -> None:
    assert execute(spec(probes=(Norm(at=(0, 1, 2)),))).tables["curves"].equals(execute(spec()).tables["curves"])


def test_a_run_that_diverges_is_kept_as_such_up_to_its_last_step() -> None:
    quadratic = WeightedQuadratic(num_coordinates=2)
    found = execute(spec(problem=quadratic, lr=1e200, steps=50))
    assert found.state == "diverged"
    assert found.facts["final_loss"] is found.facts["final_objective"] is None
    assert found.facts["initial_loss"] == 0.5
    assert found.facts["last_step"] == len(column(found, "loss")) - 1 < 50
    assert np.isfinite(column(found, "loss")[:-1]).all()
    assert not np.isfinite(column(found, "loss")[-1])


def test_the_seed_draws_the_data_and_nothing_else_does() -> None:
    starts = {s: execute(spec(seed=s, steps=0)).facts["initial_loss"] for s in range(3)}
    assert len(set(starts.values())) == 3
    for method, lr in ((Method(Adam), 1.0), (Method(SignDescent), 1e-3)):
        assert execute(spec(seed=1, method=method, lr=lr)).facts["initial_loss"] == starts[1]


def test_the_cost_of_a_run_counts_every_forward_pass() -> None:
    n, d, c = 24, 32, 7
    assert spec(steps=9).work() == Work(flops=10 * 4.0 * n * d * c, logits=10.0 * n * c)


def test_threads_are_pinned_and_put_back() -> None:
    seen: list[int] = []

    class Watch(Probe):
        def measure(self, task: Task, params: Params) -> Mapping[str, np.ndarray]:
            seen.append(torch.get_num_threads())
            return {"x": np.zeros(1)}

    before = torch.get_num_threads()
    execute(spec(probes=(Watch(at=(1,)),), threads=2))
    assert (seen, torch.get_num_threads()) == ([2], before)
    with pytest.raises(ZeroDivisionError), pinned_threads(before + 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_a_calculation_has_one_thread_of_blas() -> None:
    with threadpool_limits(2, user_api="blas"):
        assert blas_threads() == {2}
        outcome = execute(Calculation(lambda: {"threads": max(blas_threads())}))
        assert blas_threads() == {2}
    assert outcome.facts == {"threads": 1}


def doubled(x: float, seed: int = 0) -> dict[str, float]:
    return {"double": 2 * x + seed, "threads": torch.get_num_threads()}


def with_table(x: float) -> tuple[dict[str, float], dict[str, pa.Table]]:
    return {"x": x}, {"points": pa.table({"x": [x]})}


def test_a_calculation_calls_its_function_on_one_thread() -> None:
    assert execute(Calculation(doubled, {"x": 4.0})).facts == {"double": 8.0, "threads": 1}
    assert execute(Calculation(doubled, {"x": 4.0}, seed=3)).facts["double"] == 11.0
    found = execute(Calculation(with_table, {"x": 4.0}))
    assert (found.state, found.facts, found.tables["points"].to_pydict()) == ("done", {"x": 4.0}, {"x": [4.0]})
    assert Calculation(with_table, {"x": 4.0}).work().flops > 0


def test_a_calculation_says_what_it_costs() -> None:
    assert Calculation(doubled, takes=2.0).work().flops == 2 * Calculation(doubled, takes=1.0).work().flops > 1e9
    assert Calculation(doubled, takes=Work(3.0, 4.0, 5.0)).work() == Work(3.0, 4.0, 5.0)
    assert Calculation(doubled, takes=Work(3.0, 4.0)).id == Calculation(doubled).id


@declared("tests.on_threads")
def on_threads(device: str = "cpu") -> dict[str, float | str]:
    return {"torch": torch.get_num_threads(), "blas": max(blas_threads()), "device": device}


def test_threads_and_device_of_a_calculation_are_its_own_and_enter_its_identity_where_they_are_given() -> None:
    plain, wide, other = (
        Calculation(on_threads),
        Calculation(on_threads, threads=2),
        Calculation(on_threads, device="meta"),
    )
    before = torch.get_num_threads()
    assert execute(wide).facts == {"torch": 2, "blas": 2, "device": "cpu"}
    assert execute(plain).facts == {"torch": 1, "blas": 1, "device": "cpu"}
    assert execute(other).facts["device"] == "meta"
    assert torch.get_num_threads() == before
    assert plain.description().keys() == {"kind", "version", "code", "options", "seed"}
    assert plain.id == Calculation(on_threads, threads=1, device="cpu").id
    assert len({plain.id, wide.id, other.id}) == 3
    assert (wide.description()["threads"], other.description()["device"]) == (2, "meta")


def test_a_calculation_that_cannot_run_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Calculation\.device: 'gpu' is not a device; give cpu, cuda or mps"):
        Calculation(on_threads, device="gpu")
    with pytest.raises(
        UsageError, match="device=cuda: doubled has no parameter `device`; give it one, or device='cpu'"
    ):
        Calculation(doubled, {"x": 1.0}, device="cuda")
    with pytest.raises(UsageError, match=r"Calculation\.threads = 0: give at least one thread"):
        Calculation(doubled, {"x": 1.0}, threads=0)


TABLE, ONES = pa.table({"x": [1.0]}), torch.ones(2)
WRONG = [
    (3, "3, no numbers by name"),
    (None, "None, no numbers by name"),
    ((), "a tuple of 0"),
    (({}, {}, {}, {}), "a tuple of 4"),
    ({"x": ONES}, "tensor([1., 1.]) as the number 'x'"),
    ({"x": object}, "<class 'object'> as the number 'x'"),
    ({"x": 1j}, "1j as the number 'x'"),
    ({"x": "nan"}, "'nan' as the number 'x'"),
    ({3: 1.0}, "1.0 as the number 3"),
    ({"x": [1.0] * 99}, f"[{'1.0, ' * 11}1.0,… (list) as the number 'x'"),
    (({}, TABLE), "pyarrow.Table x: double ---- x: [[1]], no tables by name"),
    (({}, {"t": {"x": [1.0]}}), "{'x': [1.0]} as the table 't'"),
    (({}, {"a/b": TABLE}), "pyarrow.Table x: double ---- x: [[1]] as the table 'a/b'"),
    (({}, {}, {"W": 3.0}), "3.0 as the tensor 'W'"),
    (({}, {}, {"W": ONES.to_sparse()}), "as the tensor 'W'"),
    (Outcome("finished", {}), "the state 'finished', neither 'done' nor 'diverged'"),
    (Outcome("done", {}, {"t": 3}), "3 as the table 't'"),  # type: ignore[dict-item]
]


@pytest.mark.parametrize(("answer", "text"), WRONG, ids=range(len(WRONG)))
def test_what_a_calculation_must_not_return_is_one_line(answer: Any, text: str) -> None:
    def wrong() -> Any:
        return answer

    with pytest.raises(UsageError) as refused:
        execute(Calculation(wrong))
    assert re.fullmatch(r"wrong returned .*; return named numbers, or \(.*\), or an Outcome", str(refused.value))
    assert text in str(refused.value)


def numbers() -> Any:
    third = torch.tensor(1 / 3, dtype=torch.float64)
    exact = {
        "torch": third.requires_grad_(),
        "numpy": np.float64(1 / 3),
        "array": np.array(7),
        "single": np.float32(0.1),
    }
    return exact | {"none": None, "text": "é", "nan": math.nan, "inf": np.float64(np.inf), "-inf": -math.inf}


def test_numbers_of_torch_and_numpy_and_infinite_ones_come_back_from_the_store(tmp_path: Path) -> None:
    (found,) = run(Calculations((Calculation(numbers),)), store=str(tmp_path / "store"), jobs=1)
    expected = {"torch": 1 / 3, "numpy": 1 / 3, "array": 7, "single": 0.10000000149011612, "none": None, "text": "é"}
    expected |= {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
    assert {name: repr(value) for name, value in found.facts.items()} == {n: repr(v) for n, v in expected.items()}

    def refuse(word: str) -> None:
        raise AssertionError(word)

    json.loads((found.folder / "result.json").read_text(), parse_constant=refuse)  # calls it at NaN and Infinity


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_calculation_needs_its_device() -> None:
    with pytest.raises(UsageError, match="device=cuda: no GPU is available here; give device=cpu"):
        execute(Calculation(on_threads, device="cuda"))


@declared("tests.matrices")
def matrices(whole: bool) -> Any:
    W = torch.arange(6.0).reshape(2, 3)
    facts, tables, tensors = (
        {"norm": 1.0},
        {"points": pa.table({"x": [1.0]})},
        {"W": W, "transposed": W.T.requires_grad_()},
    )
    return Outcome("diverged", facts, tables, tensors) if whole else (facts, tables, tensors)


@pytest.mark.parametrize("whole", [False, True])
def test_tensors_of_a_calculation_come_back_from_the_store(whole: bool, tmp_path: Path) -> None:
    (found,) = run(Calculations((Calculation(matrices, {"whole": whole}),)), store=str(tmp_path / "store"), jobs=1)
    assert (found.state, found.facts) == ("diverged" if whole else "done", {"norm": 1.0})
    assert found.table("points").to_pydict() == {"x": [1.0]}
    assert {name: t.tolist() for name, t in found.tensors().items()} == {
        "W": [[0, 1, 2], [3, 4, 5]],
        "transposed": [[0, 3], [1, 4], [2, 5]],
    }


@declared("tests.counted")
def counted(until: int, checkpoint: Path) -> dict[str, float]:
    """Add up 1 … `until`, and stop once in the middle."""
    i, total = map(int, checkpoint.read_text().split()) if checkpoint.exists() else (0, 0)
    begun_at = i
    while i < until:
        i, total = i + 1, total + i + 1
        write_atomically(checkpoint, f"{i} {total}".encode())
        if i == until // 2:
            raise ConnectionError("the machine went down")
    return {"total": total, "begun_at": begun_at}


def test_a_calculation_that_was_stopped_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    store, plan = Store(tmp_path / "store"), Calculations((Calculation(counted, {"until": 10}),))
    kept = store.checkpoint(plan.calculations[0].id)
    with pytest.raises(ConnectionError):
        run(plan, store=store, jobs=1)
    assert kept.read_text() == "5 15"
    (found,) = run(plan, store=store, jobs=1)
    assert found.facts == {"total": 55, "begun_at": 5}
    assert not kept.exists()
    assert execute(Calculation(counted, {"until": 1})).facts["total"] == 1  # without a store


# What is shared is described once.


class Edited(WeightedQuadratic):
    """A problem of the user's, of which the code, or the data, may be edited."""

    def fingerprint(self) -> str:
        return f"edition {EDITION[0]}"


EDITION = [1]


def test_a_run_keeps_its_identity_and_a_changed_copy_is_described_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "EDITION", [1])
    first = spec(problem=Edited(num_coordinates=2))
    before = first.id
    EDITION[0] = 2
    assert first.id == before == identity(first.description())
    assert first.beside(lr=0.5, seed=3).description() == first.description() | {"lr": 0.5, "seed": 3}
    assert first.beside(method=Method(Adam)).description()["problem"] == first.description()["problem"]
    assert first.changed().description()["problem"]["fingerprint"] == "edition 2"
    assert first.changed().id == spec(problem=Edited(num_coordinates=2)).id != before


# Equal specs, equal bytes; equal versions, equal numbers.


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "cache"))


def text(folder: Path) -> Problem:
    lines = ["the cat sat on the mat", "a dog sat on the cat", "the end of the cat and the dog and the mat"]
    (folder / "text.txt").write_text("\n\n".join(lines), encoding="utf-8")
    corpus = TextFiles(path=str(folder / "text.txt"))
    return LastLayer(corpus=corpus, vocabulary=Words(), windows=2, length=6, width=8)


def windows(folder: Path) -> Problem:
    last_layer = text(folder)
    assert isinstance(last_layer, LastLayer)
    model = Transformer(depth=1, heads=2, width=8, dropout=0.2)
    sizes = {"length": 6, "windows": 3, "per_update": 2, "per_chunk": 1}
    return LanguageModel(corpus=last_layer.corpus, vocabulary=Words(), model=model, **sizes)  # type: ignore[arg-type]


def images(_: Path) -> Problem:
    glyphs = Glyphs(num_glyphs=4, total=10, imbalance="zipf", size=12)
    return ImageClassification(data=glyphs, model=CNN(channels=(2, 3)), per_update=4, per_chunk=3)


PROBLEMS: dict[str, Callable[[Path], Problem]] = {
    "SoftmaxRegression": lambda _: PROBLEM,
    "LastLayer": text,
    "WeightedQuadratic": lambda _: WeightedQuadratic(num_coordinates=5),
    "LanguageModel": windows,
    "ImageClassification": images,
}
METHODS = {
    "GradientDescent": (Method(GradientDescent, momentum=0.5), 0.05),
    "NormalizedGD": (Method(optim.NormalizedGD, momentum=0.5), 0.05),
    "SignDescent": (Method(SignDescent, momentum=0.5), 0.01),
    "Adam": (Method(Adam, betas=(0.5, 0.9)), 0.01),
    "AdaGrad": (Method(optim.AdaGrad), 0.01),
    "RescaledSignDescent": (Method(optim.RescaledSignDescent, momentum=0.5), 0.001),
    "LineSearchGD": (Method(optim.LineSearchGD), 1.0),
    "AdamW": (Method(optim.AdamW), 0.01),
    "Muon": (Method(optim.Muon), 0.01),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_losses_are_the_golden_ones_of_this_version(problem: str, method: str, tmp_path: Path) -> None:
    chosen, lr = METHODS[method]
    run = spec(problem=PROBLEMS[problem](tmp_path), method=chosen, lr=lr, steps=5)
    parts, loss = run.description(), execute(run).facts["final_loss"]
    key = f"{problem} {parts['problem']['version']}, {method} {parts['method']['version']}"
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert key in golden, f"a new version: add {json.dumps({key: loss})} to {GOLDEN.name}"
    assert loss == pytest.approx(golden[key], rel=1e-5), (
        f"the numbers of {key} changed, so stored runs would be wrong: bump `version` of {problem} or {method}"
    )


def test_all_optimizers_have_golden_losses() -> None:
    assert set(METHODS) == {n for n in optim.__all__ if isinstance(getattr(optim, n), type)}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_same_spec_gives_the_same_bytes(problem: str, tmp_path: Path) -> None:
    method = Method(Adam)
    runs = [spec(problem=PROBLEMS[problem](tmp_path), method=method, groups=None, by_class=True) for _ in range(2)]
    first, second = (column(execute(run), "class") for run in runs)
    assert first.tobytes() == second.tobytes()
    assert np.isfinite(first[-1]).any()
