"""`charwave-tui engine`: the process that the playground starts for itself; not in the list of commands."""

from __future__ import annotations

import argparse

from charwave_tui.cli.logs import keep_log


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("engine", description="What the playground starts for itself; you need not.")
    parser.set_defaults(func=serve)


def serve(options: argparse.Namespace) -> int:
    """Be the engine until its last viewer has gone."""
    keep_log()
    from charwave_tui.engine.server import main

    return main()
