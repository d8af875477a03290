"""RunSlot: the active run and its ghost, and how another run takes its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import torch

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.registry import find_learned_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import GhostCurve, RunState
from charwave_tui.core.protocol.commands import REWIND_LR_DIVISOR
from charwave_tui.core.protocol.events import Event
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint
from charwave_tui.engine.runs.pretrained import find_pretrained
from charwave_tui.engine.runs.restore import fork_run, load_ghost, pending_evaluations, reopen_run
from charwave_tui.engine.service.background_tasks import BackgroundTasks


class RunSlot:
    """Owns one run at a time; each run put into it is broadcast as opened and attached to `background_tasks`."""

    def __init__(self, store: RunStore, background_tasks: BackgroundTasks, broadcast: Callable[[Event], None]) -> None:
        self.current: ActiveRun | None = None
        self.ghost: GhostCurve | None = None
        self._store = store
        self._background_tasks = background_tasks
        self._broadcast = broadcast

    @property
    def active_run(self) -> ActiveRun:
        """The current run; raises UserError if there is none."""
        if self.current is None:
            raise UserError("there is no model yet", "t trains one")
        return self.current

    def prepare(self, config: RunConfig, preset: str) -> None:
        """Install the pretrained model if it is of `config`, else an untrained one."""
        self._install(self._without_number(config, preset))

    def begin(self, config: RunConfig, preset: str, requested_at: float, corpus: Corpus | None = None) -> None:
        """Install a new run with a number; an unfinished one before it is stopped, and its curve is the ghost."""
        old = self.current
        run = old if old is not None and _is_new_run_of(old, config, preset) else None
        run = run or ActiveRun(config, preset, self._broadcast, corpus)
        self._ensure_saved()
        run.begin(self._store, requested_at, old.identity.number if old else None)
        if old is not None and old is not run:  # not earlier: where the new run cannot be stored, the old one goes on
            old.release(RunState.STOPPED)
            if not (old.is_pretrained and old.config == run.config):  # whose curve the new run draws again
                self.ghost = old.ghost_curve() or self.ghost
        self._install(run)

    def open(self, number: int) -> None:
        """Install a stored run; an unfinished one before it is paused. Raises UserError."""
        if self.current is not None and self.current.identity.number == number:
            if not self._words_are_back(self.current):
                return
            self.release()
        self._ensure_saved()
        run = reopen_run(self._store, number, self._broadcast)
        self._replace(run)
        run.mark("taken up again", quiet=True)
        if run.corpus.missing is None:
            self._background_tasks.submit_evaluation(pending_evaluations(run))

    def require_words(self) -> None:
        """Reopen the current run if its words were missing and are back; raises UserError if they still are."""
        if (number := self.active_run.identity.number) is not None:
            self.open(number)
        self.active_run.corpus.require_words()

    def fork(self, number: int, requested_at: float) -> None:
        """Install a new run that starts from a stored one, with a higher limit if that has ended; raises UserError."""
        if self.current is not None and self.current.identity.number == number:
            self.current.save()
        self._ensure_saved()
        run = fork_run(self._store, number, self._broadcast, requested_at)
        self._replace(run)
        run.mark(f"fork of run {number}")
        if run.trainer.finished:
            run.extend_limit()
        run.save()

    def rewind(self) -> None:
        """Restore the current run, which diverged, from its latest checkpoint, with a smaller lr. Raises UserError."""
        run = self.active_run
        diverged_at = run.step
        assert run.identity.number is not None
        folder = self._store.folder_of(run.identity.number)
        run.restore(load_latest_checkpoint(folder, self._store.on_warning, quarantine=True))
        self._install(run)
        run.mark(f"rewound from step {diverged_at:,}", quiet=True)
        run.edit(replace(run.config, lr=float(f"{run.config.lr / REWIND_LR_DIVISOR:.3g}")))

    def release(self) -> None:
        """Pause and save an unfinished run, and release its lock."""
        if self.current is not None:
            self.current.release(RunState.PAUSED)

    def reset(self) -> None:
        """Install the untrained model of the current run in its place, so that the run can be deleted."""
        untrained = self._without_number(self.active_run.config, self.active_run.identity.preset)
        self.release()
        self._install(untrained)

    def _without_number(self, config: RunConfig, preset: str) -> ActiveRun:
        run = ActiveRun(config, preset, self._broadcast)
        if (model := find_pretrained(config, run.corpus)) is not None:
            with suppress(UserError):  # if its weights do not fit, the untrained model takes its place
                run.load_pretrained(model)
        return run

    def _ensure_saved(self) -> None:
        """Save the current run before another one takes its place; raises UserError if that fails."""
        run = self.current
        if run is None or not run.unsaved:
            return
        run.save()
        if run.unsaved:
            raise UserError(
                f"run {run.identity.number} is not saved ({run.unsaved}) and would be lost", "mend that first"
            )

    def _words_are_back(self, run: ActiveRun) -> bool:
        if run.corpus.missing is None:
            return False
        return find_learned_corpus(self._store.read(run.identity.number)).missing is None

    def _replace(self, run: ActiveRun) -> None:
        self.release()
        self.ghost = load_ghost(run, self._store)
        self._install(run)

    def _install(self, run: ActiveRun) -> None:
        torch.set_num_threads(run.config.threads)
        self.current = run
        self._background_tasks.attach(run)
        self._broadcast(run.snapshot(self.ghost))


def _is_new_run_of(run: ActiveRun, config: RunConfig, preset: str) -> bool:
    is_same = (run.config, run.identity.preset) == (config, preset)
    return run.state is RunState.READY and not run.is_pretrained and is_same
