"""`charwave-tui` alone: the playground, or a short training in plain lines where there is no terminal for it."""

from __future__ import annotations

import argparse
import os
import sys
import time

from charwave_tui.cli.options import add_host_options, add_run_options, check_corpus, config_from, endpoint_from
from charwave_tui.cli.process import configure_logging, process_start, stop_on_signals
from charwave_tui.cli.progress import ProgressLines
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import SampledName
from charwave_tui.core.protocol.commands import StartRun
from charwave_tui.core.protocol.events import Event, Progress, RunOpened

FRAMES_PER_SECOND = "120"  # of Textual's compositor: at its own 60 a key waits twice as long
PLAIN_TRAINING_SECONDS = 20.0
COMMANDS = """\
There is no terminal for the playground here. Without a screen:
  charwave-tui train --preset tree-76k --json   train a run
  charwave-tui sample -n 20 --prefix ma         draw names
  charwave-tui inspect                          look at the layers
  charwave-tui runs list                        all runs that are kept
  charwave-tui data fetch makemore              get the lecture's names
  charwave-tui --help                           all of it
With a terminal (ssh -t, TERM set), charwave-tui opens the playground."""


def add_options(parser: argparse.ArgumentParser) -> None:
    add_run_options(parser)
    parser.add_argument("--theme", choices=("dark", "light", "safe", "16"), help="safe is safe for the colour-blind")
    fps = "frames a second at most, of what changes by itself (5; 1 on a slow connection)"
    parser.add_argument("--fps", metavar="N", type=whole_fps, help=fps)
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal, for copying")
    add_host_options(parser)
    parser.set_defaults(func=play)


def play(options: argparse.Namespace) -> int:
    """Open the playground with the options' config in the form."""
    config, preset = config_from(options)
    if not stdio_is_terminal():
        if options.host is not None:
            problem = f"there is no terminal for the playground on {options.host}"
            raise UserError(problem, f"charwave-tui start --host {options.host} begins a run there")
        return play_plain(config, preset)
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_PER_SECOND)  # read once, when Textual is imported
    from charwave_tui.client.engine_client import EngineClient
    from charwave_tui.ui.app import CharwaveApp

    named = bool(options.preset or options.corpus or options.settings)
    app = CharwaveApp(config, preset, options.theme, EngineClient(endpoint_from(options)), named, options.fps)
    exit_message = app.run(mouse=not options.no_mouse)
    if app.fault is not None:
        raise app.fault
    if exit_message:
        print(exit_message)
    return app.return_code or 0


def stdio_is_terminal() -> bool:
    """Whether stdin and stdout are a terminal that can move its cursor."""
    are_terminals = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    return are_terminals and os.environ.get("TERM", "dumb") not in ("dumb", "")


def whole_fps(text: str) -> int:
    """Parse the value of `--fps`; raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 30):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 30")
    return int(text)


def play_plain(config: RunConfig, preset: str) -> int:
    """Train for PLAIN_TRAINING_SECONDS; print losses, the layer table, ten names and the commands."""
    check_corpus(config)
    from charwave_tui.cli.commands.inspect import layer_table
    from charwave_tui.engine.api import InProcessTraining, inspect, sample

    configure_logging()
    training: InProcessTraining
    lines = ProgressLines(sys.stdout)
    start = time.monotonic()

    def on_event(event: Event) -> None:
        nonlocal start
        if isinstance(event, RunOpened):
            start = time.monotonic()
        elif isinstance(event, Progress) and time.monotonic() - start > PLAIN_TRAINING_SECONDS:
            training.stop()
        lines.on_event(event)

    training = InProcessTraining(StartRun(config, preset), on_event)
    with stop_on_signals(training):
        record = training.start(requested_at=process_start())
    if training.unsaved:
        raise training.unsaved
    print(f"run {record.run} is {record.state.value} after {record.step:,} steps, saved\n")
    print("\n".join(layer_table(inspect(record.run))))
    print()
    for name in sample(SamplingConfig(count=10), record.run):
        print(f"{name.name or '–':24} {name.nll:5.2f} {_novelty(name)}")
    print(f"\n{COMMANDS}")
    return 0


def _novelty(name: SampledName) -> str:
    if name.in_corpus:
        return "in the corpus, not in train" if name.held_out else "in train"
    return "new"
