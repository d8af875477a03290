"""The views of activations and norms as lines: what they say, that they fit, and where their cursors lead."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest
from support import lab_states as scenes
from support import layer_insights as inspected

from charwave_tui.core.protocol.events import LayerInspected
from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import Histogram, InsightQuery, OutputInsight, ProbeBatch
from charwave_tui.ui.drawing.styled_text import Span, cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.inspector.views.activation import DENSITIES, ActivationView
from charwave_tui.ui.inspector.views.base import CompositeView, ViewData
from charwave_tui.ui.inspector.views.batchnorm import BatchNormView, columns_of, positions_of
from charwave_tui.ui.inspector.views.output import OutputView
from charwave_tui.ui.inspector.views.registry import VIEWS, shows_update_ratios, view_for_layer
from charwave_tui.ui.inspector.views.unit_image import GUTTER
from charwave_tui.ui.state.inspector_state import (
    InspectionRequest,
    InspectorSelection,
    ViewCursor,
    next_batch_size,
    polling_interval,
    selection_for,
)
from charwave_tui.ui.state.layer_health import HEALTHY, ranges_for
from charwave_tui.ui.state.pending_request import InspectionPoller

LAYERS = scenes.TRAINING.layers.layers


TANH = msgspec.structs.replace(LAYERS[8], saturation=4.6, dead=1)


NORM = LAYERS[7]


SIZES = [(136, 36), (76, 20), (36, 10), (1, 1)]


NAN = FloatMatrix.of(2, [math.nan, 0.5, 0.995, -0.995])


def view_data(insight, stats=TANH, **gaze) -> ViewData:
    return ViewData(132_400, LAYERS, stats, insight, ViewCursor(8, **gaze))


def rendered(view, insight, size=(136, 36), stats=TANH, **gaze) -> list[str]:
    return [to_plain_text(line) for line in view.lines(view_data(insight, stats, **gaze), *size)]


def insight_for_query(view, make, size, **gaze):
    return make(lens=view.query(ViewCursor(8, **gaze), *size))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("count", [1, 2_048])
def test_view_fits_and_contains_cursor(size, part, count):
    tanh, norm = ActivationView("Tanh"), BatchNormView()
    for view, make in ((tanh, inspected.tanh_insight), (norm, inspected.norm_insight)):
        lens = view.query(ViewCursor(8, part=part, unit=count - 1, example=500), *size)
        insight = make(count, 2, lens)
        lines = view.lines(view_data(insight, part=part, unit=count - 1, example=500), *size)
        assert len(lines) <= size[1]
        if size[0] > 30:
            assert max(map(cell_width, lines)) <= size[0]
        if view is tanh and part != DENSITIES:
            assert insight.left <= count - 1 < insight.left + insight.values.columns
            assert insight.top <= 500 < insight.top + insight.values.rows


def test_statistics_show_healthy_range_and_mark_worst_value():
    lines = rendered(ActivationView("Tanh"), inspected.tanh_insight())
    assert lines[0].split()[:2] == ["now", "healthy"]
    assert lines[4].split()[:6] == ["dead", "units", "1", "of", "128", "0"]
    assert lines[4][:45].endswith("!")
    assert not lines[3][:45].rstrip().endswith("!")
    assert "A dead unit is saturated for every example:" in lines[8]
    assert lines[-1] == "dead units  37   nearly dead (over 90 % of examples)  0, 64, 78"


def test_cursor_shows_unit_example_context_value_and_gradient():
    view = ActivationView("Tanh")
    lines = rendered(view, insight_for_query(view, inspected.tanh_insight, (136, 36), unit=37), unit=37)
    assert "unit  37 dead   example  0   context ····oliv   h +0.9987   slope 1 − h² 0.0026" in lines
    (above,) = (line for line in lines if line.strip() == "▾")
    assert above.index("▾") == GUTTER + 37


def test_cursor_value_right_of_image_if_space():
    view = ActivationView("Tanh")
    lines = rendered(view, insight_for_query(view, inspected.tanh_insight, (196, 46), unit=37), (196, 46), unit=37)
    beside = [line[138:].split() for line in lines]
    assert ["unit", "37", "dead"] in beside
    assert ["context", "····oliv"] in beside
    assert beside[beside.index(["dead", "units"]) + 1] == ["37"]
    assert max(map(len, lines)) <= 196


def test_compact_layout_shows_out_of_range_statistics_first():
    (first, *_) = rendered(ActivationView("Tanh"), inspected.tanh_insight(), (40, 12))
    assert first == "mean −0.003  std 0.644  dead 1 of 128 !"


@pytest.mark.parametrize("kind", ["ReLU", "GELU", "Gated"])
def test_other_activations_have_own_texts_and_styles(kind):
    stats = msgspec.structs.replace(TANH, name=kind, saturation=None, dead=3 if kind == "ReLU" else None)
    insight = (
        inspected.tanh_insight()
        if kind == "ReLU"
        else msgspec.structs.replace(inspected.tanh_insight(), dead=(), nearly_dead=())
    )
    lines = "\n".join(rendered(ActivationView(kind), insight, stats=stats))
    assert ("dead unit" in lines) is (kind == "ReLU")
    assert "|h| > 0.97" not in lines
    assert ("A dead ReLU is 0 for every example" in lines) is (kind == "ReLU")


def test_nan_drawn_in_error_style_and_reported():
    spoilt = msgspec.structs.replace(
        inspected.tanh_insight(2, 1),
        output=Histogram(0.0, 0.0, (), math.nan, math.nan),
        values=NAN,
        dead=(),
        dead_units=0,
        gradient=None,
    )
    lines = ActivationView("Tanh").lines(view_data(spoilt), 136, 36)
    text = "\n".join(map(to_plain_text, lines))
    assert "no finite number" in text
    assert "NaN spreads to every weight" in text
    assert Span("▀", "error", background="bright") in {piece for line in lines for piece in line}


@pytest.mark.parametrize(
    ("key", "gaze"),
    [
        ("l", {"unit": 1}),
        ("h", {"unit": 0}),
        ("j", {"example": 1}),
        ("k", {"example": 0}),
        ("p", {"position": 1}),
        ("P", {"position": 1}),
    ],
)
def test_keys_move_activation_cursor(key, gaze):
    assert ActivationView("Tanh").move_cursor(view_data(inspected.tanh_insight()), key) == ViewCursor(8, **gaze)


def test_cursor_stops_at_edges_and_single_position_offers_no_choice():
    view, last = ActivationView("Tanh"), view_data(inspected.tanh_insight(positions=1), unit=9_999, example=9_999)
    assert view.move_cursor(last, "l") == ViewCursor(8, unit=127, example=511)
    assert view.move_cursor(last, "p") is None
    assert view.move_cursor(replace(last, gaze=ViewCursor(8, part=DENSITIES)), "l") is None


def test_norm_bars_name_their_units_if_not_all_fit():
    def edge(size, unit=0):
        lens = BatchNormView().query(ViewCursor(8, unit=unit), *size)
        return rendered(BatchNormView(), inspected.norm_insight(128, lens=lens), size, NORM, unit=unit)[-1]

    assert edge((136, 36)).split() == ["0", "16", "32", "48", "64", "80", "96", "112"]
    assert edge((76, 20)).split() == ["0", "16", "32", "48", "to", "68", "of", "128"]
    assert edge((76, 20), unit=127).endswith(" 96                 to 127 of 128")
    assert edge((20, 20)).split() == ["to", "12", "of", "128"]


def test_norm_shows_distance_of_running_from_batch_statistics():
    insight = inspected.norm_insight()
    unit = columns_of(insight, 0)[3]
    spread = math.sqrt(unit.batch_var + 1e-5)
    assert unit.mean_apart == pytest.approx(abs(unit.running_mean - unit.batch_mean) / spread)
    assert unit.var_apart == pytest.approx(abs(math.log10((unit.running_var + 1e-5) / (unit.batch_var + 1e-5))))
    lines = rendered(BatchNormView(), insight, stats=NORM, unit=3)
    assert lines[2].startswith("var apart    0.130     under 0.1")
    assert any(line.startswith("mean apart   here") and f"{unit.mean_apart:+.3f}" in line for line in lines)


def test_batch_only_averaging_shown_in_statistics():
    insight = inspected.norm_insight(128, 4)
    rows = positions_of(insight, 5)
    assert rows[2][2] == pytest.approx(
        abs(insight.position_mean.at(2, 5) - insight.batch_mean.at(0, 5)) / math.sqrt(insight.batch_var.at(0, 5) + 1e-5)
    )
    told = " ".join(rendered(BatchNormView(), insight, stats=NORM, part=2, unit=5))
    assert "4×128 = 512 means, each from 512 examples" in told
    assert "it keeps 128, each from 4×512 = 2,048." in told
    assert "with norm batch-bug each would be set to 0" in told
    assert "This run has norm batch-bug" in " ".join(
        rendered(BatchNormView(), inspected.norm_insight(bug=True), stats=NORM, part=2)
    )
    assert "one position left" in " ".join(
        rendered(BatchNormView(), inspected.norm_insight(positions=1), stats=NORM, part=2)
    )


def test_batch_bug_positions_selectable_with_own_statistics():
    view, bug = BatchNormView(), inspected.norm_insight(bug=True)
    assert view.move_cursor(view_data(bug, NORM), "P") == ViewCursor(8, position=3)
    assert view.move_cursor(view_data(inspected.norm_insight(), NORM), "p") is None
    assert columns_of(bug, 2)[0].batch_mean == bug.position_mean.at(2, 0)
    assert view.move_cursor(view_data(bug, NORM, part=1), "j") == ViewCursor(8, part=1, unit=1)


def test_cursor_value_shown_in_few_columns_too():
    view, size = ActivationView("Tanh"), (36, 10)
    insight = inspected.tanh_insight(lens=view.query(ViewCursor(8), *size))
    assert rendered(view, insight, size)[-1].startswith("unit   0 nearly dead   h ")
    assert rendered(view, insight, size, unit=1)[-1].split()[4:] == ["example", "0"]


def test_layer_without_own_view_shows_distribution():
    lines = rendered(OutputView(), OutputInsight(inspected.normal_histogram(4.0, 0.1, 0.9)))
    assert lines[0] == "mean +0.100  std 0.900"
    assert (
        view_for_layer("Residual").move_cursor(view_data(OutputInsight(inspected.normal_histogram(4.0, 0.1, 0.9))), "l")
        is None
    )


def test_joined_views_receive_their_own_tabs():
    joined = CompositeView(OutputView(), ActivationView("Tanh"))
    assert joined.parts == ("output", "overview", "densities", "units")
    assert joined.query(ViewCursor(8, part=3), 76, 20) == ActivationView("Tanh").query(ViewCursor(8, part=2), 76, 20)
    assert joined.move_cursor(view_data(inspected.tanh_insight(), part=1), "l") == ViewCursor(8, part=1, unit=1)
    assert joined.lines(view_data(inspected.tanh_insight(), part=3), 76, 20) == ActivationView("Tanh").lines(
        view_data(inspected.tanh_insight(), part=2), 76, 20
    )


def test_update_tabs_request_history_of_all_matrices():
    assert [shows_update_ratios("Linear", part) for part in range(len(VIEWS["Linear"].parts))][-1:] == [True]
    assert not shows_update_ratios("Linear", 0)
    assert not shows_update_ratios("Tanh", 2)


def test_every_statistic_has_explanation():
    for kind in ("Tanh", "ReLU", "GELU", "Gated"):
        assert ranges_for(kind).keys() == HEALTHY.keys()
    saturation = HEALTHY["saturation"]
    assert [saturation.severity(value) for value in (None, 5.0, 5.1, 50.1, math.nan)] == [
        "",
        "",
        "warning",
        "error",
        "error",
    ]
    assert saturation.word(9.0) != saturation.word(1.0)
    assert HEALTHY["update"].word(-5.0).startswith("The weights hardly move")


def test_one_request_pending_and_only_its_reply_counts():
    asking, batch = InspectionPoller(7), ProbeBatch()
    first, second = InspectionRequest(InsightQuery(1), batch), InspectionRequest(InsightQuery(2), batch)
    command = asking.ask(first)
    assert (command.lens, command.request) == (InsightQuery(1), 8)
    assert asking.ask(second) is None
    plain_answer = LayerInspected(1, 7, TANH, OutputInsight(inspected.normal_histogram(1, 0, 1)), 0.1)
    assert not asking.heard(plain_answer)
    assert asking.heard(msgspec.structs.replace(plain_answer, request=8))
    assert asking.ask(first) is None
    assert asking.ask(first, again=True).request == 9
    assert asking.ask(first, again=True) is None
    assert asking.heard(msgspec.structs.replace(plain_answer, request=9))
    assert asking.ask(first).request == 10  # it was called for while the last one was open


def test_probes_cost_small_fraction_of_engine_time():
    assert (polling_interval(0.001), polling_interval(0.3)) == (1.0, pytest.approx(10.0))


def test_batch_sizes_cycle_and_other_layer_starts_at_first_tab():
    assert [next_batch_size(ProbeBatch(size, 3)) for size in (32, 512, 2_048)] == [
        ProbeBatch(128, 3),
        ProbeBatch(2_048, 3),
        ProbeBatch(32, 3),
    ]
    last = InspectorSelection(ViewCursor(4, part=2, unit=9, text="ab"))
    assert selection_for(4, "", last) == last
    assert selection_for(5, "mar", last).gaze == ViewCursor(5, unit=9, text="mar")
