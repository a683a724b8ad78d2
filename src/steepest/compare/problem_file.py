"""A problem from the user's Python file, which is run like a script.

    model()                  a torch.nn.Module, called again for each seed
    data()                   (inputs, targets), a Dataset of such pairs, or a DataLoader, whose batch size is taken
    loss(outputs, targets)   one number per example; optional, cross-entropy by default
    held_out()               like data(), evaluated and not trained on; optional
    batch_size               items in an update; optional, all of them by default
    steps                    updates in a run; optional, as many as the budget allows by default

A run is identified by the file's name, the code of its model and loss with all that they use, in modules that the file
imports too and as data() and held_out() leave it, and the bytes of its data: an edit of these trains anew, an edit of a
comment does not.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from steepest import code
from steepest.errors import DataError, SteepestError, UsageError
from steepest.files import sha256
from steepest.problems.base import Problem, Task, Work
from steepest.problems.module import Examples, cross_entropy, module_task

FRAMEWORK = "give model() and data(); `steepest new problem` writes a file that runs"
PER_CHUNK = 256
MOST = 8  # files whose contents are kept
STATE = 6  # numbers that an update reads and writes for each param: gradient, param, momentum


class ProblemFile(Problem):
    """The problem that a file defines.

    Args:
        path: of the file; only its name is part of the problem's identity.
        source: digest of the code of model and loss.
        data: SHA-256 of the data.
        batch_size: items in an update; None takes all.
    """

    kind: ClassVar[str] = "ProblemFile"

    path: str
    source: str
    data: str
    batch_size: int | None

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Run the file and return its problem.

        Raises:
            UsageError: no such file, or it lacks `model()` or `data()`.
            DataError: the file, or what it defines, raises or gives what cannot be used.
        """
        resolved = Path(path).expanduser().resolve()
        if not resolved.is_file():
            raise UsageError(f"{path}: no such file; {FRAMEWORK}")
        found = _read(str(resolved))
        problem = cls(path=str(resolved), source=found.source, data=found.digest, batch_size=found.batch_size)
        _keep(problem, found)
        return problem

    @property
    def name(self) -> str:
        """Return the file's name."""
        return Path(self.path).name

    @property
    def contents(self) -> Contents:
        """Return what the file defines, which a worker process reads anew.

        Raises:
            DataError: it is not what was opened.
        """
        if self not in KEPT:
            found = _read(self.path)
            if (found.source, found.batch_size) != (self.source, self.batch_size):
                raise DataError(
                    f"{self.path}, or what it imports, was edited while its runs were training; repeat the command"
                )
            if found.digest != self.data:
                raise DataError(
                    f"{self.name}: data() does not give the same again; seed what it draws, and repeat the command"
                )
            _keep(self, found)
        return KEPT[self]

    @property
    def steps(self) -> int | None:
        """Return the number of updates that the file sets, or None."""
        return self.contents.steps

    def description(self) -> dict[str, Any]:
        """Return the description with the file's name in place of its path."""
        return super().description() | {"path": self.name}

    def setup(self, seed: int) -> Task:
        """Build the model with every generator seeded; `seed` also draws the order of mini-batches."""
        contents = self.contents
        return module_task(
            self._module(seed),
            contents.train,
            contents.loss,
            held_out=contents.held_out,
            per_update=contents.batch_size,
            per_chunk=PER_CHUNK,
            seed=seed,
        )

    def summary(self) -> str:
        """Return sizes in one line."""
        contents = self.contents
        n, c = contents.train.classes.numel(), contents.train.num_classes
        sizes = f"{n:,} examples, {c:,} {'class' if c == 1 else 'classes'}"
        params = sum(p.numel() for p in self._module(0).parameters())
        size = "full batch" if contents.batch_size is None else f"{contents.batch_size} items an update"
        return f"{sizes}, {params:,} params, {size}"

    def work(self) -> Work:
        """Return the cost of one update, its products counted in a pass through the model."""
        return _pass(self, self.contents.batch_size or len(self.contents.train.inputs))

    def evaluation(self) -> Work:
        """Return the cost of evaluating all examples, at the end and for mini-batches at the start; a pass is a third."""
        contents = self.contents
        return _pass(self, len(contents.train.inputs)).times((1 if contents.batch_size is None else 2) / 3)

    def _module(self, seed: int) -> nn.Module:
        built = _called(self.name, "model", self.contents.model, seed)
        if not isinstance(built, nn.Module):
            raise DataError(f"{self.name}: model() must return a torch.nn.Module, got {type(built).__name__}")
        return built


@lru_cache(maxsize=32)
def _pass(problem: ProblemFile, items: int) -> Work:
    """Return the cost of training on `items` items, counted on at most a chunk of them."""
    from torch.utils.flop_counter import FlopCounterMode

    inputs, module = problem.contents.train.inputs, problem._module(0)
    counted = min(items, PER_CHUNK, len(inputs))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        outputs = module(inputs[:counted])
    params = sum(p.numel() for p in module.parameters())
    share = items / counted
    return Work(3.0 * share * counter.get_total_flops(), share * outputs.numel(), float(STATE * params))


@dataclass(frozen=True)
class Contents:
    """What a file defines.

    Attributes:
        model: builds the module.
        train: what is trained on.
        held_out: what is only evaluated.
        loss: by example.
        batch_size: items in an update; None takes all.
        steps: updates in a run, or None.
        source: digest of the code of model and loss.
        digest: SHA-256 of the data.
    """

    model: Callable[[], Any]
    train: Examples
    held_out: Examples | None
    loss: Callable[[Tensor, Tensor], Tensor]
    batch_size: int | None
    steps: int | None
    source: str
    digest: str


KEPT: dict[ProblemFile, Contents] = {}


def _keep(problem: ProblemFile, contents: Contents) -> None:
    KEPT[problem] = contents
    if len(KEPT) > MOST:
        del KEPT[next(iter(KEPT))]


def _read(path: str) -> Contents:
    module, name = _run(path), Path(path).name
    for needed in ("model", "data"):
        if not callable(getattr(module, needed, None)):
            raise UsageError(f"{name}: defines no function {needed}(); {FRAMEWORK}")
    given = _called(name, "data", module.data, 0)
    train = _examples(name, "data", given)
    held_out = None
    if hasattr(module, "held_out"):
        held_out = _examples(name, "held_out", _called(name, "held_out", module.held_out, 0))
    batch_size = _count(name, "batch_size", getattr(module, "batch_size", getattr(given, "batch_size", None)))
    loss = getattr(module, "loss", cross_entropy)
    source = code.digest({"model": module.model, "loss": loss}, name)  # after data(), which may set what they read
    tensors = [t for part in (train, held_out) if part is not None for t in (part.inputs, part.targets)]
    return Contents(
        model=module.model,
        train=train,
        held_out=held_out,
        loss=loss,
        batch_size=None if batch_size is None or batch_size >= len(train.inputs) else batch_size,
        steps=_count(name, "steps", getattr(module, "steps", None)),
        source=source,
        digest=_digest(tensors),
    )


def _run(path: str) -> ModuleType:
    """Run the file as a module of its own; modules beside it can be imported, as from a script."""
    name = f"steepest_problem_{sha256(path.encode())[:12]}"
    if str(Path(path).parent) not in sys.path:
        sys.path.append(str(Path(path).parent))
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: is not a Python file; {FRAMEWORK}")
    module = module_from_spec(spec)
    sys.modules[name] = module
    _called(Path(path).name, None, lambda: spec.loader.exec_module(module), 0)  # type: ignore[union-attr]
    return module


def _called(file: str, name: str | None, function: Callable[[], Any], seed: int) -> Any:
    """Return what a function of the user's file gives under a seed; its exceptions become one line with their place."""
    try:
        with _seeded(seed):
            return function()
    except SteepestError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if Path(frame.filename).name == file]
        place = f"{file}, line {lines[-1]}" if lines else file
        what = f" in {name}()" if name else ""
        raise DataError(f"{place}{what}: {type(error).__name__}: {error}") from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the generators that the user's code may draw from, and restore them afterwards."""
    before = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])


def _examples(file: str, name: str, given: Any) -> Examples:
    """Return a pair of tensors from a pair, a Dataset, or the Dataset of a DataLoader."""
    from torch.utils.data import DataLoader, default_collate

    if isinstance(given, DataLoader):
        given = given.dataset
    if not isinstance(given, tuple | list) and hasattr(given, "__getitem__") and hasattr(given, "__len__"):
        given = default_collate([given[i] for i in range(len(given))])
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise DataError(
            f"{file}: {name}() must return (inputs, targets), a Dataset or a DataLoader; got {_shown(given)}"
        )
    inputs, targets = (torch.as_tensor(part) for part in given)
    if len(inputs) != len(targets) or not len(inputs):
        raise DataError(f"{file}: {name}() returned {len(inputs)} inputs and {len(targets)} targets; give one for each")
    return Examples(inputs, targets)


def _shown(given: Any) -> str:
    return f"{len(given)} parts" if isinstance(given, tuple | list) else type(given).__name__


def _count(file: str, name: str, value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 1):
        raise DataError(f"{file}: {name} = {value!r} must be a whole number above 0")
    return value


def _digest(tensors: list[Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()
