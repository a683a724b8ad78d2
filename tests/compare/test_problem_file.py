"""Problem files: what they may define, what identifies them, what they are told when they are wrong."""

from __future__ import annotations

import importlib
import random
import shutil
import sys

import numpy as np
import pytest
import torch
from compare.problems import SMALL, written
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from steepest.compare.problem_file import KEPT, ProblemFile
from steepest.component import identity
from steepest.errors import DataError, UsageError


def test_the_file_gives_model_data_and_batch_size(tmp_path):
    problem = ProblemFile.open(written(tmp_path))
    task = problem.setup(seed=3)
    torch.manual_seed(3)
    expected = nn.Linear(4, 6)
    assert torch.equal(task.params["weight"], expected.weight)
    assert (task.batches.per_update, task.batches.seed, task.batches.num_items) == (16, 3, 80)
    assert problem.summary() == "80 examples, 6 classes, 30 params, 16 items an update"


def test_the_same_file_elsewhere_is_the_same_problem(tmp_path):
    here, there = (ProblemFile.open(written(tmp_path / name)) for name in ("a", "b"))
    assert identity(here) == identity(there)
    assert str(tmp_path) not in str(here.description())


HELPED = SMALL.replace("import torch\n", "import torch\nimport helpers_of_small as helpers\n\nWIDTH = 6\n", 1)
HELPED = HELPED.replace("nn.Linear(4, 6)", "nn.Linear(4, WIDTH, bias=helpers.bias())")
HELPERS = "import torch\nSCALE = 1.0\ndef bias():\n    return SCALE > 0\n"
EDITS = {
    "a comment": (HELPED + "# more\n", HELPERS, True),
    "a comment in the module": (HELPED, HELPERS.replace("SCALE > 0", "SCALE > 0  # always"), True),
    "a constant": (HELPED.replace("WIDTH = 6", "WIDTH = 7"), HELPERS, False),
    "the data": (HELPED.replace("0.3 *", "0.4 *"), HELPERS, False),
    "the size of batches": (HELPED.replace("batch_size = 16", "batch_size = 8"), HELPERS, False),
    "a loss": (HELPED + "def loss(z, y):\n    return z.square().sum(1)\n", HELPERS, False),
    "the module": (HELPED, HELPERS.replace("SCALE > 0", "SCALE < 0"), False),
    "a constant in the module": (HELPED, HELPERS.replace("SCALE = 1.0", "SCALE = 2.0"), False),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_file_or_of_what_it_imports_is_another_problem_unless_it_is_a_comment(
    tmp_path, monkeypatch, edit
):
    text, helpers, same = EDITS[edit]
    monkeypatch.syspath_prepend(tmp_path)

    def opened(file, module):
        sys.modules.pop("helpers_of_small", None)
        (tmp_path / "helpers_of_small.py").write_text(module)
        importlib.invalidate_caches()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        return identity(ProblemFile.open(written(tmp_path, file)))

    first = opened(HELPED, HELPERS)
    assert opened(HELPED, HELPERS) == first
    assert (opened(text, helpers) == first) == same


SETS = {
    "a global": ("global width; width = {}", "width"),
    "an attribute of a class": ("Sizes.width = {}", "Sizes.width"),
    "an entry": ("sizes['width'] = {}", "sizes['width']"),
}


@pytest.mark.parametrize("sets", SETS)
@pytest.mark.parametrize("where", ["data", "held_out"])
def test_what_data_and_held_out_set_for_the_model_is_part_of_the_problem(tmp_path, sets, where):
    setting, reading = SETS[sets]
    text = (
        SMALL.replace("nn.Linear(4, 6)", f"nn.Linear(4, {reading})")
        + "\nclass Sizes: width = 6\nwidth, sizes = 6, {}\n"
    )
    text += "def held_out(): return data()\n"

    def opened(width):
        return identity(
            ProblemFile.open(
                written(tmp_path, text.replace(f"{where}():", f"{where}():\n    {setting.format(width)}\n   "))
            )
        )

    assert opened(6) == opened(6) != opened(7)


def test_other_data_is_another_problem(tmp_path):
    read = f"    shift = float(__import__('pathlib').Path({str(tmp_path / 'shift')!r}).read_text())\n    classes ="
    text = SMALL.replace("    classes =", read).replace("0.3 *", "shift + 0.3 *")
    found = []
    for folder, shift in (("a", "0"), ("b", "1"), ("c", "0")):
        (tmp_path / "shift").write_text(shift)
        found.append(ProblemFile.open(written(tmp_path / folder, text)).data)
    assert found[0] == found[2] != found[1]


def test_random_data_without_a_seed_is_the_same_every_time(tmp_path):
    text = """
import random
import numpy as np
import torch
def model():
    return torch.nn.Linear(1, 2)
def data():
    return np.random.rand(9, 1).astype("float32") + random.random(), torch.randint(2, (9,))
"""
    prints = [ProblemFile.open(written(tmp_path / str(i), text + f"# {i}")).data for i in range(2)]
    assert prints[0] == prints[1]


def test_generators_are_left_as_they_were(tmp_path):
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    ProblemFile.open(written(tmp_path)).setup(0)
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()
    assert torch.equal(torch.get_rng_state(), states[2])


DATASET = """

class Rows(torch.utils.data.Dataset):
    def __init__(self, inputs, classes):
        self.inputs, self.classes = inputs, classes

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, i):
        return self.inputs[i], int(self.classes[i])
"""
WRAPS = {
    "Rows({})": None,
    "torch.utils.data.TensorDataset({})": None,
    "torch.utils.data.DataLoader(Rows({}), batch_size=9)": 9,
    "[*map(lambda x: x.numpy(), ({}))]": None,
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_datasets_loaders_and_arrays_give_the_same_tensors(tmp_path, wrap):
    pair = "torch.randn(6, 4)[classes] + 0.3 * torch.randn(80, 4), classes"
    text = SMALL.replace("batch_size = 16\n", "").replace(f"return {pair}", f"return {wrap.format(pair)}") + DATASET
    found = ProblemFile.open(written(tmp_path / "other", text))
    assert found.contents.digest == ProblemFile.open(written(tmp_path / "plain")).contents.digest
    assert found.contents.batch_size == WRAPS[wrap]


def test_work_counts_the_products_of_an_update(tmp_path):
    problem = ProblemFile.open(written(tmp_path))
    module = nn.Linear(4, 6)
    inputs = torch.randn(16, 4, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        module(inputs).sum().backward()
    assert problem.work().flops == counter.get_total_flops() == 3 * 2 * 16 * 4 * 6
    assert problem.work().logits == 16 * 6
    assert problem.evaluation().flops == pytest.approx(2 * 2 * 80 * 4 * 6)


def test_steps_and_held_out_are_taken_from_the_file(tmp_path):
    text = SMALL + "\nsteps = 40\n\n\ndef held_out():\n    return torch.ones(5, 4), torch.arange(5)\n"
    problem = ProblemFile.open(written(tmp_path, text))
    assert problem.steps == 40
    assert problem.setup(0).held_out.classes.tolist() == [0, 1, 2, 3, 4]


WRONG = {
    "import torch\n": (UsageError, r"small.py: defines no function model\(\); give model\(\) and data\(\)"),
    SMALL.replace("return nn.Linear(4, 6)", "return 3"): (
        DataError,
        r"model\(\) must return a torch.nn.Module, got int",
    ),
    SMALL.replace("torch.randn(6, 4)[classes]", "missing"): (
        DataError,
        r"line 14 in data\(\): NameError: name 'missing'",
    ),
    SMALL + "\n1 / 0\n": (DataError, "small.py, line 16: ZeroDivisionError: division by zero"),
    SMALL.replace(", classes\n", "\n"): (
        DataError,
        r"data\(\) must return \(inputs, targets\), a Dataset or a DataLoader",
    ),
    SMALL.replace(", classes\n", ", classes[1:]\n"): (DataError, "returned 80 inputs and 79 targets"),
    SMALL.replace("= 16", "= 0"): (DataError, "batch_size = 0 must be a whole number above 0"),
    SMALL.replace("def model():", "def model()"): (DataError, "SyntaxError"),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path, text):
    error, message = WRONG[text]
    with pytest.raises(error, match=message):
        ProblemFile.open(written(tmp_path, text)).setup(0)


def test_a_missing_file_names_the_command_that_writes_one(tmp_path):
    with pytest.raises(UsageError, match=r"none.py: no such file; .*steepest new problem"):
        ProblemFile.open(tmp_path / "none.py")


def test_an_edit_while_runs_train_is_noticed(tmp_path):
    problem = ProblemFile.open(written(tmp_path))
    for edited, message in (
        (SMALL.replace("nn.Linear(4, 6)", "nn.Linear(4, 7)"), "was edited while its runs were training; repeat"),
        (SMALL.replace("batch_size = 16", "batch_size = 8"), "was edited while its runs were training; repeat"),
        (SMALL.replace("0.3 *", "0.4 *"), r"data\(\) does not give the same again; seed what it draws"),
    ):
        KEPT.clear()  # as in a worker process
        written(tmp_path, edited)
        with pytest.raises(DataError, match=message):
            problem.setup(0)
    written(tmp_path, SMALL + "# a comment\n")
    assert problem.setup(0).batches.num_items == 80
