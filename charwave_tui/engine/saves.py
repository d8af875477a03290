"""The saves of one run: when the next is due, what one costs, and why the run is not being saved, if so."""

from __future__ import annotations

import time
from collections.abc import Callable

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import Event, Remarked, RunSaved, SaveFailed
from charwave_tui.core.records import RunRecord
from charwave_tui.core.run_folder import RunLock
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.checkpoint import Save, write_save

EVERY = 10.0
"""Seconds between two saves of a run in training, at the least."""

SHARE = 0.02
"""The most of the training time that saving may take: where a save is slow, the next one comes later."""


class Saves:
    """Writes run `number`, whose `lock` it holds; raises nothing, but says through `emit` what could not be written.

    `problem` is why the run is not being saved, empty where it is; `step` that of the last good save, None before it.
    """

    def __init__(self, store: RunStore, number: int, lock: RunLock, emit: Callable[[Event], None]) -> None:
        self.problem = ""
        self.step: int | None = None
        self._store = store
        self.number = number
        self._lock = lock
        self._emit = emit
        self._next = time.monotonic() + EVERY

    @property
    def due(self) -> bool:
        """Whether a run in training is to be saved now."""
        return time.monotonic() >= self._next

    def write(self, record: RunRecord, save: Save | None) -> None:
        """Keep `record`, and `save` beside it: what of the two can be written is, whatever becomes of the other."""
        began = time.monotonic()
        problems = [
            problem
            for problem in (self._tried(lambda: self._store.write(record)), self._tried(lambda: self._write(save)))
            if problem
        ]
        now = time.monotonic()
        self._next = now + max(EVERY, (now - began) / SHARE)
        self.problem = problems[0] if problems else ""
        if self.problem:
            self._emit(SaveFailed(self.number, self.problem))
            return
        if save is not None:
            self.step = save.record.step
            self._emit(RunSaved(self.number, self.step))

    def release(self) -> None:
        """Let others train the run."""
        self._lock.release()

    def _write(self, save: Save | None) -> None:
        folder = self._store.place(self.number)
        if not self._lock.holds:
            folder.path.mkdir(parents=True, exist_ok=True)
            self._lock.release()
            self._lock = folder.lock()
            self._emit(Remarked(f"the folder of run {self.number} was deleted: it is being saved anew"))
        if save is not None:
            write_save(folder, save)

    def _tried(self, write: Callable[[], None]) -> str:
        try:
            write()
        except OSError as error:
            return error.strerror or str(error)
        except Mistake as mistake:
            return mistake.problem
        return ""
