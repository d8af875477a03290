"""What a thing spoilt on purpose makes of a config, and the key that begins such a run."""

from dataclasses import replace

import pytest
import scenes
from fake_engine import ObedientEngine
from pilots import NARROW, lab, playground, screen_text, toasts

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


async def test_spoilt_runs_begin_from_the_same_seed_do_not_pile_up_and_ask_about_a_run_in_progress():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("f", "down", "down", "down", "enter")
        assert lab(pilot).form.draft.config == replace(scenes.CONFIG, lr=1.0)
        before = lab(pilot).form
        await pilot.press("f", "enter")
        assert "stop it and train gain × 5" in screen_text(pilot.app)
        await pilot.press("escape")
        assert lab(pilot).form == before
        assert len(engine.sent_of(protocol.StartRun)) == 1
        for keys in (("enter",), ("down", "enter"), ("end", *["down"] * 4, "enter")):
            await pilot.press("f", *keys, "enter")
        begun = engine.sent_of(protocol.StartRun)
        extremes = ({"lr": 1.0}, {"init_gain": 5.0}, {"norm": "none"}, {})
        assert [command.config for command in begun] == [replace(scenes.CONFIG, **extreme) for extreme in extremes]
        assert {command.preset for command in begun} == {"tree-76k"}


async def test_an_extreme_beyond_the_bounds_is_said_in_a_line():
    engine = ObedientEngine()
    async with playground(engine, NARROW, config=replace(scenes.CONFIG, init_gain=50.0)) as pilot:
        await pilot.press("f", "enter")
        assert toasts(pilot) == ["init_gain 250 is out of bounds\ntry 0 < init_gain ≤ 100"]
        assert engine.sent_of(protocol.StartRun) == []
