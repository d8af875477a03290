"""`charwave-tui engine`: the process that trains, as the playground starts it; whether it runs, and its end."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress

from charwave_tui.cli.output import print_json
from charwave_tui.cli.process import configure_logging
from charwave_tui.client.launcher import RunningEngine, find_engine, stop_engine
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import runs_dir, socket_path
from charwave_tui.core.store.run_record import RESUMABLE_STATES, RunRecord
from charwave_tui.core.store.run_store import RunStore

NONE = "no engine is running"
"""What is said where there is nothing to look at or to end."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    about = "the process that trains: whether it runs, and its end; the playground starts it for itself"
    parser = commands.add_parser("engine", help=about, description=about)
    parser.add_argument("--stdio", action="store_true", help="carry it on stdin and stdout, for --host elsewhere")
    parser.add_argument("--found", action="store_true", help="with --stdio: only one that runs already")
    parser.set_defaults(func=serve)
    asked = parser.add_subparsers(metavar="WHAT")
    status = asked.add_parser("status", help="which engine runs and what it trains")
    status.add_argument("--json", action="store_true", help="print it as one JSON object")
    status.set_defaults(func=show_status)
    stop = asked.add_parser("stop", help="end it; a run in progress is held and saved")
    stop.add_argument("--force", action="store_true", help="even where its run cannot be saved")
    stop.set_defaults(func=stop_running_engine)


def serve(options: argparse.Namespace) -> int:
    """Be the engine until it is not needed any more, or carry the one that is there."""
    if options.stdio:
        return _carry(starts=not options.found)
    configure_logging()
    from charwave_tui.engine.service.server import main

    return main()


def show_status(options: argparse.Namespace) -> int:
    """Print which engine runs and what it does; what an engine does not tell stderr says."""
    found = asyncio.run(find_engine())
    facts = _facts(found)
    if options.json:
        print_json(facts)
    elif found is None:
        print(NONE)
    else:
        for name, value in facts.items():
            print(f"{name:8} {'–' if value is None else f'{value:,}' if name == 'step' else value}")
    if found is not None and found.status is None:
        print(f"charwave-tui: what the engine does is not known: {found.problem}", file=sys.stderr)
    return 0


def stop_running_engine(options: argparse.Namespace) -> int:
    """End the engine in order and print where its run can be gone on with."""
    found = asyncio.run(find_engine())
    if found and found.status and found.status.unsaved and not options.force:
        raise UserError(
            f"run {found.status.run} is not saved ({found.status.unsaved}), and would lose steps",
            "mend that first, or end the engine all the same with --force",
        )
    ended = asyncio.run(stop_engine())
    if ended is None:
        print(f"charwave-tui: {NONE}", file=sys.stderr)
        return 0
    print(_farewell(_resumable_run(found), found.status.step if found and found.status else 0))
    return 0


def _carry(*, starts: bool) -> int:
    from charwave_tui.client.ssh import relay_stdio

    asyncio.run(relay_stdio(starts=starts))
    return 0


def _facts(found: RunningEngine | None) -> dict[str, object]:
    status = found.status if found else None
    holds = status is not None and status.run is not None
    return {
        "pid": found.greeting.pid if found else None,
        "socket": str(socket_path()),
        "version": found.greeting.version if found else None,
        "run": status.run if status and holds else None,
        "state": status.state.value if status and status.state and holds else None,
        "step": status.step if status and holds else None,
        "unsaved": status.unsaved or None if status and holds else None,
    }


def _resumable_run(found: RunningEngine | None) -> RunRecord | None:
    """The run that the engine had, as it is kept now, where it has more to do."""
    if found and found.status and found.status.run is not None:
        with suppress(UserError, OSError):
            record = RunStore(runs_dir()).read(found.status.run)
            return record if record.state in RESUMABLE_STATES else None
    return None


def _farewell(record: RunRecord | None, reached: int) -> str:
    if record is None:
        return "the engine has ended"
    then = f"charwave-tui train --resume {record.run} goes on"
    if record.step < reached:
        return f"run {record.run} was last saved at step {record.step:,}, what came after is lost; {then}"
    return f"run {record.run} is held and saved at step {record.step:,}; {then}"
