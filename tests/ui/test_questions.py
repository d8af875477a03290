"""What each list offers, and what a choice from it does."""

from dataclasses import replace

import pytest
import scenes
from fake_engine import FakeEngine, ObedientEngine
from pilots import NARROW, lab, playground, screen_text, settled, toasts

from charwave_tui import __version__
from charwave_tui.core.config import HYPERPARAMETERS
from charwave_tui.core.corpora import remember
from charwave_tui.core.presets import preset, presets
from charwave_tui.ui import composing, numbers
from charwave_tui.ui.draft import PRESET
from charwave_tui.ui.panes.field_row import picked
from charwave_tui.ui.screens.pick import PickScreen
from charwave_tui.ui.screens.questions import ask_for_new_run, ask_for_quit, ask_for_restart, pick

FORM = composing.opening(scenes.CONFIG, "tree-76k")
PICKED = [name for name in HYPERPARAMETERS if picked(name)]


def test_preset_list_has_reason_and_published_losses():
    options = {option.value: option.detail for option in pick(PRESET, FORM).options}
    assert list(options) == list(presets())
    for name, item in presets().items():
        assert options[name].startswith(item.why)
        if item.published:
            assert f"Published: {item.published.parameters:,} params" in options[name]
            assert item.published.train is None or f"train {numbers.loss(item.published.train)}" in options[name]
            assert item.published.val is None or f"val {numbers.loss(item.published.val)}" in options[name]
        else:
            assert "Published" not in options[name]


@pytest.mark.parametrize("name", PICKED)
def test_every_list_starts_at_current_value_with_its_subject(name):
    dialog = pick(name, FORM)
    assert dialog._present == str(getattr(scenes.CONFIG, name))
    assert dialog._about == HYPERPARAMETERS[name].about


@pytest.mark.parametrize("name", [name for name in PICKED if name != "corpus"])
def test_every_listed_option_is_valid_for_field(name):
    for option in pick(name, FORM).options:
        assert composing.answered(name, option.value) == option.value


def test_corpus_list_has_built_in_and_recent_ones(tmp_path):
    path = tmp_path / "streets.txt"
    path.write_text("one\n", encoding="utf-8")
    remember(path)
    options = {option.value: option for option in pick("corpus", FORM).options}
    assert options["names"].detail == "built-in"
    assert (options[str(path)].label, options[str(path)].detail) == ("streets.txt", "recent")


def test_confirmation_names_the_run():
    for dialog in (ask_for_new_run(scenes.TRAINING.run), ask_for_quit(scenes.TRAINING.run)):
        assert "run 12" in dialog._detail
    assert ask_for_quit(scenes.UNTRAINED.run)._detail == "a run is training."  # t was pressed just now


def test_both_versions_are_named():
    dialog = ask_for_restart("0.2.0")
    assert "0.2.0" in dialog._question
    assert __version__ in dialog._detail


async def test_preset_picked_from_list_fills_form():
    async with playground(FakeEngine(), NARROW) as pilot:
        await pilot.press("home", "enter")
        assert isinstance(pilot.app.screen, PickScreen)
        await pilot.press(*"mlp-8", "enter")
        assert lab(pilot).form.draft.preset == "mlp-8"
        assert lab(pilot).form.draft.config == preset("mlp-8").applied_to(scenes.CONFIG)


async def test_closed_list_changes_nothing():
    async with playground(FakeEngine(), NARROW) as pilot:
        before = lab(pilot).form
        await pilot.press("home", "enter", "down", "down", "escape")
        assert lab(pilot).form == before


async def test_built_in_corpus_picked_from_list_is_loaded_and_built():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        lab(pilot).query_one("#form").here = "corpus"
        await pilot.press("enter", *"imena", "enter")
        await settled(pilot)
        assert lab(pilot).form.draft.config.corpus == "imena"
        assert lab(pilot).form.vocab_size > 27
        assert lab(pilot).form.reported == ()


@pytest.mark.parametrize("path", ["/nowhere/at/all.txt", "/tmp"])
async def test_invalid_corpus_path_gives_one_line_and_form_stays(path):
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        lab(pilot).query_one("#form").here = "corpus"
        await pilot.press("enter", *path, "enter")
        await settled(pilot)
        assert len(lab(pilot).form.reported) == 1
        assert path in lab(pilot).form.reported[0].problem
        assert "✗ corpus" in screen_text(pilot.app)
        assert toasts(pilot) == []
        assert lab(pilot).form.draft.config == replace(scenes.CONFIG, corpus=path)
        assert lab(pilot).run.state is not None
