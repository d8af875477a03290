"""EngineWorker: the thread that owns the model, and carries out commands in order between training bursts."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import log_path
from charwave_tui.core.protocol.commands import Command
from charwave_tui.core.protocol.events import CommandRefused, EngineFailed, Event
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore

if TYPE_CHECKING:
    from charwave_tui.engine.service.dispatcher import CommandDispatcher

MAILBOX_BUDGET = 0.03  # seconds for which commands go before training, so that a flood of them does not stop it

ViewerId = int
Publish = Callable[[Event, ViewerId | None], None]  # to one viewer, or to all with None

log = logging.getLogger(__name__)


class EngineWorker:
    """Commands in, events out; `run` is the thread's whole life, the other methods may be called from any thread.

    `on_done` is called after each item of the mailbox; `failure` says why nothing can be computed, None if it can.
    """

    def __init__(self, publish: Publish, store: RunStore, on_done: Callable[[], None] = lambda: None) -> None:
        self._publish = publish
        self._on_done = on_done
        self._store = store
        self._mailbox: queue.SimpleQueue[tuple[Command | None, ViewerId | None, float]] = queue.SimpleQueue()
        self.failure: EngineFailed | None = None

    def submit(self, command: Command, viewer: ViewerId | None = None, requested_at: float | None = None) -> None:
        """Put a command in the mailbox; `requested_at` is on time.monotonic()'s clock, by default now."""
        self._mailbox.put((command, viewer, time.monotonic() if requested_at is None else requested_at))

    def submit_snapshot(self, viewer: ViewerId) -> None:
        self._mailbox.put((None, viewer, time.monotonic()))

    def close(self) -> None:
        """Have the run saved and the thread end, after what is in the mailbox."""
        self._mailbox.put((None, None, time.monotonic()))

    def run(self, until_idle: bool = False) -> RunRecord | None:
        """Work until closed, or with `until_idle` until nothing is left to do; return the record of the last run.

        If torch cannot be imported it returns at once, and publishes `failure`.
        """
        try:
            # torch takes a second to import: the socket is open and commands wait in the mailbox meanwhile
            from charwave_tui.engine.service.dispatcher import CommandDispatcher

            dispatcher = CommandDispatcher(self._store, lambda event: self._publish(event, None))
        except Exception as error:
            log.exception("nothing can be computed")
            self.failure = _failed(error)
            self._publish(self.failure, None)
            return None

        mailbox_since: float | None = None  # when the commands in a row began
        while True:
            busy = dispatcher.busy
            if not busy:
                mailbox_since = None
            try:
                if mailbox_since is not None and time.monotonic() - mailbox_since > MAILBOX_BUDGET:
                    raise queue.Empty
                wait = not (busy or until_idle)
                command, viewer, requested_at = self._mailbox.get(wait, dispatcher.busy_in if wait else None)
            except queue.Empty:
                if not busy:
                    if until_idle:
                        break
                    continue
                self._guarded(dispatcher, dispatcher.run_slice, None)
                mailbox_since = None
                continue
            mailbox_since = mailbox_since or time.monotonic()
            reply = partial(self._reply, viewer)
            if command is not None:
                self._guarded(dispatcher, partial(dispatcher.dispatch, command, reply, requested_at), viewer)
            elif viewer is not None:
                self._guarded(dispatcher, partial(dispatcher.send_snapshot, reply), viewer)
            else:
                break
            self._on_done()
        dispatcher.shut_down()
        self._store.close()
        return dispatcher.last_record

    def _reply(self, viewer: ViewerId | None, event: Event) -> None:
        self._publish(event, viewer)

    def _guarded(self, dispatcher: CommandDispatcher, work: Callable[[], None], viewer: ViewerId | None) -> None:
        try:
            work()
        except UserError as error:
            self._publish(CommandRefused(error.problem, error.remedy, error.field), viewer)
        except Exception as error:
            log.exception("internal error in the worker")
            dispatcher.recover("the engine met a fault")
            self._publish(_failed(error), None)


def _failed(error: Exception) -> EngineFailed:
    problem = (str(error).splitlines() or [""])[0][:200]
    return EngineFailed(f"{type(error).__name__}: {problem}", str(log_path()))
