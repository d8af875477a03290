"""Commands on stored runs and starred names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState, StarredName
from charwave_tui.core.protocol import commands
from charwave_tui.core.protocol.events import Event, RunShown, RunsListed, StarsListed
from charwave_tui.core.store.run_record import MAX_RUN_NAME_LENGTH, MAX_RUN_NOTE_LENGTH, RunRecord, RunSummary
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.core.store.starred_names import StarredNames
from charwave_tui.engine.runtime.cooperative import Reply

MAX_LISTED_RUNS = 4_000  # with the longest notes they fit into one frame


class ArchiveCommands:
    """Handles commands on the runs in `store`, and broadcasts the changed list. All methods raise UserError."""

    def __init__(
        self, store: RunStore, current_record: Callable[[], RunRecord | None], broadcast: Callable[[Event], None]
    ) -> None:
        self._store = store
        self._current_record = current_record
        self._broadcast = broadcast

    def list_runs(self, command: commands.ListRuns, reply: Reply) -> None:
        reply(RunsListed(self._summaries()))

    def show_run(self, command: commands.ShowRun, reply: Reply) -> None:
        current = self._current_record()
        reply(RunShown(current if current and current.run == command.run else self._store.read(command.run)))

    def describe_run(self, command: commands.DescribeRun, reply: Reply) -> None:
        _check_text("name", command.name, MAX_RUN_NAME_LENGTH)
        _check_text("note", command.note, MAX_RUN_NOTE_LENGTH)
        name, note = command.name.strip(), command.note.strip()
        self._change(lambda: self._store.set_name_and_note(command.run, name, note))

    def delete_run(self, command: commands.DeleteRun, reply: Reply) -> None:
        self._change(lambda: self._store.delete(command.run))

    def restore_run(self, command: commands.RestoreRun, reply: Reply) -> None:
        self._change(lambda: self._store.restore(command.run))

    def resumable_run(self) -> RunSummary | None:
        """Return the newest run that took a step, if it is paused, as after a crash, and no process trains it."""
        trained = (
            row for row in self._store.summaries() if row.step > 0 and self._store.folder_of(row.run).checkpoints()
        )
        newest = next(trained, None)
        return newest if newest is not None and newest.state is RunState.PAUSED else None

    def _summaries(self) -> tuple[RunSummary, ...]:
        """Return the newest MAX_LISTED_RUNS runs, newest first, the active one as it is now."""
        summaries = self._store.summaries()[:MAX_LISTED_RUNS]
        if (record := self._current_record()) is None:
            return summaries
        current = record.summary()
        return tuple(
            msgspec.structs.replace(current, name=row.name, note=row.note) if row.run == current.run else row
            for row in summaries
        )

    def _change(self, change: Callable[[], None]) -> None:
        try:
            change()
        except OSError as error:
            raise UserError(
                f"the list of runs cannot be written ({error.strerror or error})", "mend that first"
            ) from None
        self._broadcast(RunsListed(self._summaries()))


def _check_text(field: str, text: str, max_length: int) -> None:
    if len(text) > max_length:
        raise UserError(f"a {field} of {len(text):,} characters is too long", f"at most {max_length} are kept")
    if any(not symbol.isprintable() for symbol in text):
        raise UserError(f"the {field} holds a control character", "type letters")


class StarCommands:
    """Handles commands on starred names; the changed list is broadcast. All methods raise UserError."""

    def __init__(self, stars: StarredNames, broadcast: Callable[[Event], None]) -> None:
        self._stars = stars
        self._broadcast = broadcast

    def list_stars(self, command: commands.ListStars, reply: Reply) -> None:
        reply(StarsListed(self._stars.all()))

    def star(self, command: commands.StarName, reply: Reply) -> None:
        starred_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._stars.add(StarredName(command.name, command.nll, command.run, command.step, starred_at))
        self._broadcast(StarsListed(self._stars.all()))

    def unstar(self, command: commands.UnstarName, reply: Reply) -> None:
        self._stars.remove(command.name)
        self._broadcast(StarsListed(self._stars.all()))
