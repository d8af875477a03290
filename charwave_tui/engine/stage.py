"""The run in hand and its ghost: how another one takes its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import torch

from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event
from charwave_tui.core.readings import Ghost, State
from charwave_tui.core.records import UNFINISHED
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.box import boxed
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.errands import Errands
from charwave_tui.engine.restoring import due, forked, ghost_of, open_box, reopened, rewound

LESS = 3
"""By how much lr is divided when a run that diverged is rewound."""


class Stage:
    """Holds one run at a time, for which `errands` work; whoever takes its place is told to all as opened."""

    def __init__(self, store: RunStore, errands: Errands, tell: Callable[[Event], None]) -> None:
        self.current: CurrentRun | None = None
        self.ghost: Ghost | None = None
        self._store = store
        self._errands = errands
        self._tell = tell

    @property
    def run(self) -> CurrentRun:
        """The run in hand; raises Mistake where there is none."""
        if self.current is None:
            raise Mistake("there is no model yet", "t trains one")
        return self.current

    def prepare(self, config: RunConfig, preset: str) -> None:
        """Hold the untrained model of `config`, or the trained one in the box where it is of that config."""
        self._hold(self._untrained(config, preset))

    def begin(self, config: RunConfig, preset: str, asked: float, corpus: Corpus | None = None) -> None:
        """Hold a new numbered run; the one in progress before it is stopped, and its course becomes the ghost."""
        old = self.current
        serves = old is not None and _serves(old, config, preset)
        new = old if old is not None and serves else CurrentRun(config, preset, self._tell, corpus)
        self._secure()
        new.begin(self._store, asked, old.identity.number if old else None)
        if old is not None and old is not new:  # only now: without a place for the new one it trains on
            self._let_go(State.STOPPED)
            self.ghost = old.ghost() or self.ghost
        self._hold(new)

    def open(self, run: int) -> None:
        """Hold the kept `run`; the one in progress before it is held where it stands. Raises Mistake."""
        if self.current is not None and self.current.identity.number == run:
            return
        self._secure()
        new = reopened(self._store, run, self._tell)
        self._take_over(new)
        new.mark("taken up again", quiet=True)
        self._errands.measure(due(new))

    def fork(self, run: int, asked: float) -> None:
        """Hold a new run that begins where `run` stands, allowed as many steps more at its end. Raises Mistake."""
        if self.current is not None and self.current.identity.number == run:
            self.current.save()
        self._secure()
        new = forked(self._store, run, self._tell, asked)
        self._take_over(new)
        new.mark(f"fork of run {run}")
        if new.trainer.finished:
            new.allow()
        new.save()

    def rewind(self) -> None:
        """Bring the run in hand, which diverged, back to its last good save, with less lr. Raises Mistake."""
        run = self.run
        left = run.divergence.step if run.divergence else run.trainer.step
        rewound(run, self._store)
        self._hold(run)
        run.mark(f"rewound from step {left:,}", quiet=True)
        run.edit(replace(run.config, lr=float(f"{run.config.lr / LESS:.3g}")))

    def leave(self) -> None:
        """Hold a run in progress where it stands, so that it can be gone on with, and let others have it."""
        self._let_go(State.PAUSED)

    def clear(self) -> None:
        """Hold the untrained model of the run in hand in its place, so that the run itself can be deleted."""
        untrained = self._untrained(self.run.config, self.run.identity.preset)
        self.leave()
        self._hold(untrained)

    def _untrained(self, config: RunConfig, preset: str) -> CurrentRun:
        run = CurrentRun(config, preset, self._tell)
        if (trained := boxed(config, run.corpus)) is not None:
            with suppress(Mistake):  # a box that does not fit is as good as none
                open_box(run, trained)
        return run

    def _secure(self) -> None:
        """See that the run in hand is saved before another one takes its place; raises Mistake where it cannot be."""
        run = self.current
        if run is None or run.saves is None or not run.saves.problem:
            return
        run.save()
        if run.saves.problem:
            raise Mistake(
                f"run {run.saves.number} is not saved ({run.saves.problem}) and would be lost", "mend that first"
            )

    def _let_go(self, state: State) -> None:
        run = self.current
        if run is None or run.saves is None:
            return
        if run.state in UNFINISHED:
            run.rest(state)
        elif run.saves.owed:
            run.save()
        run.saves.release()

    def _take_over(self, new: CurrentRun) -> None:
        self.leave()
        self.ghost = ghost_of(new, self._store)
        self._hold(new)

    def _hold(self, run: CurrentRun) -> None:
        torch.set_num_threads(run.config.threads)
        self.current = run
        self._errands.turn_to(run)
        self._tell(run.opened(self.ghost))


def _serves(run: CurrentRun, config: RunConfig, preset: str) -> bool:
    """Whether `run` is untrained and just what a run of `config` begins with."""
    return run.state is State.READY and not run.boxed and (run.config, run.identity.preset) == (config, preset)
