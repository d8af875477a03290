"""A conductor without a thread, with all that it said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import AnyCommand
from charwave_tui.core.protocol.events import Event, RunChanged, RunMarked, SplitEvaluated
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.service.dispatcher import CommandDispatcher

WORDS = [a + b + c for a in "bdklmnrst" for b in "aeiou" for c in ("n", "ra", "li", "so")]


def small(words: Path, **changes: Any) -> RunConfig:
    """A config on a file of words, for a model of which a step takes hardly any time."""
    return RunConfig(corpus=str(words), context=4, fuse=(2, 2), n_embd=4, n_hidden=8, batch_size=8, **changes)


class Desk:
    """A conductor without a thread: `told` is what all heard, `answered` what the one who asked did, in order."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.answered: list[Event] = []
        self.store = RunStore(runs_dir())
        self.conductor = CommandDispatcher(self.store, self.told.append)

    def do(self, *commands: AnyCommand) -> None:
        for command in commands:
            self.conductor.dispatch(command, self.answered.append, 0.0)

    def work(self, done: Callable[[], bool] = lambda: False) -> None:
        """Works until there is nothing to do, or until it is `done`."""
        while self.conductor.busy and not done():
            self.conductor.run_slice()

    def forget(self) -> None:
        self.told.clear()
        self.answered.clear()

    def heard(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def measured(self) -> list[tuple[int, Split]]:
        return [(it.evaluation.step, it.evaluation.split) for it in self.heard(SplitEvaluated)]

    @property
    def marks(self) -> list[tuple[int, str]]:
        return [(it.mark.step, it.mark.text) for it in self.heard(RunMarked)]

    @property
    def states(self) -> list[tuple[RunState, int]]:
        return [(it.state, it.step) for it in self.heard(RunChanged)]
