"""What a thing spoilt on purpose makes of a config, and the key that begins such a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scenes
from fake_engine import ObedientEngine
from pilots import NARROW, lab, playground, screen_text, toasts

from charwave_tui.core.config.presets import default_preset, get_preset, presets
from charwave_tui.core.errors import UserError
from charwave_tui.core.protocol.commands import StartRun
from charwave_tui.ui.state.form_state import WHAT_IFS, apply_what_if, changes

LESSONS = [name for name in presets() if name.startswith("lesson-")]


def test_every_fault_has_lesson_saying_what_to_watch():
    assert [item.lesson for item in WHAT_IFS] == LESSONS
    for item in WHAT_IFS:
        for norm in ("batch", "none"):
            assert item.look_for(replace(scenes.CONFIG, norm=norm)).endswith(".")
    gain = WHAT_IFS[0]
    assert gain.look_for(replace(scenes.CONFIG, norm="none")) == get_preset("lesson-gain").look_for
    assert gain.look_for(scenes.CONFIG).startswith("BatchNorm undoes it")


@pytest.mark.parametrize("item", WHAT_IFS[1:], ids=lambda item: item.name)
def test_lesson_uses_first_preset_with_that_fault(item):
    assert get_preset(item.lesson).config == item.spoil(default_preset().config)


def test_gain_lesson_has_no_norm_that_would_correct_it():
    base = replace(default_preset().config, norm="none")
    assert get_preset("lesson-gain").config == apply_what_if("gain × 5", base)


def test_changed_fields_reported_and_no_change_reported():
    by_name = {item.name: item for item in WHAT_IFS}
    assert changes(by_name["lr × 10"], scenes.CONFIG) == "lr 0.1 → 1.0"
    assert changes(by_name["BatchNorm off"], scenes.CONFIG) == "norm batch → none"
    assert changes(by_name["BatchNorm off"], replace(scenes.CONFIG, norm="none")) == "it is so already"


def test_fault_beyond_bounds_refused_with_bounds():
    with pytest.raises(UserError, match="init_gain 250 is out of bounds; try 0 < init_gain ≤ 100"):
        apply_what_if("gain × 5", replace(scenes.CONFIG, init_gain=50.0))


async def test_faults_keep_seed_do_not_accumulate_and_confirm_if_run_active():
    engine = ObedientEngine()
    async with playground(engine, NARROW) as pilot:
        await pilot.press("f", "down", "down", "down", "enter")
        assert lab(pilot).form.draft.config == replace(scenes.CONFIG, lr=1.0)
        before = lab(pilot).form
        await pilot.press("f", "enter")
        assert "stop it and train gain × 5" in screen_text(pilot.app)
        await pilot.press("escape")
        assert lab(pilot).form == before
        assert len(engine.sent_of(StartRun)) == 1
        for keys in (("enter",), ("down", "enter"), ("end", *["down"] * 4, "enter")):
            await pilot.press("f", *keys, "enter")
        begun = engine.sent_of(StartRun)
        extremes = ({"lr": 1.0}, {"init_gain": 5.0}, {"norm": "none"}, {})
        assert [command.config for command in begun] == [replace(scenes.CONFIG, **extreme) for extreme in extremes]
        assert {command.preset for command in begun} == {"tree-76k"}


async def test_fault_beyond_bounds_is_one_line_message():
    engine = ObedientEngine()
    async with playground(engine, NARROW, config=replace(scenes.CONFIG, init_gain=50.0)) as pilot:
        await pilot.press("f", "enter")
        assert toasts(pilot) == ["init_gain 250 is out of bounds\ntry 0 < init_gain ≤ 100"]
        assert engine.sent_of(StartRun) == []
