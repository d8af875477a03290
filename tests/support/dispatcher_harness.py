"""A CommandDispatcher without a thread, with all events it emitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import Command
from charwave_tui.core.protocol.events import Event, RunChanged, RunMarked, SplitEvaluated
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.service.dispatcher import CommandDispatcher

WORDS = [a + b + c for a in "bdklmnrst" for b in "aeiou" for c in ("n", "ra", "li", "so")]


def small_config(words: Path, **changes: Any) -> RunConfig:
    """Return a config on a file of words with a model that trains fast."""
    return RunConfig(corpus=str(words), context=4, fuse=(2, 2), n_embd=4, n_hidden=8, batch_size=8, **changes)


class DispatcherHarness:
    """A CommandDispatcher without a thread; `broadcasts` and `replies` are the events so far, in order."""

    def __init__(self) -> None:
        self.broadcasts: list[Event] = []
        self.replies: list[Event] = []
        self.store = RunStore(runs_dir())
        self.dispatcher = CommandDispatcher(self.store, self.broadcasts.append)

    def send(self, *commands: Command) -> None:
        for command in commands:
            self.dispatcher.dispatch(command, self.replies.append, 0.0)

    def run_until_idle(self, done: Callable[[], bool] = lambda: False) -> None:
        """Run slices until nothing is left to do, or `done`."""
        while self.dispatcher.busy and not done():
            self.dispatcher.run_slice()

    def clear_events(self) -> None:
        self.broadcasts.clear()
        self.replies.clear()

    def events_of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.broadcasts if isinstance(event, kind)]

    @property
    def evaluations(self) -> list[tuple[int, Split]]:
        return [(it.evaluation.step, it.evaluation.split) for it in self.events_of(SplitEvaluated)]

    @property
    def marks(self) -> list[tuple[int, str]]:
        return [(it.marker.step, it.marker.text) for it in self.events_of(RunMarked)]

    @property
    def states(self) -> list[tuple[RunState, int]]:
        return [(it.state, it.step) for it in self.events_of(RunChanged)]
