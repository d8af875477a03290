"""The run in hand and its ghost: how another one takes its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import torch

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import GhostCurve, RunState
from charwave_tui.core.protocol.events import Event
from charwave_tui.core.store.run_record import RESUMABLE_STATES
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runs.pretrained import find_pretrained
from charwave_tui.engine.runs.restore import (
    fork_run,
    load_ghost,
    load_pretrained,
    pending_evaluations,
    reopen_run,
    rewind_run,
)
from charwave_tui.engine.service.background_tasks import BackgroundTasks

REWIND_LR_DIVISOR = 3
"""By how much lr is divided when a run that diverged is rewound."""


class RunSlot:
    """Holds one run at a time, for which `errands` work; whoever takes its place is told to all as opened."""

    def __init__(self, store: RunStore, errands: BackgroundTasks, tell: Callable[[Event], None]) -> None:
        self.current: ActiveRun | None = None
        self.ghost: GhostCurve | None = None
        self._store = store
        self._errands = errands
        self._tell = tell

    @property
    def run(self) -> ActiveRun:
        """The run in hand; raises Mistake where there is none."""
        if self.current is None:
            raise UserError("there is no model yet", "t trains one")
        return self.current

    def prepare(self, config: RunConfig, preset: str) -> None:
        """Hold the untrained model of `config`, or the trained one in the box where it is of that config."""
        self._install(self._untrained(config, preset))

    def begin(self, config: RunConfig, preset: str, asked: float, corpus: Corpus | None = None) -> None:
        """Hold a new numbered run; the one in progress before it is stopped, and its course becomes the ghost."""
        old = self.current
        serves = old is not None and _serves(old, config, preset)
        new = old if old is not None and serves else ActiveRun(config, preset, self._tell, corpus)
        self._ensure_saved()
        new.begin(self._store, asked, old.identity.number if old else None)
        if old is not None and old is not new:  # only now: without a place for the new one it trains on
            self._release(RunState.STOPPED)
            self.ghost = old.ghost() or self.ghost
        self._install(new)

    def open(self, run: int) -> None:
        """Hold the kept `run`; the one in progress before it is held where it stands. Raises Mistake."""
        if self.current is not None and self.current.identity.number == run:
            return
        self._ensure_saved()
        new = reopen_run(self._store, run, self._tell)
        self._take_over(new)
        new.mark("taken up again", quiet=True)
        self._errands.submit_evaluation(pending_evaluations(new))

    def fork(self, run: int, asked: float) -> None:
        """Hold a new run that begins where `run` stands, allowed as many steps more at its end. Raises Mistake."""
        if self.current is not None and self.current.identity.number == run:
            self.current.save()
        self._ensure_saved()
        new = fork_run(self._store, run, self._tell, asked)
        self._take_over(new)
        new.mark(f"fork of run {run}")
        if new.trainer.finished:
            new.extend_limit()
        new.save()

    def rewind(self) -> None:
        """Bring the run in hand, which diverged, back to its last good save, with less lr. Raises Mistake."""
        run = self.run
        left = run.divergence.step if run.divergence else run.trainer.step
        rewind_run(run, self._store)
        self._install(run)
        run.mark(f"rewound from step {left:,}", quiet=True)
        run.edit(replace(run.config, lr=float(f"{run.config.lr / REWIND_LR_DIVISOR:.3g}")))

    def leave(self) -> None:
        """Hold a run in progress where it stands, so that it can be gone on with, and let others have it."""
        self._release(RunState.PAUSED)

    def clear(self) -> None:
        """Hold the untrained model of the run in hand in its place, so that the run itself can be deleted."""
        untrained = self._untrained(self.run.config, self.run.identity.preset)
        self.leave()
        self._install(untrained)

    def _untrained(self, config: RunConfig, preset: str) -> ActiveRun:
        run = ActiveRun(config, preset, self._tell)
        if (trained := find_pretrained(config, run.corpus)) is not None:
            with suppress(UserError):  # a box that does not fit is as good as none
                load_pretrained(run, trained)
        return run

    def _ensure_saved(self) -> None:
        """See that the run in hand is saved before another one takes its place; raises Mistake where it cannot be."""
        run = self.current
        if run is None or run.saves is None or not run.saves.problem:
            return
        run.save()
        if run.saves.problem:
            raise UserError(
                f"run {run.saves.number} is not saved ({run.saves.problem}) and would be lost", "mend that first"
            )

    def _release(self, state: RunState) -> None:
        run = self.current
        if run is None or run.saves is None:
            return
        if run.state in RESUMABLE_STATES:
            run.halt(state)
        elif run.saves.dirty:
            run.save()
        run.saves.release()

    def _take_over(self, new: ActiveRun) -> None:
        self.leave()
        self.ghost = load_ghost(new, self._store)
        self._install(new)

    def _install(self, run: ActiveRun) -> None:
        torch.set_num_threads(run.config.threads)
        self.current = run
        self._errands.attach(run)
        self._tell(run.opened(self.ghost))


def _serves(run: ActiveRun, config: RunConfig, preset: str) -> bool:
    """Whether `run` is untrained and just what a run of `config` begins with."""
    return run.state is RunState.READY and not run.boxed and (run.config, run.identity.preset) == (config, preset)
