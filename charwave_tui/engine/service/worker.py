"""The one thread that owns the model: it takes commands between steps and does everything in their order."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import log_path
from charwave_tui.core.protocol.commands import AnyCommand
from charwave_tui.core.protocol.events import CommandRefused, EngineFailed, Event
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore

if TYPE_CHECKING:
    from charwave_tui.engine.service.dispatcher import CommandDispatcher


log = logging.getLogger(__name__)


MAILBOX_BUDGET = 0.03
"""Seconds for which what is in the mailbox goes before training; however much comes, the steps then get their share."""


Viewer = int
"""Who asked, so that the answer finds the way back."""


Publish = Callable[[Event, Viewer | None], None]
"""How events leave the session: to one viewer, or to all with None."""


class EngineWorker:
    """Commands in, events out; `run` is the thread's whole life, the other methods may be called from any thread.

    `taken` is called when something that was put in the mailbox has been done; `failure` is why nothing can be computed
    here, None where it can.
    """

    def __init__(self, tell: Publish, store: RunStore, taken: Callable[[], None] = lambda: None) -> None:
        self._tell = tell
        self._taken = taken
        self._store = store
        self._mailbox: queue.SimpleQueue[tuple[AnyCommand | None, Viewer | None, float]] = queue.SimpleQueue()
        self.failure: EngineFailed | None = None

    def submit(self, command: AnyCommand, viewer: Viewer | None = None, asked: float | None = None) -> None:
        """Put a command in the mailbox, given at `asked` on time.monotonic's clock, by default now."""
        self._mailbox.put((command, viewer, time.monotonic() if asked is None else asked))

    def introduce(self, viewer: Viewer) -> None:
        """Have the present run told to `viewer`, whole."""
        self._mailbox.put((None, viewer, time.monotonic()))

    def close(self) -> None:
        """Have the run saved and the thread end, once it has done what was asked for before."""
        self._mailbox.put((None, None, time.monotonic()))

    def run(self, until_idle: bool = False) -> RunRecord | None:
        """Serve until closed, or with `until_idle` until nothing is left to do; the record of the last run.

        Where torch cannot be imported it ends at once, with that told as `failure`.
        """
        try:
            # torch takes a second to import: the socket is open and commands wait in the mailbox meanwhile
            from charwave_tui.engine.service.dispatcher import CommandDispatcher

            conductor = CommandDispatcher(self._store, lambda event: self._tell(event, None))
        except Exception as error:
            log.exception("nothing can be computed")
            self.failure = _failed(error)
            self._tell(self.failure, None)
            return None

        since: float | None = None
        while True:
            busy = conductor.busy
            if not busy:
                since = None
            try:
                if since is not None and time.monotonic() - since > MAILBOX_BUDGET:
                    raise queue.Empty
                wait = not (busy or until_idle)
                command, viewer, asked = self._mailbox.get(wait, conductor.busy_in if wait else None)
            except queue.Empty:
                if not busy:
                    if until_idle:
                        break
                    continue
                self._guarded(conductor, conductor.run_slice, None)
                since = None
                continue
            since = since or time.monotonic()
            answer = partial(self._answer, viewer)
            if command is not None:
                self._guarded(conductor, partial(conductor.dispatch, command, answer, asked), viewer)
            elif viewer is not None:
                self._guarded(conductor, partial(conductor.send_snapshot, answer), viewer)
            else:
                break
            self._taken()
        conductor.shut_down()
        self._store.close()
        return conductor.record

    def _answer(self, viewer: Viewer | None, event: Event) -> None:
        self._tell(event, viewer)

    def _guarded(self, conductor: CommandDispatcher, work: Callable[[], None], viewer: Viewer | None) -> None:
        try:
            work()
        except UserError as mistake:
            self._tell(CommandRefused(mistake.problem, mistake.remedy, mistake.field), viewer)
        except Exception as error:
            log.exception("the session met a fault of its own")
            conductor.recover("the engine met a fault")
            self._tell(_failed(error), None)


def _failed(error: Exception) -> EngineFailed:
    problem = (str(error).splitlines() or [""])[0][:200]
    return EngineFailed(f"{type(error).__name__}: {problem}", str(log_path()))
