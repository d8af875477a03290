"""`charwave-tui start`, `pause`, `resume`, `stop`, `status`: the engine that runs, steered from a script."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from charwave_tui.cli.options import add_host_options, add_run_options, config_from, endpoint_from
from charwave_tui.cli.output import finite, print_facts
from charwave_tui.client.connection import EngineNotRunning
from charwave_tui.client.endpoints import EngineEndpoint
from charwave_tui.client.requests import EngineSession, engine_session
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.protocol.commands import Command, OpenRun, PauseRun, ResumeRun, StartRun, StopRun
from charwave_tui.core.protocol.events import StatusReported
from charwave_tui.core.store.run_record import RESUMABLE_STATES

Facts = dict[str, Any]
"""What a command prints: a run's number, state and figures by their names."""


FACTS = ("run", "preset", "state", "step", "max_steps", "train", "val", "unsaved")
"""What is told of the run: `train` and `val` are the newest losses, in nats per character: of whole splits, but that
`train` is the curve's while it is newer."""


RUN_COMMANDS: dict[str, tuple[str, Command]] = {
    "pause": ("hold the run in training between two steps", PauseRun()),
    "resume": ("go on with the run that is paused or stopped", ResumeRun()),
}
"""The commands that only change what the run is doing: their help, and what is sent."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the program's."""
    start = _parser(commands, "start", "begin a run in the engine, which trains it on by itself")
    add_run_options(start, of_command=True)
    start.add_argument("--steps", metavar="N", help="max_steps: train for so many steps")
    start.add_argument("--seed", metavar="S", help="seed of the first weights and the batches")
    start.add_argument("--device", metavar="D", help="auto, cpu, cuda or mps")
    start.add_argument("--replace", action="store_true", help="stop and save the run in progress first")
    start.set_defaults(func=start_run)
    for name, (about, _) in RUN_COMMANDS.items():
        _parser(commands, name, about).set_defaults(func=send_command, order=name)
    _parser(commands, "stop", "end the run, evaluate it and save it").set_defaults(func=stop)
    _parser(commands, "status", "what the engine does, and the newest losses").set_defaults(func=status)


def start_run(options: argparse.Namespace) -> int:
    """Begin a run; one in progress is not put away unless that was asked for."""
    shortcuts = {"max_steps": options.steps, "seed": options.seed, "device": options.device}
    config, preset = config_from(options, **shortcuts)

    async def ask(talk: EngineSession) -> Facts:
        there = talk.status
        if there is not None and there.state in RESUMABLE_STATES and not options.replace:
            raise UserError(f"run {there.run} is {there.state}", "stop it first, or start with --replace")
        before = there.run if there else None
        talk.send(StartRun(config, preset))
        while talk.opened is None or talk.opened.run == before:
            await talk.next_event()
        return await _facts(talk)

    return _report(endpoint_from(options), ask, options.json)


def send_command(options: argparse.Namespace) -> int:
    """Change what the run is doing; nothing is wrong where it does that already."""
    _, command = RUN_COMMANDS[options.order]

    async def ask(talk: EngineSession) -> Facts:
        match talk.status:
            case StatusReported(run=int(run), state=RunState.STOPPED) if isinstance(command, ResumeRun):
                talk.send(OpenRun(run, train=True))
            case StatusReported(state=state) if state in RESUMABLE_STATES:
                talk.send(command)
            case _:
                raise _nothing_to(options.order, talk)
        if isinstance(command, PauseRun):
            await talk.wait_until_evaluated()  # it may be held just where it is evaluated
        return await _facts(talk)

    return _report(endpoint_from(options, starts=False), ask, options.json)


def stop(options: argparse.Namespace) -> int:
    """End the run, and wait until it is evaluated and saved."""

    async def ask(talk: EngineSession) -> Facts:
        if talk.status is None or talk.status.state not in RESUMABLE_STATES:
            raise _nothing_to("stop", talk)
        talk.send(StopRun())
        await talk.wait_until_evaluated()
        return await _facts(talk)

    return _report(endpoint_from(options, starts=False), ask, options.json)


def status(options: argparse.Namespace) -> int:
    """Say what the engine does; that there is none is no fault."""
    way = endpoint_from(options, starts=False)
    try:
        return _report(way, _facts, options.json)
    except EngineNotRunning:
        if options.json:
            print_facts(dict.fromkeys(FACTS), as_json=True)
        else:
            print("no engine is running")
        return 0


def _parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, help: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help, description=help)
    add_host_options(parser, of_command=True)
    parser.add_argument("--json", action="store_true", help="print it as one JSON object")
    return parser


def _report(way: EngineEndpoint, ask: Callable[[EngineSession], Awaitable[Facts]], as_json: bool) -> int:
    async def talk() -> Facts:
        async with engine_session(way) as talk:
            return await ask(talk)

    print_facts(asyncio.run(talk()), as_json=as_json)
    return 0


async def _facts(talk: EngineSession) -> Facts:
    """What the engine does now; what it was told before is heard again, so that it is of this moment."""
    there = await talk.query_status()
    if there.run is None or there.state is None or talk.opened is None:
        return dict.fromkeys(FACTS)
    train, val = (finite(talk.losses.get(split)) for split in (Split.TRAIN, Split.VAL))
    figures = (there.run, talk.opened.preset, there.state.value, there.step, there.max_steps, train, val)
    return dict(zip(FACTS, (*figures, there.unsaved or None), strict=True))


def _nothing_to(verb: str, talk: EngineSession) -> UserError:
    there = talk.status
    if there is None or there.run is None or there.state is None:
        return UserError(f"there is no run to {verb}", "charwave-tui start begins one")
    return UserError(
        f"run {there.run} is {there.state}, so there is nothing to {verb}", "charwave-tui start begins another"
    )
