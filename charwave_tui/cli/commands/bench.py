"""`charwave-tui bench`: measurements of training and of the playground."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from charwave_tui.cli.output import print_json
from charwave_tui.core.config.run_config import RunConfig

if TYPE_CHECKING:
    from charwave_tui.bench.results import BenchCorpus


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("bench", help="measure steps, names and the playground against the lecture's loop")
    corpus = "what is trained: a corpus by name or path; the lecture's own for all of it"
    parser.add_argument("--corpus", metavar="C", default=argparse.SUPPRESS, help=corpus)
    parser.add_argument("--only", metavar="NAME", nargs="+", default=[], help="measure only these cases")
    scale = "chart speed and memory against n_hidden and batch_size, only"
    parser.add_argument("--scale", action="store_true", help=scale)
    terminal = "measure bytes to the terminal, processor time and reactions to keys, only"
    parser.add_argument("--terminal", action="store_true", help=terminal)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=bench)


def bench(options: argparse.Namespace) -> int:
    """Measure for some minutes and print the measurements; unavailable ones are named on stderr too."""
    # on SIGTERM too, what was started is ended, as after Ctrl+C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from charwave_tui.bench.results import load_bench_corpus

    corpus = load_bench_corpus(options.corpus or RunConfig().corpus)
    return _run_scaling(corpus, options) if options.scale else _run_cases(corpus, options)


def _run_cases(corpus: BenchCorpus, options: argparse.Namespace) -> int:
    from charwave_tui.bench.responsiveness import TERMINAL_CASE
    from charwave_tui.bench.results import BenchSettings
    from charwave_tui.bench.suite import as_json, as_table, run_cases, select_cases, unavailable_lines

    settings, cases = BenchSettings(), [TERMINAL_CASE] if options.terminal else select_cases(options.only)
    with _progress_bar(sum(case.ticks(settings) for case in cases)) as on_progress:
        measurements = run_cases(cases, corpus, settings, on_progress)
    for line in unavailable_lines(measurements):
        print(line, file=sys.stderr)
    if options.json:
        print_json(as_json(measurements))
    else:
        print("\n".join(as_table(measurements)))
    return 0


def _run_scaling(corpus: BenchCorpus, options: argparse.Namespace) -> int:
    from charwave_tui.bench import scaling

    with _progress_bar(len(scaling.WIDTHS) + len(scaling.BATCH_SIZES)) as on_progress:
        series = scaling.measure_scaling(corpus.path, scaling.ROUNDS, scaling.ROUND_SECONDS, on_progress)
    if options.json:
        print_json(scaling.as_json(*series))
    else:
        print("\n".join(scaling.as_chart(*series)))
    return 0


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[str], None]]:
    """Provide a callback that advances a bar on stderr each time it is told what is measured next."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    # refreshed only between the runs: an animated bar would be measured too
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task("", total=total, completed=0)
        has_begun = False

        def on_progress(text: str) -> None:
            nonlocal has_begun
            bar.update(task, description=text, advance=int(has_begun))
            has_begun = True
            bar.refresh()

        yield on_progress
        bar.update(task, description="done", completed=total)
