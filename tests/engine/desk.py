"""A conductor without a thread, with all that it said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.framing import AnyCommand
from charwave_tui.core.places import runs_dir
from charwave_tui.core.protocol import Event
from charwave_tui.core.readings import Split, State
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.conductor import Conductor

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
        self.conductor = Conductor(self.store, self.told.append)

    def do(self, *commands: AnyCommand) -> None:
        for command in commands:
            self.conductor.obey(command, self.answered.append, 0.0)

    def work(self, done: Callable[[], bool] = lambda: False) -> None:
        """Works until there is nothing to do, or until it is `done`."""
        while self.conductor.busy and not done():
            self.conductor.work()

    def forget(self) -> None:
        self.told.clear()
        self.answered.clear()

    def heard(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def measured(self) -> list[tuple[int, Split]]:
        return [(it.evaluation.step, it.evaluation.split) for it in self.heard(protocol.SplitEvaluated)]

    @property
    def marks(self) -> list[tuple[int, str]]:
        return [(it.mark.step, it.mark.text) for it in self.heard(protocol.RunMarked)]

    @property
    def states(self) -> list[tuple[State, int]]:
        return [(it.state, it.step) for it in self.heard(protocol.RunChanged)]
