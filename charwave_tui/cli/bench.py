"""`charwave-tui bench`: measurements of the playground, side by side in one run."""

from __future__ import annotations

import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser(
        "bench", help="measure what an open playground costs training, and how soon it is there"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=bench)


def bench(options: argparse.Namespace) -> int:
    """Measure and print."""
    from charwave_tui.bench import playground

    return playground.main(as_json=options.json)
