"""RunsListPane: cursor, editor, filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.protocol.commands import Command, DeleteRun, DescribeRun, RestoreRun
from charwave_tui.core.store.run_record import RunSummary
from charwave_tui.ui.drawing.number_format import local_now
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, readable
from charwave_tui.ui.keymap import RUN_KEYS
from charwave_tui.ui.messages import Requested, ScreenRequest
from charwave_tui.ui.runs.commands import command_for_key, refusal
from charwave_tui.ui.state.run_state import ConnectionState, RunViewState
from charwave_tui.ui.state.runs_state import RunsViewOptions, active_run_number, sort_and_filter
from charwave_tui.ui.tables.runs_table import RunsContext, detail_line, fit_columns, header, row_line
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.pane import UnnumberedPane
from charwave_tui.ui.widgets.text_lines import TextLines

HEAD = 1
"""Lines above the first run."""


FAR = 1_000_000
"""More rows than any list has."""


class RunWalk(UnnumberedPane):
    """A pane with a row for each run and a cursor that stays on its run; whoever derives from it draws.

    Of the rows in `seen` the one at `top` is the first in sight and the cursor is on that at `index`; it goes to the
    run `returning` as soon as that is there.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "walk(-1)", "Up", show=False),
        Binding("down,j", "walk(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", f"walk(-{FAR})", "First", show=False),
        Binding("end", f"walk({FAR})", "Last", show=False),
    ]

    rows: reactive[tuple[RunSummary, ...] | None] = reactive(None, repaint=False)
    """All runs as they are now; None until the engine has told them."""
    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    """The run that the engine holds."""
    arrangement: reactive[RunsViewOptions] = reactive(RunsViewOptions, repaint=False)
    """How the runs are arranged, and the one under the cursor; keys change it here, and the screen follows."""

    def __init__(self, arrangement: RunsViewOptions, *, id: str) -> None:
        super().__init__("Runs", id=id)
        self.set_reactive(RunWalk.arrangement, arrangement)
        self.seen: tuple[RunSummary, ...] = ()
        self.top = 0
        self.index = 0
        self.returning: int | None = None

    @property
    def room(self) -> int:
        """The rows that can be seen at once."""
        return max(self.size.height - HEAD - self.foot, 1)

    @property
    def foot(self) -> int:
        """Lines below the last row that can be seen."""
        return 0 if self.size.height < 5 else 1 if self.size.height < 12 else 2

    @property
    def here(self) -> RunSummary | None:
        """The run under the cursor."""
        return self.seen[self.index] if self.seen else None

    def update(self) -> None:
        """Draw what changed."""
        raise NotImplementedError

    def action_walk(self, rows: int) -> None:
        if self.seen:
            index = min(max(self.index + rows, 0), len(self.seen) - 1)
            self.arrangement = replace(self.arrangement, here=self.seen[index].run)

    def action_page(self, pages: int) -> None:
        self.action_walk(pages * self.room)

    def on_mouse_scroll_down(self) -> None:
        if self.check_action("walk", (1,)):
            self.action_walk(1)

    def on_mouse_scroll_up(self) -> None:
        if self.check_action("walk", (-1,)):
            self.action_walk(-1)

    async def on_click(self, event: events.Click) -> None:
        """Go to the run; open the one where the cursor was already."""
        at = event.screen_offset - self.content_region.offset
        place = at.y - HEAD + self.top
        if HEAD <= at.y < HEAD + self.room and place < len(self.seen):
            if place == self.index:
                await self.run_action("command('open')")
            elif self.check_action("walk", (place,)):
                self.action_walk(place - self.index)

    def on_resize(self) -> None:
        self.refit()

    def watch_rows(self) -> None:
        self.refit()

    def watch_run(self, old: RunViewState, run: RunViewState) -> None:
        if (active_run_number(old), old.state, old.connection) != (active_run_number(run), run.state, run.connection):
            self.refit()

    def watch_arrangement(self) -> None:
        self.refit()

    def refit(self) -> None:
        """Arrange the rows, keep the cursor on its run, or where that was, and keep it in sight."""
        if not self.is_mounted or not self.size:
            return
        now, rows, present = self.arrangement, self.rows or (), active_run_number(self.run)
        self.seen = sort_and_filter(rows, now.order, now.query, present)
        places = {row.run: place for place, row in enumerate(self.seen)}
        here = now.here
        if self.returning in places:
            here, self.returning = self.returning, None
        elif here is None and present in places:
            here = present
        elif here not in places and self.rows is not None:
            here = self.seen[min(self.index, len(self.seen) - 1)].run if self.seen else None
        self.index = places.get(here, 0) if here is not None else 0
        lowest = max(len(self.seen) - self.room, 0)
        self.top = min(max(min(self.top, self.index), self.index - self.room + 1), lowest)
        fitted = replace(now.among(rows) if self.rows is not None else now, here=here)
        if fitted != now:
            self.arrangement = fitted
        else:
            self.update()


LONGEST = {"name": 60, "note": 400, "filter": 60}
"""Characters that each of the editors takes."""


NAME_COLUMNS = 24
"""Columns that the editor of a name takes at least where there are so many."""


class RunEditing(RunWalk):
    """The list with an editor: over the name of the run under the cursor, else in the last line."""

    @dataclass
    class CommandRequested(Message):
        """A person wants the engine to do something with a run."""

        command: Command

    def __init__(self, arrangement: RunsViewOptions, *, id: str) -> None:
        super().__init__(arrangement, id=id)
        self.lines = TextLines()
        self._editor = InlineEditor()
        self._edited: RunSummary | None = None

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self._editor

    @property
    def edited(self) -> str:
        """What is being typed: `name`, `note`, `filter`, or nothing."""
        return self._editor.row_name

    def action_edit(self, what: str) -> None:
        self._edited = row = self.here
        texts = {"filter": self.arrangement.query}
        if row is not None:
            texts |= {"name": row.name, "note": row.note}
        self._editor.max_length = LONGEST[what]
        self._editor.open(what, texts[what])
        self.update()

    @on(Input.Changed)
    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.edited == "filter":
            self.arrangement = replace(self.arrangement, query=event.value)

    @on(Input.Submitted)
    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        what, row = self.edited, self._edited
        self.close_editor()
        if what not in ("name", "note") or row is None:
            return
        if all(other.run != row.run for other in self.rows or ()):
            # it stayed open all the same: letters are not to become keys in the middle of a word
            self.notify(f"run {row.run} is not there any more", severity="warning", markup=False)
        else:
            text = "".join(letter for letter in event.value if letter.isprintable()).strip()
            words = {"name": row.name, "note": row.note, what: text}
            if words[what] != getattr(row, what):
                self.post_message(self.CommandRequested(DescribeRun(row.run, **words)))

    @on(InlineEditor.Cancelled)
    def on_field_editor_left(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        if self.edited == "filter":
            self.arrangement = replace(self.arrangement, query="")
        self.close_editor()

    def on_focus(self) -> None:
        if self.edited:
            self.screen.set_focus(self._editor, scroll_visible=False)

    def close_editor(self) -> None:
        """Put the editor away, and take the keys back."""
        if self.edited:
            self._editor.close()
            self.screen.set_focus(self, scroll_visible=False)
            self.update()

    def place_editor(self, name: tuple[int, int], label: int) -> None:
        """Fit the editor over the first column and the columns of the `name`, or behind so many columns of label."""
        if self.edited == "name":
            self._editor.styles.offset = (name[0], HEAD + self.index - self.top)
            self._editor.styles.width = max(min(name[1], self.size.width - name[0]), 1)
        elif self.edited:
            self._editor.styles.offset = (label, self.size.height - 1)
            self._editor.styles.width = max(self.size.width - label, 1)


LABELS = {"note": "note  ", "filter": "filter  "}
"""What stands before the editors in the last line."""


TICK = 20.0
"""Seconds between two looks at how long ago the runs were made."""


class RunsListPane(RunEditing, can_focus=True):
    """A row for each run, and a line about the one under the cursor below them."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in RUN_KEYS]

    def __init__(self, arrangement: RunsViewOptions, *, id: str = "runs") -> None:
        super().__init__(arrangement, id=id)

    def on_mount(self) -> None:
        self.set_interval(TICK, self.update)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("walk", "page", "command", "choose", "restore", "edit", "sort", "request"):
            return super().check_action(action, parameters)
        if self.edited:
            return False
        match action, *parameters:
            case "command", str(key):
                idle = command_for_key(key, self.here, self.run) is None
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
        command = command_for_key(key, self.here, self.run)
        if command is None:
            return
        self.post_message(self.CommandRequested(command))
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
        self.post_message(self.CommandRequested(RestoreRun(run)))

    def action_sort(self) -> None:
        self.arrangement = replace(self.arrangement, order=self.arrangement.order.following)

    def action_request(self, requested: str) -> None:
        self.post_message(ScreenRequest(Requested(requested)))

    def update(self) -> None:
        if not self.is_mounted or not self.size:
            return
        width, height = self.size
        rows, now = self.rows or (), self.arrangement
        company = RunsContext.of(rows, active_run_number(self.run), local_now())
        plan = fit_columns(rows, width, company)
        lines: list[StyledLine] = [header(plan, company)] if self.seen else list(self._silence())
        lines += [row_line(row, plan, company, now) for row in self.seen[self.top : self.top + self.room]]
        if self.foot:
            lines += [()] * (height - 1 - len(lines))
            lines.append(self._last_line(detail_line(self.here, plan, company, width) if self.here else ()))
        self.place_editor(plan.stretch("name", NAME_COLUMNS), len(LABELS.get(self.edited, "")))
        self.lines.set_lines(lines)
        self._write_border()
        self.refresh_bindings()

    def _silence(self) -> Iterator[StyledLine]:
        """What to say where there is no run to list."""
        if self.run.connection is ConnectionState.LOST:
            yield (Span("The engine is gone.", "error"),)
            yield (*_key("esc"), Span(" goes back, ", "muted"), *_key("t"), Span(" starts another one.", "muted"))
        elif self.rows is None:
            yield (Span("reading the runs", "muted"),)
        elif not self.rows:
            yield (Span("There are no runs yet."),)
            yield (*_key("esc"), Span(" goes back, ", "muted"), *_key("t"), Span(" trains one.", "muted"))
        else:
            yield (Span("No run matches "), Span(readable(self.arrangement.query), "bright", True), Span("."))
            if not self.edited:
                yield (*_key("/"), Span(" changes the filter.", "muted"))

    def _last_line(self, said: StyledLine) -> StyledLine:
        """What is said of the run under the cursor, or what is typed now."""
        return (Span(LABELS[self.edited], "accent", True),) if self.edited in LABELS else said

    def _write_border(self) -> None:
        total, found, now = len(self.rows or ()), len(self.seen), self.arrangement
        last = min(self.top + self.room, found)
        part = f"{self.top + 1}{GLYPHS.dash}{last} of {found:,}" if self.room < found else f"{found:,}"
        if now.query.strip():
            part += f" of {total:,} match {readable(now.query.strip())}"
        self.note = part if total else ""
        self.remark = f"sorted by {now.order}" if total else ""


def _key(key: str) -> StyledLine:
    return (Span(key, "accent", True),)
