"""The layers pane: rows, columns by width, what is drawn again, and where the figures come from."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from support import lab_states as scenes
from textual.geometry import Region

from charwave_tui.core.config.layer_shapes import layer_shapes
from charwave_tui.core.metrics import RunState
from charwave_tui.ui.drawing.styled_text import cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.lab.layers_pane import LayersPane, LayerTable
from charwave_tui.ui.state.run_state import LayersState
from charwave_tui.ui.tables.layers_table import FORMS, HEADERS, WEIGHTS, cells, first_nonfinite, fit_columns, row_order
from charwave_tui.ui.widgets import pane as pane_module

STATS = scenes.TRAINING.layers.layers


STACK = scenes.DILATED_STACK.layers.layers


SHAPES = layer_shapes(scenes.CONFIG, 27)


TANH = next(layer for layer in STATS if layer.name == "Tanh")


def row(layer, width=64, **options):
    return cells(layer, fit_columns(STATS, width), **options)


def role(layer, key):
    pieces = row(layer)[key]
    return pieces[0].role


def table_of(app):
    return app.query_one(LayerTable)


def lines(app):
    return [line[2:-2].rstrip() for line in app.screen_text().splitlines()[1:-1]]


@pytest.mark.parametrize(
    ("width", "missing", "short"),
    [
        (112, set(), False),
        (76, set(), False),
        (64, set(), False),
        (50, {"mean"}, True),
        (36, {"mean", "bar", "params", "dead"}, True),
        (10, {"mean", "bar", "params", "dead"}, True),
    ],
)
def test_columns_dropped_as_width_shrinks(width, missing, short):
    layout = fit_columns(STATS, width)
    assert {"layer", "out", "params", "mean", "std", "sat", "bar", "dead"} - {
        key for key, _ in layout.widths
    } == missing
    assert layout.short_names is short


@pytest.mark.parametrize(
    ("width", "there"),
    [(50, ""), (64, ""), (76, "update"), (82, "gradient update"), (112, "gradient weight share update trend")],
)
def test_weight_columns_added_with_width_update_ratio_first(width, there):
    assert [key for key, _ in fit_columns(STATS, width).widths if key in WEIGHTS] == there.split()


def test_weight_statistics_only_for_layers_with_weights():
    linear = row(STATS[2], 112, history=(STATS[2],) * 3)
    assert [to_plain_text(linear[key]) for key in ("gradient", "weight", "share", "update")] == [
        "3.0e−3",
        "0.240",
        "0.013",
        "−3.0",
    ]
    assert to_plain_text(linear["trend"]) == "     ▅▅▅"
    assert [to_plain_text(row(TANH, 112)[key]) for key in ("gradient", "weight", "share", "update")] == [""] * 4
    assert (
        to_plain_text(row(TANH, 112, history=(TANH, msgspec.structs.replace(TANH, saturation=20.0)))["trend"])
        == "      ▃█"
    )
    untrained = msgspec.structs.replace(STATS[2], update_ratio=None)
    assert to_plain_text(row(untrained, 112)["update"]) == "–"
    assert to_plain_text(row(SHAPES[2], 112)["gradient"]) == "–"


@pytest.mark.parametrize(
    ("ratio", "text", "ink"),
    [(-1.9, "! −1.9", "warning"), (-4.1, "! −4.1", "warning"), (-3.0, "−3.0", "fg"), (math.nan, "nan", "error")],
)
def test_update_ratio_far_from_thousandth_is_marked(ratio, text, ink):
    (piece,) = row(msgspec.structs.replace(STATS[2], update_ratio=ratio), 112)["update"]
    assert (piece.text, piece.role) == (text, ink)


@pytest.mark.parametrize("order", ["", *(key for key in HEADERS if key not in ("layer", "bar", "trend"))])
def test_rows_sorted_by_any_statistic_largest_first_missing_last(order):
    places = row_order(STATS, order)
    assert sorted(places) == list(range(len(STATS)))
    figures = {
        "params": lambda layer: layer.parameters,
        "mean": lambda layer: abs(layer.mean),
        "update": lambda layer: -9 if layer.update_ratio is None else layer.update_ratio,
    }
    if order in figures:
        values = [figures[order](STATS[place]) for place in places]
        assert values == sorted(values, reverse=True)
    assert row_order(SHAPES, "std") == tuple(range(len(SHAPES)))


def test_nan_sorted_first():
    nonfinite = msgspec.structs.replace(STATS[9], std=math.nan)
    assert row_order([*STATS[:9], nonfinite, *STATS[10:]], "std")[0] == 9


@pytest.mark.parametrize("width", range(34, 130, 3))
@pytest.mark.parametrize("layers", [STATS, STACK], ids=["tree", "stack"])
def test_columns_fill_width_and_every_cell_fits(width, layers):
    layout = fit_columns(layers, width)
    assert sum(columns for _, columns in layout.widths) == width
    for layer in layers:
        row = cells(layer, layout)
        assert all(cell_width(row[key]) <= room for key, room in layout.widths)
        if "dead" in row and "bar" not in row:
            assert cell_width(row["dead"]) < dict(layout.widths)["dead"]


def test_table_layout_stable_when_numbers_replace_dashes():
    for width in (50, 64, 76):
        assert fit_columns(SHAPES, width) == fit_columns(STATS, width)
        assert fit_columns(layer_shapes(scenes.DILATED_CONFIG, 27), width) == fit_columns(STACK, width)


@pytest.mark.parametrize(
    ("activation", "missing"),
    [("tanh", set()), ("relu", {"sat", "bar"}), ("gelu", {"sat", "bar", "dead"}), ("gated", {"dead"})],
)
def test_columns_empty_for_all_layers_are_dropped(activation, missing):
    layout = fit_columns(layer_shapes(replace(scenes.CONFIG, activation=activation), 27), 76)
    assert {"layer", "out", "params", "mean", "std", "sat", "bar", "dead"} - {
        key for key, _ in layout.widths
    } == missing


def test_stack_has_short_names_and_reshaping_layers_muted():
    layout = fit_columns(STACK, 48)
    assert layout.short_names
    names = [to_plain_text(cells(layer, layout)["layer"]) for layer in STACK]
    assert names[:5] == ["Embedding", "Dilated 1", "Linear 96→512", "BatchNorm1d 512", "Gated"]
    assert names[-3:] == ["Residual", "Skips 5", "Linear 1280→27"]
    muted = {layer.name for layer in STACK if cells(layer, layout)["std"][0].role == "muted"}
    assert muted == {"FlattenDilated", "Skips"}


def test_gate_shows_tanh_saturation_and_no_dead_units():
    gated = next(layer for layer in STACK if layer.name == "Gated")
    assert to_plain_text(row(gated)["sat"]) == "5.1"
    assert to_plain_text(row(gated)["dead"]) == ""
    nonfinite = msgspec.structs.replace(gated, saturation=math.nan)
    assert [to_plain_text(row(nonfinite)[key]) for key in ("sat", "dead")] == ["nan", ""]


def test_large_model_fits_64_columns():
    big = layer_shapes(replace(scenes.CONFIG, n_embd=1024, n_hidden=4096), 100_000)
    layout = fit_columns(big, 64)
    assert sum(room for _, room in layout.widths) == 64
    assert layout.widths[0][0] == "layer"
    assert layout.short_names


def test_names_include_matrix_shape_and_reshaping_is_muted():
    assert to_plain_text(row(STATS[2])["layer"]) == "Linear 48→128"
    assert [piece.role for piece in row(STATS[2])["layer"]] == ["fg", "muted"]
    assert {piece.role for pieces in row(STATS[1]).values() for piece in pieces} == {"muted"}
    assert to_plain_text(row(STATS[1], width=50)["layer"]) == "Flatten 2"
    assert to_plain_text(row(STATS[0])["out"]) == "8×24"


@pytest.mark.parametrize(
    ("percent", "ink", "bar"),
    [(0.0, "fg", "muted"), (5.0, "fg", "muted"), (5.1, "warning", "warning"), (50.1, "error", "error")],
)
def test_saturation_warns_above_5_percent_and_errors_above_50(percent, ink, bar):
    layer = msgspec.structs.replace(TANH, saturation=percent)
    assert role(layer, "sat") == ink
    assert role(layer, "bar") == bar
    assert to_plain_text(row(layer)["sat"]) == f"{percent:.1f}"


def test_saturation_bar_full_at_20_percent():
    layout = fit_columns(STATS, 64)
    full = cells(msgspec.structs.replace(TANH, saturation=20.0), layout)["bar"]
    half = cells(msgspec.structs.replace(TANH, saturation=10.0), layout)["bar"]
    assert to_plain_text(full).strip() == "█" * (layout.width_of("bar") - 1)
    assert cell_width(half) == 1 + math.ceil((layout.width_of("bar") - 1) / 2)


@pytest.mark.parametrize(("dead", "text", "ink"), [(0, "0", "muted"), (3, "3", "warning")])
def test_dead_units_are_muted_zero_or_warning(dead, text, ink):
    layer = msgspec.structs.replace(TANH, dead=dead, saturation=1.0)
    assert to_plain_text(row(layer)["dead"]) == text
    assert role(layer, "dead") == ink


def test_relu_has_dead_units_without_saturation():
    relu = msgspec.structs.replace(TANH, name="ReLU", saturation=None, dead=4)
    assert to_plain_text(row(relu)["sat"]) == to_plain_text(row(relu)["bar"]) == ""
    assert to_plain_text(row(relu)["dead"]) == "4"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nonfinite_in_error_style_and_first_such_layer_found(value):
    nonfinite = msgspec.structs.replace(STATS[3], mean=value)
    assert role(nonfinite, "mean") == "error"
    assert first_nonfinite([*STATS[:3], nonfinite, *STATS[4:]]) == 3
    assert first_nonfinite(STATS) is first_nonfinite(SHAPES) is None
    (name,) = row(nonfinite, is_first_nonfinite=True)["layer"]
    assert (name.role, name.bold) == ("error", True)


def test_narrowest_layout_drops_all_earlier_dropped_columns():
    assert all(earlier <= later for (_, earlier), (_, later) in pairwise(FORMS))


async def test_table_on_screen_equals_layout(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        app.query_one(LayersPane).probed = scenes.TRAINING.layers
        await pilot.pause()
        shown = lines(app)
        assert shown[0].split() == ["layer", "out", "params", "mean", "std", "sat", "%", "dead"]
        assert shown[3].split() == ["Linear", "48→128", "4×128", "6,144", "−0.008", "0.775"]
        assert shown[5].split() == ["Tanh", "4×128", "−0.016", "0.704", "5.1", "█▊", "1"]
        assert len(shown[3]) <= 64
        assert shown[0].index("params") + len("params") == shown[3].index("6,144") + len("6,144")


async def test_before_first_probe_shapes_have_dashes(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        pane = app.query_one(LayersPane)
        pane.shapes = SHAPES
        await pilot.pause()
        assert lines(app)[3].split() == ["Linear", "48→128", "4×128", "6,144", "–", "–"]
        assert lines(app)[5].split() == ["Tanh", "4×128", "–", "–", "–", "–"]
        assert pane.provenance == "not built yet"


async def test_existing_model_shown_while_form_differs(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        pane = app.query_one(LayersPane)
        pane.probed = scenes.TRAINING.layers
        pane.shapes = layer_shapes(replace(scenes.CONFIG, n_hidden=256), 27)
        await pilot.pause()
        assert lines(app)[3].startswith("Linear 48→128")


async def test_other_model_replaces_rows(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        pane = app.query_one(LayersPane)
        pane.shapes = SHAPES
        await pilot.pause()
        pane.shapes = layer_shapes(replace(scenes.CONFIG, fuse=(8,)), 27)
        await pilot.pause()
        assert table_of(app).row_count == 6
        assert lines(app)[2].startswith("FlattenConsecutive 8")


async def test_only_changed_cells_redrawn(widget_host, monkeypatch):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        pane, table = app.query_one(LayersPane), app.query_one(LayerTable)
        pane.probed = scenes.TRAINING.layers
        await pilot.pause()
        painted, refresh = [], LayerTable.__base__.refresh

        def spy(self, *regions, **options):
            painted.append(regions)
            return refresh(self, *regions, **options)

        monkeypatch.setattr(LayerTable.__base__, "refresh", spy)
        changed = msgspec.structs.replace(STATS[2], std=1.5)
        pane.probed = LayersState(132_500, (*STATS[:2], changed, *STATS[3:]))
        ((region,),) = painted
        assert isinstance(region, Region)
        assert (region.y, region.height) == (3, 1)
        assert region.width < 10
        await pilot.pause()
        assert "1.500" in lines(app)[3]
        painted.clear()
        pane.probed = LayersState(132_600, pane.probed.layers)
        assert painted == []
        assert table.row_count == len(STATS)


async def test_sort_key_keeps_cursor_on_its_layer(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        pane = app.query_one(LayersPane)
        pane.probed = scenes.TRAINING.layers
        await pilot.pause()
        table_of(app).focus()
        await pilot.press("down", "down", "o", "o")
        assert "▾params" in lines(app)[0]
        assert lines(app)[1].startswith("Linear 256→128")
        assert pane.cursor_layer == 2
        assert lines(app)[table_of(app).cursor_row + 1].startswith("Linear 48→128")
        smaller = msgspec.structs.replace(STATS[2], parameters=1)
        pane.probed = LayersState(132_500, (*STATS[:2], smaller, *STATS[3:]))
        await pilot.pause()
        assert pane.cursor_layer == 2
        await pilot.press(*["o"] * 5)
        assert "▾" not in lines(app)[0]
        assert table_of(app).cursor_row == 2


async def test_width_change_keeps_cursor_on_its_layer(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        app.query_one(LayersPane).probed = scenes.TRAINING.layers
        await pilot.pause()
        table_of(app).focus()
        await pilot.press("down", "down", "down", "down")
        await pilot.resize_terminal(54, 18)
        await pilot.pause()
        assert table_of(app).cursor_row == 4
        assert "mean" not in lines(app)[0]


async def test_more_layers_than_rows_all_reachable(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 10)) as pilot:
        app.query_one(LayersPane).probed = scenes.TRAINING.layers
        await pilot.pause()
        table_of(app).focus()
        await pilot.press(*["down"] * 20)
        await pilot.pause()
        assert any("Linear 128→27" in line for line in lines(app))
        assert table_of(app).virtual_size.width <= table_of(app).size.width


@pytest.mark.parametrize("size", [(68, 18), (52, 18), (80, 22)])
async def test_all_27_stack_layers_reachable_with_stable_columns(widget_host, size):
    app = widget_host(LayersPane)
    async with app.run_test(size=size) as pilot:
        app.query_one(LayersPane).probed = scenes.DILATED_STACK.layers
        await pilot.pause()
        table = table_of(app)
        table.focus()
        head = lines(app)[0].split()
        await pilot.press("end")
        assert table.cursor_row == 26
        assert any("Linear 1280→27" in line for line in lines(app))
        assert lines(app)[0].split()[: len(head)] == head
        assert table.virtual_size.width <= table.size.width


async def test_nan_model_names_first_nan_layer(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        pane = app.query_one(LayersPane)
        pane.probed, pane.run = scenes.DIVERGED.layers, scenes.DIVERGED.run
        await pilot.pause()
        assert pane.provenance == "step 412 · first not finite: Linear 256→128"
        assert "first not finite: Linear 256→128" in app.screen_text().splitlines()[-1]
        assert lines(app)[9].split() == ["Tanh", "2×128", "nan", "nan", "nan", "–"]


@pytest.mark.parametrize(
    ("age", "said"), [(0, "1 s ago"), (1, "1 s ago"), (7, "7 s ago"), (59, "59 s ago"), (150, "2 min ago")]
)
async def test_training_statistics_show_their_age(widget_host, age, said):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        pane = app.query_one(LayersPane)
        pane.run, pane.probed = scenes.TRAINING.run, scenes.TRAINING.layers
        pane.age = age
        await pilot.pause()
        assert pane.provenance == f"step 132,400 · {said}"
        assert app.screen_text().splitlines()[-1].rstrip(" ─╯").endswith(f"step 132,400 · {said}")


async def test_age_change_repaints_only_bottom_border(widget_host, monkeypatch):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        pane = app.query_one(LayersPane)
        pane.run, pane.probed = scenes.TRAINING.run, scenes.TRAINING.layers
        await pilot.pause()
        painted, refresh = [], pane.refresh

        def spy(*regions, **options):
            painted.append(regions)
            return refresh(*regions, **options)

        monkeypatch.setattr(pane, "refresh", spy)
        pane.age = 7
        assert painted == [(Region(0, 16, 64, 1),)]
        await pilot.pause()
        assert "7 s ago" in app.screen_text().splitlines()[-1]


async def test_paused_run_statistics_have_no_age(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)):
        pane = app.query_one(LayersPane)
        pane.run, pane.probed = replace(scenes.TRAINING.run, state=RunState.PAUSED), scenes.TRAINING.layers
        pane.age = 30
        assert pane.provenance == "step 132,400"


async def test_age_grows_by_clock_until_new_statistics(widget_host, monkeypatch):
    monkeypatch.setattr(pane_module, "AGE_INTERVAL", 0.01)
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        pane = app.query_one(LayersPane)
        pane.run, pane.probed = scenes.TRAINING.run, scenes.TRAINING.layers
        for _ in range(200):
            await pilot.pause(0.01)
            if pane.age >= 2:
                break
        assert pane.age >= 2
        pane.probed = LayersState(132_500, STATS)
        assert pane.age == 0


async def test_theme_change_applies_new_styles(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(68, 18)) as pilot:
        app.query_one(LayersPane).probed = scenes.TRAINING.layers
        await pilot.pause()
        table = table_of(app)
        before = table.get_cell_at((4, 5)).spans
        app.theme = "charwave-light"
        await pilot.pause()
        await pilot.pause()
        after = table.get_cell_at((4, 5)).spans
        assert [span.style.color.triplet.hex for span in before] == ["#ffd75f"]
        assert [span.style.color.triplet.hex for span in after] == ["#5f5f00"]


async def test_pane_without_space_does_not_fail(widget_host):
    app = widget_host(LayersPane)
    async with app.run_test(size=(2, 2)) as pilot:
        app.query_one(LayersPane).probed = scenes.TRAINING.layers
        await pilot.pause()
        await pilot.resize_terminal(68, 18)
        await pilot.pause()
        assert lines(app)[1].startswith("Embedding")
