"""`charwave-tui attach`: the run that an engine trains, in plain lines."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence

from charwave_tui.cli.options import add_host_options, endpoint_from
from charwave_tui.cli.output import finite, print_json
from charwave_tui.cli.progress import ProgressLines
from charwave_tui.client.connection import EngineUnavailable
from charwave_tui.client.engine_client import EngineClient
from charwave_tui.client.requests import STATUS_POLL_SECONDS
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import Divergence, Evaluation, LossPoint, RunState
from charwave_tui.core.protocol.commands import ReportStatus
from charwave_tui.core.protocol.events import (
    EngineFailed,
    Event,
    Progress,
    RunChanged,
    RunOpened,
    SplitEvaluated,
    StatusReported,
)
from charwave_tui.core.store.run_record import RESUMABLE_STATES


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "print the engine's run as plain lines, one per evaluation"
    parser = commands.add_parser("attach", help=about, description=about)
    add_host_options(parser, of_command=True)
    parser.add_argument("--follow", action="store_true", help="until the run ends (ctrl+c leaves it training)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(func=attach)


def attach(options: argparse.Namespace) -> int:
    """Print the run's evaluations so far, and with `--follow` those to come; raises UserError where it diverged."""
    report: Callable[[Event], None] = _print_event if options.json else ProgressLines(sys.stdout).on_event
    end = asyncio.run(_watch(EngineClient(endpoint_from(options, starts=False)), report, follow=options.follow))
    if end is None:
        return 0
    if end.state is RunState.DIVERGED:
        raise UserError(f"the run diverged: {end.reason}", "w rewinds it in the playground (charwave-tui)")
    if not options.json:
        print(f"{end.state.value} at step {end.step:,}")
    return 0


async def _watch(engine: EngineClient, report: Callable[[Event], None], *, follow: bool) -> RunChanged | None:
    """Report the engine's run until it ends, and reconnect meanwhile; return its end, None where it has not ended."""
    reporter = _RunReporter(engine, report)
    while True:
        reason = "the engine has gone; charwave-tui train --resume resumes its run"
        try:
            async for event in engine.events():
                if reporter.handle_event(event, follow=follow):
                    engine.close()
                    return reporter.end
        except EngineUnavailable as error:
            reason = str(error)
        if (seconds := engine.retry_in) is None:
            raise EngineUnavailable(reason)
        print(f"charwave-tui: connection lost; reconnecting in {seconds:g} s", file=sys.stderr)
        await asyncio.sleep(seconds)


class _RunReporter:
    """Reports each evaluation of an engine's run once, however often the connection drops; `end` is its last change."""

    def __init__(self, engine: EngineClient, report: Callable[[Event], None]) -> None:
        self.end: RunChanged | None = None
        self._engine = engine
        self._report = report
        self._run: int | None = None
        self._reported: set[Evaluation] = set()

    def handle_event(self, event: Event, *, follow: bool) -> bool:
        """Report an event; return whether nothing more will come. Raises UserError, EngineUnavailable."""
        match event:
            case RunOpened(run=run) if self.end is not None and run != self._run:
                return True  # another run, or none, took its place before all was evaluated
            case RunOpened(run=None):
                raise UserError("the engine has no run", "charwave-tui start begins one")
            case RunOpened(state=state, step=step):
                self._report_opened(event)
                self._set_state(RunChanged(state, step, _reason(event.divergence)))
                return not follow or state is RunState.DIVERGED
            case RunChanged(state=state):
                self._report(event)
                self._set_state(event)
                return state is RunState.DIVERGED
            case EngineFailed(problem=problem):
                raise EngineUnavailable(f"the engine failed: {problem}")
            case SplitEvaluated(evaluation=evaluation):
                self._report_evaluation(evaluation)
            case StatusReported(evaluating=evaluating) if self.end is not None:
                if not evaluating:
                    return True
                asyncio.get_running_loop().call_later(STATUS_POLL_SECONDS, self._engine.send, ReportStatus())
            case _:
                self._report(event)
        return False

    def _report_opened(self, event: RunOpened) -> None:
        if event.run != self._run:
            self._run, self._reported = event.run, set()
            self._report(event)
        points = event.history.points
        for evaluation in event.history.evaluations:
            self._report_evaluation(evaluation, [point for point in points if point.step <= evaluation.step])
        self._report_train_loss(points)

    def _report_evaluation(self, evaluation: Evaluation, points: Sequence[LossPoint] = ()) -> None:
        if evaluation not in self._reported:
            self._reported.add(evaluation)
            self._report_train_loss(points)
            self._report(SplitEvaluated(evaluation))

    def _report_train_loss(self, points: Sequence[LossPoint]) -> None:
        """Report the newest training loss, which the line of an evaluation shows."""
        if points:
            self._report(Progress(points[-1].step, 0.0, (points[-1],), None))

    def _set_state(self, change: RunChanged) -> None:
        self.end = None if change.state in RESUMABLE_STATES else change
        if self.end is not None:
            self._engine.send(ReportStatus())  # the evaluations at the end are still to come


def _reason(divergence: Divergence | None) -> str:
    if divergence is None:
        return ""
    return f"it became {divergence.became} at step {divergence.step:,} with lr {divergence.lr:g}"


def _print_event(event: Event) -> None:
    match event:
        case RunOpened():
            state = event.state.value
            print_json({"event": "run", "run": event.run, "preset": event.preset, "state": state, "step": event.step})
        case SplitEvaluated(evaluation=item):
            losses = {"loss": finite(item.loss), "unseen": finite(item.unseen)}
            print_json({"event": "evaluation", "step": item.step, "split": item.split, **losses})
        case RunChanged():
            print_json({"event": "state", "state": event.state.value, "step": event.step})
    sys.stdout.flush()
