"""`charwave-tui train`: a run from start to end without a screen."""

from __future__ import annotations

import argparse
import json
import math
import signal
from typing import TYPE_CHECKING, Any

from charwave_tui.cli.clock import process_start
from charwave_tui.cli.options import add_run_options, chosen_config
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event, Progress, RunChanged, RunOpened, SaveFailed, SplitEvaluated, State
from charwave_tui.core.readings import Split
from charwave_tui.core.runs import RunRecord

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("train", help="train a run, progress on stderr, the result on stdout")
    add_run_options(parser)
    parser.add_argument("--steps", metavar="N", help="max_steps: train for so many steps")
    parser.add_argument("--seed", metavar="S", help="seed of the first weights and the batches")
    parser.add_argument("--device", metavar="D", help="auto, cpu, cuda or mps")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(func=train)


def train(options: argparse.Namespace) -> int:
    """Train as the options say and print the result; a diverged run is said on stderr and ends with 2."""
    config, preset = chosen_config(options, max_steps=options.steps, seed=options.seed, device=options.device)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from charwave_tui.engine.api import Training

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Bar(*columns, console=console, refresh_per_second=4, transient=not console.is_terminal) as bar:
        task = bar.add_task(preset, total=config.max_steps, figures="")
        ticker = _Ticker(bar, task)
        training = Training(config, preset, ticker.heard)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: training.stop())
        record = training.start(asked=process_start())
    result = summary(record)
    if options.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:17} {_written(value)}" for name, value in result.items()))
    if record.state is State.DIVERGED:
        raise Mistake(f"run {record.run} diverged: {ticker.reason}", f"try lr {config.lr / 3:.2g}, or norm batch")
    return 0


def summary(record: RunRecord) -> dict[str, Any]:
    """What `train --json` prints: losses in nats per character, seconds from the start of the process."""
    return {
        "run": record.run,
        "preset": record.preset,
        "state": record.state.value,
        "parameters": record.parameters,
        "steps": record.step,
        "seconds": round(record.seconds, 3),
        "steps_per_second": round(record.steps_per_second, 1),
        "first_loss": _finite(record.first_loss),
        "train": _finite(record.train),
        "val": _finite(record.val),
    }


class _Ticker:
    """Turns events into the progress bar."""

    def __init__(self, bar: Bar, task: Any) -> None:
        self._bar = bar
        self._task = task
        self._val = ""
        self.reason = ""

    def heard(self, event: Event) -> None:
        match event:
            case RunOpened(run=run, preset=preset):
                self._bar.update(self._task, description=f"run {run} · {preset}" if preset else f"run {run}")
            case Progress(step=step, points=points, partial=partial):
                newest = points[-1] if points else partial
                loss = f"train {newest.mean:.4f}" if newest else ""
                self._bar.update(self._task, completed=step, figures=f"{loss}{self._val}")
            case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                self._val = f"  val {evaluation.loss:.4f}"
            case RunChanged(reason=reason) if reason:
                self.reason = reason
            case SaveFailed(run=run, problem=problem):
                self._bar.console.print(f"run {run} is not being saved ({problem}); training goes on", style="yellow")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _written(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
