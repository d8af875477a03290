"""The weights that `sample` and `inspect` read: those in an engine at this moment, or a run's newest checkpoint."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from charwave_tui.cli.options import add_host_options, endpoint_from, run_number
from charwave_tui.client.connection import EngineUnavailable
from charwave_tui.client.endpoints import EngineEndpoint
from charwave_tui.client.requests import EngineSession, engine_session
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.run_record import RESUMABLE_STATES
from charwave_tui.core.store.run_store import RunStore

Reply = TypeVar("Reply")


class _NotInEngine(Exception):
    """No engine of this machine has the run."""


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add `--run` and the options of a host."""
    parser.add_argument(
        "--run", metavar="R", type=run_number, help="the run's number (the newest; with --host the one in its engine)"
    )
    add_host_options(parser, of_command=True)


def query_run(
    options: argparse.Namespace,
    query: Callable[[EngineSession], Awaitable[Reply]],
    read: Callable[[int], Reply],
    *,
    on_disk: bool = False,
) -> Reply:
    """Ask the engine that has the chosen run, or read the run's newest checkpoint where none has it, or `on_disk`.

    For a run in training or on another machine, stderr names the step of the weights. Raises UserError,
    EngineUnavailable.
    """
    endpoint = endpoint_from(options, starts=False)
    if endpoint.host and on_disk:
        raise UserError(f"--corpus is for runs on this machine, not on {endpoint.host}", "leave it out")
    if endpoint.host:
        return asyncio.run(_query_host(endpoint, options.run, query))
    store = RunStore(runs_dir())
    with suppress(_NotInEngine, EngineUnavailable):
        if on_disk:
            raise _NotInEngine
        newest = max((summary.run for summary in store.summaries()), default=0)
        return asyncio.run(_query_local(endpoint, options.run, newest, query))
    record = store.read(options.run)
    if store.folder_of(record.run).is_locked():
        _report_step(f"run {record.run} is in use", record.step)
    return read(record.run)


async def _query_local(
    endpoint: EngineEndpoint, chosen: int | None, newest: int, query: Callable[[EngineSession], Awaitable[Reply]]
) -> Reply:
    async with engine_session(endpoint) as session:
        status = session.status
        if status is None or status.run is None or status.state is None:
            raise _NotInEngine
        if status.run != chosen if chosen else status.run < newest:
            raise _NotInEngine
        reply = await query(session)
        _report_missing_words(session)
        if status.state in RESUMABLE_STATES:
            _report_step(f"run {status.run} is {status.state.value}", session.reply_step)
        return reply


async def _query_host(
    endpoint: EngineEndpoint, chosen: int | None, query: Callable[[EngineSession], Awaitable[Reply]]
) -> Reply:
    host = endpoint.host
    async with engine_session(endpoint) as session:
        status = session.status
        if status is None or status.run is None or status.state is None:
            raise UserError(f"the engine on {host} has no run", f"charwave-tui start --host {host} starts one")
        if chosen not in (None, status.run):
            remedy = f"leave --run {chosen} out, or run the command on {host}"
            raise UserError(f"run {chosen} is not in the engine on {host}, which has run {status.run}", remedy)
        reply = await query(session)
        _report_missing_words(session)
        _report_step(f"run {status.run} on {host} is {status.state.value}", session.reply_step)
        return reply


def _report_missing_words(session: EngineSession) -> None:
    if session.opened is not None and session.opened.missing_words:
        print(escape_invisible(session.opened.missing_words), file=sys.stderr)


def _report_step(about: str, step: int) -> None:
    print(f"{about}; these are its weights of step {step:,}", file=sys.stderr)
