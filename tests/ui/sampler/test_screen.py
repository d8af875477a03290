"""The sampler's screen: requests and lines of each mode, and its keys, also typed in one burst."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import msgspec
import pytest
from support import lab_states as scenes
from support.fake_engine import SimulatedEngine
from support.pilot import NARROW, lab_screen, notification_texts, run_playground, screen_text, type_burst, wait_until
from support.sampler_answers import (
    NAMES,
    SAMPLER_STATE,
    STARS,
    TRAINING_WITH_NLLS,
    SamplerScreenHost,
    run_sampler_screen,
    sampler_replies,
    word_nlls,
)
from textual.widget import Widget

from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol import commands
from charwave_tui.core.protocol.commands import PredictNext, SampleNames, SampleRun, ScoreWord, StarName, UnstarName
from charwave_tui.core.protocol.events import NextPredicted, QueryRefused, StarsListed, TimelineSampled
from charwave_tui.ui.dialogs.confirm import ConfirmDialog
from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.sampler.screen import SamplerScreen
from charwave_tui.ui.sampler.step_mode import SAMPLE_COUNT
from charwave_tui.ui.state.run_state import EngineDisconnected, NamesState, RunsState, reduce
from charwave_tui.ui.state.sampler_state import SamplerState

MODES = ["names", "step", "score", "timeline", "compare", "starred"]


EVERY_KEY = ["up", "down", "left", "right", "home", "end", "pageup", "pagedown", "enter", "space", "backspace"]


EVERY_KEY += ["1", "2", "g", "s", "u", "y", "Y", "c", "ctrl+u", "question_mark"]


@pytest.fixture(autouse=True)
def _short_debounce(monkeypatch):
    """Delays are shorter than a pilot waits."""
    monkeypatch.setattr("charwave_tui.ui.sampler.names_mode.SAMPLE_DELAY_SECONDS", 0.01)
    monkeypatch.setattr("charwave_tui.ui.sampler.step_mode.SAMPLE_DELAY_SECONDS", 0.01)
    monkeypatch.setattr("charwave_tui.ui.charts.loss_chart.MIN_FRAME_INTERVAL", 0.0)


def row(app, text):
    """The first line on the screen that has the text."""
    return next(line for line in screen_text(app).splitlines() if text in line)


async def test_tab_cycles_modes_and_queued_keys_go_to_next_one():
    async with run_sampler_screen("names") as (app, pilot):
        for mode in [*MODES[1:], "names"]:
            await type_burst(pilot, "tab")
            await wait_until(pilot, lambda mode=mode: app.sampler.current_mode.id == mode)
        await type_burst(pilot, "shift+tab", "shift+tab")
        await wait_until(pilot, lambda: app.sampler.current_mode.id == "compare")
        await type_burst(pilot, "tab", "tab", "tab", "m", "a")
        await pilot.pause()
        assert "prefix  ma" in screen_text(app)
        await type_burst(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "sample a character" in screen_text(app)
        await type_burst(pilot, "escape", "escape")
        await pilot.pause()
        assert app.results[0].mode == "step"
        assert app.results[0].step_state.prefix == "ma"


async def test_under_60_columns_settings_and_names_alternate():
    async with run_sampler_screen("names", size=(40, 12)) as (app, pilot):
        for key, seen, hidden in (("2", "2 Names", "Settings"), ("1", "1 Settings", "Names")):
            await type_burst(pilot, key)
            await wait_until(pilot, lambda seen=seen: seen in screen_text(app))
            assert hidden not in screen_text(app)


async def test_settings_moved_stepped_typed_and_sampled_after_debounce():
    async with run_sampler_screen("names") as (app, pilot):
        await type_burst(pilot, *["down"] * 4, "right", "down", "enter", *"0.9", "enter", *["down"] * 5, "right")
        await wait_until(pilot, lambda: app.requests_of(SampleNames)[-1].sampling.only_new == "yes")
        requests = app.requests_of(SampleNames)
        assert all(command.request == 0 for command in requests)
        sampling = requests[-1].sampling
        assert (sampling.top_k, sampling.top_p, sampling.only_new) == (1, 0.9, "yes")
        await type_burst(pilot, "up", "up", "up", "up", "up", "enter", "7", "enter")
        await wait_until(pilot, lambda: "is out of bounds" in screen_text(app))
        await type_burst(pilot, "escape")
        await type_burst(pilot, "backspace")
        await wait_until(pilot, lambda: app.requests_of(SampleNames)[-1].sampling.top_p == 1.0)


async def test_name_examined_starred_copied_and_sampled_again(monkeypatch):
    async with run_sampler_screen("names") as (app, pilot):
        await type_burst(pilot, "2", "down", "down", "s", "s", "s", "y", "Y")
        await pilot.pause()
        stars = [command for command in app.requests if isinstance(command, StarName | UnstarName)]
        assert [type(command).__name__ for command in stars] == ["StarName", "UnstarName", "StarName"]
        assert stars[0] == StarName("makyah", NAMES[2].nll, 12, 132_400)
        assert app.copied == ["makyah", "\n".join(item.name for item in NAMES)]
        repainted = []
        refresh = Widget.refresh

        def watched(widget, *regions, **how):
            if not regions:
                repainted.append(widget)
            return refresh(widget, *regions, **how)

        monkeypatch.setattr(Widget, "refresh", watched)
        await type_burst(pilot, "up", "down")
        assert repainted == []  # only the changed lines are, and the borders with a count
        assert "▸★ makyah" in row(app, "▸★")
        assert f"{2.718281828 ** -word_nlls('makyah')[0]:.4f}" in row(app, "│ m  ")
        await type_burst(pilot, "g")
        assert app.requests[-1].sampling.seed == 43


async def test_fewer_names_pending_names_and_refusals_reported():
    async with run_sampler_screen("names", size=NARROW) as (app, pilot):
        app.sampler.names = NamesState(132_400, NAMES[:3], done=False)
        await pilot.pause()
        assert "still sampling" in screen_text(app)
        app.sampler.sampling = replace(app.sampler.sampling, only_new="yes")
        app.sampler.names = NamesState(132_400, NAMES[:13], requested=400)
        await pilot.pause()
        assert "13 of 20 new, 400 sampled" in screen_text(app)
        app.sampler.run, app.sampler.names = scenes.DIVERGED.run, scenes.DIVERGED.names
        await pilot.pause()
        assert "w rewinds" in row(app, "esc goes back")


async def test_names_saved_and_existing_file_asks_confirmation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with run_sampler_screen("names") as (app, pilot):
        await type_burst(pilot, "w", *"a.doc", "enter")
        await pilot.pause()
        assert "does not end in" in screen_text(app)
        await type_burst(pilot, "ctrl+u", *"a.json", "enter")
        await pilot.pause()
        assert [item["name"] for item in json.loads((tmp_path / "a.json").read_text())] == [item.name for item in NAMES]
        (tmp_path / "a.json").write_text("mine")
        await type_burst(pilot, "w", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        await type_burst(pilot, "enter")
        assert (tmp_path / "a.json").read_text() == "mine"
        await type_burst(pilot, "w", "enter")
        await pilot.pause()
        await type_burst(pilot, "r")
        await pilot.pause()
        assert json.loads((tmp_path / "a.json").read_text())
        await type_burst(pilot, "w", "escape", "tab")
        await wait_until(pilot, lambda: app.sampler.current_mode.id == "step")


async def test_step_mode_builds_name_and_queues_burst_behind_reply():
    async with run_sampler_screen("step") as (app, pilot):
        await type_burst(pilot, "m", "down", "enter", "space", "right", "space", "backspace", "a")
        await wait_until(pilot, lambda: app.sampler.current_mode.prediction is not None)
        steps = app.sampler.current_mode.step_state
        assert steps.prefix[0] == "m"
        assert steps.prefix[-1] == "a"
        assert (len(steps.prefix), steps.rolls, steps.temperature) == (4, 2, 1.5)
        other = SamplerScreenHost(mode="step")
        assert other.sampler.current_mode.step_state.rolls == 0
        await wait_until(pilot, lambda: "sampled from here" in screen_text(app))
        sampling = app.requests_of(SampleNames)[-1].sampling
        assert (sampling.prefix, sampling.temperature, sampling.count) == (steps.prefix, 1.5, SAMPLE_COUNT)
        assert "next after" in screen_text(app)


async def test_queued_keys_without_reply_dropped_by_esc_and_kept_by_tab():
    async with run_sampler_screen("step") as (app, pilot):
        app.replying = False
        await type_burst(pilot, "m", "enter", "tab", "k", "a")
        assert app.sampler.current_mode.id == "step"  # enter is about what may follow m, which is not known yet
        app.replying = True
        request = app.requests_of(commands.PredictNext)[-1]
        for event in sampler_replies(request, app.sampler.run.step, app.sampler.run.corpus.symbols):
            app.emit(event)
        await wait_until(pilot, lambda: app.sampler.current_mode.id == "score")
        assert len(app.sampler._step_mode.step_state.prefix) == 2
        await wait_until(pilot, lambda: "ka" in screen_text(app))
    async with run_sampler_screen("step") as (app, pilot):
        app.replying = False
        await type_burst(pilot, "m", "enter", "a", "escape")
        await wait_until(pilot, lambda: len(app.results) == 1)
        assert app.results[0].step_state.prefix == "m"


async def test_end_token_ends_name_and_unknown_letters_refused():
    async with run_sampler_screen("step", size=NARROW) as (app, pilot):
        await type_burst(pilot, *"mar", "ж")
        await wait_until(pilot, lambda: app.sampler.current_mode.prediction is not None)
        assert any("“ж” is not in the vocabulary of makemore" in text for text in notification_texts(pilot))
        while app.sampler.current_mode.step_state.cursor_id != 0:
            await type_burst(pilot, "down")
        await type_burst(pilot, "enter")
        await pilot.pause()
        assert "mar is complete." in screen_text(app)
        assert "end 0." in screen_text(app)
        await type_burst(pilot, "x", "backspace", "l")
        await wait_until(pilot, lambda: "next after marl" in screen_text(app))


async def test_training_repeats_prefix_query_one_at_a_time():
    async with run_sampler_screen("step") as (app, pilot):
        step = app.sampler.current_mode
        app.replying = False
        app.requests.clear()
        app.sampler.run = replace(TRAINING_WITH_NLLS.run, step=132_500)
        for _ in range(3):
            step.poll()
            await pilot.pause()
        assert len(app.requests_of(PredictNext)) == 1
        app.replying = True
        app.emit(NextPredicted(132_500, app.requests_of(PredictNext)[0].request, "", (1.0,) * 27, ()))
        step.poll()
        await pilot.pause()
        assert len(app.requests_of(PredictNext)) == 1
        await type_burst(pilot, "tab", "tab")
        app.sampler.run = replace(TRAINING_WITH_NLLS.run, step=132_600)
        step.hide()
        app.sampler._poll()
        await pilot.pause()
        assert len(app.requests_of(PredictNext)) == 1


async def test_other_vocabulary_restarts_name():
    async with run_sampler_screen("step") as (app, pilot):
        await type_burst(pilot, *"mar")
        card = msgspec.structs.replace(scenes.CARD, symbols="xyz", name="other")
        app.sampler.run = replace(TRAINING_WITH_NLLS.run, corpus=card)
        await wait_until(pilot, lambda: "uniform 1/4" in screen_text(app))
        assert app.sampler.current_mode.step_state.prefix == ""


async def test_words_scored_compared_and_refused():
    async with run_sampler_screen("score") as (app, pilot):
        await type_burst(pilot, *"mariela", "enter", *"quillon", "enter", *"жук", "enter")
        await pilot.pause()
        assert [command.word for command in app.requests_of(ScoreWord)] == ["mariela", "quillon", "жук"]
        assert "'ж' is not in the corpus makemore." in screen_text(app)
        assert "word  жук" in screen_text(app)
        assert f"{sum(word_nlls('quillon')):.2f}" in row(app, "▸ quillon")
        assert "more probable than 62% of 32,033 corpus words" in screen_text(app)
        await type_burst(pilot, "down")
        assert "= corpus" in row(app, "▸ mariela")
        await type_burst(pilot, "ctrl+u", *"mariela", "enter")
        await pilot.pause()
        assert [word.word for word in app.sampler.current_mode.words] == ["quillon", "mariela"]
        card = msgspec.structs.replace(scenes.CARD, symbols="aeilmr", name="other")
        app.sampler.run = replace(TRAINING_WITH_NLLS.run, run=13, corpus=card)  # whose model has scored none of them
        await pilot.pause()
        assert "–      –      –" in row(app, "  quillon")
        await type_burst(pilot, "up")
        await wait_until(pilot, lambda: "'q' is not in the corpus makemore." in screen_text(app))
        requests = len(app.requests_of(ScoreWord))
        for _ in range(3):
            app.sampler.current_mode.poll()
            await pilot.pause()
        assert len(app.requests_of(ScoreWord)) == requests


async def test_timeline_scrubbed_and_follows_only_from_its_end():
    async with run_sampler_screen("timeline") as (app, pilot):
        assert "13 of 13 evaluations" in screen_text(app)
        assert "↑" in screen_text(app)
        await type_burst(pilot, "left", "left", "home", "right")
        assert "step 20,000 · val" in screen_text(app)
        newer = msgspec.structs.replace(SAMPLER_STATE.timeline[-1], step=140_000)
        app.emit(TimelineSampled(newer))
        await pilot.pause()
        assert "2 of 14 evaluations" in screen_text(app)
        await type_burst(pilot, "end")
        app.emit(TimelineSampled(msgspec.structs.replace(newer, step=150_000)))
        await pilot.pause()
        assert "15 of 15 evaluations" in screen_text(app)
        app.sampler.replies = SamplerState()
        await pilot.pause()
        assert "This run has no names of its evaluations yet." in screen_text(app)


async def test_other_run_chosen_and_sampled_from_same_seeds():
    async with run_sampler_screen("compare") as (app, pilot):
        await type_burst(pilot, "c")
        await pilot.pause()
        assert "run 11" in screen_text(app)
        assert "best val" in screen_text(app)
        await type_burst(pilot, "escape")
        await type_burst(pilot, "c", *"run 11", "enter")  # what is typed behind the c is for the list
        await wait_until(pilot, lambda: "step 200,000 · as saved" in screen_text(app))
        assert app.requests_of(SampleRun)[-1].run == 11
        assert row(app, NAMES[0].name).split().count(NAMES[-1].name) == 1
        await type_burst(pilot, "g")
        await pilot.pause()
        assert app.requests_of(SampleRun)[-1].sampling == app.requests_of(SampleNames)[-1].sampling
        app.emit(QueryRefused(app.requests_of(SampleRun)[-1].request, "old", "new"))
        app.sampler.stored_runs = RunsState()
        await type_burst(pilot, "c")
        await pilot.pause()
        assert notification_texts(pilot)[-1].startswith("there is no other run to compare with yet")
        await type_burst(pilot, "escape")
        await pilot.pause()
        assert app.results[0].compared_run == 11


async def test_stars_removed_and_restored_while_shown():
    async with run_sampler_screen("starred") as (app, pilot):
        assert "Starred  4" in screen_text(app)
        await type_burst(pilot, "down", "u", "u")
        await pilot.pause()
        assert app.requests[-1] == UnstarName("mayrin")
        app.emit(StarsListed((STARS[0], *STARS[2:])))
        await pilot.pause()
        assert "▸   mayrin" in screen_text(app)
        await type_burst(pilot, "s", "y", "Y")
        await pilot.pause()
        assert app.requests[-1] == StarName("mayrin", STARS[1].nll, 11, STARS[1].step)
        assert app.copied == ["mayrin", "maralynn\nmayrin\nquillon\nbelle"]


@pytest.mark.parametrize("view", ["starting", "lost", "diverged"])
async def test_every_key_of_every_mode_works_without_model(view):
    views = {
        "starting": scenes.EMPTY,
        "lost": reduce(TRAINING_WITH_NLLS, EngineDisconnected()),
        "diverged": scenes.DIVERGED,
    }
    async with run_sampler_screen("names", views[view], SamplerState(), size=(60, 16)) as (app, pilot):
        for _ in MODES:
            await type_burst(pilot, *EVERY_KEY)
            while app.screen is not app.sampler:
                await type_burst(pilot, "escape")
            await type_burst(pilot, "escape" if app.sampler._save_row.is_open else "tab")
        assert app.results == []


async def test_lab_opens_sampler_and_keeps_names_and_context():
    engine = SimulatedEngine()
    engine.host = "gpu-box"
    async with run_playground(engine) as pilot:
        await pilot.press("n")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, SamplerScreen))
        lab_screen(pilot).engine_host = "gpu-box"
        await pilot.press("g")
        await wait_until(pilot, lambda: "gpu-box" in screen_text(pilot.app))
        await pilot.pause()
        assert lab_screen(pilot).sampling.seed == 43
        await pilot.press("tab", "m", "a")
        await asyncio.sleep(0)
        predicted = engine.sent_of(PredictNext)
        engine.emit(NextPredicted(0, predicted[-1].request, predicted[-1].prefix, (1.0,) * 27, ()))
        await wait_until(pilot, lambda: lab_screen(pilot).context_text == "ma")
        await pilot.press("escape", "n")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, SamplerScreen))
        assert pilot.app.screen.current_mode.id == "step"
        assert lab_screen(pilot).controller.run_state is not RunState.TRAINING
        await type_burst(pilot, "shift+tab", "right", "escape", "t")  # the last of which is for the lab
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.TRAINING)
        assert lab_screen(pilot).sampling.temperature == 1.1


async def test_a_run_is_never_compared_with_itself():
    async with run_sampler_screen("compare") as (app, pilot):
        active = app.sampler.run.run
        assert active in {row.run for row in app.sampler.stored_runs.listed}
        await type_burst(pilot, "c")
        await pilot.pause()
        assert str(active) not in {option.value for option in app.screen.options}
        await type_burst(pilot, "escape")
        own = tuple(row for row in app.sampler.stored_runs.listed if row.run == active)
        app.sampler.stored_runs = RunsState(own)
        await type_burst(pilot, "c")
        await pilot.pause()
        assert notification_texts(pilot)[-1].startswith("there is no other run to compare with yet")
