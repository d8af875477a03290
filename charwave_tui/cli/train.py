"""`charwave-tui train`: a run from start to end without a screen."""

from __future__ import annotations

import argparse
import math
from typing import Any

from charwave_tui.cli.clock import process_start
from charwave_tui.cli.interrupts import stopped_by_signals
from charwave_tui.cli.logs import keep_log
from charwave_tui.cli.options import add_run_options, chosen_config
from charwave_tui.cli.output import print_json
from charwave_tui.cli.progress import progress
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event, RunChanged
from charwave_tui.core.readings import State
from charwave_tui.core.records import RunRecord


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("train", help="train a run, progress on stderr, the result on stdout")
    add_run_options(parser, of_command=True)
    parser.add_argument("--steps", metavar="N", help="max_steps: train for so many steps")
    parser.add_argument("--seed", metavar="S", help="seed of the first weights and the batches")
    parser.add_argument("--device", metavar="D", help="auto, cpu, cuda or mps")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(func=train)


def train(options: argparse.Namespace) -> int:
    """Train as the options say and print the result; of a run that diverged or is not saved stderr says so, with 2."""
    config, preset = chosen_config(options, max_steps=options.steps, seed=options.seed, device=options.device)
    from charwave_tui.engine.api import Training

    keep_log()
    why = ""
    with progress() as tell:

        def heard(event: Event) -> None:
            nonlocal why
            if isinstance(event, RunChanged) and event.reason:
                why = event.reason
            tell(event)

        training = Training(config, preset, heard)
        with stopped_by_signals(training):
            record = training.start(asked=process_start())
    result = summary(record)
    if options.json:
        print_json(result)
    else:
        print("\n".join(f"{name:17} {_written(value)}" for name, value in result.items()))
    if training.unsaved:
        raise training.unsaved
    if record.state is State.DIVERGED:
        raise Mistake(
            f"run {record.run} diverged: {why}",
            f"try lr {config.lr / 3:.2g}{'' if config.norm == 'batch' else ', or norm batch'}",
        )
    return 0


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
        "first_loss": _finite(record.first_loss),
        "train": _finite(record.train),
        "val": _finite(record.val),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _written(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
