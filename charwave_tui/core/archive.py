"""Commands and events about the runs that are kept."""

from __future__ import annotations

from charwave_tui.core.protocol import Command, Event
from charwave_tui.core.records import RunRecord, RunSummary


class ListRuns(Command, frozen=True):
    """Tell the asker all runs that are kept."""


class ShowRun(Command, frozen=True):
    """Tell the asker a run's whole record."""

    run: int


class OpenRun(Command, frozen=True):
    """Hold a kept run as its last save has it, in place of the present one; with `train` go on training it.

    A run in progress before it is held and saved.
    """

    run: int
    train: bool = False


class ForkRun(Command, frozen=True):
    """Begin a new run, paused, with the weights and the course that `run` has now; its curve is the ghost."""

    run: int


class DescribeRun(Command, frozen=True):
    """Keep what a person calls a run and notes of it."""

    run: int
    name: str
    note: str


class DeleteRun(Command, frozen=True):
    """Take a run off the list, from where it can be put back."""

    run: int


class RestoreRun(Command, frozen=True):
    """Put a deleted run back on the list."""

    run: int


class RunsListed(Event, frozen=True):
    """All runs that are kept, newest first: to whom it was asked by, and to all where the list was changed."""

    runs: tuple[RunSummary, ...]


class RunShown(Event, frozen=True):
    """The whole record of a run, its history bounded as always."""

    record: RunRecord


class UnfinishedFound(Event, frozen=True):
    """The newest run was left in the middle, by a crash, say: it can be gone on with from its last save."""

    run: RunSummary
