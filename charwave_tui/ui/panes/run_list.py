"""The table of all runs: what a key means for the one under the cursor is asked for by message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from charwave_tui.core.archive import DeleteRun, RestoreRun
from charwave_tui.ui import ages
from charwave_tui.ui.archive_view import Arrangement, held
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.panes.run_editing import NAME_COLUMNS, RunEditing
from charwave_tui.ui.pieces import Line, Piece, readable
from charwave_tui.ui.run_cells import Company
from charwave_tui.ui.run_commands import command_for, refusal
from charwave_tui.ui.run_keys import RUN_KEYS
from charwave_tui.ui.run_rows import about, header, plan_for, row_line

LABELS = {"note": "note  ", "filter": "filter  "}
"""What stands before the editors in the last line."""

TICK = 20.0
"""Seconds between two looks at how long ago the runs were made."""


class RunList(RunEditing, can_focus=True):
    """A row for each run, and a line about the one under the cursor below them."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in RUN_KEYS]

    @dataclass
    class Wanted(Message):
        """A person wants something of the screen: `back`, `help`, `log`, `turn`."""

        what: str

    def __init__(self, arrangement: Arrangement, *, id: str = "runs") -> None:
        super().__init__(arrangement, id=id)

    def on_mount(self) -> None:
        self.set_interval(TICK, self.update)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("walk", "page", "command", "choose", "restore", "edit", "sort", "want"):
            return super().check_action(action, parameters)
        if self.edited:
            return False
        match action, *parameters:
            case "command", str(key):
                idle = command_for(key, self.here, self.run) is None
            case "choose", *_:
                idle = self.here is None
            case "restore", *_:
                idle = not self.arrangement.deleted
            case ("edit", "filter") | ("sort",):
                idle = not self.rows
            case "edit", *_:
                idle = self.here is None
            case _:
                idle = False
        return None if idle else True

    def action_command(self, key: str) -> None:
        command = command_for(key, self.here, self.run)
        if command is None:
            return
        self.post_message(self.Wished(command))
        if isinstance(command, DeleteRun) and not refusal(command, self.run):
            deleted = (command.run, *self.arrangement.deleted)
            self.arrangement = replace(self.arrangement, deleted=deleted)
            # the next key may come before the answer does, and is not meant for this run any more
            self.action_walk(1 if self.index < len(self.seen) - 1 else -1)

    def action_choose(self) -> None:
        if self.here is None:
            return
        chosen = self.arrangement.toggled(self.here.run)
        if chosen is self.arrangement:
            self.notify("four runs are chosen already\nc on one of them lets it go", severity="warning", markup=False)
        self.arrangement = chosen

    def action_restore(self) -> None:
        run, *others = self.arrangement.deleted
        self.arrangement = replace(self.arrangement, deleted=tuple(others))
        self.returning = run
        self.post_message(self.Wished(RestoreRun(run)))

    def action_sort(self) -> None:
        self.arrangement = replace(self.arrangement, order=self.arrangement.order.following)

    def action_want(self, what: str) -> None:
        self.post_message(self.Wanted(what))

    def update(self) -> None:
        if not self.is_mounted or not self.size:
            return
        width, height = self.size
        rows, now = self.rows or (), self.arrangement
        company = Company.of(rows, held(self.run), ages.now())
        plan = plan_for(rows, width, company)
        lines: list[Line] = [header(plan, company)] if self.seen else list(self._silence())
        lines += [row_line(row, plan, company, now) for row in self.seen[self.top : self.top + self.room]]
        if self.foot:
            lines += [()] * (height - 1 - len(lines))
            lines.append(self._last_line(about(self.here, plan, company, width) if self.here else ()))
        self.place_editor(plan.stretch("name", NAME_COLUMNS), len(LABELS.get(self.edited, "")))
        self.lines.draw(lines)
        self._write_border()
        self.refresh_bindings()

    def _silence(self) -> Iterator[Line]:
        """What to say where there is no run to list."""
        if self.run.engine == "lost":
            yield (Piece("The engine is gone.", "error"),)
            yield (*_key("esc"), Piece(" goes back, ", "muted"), *_key("t"), Piece(" starts another one.", "muted"))
        elif self.rows is None:
            yield (Piece("reading the runs", "muted"),)
        elif not self.rows:
            yield (Piece("There are no runs yet."),)
            yield (*_key("esc"), Piece(" goes back, ", "muted"), *_key("t"), Piece(" trains one.", "muted"))
        else:
            yield (Piece("No run matches "), Piece(readable(self.arrangement.query), "bright", True), Piece("."))
            if not self.edited:
                yield (*_key("/"), Piece(" changes the filter.", "muted"))

    def _last_line(self, said: Line) -> Line:
        """What is said of the run under the cursor, or what is typed now."""
        return (Piece(LABELS[self.edited], "accent", True),) if self.edited in LABELS else said

    def _write_border(self) -> None:
        total, found, now = len(self.rows or ()), len(self.seen), self.arrangement
        last = min(self.top + self.room, found)
        part = f"{self.top + 1}{GLYPHS.none}{last} of {found:,}" if self.room < found else f"{found:,}"
        if now.query.strip():
            part += f" of {total:,} match {readable(now.query.strip())}"
        self.note = part if total else ""
        self.remark = f"sorted by {now.order}" if total else ""


def _key(key: str) -> Line:
    return (Piece(key, "accent", True),)
