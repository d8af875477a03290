"""The saves of one run: when the next is due, what one costs, and why the run is not being saved, if so."""

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

log = logging.getLogger(__name__)


EVERY = 10.0
"""Seconds between two saves of a run in training, at the least, and until one that failed is tried again."""


SHARE = 0.02
"""The most of the training time that saving may take: where saves are slow, the next one comes later."""


SETTLED = 1.0
"""Seconds after an edit of a run at rest until it is saved, so that nudging along does not save each."""


class Autosave:
    """Writes run `number`, whose `lock` it holds; raises nothing, but says through `emit` what could not be written.

    `step` is that of the last good save, None before it; `problem` is why the run is not being saved, empty where it
    is; `owed` tells that a run at rest is not on disk as it is.
    """

    def __init__(
        self, store: RunStore, number: int, lock: RunLock, emit: Callable[[Event], None], step: int | None
    ) -> None:
        self.number = number
        self.step = step
        self.problem = ""
        self.dirty = False
        self._store = store
        self._lock = lock
        self._emit = emit
        self._unlisted = ""
        self._cost = 0.0
        self._next = time.monotonic() + EVERY

    @property
    def is_due(self) -> bool:
        """Whether a run in training is to be saved now."""
        return time.monotonic() >= self._next

    @property
    def retry_in(self) -> float | None:
        """Seconds until a run at rest is to be saved because it is not on disk as it is; None where it is."""
        return max(0.0, self._next - time.monotonic()) if self.dirty else None

    def mark_dirty(self) -> None:
        """Take in that a run at rest was changed."""
        self.dirty = True
        self._next = time.monotonic() + SETTLED

    def write(self, record: RunRecord, save: Checkpoint | None) -> None:
        """Keep `save`, which is all of the run, then `record` in the list of runs; nothing where others have the run.

        A list that cannot be written is said, but is no reason to call the run unsaved: it follows from the saves.
        """
        began, failed = time.monotonic(), self.problem
        self.problem = self._tried(self._reacquire_lock) or self._tried(lambda: self._write(save))
        now = time.monotonic()
        before, self._cost = self._cost, now - began
        # one slow moment does not put the next save off: it takes two of them
        self._next = now + max(EVERY, min(before, self._cost) / SHARE)
        if not self.problem:
            self._list(record)
        if save is None and self._unlisted:  # of a run that diverged the list alone tells
            self.problem = self._unlisted
        self.dirty = bool(self.problem)
        if self.problem:
            log.warning("run %d is not being saved: %s", self.number, self.problem)
            self._emit(SaveFailed(self.number, self.problem))
            return
        if save is not None:
            self.step = save.record.step
        if self.step is not None and (save is not None or failed):
            self._emit(RunSaved(self.number, self.step))

    def release(self) -> None:
        """Let others have the run."""
        self._lock.release()

    def _reacquire_lock(self) -> None:
        """Take the lock anew where the folder was deleted under it; raises OSError, Mistake."""
        if not self._lock.holds:
            folder = self._store.folder_of(self.number)
            folder.path.mkdir(parents=True, exist_ok=True)
            self._lock.release()
            self._lock = folder.lock()
            self._emit(WarningIssued(f"the folder of run {self.number} was deleted: it is being saved anew"))

    def _write(self, save: Checkpoint | None) -> None:
        if save is not None:
            write_checkpoint(self._store.folder_of(self.number), save)

    def _list(self, record: RunRecord) -> None:
        before, self._unlisted = self._unlisted, self._tried(lambda: self._store.write(record))
        if self._unlisted and not before:
            self._emit(WarningIssued(f"run {self.number} is saved, but the list of runs is not: {self._unlisted}"))

    def _tried(self, write: Callable[[], None]) -> str:
        try:
            write()
        except OSError as error:
            return error.strerror or str(error)
        except UserError as mistake:
            return mistake.problem
        return ""
