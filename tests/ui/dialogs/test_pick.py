"""Picking from a list by arrows, filter and mouse, and typing a value that the list does not hold."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from textual.widget import Widget

from charwave_tui.core.config.presets import presets
from charwave_tui.ui.dialogs.pick import Option, PickDialog

CORPORA = [
    Option("names", "names", "6,412 given names, built in"),
    Option("greek", "greek", "700 names in Greek, built in"),
    Option("makemore", "makemore", "32,033 names of the lecture, fetched"),
]


@pytest.fixture
def dialog(widget_host):
    @asynccontextmanager
    async def opened(*args, size=(80, 24), **settings):
        app = widget_host(Widget)
        answers: list[str | None] = []
        async with app.run_test(size=size) as pilot:
            await app.push_screen(PickDialog(*args, **settings), answers.append)
            await pilot.pause()
            yield pilot, answers

    return opened


async def test_list_starts_at_current_value_and_enter_takes_it(dialog):
    async with dialog("corpus", CORPORA, current="greek") as (pilot, answers):
        assert "▸ greek ✓" in pilot.app.screen_text()
        await pilot.press("enter")
        assert answers == ["greek"]


async def test_arrows_move_and_stop_at_ends(dialog):
    async with dialog("corpus", CORPORA, current="greek") as (pilot, answers):
        await pilot.press("up", "up", "up")
        assert "▸ names" in pilot.app.screen_text()
        await pilot.press("pagedown", "down")
        assert "▸ makemore" in pilot.app.screen_text()
        await pilot.press("enter")
        assert answers == ["makemore"]


async def test_escape_returns_nothing(dialog):
    async with dialog("corpus", CORPORA) as (pilot, answers):
        await pilot.press("down", "escape")
        assert answers == [None]


async def test_letters_filter_ignoring_case(dialog):
    async with dialog("corpus", CORPORA) as (pilot, answers):
        await pilot.press(*"GRE")
        assert "▸ greek" in pilot.app.screen_text()
        assert "makemore" not in pilot.app.screen_text()
        await pilot.press("enter")
        assert answers == ["greek"]


async def test_words_of_the_description_find_an_option_after_those_named_so(dialog):
    options = [Option("t", "Train", "the old curve stays"), Option("w", "Rewind", "train with a third of its lr")]
    async with dialog("commands", options) as (pilot, answers):
        await pilot.press(*"curve old")
        assert "▸ Train" in pilot.app.screen_text()
        assert "Rewind" not in pilot.app.screen_text()
        await pilot.press(*["backspace"] * 9, *"third", "enter")
        assert answers == ["w"]
    async with dialog("commands", options[::-1]) as (pilot, answers):
        await pilot.press(*"train", "enter")
        assert answers == ["t"]


async def test_enter_without_match_takes_nothing(dialog):
    async with dialog("norm", [Option("batch", "batch"), Option("none", "none")]) as (pilot, answers):
        await pilot.press(*"xyz", "enter", "down", "enter")
        assert "no match" in pilot.app.screen_text()
        assert answers == []
        await pilot.press("backspace", "backspace", "backspace", "enter")
        assert answers == ["batch"]


async def test_path_can_be_typed_where_text_is_allowed(dialog):
    async with dialog("corpus", CORPORA, "or a path") as (pilot, answers):
        assert "type to filter, or a path" in pilot.app.screen_text()
        await pilot.press(*"~/words.txt", "enter")
        assert answers == ["~/words.txt"]


async def test_typed_text_with_match_can_be_taken_as_typed(dialog):
    async with dialog("corpus", CORPORA, "or a path") as (pilot, answers):
        await pilot.press(*"name", "down", "enter")
        assert answers == ["name"]


async def test_click_takes_option_and_click_outside_closes(dialog):
    async with dialog("corpus", CORPORA) as (pilot, answers):
        lines = pilot.app.screen_text().splitlines()
        y = next(i for i, line in enumerate(lines) if "makemore" in line)
        await pilot.click(offset=(lines[y].index("makemore"), y))
        assert answers == ["makemore"]
    async with dialog("corpus", CORPORA) as (pilot, answers):
        await pilot.click(offset=(0, 0))
        assert answers == [None]


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (140, 40)])
async def test_every_preset_reachable_and_readable_at_every_size(dialog, size):
    options = [Option(name, name, preset.why) for name, preset in presets().items()]
    async with dialog("preset", options, size=size) as (pilot, _answers):
        for option in options:
            text = pilot.app.screen_text()
            assert f"▸ {option.label}" in text
            assert "esc Cancel" in text
            assert all(len(line) <= size[0] for line in text.splitlines())
            await pilot.press("down")


@pytest.mark.parametrize("size", [(1, 1), (10, 4), (20, 6)])
async def test_tiny_terminal_does_not_fail(dialog, size):
    async with dialog("corpus", CORPORA, "or a path", size=size, about="Any UTF-8 file.") as (pilot, answers):
        await pilot.press("down", "enter")
        assert answers == ["greek"]
