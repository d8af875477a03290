"""The inspector's pane: title, keys, cursor and the view of one layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.markup import escape
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Input

from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH
from charwave_tui.core.metrics import LayerStats, RunState
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, join_within, shorten
from charwave_tui.ui.inspector.requests import POLL_INTERVAL, InspectionRequests
from charwave_tui.ui.inspector.selected_layer import SelectedLayer, cursor_on_next_diagnostic
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import explanation_lines
from charwave_tui.ui.inspector.views.registry import CONTEXT_LAYERS, shows_update_ratios, view_for_layer
from charwave_tui.ui.keymap import INSPECTOR_KEYS
from charwave_tui.ui.messages import Requested, RunKeyPressed, ScreenRequest, SendCommand
from charwave_tui.ui.state.engine_controller import RunKey
from charwave_tui.ui.state.inspector_state import InspectorSelection, ViewCursor, next_batch_size
from charwave_tui.ui.state.notifications import empty_state_text
from charwave_tui.ui.state.run_state import ConnectionState, InspectionState, LayersState, RunViewState
from charwave_tui.ui.state.runs_state import active_run_number
from charwave_tui.ui.tables.layers_table import first_nonfinite, layer_title
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.pane import TimestampedPane
from charwave_tui.ui.widgets.text_lines import TextLines

EDITOR_LABEL = "context  "
HOLD_SECONDS = 0.3  # for which the last layer is still shown while another one is requested


def keys_for(axes: CursorAxes) -> tuple[Binding, ...]:
    """Return the keys, named after what they move the cursor along; keys that move nothing are hidden."""
    columns, rows, position = axes.columns, axes.rows, axes.position
    if columns and columns == rows:
        names = {"h": (columns, f"the nearest {columns} in that direction, also ← →", "hjkl")}
    else:
        names = {
            "h": (columns, f"one {columns} to the left or right, also ← →", "hl"),
            "j": (rows, f"one {rows} down or up", "jk"),
        }
    names["p"] = (position, f"the next {position}, P the previous one; after the last comes the first", "p")
    return tuple(
        _named_key(key, *names.get(key.key, ("", "", ""))) if key.key in ("h", "j", "p") else key
        for key in INSPECTOR_KEYS
    )


def _named_key(key: Binding, name: str, help: str, display: str) -> Binding:
    if not name:
        return replace(key, tooltip="", show=False)
    return replace(key, description=name.capitalize(), tooltip=help, key_display=display)


def inspector_title(layers: Sequence[LayerStats], cursor: ViewCursor, width: int) -> str:
    """Return the title in `width` columns, as markup: the layer, its number and its tabs, as far as they fit."""
    if not layers:
        return "3 Layers"
    stats = layers[cursor.layer]
    name = layer_title(stats) if stats.detail else f"{stats.name} {GLYPHS.times.join(map(str, stats.output_shape[1:]))}"
    number = f"{cursor.layer + 1} of {len(layers)}"
    variants = (("3 Layers", f"layer {number}"), ("3", f"layer {number}"), ("3", number), ("3", ""))
    for head, tail in variants:
        remaining = width - cell_len(f"{head} {GLYPHS.right} {name}") - (cell_len(tail) + 2 if tail else 0)
        if remaining >= 0:
            break
    else:
        name = shorten(name, max(width - cell_len(f"{head} {GLYPHS.right} "), 1))
    tail_markup = f"[not bold $ink-muted]  {tail}[/]" if tail else ""
    tabs = _tabs_title(view_for_layer(stats.name).tabs, cursor.tab, remaining)
    return f"{head} [not bold]{GLYPHS.right}[/] {escape(name)}{tail_markup}{tabs}"


def _tabs_title(tabs: tuple[str, ...], current: int, width: int) -> str:
    """Return the names of all tabs with the current one highlighted; without room only that one."""
    if len(tabs) < 2:
        return ""
    if len("".join(f"   {tab}" for tab in tabs)) > width:
        text = f"   {tabs[current]} {current + 1} of {len(tabs)}"
        return f"[not bold]{text}[/]" if len(text) <= width else ""
    return "".join(
        f"   {tab}" if index == current else f"[not bold $ink-muted]   {tab}[/]" for index, tab in enumerate(tabs)
    )


def _empty_lines(run: RunViewState) -> tuple[StyledLine, ...]:
    text = empty_state_text(run) or "loading the layer"
    if run.connection is ConnectionState.LOST:
        return (Span(text, "error"),), (Span("esc", "accent", True), Span(" goes back to the lab", "muted"))
    return ((Span(text, "muted"),),)


class InspectorPane(TimestampedPane, can_focus=True):
    """Shows the view of the selected layer. `InspectionRequests` decides when the engine is asked for its data."""

    BINDINGS: ClassVar[list[BindingType]] = [*INSPECTOR_KEYS]

    probed: reactive[LayersState] = reactive(LayersState, repaint=False)
    selection: reactive[InspectorSelection] = reactive(InspectorSelection, repaint=False)
    inspection: reactive[InspectionState] = reactive(InspectionState, repaint=False)

    def __init__(self, selection: InspectorSelection) -> None:
        super().__init__("Layers", id="layer", number=3)
        self.set_reactive(InspectorPane.selection, selection)
        self._requests = InspectionRequests(lambda command: self.post_message(SendCommand(command)))
        self._lines = TextLines()
        self._editor = InlineEditor()
        self._editor.max_length = MAX_NAME_LENGTH
        self._hold_timer: Timer | None = None
        self._title_markup = ""
        self._key_conditions: tuple[object, ...] = ()  # on which names and availability of the keys depend

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._editor

    def on_mount(self) -> None:
        self.set_interval(POLL_INTERVAL, self._poll)

    # what is shown

    @property
    def selected(self) -> SelectedLayer | None:
        return SelectedLayer.of(self.probed.layers, self.selection.cursor)

    @property
    def cursor(self) -> ViewCursor:
        return self.selected.cursor if self.selected else self.selection.cursor

    def view_data(self) -> ViewData[Any] | None:
        """Return what the view can render now; None without a response about the selected layer."""
        cursor, layers = self.cursor, self.probed.layers
        response = self._requests.response_for(cursor.layer)
        if response is None or not layers:
            return None
        if not isinstance(response.insight, view_for_layer(response.stats.name).insight_type):
            return None
        symbols = self.run.corpus.symbols if self.run.corpus else ""
        return ViewData(layers, response.stats, response.insight, cursor, symbols, self.inspection.update_ratios)

    @property
    def has_data(self) -> bool:
        return self._requests.response_for(self.cursor.layer) is not None

    @property
    def keys(self) -> tuple[Binding, ...]:
        selected = self.selected
        return keys_for(selected.view.cursor_axes(selected.cursor.tab) if selected else CursorAxes())

    @property
    def seed(self) -> int:
        """The seed of the batch: the run's own unless another was chosen."""
        run_seed = self.run.config.seed if self.run.config else 0
        return run_seed if self.selection.batch.seed is None else self.selection.batch.seed

    # requests

    def _request(self, *, repeat: bool = False) -> None:
        selected, (width, height) = self.selected, self.size
        if selected is None or not self.size:
            return
        if not self.run.is_connected or self.run.state is None:
            return
        explanation = self._explanation(self.view_data(), width)
        query = selected.view.query(selected.cursor, width, max(height - len(explanation), 1))
        includes_update_ratios = shows_update_ratios(selected.stats.name, selected.cursor.tab)
        self._requests.request(
            query, self.selection.batch, includes_update_ratios=includes_update_ratios, repeat=repeat
        )

    def _poll(self) -> None:
        if self._requests.poll(is_training=self.run.state is RunState.TRAINING):
            self._request(repeat=True)

    def watch_selection(self, old: InspectorSelection, selection: InspectorSelection) -> None:
        self._request(repeat=old.cursor.tab != selection.cursor.tab)
        if old.cursor.layer != selection.cursor.layer and self._hold_timer is None and self.run.is_connected:
            self._hold_timer = self.set_timer(HOLD_SECONDS, self._end_hold)
        self._update()

    def watch_probed(self, old: LayersState, probed: LayersState) -> None:
        if [layer.name for layer in old.layers] != [layer.name for layer in probed.layers]:
            self._requests.forget()
        self._request()
        self._update()

    def watch_inspection(self, old: InspectionState, inspection: InspectionState) -> None:
        response = inspection.inspected
        if response is None:
            self._requests.forget()
        elif response is not old.inspected and self._requests.accept(response):
            self.reset_age()
        self._request()
        self._update()

    def watch_run(self, old: RunViewState, run: RunViewState) -> None:
        is_other_run = active_run_number(old) != active_run_number(run)
        is_reconnected = old.connection is not run.connection
        if not run.is_connected and (is_reconnected or is_other_run):
            self._requests.cancel()
        elif is_reconnected or is_other_run:
            self._requests.forget()
        is_stepped = run.state is not RunState.TRAINING and run.step != old.step
        if is_stepped or old.state is not run.state:
            self._request(repeat=True)
        if old.state is not run.state or is_reconnected or is_other_run:
            self._update()

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("tab", "layer", "move", "type", "control_run", "batch", "seed", "request", "explain"):
            return super().check_action(action, parameters)
        if self._editor.is_open:
            return False
        selected = self.selected
        match action:
            case "tab":
                return True if selected and len(selected.view.tabs) > 1 else None
            case "layer":
                return True if selected else None
            case "move":
                return self._moved_cursor(str(parameters[0])) is not None
            case "type":
                return selected is not None and selected.stats.name in CONTEXT_LAYERS
            case "explain":
                return True if self.view_data() else None
            case "control_run":
                return None if self.run.state is None and self.run.unfinished is None else True
            case _:
                return True

    def action_layer(self, step: int) -> None:
        if self.selected:
            self._select(self.selected.cursor_on_layer(step))

    def action_tab(self, step: int) -> None:
        if self.selected:
            self._select(self.selected.cursor_on_tab(step))

    def action_move(self, key: str) -> None:
        if (cursor := self._moved_cursor(key)) is not None:
            self._select(cursor)

    def action_explain(self) -> None:
        if data := self.view_data():
            self._select(cursor_on_next_diagnostic(data))

    def action_batch(self) -> None:
        self.selection = replace(self.selection, batch=next_batch_size(self.selection.batch))

    def action_seed(self) -> None:
        self.selection = replace(self.selection, batch=ProbeBatch(self.selection.batch.examples, self.seed + 1))

    def action_request(self, requested: str) -> None:
        self.post_message(ScreenRequest(Requested(requested)))

    def action_control_run(self, key: str) -> None:
        self.post_message(RunKeyPressed(RunKey(key)))

    def _select(self, cursor: ViewCursor) -> None:
        self.selection = replace(self.selection, cursor=cursor)

    def _moved_cursor(self, key: str) -> ViewCursor | None:
        data = self.view_data()
        return view_for_layer(data.stats.name).move_cursor(data, key) if data else None

    # editor of the context, over the last line

    def action_type(self) -> None:
        self._editor.open("context", self.cursor.text)
        self._update()

    @on(Input.Submitted)
    def take_context(self, event: Input.Submitted) -> None:
        event.stop()
        self._select(replace(self.cursor, text=event.value))
        self._close_editor()

    @on(InlineEditor.Cancelled)
    def cancel_editing(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self._close_editor()

    def _close_editor(self) -> None:
        self._editor.close()
        self._update()

    # rendering

    def on_resize(self) -> None:
        self._request()
        self._update()

    def _end_hold(self) -> None:
        self._hold_timer = None
        self._update()

    def _update(self) -> None:
        if not self.is_mounted or not self.size:
            return
        self._update_lines()
        self.problem = self.run.connection is ConnectionState.LOST
        self._update_title()
        self.update_provenance()
        conditions = (
            self.selected and self.selected.stats.name,
            self.cursor.tab,
            self.run.state,
            self._editor.is_open,
            self.view_data() is None,
        )
        if conditions != self._key_conditions:
            self._key_conditions = conditions
            for key in self.keys:
                self._bindings.key_to_bindings[key.key] = [key]
            self.refresh_bindings()

    def _update_lines(self) -> None:
        width, height = self.size
        self._editor.styles.offset = (len(EDITOR_LABEL), height - 1)
        self._editor.styles.width = max(width - len(EDITOR_LABEL), 1)
        if self._hold_timer is not None and self.view_data() is None:
            return
        if self._editor.is_open:
            self._lines.set_lines((*self._content(width, height - 1), (Span(EDITOR_LABEL, "accent", True),)))
        else:
            self._lines.set_lines(self._content(width, height))

    def _content(self, width: int, height: int) -> Iterator[StyledLine]:
        """Yield `height` lines, so that no line moves: the view, and at the bottom the explanation of a diagnostic."""
        data = self.view_data()
        if data is None:
            lines = _empty_lines(self.run)
            yield from (*lines, *((),) * (height - len(lines)))
            return
        explanation = self._explanation(data, width)[: max(height - 1, 0)]
        lines = view_for_layer(data.stats.name).render(data, width, height - len(explanation))
        yield from (*lines, *((),) * (height - len(lines) - len(explanation)), *explanation)

    def _explanation(self, data: ViewData[Any] | None, width: int) -> tuple[StyledLine, ...]:
        if data is None:
            return ()
        return explanation_lines(view_for_layer(data.stats.name).diagnostics(data), data.cursor.diagnostic, width)

    def _update_title(self) -> None:
        title = inspector_title(self.probed.layers, self.cursor, self.size.width - 2)
        if title != self._title_markup:
            self._title_markup = title
            self.set_title_markup(title)

    def update_provenance(self) -> None:
        parts = ["the engine is gone"] if self.run.connection is ConnectionState.LOST else []
        response = self._requests.response_for(self.cursor.layer)
        if response is not None and self.probed.layers:
            nonfinite = first_nonfinite(self.probed.layers)
            if nonfinite is None:
                parts.append(self.age_text(response.step))
            else:
                parts.append(f"step {format_steps(response.step)}")
                parts.append(f"first not finite: {layer_title(self.probed.layers[nonfinite])}")
            if response.stats.name not in CONTEXT_LAYERS:
                parts.append(f"{response.stats.output_shape[0]:,} examples, seed {self.seed}")
        self.provenance = join_within(parts, self.size.width - 2)
