"""Options that several commands share, and the config that they name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from charwave_tui.client.endpoints import EngineEndpoint, LocalEndpoint
from charwave_tui.client.ssh import SshDestination, SshEndpoint
from charwave_tui.core.config.presets import default_preset, get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus_registry import resolve_corpus_name
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.run_store import RunStore

HOST_PROGRAM = "charwave-tui"
"""How the program is called on another machine, unless told."""


_TWINS = {"settings": "more_settings", "ssh_options": "more_ssh_options"}
"""What an option of the program is called where a command has it too."""


def reject_ignored_options(program: argparse.ArgumentParser, command: argparse.ArgumentParser) -> Callable[..., None]:
    """What raises Mistake where options before the `command` were given that it has not."""
    own = {action.dest for action in command._actions}
    foreign = [
        action
        for action in program._actions
        if action.option_strings and _TWINS.get(action.dest, action.dest) not in own
    ]

    def refuse(options: argparse.Namespace) -> None:
        for action in foreign:
            if getattr(options, action.dest, action.default) != action.default:
                name = command.prog.rpartition(" ")[2]
                raise UserError(f"{action.option_strings[0]} means nothing to {name}", "leave it out")

    return refuse


def add_run_options(parser: argparse.ArgumentParser, of_command: bool = False) -> None:
    """`--preset`, `--corpus` and `--set`; those of a command leave what stands before the command unless given."""
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


def add_host_options(parser: argparse.ArgumentParser, of_command: bool = False) -> None:
    """`--host` and what belongs to it; those of a command leave what stands before the command unless given."""
    host = "the engine of another machine: any destination that ssh knows"
    parser.add_argument("--host", metavar="H", default=argparse.SUPPRESS if of_command else None, help=host)
    dest = "more_ssh_options" if of_command else "ssh_options"
    option = "an option for that ssh (repeatable)"
    parser.add_argument("-o", metavar="OPTION", action="append", default=[], dest=dest, help=option)
    default = argparse.SUPPRESS if of_command else HOST_PROGRAM
    program = "how charwave-tui is called on that machine (charwave-tui)"
    parser.add_argument("--host-program", metavar="P", default=default, help=program)


def endpoint_from(options: argparse.Namespace, *, starts: bool = True) -> EngineEndpoint:
    """The way to the engine that the options name, started if need be and it `starts` one; raises Mistake."""
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
    """The newest run that has more to do, be it to be measured; raises Mistake where there is none."""
    store = RunStore(runs_dir())
    for row in store.list():
        to_train = row.state in (RunState.PAUSED, RunState.STOPPED) and row.step < row.config.max_steps
        to_measure = row.state is RunState.FINISHED and store.read(row.run).val is None
        folder = store.folder_of(row.run)
        if (to_train or to_measure) and folder.checkpoints() and not folder.in_use():
            return row.run
    raise UserError("there is no run to go on with", "train a new one: charwave-tui train")


def run_number(text: str) -> int:
    """The number of a run as it is typed; raises ArgumentTypeError, which names it."""
    number = text.removeprefix("run").strip()
    if not (number.isascii() and number.isdecimal() and int(number) > 0):
        raise argparse.ArgumentTypeError(f"{text} is no run's number; charwave-tui runs list shows them")
    return int(number)


def config_from(options: argparse.Namespace, **shortcuts: str | None) -> tuple[RunConfig, str]:
    """The sound config that the options name, and its preset's name; `shortcuts` are options for single fields.

    Raises Mistake.
    """
    base = get_preset(options.preset) if options.preset else default_preset()
    settings = parse_settings([*options.settings, *getattr(options, "more_settings", [])])
    settings |= {name: text for name, text in {"corpus": options.corpus, **shortcuts}.items() if text is not None}
    if "corpus" in settings:
        settings["corpus"] = resolve_corpus_name(settings["corpus"])
    return base.config.with_settings(settings).validated(), base.name


def parse_settings(settings: Iterable[str]) -> dict[str, str]:
    """`["lr=0.2", "fuse=4,2"]` as a mapping of name to text; raises Mistake on what is not `key=value`."""
    pairs = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise UserError(f"--set {setting} is not key=value", "write it as lr=0.2")
        pairs[name.strip()] = text
    return pairs
