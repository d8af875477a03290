"""Progress of runs without a screen: a bar on a terminal, elsewhere a line for each evaluation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from charwave_tui.core.metrics import Evaluation, Split
from charwave_tui.core.protocol.events import Event, Progress, RunOpened, SaveFailed, SplitEvaluated, WarningIssued

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


Listener = Callable[[Event], None]


@contextmanager
def progress_listeners() -> Iterator[Callable[[str], Listener]]:
    """Report runs on stderr: provides a function that makes a run's listener; its name, if any, begins each line.

    Nothing is written before a run is open, so that a user error stands alone.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_interactive:
        yield lambda name: ProgressLines(sys.stderr, name).on_event
        return
    losses = TextColumn("{task.fields[losses]}")
    columns = TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), losses, TimeRemainingColumn()
    bar = Bar(*columns, console=console, refresh_per_second=4)
    try:
        yield lambda name: _ProgressBar(bar).on_event
    finally:
        bar.stop()


class ProgressLines:
    """Writes a title to `file`, then a line for each evaluation, each after `name` where there is one."""

    def __init__(self, file: TextIO | None, name: str = "") -> None:
        self._file = file
        self._prefix = f"{name}  " if name else ""
        self._train = ""

    def on_event(self, event: Event) -> None:
        """Write what an event reports; raises OSError where the file cannot be written."""
        match event:
            case RunOpened(corpus=corpus, parameters=parameters):
                words = f"{corpus.words:,} words of {corpus.name}"
                self._write(f"{_title(event)} · {words} · {parameters:,} parameters")
                if corpus.repeats_text:
                    self._write(corpus.repeats_text)
            case Progress():
                self._train = _train_loss(event) or self._train
            case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                self._write(f"step {evaluation.step:>9,}  {self._train}  {_val_losses(evaluation)}")
            case SaveFailed():
                self._write(_save_failure(event))
            case WarningIssued(text=text):
                self._write(text)

    def _write(self, line: str) -> None:
        print(f"{self._prefix}{line}", file=self._file, flush=True)


class _ProgressBar:
    """Shows one run's events in a bar."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None, losses="")
        self._train = self._val = ""

    def on_event(self, event: Event) -> None:
        match event:
            case RunOpened(config=config, corpus=corpus):
                self._bar.update(self._task, description=_title(event), total=config.max_steps)
                self._bar.start()
                if corpus.repeats_text:
                    self._bar.console.print(corpus.repeats_text, markup=False, highlight=False)
            case Progress(step=step):
                self._train = _train_loss(event) or self._train
                self._update(step)
            case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                self._val = f"  {_val_losses(evaluation)}"
                self._update(evaluation.step)
            case SaveFailed():
                self._bar.console.print(_save_failure(event), style="yellow")
            case WarningIssued(text=text):
                self._bar.console.print(text, style="yellow", markup=False)

    def _update(self, step: int) -> None:
        self._bar.update(self._task, completed=step, losses=f"{self._train}{self._val}")


def _title(event: RunOpened) -> str:
    return f"run {event.run} · {event.preset}"


def _train_loss(event: Progress) -> str:
    point = event.points[-1] if event.points else event.partial
    return f"train {point.mean:.4f}" if point else ""


def _val_losses(evaluation: Evaluation) -> str:
    unseen = "" if evaluation.unseen is None else f"  unseen {evaluation.unseen:.4f}"
    return f"val {evaluation.loss:.4f}{unseen}"


def _save_failure(event: SaveFailed) -> str:
    return f"run {event.run} is not being saved ({event.problem}); training continues"
