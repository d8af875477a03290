"""How a run's progress is told without a screen: by a bar on a terminal, by a line an evaluation elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from charwave_tui.core.metrics import Split
from charwave_tui.core.protocol.events import Event, Progress, RunOpened, SaveFailed, SplitEvaluated, WarningIssued

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


Listener = Callable[[Event], None]
"""What is called with each event of a run."""


@contextmanager
def progress_listener() -> Iterator[Listener]:
    """Tell of a run on stderr; nothing is written before the run is open, so that a mistake stands alone."""
    with progress_listeners() as listener:
        yield listener("")


@contextmanager
def progress_listeners() -> Iterator[Callable[[str], Listener]]:
    """The same for runs that may go on at one time: for each a listener, whose lines begin with the name it is given.

    A bar needs no name: its own run's is beside it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_interactive:
        yield lambda name: Lines(sys.stderr, name).on_event
        return
    columns = TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn()
    with_figures = *columns, TextColumn("{task.fields[figures]}"), TimeRemainingColumn()
    bar = Bar(*with_figures, console=console, refresh_per_second=4)
    try:
        yield lambda name: _Ticker(bar).on_event
    finally:
        bar.stop()


class Lines:
    """Writes what a run is to `file`, then a line for each evaluation, each with a `name` before it where given."""

    def __init__(self, file: TextIO | None, name: str = "") -> None:
        self._file = file
        self._before = f"{name}  " if name else ""
        self._newest = ""

    def on_event(self, event: Event) -> None:
        """Take in an event; raises OSError where the file takes no more."""
        match event:
            case RunOpened(corpus=corpus, parameters=parameters):
                words = f"{corpus.words:,} words of {corpus.name}"
                self._write(f"{_title(event)} · {words} · {parameters:,} parameters")
            case Progress():
                self._newest = _train(event) or self._newest
            case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                self._write(f"step {evaluation.step:>9,}  {self._newest}  val {evaluation.loss:.4f}")
            case SaveFailed():
                self._write(_unsaved(event))
            case WarningIssued(text=text):
                self._write(text)

    def _write(self, line: str) -> None:
        print(f"{self._before}{line}", file=self._file, flush=True)


class _Ticker:
    """Turns events into the progress bar."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None, figures="")
        self._newest = self._val = ""

    def on_event(self, event: Event) -> None:
        match event:
            case RunOpened(config=config):
                self._bar.update(self._task, description=_title(event), total=config.max_steps)
                self._bar.start()
            case Progress(step=step):
                self._newest = _train(event) or self._newest
                self._show(step)
            case SplitEvaluated(evaluation=evaluation) if evaluation.split is Split.VAL:
                self._val = f"  val {evaluation.loss:.4f}"
                self._show(evaluation.step)
            case SaveFailed():
                self._bar.console.print(_unsaved(event), style="yellow")
            case WarningIssued(text=text):
                self._bar.console.print(text, style="yellow", markup=False)

    def _show(self, step: int) -> None:
        self._bar.update(self._task, completed=step, figures=f"{self._newest}{self._val}")


def _title(opened: RunOpened) -> str:
    return f"run {opened.run} · {opened.preset}"


def _train(event: Progress) -> str:
    newest = event.points[-1] if event.points else event.partial
    return f"train {newest.mean:.4f}" if newest else ""


def _unsaved(event: SaveFailed) -> str:
    return f"run {event.run} is not being saved ({event.problem}); training goes on"
