"""The title, the names of the keys, and the explanations of diagnostics."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.text import Text
from support import lab_states, layer_insights
from support.layer_views import fits_space

from charwave_tui.core.metrics import LayerStats
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.inspector.pane import inspector_title, keys_for
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import explanation_lines
from charwave_tui.ui.inspector.views.registry import view_for_layer
from charwave_tui.ui.keymap import INSPECTOR_KEYS
from charwave_tui.ui.state.inspector_state import ViewCursor

LAYERS = (
    *lab_states._layers()[:5],
    *(layer for layer in lab_states._layers(lab_states.DILATED_CONFIG)[1:6] if layer.name == "Gated"),
    LayerStats("Residual", "", (512, 8, 256), 0, 0.1, 0.9, None, None),
)


def diagnostics_of(layer, tab):
    stats, view = LAYERS[layer], view_for_layer(LAYERS[layer].name)
    cursor = ViewCursor(layer, tab=tab)
    insight = layer_insights.layer_insight(stats, view.query(cursor, 136, 36))
    return view.diagnostics(ViewData(LAYERS, stats, insight, cursor, lab_states.CARD.symbols))


@pytest.mark.parametrize("width", [136, 76, 36])
def test_every_statistic_explains_itself_and_its_healthy_range(width):
    for layer, stats in enumerate(LAYERS):
        for tab in range(len(view_for_layer(stats.name).tabs)):
            diagnostics = diagnostics_of(layer, tab)
            assert diagnostics
            assert len({diagnostic.label for diagnostic in diagnostics}) == len(diagnostics)
            for value in (None, 1e9, -1e9, float("nan")):
                for diagnostic in diagnostics:
                    lines = explanation_lines([replace(diagnostic, value=value)], diagnostic.label, width)
                    text = "\n".join(map(to_plain_text, lines))
                    assert fits_space(lines, width, 7)
                    assert "usual  " in text
                    assert text.count("…") == diagnostic.healthy_range.range_text.count("…")
            assert (
                len({len(explanation_lines(diagnostics, diagnostic.label, width)) for diagnostic in diagnostics}) == 1
            )
    assert explanation_lines(diagnostics, "", width) == ()


def test_key_labels_name_what_they_move():
    def labels(axes):
        return [(key.key_display, key.description) for key in keys_for(axes) if key.key in "hjp" and key.show]

    assert labels(CursorAxes("column", "row")) == [("hl", "Column"), ("jk", "Row")]
    assert labels(CursorAxes("character", "character", "id")) == [("hjkl", "Character"), ("p", "Id")]
    assert labels(CursorAxes()) == []
    assert [key.key for key in keys_for(CursorAxes("unit", "example"))] == [key.key for key in INSPECTOR_KEYS]


@pytest.mark.parametrize(
    ("width", "title"),
    [
        (80, "3 Layers › Tanh 4×128  layer 5 of 7   overview   densities   units"),
        (60, "3 Layers › Tanh 4×128  layer 5 of 7   units 3 of 3"),
        (40, "3 Layers › Tanh 4×128  layer 5 of 7"),
        (30, "3 › Tanh 4×128  layer 5 of 7"),
        (18, "3 › Tanh 4×128"),
        (10, "3 › Ta…128"),
    ],
)
def test_title_shortened_to_available_width(width, title):
    assert Text.from_markup(inspector_title(LAYERS, ViewCursor(4, tab=2), width)).plain == title
