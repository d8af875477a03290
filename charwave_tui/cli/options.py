"""Options that several commands share, and the config or engine that they name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

from charwave_tui.client.endpoints import EngineEndpoint, LocalEndpoint
from charwave_tui.client.ssh import SshDestination, SshEndpoint
from charwave_tui.core.config.presets import default_preset, get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.registry import find_corpus, resolve_corpus_name
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.run_store import RunStore

HOST_PROGRAM = "charwave-tui"

_COMMAND_DESTS = {"settings": "more_settings", "ssh_options": "more_ssh_options"}  # of the same option after a command


def reject_ignored_options(program: argparse.ArgumentParser, command: argparse.ArgumentParser) -> Callable[..., None]:
    """Return a check that raises UserError for options given before `command` which the command does not have."""
    command_dests = {action.dest for action in command._actions}
    ignored = [
        action
        for action in program._actions
        if action.option_strings and _COMMAND_DESTS.get(action.dest, action.dest) not in command_dests
    ]

    def check(options: argparse.Namespace) -> None:
        for action in ignored:
            if getattr(options, action.dest, action.default) != action.default:
                name = command.prog.rpartition(" ")[2]
                raise UserError(f"{action.option_strings[0]} is not an option of {name}", "leave it out")

    return check


def add_run_options(parser: argparse.ArgumentParser, of_command: bool = False) -> None:
    """Add `--preset`, `--corpus` and `--set`; those of a command keep a value given before it unless given again."""
    default = argparse.SUPPRESS if of_command else None
    preset = "a known-good recipe (charwave-tui presets lists them)"
    parser.add_argument("--preset", metavar="P", default=default, help=preset)
    corpus = "a corpus by name, or the path of a text file, one word a line"
    parser.add_argument("--corpus", metavar="C", default=default, help=corpus)
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="more_settings" if of_command else "settings",
        help="any hyperparameter, such as lr=0.05 or fuse=4,2 (repeatable)",
    )


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add `--preset`, `--corpus`, `--set`, `--steps`, `--seed` and `--device` to a command that starts a run."""
    add_run_options(parser, of_command=True)
    parser.add_argument("--steps", metavar="N", help="max_steps: train for so many steps")
    parser.add_argument("--seed", metavar="S", help="seed of the first weights and the batches")
    parser.add_argument("--device", metavar="D", help="auto, cpu, cuda or mps")


def training_fields(options: argparse.Namespace) -> dict[str, str | None]:
    """Return the config fields that have options of their own in a command that starts a run."""
    return {"max_steps": options.steps, "seed": options.seed, "device": options.device}


def add_host_options(parser: argparse.ArgumentParser, of_command: bool = False) -> None:
    """Add `--host`, `-o` and `--host-program`; those of a command keep a value given before it unless given again."""
    host = "the engine of another machine: any destination that ssh knows"
    parser.add_argument("--host", metavar="H", default=argparse.SUPPRESS if of_command else None, help=host)
    dest = "more_ssh_options" if of_command else "ssh_options"
    option = "an option for that ssh (repeatable)"
    parser.add_argument("-o", metavar="OPTION", action="append", default=[], dest=dest, help=option)
    default = argparse.SUPPRESS if of_command else HOST_PROGRAM
    program = "how charwave-tui is called on that machine (charwave-tui)"
    parser.add_argument("--host-program", metavar="P", default=default, help=program)


def endpoint_from(options: argparse.Namespace, *, starts: bool = True) -> EngineEndpoint:
    """Return the endpoint of the engine that the options name; with `starts` a missing engine is started.

    Raises UserError.
    """
    ssh_options = (*options.ssh_options, *getattr(options, "more_ssh_options", ()))
    if options.host is None:
        if ssh_options:
            raise UserError(f"-o {ssh_options[0]} is for ssh, and there is no --host", "add --host user@machine")
        if options.host_program != HOST_PROGRAM:
            problem = f"--host-program {options.host_program} is for another machine, and there is no --host"
            raise UserError(problem, "add --host user@machine")
        return LocalEndpoint(starts=starts)
    if not options.host.strip() or options.host.startswith("-"):
        raise UserError(f"--host {options.host or '(empty)'} is no machine", "write it as user@machine")
    return SshEndpoint(SshDestination(options.host, ssh_options, options.host_program), starts=starts)


def unfinished_run() -> int:
    """Return the newest run with steps or an evaluation left to do; raises UserError where there is none."""
    store = RunStore(runs_dir())
    for summary in store.summaries():
        has_steps_left = (
            summary.state in (RunState.PAUSED, RunState.STOPPED) and summary.step < summary.config.max_steps
        )
        needs_evaluation = summary.state is RunState.FINISHED and store.read(summary.run).val is None
        folder = store.folder_of(summary.run)
        if (has_steps_left or needs_evaluation) and folder.checkpoints() and not folder.is_locked():
            return summary.run
    raise UserError("there is no run to resume", "train a new one: charwave-tui train")


def run_number(text: str) -> int:
    """Parse the number of a run; raises ArgumentTypeError, which names the text."""
    number = text.removeprefix("run").strip()
    if not (number.isascii() and number.isdecimal() and int(number) > 0):
        raise argparse.ArgumentTypeError(f"{text} is no run's number; charwave-tui runs list shows them")
    return int(number)


def config_from(options: argparse.Namespace, **fields: str | None) -> tuple[RunConfig, str]:
    """Return the validated config that the options name, and its preset's name; `fields` have options of their own.

    Raises UserError.
    """
    base = get_preset(options.preset) if options.preset else default_preset()
    settings = parse_settings([*options.settings, *getattr(options, "more_settings", [])])
    settings |= {name: text for name, text in {"corpus": options.corpus, **fields}.items() if text is not None}
    if "corpus" in settings:
        settings["corpus"] = resolve_corpus_name(settings["corpus"])
    return base.config.with_settings(settings).validated(), base.name


def check_corpus(config: RunConfig) -> None:
    """Read the corpus before torch is imported, and say on stderr what a person may want to know; raises UserError."""
    corpus = find_corpus(config.corpus)
    corpus.summary()  # here it takes a long list less memory than beside torch
    for hint in corpus.hints:
        print(escape_invisible(f"{corpus.name}: {hint}"), file=sys.stderr)


def parse_settings(settings: Iterable[str]) -> dict[str, str]:
    """Parse `["lr=0.2", "fuse=4,2"]` into texts by name; raises UserError."""
    pairs = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise UserError(f"--set {setting} is not key=value", "write it as lr=0.2")
        pairs[name.strip()] = text
    return pairs
