"""Runs trained in processes of their own, several at a time, whose events are forwarded to this one."""

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

STOP_TIMEOUT_SECONDS = 30.0  # for a run to be evaluated and saved


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be trained, under a name."""

    name: str
    config: RunConfig


@dataclass(frozen=True, slots=True)
class JobResult:
    """The record of a job as it is on disk, or the problem why there is none."""

    name: str
    record: RunRecord | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _RunningJob:
    name: str
    process: SpawnProcess
    listener: Listener


def train_in_parallel(
    jobs: Sequence[Job], max_processes: int, make_listener: Callable[[str], Listener]
) -> Generator[JobResult, None, None]:
    """Train all jobs and yield each result as it comes; the listener made for a job's name receives its events.

    When the generator is closed early, the jobs in progress are stopped and saved, without a result.
    """
    waiting, running = deque(jobs), dict[Connection, _RunningJob]()
    try:
        while waiting or running:
            while waiting and len(running) < max_processes:
                job = waiting.popleft()
                connection, process = _start(job)
                running[connection] = _RunningJob(job.name, process, make_listener(job.name))
            for connection in cast(list[Connection], wait(list(running))):
                running_job = running[connection]
                message = _receive(connection)
                if isinstance(message, Event):
                    running_job.listener(message)
                    continue
                del running[connection]
                running_job.process.join()
                if isinstance(message, str):
                    yield JobResult(running_job.name, None, message)
                else:
                    yield JobResult(running_job.name, message)
    finally:
        _stop(running)


def _start(job: Job) -> tuple[Connection, SpawnProcess]:
    connection, child_connection = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_train, args=(job, child_connection), daemon=True)
    with _interrupts_ignored():
        process.start()
    child_connection.close()
    return connection, process


def _receive(connection: Connection) -> Event | RunRecord | str:
    try:
        message: Event | RunRecord | str = connection.recv()
    except (EOFError, OSError):  # killed, even if in the middle of a message
        return "its process ended before it did"
    return message


def _stop(running: dict[Connection, _RunningJob]) -> None:
    """Stop all jobs in progress and wait until they are saved."""
    for job in running.values():
        job.process.terminate()
    for connection, job in running.items():
        while isinstance(_receive(connection), Event):
            pass
        job.process.join(STOP_TIMEOUT_SECONDS)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl+C within the block; a process started in it does so until it has a handler of its own."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _train(job: Job, connection: Connection) -> None:
    """Train one run; the main function of a child process."""
    configure_logging()
    result: RunRecord | str
    try:
        from charwave_tui.engine.api import InProcessTraining

        training = InProcessTraining(StartRun(job.config, job.name), connection.send)
        with stop_on_signals(training):
            result = training.start(requested_at=process_start())
        if training.unsaved:
            result = str(training.unsaved)
    except UserError as error:
        result = str(error)
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    with suppress(OSError):  # the parent is gone; the run is saved
        connection.send(result)
