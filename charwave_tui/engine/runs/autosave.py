"""Autosave of one run: when the next checkpoint is due, what it costs, and why the run is not saved, if so."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from charwave_tui.core.errors import UserError
from charwave_tui.core.protocol.events import Event, RunSaved, SaveFailed, WarningIssued
from charwave_tui.core.store.run_folder import RunLock
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.checkpoint import Checkpoint, write_checkpoint

AUTOSAVE_SECONDS = 10.0  # at least, between two saves of a run in training, and before a failed one is tried again
MAX_TIME_FRACTION = 0.02  # of the training time spent on saving: where it is slow, the next save comes later
EDIT_DEBOUNCE_SECONDS = 1.0  # between the last edit of a run that does not train and its save

log = logging.getLogger(__name__)


class Autosave:
    """Writes `run`, whose `lock` it owns; raises nothing, but emits SaveFailed and WarningIssued.

    `saved_step` is the step of the latest checkpoint, None before it; `problem` says why the run is not saved, empty if
    it is; `dirty` tells that a run that does not train has unsaved changes.
    """

    def __init__(
        self, store: RunStore, run: int, lock: RunLock, emit: Callable[[Event], None], saved_step: int | None
    ) -> None:
        self.run = run
        self.saved_step = saved_step
        self.problem = ""
        self.dirty = False
        self._store = store
        self._lock = lock
        self._emit = emit
        self._record_problem = ""
        self._last_seconds = 0.0
        self._next_save = time.monotonic() + AUTOSAVE_SECONDS

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next_save

    @property
    def retry_in(self) -> float | None:
        """Seconds until a dirty run that does not train is to be saved; None if it is not dirty."""
        return max(0.0, self._next_save - time.monotonic()) if self.dirty else None

    def mark_dirty(self) -> None:
        self.dirty = True
        self._next_save = time.monotonic() + EDIT_DEBOUNCE_SECONDS

    def write(self, record: RunRecord, checkpoint: Checkpoint | None) -> None:
        """Write the checkpoint, then the record to the database; nothing where another process has the run.

        A record that cannot be written is no reason to call the run unsaved: it follows from the checkpoint. Only a run
        that diverged, which has no checkpoint, is told by the record alone.
        """
        start, last_problem = time.monotonic(), self.problem
        self.problem = _problem_of(self._reacquire_lock) or (
            _problem_of(lambda: write_checkpoint(self._store.folder_of(self.run), checkpoint)) if checkpoint else ""
        )
        now = time.monotonic()
        last_seconds, self._last_seconds = self._last_seconds, now - start
        # the smaller of two, so that one slow moment does not delay the next save
        self._next_save = now + max(AUTOSAVE_SECONDS, min(last_seconds, self._last_seconds) / MAX_TIME_FRACTION)
        if not self.problem:
            self._write_record(record)
        if checkpoint is None and self._record_problem:
            self.problem = self._record_problem
        self.dirty = bool(self.problem)
        if self.problem:
            log.warning("run %d is not being saved: %s", self.run, self.problem)
            self._emit(SaveFailed(self.run, self.problem))
            return
        if checkpoint is not None:
            self.saved_step = checkpoint.record.step
        if self.saved_step is not None and (checkpoint is not None or last_problem):
            self._emit(RunSaved(self.run, self.saved_step))

    def release(self) -> None:
        self._lock.release()

    def _reacquire_lock(self) -> None:
        """Lock the run again if its folder was deleted; raises OSError, UserError."""
        if not self._lock.is_valid:
            folder = self._store.folder_of(self.run)
            folder.path.mkdir(parents=True, exist_ok=True)
            self._lock.release()
            self._lock = folder.lock()
            self._emit(WarningIssued(f"the folder of run {self.run} was deleted: it is being saved anew"))

    def _write_record(self, record: RunRecord) -> None:
        last_problem, self._record_problem = self._record_problem, _problem_of(lambda: self._store.write(record))
        if self._record_problem and not last_problem:
            self._emit(WarningIssued(f"run {self.run} is saved, but the list of runs is not: {self._record_problem}"))


def _problem_of(write: Callable[[], None]) -> str:
    try:
        write()
    except OSError as error:
        return error.strerror or str(error)
    except UserError as error:
        return error.problem
    return ""
