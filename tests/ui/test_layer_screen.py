"""The layer screen: what each key does, when it asks the engine, and what it says where there is nothing to see."""

from __future__ import annotations

from dataclasses import replace

import inspected
import msgspec
import pytest
import scenes
from fake_engine import ObedientEngine, ShowingEngine, opened
from pilots import NARROW, lab, lines, playground, screen_text, typed, until

from charwave_tui.core.metrics import LossPoint, RunState
from charwave_tui.core.protocol.commands import InspectLayer, OpenRun, ProbeLayers, ReportUpdateRatios
from charwave_tui.core.protocol.events import LayersProbed, Progress, RunChanged
from charwave_tui.ui.charts import loss_chart
from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.inspector import pane as inspector_pane
from charwave_tui.ui.inspector.pane import InspectorPane
from charwave_tui.ui.inspector.screen import InspectorScreen
from charwave_tui.ui.lab.layers_pane import LayersPane
from charwave_tui.ui.lab.screen import LabScreen
from charwave_tui.ui.state.run_state import LabState

HELD = replace(scenes.TRAINING, run=replace(scenes.TRAINING.run, state=RunState.PAUSED, steps_per_second=0.0))


EVERY_KEY = ["tab", "up", "down", "h", "j", "k", "l", "left", "right", "p", "P", "b", "n", "slash", "enter"]


@pytest.fixture(autouse=True)
def _still(monkeypatch):
    """Nothing grows old, and nothing is asked again by the clock."""
    monkeypatch.setattr("charwave_tui.ui.widgets.pane.TICK", 3_600.0)
    monkeypatch.setattr("charwave_tui.ui.widgets.status_bar.REST", 0.01)
    monkeypatch.setattr("charwave_tui.ui.state.inspector_state.EVERY", 3_600.0)


class Reticent(ShowingEngine):
    """Shows a view, and answers questions about layers only when it is told to."""

    def reaction(self, command):
        return () if isinstance(command, InspectLayer) else super().reaction(command)

    def answer(self, number=-1):
        """Answer the question of that number, from the first or the last."""
        question = self.asked[number]
        self.tell(inspected.answer(self.view.layers.layers, self.view.layers.step, question))

    @property
    def asked(self):
        return self.sent_of(InspectLayer)


def pane(pilot) -> InspectorPane:
    return pilot.app.screen.query_one(InspectorPane)


async def look(pilot, place: int = 0) -> None:
    """Look inside the layer of that place."""
    await pilot.press("3")
    lab(pilot).query_one(LayersPane).go_to(place)
    await pilot.press("i")
    await until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))


async def test_enter_inspects_layer_and_esc_returns_to_same_row():
    async with playground(ShowingEngine(HELD)) as pilot:
        await pilot.press("3")
        lab(pilot).query_one(LayersPane).go_to(8)
        await pilot.press("enter")
        await until(pilot, lambda: "dead units  37" in screen_text(pilot.app))
        assert "3 Layers › Tanh 2×128  layer 9 of 14   overview   densities   units" in lines(pilot)[1]
        assert lines(pilot)[-2].rstrip(" ─╯").endswith("step 132,400 · 512 examples, seed 42")
        assert "hl Unit  jk Example  p Position  a About" in lines(pilot)[-1]
        asked = len(pilot.app._engine.sent_of(InspectLayer))
        await pilot.press("a")
        await until(pilot, lambda: "▸ mean  " in screen_text(pilot.app))
        assert "Outputs on both sides of 0 let the next layer's weights move" in screen_text(pilot.app)
        await typed(pilot, *"aaaaaa")
        await until(pilot, lambda: "▸ " not in lines(pilot)[-6])
        assert len(pilot.app._engine.sent_of(InspectLayer)) == asked + 2  # for less of the picture, and for all of it
        await pilot.press("up")
        assert "hl Unit" in lines(pilot)[-1]
        assert "Example" not in lines(pilot)[-1]
        await pilot.press("l", "l", "escape")
        assert isinstance(pilot.app.screen, LabScreen)
        assert lab(pilot).query_one("#layers").here == 7
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        assert pane(pilot).gaze.unit == 2


async def test_newest_request_only_and_cursor_moves_request_nothing():
    engine = Reticent(HELD)
    async with playground(engine, NARROW) as pilot:
        await look(pilot, 8)
        assert len(engine.asked) == 1
        await pilot.press("b", "n", "n")
        assert len(engine.asked) == 1
        engine.answer()
        await until(pilot, lambda: len(engine.asked) == 2)
        assert (engine.asked[1].batch.examples, engine.asked[1].batch.seed) == (2_048, 44)
        engine.answer(0)
        await pilot.pause()
        engine.answer()
        await pilot.pause()
        await pilot.press(*["l"] * 5, "j")
        assert (pane(pilot).gaze.unit, pane(pilot).gaze.example) == (5, 1)
        assert len(engine.asked) == 2
        await pilot.press("escape")
        assert engine.sent[-1] == ProbeLayers(engine.asked[1].batch)


async def test_layer_requested_in_training_and_once_after_pause_until_closed(monkeypatch):
    monkeypatch.setattr("charwave_tui.ui.state.inspector_state.EVERY", 0.1)
    monkeypatch.setattr("charwave_tui.ui.state.inspector_state.SHARE", 1.0)
    engine = ShowingEngine(scenes.TRAINING)
    async with playground(engine, NARROW) as pilot:
        await look(pilot, 8)
        await until(pilot, lambda: len(engine.sent_of(InspectLayer)) >= 3)
        engine.tell(RunChanged(RunState.PAUSED, 132_450))
        await until(pilot, lambda: pane(pilot).run.state is RunState.PAUSED)
        asked = len(engine.sent_of(InspectLayer))
        await pilot.pause(0.2)
        assert len(engine.sent_of(InspectLayer)) == asked
        engine.tell(RunChanged(RunState.TRAINING, 132_450))
        await until(pilot, lambda: len(engine.sent_of(InspectLayer)) > asked)
        await pilot.press("q")
        asked = len(engine.sent_of(InspectLayer))
        await pilot.pause(0.2)
        assert len(engine.sent_of(InspectLayer)) == asked


async def test_unanswered_request_is_repeated(monkeypatch):
    monkeypatch.setattr(inspector_pane, "PATIENCE", 0.1)
    engine = Reticent(HELD)
    async with playground(engine, NARROW) as pilot:
        await look(pilot)
        await until(pilot, lambda: len(engine.asked) >= 2)
        assert "looking inside" in screen_text(pilot.app)


async def test_pause_and_step_keys_reach_lab():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: lab(pilot).run.state is RunState.TRAINING)
        await look(pilot)
        await pilot.press("space")
        await until(pilot, lambda: pane(pilot).run.state is RunState.PAUSED)
        await pilot.press("full_stop")
        await until(pilot, lambda: pane(pilot).run.step == 1)
        assert engine.steered == ["StartRun", "PauseRun", "StepRun"]
        assert isinstance(pilot.app.screen, InspectorScreen)


@pytest.mark.parametrize(
    ("view", "size"),
    [
        (scenes.EMPTY, (80, 24)),
        (scenes.DIVERGED, (100, 30)),
        (scenes.DIVERGED, (30, 6)),
    ],
    ids=["empty", "nan", "tiny"],
)
async def test_every_key_works_with_any_layer(view, size):
    async with playground(ShowingEngine(view), size) as pilot:
        await look(pilot)
        for _ in range(2):
            await typed(pilot, *EVERY_KEY, "down", "down")
        assert isinstance(pilot.app.screen, InspectorScreen)
        if view is scenes.EMPTY:
            assert "starting the engine" in screen_text(pilot.app)
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("escape", "escape")
        assert isinstance(pilot.app.screen, LabScreen)


async def test_lost_engine_keeps_last_statistics_and_says_so():
    engine = ShowingEngine(HELD)
    async with playground(engine) as pilot:
        await look(pilot, 8)
        await until(pilot, lambda: "dead units  37" in screen_text(pilot.app))
        engine.go()
        await until(pilot, lambda: pane(pilot).run.engine == "lost")
        assert "dead units  37" in screen_text(pilot.app)
        assert pane(pilot).provenance.startswith("the engine is gone · step 132,400")
        await pilot.press("down")
        assert "esc goes back to the lab" in screen_text(pilot.app)
        pane(pilot).run = replace(pane(pilot).run, engine="away")
        await pilot.pause()
        assert "The line dropped, and is tried again." in screen_text(pilot.app)
        await pilot.press("space")
        await until(pilot, lambda: engine.reached == 2)
        assert engine.sent_of(OpenRun) == [OpenRun(12, train=True)]


async def test_other_model_reloads_at_last_layer_if_it_has_fewer():
    engine = Reticent(HELD)
    async with playground(engine, NARROW) as pilot:
        await look(pilot, 13)
        engine.answer()
        await until(pilot, lambda: pane(pilot).shown() is not None)
        await pilot.press("shift+tab")
        assert pane(pilot).gaze.part == 3
        smaller = replace(HELD, layers=replace(HELD.layers, layers=HELD.layers.layers[:5]))
        engine.view = smaller
        engine.tell(opened(replace(HELD.run, run=14), smaller))
        await until(pilot, lambda: len(pane(pilot).probed.layers) == 5)
        assert pane(pilot).shown() is None
        assert "layer 5 of 5" in lines(pilot)[1]
        assert engine.asked[-1].lens.layer == 4
        assert pane(pilot).gaze.part == 2


async def test_burst_typed_context_goes_to_tree_and_ratios_load_if_visible():
    engine = ShowingEngine(HELD)
    async with playground(engine, NARROW) as pilot:
        await look(pilot, 1)
        await typed(pilot, "slash", *"qul", "enter")
        assert pane(pilot).gaze.text == "qul"
        assert engine.sent_of(InspectLayer)[-1].lens.text == "qul"
        assert isinstance(pilot.app.screen, InspectorScreen)
        await pilot.press("slash")
        await typed(pilot, *"x", "escape")
        assert pane(pilot).gaze.text == "qul"
        assert not engine.sent_of(ReportUpdateRatios)
        await pilot.press("down", "shift+tab")
        assert engine.sent_of(ReportUpdateRatios)


async def test_hidden_lab_updates_not_rendered_until_visible(monkeypatch):
    monkeypatch.setattr(loss_chart, "PERIOD", 0.0)
    engine = ShowingEngine(HELD)
    async with playground(engine) as pilot:
        await typed(pilot, "i")
        await until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        assert pilot.app._background_screens == []
        assert [type(screen) for screen in pilot.app.screen_stack[1:]] == [LabScreen, InspectorScreen]
        await pilot.press("question_mark")
        assert [type(screen) for screen in pilot.app._background_screens] == [InspectorScreen]
        chart = lab(pilot).query_one(loss_chart.LossChart)
        drawn = chart.lines
        engine.tell(Progress(132_500, 0.0, (LossPoint(132_500, 1.2345, 1.1, 1.3),), None))
        await until(pilot, lambda: lab(pilot).run.step == 132_500)
        assert chart.lines == drawn
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "1.2345" in screen_text(pilot.app))


def test_many_probes_cache_last_eight():
    view = LabState()
    for step in range(100, 1_300, 100):
        stats = msgspec.structs.replace(scenes.TRAINING.layers.layers[2], update_ratio=-step / 400)
        view = scenes.reduce(view, LayersProbed(step, (stats,)))
    assert [stats.update_ratio for stats in view.layers.course(0)] == [-step / 400 for step in range(500, 1_300, 100)]
    view = scenes.reduce(view, LayersProbed(1_200, view.layers.layers))
    assert len(view.layers.past) == 7
    view = scenes.reduce(view, opened(scenes.TRAINING.run))
    assert view.layers.past == ()
    view = scenes.reduce(view, LayersProbed(2_000, view.layers.layers))
    assert view.layers.past == ()  # those before were another run's
    view = scenes.reduce(view, LayersProbed(2_100, view.layers.layers))
    assert len(view.layers.past) == 1
