"""The main job in plain lines, for a pipe, a log or a terminal that cannot place its cursor."""

from __future__ import annotations

import sys
import time

from charwave_tui.cli.clock import process_start
from charwave_tui.cli.interrupts import stopped_by_signals
from charwave_tui.cli.logs import keep_log
from charwave_tui.cli.progress import Lines
from charwave_tui.core.config import RunConfig
from charwave_tui.core.protocol import Event, Progress, RunOpened, StartRun
from charwave_tui.core.sampling import Sampling

TRAIN_FOR = 20.0
"""Seconds of training after which the run is stopped."""

COMMANDS = """\
There is no terminal for the playground here. Without a screen:
  charwave-tui train --preset tree-76k --json   train a run
  charwave-tui sample -n 20 --prefix ma         draw names
  charwave-tui inspect                          look at the layers
  charwave-tui runs list                        all runs that are kept
  charwave-tui data fetch makemore              get the lecture's names
  charwave-tui --help                           all of it
With a terminal (ssh -t, TERM set), charwave-tui opens the playground."""
"""What can be done from here."""


def show(config: RunConfig, preset: str) -> int:
    """Train some 20 seconds; print losses, the layer table, ten names and the commands without a screen."""
    from charwave_tui.cli.inspect import table
    from charwave_tui.engine import api

    keep_log()
    training: api.Training
    lines = Lines(sys.stdout)
    began = time.monotonic()

    def heard(event: Event) -> None:
        nonlocal began
        if isinstance(event, RunOpened):
            began = time.monotonic()
        elif isinstance(event, Progress) and time.monotonic() - began > TRAIN_FOR:
            training.stop()
        lines.heard(event)

    training = api.Training(StartRun(config, preset), heard)
    with stopped_by_signals(training):
        record = training.start(asked=process_start())
    if training.unsaved:
        raise training.unsaved
    print(f"run {record.run} is {record.state.value} after {record.step:,} steps, saved\n")
    print("\n".join(table(api.inspect(record.run))))
    print()
    for name in api.sample(Sampling(count=10), record.run):
        print(f"{name.name or '–':24} {name.nll:5.2f} {'in the corpus' if name.in_corpus else 'new'}")
    print(f"\n{COMMANDS}")
    return 0
