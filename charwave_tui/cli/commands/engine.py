"""`charwave-tui engine`: the process that trains; its status and its end."""

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

NOT_RUNNING = "no engine is running"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "the process that trains: show its state, or stop it; the playground starts it by itself"
    parser = commands.add_parser("engine", help=about, description=about)
    parser.add_argument("--stdio", action="store_true", help="connect it to stdin and stdout, for --host elsewhere")
    parser.add_argument("--found", action="store_true", help="with --stdio: only one that runs already")
    parser.set_defaults(func=serve)
    engine_commands = parser.add_subparsers(metavar="WHAT")
    status = engine_commands.add_parser("status", help="which engine runs and what it trains")
    status.add_argument("--json", action="store_true", help="print it as one JSON object")
    status.set_defaults(func=show_status)
    stop = engine_commands.add_parser("stop", help="stop it; a run in progress is paused and saved")
    stop.add_argument("--force", action="store_true", help="even where its run cannot be saved")
    stop.set_defaults(func=stop_running_engine)


def serve(options: argparse.Namespace) -> int:
    """Run the engine until it is no longer needed, or relay the running one over stdio."""
    if options.stdio:
        from charwave_tui.client.ssh import relay_stdio

        asyncio.run(relay_stdio(starts=not options.found))
        return 0
    configure_logging()
    from charwave_tui.engine.service.server import main

    return main()


def show_status(options: argparse.Namespace) -> int:
    """Print which engine runs and what it does; where an engine gives no status, stderr says why."""
    engine = asyncio.run(find_engine())
    facts = _facts(engine)
    if options.json:
        print_json(facts)
    elif engine is None:
        print(NOT_RUNNING)
    else:
        for name, value in facts.items():
            print(f"{name:8} {'–' if value is None else f'{value:,}' if name == 'step' else value}")
    if engine is not None and engine.status is None:
        print(f"charwave-tui: what the engine does is not known: {engine.problem}", file=sys.stderr)
    return 0


def stop_running_engine(options: argparse.Namespace) -> int:
    """End the engine in order, and print how its run can be resumed."""
    engine = asyncio.run(find_engine())
    status = engine.status if engine else None
    if status and status.save_error and not options.force:
        raise UserError(
            f"run {status.run} is not saved ({status.save_error}), and would lose steps",
            "fix that first, or stop the engine anyway with --force",
        )
    if asyncio.run(stop_engine()) is None:
        print(f"charwave-tui: {NOT_RUNNING}", file=sys.stderr)
        return 0
    record = _read_resumable(status.run) if status and status.run is not None else None
    if record is None or status is None:
        print("the engine has ended")
        return 0
    resume = f"charwave-tui train --resume {record.run} resumes it"
    if record.step < status.step:
        print(f"run {record.run} was last saved at step {record.step:,}, what came after is lost; {resume}")
    else:
        print(f"run {record.run} is paused and saved at step {record.step:,}; {resume}")
    return 0


def _facts(engine: RunningEngine | None) -> dict[str, object]:
    status = engine.status if engine and engine.status and engine.status.run is not None else None
    return {
        "pid": engine.greeting.pid if engine else None,
        "socket": str(socket_path()),
        "version": engine.greeting.version if engine else None,
        "run": status.run if status else None,
        "state": status.state.value if status and status.state else None,
        "step": status.step if status else None,
        "unsaved": status.save_error or None if status else None,
    }


def _read_resumable(run: int) -> RunRecord | None:
    """Read the record of a run as it is on disk; None where it cannot be resumed."""
    with suppress(UserError, OSError):
        record = RunStore(runs_dir()).read(run)
        return record if record.state in RESUMABLE_STATES else None
    return None
