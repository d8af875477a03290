"""`charwave-tui` alone: the playground, or the same in plain lines where there is no terminal for it."""

from __future__ import annotations

import argparse
import os
import sys

from charwave_tui.cli.options import add_host_options, add_run_options, chosen_config, chosen_way
from charwave_tui.core.mistake import Mistake

FRAME_RATE = "120"
"""How often a second Textual may put together what has changed: at its own 60 a key waits twice as long for that."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the program itself."""
    add_run_options(parser)
    parser.add_argument("--theme", choices=("dark", "light", "safe", "16"), help="safe is safe for the colour-blind")
    fps = "frames a second at most, of what moves by itself (5; 1 on a slow line)"
    parser.add_argument("--fps", metavar="N", type=whole_fps, help=fps)
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal, for copying")
    add_host_options(parser)
    parser.set_defaults(func=play)


def play(options: argparse.Namespace) -> int:
    """Open the playground with the options' config in the form."""
    config, preset = chosen_config(options)
    if not has_screen():
        if options.host is not None:
            problem = f"there is no terminal for the playground on {options.host}"
            raise Mistake(problem, f"charwave-tui start --host {options.host} begins a run there")
        from charwave_tui.cli.plain import show

        return show(config, preset)
    os.environ.setdefault("TEXTUAL_FPS", FRAME_RATE)  # it is read once, as Textual is imported
    from charwave_tui.client.engine import Engine
    from charwave_tui.ui.app import Playground

    named = bool(options.preset or options.corpus or options.settings)
    app = Playground(config, preset, options.theme, Engine(chosen_way(options)), named, options.fps)
    farewell = app.run(mouse=not options.no_mouse)
    if app.fault is not None:
        raise app.fault
    if farewell:
        print(farewell)
    return app.return_code or 0


def has_screen() -> bool:
    """Whether stdin and stdout are a terminal that can place its cursor."""
    terminals = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    return terminals and os.environ.get("TERM", "dumb") not in ("dumb", "")


def whole_fps(text: str) -> int:
    """What stands after `--fps`; raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 30):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 30")
    return int(text)
