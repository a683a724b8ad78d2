"""A paper outside of the distribution: text of the user's, calculations that fail on demand."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure as Canvas

from steepest.claims.claim import Claim, Measured, measure
from steepest.claims.paper import Drawing, Figure, Paper, Results, Settings
from steepest.data.corpus import TextFiles
from steepest.data.tokens import Words
from steepest.errors import DataError
from steepest.optim import SignDescent
from steepest.problems import LastLayer
from steepest.runs.method import Method
from steepest.runs.spec import Calculation
from steepest.runs.sweep import Calculations, Plan, Sweep, untuned


class TextSizes(Settings):
    path: str = "missing.txt"
    steps: int = 2


class NumberSizes(Settings):
    trouble: str = ""
    count: int = 3
    seconds: float = 0.0


def text_plans(sizes: TextSizes) -> dict[str, Plan]:
    problem = LastLayer(corpus=TextFiles(path=sizes.path), vocabulary=Words(), windows=1, length=4, width=4)
    assert problem.num_classes > 1
    return {"text": Sweep(problem=problem, optimizers={Method(SignDescent): untuned(0.1)}, steps=sizes.steps, groups=2)}


def number_plans(sizes: NumberSizes) -> dict[str, Plan]:
    parts = [
        Calculation(number, {"trouble": sizes.trouble if i else "", "seconds": sizes.seconds}, seed=i)
        for i in range(sizes.count)
    ]
    return {"numbers": Calculations(tuple(parts))}


def number(trouble: str, seconds: float, seed: int) -> dict[str, float]:
    time.sleep(seconds)
    if trouble == "data":
        raise DataError("corpus [bold]x is\nbroken; mend it")
    if trouble == "memory":
        raise MemoryError
    if trouble == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble == "interrupt":
        raise KeyboardInterrupt
    return {"value": 10.0 + seed}


@measure()
def values(results: Results) -> Measured:
    runs = results.calculations("numbers")
    return Measured([run.facts["value"] for run in runs], [run.id for run in runs])


def draw(results: Results) -> Drawing:
    return Drawing(Canvas(), pa.table({"value": [1.0]}))


def figure(name: str, sizes: Settings, plans: Any, claims: tuple[Claim, ...] = (), draw: Any = None) -> Figure:
    scales = {"smoke": sizes, "laptop": sizes, "paper": sizes}
    drawings = {name: draw} if draw else {}
    return Figure(name, f"Title [bold]of {name}", "It says [red]so.", scales, plans, claims, drawings, "no rule")


PAPER = Paper(
    "textpaper",
    "Title [link=x] of a paper",
    "A. Author",
    2026,
    "2601.00001",
    {
        "text": figure("text", TextSizes(), text_plans),
        "numbers": figure(
            "numbers",
            NumberSizes(),
            number_plans,
            (
                Claim("no", values().at_most(0.5, fails=0.9), "Section [1]").says("the value [is] small"),
                Claim("yes", values().at_least(-1.0, fails=-2.0), "Section 2", "ours").says("the value is positive"),
            ),
            draw,
        ),
    },
)
