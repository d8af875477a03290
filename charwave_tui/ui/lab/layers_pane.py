"""Pane 3: the table of the layers' statistics."""

from __future__ import annotations

from typing import ClassVar, Self

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.coordinate import Coordinate
from textual.geometry import Region
from textual.reactive import reactive
from textual.widgets import DataTable

from charwave_tui.core.config.layer_shapes import LayerShape
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.drawing.styled_text import StyledLine
from charwave_tui.ui.drawing.theme import ThemedWidget, to_rich_text
from charwave_tui.ui.keymap import LAYER_TABLE_KEYS, LAYERS_KEYS
from charwave_tui.ui.messages import LayerOpened
from charwave_tui.ui.state.run_state import LayersState
from charwave_tui.ui.tables.column_layout import ColumnLayout
from charwave_tui.ui.tables.layers_table import (
    LEFT_ALIGNED,
    Layer,
    cells,
    first_nonfinite,
    fit_columns,
    header,
    layer_title,
    next_sort_column,
    row_order,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.pane import TimestampedPane


class LayerTable(DataTable[Text], ThemedWidget):
    """One row a layer; only cells whose text or style changed are drawn again."""

    DEFAULT_CSS = """
    LayerTable {
        height: 1fr; background: $ink-bg; color: $ink-fg; overflow-x: hidden; scrollbar-size-vertical: 1;
        &:focus { background-tint: $ink-bg 0%; }
        &:focus > .datatable--header { background-tint: $ink-bg 0%; }
        & > .datatable--header, &:ansi > .datatable--header, & > .datatable--header-hover,
        & > .datatable--header-cursor { background: $ink-bg; color: $ink-muted; text-style: none; }
        & > .datatable--odd-row, & > .datatable--even-row { background: $ink-bg; }
        & > .datatable--hover { background: $ink-bg; }
        & > .datatable--cursor, &:focus > .datatable--cursor {
            background: $ink-raised; color: $ink-fg; text-style: $block-cursor-text-style;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*LAYER_TABLE_KEYS]

    _is_rewriting = False  # of the class, because `refresh` is called by the initializer of the base

    def __init__(self) -> None:
        super().__init__(cell_padding=0, cursor_type="row", cursor_foreground_priority="renderable")
        self.order = ""  # the column to sort by, empty for the order of the model
        self._layout: tuple[ColumnLayout, str] | None = None
        self._rows: list[dict[str, StyledLine]] = []
        self._layer_of_row: tuple[int, ...] = ()

    @property
    def cursor_layer(self) -> int:
        return self._layer_of_row[self.cursor_row] if self.cursor_row < len(self._layer_of_row) else 0

    def go_to(self, layer: int) -> None:
        """Put the cursor on a layer, if the model has it."""
        if layer in self._layer_of_row and layer != self.cursor_layer:
            self.move_cursor(row=self._layer_of_row.index(layer))

    def show(self, state: LayersState, shapes: tuple[Layer, ...], width: int, height: int) -> None:
        """Write the layers, or `shapes` before a probe, into `width` columns and `height` rows including the header."""
        layers, here = state.layers or shapes, self.cursor_layer
        has_scrollbar = len(layers) + 1 > height
        columns = fit_columns(layers, width - 2 if has_scrollbar else width)  # the scrollbar and a gap
        order = self.order if self.order in dict(columns.widths) else ""
        nonfinite = first_nonfinite(layers)
        previous_rows, self._layer_of_row = self._rows, row_order(layers, order)
        self._rows = [
            cells(
                layers[layer],
                columns,
                is_first_nonfinite=layer == nonfinite,
                history=state.history_of(layer) if state.layers else (),
            )
            for layer in self._layer_of_row
        ]
        if (columns, order) != self._layout or len(self._rows) != len(previous_rows):
            self._layout = columns, order
            self.refill()
        else:
            self._rewrite_changed(previous_rows)
        self.go_to(here)

    def refill(self) -> None:
        """Write every cell in the styles of the present theme."""
        cursor = self.cursor_row
        self.clear(columns=True)
        columns, order = self._layout or (ColumnLayout(), "")
        for key, width in columns.widths:
            self.add_column(self._text(key, header(key, order)), width=width, key=key)
        for row in self._rows:
            self.add_row(*(self._text(key, line) for key, line in row.items()))
        self.move_cursor(row=cursor)

    def sort_by_next_column(self) -> None:
        """Sort by the next column, the largest first, or in the order of the model; the caller calls `show`."""
        if self._layout is not None:
            self.order = next_sort_column(*self._layout)

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Do not repaint the whole table for a cell that is rewritten."""
        if self._is_rewriting and not regions:
            return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _rewrite_changed(self, previous_rows: list[dict[str, StyledLine]]) -> None:
        self._is_rewriting = True
        for index, (previous, row) in enumerate(zip(previous_rows, self._rows, strict=True)):
            for column, (key, line) in enumerate(row.items()):
                if previous[key] != line:
                    self.update_cell_at(Coordinate(index, column), self._text(key, line))
                    self.refresh_coordinate(Coordinate(index, column))
        self._is_rewriting = False

    def _text(self, key: str, line: StyledLine) -> Text:
        text = to_rich_text(self, line)
        text.justify = "left" if key in LEFT_ALIGNED else "right"
        text.no_wrap = True
        return text


class LayersPane(TimestampedPane):
    """The layers as last probed, or before the first probe those that the form's config will have."""

    BINDINGS: ClassVar[list[BindingType]] = [*LAYERS_KEYS]

    probed: reactive[LayersState] = reactive(LayersState, repaint=False)  # `layers` is an attribute of every widget
    shapes: reactive[tuple[LayerShape, ...]] = reactive((), repaint=False)

    def __init__(self, *, id: str = "layers") -> None:
        super().__init__("Layers", id=id, number=3)
        self._table = LayerTable()

    def compose(self) -> ComposeResult:
        yield self._table

    @property
    def cursor_layer(self) -> int:
        return self._table.cursor_layer

    def go_to(self, layer: int) -> None:
        self._table.go_to(layer)

    def action_sort(self) -> None:
        self._table.sort_by_next_column()
        self._show()

    @on(DataTable.RowSelected)
    def open_layer(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.post_message(LayerOpened())

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda theme: self._table.refill())

    def on_resize(self) -> None:
        self._show()

    def watch_probed(self) -> None:
        self.reset_age()
        self._show()

    def watch_shapes(self) -> None:
        self._show()

    def watch_run(self) -> None:
        self.update_provenance()

    def _show(self) -> None:
        if self.is_mounted and self.size:
            self._table.show(self.probed, self.shapes, *self.size)
        self.update_provenance()

    @property
    def has_data(self) -> bool:
        return bool(self.probed.layers)

    def update_provenance(self) -> None:
        layers = self.probed.layers
        nonfinite = first_nonfinite(layers)
        if not layers:
            self.provenance = "not built yet" if self.shapes else ""
        elif nonfinite is not None:
            step = format_steps(self.probed.step)
            self.provenance = f"step {step} {GLYPHS.dot} first not finite: {layer_title(layers[nonfinite])}"
        else:
            self.provenance = self.age_text(self.probed.step)
