"""`charwave-tui sample`: names from a trained run."""

from __future__ import annotations

import argparse

import msgspec

from charwave_tui.cli.options import add_run_choice, chosen_run
from charwave_tui.cli.output import print_json
from charwave_tui.core.sampling import SETTINGS, Sampling


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("sample", help="draw names from a trained run")
    usual = Sampling()
    parser.add_argument("-n", dest="count", metavar="N", help=f"how many ({usual.count})")
    parser.add_argument("--temperature", metavar="T", help=f"below 1 safer, above 1 wilder ({usual.temperature})")
    parser.add_argument("--prefix", metavar="P", help="how each name begins")
    parser.add_argument("--seed", metavar="S", help=f"the same seed draws the same names ({usual.seed})")
    add_run_choice(parser)
    parser.add_argument("--json", action="store_true", help="print an array of objects: name, nll, in_corpus")
    parser.set_defaults(func=sample)


def sample(options: argparse.Namespace) -> int:
    """Print names with their nll per character; `=` marks those that the corpus has."""
    sampling = Sampling()
    for name in SETTINGS:
        if (text := getattr(options, name, None)) is not None:
            sampling = sampling.with_text(name, text)
    run = chosen_run(options)
    from charwave_tui.engine import api

    names = api.sample(sampling, run)
    if options.json:
        print_json(msgspec.to_builtins(names))
    else:
        for item in names:
            print(f"{item.name or '–':24} {item.nll:5.2f} {'=' if item.in_corpus else '+'}")
    return 0
