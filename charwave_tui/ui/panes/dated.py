"""The frame of a pane whose figures grow old while a run trains."""

from __future__ import annotations

from textual.reactive import reactive
from textual.timer import Timer

from charwave_tui.core.readings import State
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.panes.pane import Pane
from charwave_tui.ui.view import RunView

TICK = 1.0
"""Seconds between two looks at how old the figures are."""


class DatedPane(Pane):
    """A pane that says in its bottom border after which step, and how long ago, its figures were taken."""

    run: reactive[RunView] = reactive(RunView, repaint=False)
    """The run; figures grow old, and say so, only while it trains."""
    age: reactive[int] = reactive(0, repaint=False)
    """Seconds since the figures last changed."""

    def __init__(self, number: int, title: str, *, id: str) -> None:
        super().__init__(number, title, id=id)
        self._clock: Timer | None = None

    def on_mount(self) -> None:
        self._clock = self.set_interval(TICK, self._tick)

    @property
    def dated(self) -> bool:
        """Whether there are figures that have an age."""
        raise NotImplementedError

    def say_whence(self) -> None:
        """Write the bottom border."""
        raise NotImplementedError

    def renewed(self) -> None:
        """Take in that the figures are new."""
        self.age = 0
        if self._clock is not None:
            self._clock.reset()

    def taken(self, step: int) -> str:
        """After which step the figures were taken, and how long ago while more are to come."""
        told = f"step {numbers.steps(step)}"
        return f"{told} {GLYPHS.dot} {_ago(self.age)}" if self.run.state is State.TRAINING else told

    def watch_age(self) -> None:
        self.say_whence()

    def _tick(self) -> None:
        if self.run.state is State.TRAINING and self.dated:
            self.age += 1


def _ago(seconds: int) -> str:
    """An age as it is written; fresh figures are a second old, so that the text stands still while they keep coming."""
    return f"{max(1, seconds)} s ago" if seconds < 60 else f"{seconds // 60} min ago"
