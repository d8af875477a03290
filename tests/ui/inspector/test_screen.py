"""The inspector screen: keys, requests to the engine, and texts while there is nothing to show."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from support import lab_states, layer_insights
from support.fake_engine import SimulatedEngine, StaticEngine, run_opened
from support.pilot import NARROW, lab_screen, run_playground, screen_lines, screen_text, type_burst, wait_until

from charwave_tui.core.metrics import LossPoint, RunState
from charwave_tui.core.protocol.commands import InspectLayer, OpenRun, ProbeLayers, ReportUpdateRatios
from charwave_tui.core.protocol.events import LayersProbed, Progress, RunChanged
from charwave_tui.ui.charts import loss_chart
from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.inspector import pane as pane_module
from charwave_tui.ui.inspector.pane import InspectorPane
from charwave_tui.ui.inspector.screen import InspectorScreen
from charwave_tui.ui.lab.layers_pane import LayersPane
from charwave_tui.ui.lab.screen import LabScreen
from charwave_tui.ui.state.run_state import ConnectionState, LabState

PAUSED = replace(lab_states.TRAINING, run=replace(lab_states.TRAINING.run, state=RunState.PAUSED, steps_per_second=0.0))


EVERY_KEY = ["tab", "up", "down", "h", "j", "k", "l", "left", "right", "p", "P", "b", "n", "slash", "enter"]


@pytest.fixture(autouse=True)
def _no_timers(monkeypatch):
    """Ages do not change, and no request is repeated."""
    monkeypatch.setattr("charwave_tui.ui.widgets.pane.AGE_INTERVAL", 3_600.0)
    monkeypatch.setattr("charwave_tui.ui.widgets.status_bar.MIN_UPDATE_INTERVAL", 0.01)
    monkeypatch.setattr("charwave_tui.ui.inspector.pane.POLL_INTERVAL", 3_600.0)


class ManualReplyEngine(StaticEngine):
    """Replies to InspectLayer only when told to."""

    def replies_to(self, command):
        return () if isinstance(command, InspectLayer) else super().replies_to(command)

    def reply(self, index=-1):
        """Reply to the request of that index."""
        request = self.requests[index]
        self.emit(layer_insights.inspect_reply(self.view.layers.layers, self.view.layers.step, request))

    @property
    def requests(self):
        return self.sent_of(InspectLayer)


def pane(pilot) -> InspectorPane:
    return pilot.app.screen.query_one(InspectorPane)


async def inspect_layer(pilot, layer: int = 0) -> None:
    """Open the inspector at the layer of that index."""
    await pilot.press("3")
    lab_screen(pilot).query_one(LayersPane).go_to(layer)
    await pilot.press("i")
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))


async def test_enter_inspects_layer_and_esc_returns_to_same_row():
    async with run_playground(StaticEngine(PAUSED)) as pilot:
        await pilot.press("3")
        lab_screen(pilot).query_one(LayersPane).go_to(8)
        await pilot.press("enter")
        await wait_until(pilot, lambda: "dead units  37" in screen_text(pilot.app))
        assert "3 Layers › Tanh 2×128  layer 9 of 14   overview   densities   units" in screen_lines(pilot)[1]
        assert screen_lines(pilot)[-2].rstrip(" ─╯").endswith("step 132,400 · 512 examples, seed 42")
        assert "hl Unit  jk Example  p Position  a About" in screen_lines(pilot)[-1]
        sent = len(pilot.app._engine.sent_of(InspectLayer))
        await pilot.press("a")
        await wait_until(pilot, lambda: "▸ mean  " in screen_text(pilot.app))
        assert "Outputs on both sides of 0 let the next layer's weights move" in screen_text(pilot.app)
        await type_burst(pilot, *"aaaaaa")
        await wait_until(pilot, lambda: "▸ " not in screen_lines(pilot)[-6])
        assert (
            len(pilot.app._engine.sent_of(InspectLayer)) == sent + 2
        )  # for a smaller image, and for the whole one again
        await pilot.press("up")
        assert "hl Unit" in screen_lines(pilot)[-1]
        assert "Example" not in screen_lines(pilot)[-1]
        await pilot.press("l", "l", "escape")
        assert isinstance(pilot.app.screen, LabScreen)
        assert lab_screen(pilot).query_one("#layers").cursor_layer == 7
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        assert pane(pilot).cursor.unit == 2


async def test_newest_request_only_and_cursor_moves_request_nothing():
    engine = ManualReplyEngine(PAUSED)
    async with run_playground(engine, NARROW) as pilot:
        await inspect_layer(pilot, 8)
        assert len(engine.requests) == 1
        await pilot.press("b", "n", "n")
        assert len(engine.requests) == 1
        engine.reply()
        await wait_until(pilot, lambda: len(engine.requests) == 2)
        assert (engine.requests[1].batch.examples, engine.requests[1].batch.seed) == (2_048, 44)
        engine.reply(0)
        await pilot.pause()
        engine.reply()
        await pilot.pause()
        await pilot.press(*["l"] * 5, "j")
        assert (pane(pilot).cursor.unit, pane(pilot).cursor.example) == (5, 1)
        assert len(engine.requests) == 2
        await pilot.press("escape")
        assert engine.sent[-1] == ProbeLayers(engine.requests[1].batch)


async def test_layer_requested_in_training_and_once_after_pause_until_closed(monkeypatch):
    monkeypatch.setattr("charwave_tui.ui.inspector.pane.POLL_INTERVAL", 0.1)
    monkeypatch.setattr("charwave_tui.ui.inspector.requests.MAX_TIME_SHARE", 1.0)
    engine = StaticEngine(lab_states.TRAINING)
    async with run_playground(engine, NARROW) as pilot:
        await inspect_layer(pilot, 8)
        await wait_until(pilot, lambda: len(engine.sent_of(InspectLayer)) >= 3)
        engine.emit(RunChanged(RunState.PAUSED, 132_450))
        await wait_until(pilot, lambda: pane(pilot).run.state is RunState.PAUSED)
        sent = len(engine.sent_of(InspectLayer))
        await pilot.pause(0.2)
        assert len(engine.sent_of(InspectLayer)) == sent
        engine.emit(RunChanged(RunState.TRAINING, 132_450))
        await wait_until(pilot, lambda: len(engine.sent_of(InspectLayer)) > sent)
        await pilot.press("q")
        sent = len(engine.sent_of(InspectLayer))
        await pilot.pause(0.2)
        assert len(engine.sent_of(InspectLayer)) == sent


async def test_unanswered_request_is_repeated(monkeypatch):
    monkeypatch.setattr(pane_module, "POLL_INTERVAL", 0.02)
    engine = ManualReplyEngine(PAUSED)
    async with run_playground(engine, NARROW) as pilot:
        await inspect_layer(pilot)
        await wait_until(pilot, lambda: len(engine.requests) >= 2)
        assert "loading the layer" in screen_text(pilot.app)


async def test_pause_and_step_keys_reach_lab():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t")
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.TRAINING)
        await inspect_layer(pilot)
        await pilot.press("space")
        await wait_until(pilot, lambda: pane(pilot).run.state is RunState.PAUSED)
        await pilot.press("full_stop")
        await wait_until(pilot, lambda: pane(pilot).run.step == 1)
        assert engine.control_commands == ["StartRun", "PauseRun", "StepRun"]
        assert isinstance(pilot.app.screen, InspectorScreen)


@pytest.mark.parametrize(
    ("view", "size"),
    [
        (lab_states.EMPTY, (80, 24)),
        (lab_states.DIVERGED, (100, 30)),
        (lab_states.DIVERGED, (30, 6)),
    ],
    ids=["empty", "nan", "tiny"],
)
async def test_every_key_works_with_any_layer(view, size):
    async with run_playground(StaticEngine(view), size) as pilot:
        await inspect_layer(pilot)
        for _ in range(2):
            await type_burst(pilot, *EVERY_KEY, "down", "down")
        assert isinstance(pilot.app.screen, InspectorScreen)
        if view is lab_states.EMPTY:
            assert "starting the engine" in screen_text(pilot.app)
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("escape", "escape")
        assert isinstance(pilot.app.screen, LabScreen)


async def test_lost_engine_keeps_last_statistics_and_says_so():
    engine = StaticEngine(PAUSED)
    async with run_playground(engine) as pilot:
        await inspect_layer(pilot, 8)
        await wait_until(pilot, lambda: "dead units  37" in screen_text(pilot.app))
        engine.disconnect()
        await wait_until(pilot, lambda: pane(pilot).run.connection is ConnectionState.LOST)
        assert "dead units  37" in screen_text(pilot.app)
        assert pane(pilot).provenance.startswith("the engine is gone · step 132,400")
        await pilot.press("down")
        assert "esc goes back to the lab" in screen_text(pilot.app)
        pane(pilot).run = replace(pane(pilot).run, connection=ConnectionState.OFFLINE)
        await pilot.pause()
        assert "Connection lost; reconnecting." in screen_text(pilot.app)
        await pilot.press("space")
        await wait_until(pilot, lambda: engine.connections == 2)
        assert engine.sent_of(OpenRun) == [OpenRun(12, train=True)]


async def test_other_model_reloads_at_last_layer_if_it_has_fewer():
    engine = ManualReplyEngine(PAUSED)
    async with run_playground(engine, NARROW) as pilot:
        await inspect_layer(pilot, 13)
        engine.reply()
        await wait_until(pilot, lambda: pane(pilot).view_data() is not None)
        await pilot.press("shift+tab")
        assert pane(pilot).cursor.tab == 3
        smaller = replace(PAUSED, layers=replace(PAUSED.layers, layers=PAUSED.layers.layers[:5]))
        engine.view = smaller
        engine.emit(run_opened(replace(PAUSED.run, run=14), smaller))
        await wait_until(pilot, lambda: len(pane(pilot).probed.layers) == 5)
        assert pane(pilot).view_data() is None
        assert "layer 5 of 5" in screen_lines(pilot)[1]
        assert engine.requests[-1].query.layer == 4
        assert pane(pilot).cursor.tab == 2


async def test_burst_typed_context_goes_to_tree_and_ratios_load_if_visible():
    engine = StaticEngine(PAUSED)
    async with run_playground(engine, NARROW) as pilot:
        await inspect_layer(pilot, 1)
        await type_burst(pilot, "slash", *"qul", "enter")
        assert pane(pilot).cursor.text == "qul"
        assert engine.sent_of(InspectLayer)[-1].query.text == "qul"
        assert isinstance(pilot.app.screen, InspectorScreen)
        await pilot.press("slash")
        await type_burst(pilot, *"x", "escape")
        assert pane(pilot).cursor.text == "qul"
        assert not engine.sent_of(ReportUpdateRatios)
        await pilot.press("down", "shift+tab")
        assert engine.sent_of(ReportUpdateRatios)


async def test_hidden_lab_updates_not_rendered_until_visible(monkeypatch):
    monkeypatch.setattr(loss_chart, "MIN_FRAME_INTERVAL", 0.0)
    engine = StaticEngine(PAUSED)
    async with run_playground(engine) as pilot:
        await type_burst(pilot, "i")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        assert pilot.app._background_screens == []
        assert [type(screen) for screen in pilot.app.screen_stack[1:]] == [LabScreen, InspectorScreen]
        await pilot.press("question_mark")
        assert [type(screen) for screen in pilot.app._background_screens] == [InspectorScreen]
        chart = lab_screen(pilot).query_one(loss_chart.LossChart)
        lines = chart.lines
        engine.emit(Progress(132_500, 0.0, (LossPoint(132_500, 1.2345, 1.1, 1.3),), None))
        await wait_until(pilot, lambda: lab_screen(pilot).run.step == 132_500)
        assert chart.lines == lines
        await pilot.press("escape", "escape")
        await wait_until(pilot, lambda: "1.2345" in screen_text(pilot.app))


def test_many_probes_cache_last_eight():
    view = LabState()
    for step in range(100, 1_300, 100):
        stats = msgspec.structs.replace(lab_states.TRAINING.layers.layers[2], update_ratio=-step / 400)
        view = lab_states.reduce(view, LayersProbed(step, (stats,)))
    assert [stats.update_ratio for stats in view.layers.history_of(0)] == [
        -step / 400 for step in range(500, 1_300, 100)
    ]
    view = lab_states.reduce(view, LayersProbed(1_200, view.layers.layers))
    assert len(view.layers.past) == 7
    view = lab_states.reduce(view, run_opened(lab_states.TRAINING.run))
    assert view.layers.past == ()
    view = lab_states.reduce(view, LayersProbed(2_000, view.layers.layers))
    assert view.layers.past == ()  # the earlier ones were another run's
    view = lab_states.reduce(view, LayersProbed(2_100, view.layers.layers))
    assert len(view.layers.past) == 1
