"""`charwave-tui train`: a run from start to end without a screen."""

from __future__ import annotations

import argparse
from typing import Any

from charwave_tui.cli.clock import process_start
from charwave_tui.cli.interrupts import stopped_by_signals
from charwave_tui.cli.logs import keep_log
from charwave_tui.cli.options import add_run_options, chosen_config, run_number, unfinished_run
from charwave_tui.cli.output import finite, print_facts
from charwave_tui.cli.progress import progress
from charwave_tui.core.archive import OpenRun
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event, RunChanged, StartRun
from charwave_tui.core.readings import State
from charwave_tui.core.records import RunRecord

NEWEST = 0
"""What `--resume` stands for without a number."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("train", help="train a run, progress on stderr, the result on stdout")
    add_run_options(parser, of_command=True)
    parser.add_argument("--steps", metavar="N", help="max_steps: train for so many steps")
    parser.add_argument("--seed", metavar="S", help="seed of the first weights and the batches")
    parser.add_argument("--device", metavar="D", help="auto, cpu, cuda or mps")
    resume = "go on with a run from its last save, as if it had not been cut off (the newest with more to do)"
    parser.add_argument("--resume", metavar="R", nargs="?", type=run_number, const=NEWEST, help=resume)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(func=train)


def train(options: argparse.Namespace) -> int:
    """Train as the options say and print the result; of a run that diverged or is not saved stderr says so, with 2."""
    command = _command(options)
    from charwave_tui.engine.api import Training

    keep_log()
    why = ""
    with progress() as tell:

        def heard(event: Event) -> None:
            nonlocal why
            if isinstance(event, RunChanged) and event.reason:
                why = event.reason
            tell(event)

        training = Training(command, heard)
        with stopped_by_signals(training):
            record = training.start(asked=process_start())
    result = summary(record)
    print_facts(result, as_json=options.json)
    if training.unsaved:
        raise training.unsaved
    if record.state is State.DIVERGED:
        norm = "" if record.config.norm == "batch" else ", or norm batch"
        raise Mistake(f"run {record.run} diverged: {why}", f"try lr {record.config.lr / 3:.2g}{norm}")
    return 0


def _command(options: argparse.Namespace) -> StartRun | OpenRun:
    """What the options ask for: a new run, or one to go on with; raises Mistake."""
    shortcuts = {"max_steps": options.steps, "seed": options.seed, "device": options.device}
    if options.resume is None:
        return StartRun(*chosen_config(options, **shortcuts))
    named = [name for name, text in {**shortcuts, "corpus": options.corpus, "preset": options.preset}.items() if text]
    if named or options.settings or options.more_settings:
        raise Mistake(
            f"--resume goes on with a run as it is, without {named[0] if named else '--set'}",
            "leave that out, or fork the run in the playground (r, then f)",
        )
    run = unfinished_run() if options.resume == NEWEST else options.resume
    return OpenRun(run, train=True)


def summary(record: RunRecord) -> dict[str, Any]:
    """What `train --json` prints: losses in nats per character, seconds from the start of the process."""
    return {
        "run": record.run,
        "preset": record.preset,
        "state": record.state.value,
        "parameters": record.parameters,
        "steps": record.step,
        "seconds": round(record.seconds, 3),
        "steps_per_second": round(record.steps_per_second, 1),
        "first_loss": finite(record.first_loss),
        "train": finite(record.train),
        "val": finite(record.val),
    }
