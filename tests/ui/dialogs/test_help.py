"""The help: the selected field, every key once, and the glossary."""

from __future__ import annotations

import re

import pytest
from support import lab_states as scenes
from support.fake_engine import SimulatedEngine, StaticEngine
from support.pilot import NARROW, SMALL, WIDE, lab_screen, run_playground, screen_text

from charwave_tui.core.config.run_config import HYPERPARAMETERS
from charwave_tui.ui.dialogs.help import GLOSSARY, HelpScreen, _HelpPage
from charwave_tui.ui.keymap import FORM_KEYS, LAB_KEYS, RUN_KEYS


def page(pilot):
    return pilot.app.screen.query_one(_HelpPage).render().plain


def test_every_key_is_documented_once():
    written = [key.key_display for key in LAB_KEYS if key.tooltip]
    assert len(written) == len(set(written))
    assert "1-4" in written
    assert not {"2", "3", "4"} & set(written)
    assert all(key.tooltip == key.tooltip.strip().rstrip(".") for key in LAB_KEYS)


def test_no_two_keys_are_the_same():
    keys = [key.key for key in LAB_KEYS]
    assert len(keys) == len(set(keys))


async def test_help_shows_current_field_then_keys_then_glossary():
    async with run_playground(StaticEngine(scenes.TRAINING), NARROW) as pilot:
        lab_screen(pilot).query_one("#form").cursor_field = "lr"
        await pilot.press("question_mark")
        text = page(pilot)
        spec = HYPERPARAMETERS["lr"]
        assert text.startswith(f"lr  {spec.label}\n{spec.help}\n{spec.about}\n• live  0 < lr ≤ 10\n")
        flat = re.sub(r"\s+", " ", text)
        for key in LAB_KEYS + FORM_KEYS:
            assert key.tooltip in flat
        for name, meaning in GLOSSARY.items():
            assert f"{name} " in text
            assert re.sub(r"\s+", " ", meaning) in flat
        assert text.count("\n1-4 ") == 1


async def test_help_on_other_screen_shows_only_its_keys():
    async with run_playground(StaticEngine(scenes.TRAINING), WIDE) as pilot:
        pilot.app.push_screen(HelpScreen(None, RUN_KEYS))
        await pilot.pause()
        told = dict(line.split(None, 1) for line in page(pilot).splitlines()[1:])
        assert told == {key.key_display: key.tooltip for key in RUN_KEYS if key.tooltip}


async def test_help_without_current_field_starts_with_keys():
    async with run_playground(StaticEngine(scenes.TRAINING), NARROW) as pilot:
        await pilot.press("4", "question_mark")
        assert page(pilot).startswith("keys\n")
        await pilot.press("escape", "1", "question_mark")
        assert page(pilot).startswith("keys\n")  # on the preset, which is no hyperparameter


async def test_help_of_rebuild_field_says_so():
    async with run_playground(StaticEngine(scenes.TRAINING), NARROW) as pilot:
        for name in ["context", "norm", "corpus", "threads"]:
            lab_screen(pilot).query_one("#form").cursor_field = name
            await pilot.press("question_mark")
            assert f"↻ rebuild  {HYPERPARAMETERS[name].value_type.describe_bounds(name)}" in page(pilot)
            await pilot.press("escape")


@pytest.mark.parametrize("size", [WIDE, NARROW, SMALL])
async def test_last_line_readable_at_every_size_and_no_line_cut(size):
    async with run_playground(StaticEngine(scenes.TRAINING), size) as pilot:
        await pilot.press("question_mark")
        widget = pilot.app.screen.query_one(_HelpPage)
        assert max(map(len, page(pilot).splitlines())) <= widget.size.width
        for _ in range(12):
            await pilot.press("pagedown")
        last = page(pilot).splitlines()[-1].strip()
        assert last in screen_text(pilot.app)


async def test_help_keys_scroll_and_close_and_reach_nothing_below():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        for key in ["escape", "question_mark", "q", "enter", "ctrl+c", "ctrl+q"]:
            await pilot.press("question_mark")
            assert isinstance(pilot.app.screen, HelpScreen)
            await pilot.press("down", "t", "x", "space", key)
            assert pilot.app.screen is lab_screen(pilot), key
        assert engine.control_commands == []
        assert pilot.app.return_value is None
