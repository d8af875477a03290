"""The entry point: runs the command; an error becomes one line and an exit code."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

from charwave_tui import __version__
from charwave_tui.cli import completion
from charwave_tui.cli.commands import (
    attach,
    bench,
    data,
    engine,
    guide,
    inspect,
    play,
    presets,
    reproduce,
    run_control,
    runs,
    sample,
    train,
)
from charwave_tui.cli.help_examples import DATA_LOCATIONS, examples
from charwave_tui.cli.options import reject_ignored_options
from charwave_tui.cli.output import detach_stdio, make_stdout_lossless
from charwave_tui.cli.process import configure_logging
from charwave_tui.client.connection import EngineUnavailable
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.openmp import set_passive_wait_policy
from charwave_tui.core.paths import log_path


class _OneLineParser(argparse.ArgumentParser):
    """Reports a wrong command line in one line, like every other user error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"charwave-tui: {escape_invisible(message)}; {self.prog} --help lists what there is\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 2 for a user error, 1 without an engine or for an internal error, 130 on Ctrl+C."""
    set_passive_wait_policy()
    make_stdout_lossless()
    options = _parser().parse_args(arguments)
    try:
        options.check(options)
        code: int = options.func(options)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except UserError as error:
        return _report(str(error), 2)
    except EngineUnavailable as error:
        return _report(str(error), 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        detach_stdio()
        return 0
    except Exception as error:
        return _report(_internal_error(error), 1)


def _report(message: str, code: int) -> int:
    print(f"charwave-tui: {escape_invisible(message)}", file=sys.stderr)
    return code


def _internal_error(error: Exception) -> str:
    summary = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
    if not configure_logging():
        return f"{summary} (an internal error; the log cannot be written)"
    logging.getLogger(__name__).error("a command failed", exc_info=error)
    return f"{summary} (an internal error; the details are in {log_path()})"


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _OneLineParser(
        prog="charwave-tui",
        description="A playground in the terminal for a character model that fuses its context in a tree.",
        epilog=f"{examples('')}\n\n{DATA_LOCATIONS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"charwave-tui {__version__}")
    play.add_options(parser)
    commands = parser.add_subparsers(title="commands without a screen", metavar="COMMAND")
    for module in (train, sample, inspect, runs, presets, data, reproduce, bench, run_control, attach, engine, guide):
        module.add_parser(commands)
    play.add_serve_parser(commands)
    completion.add_parser(commands, parser)
    parser.set_defaults(check=lambda options: None)
    for name, command_parser in commands.choices.items():
        command_parser.set_defaults(check=reject_ignored_options(parser, command_parser))
        if epilog := examples(name):
            command_parser.epilog = epilog
            command_parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser
