"""Runs trained in processes of their own, several at a time, with their events told to this one."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import cast

from charwave_tui.cli.process import configure_logging, process_start, stop_on_signals
from charwave_tui.cli.progress import Listener
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.protocol.commands import StartRun
from charwave_tui.core.protocol.events import Event
from charwave_tui.core.store.run_record import RunRecord

LEAVES_WITHIN = 30.0
"""Seconds that a run which is told to stop has to be evaluated and saved."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be trained, and what it is called."""

    name: str
    config: RunConfig


@dataclass(frozen=True, slots=True)
class JobResult:
    """What became of the job of that `name`: its record as it is on disk, or why there is none."""

    name: str
    record: RunRecord | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Started:
    job: Job
    process: SpawnProcess
    heard: Listener


def train_in_parallel(
    jobs: Sequence[Job], at_once: int, listener: Callable[[str], Listener]
) -> Generator[JobResult, None, None]:
    """Train all `jobs`, so many at once, and give each outcome as it comes; `listener` hears the events of a name.

    Where the iteration is left early, by Ctrl+C say, what is in progress is stopped, saved and given no more.
    """
    waiting, running = deque(jobs), dict[Connection, _Started]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.popleft()
                connection, process = _start(job)
                running[connection] = _Started(job, process, listener(job.name))
            for connection in cast(list[Connection], wait(list(running))):
                started = running[connection]
                match _message(connection):
                    case Event() as event:
                        started.heard(event)
                    case (RunRecord() | str()) as last:
                        del running[connection]
                        started.process.join()
                        yield _outcome(started.job.name, last)
    finally:
        _leave(running)


def _outcome(name: str, last: RunRecord | str) -> JobResult:
    return JobResult(name, None, last) if isinstance(last, str) else JobResult(name, last)


def _start(job: Job) -> tuple[Connection, SpawnProcess]:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_train, args=(job, theirs), daemon=True)
    with _without_interrupts():
        process.start()
    theirs.close()
    return ours, process


def _message(connection: Connection) -> Event | RunRecord | str:
    try:
        message: Event | RunRecord | str = connection.recv()
    except (EOFError, OSError):  # killed, be it in the middle of a message
        return "its process ended before it did"
    return message


def _leave(running: dict[Connection, _Started]) -> None:
    """Stop all that is in progress and wait until it is saved."""
    for started in running.values():
        started.process.terminate()
    for connection, started in running.items():
        while isinstance(_message(connection), Event):
            pass
        started.process.join(LEAVES_WITHIN)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Within the block Ctrl+C is ignored, as it is by a process started in it until that has a handler of its own."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _train(job: Job, tell: Connection) -> None:
    """The life of a process: one run."""
    configure_logging()
    last: RunRecord | str
    try:
        from charwave_tui.engine.api import InProcessTraining

        training = InProcessTraining(StartRun(job.config, job.name), tell.send)
        with stop_on_signals(training):
            last = training.start(asked=process_start())
        if training.unsaved:
            last = str(training.unsaved)
    except UserError as mistake:
        last = str(mistake)
    except Exception as error:
        last = f"{type(error).__name__}: {error}"
    with suppress(OSError):  # who started it is gone; the run is saved
        tell.send(last)
