"""`charwave-tui attach`: the run that an engine trains, in plain lines."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence

from charwave_tui.cli.options import add_host_options, endpoint_from
from charwave_tui.cli.output import finite, print_json
from charwave_tui.cli.progress import Lines
from charwave_tui.client.connection import EngineUnavailable
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.client.requests import ASKED_AGAIN
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import Divergence, Evaluation, LossPoint, RunState
from charwave_tui.core.protocol.commands import ReportStatus
from charwave_tui.core.protocol.events import (
    AnyEvent,
    EngineFailed,
    Progress,
    RunChanged,
    RunOpened,
    SplitEvaluated,
    StatusReported,
)
from charwave_tui.core.store.run_record import RESUMABLE_STATES


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    about = "what the engine trains, in plain lines: a line an evaluation"
    parser = commands.add_parser("attach", help=about, description=about)
    add_host_options(parser, of_command=True)
    parser.add_argument("--follow", action="store_true", help="go on until the run ends (ctrl+c leaves it training)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(func=attach)


def attach(options: argparse.Namespace) -> int:
    """Print the run's evaluations so far, and with `--follow` those to come; 2 where it diverged."""
    tell: Callable[[AnyEvent], None] = _tell_json if options.json else Lines(sys.stdout).on_event
    ended = asyncio.run(_watch(EngineClient(endpoint_from(options, starts=False)), tell, follow=options.follow))
    if ended is None:
        return 0
    if ended.state is RunState.DIVERGED:
        raise UserError(f"the run diverged: {ended.reason}", "w rewinds it in the playground (charwave-tui)")
    if not options.json:
        print(f"{ended.state.value} at step {ended.step:,}")
    return 0


async def _watch(engine: EngineClient, tell: Callable[[AnyEvent], None], *, follow: bool) -> RunChanged | None:
    """Tell of the engine's run until it ends, over a line that may drop; how it ended, None where it has not."""
    watched = _RunReporter(engine, tell)
    while True:
        reason = "the engine has gone; charwave-tui train --resume goes on with its run"
        try:
            async for event in engine.events():
                if watched.over(event, follow=follow):
                    engine.close()
                    return watched.ended
        except EngineUnavailable as error:
            reason = str(error)
        if (pause := engine.retry_in) is None:
            raise EngineUnavailable(reason)
        print(f"charwave-tui: the line dropped; it is tried again in {pause:g} s", file=sys.stderr)
        await asyncio.sleep(pause)


class _RunReporter:
    """The run of an engine as it is told of, each evaluation once, however often the line drops; `ended` is how."""

    def __init__(self, engine: EngineClient, tell: Callable[[AnyEvent], None]) -> None:
        self.ended: RunChanged | None = None
        self._engine = engine
        self._tell = tell
        self._run: int | None = None
        self._told: set[Evaluation] = set()

    def over(self, event: AnyEvent, *, follow: bool) -> bool:
        """Take in an event; whether there is nothing more to tell. Raises Mistake, EngineUnavailable."""
        match event:
            case RunOpened(run=run) if self.ended is not None and run != self._run:
                return True  # another one, or none, took its place before all was measured
            case RunOpened(run=None):
                raise UserError("the engine holds no run", "charwave-tui start begins one")
            case RunOpened(state=state, step=step):
                self._open(event)
                self._turn(RunChanged(state, step, _reason(event.divergence)))
                return not follow or state is RunState.DIVERGED
            case RunChanged(state=state):
                self._tell(event)
                self._turn(event)
                return state is RunState.DIVERGED
            case EngineFailed(problem=problem):
                raise EngineUnavailable(f"the engine failed: {problem}")
            case SplitEvaluated(evaluation=evaluation):
                self._evaluated(evaluation)
            case StatusReported(measuring=measuring) if self.ended is not None:
                if not measuring:
                    return True
                asyncio.get_running_loop().call_later(ASKED_AGAIN, self._engine.send, ReportStatus())
            case _:
                self._tell(event)
        return False

    def _open(self, event: RunOpened) -> None:
        if event.run != self._run:
            self._run, self._told = event.run, set()
            self._tell(event)
        for evaluation in event.history.evaluations:
            self._evaluated(evaluation, [point for point in event.history.points if point.step <= evaluation.step])
        self._course(event.history.points)

    def _evaluated(self, evaluation: Evaluation, course: Sequence[LossPoint] = ()) -> None:
        if evaluation not in self._told:
            self._told.add(evaluation)
            self._course(course)
            self._tell(SplitEvaluated(evaluation))

    def _course(self, points: Sequence[LossPoint]) -> None:
        """Tell the newest training loss, which the line of an evaluation shows."""
        if points:
            self._tell(Progress(points[-1].step, 0.0, (points[-1],), None))

    def _turn(self, change: RunChanged) -> None:
        self.ended = None if change.state in RESUMABLE_STATES else change
        if self.ended is not None:
            self._engine.send(ReportStatus())  # what is measured at the end is still to come


def _reason(divergence: Divergence | None) -> str:
    if divergence is None:
        return ""
    return f"it became {divergence.became} at step {divergence.step:,} with lr {divergence.lr:g}"


def _tell_json(event: AnyEvent) -> None:
    match event:
        case RunOpened():
            state = event.state.value
            print_json({"event": "run", "run": event.run, "preset": event.preset, "state": state, "step": event.step})
        case SplitEvaluated(evaluation=item):
            print_json({"event": "evaluation", "step": item.step, "split": item.split, "loss": finite(item.loss)})
        case RunChanged():
            print_json({"event": "state", "state": event.state.value, "step": event.step})
    sys.stdout.flush()
