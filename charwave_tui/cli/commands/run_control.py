"""`charwave-tui start`, `pause`, `resume`, `stop`, `status`: control of the engine from a script."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from charwave_tui.cli.options import (
    add_host_options,
    add_training_options,
    check_corpus,
    config_from,
    endpoint_from,
    training_fields,
)
from charwave_tui.cli.output import finite, print_facts
from charwave_tui.client.connection import EngineNotRunning
from charwave_tui.client.endpoints import EngineEndpoint
from charwave_tui.client.requests import EngineSession, engine_session
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.protocol.commands import OpenRun, PauseRun, ResumeRun, StartRun, StopRun
from charwave_tui.core.protocol.events import StatusReported
from charwave_tui.core.store.run_record import RESUMABLE_STATES

Facts = dict[str, Any]

# `train`, `val` and `val_unseen` (over the words of val that are not in train) are the newest losses, in nats per
# character, of whole splits; but `train` is the curve's where that is newer
FACTS = ("run", "preset", "state", "step", "max_steps", "train", "val", "val_unseen", "unsaved")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    start = _add_command(commands, "start", "start a run in the engine, in the background", start_run)
    add_training_options(start)
    start.add_argument("--replace", action="store_true", help="stop and save the run in progress first")
    _add_command(commands, "pause", "pause the run between two steps", pause)
    _add_command(commands, "resume", "resume the run that is paused or stopped", resume)
    _add_command(commands, "stop", "stop the run, evaluate it and save it", stop)
    _add_command(commands, "status", "show what the engine does, and the newest losses", status)


def start_run(options: argparse.Namespace) -> int:
    """Start a run; one in progress is stopped only with `--replace`."""
    config, preset = config_from(options, **training_fields(options))
    if options.host is None:
        check_corpus(config)

    async def query(session: EngineSession) -> Facts:
        current = session.status
        if current is not None and current.state in RESUMABLE_STATES and not options.replace:
            raise UserError(f"run {current.run} is {current.state}", "stop it first, or start with --replace")
        previous_run = current.run if current else None
        session.send(StartRun(config, preset))
        while session.opened is None or session.opened.run == previous_run:
            await session.next_event()
        return await _facts(session)

    return _report(endpoint_from(options), query, options.json)


def pause(options: argparse.Namespace) -> int:
    """Pause the run; it may be paused already."""

    async def query(session: EngineSession) -> Facts:
        if session.status is None or session.status.state not in RESUMABLE_STATES:
            raise _nothing_to("pause", session)
        session.send(PauseRun())
        await session.wait_until_evaluated()  # it may pause just where it is evaluated
        return await _facts(session)

    return _report(endpoint_from(options, starts=False), query, options.json)


def resume(options: argparse.Namespace) -> int:
    """Resume the run; it may be training already."""

    async def query(session: EngineSession) -> Facts:
        match session.status:
            case StatusReported(run=int(run), state=RunState.STOPPED):
                session.send(OpenRun(run, train=True))
            case StatusReported(state=state) if state in RESUMABLE_STATES:
                session.send(ResumeRun())
            case _:
                raise _nothing_to("resume", session)
        return await _facts(session)

    return _report(endpoint_from(options, starts=False), query, options.json)


def stop(options: argparse.Namespace) -> int:
    """Stop the run, and wait until it is evaluated and saved."""

    async def query(session: EngineSession) -> Facts:
        if session.status is None or session.status.state not in RESUMABLE_STATES:
            raise _nothing_to("stop", session)
        session.send(StopRun())
        await session.wait_until_evaluated()
        return await _facts(session)

    return _report(endpoint_from(options, starts=False), query, options.json)


def status(options: argparse.Namespace) -> int:
    """Print what the engine does; that none runs is no error."""
    endpoint = endpoint_from(options, starts=False)
    try:
        return _report(endpoint, _facts, options.json)
    except EngineNotRunning:
        if options.json:
            print_facts(dict.fromkeys(FACTS), as_json=True)
        else:
            print("no engine is running")
        return 0


def _add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about)
    add_host_options(parser, of_command=True)
    parser.add_argument("--json", action="store_true", help="print it as one JSON object")
    parser.set_defaults(func=run)
    return parser


def _report(endpoint: EngineEndpoint, query: Callable[[EngineSession], Awaitable[Facts]], as_json: bool) -> int:
    async def run_session() -> Facts:
        async with engine_session(endpoint) as session:
            return await query(session)

    print_facts(asyncio.run(run_session()), as_json=as_json)
    return 0


async def _facts(session: EngineSession) -> Facts:
    """Return what the engine does at this moment: the status is requested again."""
    current = await session.query_status()
    if current.run is None or current.state is None or session.opened is None:
        return dict.fromkeys(FACTS)
    train, val = (finite(session.losses.get(split)) for split in (Split.TRAIN, Split.VAL))
    preset, state, unsaved = session.opened.preset, current.state.value, current.save_error or None
    losses = train, val, finite(session.val_unseen)
    values = (current.run, preset, state, current.step, current.max_steps, *losses, unsaved)
    return dict(zip(FACTS, values, strict=True))


def _nothing_to(command: str, session: EngineSession) -> UserError:
    current = session.status
    if current is None or current.run is None or current.state is None:
        return UserError(f"there is no run to {command}", "charwave-tui start begins one")
    problem = f"run {current.run} is {current.state}, so there is nothing to {command}"
    return UserError(problem, "charwave-tui start begins another")
