"""The playground: `charwave-tui` alone in a terminal, `charwave-tui serve` in a browser."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from charwave_tui.cli.options import add_host_options, add_run_options, config_from, endpoint_from
from charwave_tui.core.config.value_types import IntRange
from charwave_tui.core.errors import UserError

FRAMES_PER_SECOND = "120"  # of Textual's compositor: at its own 60 a key waits twice as long
LOCALHOST, DEFAULT_PORT = "127.0.0.1", 8000
PORT = IntRange(1, 65_535)
NO_TERMINAL = """\
There is no terminal for the playground here, and nothing was trained. Without a screen:
  charwave-tui train --preset tree-76k --json   train a run
  charwave-tui sample -n 20 --prefix ma         sample names
  charwave-tui inspect                          statistics of the layers
  charwave-tui runs list                        all stored runs
  charwave-tui data fetch makemore              get the lecture's names
  charwave-tui serve                            the playground in a browser
  charwave-tui --help                           all of it
With a terminal (ssh -t, TERM set), charwave-tui opens the playground."""


def add_options(parser: argparse.ArgumentParser) -> None:
    add_run_options(parser)
    parser.add_argument("--theme", choices=("dark", "light", "safe", "16"), help="safe is safe for the colour-blind")
    glyphs = "what the terminal's font can show; also in the palette, which keeps it"
    parser.add_argument("--glyphs", choices=("braille", "blocks", "console", "ascii"), help=glyphs)
    fps = "frames a second at most, of what changes by itself (5; 1 on a slow connection)"
    parser.add_argument("--fps", metavar="N", type=whole_fps, help=fps)
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal, for copying")
    add_host_options(parser)
    parser.set_defaults(func=play)


def play(options: argparse.Namespace) -> int:
    """Open the playground with the options' config in the form."""
    config, preset = config_from(options)
    if not (stdio_is_terminal() or os.environ.get("TEXTUAL_DRIVER")):
        if options.host is not None:
            problem = f"there is no terminal for the playground on {options.host}"
            raise UserError(problem, f"charwave-tui start --host {options.host} begins a run there")
        print(NO_TERMINAL)
        return 0
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_PER_SECOND)  # read once, when Textual is imported
    if options.glyphs:
        os.environ["CHARWAVE_GLYPHS"] = options.glyphs  # likewise, when the screens are
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


def add_serve_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "serve the playground as a web page, one for each visitor; needs the extra [web]"
    parser = commands.add_parser("serve", help=about, description=about)
    address = f"address to listen on ({LOCALHOST}); whoever reaches it can do all that you can do in the playground"
    parser.add_argument("--address", default=LOCALHOST, help=address)
    parser.add_argument("--port", default=str(DEFAULT_PORT), help=f"port to listen on ({DEFAULT_PORT})")
    parser.set_defaults(func=serve)


def serve(options: argparse.Namespace) -> int:
    """Serve the playground until ctrl+c; raises UserError where textual-serve is missing."""
    port = PORT.parse("port", options.port)
    assert isinstance(port, int)
    try:
        from textual_serve.server import Server
    except ImportError:
        remedy = "install it with pip install 'charwave-tui[web]', or pip install textual-serve"
        raise UserError("serve needs textual-serve, which is not installed", remedy) from None
    # what the browser's terminal can show, whatever the one that the server was started in can
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", PYTHONIOENCODING="utf-8")
    command = shlex.join([sys.executable, "-m", "charwave_tui", "--theme", "dark"])
    Server(command, options.address, port, title="charwave-tui").serve()
    return 0


def stdio_is_terminal() -> bool:
    """Whether stdin and stdout are a terminal that can move its cursor."""
    are_terminals = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    return are_terminals and os.environ.get("TERM", "dumb") not in ("dumb", "")


def whole_fps(text: str) -> int:
    """Parse the value of `--fps`; raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 30):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 30")
    return int(text)
