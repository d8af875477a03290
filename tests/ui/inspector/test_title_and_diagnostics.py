"""What stands around a layer's view: its title, the names of the keys, and what each of its figures means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.text import Text
from support import lab_states as scenes
from support import layer_insights as inspected
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
    *scenes._layers()[:5],
    *(layer for layer in scenes._layers(scenes.DILATED_CONFIG)[1:6] if layer.name == "Gated"),
    LayerStats("Residual", "", (512, 8, 256), 0, 0.1, 0.9, None, None),
)


HANDS = CursorAxes("unit", "example")


def statistics(place, part):
    stats, view = LAYERS[place], view_for_layer(LAYERS[place].name)
    gaze = ViewCursor(place, part=part)
    insight = inspected.layer_insight(stats, view.query(gaze, 136, 36))
    return view.diagnostics(ViewData(1_000, LAYERS, stats, insight, gaze, scenes.CARD.symbols))


@pytest.mark.parametrize("width", [136, 76, 36])
def test_every_statistic_explains_itself_and_its_healthy_range(width):
    for place, stats in enumerate(LAYERS):
        for part in range(len(view_for_layer(stats.name).parts)):
            known = statistics(place, part)
            assert known
            assert len({figure.label for figure in known}) == len(known)
            for value in (None, 1e9, -1e9, float("nan")):
                for figure in known:
                    lines = explanation_lines([replace(figure, value=value)], figure.label, width)
                    told = "\n".join(map(to_plain_text, lines))
                    assert fits_space(lines, width, 7)
                    assert "healthy  " in told
                    assert told.count("…") == figure.health.range_text.count("…")
            assert len({len(explanation_lines(known, figure.label, width)) for figure in known}) == 1
    assert explanation_lines(known, "", width) == ()


def test_key_labels_name_what_they_move():
    def named(nouns):
        return [(key.written, key.name) for key in keys_for(nouns) if key.key in "hjp" and key.shown]

    assert named(CursorAxes("column", "row")) == [("hl", "Column"), ("jk", "Row")]
    assert named(CursorAxes("character", "character", "id")) == [("hjkl", "Character"), ("p", "Id")]
    assert named(CursorAxes()) == []
    assert [key.key for key in keys_for(HANDS)] == [key.key for key in INSPECTOR_KEYS]


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (80, "3 Layers › Tanh 4×128  layer 5 of 7   overview   densities   units"),
        (60, "3 Layers › Tanh 4×128  layer 5 of 7   units 3 of 3"),
        (40, "3 Layers › Tanh 4×128  layer 5 of 7"),
        (30, "3 › Tanh 4×128  layer 5 of 7"),
        (18, "3 › Tanh 4×128"),
        (10, "3 › Ta…128"),
    ],
)
def test_title_shortened_to_available_width(width, told):
    assert Text.from_markup(inspector_title(LAYERS, ViewCursor(4, part=2), width)).plain == told
