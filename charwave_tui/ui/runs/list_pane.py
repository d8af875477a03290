"""The pane that lists the runs: cursor, filter, sorting, and an editor for names, notes and the filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.protocol.commands import Command, DeleteRun, DescribeRun, RestoreRun
from charwave_tui.core.store.run_record import MAX_RUN_NAME_LENGTH, MAX_RUN_NOTE_LENGTH, RunSummary
from charwave_tui.ui.drawing.number_format import local_now
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, key_span, readable
from charwave_tui.ui.keymap import RUN_KEYS
from charwave_tui.ui.messages import Requested, ScreenRequest
from charwave_tui.ui.runs.commands import RunAction, command_for_action, refusal
from charwave_tui.ui.state.notifications import empty_state_text
from charwave_tui.ui.state.run_state import ConnectionState, RunViewState
from charwave_tui.ui.state.runs_state import RunsViewOptions, active_run_number, sort_and_filter
from charwave_tui.ui.tables.runs_table import RunsContext, detail_line, fit_columns, header, row_line
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.pane import Pane
from charwave_tui.ui.widgets.text_lines import TextLines

HEADER_HEIGHT = 1
MAX_LENGTHS = {"name": MAX_RUN_NAME_LENGTH, "note": MAX_RUN_NOTE_LENGTH, "filter": 60}  # characters, by edited field
NAME_EDITOR_COLUMNS = 24  # at least, where the table is that wide
EDITOR_LABELS = {"note": "note  ", "filter": "filter  "}  # in the last line; a name is edited in its row
AGE_INTERVAL_SECONDS = 20.0  # between two updates of the column that says how old a run is


class RunsListPane(Pane, can_focus=True):
    """One row per run, and one line of details on the run under the cursor; keys act on that run.

    The cursor stays on its run as rows come, go and are sorted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*RUN_KEYS]

    rows: reactive[tuple[RunSummary, ...] | None] = reactive(None, repaint=False)  # None until the engine lists them
    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    view_options: reactive[RunsViewOptions] = reactive(RunsViewOptions, repaint=False)  # the screen watches it

    @dataclass
    class CommandRequested(Message):
        """A key asks for a command about a run."""

        command: Command

    def __init__(self, view_options: RunsViewOptions) -> None:
        super().__init__("Runs", id="runs")
        self.set_reactive(RunsListPane.view_options, view_options)
        self.visible_rows: tuple[RunSummary, ...] = ()
        self.top_index = 0
        self.cursor_index = 0
        self.lines = TextLines()
        self._editor = InlineEditor()
        self._edited_row: RunSummary | None = None
        self._restored_run: int | None = None  # the cursor moves to it once it is listed again

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self._editor

    def on_mount(self) -> None:
        self.set_interval(AGE_INTERVAL_SECONDS, self.update)

    @property
    def page_height(self) -> int:
        return max(self.size.height - HEADER_HEIGHT - self._footer_height, 1)

    @property
    def _footer_height(self) -> int:
        return 0 if self.size.height < 5 else 1 if self.size.height < 12 else 2

    @property
    def cursor_row(self) -> RunSummary | None:
        return self.visible_rows[self.cursor_index] if self.visible_rows else None

    @property
    def edited_field(self) -> str:
        """`name`, `note` or `filter` while the editor is open, else empty."""
        return self._editor.row_name

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("move_cursor", "page", "command", "toggle_chosen", "restore", "edit", "sort", "request"):
            return super().check_action(action, parameters)
        if self.edited_field:
            return False
        match action, *parameters:
            case "command", str(name):
                is_available = command_for_action(RunAction(name), self.cursor_row, self.run) is not None
            case "restore", *_:
                is_available = bool(self.view_options.deleted)
            case ("edit", "filter") | ("sort",):
                is_available = bool(self.rows)
            case (("edit" | "toggle_chosen"), *_):
                is_available = self.cursor_row is not None
            case _:
                is_available = True
        return True if is_available else None

    def action_move_cursor(self, rows: int) -> None:
        if self.visible_rows:
            index = min(max(self.cursor_index + rows, 0), len(self.visible_rows) - 1)
            self.view_options = replace(self.view_options, cursor_run=self.visible_rows[index].run)

    def action_page(self, pages: int) -> None:
        self.action_move_cursor(pages * self.page_height)

    def action_command(self, name: str) -> None:
        command = command_for_action(RunAction(name), self.cursor_row, self.run)
        if command is None:
            return
        self.post_message(self.CommandRequested(command))
        if isinstance(command, DeleteRun) and not refusal(command, self.run):
            self.view_options = replace(self.view_options, deleted=(command.run, *self.view_options.deleted))
            # the next key may come before the reply does, and is no longer meant for this run
            self.action_move_cursor(1 if self.cursor_index < len(self.visible_rows) - 1 else -1)

    def action_toggle_chosen(self) -> None:
        if self.cursor_row is None:
            return
        toggled = self.view_options.toggled(self.cursor_row.run)
        if toggled is self.view_options:
            self.notify("four runs are chosen already\nc on one of them removes it", severity="warning", markup=False)
        self.view_options = toggled

    def action_restore(self) -> None:
        run, *others = self.view_options.deleted
        self.view_options = replace(self.view_options, deleted=tuple(others))
        self._restored_run = run
        self.post_message(self.CommandRequested(RestoreRun(run)))

    def action_sort(self) -> None:
        self.view_options = replace(self.view_options, order=self.view_options.order.following)

    def action_request(self, requested: str) -> None:
        self.post_message(ScreenRequest(Requested(requested)))

    def action_edit(self, field: str) -> None:
        self._edited_row = row = self.cursor_row
        texts = {"filter": self.view_options.query}
        if row is not None:
            texts |= {"name": row.name, "note": row.note}
        self._editor.max_length = MAX_LENGTHS[field]
        self._editor.open(field, texts[field])
        self.update()

    @on(Input.Changed)
    def filter_as_typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.edited_field == "filter":
            self.view_options = replace(self.view_options, query=event.value)

    @on(Input.Submitted)
    def save_description(self, event: Input.Submitted) -> None:
        event.stop()
        field, row = self.edited_field, self._edited_row
        self._close_editor()
        if field not in ("name", "note") or row is None:
            return
        if row.run not in {listed.run for listed in self.rows or ()}:
            # the editor stayed open: in the middle of a word letters must not become keys
            self.notify(f"run {row.run} no longer exists", severity="warning", markup=False)
            return
        text = "".join(filter(str.isprintable, event.value)).strip()
        texts = {"name": row.name, "note": row.note, field: text}
        if texts[field] != getattr(row, field):
            self.post_message(self.CommandRequested(DescribeRun(row.run, **texts)))

    @on(InlineEditor.Cancelled)
    def cancel_edit(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        if self.edited_field == "filter":
            self.view_options = replace(self.view_options, query="")
        self._close_editor()

    def _close_editor(self) -> None:
        if self.edited_field:
            self._editor.close()
            self.update()

    def on_mouse_scroll_down(self) -> None:
        self._move_with_mouse(1)

    def on_mouse_scroll_up(self) -> None:
        self._move_with_mouse(-1)

    async def on_click(self, event: events.Click) -> None:
        """Move the cursor to the run, or open it if the cursor is there already."""
        y = event.screen_offset.y - self.content_region.y
        index = y - HEADER_HEIGHT + self.top_index
        if HEADER_HEIGHT <= y < HEADER_HEIGHT + self.page_height and index < len(self.visible_rows):
            if index == self.cursor_index:
                await self.run_action("command('open')")
            else:
                self._move_with_mouse(index - self.cursor_index)

    def _move_with_mouse(self, rows: int) -> None:
        if self.check_action("move_cursor", (rows,)):
            self.action_move_cursor(rows)

    def on_resize(self) -> None:
        self._refresh_rows()

    def watch_rows(self) -> None:
        self._refresh_rows()

    def watch_run(self, old: RunViewState, run: RunViewState) -> None:
        if (active_run_number(old), old.state, old.connection) != (active_run_number(run), run.state, run.connection):
            self._refresh_rows()

    def watch_view_options(self) -> None:
        self._refresh_rows()

    def _refresh_rows(self) -> None:
        """Sort and filter the rows, move the cursor with its run or leave it in place, and scroll to it."""
        if not self.is_mounted or not self.size:
            return
        options, rows, active_run = self.view_options, self.rows or (), active_run_number(self.run)
        self.visible_rows = sort_and_filter(rows, options.order, options.query, active_run)
        indices = {row.run: index for index, row in enumerate(self.visible_rows)}
        cursor_run = options.cursor_run
        if self._restored_run in indices:
            cursor_run, self._restored_run = self._restored_run, None
        elif cursor_run is None and active_run in indices:
            cursor_run = active_run
        elif cursor_run not in indices and self.rows is not None:
            last = len(self.visible_rows) - 1
            cursor_run = self.visible_rows[min(self.cursor_index, last)].run if self.visible_rows else None
        self.cursor_index = indices.get(cursor_run, 0) if cursor_run is not None else 0
        max_top = max(len(self.visible_rows) - self.page_height, 0)
        self.top_index = min(
            max(min(self.top_index, self.cursor_index), self.cursor_index - self.page_height + 1), max_top
        )
        adjusted = replace(options.among(rows) if self.rows is not None else options, cursor_run=cursor_run)
        if adjusted != options:
            self.view_options = adjusted
        else:
            self.update()

    def update(self) -> None:
        """Render the header, the visible rows and the last line; place the editor."""
        if not self.is_mounted or not self.size:
            return
        width, height = self.size
        context = RunsContext.of(self.rows or (), active_run_number(self.run), local_now())
        layout = fit_columns(self.rows or (), width, context)
        lines = [header(layout, context)] if self.visible_rows else list(self._empty_state_lines())
        page = self.visible_rows[self.top_index : self.top_index + self.page_height]
        lines += [row_line(row, layout, context, self.view_options) for row in page]
        if self._footer_height:
            lines += [()] * (height - 1 - len(lines))
            details = detail_line(self.cursor_row, layout, context, width) if self.cursor_row else ()
            label = EDITOR_LABELS.get(self.edited_field)
            lines.append((Span(label, "accent", True),) if label else details)
        self._place_editor(*layout.stretch("name", NAME_EDITOR_COLUMNS))
        self.lines.set_lines(lines)
        self._update_border()
        self.refresh_bindings()

    def _place_editor(self, name_column: int, name_width: int) -> None:
        width, height = self.size
        if self.edited_field == "name":
            self._editor.styles.offset = (name_column, HEADER_HEIGHT + self.cursor_index - self.top_index)
            self._editor.styles.width = max(min(name_width, width - name_column), 1)
        elif self.edited_field:
            column = len(EDITOR_LABELS[self.edited_field])
            self._editor.styles.offset = (column, height - 1)
            self._editor.styles.width = max(width - column, 1)

    def _update_border(self) -> None:
        total, matching, query = len(self.rows or ()), len(self.visible_rows), self.view_options.query.strip()
        last = min(self.top_index + self.page_height, matching)
        note = f"{self.top_index + 1}{GLYPHS.dash}{last} of " if self.page_height < matching else ""
        note += f"{matching:,}"
        if query:
            note += f" of {total:,} match {readable(query)}"
        self.note = note if total else ""
        self.provenance = f"sorted by {self.view_options.order}" if total else ""

    def _empty_state_lines(self) -> Iterator[StyledLine]:
        if self.run.connection is ConnectionState.LOST:
            yield (Span(empty_state_text(self.run), "error"),)
            yield (key_span("esc"), Span(" goes back, ", "muted"), key_span("t"), Span(" starts a new one.", "muted"))
        elif self.rows is None:
            yield (Span("loading the runs", "muted"),)
        elif not self.rows:
            yield (Span("There are no runs yet."),)
            yield (key_span("esc"), Span(" goes back, ", "muted"), key_span("t"), Span(" trains one.", "muted"))
        else:
            yield (Span("No run matches "), Span(readable(self.view_options.query), "bright", True), Span("."))
            if not self.edited_field:
                yield (key_span("/"), Span(" changes the filter.", "muted"))
