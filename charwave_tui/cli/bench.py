"""`charwave-tui bench`: measurements of the playground, side by side in one run."""

from __future__ import annotations

import argparse
import signal

from charwave_tui.cli.output import print_json


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser(
        "bench", help="measure what an open playground costs training, and how soon it is there"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=bench)


def bench(options: argparse.Namespace) -> int:
    """Measure for some minutes, with progress on stderr, and print the figures."""
    # ended from outside it still takes with it what it started, as after Ctrl+C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from charwave_tui.bench.report import Effort, as_json, as_table, measure

    effort = Effort()
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    # drawn between the runs alone: a bar that moves would be measured too
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task = bar.add_task("", total=effort.ticks, completed=-1)

        def tick(text: str) -> None:
            bar.update(task, description=text, advance=1)
            bar.refresh()

        figures = measure(effort, tick)
        bar.update(task, description="done", completed=effort.ticks)
    if options.json:
        print_json(as_json(figures))
    else:
        print("\n".join(as_table(figures)))
    return 0
