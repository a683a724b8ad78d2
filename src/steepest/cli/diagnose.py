"""`diagnose`: is the tail of one's own data heavy, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from steepest.cli.options import COMMON, Common, use_cache, worker_processes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from steepest.claims.verdict import Verdict
    from steepest.diagnose.counting import ExecutorName, Total
    from steepest.diagnose.diagnosis import Diagnosis
    from steepest.diagnose.inputs import Input
    from steepest.diagnose.tokenization import Tokenization
    from steepest.diagnose.verdicts import Judged

WORTH_A_RATE = 10  # megabytes; less is mostly start-up
SIZES = (512, 1_024, 2_048, 4_096, 8_192, 16_384)


EXAMPLES = """\
  steepest diagnose my_corpus/ --tokenizer bpe
  steepest diagnose labels.parquet --column label
  steepest diagnose wikipedia"""


def diagnose(
    data: str,
    /,
    *,
    column: str | None = None,
    tokenizer: str | None = None,
    dtype: Literal["uint16", "uint32", "int32", "int64"] = "uint16",
    sizes: Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative=())] = SIZES,
    executor: Literal["local", "ray"] = "local",
    jobs: int | None = None,
    output: Path | None = None,
    common: Common = COMMON,
) -> None:
    """Diagnose the tail of your own data.

    Counts classes in a stream, fits the tail, compares with known corpora,
    predicts what gradient descent loses, and says what to do and why.

    Parameters
    ----------
    data
        Text, a folder, .jsonl, .csv, .parquet, .arrow, token ids as
        .bin or .npy; .gz and .zst too; wikipedia, newsgroups,
        newsgroups-labels, reuters, fashion, glyphs; or a dataset of
        the Hugging Face hub.
    column
        The column of a table [default: text, else label].
    tokenizer
        words, whitespace, gpt2, bpe, bpe:SIZE or a
        tokenizer.json; with it a column holds texts
        [default: words].
    dtype
        Type of the ids in .bin files.
    sizes
        Byte-pair vocabularies to compare on text; 0 for none.
    executor
        Where to count: worker processes here, or a Ray cluster.
    jobs
        Worker processes [default: one per core].
    output
        The page, an HTML file [default: inside the store].
    """
    from steepest.claims.installed import papers
    from steepest.claims.paper import Paper
    from steepest.cli.screen import command, print_json, screen
    from steepest.diagnose.diagnosis import chosen, examined
    from steepest.diagnose.inputs import open_input
    from steepest.diagnose.page import page_path, write_page
    from steepest.diagnose.verdicts import judged, to_run
    from steepest.runs.store import Store, default_store

    use_cache(common)
    _check(output, sizes)
    jobs, console = worker_processes(jobs), screen(stderr=common.json)
    source = open_input(data, column, as_text=tokenizer is not None, dtype=dtype)
    with console.status("reading") as status:
        how = chosen(source, tokenizer)
        total, rate = _counted(console, source, how, jobs, executor)
        status.update("fitting, predicting")
        found = examined(source, how, total, [size for size in sizes if size])
        status.update("asking the ledger, drawing")
        store = Store(common.store or default_store(), read_only=output is not None)
        topics = [topic for advice in found.advice for topic in advice.topics]
        usable = [paper for _, paper in papers(common.paper) if isinstance(paper, Paper)]
        verdicts = judged(topics, usable, store)
        missing = command("run", *to_run(verdicts)) if to_run(verdicts) else ""
        again = _again(data, column, tokenizer, common)
        page = write_page(found, verdicts, output or page_path(found, store), again, missing)
    if common.json:
        claims = [
            {"topic": topic, "figure": f"{row.paper}/{row.figure}", "claim": row.claim, "verdict": row.verdict}
            for topic, rows in verdicts.items()
            for row in rows
        ]
        print_json(found.as_json() | {"evidence": claims, "page": str(page)})
        return
    _show(console, found, verdicts, rate)
    if missing:
        console.print(f"\nTo judge what was not run: {missing}", soft_wrap=True, markup=False)
    console.print(f"\nThe page: {page}", soft_wrap=True, markup=False)


def _check(output: Path | None, sizes: tuple[int, ...]) -> None:
    from steepest.errors import UsageError

    if output is not None and (output.suffix != ".html" or output.is_dir()):
        raise UsageError(f"--output {output}: names an HTML file, as in --output page.html")
    for size in sizes:
        if size and not 256 < size <= 1_000_000:
            raise UsageError(f"--sizes {size}: a byte-pair vocabulary has 257 to 1,000,000 tokens; 0 for none")


def _counted(
    console: Console, source: Input, how: Tokenization | None, jobs: int, executor: ExecutorName
) -> tuple[Total, str]:
    """Return the counts of a whole input, and how fast they came; show a bar with the time left on a terminal."""
    import time

    from rich.progress import Progress

    from steepest.diagnose.counting import count

    started = time.monotonic()
    with Progress(console=console, transient=True, disable=not console.is_interactive) as bar:
        task = bar.add_task("counting", total=source.bytes or None)
        for total in count(source, how, jobs, executor):
            bar.update(task, completed=total.bytes)
    seconds = time.monotonic() - started
    megabytes = total.bytes / 1e6
    rate = f", {megabytes / seconds:,.0f} MB/s" if megabytes > WORTH_A_RATE else ""
    return total, f"{megabytes:,.3g} MB in {seconds:.2g} s{rate}"


def _again(data: str, column: str | None, tokenizer: str | None, common: Common) -> str:
    from steepest.cli.screen import command

    options = {"--column": column, "--tokenizer": tokenizer, "--store": common.store, "--cache": common.cache}
    return command("diagnose", data, *(str(part) for pair in options.items() if pair[1] for part in pair))


def _show(console: Console, found: Diagnosis, verdicts: Judged, rate: str) -> None:
    """Print the headline, the numbers, the tables and the advice."""
    from rich.markup import escape

    console.print(f"[bold]{escape(found.headline)}[/]\n")
    console.print(_numbers(found, rate))
    for title, table in _tables(found).items():
        console.print(f"\n[bold]{title}[/]")
        console.print(table)
    console.print("\n[bold]What to do[/]")
    for advice in found.advice:
        console.print(f"\n[bold]{advice.topic}[/]: {escape(advice.says)}\n[dim]{escape(advice.because)}[/]")
        _show_verdicts(console, [row for topic in advice.topics for row in verdicts[topic]])


def _show_verdicts(console: Console, rows: list[Verdict]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from steepest.cli.ledger import MARK_WIDTH, MARKS

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=MARK_WIDTH)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(MARKS[row.verdict], f"{escape(row.claim)}  [dim]{escape(f'{row.paper}/{row.figure}')}[/]")
    console.print(grid)


def _numbers(found: Diagnosis, rate: str) -> Table:
    from rich.markup import escape

    from steepest.cli.screen import columns

    summary, tail = found.summary, found.tail
    table = columns("data", last=escape(summary.name))
    rows = {
        "from": f"{found.source}; {rate}",
        "samples": f"{summary.samples:,} in {summary.classes:,} classes",
        "most frequent": f"{summary.largest:.3%}: {'  '.join(name.replace(' ', '␣') for name, _ in found.top)}",
        "rarest half": f"holds {summary.rarest_half:.2%} of the samples",
        "hapaxes": f"{summary.hapaxes:,} classes with a single sample, {summary.hapaxes / summary.classes:.0%}",
        "tail": "no heavy tail to fit: few classes, few different sizes, or sizes that fall off fast",
    }
    if tail is not None:
        low, high = tail.interval
        rough = "" if tail.reliable else "; fewer than 50 classes: rough"
        rows["tail"] = (
            f"p(n) ∝ n^−α, α = {tail.alpha:.2f} [{low:.2f}, {high:.2f}] from {tail.n_min:,} samples on, "
            f"{tail.classes:,} classes (n_(r) ∝ r^−{tail.rank_exponent:.2f}){rough}"
        )
        rows["fit"] = f"KS distance {tail.distance:.3g}; {tail.better_law}, p = {tail.p_value:.2g}"
    rows |= {"skipped": ", ".join(f"{count:,} {reason}" for reason, count in found.skipped.items())}
    for name, value in rows.items():
        if value:
            table.add_row(name, escape(value))
    return table


def _tables(found: Diagnosis) -> dict[str, Table]:
    from steepest.cli.screen import columns

    groups = columns("group", "classes", last="samples")
    for g, (classes, samples) in enumerate(found.group_rows, start=1):
        groups.add_row(str(g), f"{classes:,}", f"{samples:,}")
    tables = {"Frequency groups, a tenth of the samples each": groups}
    if found.vocabularies:
        vocabularies = columns("vocabulary", "tokens", "classes", "rarest half", "a", last="GD / sign")
        for row in found.vocabularies:
            share = f"{row.rarest_half:.2%}"
            vocabularies.add_row(
                row.name, f"{row.samples:,}", f"{row.classes:,}", share, _number(row.exponent), _number(row.ratio)
            )
        tables["Vocabulary size"] = vocabularies
    beside = columns("data", "classes", "rarest half", "a", last="GD / sign")
    for row in found.ranking:
        name = f"[bold]→ {row.name}[/]" if row is found.summary else row.name
        beside.add_row(name, f"{row.classes:,}", f"{row.rarest_half:.2%}", _number(row.exponent), _number(row.ratio))
    tables["Beside other data, the lightest first"] = beside
    updates = columns("model", "loss left", "GD", "sign", last="GD / sign")
    for line in found.predictions:
        updates.add_row(line.model, f"{line.epsilon:.0%}", _whole(line.gd), _whole(line.sign), _number(line.ratio))
    return tables | {"Updates needed, by theory": updates} if found.predictions else tables


def _number(value: float | None) -> str:
    from steepest.cli.screen import number

    return number(None if value is None else round(value, 9) + 0.0)


def _whole(updates: int | None) -> str:
    return "many" if updates is None else f"{updates:,}"
