"""The lab before an engine that obeys: keys, edits, corpora."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import lab_states as scenes
from support.fake_engine import FakeEngine, SimulatedEngine, StaticEngine, run_opened, unfinished_summary
from support.pilot import (
    NARROW,
    lab_screen,
    notification_texts,
    run_playground,
    screen_lines,
    screen_text,
    type_burst,
    wait_settled,
    wait_until,
)
from textual import events

from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import EditRun, ListRuns, OpenRun, PrepareRun, SampleNames, StartRun
from charwave_tui.core.protocol.events import EngineReady, RunChanged, RunsListed
from charwave_tui.ui.lab import form_controller
from charwave_tui.ui.state.run_state import ConnectionState, Unfinished
from charwave_tui.ui.widgets.key_bar import KeyBar


def go_to(pilot, name):
    """Put the form's cursor on a row."""
    lab_screen(pilot).query_one("#form").cursor_field = name


async def test_form_shown_before_engine_reply_and_model_requested():
    engine = FakeEngine()
    async with run_playground(engine) as pilot:
        text = screen_text(pilot.app)
        assert "starting the engine" in text
        assert "76,579 params    2·2·2 = 8 ✓" in text
        assert "not built yet" in text
        assert engine.sent == [PrepareRun(scenes.CONFIG, "tree-76k")]


async def test_built_model_shows_layers_and_names_before_any_step():
    async with run_playground(SimulatedEngine()) as pilot:
        text = screen_text(pilot.app)
        assert "ready  nothing is running" in text
        assert "Nothing is trained yet." in text
        assert "maralynn" in text
        assert lab_screen(pilot).probed.layers == scenes.TRAINING.layers.layers


async def test_keys_before_engine_starts_handled_once_it_does():
    engine = FakeEngine()
    async with run_playground(engine) as pilot:
        await pilot.press("t", "space")
        assert engine.control_commands == ["StartRun", "PauseRun"]
        engine.emit(EngineReady("2.13", "cpu"), run_opened(scenes.UNTRAINED.run))
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.READY)
        await pilot.press("space")
        assert engine.control_commands == ["StartRun", "PauseRun", "ResumeRun"]


async def test_whole_run_by_keys_alone():
    engine = SimulatedEngine()
    async with run_playground(engine) as pilot:
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
            assert lab_screen(pilot).run.state is state, key
        assert lab_screen(pilot).run.run == 2
        assert lab_screen(pilot).run.step == 1
        assert notification_texts(pilot) == []
        assert str(lab_screen(pilot).run.state) in screen_lines(pilot)[0]


async def test_training_does_not_wait_for_live_edit_reply():
    engine = SimulatedEngine()
    async with run_playground(engine) as pilot:
        await pilot.press("t")
        go_to(pilot, "lr")
        await pilot.press("enter", *"0.01", "enter")
        assert engine.sent_of(EditRun) == [EditRun(replace(scenes.CONFIG, lr=0.01))]
        row = next(line for line in screen_lines(pilot) if "▸ lr" in line)
        assert "0.01" in row
        assert "was 0.1" in row
        assert lab_screen(pilot).run.config.lr == 0.01


async def test_rebuild_edit_staged_and_sent_only_by_t():
    engine = SimulatedEngine()
    async with run_playground(engine) as pilot:
        await pilot.press("t")
        engine.sent.clear()
        go_to(pilot, "n_embd")
        await pilot.press("enter", *"10", "enter")
        await pilot.pause(0.3)
        assert engine.control_commands == []
        assert engine.sent_of(PrepareRun) == []
        assert "1 Hyperparameters  1 staged" in screen_lines(pilot)[1]
        assert "staged; t trains it" in screen_text(pilot.app)
        await pilot.press("t", "enter")
        assert engine.sent_of(StartRun) == [
            StartRun(replace(scenes.CONFIG, n_embd=10), "tree-76k"),
        ]
        assert "staged" not in screen_text(pilot.app)


async def test_edit_without_run_builds_model_after_debounce(monkeypatch):
    monkeypatch.setattr(form_controller, "PREPARE_DELAY_SECONDS", 0.4)
    engine = SimulatedEngine()
    async with run_playground(engine) as pilot:
        engine.sent.clear()
        go_to(pilot, "n_hidden")
        await type_burst(pilot, "left", "left", "left")
        await wait_until(pilot, lambda: bool(engine.sent_of(PrepareRun)))
        assert [command.config.n_hidden for command in engine.sent_of(PrepareRun)] == [16]
        assert engine.control_commands == []


async def test_burst_of_keys_edits_then_trains():
    engine = SimulatedEngine()
    async with run_playground(engine) as pilot:
        go_to(pilot, "n_hidden")
        for key in ["enter", "6", "4", "enter", "t"]:
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await wait_until(pilot, lambda: bool(engine.control_commands))
        assert engine.control_commands == ["StartRun"]
        assert engine.sent_of(StartRun)[0].config.n_hidden == 64


@pytest.mark.parametrize("key", ["t", "."])
async def test_invalid_draft_refused_in_one_line_and_form_focused(key):
    engine = SimulatedEngine()
    unsound = replace(scenes.CONFIG, context=6)
    async with run_playground(engine, config=unsound) as pilot:
        await pilot.press("4", key)
        assert engine.control_commands == []
        assert notification_texts(pilot) == ["context 6 is not 2×2×2 = 8\nset context to 8 or fuse to 2 3 or 3 2 or 6"]
        assert lab_screen(pilot).query_one("#form").has_focus


async def test_unavailable_key_muted_in_key_bar_and_does_nothing():
    engine = SimulatedEngine()
    async with run_playground(engine) as pilot:

        def enabled():
            hints = lab_screen(pilot).query_one(KeyBar)._hints
            return {hint.description for hint in hints if hint.enabled} & {"Train", "Pause", "Step", "Stop"}

        assert enabled() == {"Train", "Step"}
        await pilot.press("space", "x", "0", "c", "e")
        assert engine.control_commands == []
        await pilot.press("t")
        assert enabled() == {"Train", "Pause", "Step", "Stop"}
        await pilot.press("x")
        assert enabled() == {"Train", "Step"}


async def test_l_toggles_loss_scale():
    async with run_playground(StaticEngine(scenes.TRAINING)) as pilot:
        await pilot.press("l")
        assert "2 Loss  linear scale" in screen_text(pilot.app)
        await pilot.press("l")
        assert "2 Loss  log scale" in screen_text(pilot.app)


async def test_g_samples_new_names_and_new_temperature_samples_at_once():
    engine = SimulatedEngine()
    async with run_playground(engine) as pilot:
        engine.sent.clear()
        await pilot.press("g")
        assert engine.sent_of(SampleNames)[-1].sampling == SamplingConfig(seed=43)
        await pilot.press("4", "up")
        assert engine.sent_of(SampleNames)[-1].sampling == SamplingConfig(seed=43, temperature=1.1)
        assert "temp 1.1" in screen_text(pilot.app)


async def test_e_reports_all_three_losses_of_step():
    async with run_playground(SimulatedEngine()) as pilot:
        await pilot.press("t", "space", "e")
        assert notification_texts(pilot) == ["whole splits after step 0\ntrain 2.0000 · val 2.0000 · test 2.0000"]


async def test_preset_stepped_by_arrow_fills_form():
    async with run_playground(FakeEngine()) as pilot:
        await pilot.press("home", "right")
        draft = lab_screen(pilot).form.draft
        assert draft.preset != "tree-76k"
        assert draft.config == get_preset(draft.preset).merged_into(scenes.CONFIG)


async def test_unreadable_corpus_reported_in_form_and_nothing_lost(tmp_path):
    engine = SimulatedEngine()
    (tmp_path / "words.txt").write_bytes(b"\xff\xfe\x00broken")
    async with run_playground(engine, NARROW) as pilot:
        go_to(pilot, "lr")
        await pilot.press("enter", *"0.2", "enter")
        go_to(pilot, "corpus")
        await pilot.press("enter", *str(tmp_path / "words.txt"), "enter")
        await wait_settled(pilot)
        assert "1 Form ✗" in screen_lines(pilot)[1]
        assert "✗ corpus" in screen_text(pilot.app)
        assert lab_screen(pilot).form.draft.config.lr == 0.2
        await pilot.press("t")
        assert engine.control_commands == []
        assert len(notification_texts(pilot)) == 1
        assert "words.txt" in notification_texts(pilot)[0]
        await pilot.press("enter", *"makemore", "enter")
        await wait_settled(pilot)
        assert "✗" not in screen_lines(pilot)[1]
        await pilot.press("t")
        assert engine.control_commands == ["StartRun"]


async def test_hint_on_corpus_shown_once_with_its_file_name_escaped(tmp_path):
    path = tmp_path / "a\u202eb.txt"
    path.write_text("Name\n" + "\n".join("abcdefghijkl"), "utf-8")
    async with run_playground(SimulatedEngine()) as pilot:
        for _ in range(2):
            lab_screen(pilot)._form.edit("corpus", str(path))
            await wait_settled(pilot)
        go_to(pilot, "corpus")
        await pilot.pause()
        (hint,) = [text for text in notification_texts(pilot) if "heading" in text]
        assert hint.endswith(r"b.txt' > words.txt")
        shown = screen_text(pilot.app)
        assert "\u202e" not in hint + shown
        assert r"a\u202eb.txt" in hint
        assert r"a\u202eb.txt" in shown


async def test_existing_run_fills_form():
    found = replace(scenes.TRAINING, run=replace(scenes.TRAINING.run, config=replace(scenes.CONFIG, n_embd=10)))
    async with run_playground(StaticEngine(found)) as pilot:
        assert lab_screen(pilot).form.draft.config.n_embd == 10
        assert lab_screen(pilot).form.run_config == found.run.config
        assert "132,400 / 200,000" in screen_lines(pilot)[0]
        assert notification_texts(pilot) == []


async def test_reattach_reported_once_with_whole_curve():
    engine = StaticEngine(scenes.TRAINING)
    engine.was_running = True
    async with run_playground(engine, NARROW) as pilot:
        assert notification_texts(pilot) == ["reattached to run 12, step 132,400"]
        assert lab_screen(pilot).curve.history == scenes.TRAINING.curve.history
        engine.emit(run_opened(replace(scenes.UNTRAINED.run, run=13)))
        await wait_until(pilot, lambda: lab_screen(pilot).run.run == 13)
        assert len(notification_texts(pilot)) == 1


async def test_named_config_stays_in_form_beside_existing_run_as_staged():
    found = replace(scenes.TRAINING, run=replace(scenes.TRAINING.run, config=replace(scenes.CONFIG, n_embd=10, lr=0.5)))
    engine = StaticEngine(found)
    async with run_playground(engine, keeps_config=True) as pilot:
        assert lab_screen(pilot).form.draft.config == scenes.CONFIG
        assert lab_screen(pilot).form.run_config == found.run.config
        assert "1 Hyperparameters  2 staged" in screen_lines(pilot)[1]
        assert engine.sent_of(EditRun) == []
        opened_by_another = replace(found.run, run=7, config=replace(scenes.CONFIG, n_embd=64))
        engine.emit(run_opened(opened_by_another))
        await wait_until(pilot, lambda: lab_screen(pilot).run.run == 7)
        assert lab_screen(pilot).form.draft.config.n_embd == 64


async def test_engine_ending_at_logout_is_notified_once():
    engine = SimulatedEngine()
    engine.warning = "logging out ends the engine here"
    async with run_playground(engine, NARROW) as pilot:
        assert notification_texts(pilot) == ["logging out ends the engine here"]
        engine.disconnect()
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.LOST)
        await pilot.press("t")
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.TRAINING)
        assert len(notification_texts(pilot)) == 2


async def test_r_opens_runs_while_lab_follows_engine():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("t", "r")
        await wait_until(pilot, lambda: bool(engine.sent_of(ListRuns)))
        assert pilot.app.screen is not lab_screen(pilot)
        engine.emit(
            RunsListed((unfinished_summary(Unfinished(7, 48_200)),)),
            RunChanged(RunState.FINISHED, 200_000),
        )
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.FINISHED)
        assert "finished" in screen_lines(pilot)[0]
        assert "paused" in screen_text(pilot.app)
        await pilot.press("space")
        await wait_until(pilot, lambda: pilot.app.screen is lab_screen(pilot))
        assert engine.sent_of(OpenRun) == [OpenRun(7, train=True)]
        assert (lab_screen(pilot).run.run, lab_screen(pilot).run.state) == (7, RunState.TRAINING)


async def test_runs_shown_by_new_engine_after_lost_one():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        engine.disconnect()
        await wait_until(pilot, lambda: lab_screen(pilot).run.connection is ConnectionState.LOST)
        engine.sent.clear()
        engine.emit(EngineReady("2.13", "cpu"))
        await type_burst(pilot, "r", "r")
        await wait_until(pilot, lambda: bool(engine.sent_of(ListRuns)))
        assert engine.connections == 2


@pytest.mark.parametrize(
    ("pressed", "answer", "commands"),
    [
        ("c", "enter", ["ForkRun", "ResumeRun"]),
        ("c", "o", ["ExtendRun"]),
        ("c", "escape", []),
        ("full_stop", "enter", ["ForkRun"]),
        ("full_stop", "o", ["StepRun"]),
    ],
)
async def test_end_of_a_finished_run_is_not_lost_unasked(pressed, answer, commands):
    engine = StaticEngine(scenes.FINISHED)
    async with run_playground(engine) as pilot:
        before = len(engine.control_commands)
        await pilot.press(pressed)
        await pilot.pause()
        assert engine.control_commands[before:] == []
        assert f"run {scenes.FINISHED.run.run} keeps its end" in screen_text(pilot.app)
        await pilot.press(answer)
        await pilot.pause()
        assert engine.control_commands[before:] == commands


async def test_reset_of_a_finished_run_says_that_its_end_is_kept():
    async with run_playground(StaticEngine(scenes.FINISHED)) as pilot:
        await pilot.press("0")
        await pilot.pause()
        assert notification_texts(pilot)[-1] == f"run {scenes.FINISHED.run.run} keeps its end\nr opens it"
