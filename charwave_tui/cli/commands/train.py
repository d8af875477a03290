"""`charwave-tui train`: a run from start to end without a screen."""

from __future__ import annotations

import argparse
from typing import Any

from charwave_tui.cli.options import add_run_options, config_from, run_number, unfinished_run
from charwave_tui.cli.output import finite, print_facts
from charwave_tui.cli.process import configure_logging, process_start, stop_on_signals
from charwave_tui.cli.progress import progress_listener
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import OpenRun, StartRun
from charwave_tui.core.protocol.events import Event, RunChanged
from charwave_tui.core.store.run_record import RunRecord

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
    from charwave_tui.engine.api import InProcessTraining

    configure_logging()
    why = ""
    with progress_listener() as tell:

        def heard(event: Event) -> None:
            nonlocal why
            if isinstance(event, RunChanged) and event.reason:
                why = event.reason
            tell(event)

        training = InProcessTraining(command, heard)
        with stop_on_signals(training):
            record = training.start(asked=process_start())
    result = run_summary_json(record)
    print_facts(result, as_json=options.json)
    if training.unsaved:
        raise training.unsaved
    if record.state is RunState.DIVERGED:
        norm = "" if record.config.norm == "batch" else ", or norm batch"
        raise UserError(f"run {record.run} diverged: {why}", f"try lr {record.config.lr / 3:.2g}{norm}")
    return 0


def _command(options: argparse.Namespace) -> StartRun | OpenRun:
    """What the options ask for: a new run, or one to go on with; raises Mistake."""
    shortcuts = {"max_steps": options.steps, "seed": options.seed, "device": options.device}
    if options.resume is None:
        return StartRun(*config_from(options, **shortcuts))
    named = [name for name, text in {**shortcuts, "corpus": options.corpus, "preset": options.preset}.items() if text]
    if named or options.settings or options.more_settings:
        raise UserError(
            f"--resume goes on with a run as it is, without {named[0] if named else '--set'}",
            "leave that out, or fork the run in the playground (r, then f)",
        )
    run = unfinished_run() if options.resume == NEWEST else options.resume
    return OpenRun(run, train=True)


def run_summary_json(record: RunRecord) -> dict[str, Any]:
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
