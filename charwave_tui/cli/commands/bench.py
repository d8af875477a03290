"""`charwave-tui bench`: measurements of training and of the playground, side by side in one run."""

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
    """Add the command to the program's."""
    parser = commands.add_parser("bench", help="measure steps, names and the playground against the lecture's loop")
    corpus = "what is trained: a corpus by name or path; the lecture's own for all of it"
    parser.add_argument("--corpus", metavar="C", default=argparse.SUPPRESS, help=corpus)
    parser.add_argument("--only", metavar="NAME", nargs="+", default=[], help="measure what gives these figures alone")
    scale = "chart speed and memory against n_hidden and batch_size, and nothing else"
    parser.add_argument("--scale", action="store_true", help=scale)
    terminal = "measure bytes to the terminal, processor time and reactions to keys, and nothing else"
    parser.add_argument("--terminal", action="store_true", help=terminal)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=bench)


def bench(options: argparse.Namespace) -> int:
    """Measure for some minutes, with progress on stderr, and print the figures; what cannot be had stderr says too."""
    # ended from outside it still takes with it what it started, as after Ctrl+C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from charwave_tui.bench.results import material

    chosen = material(options.corpus or RunConfig().corpus)
    return _scale(chosen, options) if options.scale else _measure(chosen, options)


def _measure(chosen: BenchCorpus, options: argparse.Namespace) -> int:
    from charwave_tui.bench.responsiveness import TRAFFIC
    from charwave_tui.bench.results import BenchmarkSettings
    from charwave_tui.bench.suite import as_json, as_table, run_cases, select_cases, unavailable_lines

    effort, measurements = BenchmarkSettings(), [TRAFFIC] if options.terminal else select_cases(options.only)
    with _progress_bar(sum(each.ticks(effort) for each in measurements)) as tick:
        figures = run_cases(measurements, chosen, effort, tick)
    for line in unavailable_lines(figures):
        print(line, file=sys.stderr)
    if options.json:
        print_json(as_json(figures))
    else:
        print("\n".join(as_table(figures)))
    return 0


def _scale(chosen: BenchCorpus, options: argparse.Namespace) -> int:
    from charwave_tui.bench import scaling

    with _progress_bar(len(scaling.WIDTHS) + len(scaling.BATCHES)) as tick:
        rows = scaling.measure_scaling(chosen.path, scaling.ROUNDS, scaling.SECONDS, tick)
    if options.json:
        print_json(scaling.as_json(*rows))
    else:
        print("\n".join(scaling.as_chart(*rows)))
    return 0


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr that moves by one each time it is told what comes next."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    # drawn between the runs alone: a bar that moves would be measured too
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task("", total=total, completed=0)

        begun = False

        def tick(text: str) -> None:
            nonlocal begun
            bar.update(task, description=text, advance=int(begun))
            begun = True
            bar.refresh()

        yield tick
        bar.update(task, description="done", completed=total)
