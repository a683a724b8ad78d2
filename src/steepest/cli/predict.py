"""`predict`: what class frequencies alone say of gradient descent and sign descent."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from steepest.cli.options import COMMON, Common, use_cache, worker_processes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from steepest.theory.predict import Prediction

DIGITS = 3


EXAMPLES = """\
  steepest predict wikipedia
  steepest predict --alpha 1 --classes 50257
  steepest predict labels.csv --column species --output species.svg"""


def predict(
    source: str | None = None,
    /,
    *,
    alpha: float | None = None,
    classes: int | None = None,
    column: str | None = None,
    tokenizer: str | None = None,
    epsilon: Annotated[tuple[float, ...], Parameter(consume_multiple=True, negative=(), show_default=False)] = (),
    output: Path | None = None,
    common: Common = COMMON,
) -> None:
    """Predict updates of gradient descent and sign descent.

    From class frequencies alone, in two models that are solved exactly: the
    softmax of the next token, and the linear bigram model.

    Parameters
    ----------
    source
        Anything that steepest diagnose reads: text, a folder, a table,
        token ids, wikipedia, or a dataset of the Hugging Face hub.
    alpha
        Instead of a source: frequencies ∝ k^−α, with --classes.
    classes
        Number of classes with --alpha.
    column
        The column of a table [default: text, else label].
    tokenizer
        words, whitespace, gpt2, bpe, bpe:SIZE or a
        tokenizer.json; with it a column holds texts
        [default: words].
    epsilon
        Shares of the initial loss to reach [default: 0.5 0.25 0.1 0.05 0.01].
    output
        Draw the figure here: an SVG file; its PDF and CSV lie beside it.
    """
    from steepest.cli.screen import print_json
    from steepest.errors import UsageError
    from steepest.theory.predict import EPSILONS
    from steepest.theory.predict import predict as predicted

    use_cache(common)
    wanted = epsilon or EPSILONS
    for value in wanted:
        if not 0 < value < 1:
            raise UsageError(
                f"--epsilon {value}: a share of the initial loss lies between 0 and 1, as in --epsilon 0.1"
            )
    counts = _law(alpha, classes, source) if source is None else _counts(source, column, tokenizer)
    try:
        found = predicted(counts, sorted(wanted, reverse=True))
    except ValueError as error:
        raise UsageError(f"{source or f'--alpha {alpha}'}: {error}") from None
    if common.json:
        print_json(_as_json(found))
    else:
        _show(found, source or f"π_k ∝ k^−{alpha:g}")
    if output is not None:
        _draw(found, output, source or f"alpha={alpha:g}")


def _law(alpha: float | None, classes: int | None, source: str | None) -> NDArray[Any]:
    from steepest.data.frequency import zipf
    from steepest.errors import UsageError

    if source is None and (alpha is None or classes is None):
        raise UsageError(
            "predict needs class counts: a SOURCE, or --alpha and --classes, as in --alpha 1 --classes 50257"
        )
    if not (alpha is not None and math.isfinite(alpha) and alpha > 0):
        raise UsageError(f"--alpha {alpha}: must be a number above 0; with 0 all classes are equally frequent")
    if classes is None or not 2 <= classes <= 10_000_000:
        raise UsageError(f"--classes {classes}: give 2 to 10000000")
    return zipf(classes, alpha)


def _counts(source: str, column: str | None, tokenizer: str | None) -> NDArray[Any]:
    """Return the class counts of an input that `diagnose` reads, the million most frequent."""
    from steepest.diagnose.counting import count
    from steepest.diagnose.diagnosis import chosen, tail_of
    from steepest.diagnose.inputs import open_input
    from steepest.theory.predict import MOST_CLASSES

    data = open_input(source, column, as_text=tokenizer is not None)
    *_, total = count(data, chosen(data, tokenizer), worker_processes(None))
    spectrum, _ = tail_of(data, total)
    return spectrum.head(MOST_CLASSES)


def _as_json(found: Prediction) -> dict[str, Any]:
    from dataclasses import asdict

    rows = [asdict(row) | {"ratio": row.ratio} for row in found.rows]
    return asdict(found) | {"rows": rows, "remarks": list(found.remarks)}


def _show(found: Prediction, name: str) -> None:
    from rich.markup import escape

    from steepest.cli.screen import columns, screen

    console = screen()
    console.print(
        f"[bold]{escape(name)}[/]: {found.classes:,} classes, tail exponent {found.exponent:.2f}, "
        f"{found.rarest_half:.1%} of the samples in the rarer half\n"
    )
    table = columns("model", "loss left", "GD", "sign descent", last="GD / sign")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in found.rows:
        ratio = "" if row.ratio is None else f"{row.ratio:,.3g}"
        table.add_row(row.model, f"{row.epsilon:.0%}", _number(row.gd), _number(row.sign), ratio)
    console.print(table)
    console.print("\nUpdates until that share of the initial loss is left; gradient descent at the step 1/L of theory.")
    if any(row.gd is None for row in found.rows):
        console.print("many: the count was given up; GD at larger ε shows how it grows.")
    for remark in found.remarks:
        console.print(f"· {escape(remark)}")


def _number(updates: int | None) -> str:
    return "many" if updates is None else f"{updates:,}"


def _draw(found: Prediction, output: Path, name: str) -> None:
    from steepest.claims.figures import save, style
    from steepest.errors import UsageError
    from steepest.runs.store import store_errors
    from steepest.theory.predict import draw

    if output.suffix != ".svg":
        raise UsageError(f"--output {output}: names an SVG file, as in --output predicted.svg")
    with style(), store_errors(output.parent):
        save(draw(found.rows), output.parent, output.stem, [f"steepest predict {name}: {found.classes:,} classes"])
