"""The script itself: what is run, the measure, and the comparison with the ledger."""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

from steepest.claims.claim import Claim
from steepest.claims.paper import Paper, Results
from steepest.claims.verdict import Verdict
from steepest.eject.consulted import Consulted
from steepest.eject.expressions import expression, written
from steepest.eject.parts import (
    BEST,
    CALCULATION,
    CALCULATIONS,
    CHECK,
    LABELS,
    RESULTS,
    SETTINGS,
    STAND_INS,
    SWEEP,
    training,
)
from steepest.eject.problems import problem_source
from steepest.eject.rules import DESCEND, rule
from steepest.eject.slices import CannotEject, Place, Slices
from steepest.runs.lockstep import shares_data, stackable
from steepest.runs.spec import Calculation, Spec
from steepest.runs.sweep import Calculations

GIVEN: dict[Place, str] = {
    ("steepest.claims.paper", "Results"): "Results",
    ("steepest.runs.results", "Best"): "Best",
    ("steepest.runs.results", "Undecided"): "Undecided",
    ("steepest.runs.store", "Run"): "Run",
    ("steepest.claims.claim", "Measured"): "Measured",
    ("steepest.claims.claim", "measure"): "measure",
    ("steepest.data.synthetic", "HeavyTailedLabels"): "HeavyTailedLabels",
}
WIDTH = 120
FUTURE = "from __future__ import annotations"
COMMON = (
    "import math",
    "import sys",
    "import numpy as np",
    "import torch.nn.functional as F",
    "from dataclasses import dataclass",
    "from types import SimpleNamespace",
    "from typing import Any",
    "from typing import NamedTuple",
)


class Script:
    """A claim as a script.

    Args:
        paper: the claim's paper.
        claim: what is measured.
        row: its verdict in the ledger.
        results: the runs of its figure.

    Raises:
        CannotEject: it rests on what is not written as a script.
    """

    def __init__(self, paper: Paper, claim: Claim, row: Verdict, results: Results) -> None:
        self.paper, self.claim, self.row, self.results = paper, claim, row, results
        self.consulted = Consulted(results)
        claim.measure(self.consulted)
        self.slices = Slices(_packages(paper, claim), GIVEN)
        self.measure = expression(claim.measure, self.slices)
        self.rules: dict[str, str] = {}
        self.trained: list[Spec] = []

    @cached_property
    def text(self) -> str:
        """Return the script: what is trained or calculated, what the measure reads, the measure, the comparison."""
        table = "\n".join(["RUNS = {", *self._runs(), "}"])
        fields = self.consulted.settings.fields
        settings = SETTINGS.format(fields=", ".join(f"{name}={_literal(value)}" for name, value in fields.items()))
        offered = ((settings, fields), (CALCULATIONS, self._calculations), (SWEEP, self._specs))
        asked = [part for part, used in offered if used]
        parts = [
            *([LABELS] if "HeavyTailedLabels" in self.slices.needed else []),
            *self._training_parts(),
            STAND_INS,
            *([CALCULATION] if len(self.trained) < self._count else []),
            *([BEST] if self._specs else []),
            "\n".join([RESULTS.strip(), *asked]),
            self.slices.text(),
            table,
            CHECK.format(ledger=repr(self.row.measured), measure=self.measure(self.slices.names())),
        ]
        body = "\n\n\n".join(part.strip("\n") for part in parts)
        imports = "\n".join(self._imports(body))
        return f'"""{self._docstring()}"""\n\n{imports}\n\ntorch.set_num_threads(1)\n\n\n{body}\n'

    @cached_property
    def _calculations(self) -> dict[str, Sequence[Calculation | Spec]]:
        plans = {name: self.results.plans[name] for name in self.consulted.plans}
        return {name: plan.calculations for name, plan in plans.items() if isinstance(plan, Calculations)}

    @cached_property
    def _specs(self) -> dict[tuple[str, str], list[Spec]]:
        """Return the runs of each optimizer asked for, at its selected rate, by (plan, label)."""
        found = {}
        for plan, label in self.consulted.selected:
            results = self.results.sweep(plan)
            method = next(m for m in results.sweep.optimizers if m.label == label)
            exponent = results.best(label, decisive=False).exponent
            found[plan, label] = [results.sweep.spec(method, exponent, seed) for seed in results.sweep.seeds]
        return found

    @property
    def _count(self) -> int:
        return sum(map(len, self._calculations.values())) + sum(map(len, self._specs.values()))

    def _runs(self) -> Iterator[str]:
        """Yield the lines of the table of runs: by name, functions that train or calculate them."""
        for name, items in self._calculations.items():
            yield from _entry(written(name), [self._call(item) for item in items])
        for (plan, label), specs in self._specs.items():
            yield self._origin(plan, label)
            yield from _entry(f"({written(plan)}, {written(label)})", [self._training(spec) for spec in specs])

    def _origin(self, plan: str, label: str) -> str:
        """Return the comment that says where a learning rate comes from."""
        search = self.results.sweep(plan).searches[label]
        tried = search.rates
        first, last = (f"10^{exponent:g}" for exponent in (tried[0], tried[-1]))
        exponent = self.results.sweep(plan).best(label, decisive=False).exponent
        return f"    # learning rate 10^{exponent:g}, the best of {len(tried)} from {first} to {last} by the worst seed"

    def _call(self, item: Calculation | Spec) -> str:
        if isinstance(item, Spec):
            return self._training(item)
        place = item.function.__module__, item.function.__qualname__
        self.slices.packages.add(place[0].partition(".")[0])
        self.slices.add(place)
        options = dict(item.options) | ({} if item.seed is None else {"seed": item.seed})
        arguments = [self.slices.names()[place], *(f"{name}={_literal(value)}" for name, value in options.items())]
        return f"calculate({', '.join(arguments)})"

    def _training(self, spec: Spec) -> str:
        unusual = [name for name, usual in _USUAL.items() if getattr(spec, name) != usual]
        if unusual:
            shown = [textwrap.shorten(f"{name}={getattr(spec, name)!r}", 60) for name in unusual]
            raise CannotEject(f"its runs have {', '.join(shown)}")
        self.trained.append(spec)
        name, self.rules[name] = rule(spec.method, stacked=stackable(spec))
        sizes = [f"lr={spec.lr!r}", f"steps={spec.steps}", f"seed={spec.seed}"]
        options = [f"{option}={_literal(value)}" for option, value in spec.method.options.items()]
        return f"train({', '.join([name, *options, *sizes])})"

    def _training_parts(self) -> list[str]:
        """Return problem, update rules and training, if anything is trained."""
        if not self.trained:
            return []
        spec = self.trained[0]
        shared = self._stacked and shares_data(spec.problem.setup(spec.seed))
        descend = [DESCEND[self._stacked]] if any("descend(" in source for source in self.rules.values()) else []
        return [
            self._problem(),
            *descend,
            *self.rules.values(),
            training(stacked=self._stacked, shared=shared),
        ]

    @property
    def _stacked(self) -> bool:
        """Return whether the runs trained in stacks, as they do unless told otherwise."""
        return all(stackable(spec) for spec in self.trained)

    def _problem(self) -> str:
        sources = {problem_source(spec.problem, spec.groups) for spec in self.trained}
        if len(sources) > 1:
            raise CannotEject(f"it compares {len(sources)} problems, and a script has one")
        return sources.pop()

    def _imports(self, body: str) -> list[str]:
        """Return the import lines whose names the body uses: the standard library's, then others."""
        used = _names(body)
        lines = {"import torch"} | {line for line in (*COMMON, *self.slices.imports) if _bound_name(line) in used}
        grouped: dict[str, list[str]] = {}
        for line in sorted(lines - {FUTURE}, key=lambda line: (line.startswith("from"), line)):
            source, _, name = line.partition(" import ")
            grouped.setdefault(source, []).append(name)
        ordered = [
            f"{source} import {', '.join(names)}" if names != [""] else source for source, names in grouped.items()
        ]
        standard = [line for line in ordered if line.split()[1].partition(".")[0] in sys.stdlib_module_names]
        return [FUTURE, "", *standard, "", *(line for line in ordered if line not in standard)]

    def _docstring(self) -> str:
        row, paper = self.row, self.paper
        spread = (
            f" [{row.interval[0]:.3g}, {row.interval[1]:.3g}], {row.seeds} seeds" if row.interval and row.seeds else ""
        )
        signs = ("≥", "≤") if row.holds > row.fails else ("≤", "≥")
        paragraphs = [
            f"{row.claim} of {paper.authors} ({paper.year}), {paper.title}: {row.where}.",
            row.says,
            f"Sizes: {row.setting} ({row.scale} scale). Thresholds, written before the runs: holds {signs[0]} {row.holds:g}, "
            f"fails {signs[1]} {row.fails:g}. In the ledger: {row.measured:.6g}{spread}, {row.verdict}.",
            f"Written by steepest {version('steepest')}, which it does not use. It exits with 1 if its number is not the "
            "ledger's.",
        ]
        text = "\n\n".join(textwrap.fill(paragraph, WIDTH - len('"""')) for paragraph in paragraphs)
        return text.replace("\\", "\\\\").replace('"""', "'''") + "\n"


_USUAL: dict[str, Any] = {"weighting": "none", "l2": 0.0, "probes": (), "every": None, "device": "cpu"}


def _packages(paper: Paper, claim: Claim) -> set[str]:
    """Return the top-level packages whose source a script of the paper may need."""
    modules = ("steepest", paper.package, claim.measure.function.__module__)
    return {module.partition(".")[0] for module in modules if module}


def _bound_name(line: str) -> str:
    """Return the name that an import line binds.

    >>> _bound_name("import numpy as np"), _bound_name("from typing import Any")
    ('np', 'Any')
    """
    return line.rsplit(maxsplit=1)[-1].partition(".")[0]


def _names(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def _entry(key: str, calls: Sequence[str]) -> Iterator[str]:
    """Yield the lines of one entry of the table; calls that differ in their seed only are written once."""
    seeds = [call.rpartition("seed=")[2].rstrip(")") for call in calls]
    shapes = {call.replace(f"seed={seed}", "seed=seed") for call, seed in zip(calls, seeds, strict=True)}
    if len(calls) > 1 and len(shapes) == 1:
        yield f"    {key}: lambda: ["
        yield f"        {shapes.pop()} for seed in ({', '.join(seeds)})"
    else:
        yield f"    {key}: lambda: ["
        yield from (f"        {call}," for call in calls)
    yield "    ],"


def _literal(value: Any) -> str:
    """Return a value as Python writes it.

    Raises:
        CannotEject: it cannot be written so.
    """
    text = written(value)
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise CannotEject(f"its runs depend on {text}, which cannot be written down") from None
    return text
