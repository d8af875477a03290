"""`charwave-tui train`: a run from start to end without a screen."""

from __future__ import annotations

import argparse
from typing import Any

from charwave_tui.cli.options import (
    add_training_options,
    check_corpus,
    config_from,
    run_number,
    training_fields,
    unfinished_run,
)
from charwave_tui.cli.output import finite, print_facts
from charwave_tui.cli.process import configure_logging, process_start, stop_on_signals
from charwave_tui.cli.progress import progress_listeners
from charwave_tui.core.config.choices import Norm
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import REWIND_LR_DIVISOR, OpenRun, StartRun
from charwave_tui.core.protocol.events import Event, RunChanged
from charwave_tui.core.store.run_record import RunRecord

REPEATS_FACTS = ("val_unseen", "words", "distinct", "val_in_train")
NEWEST = 0  # the value of `--resume` without a number


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("train", help="train a run, progress on stderr, the result on stdout")
    add_training_options(parser)
    resume = "resume a run from its last checkpoint (the newest that has steps left)"
    parser.add_argument("--resume", metavar="R", nargs="?", type=run_number, const=NEWEST, help=resume)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(func=train)


def train(options: argparse.Namespace) -> int:
    """Train and print the result; raises UserError afterwards where the run diverged or is not saved."""
    command = _command(options)
    from charwave_tui.engine.api import InProcessTraining

    configure_logging()
    reason = ""
    with progress_listeners() as make_listener:
        report = make_listener("")

        def on_event(event: Event) -> None:
            nonlocal reason
            if isinstance(event, RunChanged) and event.reason:
                reason = event.reason
            report(event)

        training = InProcessTraining(command, on_event)
        with stop_on_signals(training):
            record = training.start(requested_at=process_start())
    facts = run_summary_json(record)
    if not options.json and not record.corpus.repeats_text:
        facts = {name: value for name, value in facts.items() if name not in REPEATS_FACTS}
    print_facts(facts, as_json=options.json)
    if training.unsaved:
        raise training.unsaved
    if record.state is RunState.DIVERGED:
        norm = "" if record.config.norm == Norm.BATCH else ", or norm batch"
        raise UserError(
            f"run {record.run} diverged: {reason}", f"try lr {record.config.lr / REWIND_LR_DIVISOR:.2g}{norm}"
        )
    return 0


def _command(options: argparse.Namespace) -> StartRun | OpenRun:
    """Return the command that starts a new run or resumes one; raises UserError."""
    fields = training_fields(options)
    if options.resume is None:
        config, preset = config_from(options, **fields)
        check_corpus(config)
        return StartRun(config, preset)
    given = [name for name, text in {**fields, "corpus": options.corpus, "preset": options.preset}.items() if text]
    if given or options.settings or options.more_settings:
        raise UserError(
            f"--resume continues a run unchanged, without {given[0] if given else '--set'}",
            "leave that out, or fork the run in the playground (r, then f)",
        )
    run = unfinished_run() if options.resume == NEWEST else options.resume
    return OpenRun(run, train=True)


def run_summary_json(record: RunRecord) -> dict[str, Any]:
    """Return what `train --json` prints: losses in nats per character, seconds since the start of the process.

    `words` and `distinct` count those of the file, `val_in_train` is the fraction of the run's val words that train
    has too, `val_unseen` the loss over the others: None where all or none are in train.
    """
    repeats = record.corpus.repeats
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
        "val_unseen": finite(record.val_unseen),
        "words": record.corpus.words,
        "distinct": repeats.distinct if repeats else None,
        "val_in_train": round(repeats.val_in_train, 6) if repeats else None,
    }
