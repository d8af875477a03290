"""The lab before an engine that obeys: keys, edits, corpora."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scenes
from fake_engine import FakeEngine, ObedientEngine, ShowingEngine, opened, summary
from pilots import NARROW, lab, lines, playground, screen_text, settled, toasts, typed, until
from textual import events

from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import EditRun, ListRuns, OpenRun, PrepareRun, SampleNames, StartRun
from charwave_tui.core.protocol.events import EngineReady, RunChanged, RunsListed
from charwave_tui.ui.lab import form_controller
from charwave_tui.ui.state.run_state import Unfinished
from charwave_tui.ui.widgets.key_bar import KeyBar


def go_to(pilot, name):
    """Put the form's cursor on a row."""
    lab(pilot).query_one("#form").here = name


async def test_form_shown_before_engine_reply_and_model_requested():
    engine = FakeEngine()
    async with playground(engine) as pilot:
        text = screen_text(pilot.app)
        assert "starting the engine" in text
        assert "76,579 params    2·2·2 = 8 ✓" in text
        assert "not built yet" in text
        assert engine.sent == [PrepareRun(scenes.CONFIG, "tree-76k")]


async def test_built_model_shows_layers_and_names_before_any_step():
    async with playground(ObedientEngine()) as pilot:
        text = screen_text(pilot.app)
        assert "ready  nothing is running" in text
        assert "Nothing is trained yet." in text
        assert "maralynn" in text
        assert lab(pilot).probed.layers == scenes.TRAINING.layers.layers


async def test_keys_before_engine_starts_handled_once_it_does():
    engine = FakeEngine()
    async with playground(engine) as pilot:
        await pilot.press("t", "space")
        assert engine.steered == ["StartRun", "PauseRun"]
        engine.tell(EngineReady("2.13", "cpu"), opened(scenes.UNTRAINED.run))
        await until(pilot, lambda: lab(pilot).run.engine == "ready")
        await pilot.press("space")
        assert engine.steered == ["StartRun", "PauseRun", "ResumeRun"]


async def test_whole_run_by_keys_alone():
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        for key, state in [
            ("t", RunState.TRAINING),
            ("space", RunState.PAUSED),
            ("space", RunState.TRAINING),
            (".", RunState.PAUSED),
            ("c", RunState.TRAINING),
            ("x", RunState.STOPPED),
            ("c", RunState.TRAINING),
            ("0", RunState.PAUSED),
            (".", RunState.PAUSED),
        ]:
            await pilot.press(key)
            assert lab(pilot).run.state is state, key
        assert lab(pilot).run.run == 2
        assert lab(pilot).run.step == 1
        assert toasts(pilot) == []
        assert str(lab(pilot).run.state) in lines(pilot)[0]


async def test_training_does_not_wait_for_live_edit_reply():
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        await pilot.press("t")
        go_to(pilot, "lr")
        await pilot.press("enter", *"0.01", "enter")
        assert engine.sent_of(EditRun) == [EditRun(replace(scenes.CONFIG, lr=0.01))]
        row = next(line for line in lines(pilot) if "▸ lr" in line)
        assert "0.01" in row
        assert "was 0.1" in row
        assert lab(pilot).run.config.lr == 0.01


async def test_rebuild_edit_staged_and_sent_only_by_t():
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        await pilot.press("t")
        engine.sent.clear()
        go_to(pilot, "n_embd")
        await pilot.press("enter", *"10", "enter")
        await pilot.pause(0.3)
        assert engine.steered == []
        assert engine.sent_of(PrepareRun) == []
        assert "1 Hyperparameters  1 staged" in lines(pilot)[1]
        assert "waits for t" in screen_text(pilot.app)
        await pilot.press("t", "enter")
        assert engine.sent_of(StartRun) == [
            StartRun(replace(scenes.CONFIG, n_embd=10), "tree-76k"),
        ]
        assert "staged" not in screen_text(pilot.app)


async def test_edit_without_run_builds_model_after_debounce(monkeypatch):
    monkeypatch.setattr(form_controller, "PREPARE_AFTER", 0.4)
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        engine.sent.clear()
        go_to(pilot, "n_hidden")
        await typed(pilot, "left", "left", "left")
        await until(pilot, lambda: bool(engine.sent_of(PrepareRun)))
        assert [command.config.n_hidden for command in engine.sent_of(PrepareRun)] == [16]
        assert engine.steered == []


async def test_burst_of_keys_edits_then_trains():
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        go_to(pilot, "n_hidden")
        for key in ["enter", "6", "4", "enter", "t"]:
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: bool(engine.steered))
        assert engine.steered == ["StartRun"]
        assert engine.sent_of(StartRun)[0].config.n_hidden == 64


@pytest.mark.parametrize("key", ["t", "."])
async def test_invalid_draft_refused_in_one_line_and_form_focused(key):
    engine = ObedientEngine()
    unsound = replace(scenes.CONFIG, context=6)
    async with playground(engine, config=unsound) as pilot:
        await pilot.press("4", key)
        assert engine.steered == []
        assert toasts(pilot) == ["context 6 is not 2×2×2 = 8\nset context to 8 or fuse to 2 3 or 3 2 or 6"]
        assert lab(pilot).query_one("#form").has_focus


async def test_unavailable_key_muted_in_key_bar_and_does_nothing():
    engine = ObedientEngine()
    async with playground(engine) as pilot:

        def enabled():
            hints = lab(pilot).query_one(KeyBar)._hints
            return {hint.description for hint in hints if hint.enabled} & {"Train", "Pause", "Step", "Stop"}

        assert enabled() == {"Train", "Step"}
        await pilot.press("space", "x", "0", "c", "e")
        assert engine.steered == []
        await pilot.press("t")
        assert enabled() == {"Train", "Pause", "Step", "Stop"}
        await pilot.press("x")
        assert enabled() == {"Train", "Step"}


async def test_l_toggles_loss_scale():
    async with playground(ShowingEngine(scenes.TRAINING)) as pilot:
        await pilot.press("l")
        assert "2 Loss  linear scale" in screen_text(pilot.app)
        await pilot.press("l")
        assert "2 Loss  log scale" in screen_text(pilot.app)


async def test_g_samples_new_names_and_new_temperature_samples_at_once():
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        engine.sent.clear()
        await pilot.press("g")
        assert engine.sent_of(SampleNames)[-1].sampling == SamplingConfig(seed=43)
        await pilot.press("4", "up")
        assert engine.sent_of(SampleNames)[-1].sampling == SamplingConfig(seed=43, temperature=1.1)
        assert "temp 1.1" in screen_text(pilot.app)


async def test_e_reports_all_three_losses_of_step():
    async with playground(ObedientEngine()) as pilot:
        await pilot.press("t", "space", "e")
        assert toasts(pilot) == ["over whole splits after step 0\ntrain 2.0000 · val 2.0000 · test 2.0000"]


async def test_preset_stepped_by_arrow_fills_form():
    async with playground(FakeEngine()) as pilot:
        await pilot.press("home", "right")
        draft = lab(pilot).form.draft
        assert draft.preset != "tree-76k"
        assert draft.config == get_preset(draft.preset).merged_into(scenes.CONFIG)


async def test_unreadable_corpus_reported_in_form_and_nothing_lost(tmp_path):
    engine = ObedientEngine()
    (tmp_path / "words.txt").write_bytes(b"\xff\xfe\x00broken")
    async with playground(engine, NARROW) as pilot:
        go_to(pilot, "lr")
        await pilot.press("enter", *"0.2", "enter")
        go_to(pilot, "corpus")
        await pilot.press("enter", *str(tmp_path / "words.txt"), "enter")
        await settled(pilot)
        assert "1 Form ✗" in lines(pilot)[1]
        assert "✗ corpus" in screen_text(pilot.app)
        assert lab(pilot).form.draft.config.lr == 0.2
        await pilot.press("t")
        assert engine.steered == []
        assert len(toasts(pilot)) == 1
        assert "words.txt" in toasts(pilot)[0]
        await pilot.press("enter", *"makemore", "enter")
        await settled(pilot)
        assert "✗" not in lines(pilot)[1]
        await pilot.press("t")
        assert engine.steered == ["StartRun"]


async def test_existing_run_fills_form():
    found = replace(scenes.TRAINING, run=replace(scenes.TRAINING.run, config=replace(scenes.CONFIG, n_embd=10)))
    async with playground(ShowingEngine(found)) as pilot:
        assert lab(pilot).form.draft.config.n_embd == 10
        assert lab(pilot).form.running == found.run.config
        assert "132,400 / 200,000" in lines(pilot)[0]
        assert toasts(pilot) == []


async def test_reattach_reported_once_with_whole_curve():
    engine = ShowingEngine(scenes.TRAINING)
    engine.was_running = True
    async with playground(engine, NARROW) as pilot:
        assert toasts(pilot) == ["reattached to run 12, step 132,400"]
        assert lab(pilot).curve.history == scenes.TRAINING.curve.history
        engine.tell(opened(replace(scenes.UNTRAINED.run, run=13)))
        await until(pilot, lambda: lab(pilot).run.run == 13)
        assert len(toasts(pilot)) == 1


async def test_named_config_stays_in_form_beside_existing_run_as_staged():
    found = replace(scenes.TRAINING, run=replace(scenes.TRAINING.run, config=replace(scenes.CONFIG, n_embd=10, lr=0.5)))
    engine = ShowingEngine(found)
    async with playground(engine, named=True) as pilot:
        assert lab(pilot).form.draft.config == scenes.CONFIG
        assert lab(pilot).form.running == found.run.config
        assert "1 Hyperparameters  1 staged" in lines(pilot)[1]
        assert engine.sent_of(EditRun) == []
        opened_by_another = replace(found.run, run=7, config=replace(scenes.CONFIG, n_embd=64))
        engine.tell(opened(opened_by_another))
        await until(pilot, lambda: lab(pilot).run.run == 7)
        assert lab(pilot).form.draft.config.n_embd == 64


async def test_engine_ending_at_logout_is_notified_once():
    engine = ObedientEngine()
    engine.warning = "logging out ends the engine here"
    async with playground(engine, NARROW) as pilot:
        assert toasts(pilot) == ["logging out ends the engine here"]
        engine.go()
        await until(pilot, lambda: lab(pilot).run.engine == "lost")
        await pilot.press("t")
        await until(pilot, lambda: lab(pilot).run.state is RunState.TRAINING)
        assert len(toasts(pilot)) == 2


async def test_r_opens_runs_while_lab_follows_engine():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("t", "r")
        await until(pilot, lambda: bool(engine.sent_of(ListRuns)))
        assert pilot.app.screen is not lab(pilot)
        engine.tell(
            RunsListed((summary(Unfinished(7, 48_200)),)),
            RunChanged(RunState.FINISHED, 200_000),
        )
        await until(pilot, lambda: lab(pilot).run.state is RunState.FINISHED)
        assert "finished" in lines(pilot)[0]
        assert "unfinished" in screen_text(pilot.app)
        await pilot.press("space")
        await until(pilot, lambda: pilot.app.screen is lab(pilot))
        assert engine.sent_of(OpenRun) == [OpenRun(7, train=True)]
        assert (lab(pilot).run.run, lab(pilot).run.state) == (7, RunState.TRAINING)


async def test_runs_shown_by_new_engine_after_lost_one():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        engine.go()
        await until(pilot, lambda: lab(pilot).run.engine == "lost")
        engine.sent.clear()
        engine.tell(EngineReady("2.13", "cpu"))
        await typed(pilot, "r", "r")
        await until(pilot, lambda: bool(engine.sent_of(ListRuns)))
        assert engine.reached == 2
