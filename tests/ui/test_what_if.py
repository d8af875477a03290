"""What a thing spoilt on purpose makes of a config, and the key that begins such a run."""

from dataclasses import replace

import pytest
import scenes
from fake_engine import ObedientEngine, ShowingEngine
from pilots import lab, playground, screen_text, toasts

from charwave_tui.core import protocol
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.presets import default_preset, preset, presets
from charwave_tui.ui.what_if import WHAT_IFS, changes, spoilt

LESSONS = [name for name in presets() if name.startswith("lesson-")]


def test_every_extreme_has_a_lesson_that_says_what_to_look_for():
    assert [item.lesson for item in WHAT_IFS] == LESSONS
    for item in WHAT_IFS:
        for norm in ("batch", "none"):
            assert item.look_for(replace(scenes.CONFIG, norm=norm)).endswith(".")
    gain = WHAT_IFS[0]
    assert gain.look_for(replace(scenes.CONFIG, norm="none")) == preset("lesson-gain").look_for
    assert gain.look_for(scenes.CONFIG).startswith("BatchNorm undoes it")


@pytest.mark.parametrize("item", WHAT_IFS[1:], ids=lambda item: item.name)
def test_a_lesson_is_the_first_recipe_with_that_extreme(item):
    assert preset(item.lesson).config == item.spoil(default_preset().config)


def test_the_lesson_of_the_gain_has_no_norm_either_which_would_put_it_right():
    base = replace(default_preset().config, norm="none")
    assert preset("lesson-gain").config == spoilt("gain × 5", base)


def test_what_changes_is_said_and_so_is_that_nothing_does():
    by_name = {item.name: item for item in WHAT_IFS}
    assert changes(by_name["lr × 10"], scenes.CONFIG) == "lr 0.1 → 1.0"
    assert changes(by_name["BatchNorm off"], scenes.CONFIG) == "norm batch → none"
    assert changes(by_name["BatchNorm off"], replace(scenes.CONFIG, norm="none")) == "it is so already"


def test_an_extreme_beyond_the_bounds_is_refused_with_the_bounds():
    with pytest.raises(Mistake, match="init_gain 250 is out of bounds; try 0 < init_gain ≤ 100"):
        spoilt("gain × 5", replace(scenes.CONFIG, init_gain=50.0))


async def test_the_key_begins_a_spoilt_run_from_the_same_seed_and_the_form_shows_it():
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        await pilot.press("f", "down", "down", "down", "enter")
        spoilt_config = replace(scenes.CONFIG, lr=1.0)
        assert engine.sent_of(protocol.StartRun) == [protocol.StartRun(spoilt_config, "tree-76k")]
        assert lab(pilot).form.draft.config == spoilt_config


async def test_extremes_do_not_pile_up_and_there_is_a_way_back() -> None:
    engine = ObedientEngine()
    async with playground(engine) as pilot:
        for keys in (("enter",), ("down", "enter"), ("end", *["down"] * 4, "enter")):
            await pilot.press("f", *keys)
            if "stop it and train" in screen_text(pilot.app):
                await pilot.press("enter")
        begun = [command.config for command in engine.sent_of(protocol.StartRun)]
        assert begun == [replace(scenes.CONFIG, init_gain=5.0), replace(scenes.CONFIG, norm="none"), scenes.CONFIG]


async def test_a_run_in_progress_is_asked_about_and_a_no_changes_nothing():
    engine = ShowingEngine(scenes.TRAINING)
    async with playground(engine) as pilot:
        before = lab(pilot).form
        await pilot.press("f", "enter")
        assert "stop it and train gain × 5" in screen_text(pilot.app)
        await pilot.press("escape")
        assert lab(pilot).form == before
        assert engine.sent_of(protocol.StartRun) == []
        await pilot.press("f", "enter", "enter")
        told = engine.sent_of(protocol.StartRun)
        assert [command.config.init_gain for command in told] == [5.0]


async def test_an_extreme_beyond_the_bounds_is_said_in_a_line():
    engine = ObedientEngine()
    async with playground(engine, config=replace(scenes.CONFIG, init_gain=50.0)) as pilot:
        await pilot.press("f", "enter")
        assert toasts(pilot) == ["init_gain 250 is out of bounds\ntry 0 < init_gain ≤ 100"]
        assert engine.sent_of(protocol.StartRun) == []
