"""The views of activations, BatchNorm1d and layers without a view of their own, and composite views."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest
from support import lab_states, layer_insights

from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import Histogram, OutputInsight
from charwave_tui.ui.drawing.styled_text import Span, cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.inspector.pictures.unit_image import GUTTER
from charwave_tui.ui.inspector.views.activation import ActivationView, Tab
from charwave_tui.ui.inspector.views.base import CompositeView, ViewData
from charwave_tui.ui.inspector.views.batchnorm import BatchNormView, position_statistics, unit_statistics
from charwave_tui.ui.inspector.views.output import OutputView
from charwave_tui.ui.inspector.views.registry import VIEWS, shows_update_ratios, view_for_layer
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import HEALTHY, Severity, ranges_for

LAYERS = lab_states.TRAINING.layers.layers


TANH = msgspec.structs.replace(LAYERS[8], saturation=4.6, dead=1)


NORM = LAYERS[7]


SIZES = [(136, 36), (76, 20), (36, 10), (1, 1)]


NONFINITE = FloatMatrix.from_values(2, [math.nan, 0.5, 0.995, -0.995])


def view_data(insight, stats=TANH, **cursor) -> ViewData:
    return ViewData(LAYERS, stats, insight, ViewCursor(8, **cursor))


def rendered(view, insight, size=(136, 36), stats=TANH, **cursor) -> list[str]:
    return [to_plain_text(line) for line in view.render(view_data(insight, stats, **cursor), *size)]


def insight_for_query(view, make_insight, size, **cursor):
    return make_insight(query=view.query(ViewCursor(8, **cursor), *size))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("tab", range(3))
@pytest.mark.parametrize("count", [1, 2_048])
def test_view_fits_and_contains_cursor(size, tab, count):
    tanh, norm = ActivationView("Tanh"), BatchNormView()
    for view, make_insight in ((tanh, layer_insights.tanh_insight), (norm, layer_insights.norm_insight)):
        query = view.query(ViewCursor(8, tab=tab, unit=count - 1, example=500), *size)
        insight = make_insight(count, 2, query)
        lines = view.render(view_data(insight, tab=tab, unit=count - 1, example=500), *size)
        assert len(lines) <= size[1]
        if size[0] > 30:
            assert max(map(cell_width, lines)) <= size[0]
        if view is tanh and tab != Tab.DENSITIES:
            assert insight.left <= count - 1 < insight.left + insight.values.columns
            assert insight.top <= 500 < insight.top + insight.values.rows


def test_statistics_show_healthy_range_and_mark_worst_value():
    lines = rendered(ActivationView("Tanh"), layer_insights.tanh_insight())
    assert lines[0].split()[:2] == ["now", "usual"]
    assert lines[4].split()[:6] == ["dead", "units", "1", "of", "128", "0"]
    assert lines[4][:45].endswith("!")
    assert not lines[3][:45].rstrip().endswith("!")
    assert "A dead unit is saturated for every example:" in lines[8]
    assert lines[-1] == "dead units  37   nearly dead (over 90 % of examples)  0, 64, 78"


def test_cursor_shows_unit_example_context_value_and_gradient():
    view = ActivationView("Tanh")
    lines = rendered(view, insight_for_query(view, layer_insights.tanh_insight, (136, 36), unit=37), unit=37)
    assert "unit  37 dead   example  0   context ····oliv   h +0.9987   dh/dx 1 − h² 0.0026" in lines
    (mark_line,) = (line for line in lines if line.strip() == "▾")
    assert mark_line.index("▾") == GUTTER + 37


def test_cursor_value_right_of_image_if_space():
    view = ActivationView("Tanh")
    lines = rendered(view, insight_for_query(view, layer_insights.tanh_insight, (196, 46), unit=37), (196, 46), unit=37)
    right = [line[138:].split() for line in lines]
    assert ["unit", "37", "dead"] in right
    assert ["context", "····oliv"] in right
    assert right[right.index(["dead", "units"]) + 1] == ["37"]
    assert max(map(len, lines)) <= 196


def test_compact_layout_shows_out_of_range_statistics_first():
    (first, *_) = rendered(ActivationView("Tanh"), layer_insights.tanh_insight(), (40, 12))
    assert first == "mean −0.003  std 0.644  dead 1 of 128 !"


@pytest.mark.parametrize("layer_name", ["ReLU", "GELU", "Gated"])
def test_other_activations_have_own_texts_and_styles(layer_name):
    stats = msgspec.structs.replace(TANH, name=layer_name, saturation=None, dead=3 if layer_name == "ReLU" else None)
    insight = (
        layer_insights.tanh_insight()
        if layer_name == "ReLU"
        else msgspec.structs.replace(layer_insights.tanh_insight(), dead=(), nearly_dead=())
    )
    lines = "\n".join(rendered(ActivationView(layer_name), insight, stats=stats))
    assert ("dead unit" in lines) is (layer_name == "ReLU")
    assert "|h| > 0.97" not in lines
    assert ("A dead ReLU is 0 for every example" in lines) is (layer_name == "ReLU")


def test_nan_drawn_in_error_style_and_reported():
    nonfinite = msgspec.structs.replace(
        layer_insights.tanh_insight(2, 1),
        output=Histogram(0.0, 0.0, (), math.nan, math.nan),
        values=NONFINITE,
        dead=(),
        dead_units=0,
        gradient=None,
    )
    lines = ActivationView("Tanh").render(view_data(nonfinite), 136, 36)
    text = "\n".join(map(to_plain_text, lines))
    assert "no finite value" in text
    assert "infinity spreads to every weight" in text
    assert Span("▀", "error", background="bright") in {span for line in lines for span in line}


@pytest.mark.parametrize(
    ("key", "cursor"),
    [
        ("l", {"unit": 1}),
        ("h", {"unit": 0}),
        ("j", {"example": 1}),
        ("k", {"example": 0}),
        ("p", {"position": 1}),
        ("P", {"position": 1}),
    ],
)
def test_keys_move_activation_cursor(key, cursor):
    assert ActivationView("Tanh").move_cursor(view_data(layer_insights.tanh_insight()), key) == ViewCursor(8, **cursor)


def test_cursor_stops_at_edges_and_single_position_offers_no_choice():
    view, last = ActivationView("Tanh"), view_data(layer_insights.tanh_insight(positions=1), unit=9_999, example=9_999)
    assert view.move_cursor(last, "l") == ViewCursor(8, unit=127, example=511)
    assert view.move_cursor(last, "p") is None
    assert view.move_cursor(replace(last, cursor=ViewCursor(8, tab=Tab.DENSITIES)), "l") is None


def test_norm_bars_name_their_units_if_not_all_fit():
    def numbers(size, unit=0):
        query = BatchNormView().query(ViewCursor(8, unit=unit), *size)
        return rendered(BatchNormView(), layer_insights.norm_insight(128, query=query), size, NORM, unit=unit)[-1]

    assert numbers((136, 36)).split() == ["0", "16", "32", "48", "64", "80", "96", "112"]
    assert numbers((76, 20)).split() == ["0", "16", "32", "48", "to", "68", "of", "128"]
    assert numbers((76, 20), unit=127).endswith(" 96                 to 127 of 128")
    assert numbers((20, 20)).split() == ["to", "12", "of", "128"]


def test_norm_shows_distance_of_running_from_batch_statistics():
    insight = layer_insights.norm_insight()
    unit = unit_statistics(insight, 0)[3]
    std = math.sqrt(unit.batch_var + 1e-5)
    assert unit.mean_distance == pytest.approx(abs(unit.running_mean - unit.batch_mean) / std)
    assert unit.var_distance == pytest.approx(abs(math.log10((unit.running_var + 1e-5) / (unit.batch_var + 1e-5))))
    lines = rendered(BatchNormView(), insight, stats=NORM, unit=3)
    assert lines[2].startswith("var diff     0.130     under 0.1")
    assert any(line.startswith("mean diff   at cursor") and f"{unit.mean_distance:+.3f}" in line for line in lines)


def test_batch_only_averaging_shown_in_statistics():
    insight = layer_insights.norm_insight(128, 4)
    rows = position_statistics(insight, 5)
    assert rows[2][2] == pytest.approx(
        abs(insight.position_mean.at(2, 5) - insight.batch_mean.at(0, 5)) / math.sqrt(insight.batch_var.at(0, 5) + 1e-5)
    )
    text = " ".join(rendered(BatchNormView(), insight, stats=NORM, tab=2, unit=5))
    assert "4×128 = 512 means, each of 512 examples" in text
    assert "gives 128, each of 4×512 = 2,048." in text
    assert "norm batch-bug would shift each to 0" in text
    assert "With norm batch-bug, as in this run" in " ".join(
        rendered(BatchNormView(), layer_insights.norm_insight(bug=True), stats=NORM, tab=2)
    )
    assert "has one position" in " ".join(
        rendered(BatchNormView(), layer_insights.norm_insight(positions=1), stats=NORM, tab=2)
    )


def test_batch_bug_positions_selectable_with_own_statistics():
    view, bug = BatchNormView(), layer_insights.norm_insight(bug=True)
    assert view.move_cursor(view_data(bug, NORM), "P") == ViewCursor(8, position=3)
    assert view.move_cursor(view_data(layer_insights.norm_insight(), NORM), "p") is None
    assert unit_statistics(bug, 2)[0].batch_mean == bug.position_mean.at(2, 0)
    assert view.move_cursor(view_data(bug, NORM, tab=1), "j") == ViewCursor(8, tab=1, unit=1)


def test_cursor_value_shown_in_few_columns_too():
    view, size = ActivationView("Tanh"), (36, 10)
    insight = layer_insights.tanh_insight(query=view.query(ViewCursor(8), *size))
    assert rendered(view, insight, size)[-1].startswith("unit   0 nearly dead   h ")
    assert rendered(view, insight, size, unit=1)[-1].split()[4:] == ["example", "0"]


def test_layer_without_own_view_shows_distribution():
    lines = rendered(OutputView(), OutputInsight(layer_insights.normal_histogram(4.0, 0.1, 0.9)))
    assert lines[0] == "mean +0.100  std 0.900"
    assert (
        view_for_layer("Residual").move_cursor(
            view_data(OutputInsight(layer_insights.normal_histogram(4.0, 0.1, 0.9))), "l"
        )
        is None
    )


def test_joined_views_receive_their_own_tabs():
    composite = CompositeView(OutputView(), ActivationView("Tanh"))
    assert composite.tabs == ("output", "overview", "densities", "units")
    assert composite.query(ViewCursor(8, tab=3), 76, 20) == ActivationView("Tanh").query(ViewCursor(8, tab=2), 76, 20)
    assert composite.move_cursor(view_data(layer_insights.tanh_insight(), tab=1), "l") == ViewCursor(8, tab=1, unit=1)
    assert composite.render(view_data(layer_insights.tanh_insight(), tab=3), 76, 20) == ActivationView("Tanh").render(
        view_data(layer_insights.tanh_insight(), tab=2), 76, 20
    )


def test_update_tabs_request_history_of_all_matrices():
    assert [shows_update_ratios("Linear", tab) for tab in range(len(VIEWS["Linear"].tabs))][-1:] == [True]
    assert not shows_update_ratios("Linear", 0)
    assert not shows_update_ratios("Tanh", 2)


def test_every_statistic_has_explanation():
    for layer_name in ("Tanh", "ReLU", "GELU", "Gated"):
        assert ranges_for(layer_name).keys() == HEALTHY.keys()
    saturation = HEALTHY["saturation"]
    assert [saturation.severity(value) for value in (None, 5.0, 5.1, 50.1, math.nan)] == [
        Severity.NONE,
        Severity.NONE,
        Severity.WARNING,
        Severity.ERROR,
        Severity.ERROR,
    ]
    assert saturation.word(9.0) != saturation.word(1.0)
    assert HEALTHY["update"].word(-5.0).startswith("The weights hardly change")
