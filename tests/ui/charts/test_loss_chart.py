"""The loss chart: its axes, curves and labels."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from support.lab_states import DIVERGED, REPEATED_WORDS, TRAINING

from charwave_tui.core.metrics import CurveMarker, Evaluation, GhostCurve, LossPoint, Split, TrainingHistory
from charwave_tui.ui.charts.axes import Axes, to_columns
from charwave_tui.ui.charts.loss_chart import LossChart
from charwave_tui.ui.charts.plot import GUTTER_WIDTH, PlotArea
from charwave_tui.ui.drawing.canvas import Canvas
from charwave_tui.ui.state.run_state import LossCurveState
from charwave_tui.ui.terminal.glyphs import ASCII, Glyphs

FULL = Glyphs()


any_loss = st.one_of(st.floats(1e-9, 20), st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e308]))


def point(step: int, loss: float) -> LossPoint:
    return LossPoint(step, loss, loss, loss)


def render_chart(
    curve: LossCurveState, width: int, height: int, *, glyphs: Glyphs = FULL, log_scale: bool = True
) -> Canvas:
    chart = LossChart()
    chart.set_reactive(LossChart.curve, curve)
    chart.set_reactive(LossChart.log_scale, log_scale)
    return chart.paint(PlotArea(width, height, glyphs))


def text(canvas: Canvas) -> str:
    return "\n".join(canvas.line(row) for row in range(canvas.height))


@st.composite
def curves(draw: st.DrawFn) -> LossCurveState:
    losses = draw(st.lists(any_loss, max_size=60))
    count = draw(st.integers(0, 5_000)) if losses else 0
    window = draw(st.sampled_from([1, 7, 100]))
    points = tuple(point((i + 1) * window, losses[i % len(losses)]) for i in range(count))
    evaluations = tuple(
        Evaluation((i + 1) * 50, draw(st.sampled_from(Split)), loss)
        for i, loss in enumerate(draw(st.lists(any_loss, max_size=5)))
    )
    marks = tuple(
        CurveMarker(step, words)
        for step, words in draw(st.lists(st.tuples(st.integers(0, 9_000), st.text()), max_size=4))
    )
    ghost = GhostCurve(draw(st.text(max_size=30)), 1_000, TrainingHistory(window, points[::-1][:9][::-1], evaluations))
    return LossCurveState(
        TrainingHistory(window, points, evaluations, marks),
        draw(st.none() | st.builds(point, st.just(count * window + 1), any_loss)),
        draw(st.none() | st.just(ghost)),
        draw(st.none() | any_loss),
        draw(st.integers(0, 200)),
        draw(st.integers(0, 10**8)),
        draw(st.none() | st.integers(0, 10**6)),
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(curves(), st.integers(0, 300), st.integers(0, 100), st.booleans(), st.sampled_from([FULL, ASCII]))
def test_any_losses_draw_chart_that_fills_its_cells(
    curve: LossCurveState, width: int, height: int, log_scale: bool, glyphs: Glyphs
) -> None:
    canvas = render_chart(curve, width, height, glyphs=glyphs, log_scale=log_scale)
    lines = [canvas.line(row) for row in range(canvas.height)]
    assert len(lines) == height
    assert all(cell_len(line) == width for line in lines)


def test_nonfinite_losses_are_gaps_and_never_reach_plotext() -> None:
    line = to_columns([(0, 2.0), (10, math.nan), (20, math.inf), (30, 1.0)], 30, 4)
    assert line == ((0, 2.0), (1, None), (2, None), (3, 1.0))
    stretches = PlotArea(40, 12, FULL).to_dots(Axes(30, 0, 1, True), line)
    assert [len(stretch) for stretch in stretches] == [2, 2]
    assert all(isinstance(number, int) for stretch in stretches for dot in stretch for number in dot)


def test_chart_has_every_curve_with_name_and_last_loss() -> None:
    lines = text(render_chart(TRAINING.curve, 99, 18))
    for words in ("train     1.8474", "◆ val     1.8887", "published 1.9937", "run 11    1.8203", "↑ ln 27 = 3.2958"):
        assert words in lines
    assert "▾ lr 0.1 → 0.01" in lines.splitlines()[0]
    assert "200k steps" in lines.splitlines()[-1]
    assert lines.count("◆") == 1 + 13
    assert "╌" in lines
    assert "┊" in lines


def test_loss_of_unseen_words_drawn_with_name_and_diamonds_of_its_own_where_measured() -> None:
    canvas = render_chart(REPEATED_WORDS.curve, 99, 18)
    assert "◇ unseen  1.9187" in text(canvas)
    unseen = [
        character
        for row, styles in enumerate(canvas.styles)
        for character, style in zip(canvas.characters[row][: 99 - GUTTER_WIDTH], styles, strict=False)
        if style == "warning"
    ]
    assert "◇" in unseen  # others are in the cell of a ◆
    assert any(ord(character) > 0x2800 for character in unseen)
    assert "unseen" not in text(render_chart(TRAINING.curve, 99, 18))


def test_axis_holds_loss_of_unseen_words() -> None:
    evaluations = (Evaluation(50, Split.VAL, 2.0, 5.0), Evaluation(100, Split.VAL, 2.0, 5.0))
    history = TrainingHistory(1, (point(50, 2.0), point(100, 1.9)), evaluations)
    assert "◇" in text(render_chart(LossCurveState(history, None, None, None, 27, 100), 99, 18)).split("◇ unseen")[0]


def test_without_published_loss_no_line_is_drawn() -> None:
    assert "published" not in text(render_chart(replace(TRAINING.curve, published=None), 99, 18))


def test_published_loss_far_below_named_at_edge_with_arrow() -> None:
    curve = LossCurveState(TrainingHistory(1, (point(10, 3.3), point(20, 3.1))), None, None, 1.9937, 27, 20)
    assert "↓ published = 1.9937" in text(render_chart(curve, 99, 18)).splitlines()[0]


def test_ghost_curve_drawn_under_current_one() -> None:
    history = TrainingHistory(1, tuple(point(step, 2 + 1 / step) for step in range(1, 200)))
    alone = render_chart(LossCurveState(history, None, None, None, 27, 200), 99, 18)
    both = render_chart(LossCurveState(history, None, GhostCurve("run 1", 200, history), None, 27, 200), 99, 18)
    for row in range(1, 15):
        for column in range(99 - GUTTER_WIDTH):
            if alone.styles[row][column] == "train":
                assert both.styles[row][column] == "train"


def test_single_step_is_visible() -> None:
    canvas = render_chart(LossCurveState(partial=point(1, 3.3167), vocab_size=27, max_steps=200_000), 99, 18)
    assert "train     3.3167" in text(canvas)
    field = [
        canvas.characters[row][column]
        for row in range(18)
        for column in range(6, 82)
        if canvas.styles[row][column] == "train"
    ]
    assert [ord(character) >= 0x2800 for character in field] in ([True], [True, True])


def test_early_step_of_long_run_fills_half_of_chart() -> None:
    points = tuple(point(step, 3.3 - step / 1_000) for step in range(100, 1_001, 100))
    canvas = render_chart(LossCurveState(TrainingHistory(100, points), None, None, None, 27, 200_000), 99, 18)
    reached = max(column for row in range(18) for column in range(6, 82) if canvas.styles[row][column] == "train")
    assert reached - 6 >= 38


def test_divergence_has_cross_above_line() -> None:
    canvas = render_chart(DIVERGED.curve, 61, 18)
    column = canvas.line(0).index("✗ diverged")
    assert canvas.styles[0][column] == "error"
    assert all(canvas.styles[row][column] == "error" for row in range(1, 12))
    assert "train        490" in text(canvas)
    assert "ln 27     3.2958" in text(canvas)


def test_colliding_marks_keep_sign_and_newest_keeps_text() -> None:
    points = tuple(point(step, 3.0 - step / 100) for step in range(1, 101))
    marks = (
        CurveMarker(5, "lr 0.1 → 0.05"),
        CurveMarker(20, "lr 0.05 → 0.01"),
        CurveMarker(99, "batch_size 32 → 64"),
    )
    first = render_chart(LossCurveState(TrainingHistory(1, points, (), marks), None, None, None, 0, 100), 99, 18).line(
        0
    )
    assert first.split() == ["▾", "▾", "lr", "0.05", "→", "0.01", "batch_size", "32", "→", "64", "▾"]


def test_ascii_chart_has_only_ascii() -> None:
    canvas = render_chart(REPEATED_WORDS.curve, 99, 18, glyphs=ASCII)
    lines = text(canvas)
    assert lines.isascii()
    assert "v lr 0.1 -> 0.01" in lines
    assert any(
        character == "o" and style == "train"
        for row, styles in enumerate(canvas.styles)
        for character, style in zip(canvas.characters[row], styles, strict=True)
    )


def test_linear_and_log_scale_differ_in_position() -> None:
    linear = [line[:6].strip() for line in text(render_chart(DIVERGED.curve, 61, 18, log_scale=False)).splitlines()]
    log = [line[:6].strip() for line in text(render_chart(DIVERGED.curve, 61, 18)).splitlines()]
    assert [label for label in linear if label] == ["400", "200", "0"]
    assert [label for label in log if label] == ["100", "10"]
