"""The options of the lab's dialogs, and what a choice does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import lab_states as scenes
from support.fake_engine import FakeEngine, SimulatedEngine
from support.pilot import NARROW, lab_screen, notification_texts, run_playground, screen_text, wait_settled

from charwave_tui import __version__
from charwave_tui.core.config.presets import get_preset, presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS
from charwave_tui.core.corpus.registry import add_recent_corpus
from charwave_tui.ui.dialogs.lab_dialogs import confirm_new_run, confirm_quit, confirm_restart, pick_field_value
from charwave_tui.ui.dialogs.pick import PickDialog
from charwave_tui.ui.drawing.number_format import format_loss
from charwave_tui.ui.lab.form_layout import is_picked_from_list
from charwave_tui.ui.state.form_state import PRESET, initial_form, parse_choice

FORM = initial_form(scenes.CONFIG, "tree-76k")


PICKED = [name for name in HYPERPARAMETERS if is_picked_from_list(name)]


def test_preset_list_has_reason_and_published_losses():
    options = {option.value: option.detail for option in pick_field_value(PRESET, FORM).options}
    assert list(options) == list(presets())
    for name, item in presets().items():
        assert options[name].startswith(item.why)
        if item.published:
            assert f"Published: {item.published.parameters:,} params" in options[name]
            assert item.published.train is None or f"train {format_loss(item.published.train)}" in options[name]
            assert item.published.val is None or f"val {format_loss(item.published.val)}" in options[name]
        else:
            assert "Published" not in options[name]


@pytest.mark.parametrize("name", PICKED)
def test_every_list_starts_at_current_value_with_its_subject(name):
    dialog = pick_field_value(name, FORM)
    assert dialog._current == str(getattr(scenes.CONFIG, name))
    assert dialog._about == HYPERPARAMETERS[name].about


@pytest.mark.parametrize("name", [name for name in PICKED if name != "corpus"])
def test_every_listed_option_is_valid_for_field(name):
    for option in pick_field_value(name, FORM).options:
        assert parse_choice(name, option.value) == option.value


def test_corpus_list_has_built_in_and_recent_ones(tmp_path):
    path = tmp_path / "streets.txt"
    path.write_text("one\n", encoding="utf-8")
    add_recent_corpus(path)
    options = {option.value: option for option in pick_field_value("corpus", FORM).options}
    assert options["names"].detail == "built-in"
    assert (options[str(path)].label, options[str(path)].detail) == ("streets.txt", "recent")


def test_confirmation_names_the_run():
    for dialog in (confirm_new_run(scenes.TRAINING.run), confirm_quit(scenes.TRAINING.run)):
        assert "run 12" in dialog._detail
    assert confirm_quit(scenes.UNTRAINED.run)._detail == "a run is training."  # t was pressed just now


def test_both_versions_are_named():
    dialog = confirm_restart("0.2.0")
    assert "0.2.0" in dialog._question
    assert __version__ in dialog._detail


async def test_preset_picked_from_list_fills_form():
    async with run_playground(FakeEngine(), NARROW) as pilot:
        await pilot.press("home", "enter")
        assert isinstance(pilot.app.screen, PickDialog)
        await pilot.press(*"mlp-8", "enter")
        assert lab_screen(pilot).form.draft.preset == "mlp-8"
        assert lab_screen(pilot).form.draft.config == get_preset("mlp-8").merged_into(scenes.CONFIG)


async def test_closed_list_changes_nothing():
    async with run_playground(FakeEngine(), NARROW) as pilot:
        before = lab_screen(pilot).form
        await pilot.press("home", "enter", "down", "down", "escape")
        assert lab_screen(pilot).form == before


async def test_built_in_corpus_picked_from_list_is_loaded_and_built():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        lab_screen(pilot).query_one("#form").cursor_field = "corpus"
        await pilot.press("enter", *"imena", "enter")
        await wait_settled(pilot)
        assert lab_screen(pilot).form.draft.config.corpus == "imena"
        assert lab_screen(pilot).form.vocab_size > 27
        assert lab_screen(pilot).form.reported_problems == ()


@pytest.mark.parametrize("path", ["/nowhere/at/all.txt", "/tmp"])
async def test_invalid_corpus_path_gives_one_line_and_form_stays(path):
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        lab_screen(pilot).query_one("#form").cursor_field = "corpus"
        await pilot.press("enter", *path, "enter")
        await wait_settled(pilot)
        assert len(lab_screen(pilot).form.reported_problems) == 1
        assert path in lab_screen(pilot).form.reported_problems[0].problem
        assert "✗ corpus" in screen_text(pilot.app)
        assert notification_texts(pilot) == []
        assert lab_screen(pilot).form.draft.config == replace(scenes.CONFIG, corpus=path)
        assert lab_screen(pilot).run.state is not None
