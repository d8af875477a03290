"""The loss chart redraws and repaints only what changes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from support.lab_states import TRAINING, UNTRAINED
from textual.geometry import Region

from charwave_tui.core.metrics import LossPoint
from charwave_tui.ui.charts import loss_chart
from charwave_tui.ui.charts.loss_chart import MIN_FRAME_INTERVAL, LossChart
from charwave_tui.ui.state.run_state import LossCurveState


class RepaintCounter(LossChart):
    """A chart that records its repainted regions."""

    def __init__(self) -> None:
        super().__init__()
        self.repainted: list[tuple[Region, ...]] = []

    def refresh(self, *regions: Region, **options: bool) -> RepaintCounter:
        self.repainted.append(regions)
        super().refresh(*regions, **options)
        return self


def with_point(curve: LossCurveState, step: int, loss: float) -> LossCurveState:
    return replace(curve, partial=LossPoint(step, loss, loss, loss))


async def test_new_point_repaints_few_cells_correctly(widget_host: type) -> None:
    app = widget_host(RepaintCounter)
    async with app.run_test(size=(99, 18)) as pilot:
        chart = app.query_one(RepaintCounter)
        chart.curve = TRAINING.curve
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        chart.repainted.clear()
        chart.curve = with_point(TRAINING.curve, 133_900, 1.8291)
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        assert all(chart.repainted), "the whole widget was repainted"
        assert 0 < sum(region.area for regions in chart.repainted for region in regions) <= 60
        assert app.screen_text() == "\n".join(line.rstrip() for line in chart.lines)
        assert "1.8291" in app.screen_text()


async def test_equal_curve_repaints_nothing(widget_host: type) -> None:
    app = widget_host(RepaintCounter)
    async with app.run_test(size=(99, 18)) as pilot:
        chart = app.query_one(RepaintCounter)
        chart.curve = TRAINING.curve
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        chart.repainted.clear()
        chart.curve = replace(TRAINING.curve)
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        assert chart.repainted == []


async def test_fast_curves_drawn_five_times_a_second_and_last_one_shown(
    widget_host: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    plots = []
    paint = LossChart.paint
    monkeypatch.setattr(LossChart, "paint", lambda self, plot: plots.append(plot) or paint(self, plot))
    app = widget_host(LossChart)
    async with app.run_test(size=(99, 18)) as pilot:
        chart = app.query_one(LossChart)
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        plots.clear()
        for i in range(10):
            chart.curve = with_point(TRAINING.curve, 132_440 + i, 1.8 + i / 100)
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        assert len(plots) == 2
        assert "1.8900" in app.screen_text()


async def test_axes_background_and_ghost_drawn_once_while_unchanged(
    widget_host: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    backgrounds = []
    draw_background = loss_chart.draw_background
    monkeypatch.setattr(
        loss_chart, "draw_background", lambda *given: backgrounds.append(given) or draw_background(*given)
    )
    app = widget_host(LossChart)
    async with app.run_test(size=(99, 18)) as pilot:
        chart = app.query_one(LossChart)
        chart.curve = TRAINING.curve
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        before = len(backgrounds)
        chart.curve = with_point(TRAINING.curve, 133_900, 1.8)
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        assert len(backgrounds) == before == 1
        await pilot.resize_terminal(80, 18)
        await pilot.pause()
        assert len(backgrounds) == 2


async def test_theme_change_changes_styles(widget_host: type) -> None:
    app = widget_host(LossChart)
    async with app.run_test(size=(99, 18)) as pilot:
        chart = app.query_one(LossChart)
        chart.curve = TRAINING.curve
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        dark = {segment.style.color.name for segment in chart.render_line(0) if segment.style and segment.style.color}
        app.theme = "charwave-light"
        await pilot.pause()
        light = {segment.style.color.name for segment in chart.render_line(0) if segment.style and segment.style.color}
        assert "#87afff" in dark
        assert "#005fd7" in light
        assert dark.isdisjoint(light)


async def test_empty_chart_has_grid_and_uniform_loss(widget_host: type) -> None:
    app = widget_host(LossChart)
    async with app.run_test(size=(99, 18)) as pilot:
        app.query_one(LossChart).curve = UNTRAINED.curve
        await pilot.pause(MIN_FRAME_INTERVAL * 1.5)
        assert "ln 27     3.2958" in app.screen_text()
        assert "200k steps" in app.screen_text()


def test_first_frame_needs_no_plotext() -> None:
    code = (
        "import sys; sys.path[:0] = ['tests']\n"
        "from support import lab_states as scenes\n"
        "from charwave_tui.ui.charts.loss_chart import LossChart as Chart\n"
        "from charwave_tui.ui.terminal.glyphs import Glyphs\n"
        "from charwave_tui.ui.charts.plot import PlotArea as Plot\n"
        "chart = Chart()\n"
        "for curve in (scenes.EMPTY.curve, scenes.UNTRAINED.curve):\n"
        "    chart.set_reactive(Chart.curve, curve)\n"
        "    chart.paint(Plot(99, 18, Glyphs()))\n"
        "assert 'plotext' not in sys.modules\n"
        "chart.set_reactive(Chart.curve, scenes.TRAINING.curve)\n"
        "chart.paint(Plot(99, 18, Glyphs()))\n"
        "assert 'plotext' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
