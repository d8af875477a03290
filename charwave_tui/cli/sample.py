"""`charwave-tui sample`: names from a trained run."""

from __future__ import annotations

import argparse

import msgspec

from charwave_tui.cli.output import print_json
from charwave_tui.core.sampling import SETTINGS, Sampling


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("sample", help="draw names from a trained run")
    parser.add_argument("-n", dest="count", metavar="N", help="how many (20)")
    parser.add_argument("--temperature", metavar="T", help="below 1 safer, above 1 wilder (1.0)")
    parser.add_argument("--prefix", metavar="P", help="how each name begins")
    parser.add_argument("--seed", metavar="S", help="the same seed draws the same names (42)")
    parser.add_argument("--run", metavar="R", type=int, help="the run's number (the newest)")
    parser.add_argument("--json", action="store_true", help="print an array of objects: name, nll, in_corpus")
    parser.set_defaults(func=sample)


def sample(options: argparse.Namespace) -> int:
    """Print names with their nll per character; `=` marks those that the corpus has."""
    sampling = Sampling()
    for name in SETTINGS:
        if (text := getattr(options, name)) is not None:
            sampling = sampling.with_text(name, text)
    from charwave_tui.engine import api

    names = api.sample(sampling, options.run)
    if options.json:
        print_json(msgspec.to_builtins(names))
    else:
        for item in names:
            print(f"{item.name or '–':24} {item.nll:5.2f} {'=' if item.in_corpus else '+'}")
    return 0
