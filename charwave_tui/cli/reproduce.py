"""`charwave-tui reproduce`: the published recipes trained once more, and how near they come."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import closing
from dataclasses import replace

from charwave_tui.cli.abreast import Job, trained
from charwave_tui.cli.comparison import Comparison, as_json, as_markdown
from charwave_tui.cli.output import print_json
from charwave_tui.cli.progress import several
from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpora import LECTURE_SHA256, anchored, find_corpus
from charwave_tui.core.kinds import Whole
from charwave_tui.core.presets import preset, presets
from charwave_tui.core.readings import State

AT_ONCE = Whole(1, 64)
"""How many runs may be trained side by side."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("reproduce", help="train the published recipes and compare, some minutes each")
    parser.add_argument("presets", metavar="PRESET", nargs="*", help="which recipes (all that have published figures)")
    corpus = "the words: the published figures are of the lecture's"
    parser.add_argument("--corpus", metavar="C", default=argparse.SUPPRESS, help=corpus)
    parser.add_argument(
        "--jobs", metavar="N", default="1", help="runs at a time, each with the threads that its preset says (1)"
    )
    parser.add_argument("--json", action="store_true", help="print an array of objects, one a run")
    parser.set_defaults(func=reproduce)


def reproduce(options: argparse.Namespace) -> int:
    """Train the recipes as they stand, progress on stderr, and print published against measured on stdout.

    After Ctrl+C that is what is done by then, with 130; 2 where a run could not be trained or saved, which stderr says.
    """
    # ended from outside it still takes with it what it started, as after Ctrl+C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = options.presets or [name for name, known in presets().items() if known.published]
    chosen = {name: preset(name) for name in names}
    at_once = AT_ONCE.parse("jobs", options.jobs)
    assert isinstance(at_once, int)
    corpus = anchored(options.corpus or RunConfig().corpus)
    if find_corpus(corpus).sha256 != LECTURE_SHA256:
        print(f"{corpus} is not the lecture's list of names: the published figures do not apply", file=sys.stderr)
    jobs = [Job(name, replace(known.config, corpus=corpus)) for name, known in chosen.items()]
    rows: dict[str, Comparison] = {}
    code = 0
    try:
        with several() as listener, closing(trained(jobs, at_once, listener)) as outcomes:
            for outcome in outcomes:
                if outcome.record is None:
                    print(f"{outcome.name}: {outcome.problem}", file=sys.stderr)
                    code = 2
                    continue
                if outcome.record.state is State.DIVERGED:
                    print(f"{outcome.name}: the loss was not finite at step {outcome.record.step:,}", file=sys.stderr)
                    code = 2
                rows[outcome.name] = Comparison(outcome.name, outcome.record, chosen[outcome.name].published)
    except KeyboardInterrupt:
        code = 130
    in_order = [rows[name] for name in chosen if name in rows]
    if options.json:
        print_json(as_json(in_order))
    elif in_order:
        print("\n".join(as_markdown(in_order)))
    return code
