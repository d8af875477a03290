"""What is selected in the inspector: layer, tab, cursor and batch. The lab keeps it while the inspector is closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from charwave_tui.core.protocol.layer_insights import ProbeBatch

BATCH_SIZES = (32, 128, 512, 2_048)


@dataclass(frozen=True, slots=True)
class ViewCursor:
    """The inspected layer, by its index in the model, the tab of its view, and where the cursor of the view is.

    `position`, `unit` and `example` are indices into the layer's output; for a Linear `example` is the row of the
    matrix and `unit` the column. `symbol` is a character id, `text` a typed context, `diagnostic` the label of the
    diagnostic that is explained (empty for none).
    """

    layer: int = 0
    tab: int = 0
    position: int = 0
    unit: int = 0
    example: int = 0
    symbol: int = 1
    text: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class InspectorSelection:
    """The cursor, and the batch on which the layer is measured."""

    cursor: ViewCursor = field(default_factory=ViewCursor)
    batch: ProbeBatch = field(default_factory=ProbeBatch)


def selection_for(layer: int, text: str, last: InspectorSelection) -> InspectorSelection:
    """Return the last selection, moved to a layer: another layer than the last is shown in its first tab.

    `text` is the context of the sampler's step mode; unless empty, it replaces the typed one.
    """
    tab = last.cursor.tab if layer == last.cursor.layer else 0
    return replace(last, cursor=replace(last.cursor, layer=layer, tab=tab, text=text or last.cursor.text))


def next_batch_size(batch: ProbeBatch) -> ProbeBatch:
    """Return a batch of the next size; after the largest comes the smallest."""
    size = next((size for size in BATCH_SIZES if size > batch.examples), BATCH_SIZES[0])
    return ProbeBatch(size, batch.seed)
