"""The third pane: what every layer puts out."""

from __future__ import annotations

from typing import ClassVar, Self

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.theme import Theme
from textual.widgets import DataTable

from charwave_tui.core.config.layer_shapes import LayerShape
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.drawing.styled_text import StyledLine
from charwave_tui.ui.drawing.theme import ThemedWidget, to_rich_text
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
    """The rows of the layers; only cells whose text or ink changed are drawn again."""

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

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Inspect"),
        Binding("home", "scroll_top", "First", show=False),
        Binding("end", "scroll_bottom", "Last", show=False),
    ]

    _writing = False

    def __init__(self) -> None:
        super().__init__(cell_padding=0, cursor_type="row", cursor_foreground_priority="renderable")
        self.order = ""
        self._layout: tuple[ColumnLayout, str] | None = None
        self._rows: list[dict[str, StyledLine]] = []
        self._places: tuple[int, ...] = ()

    @property
    def here(self) -> int:
        """The place in the model of the layer under the cursor."""
        return self._places[self.cursor_row] if self.cursor_row < len(self._places) else 0

    def go_to(self, place: int) -> None:
        """Put the cursor on the layer of that place in the model, if it is there."""
        if place in self._places and place != self.here:
            self.move_cursor(row=self._places.index(place))

    def show(self, view: LayersState, shapes: tuple[Layer, ...], width: int, height: int) -> None:
        """Write the layers, `shapes` where none was probed, into `width` columns and `height` rows with the header."""
        layers, here = view.layers or shapes, self.here
        scrolls = len(layers) + 1 > height
        plan = fit_columns(layers, width - 2 if scrolls else width)  # a scrollbar and a gap before it
        order = self.order if self.order in dict(plan.widths) else ""
        spoilt, places = first_nonfinite(layers), row_order(layers, order)
        rows = [
            cells(
                layers[place],
                plan,
                is_first_nonfinite=place == spoilt,
                history=view.course(place) if view.layers else (),
            )
            for place in places
        ]
        before, self._rows, self._places = self._rows, rows, places
        if (plan, order) != self._layout or len(rows) != len(before):
            self._layout = plan, order
            self.refill()
        else:
            self._rewrite(before)
        self.go_to(here)

    def refill(self) -> None:
        """Write every cell anew, in the inks of the present theme."""
        cursor = self.cursor_row
        self.clear(columns=True)
        plan, order = self._layout or (ColumnLayout(), "")
        for key, width in plan.widths:
            self.add_column(self._text(key, header(key, order)), width=width, key=key)
        for row in self._rows:
            self.add_row(*(self._text(key, pieces) for key, pieces in row.items()))
        self.move_cursor(row=cursor)

    def sort_on(self) -> None:
        """Sort by the next column, the largest first, or in the order of the model; `show` follows."""
        if self._layout is not None:
            self.order = next_sort_column(*self._layout)

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """As every widget does, but that a rewritten cell does not repaint the whole table."""
        if self._writing and not regions:
            return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _rewrite(self, before: list[dict[str, StyledLine]]) -> None:
        self._writing = True
        for place, (old, new) in enumerate(zip(before, self._rows, strict=True)):
            for column, (key, pieces) in enumerate(new.items()):
                if old[key] != pieces:
                    self.update_cell_at(Coordinate(place, column), self._text(key, pieces))
                    self.refresh_coordinate(Coordinate(place, column))
        self._writing = False

    def _text(self, key: str, pieces: StyledLine) -> Text:
        text = to_rich_text(self, pieces)
        text.justify = "left" if key in LEFT_ALIGNED else "right"
        text.no_wrap = True
        return text


class LayersPane(TimestampedPane):
    """One row a layer: what it puts out, how it is saturated, and how its weight is pulled and moved."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("o", "sort", "Sort")]

    probed: reactive[LayersState] = reactive(LayersState, repaint=False)
    """The layers as last probed (`layers` is what Textual calls the planes of a widget)."""
    shapes: reactive[tuple[LayerShape, ...]] = reactive((), repaint=False)
    """The layers that the form's config will have: what is shown before the first probe."""

    def __init__(self, *, id: str = "layers") -> None:
        super().__init__(3, "Layers", id=id)

    class Opened(Message):
        """A person wants to look inside the layer under the cursor."""

    def compose(self) -> ComposeResult:
        yield LayerTable()

    @property
    def here(self) -> int:
        """The place in the model of the layer under the cursor."""
        return self.query_one(LayerTable).here

    def go_to(self, place: int) -> None:
        """Put the cursor on the layer of that place in the model."""
        self.query_one(LayerTable).go_to(place)

    def action_sort(self) -> None:
        self.query_one(LayerTable).sort_on()
        self._show()

    @on(DataTable.RowSelected)
    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.post_message(self.Opened())

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

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
            self.query_one(LayerTable).show(self.probed, self.shapes, *self.size)
        self.update_provenance()

    @property
    def has_data(self) -> bool:
        return bool(self.probed.layers)

    def update_provenance(self) -> None:
        layers = self.probed.layers
        spoilt = first_nonfinite(layers)
        if not layers:
            self.provenance = "not built yet" if self.shapes else ""
        elif spoilt is not None:
            step = format_steps(self.probed.step)
            self.provenance = f"step {step} {GLYPHS.dot} first NaN in {layer_title(layers[spoilt])}"
        else:
            self.provenance = self.age_text(self.probed.step)

    def _theme_changed(self, theme: Theme) -> None:
        self.query_one(LayerTable).refill()
