"""Which weights `sample` and `inspect` look at: those in an engine's hands at this moment, or a run's newest save."""

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
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.run_record import RESUMABLE_STATES
from charwave_tui.core.store.run_store import RunStore

T = TypeVar("T")
"""What comes of a question."""


class _NotInEngine(Exception):
    """No engine of this machine holds the run."""


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """`--run`, `--host` and what belongs to it."""
    parser.add_argument(
        "--run", metavar="R", type=run_number, help="the run's number (the newest; with --host the one in its engine)"
    )
    add_host_options(parser, of_command=True)


def query_run(options: argparse.Namespace, ask: Callable[[EngineSession], Awaitable[T]], look: Callable[[int], T]) -> T:
    """What the engine that holds the chosen run answers, or where none does what is found in the run's newest save.

    Of a run that trains, and of one of another machine, stderr says how old the weights are. Raises Mistake,
    EngineUnavailable.
    """
    way = endpoint_from(options, starts=False)
    if way.host:
        return asyncio.run(_asked_there(way, options.run, ask))
    store = RunStore(runs_dir())
    with suppress(_NotInEngine, EngineUnavailable):
        return asyncio.run(_asked_here(way, options.run, max((row.run for row in store.list()), default=0), ask))
    record = store.read(options.run)
    if store.folder_of(record.run).in_use():
        _say(f"run {record.run} is in use", record.step)
    return look(record.run)


async def _asked_here(
    way: EngineEndpoint, chosen: int | None, newest: int, ask: Callable[[EngineSession], Awaitable[T]]
) -> T:
    async with engine_session(way) as talk:
        there = talk.status
        if there is None or there.run is None or there.state is None:
            raise _NotInEngine
        if there.run != chosen if chosen else there.run < newest:
            raise _NotInEngine
        answer = await ask(talk)
        if there.state in RESUMABLE_STATES:
            _say(f"run {there.run} is {there.state.value}", talk.answered_at)
        return answer


async def _asked_there(way: EngineEndpoint, chosen: int | None, ask: Callable[[EngineSession], Awaitable[T]]) -> T:
    async with engine_session(way) as talk:
        there = talk.status
        if there is None or there.run is None or there.state is None:
            raise UserError(
                f"the engine on {way.host} holds no run", f"charwave-tui start --host {way.host} begins one"
            )
        if chosen not in (None, there.run):
            remedy = f"leave --run {chosen} out, or ask on {way.host} itself"
            raise UserError(f"run {chosen} is not in the engine on {way.host}, which holds run {there.run}", remedy)
        answer = await ask(talk)
        _say(f"run {there.run} on {way.host} is {there.state.value}", talk.answered_at)
        return answer


def _say(what: str, step: int) -> None:
    print(f"{what}; these are its weights of step {step:,}", file=sys.stderr)
