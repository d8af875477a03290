"""Four panes, tabs or one pane: layout, focus, and what a new size keeps."""

from __future__ import annotations

import pytest
from support import lab_states as scenes
from support.fake_engine import StaticEngine
from support.pilot import NARROW, SMALL, WIDE, lab_screen, run_playground, screen_lines

from charwave_tui.ui.widgets.key_bar import KeyBar
from charwave_tui.ui.widgets.pane import Pane
from charwave_tui.ui.widgets.pane_grid import PaneGrid
from charwave_tui.ui.widgets.status_bar import StatusBar

PANES = ["form", "loss", "layers", "names"]


TABS = "1 Form   2 Loss   3 Layers   4 Names"


def training():
    return StaticEngine(scenes.TRAINING)


def visible_panes(pilot):
    return [pane.id for pane in lab_screen(pilot).query(Pane) if pane.display and pane.region.area]


def focused(pilot):
    widget = pilot.app.screen.focused
    return next((node.id for node in widget.ancestors_with_self if isinstance(node, Pane)), None) if widget else None


@pytest.mark.parametrize(
    ("size", "form", "names", "low"), [((120, 36), 37, 29, 18), (WIDE, 37, 35, 18), ((200, 50), 44, 40, 20)]
)
async def test_wide_screen_shows_four_panes_without_gap_or_overlap(size, form, names, low):
    async with run_playground(training(), size) as pilot:
        assert visible_panes(pilot) == PANES
        assert focused(pilot) == "form"
        regions = {name: lab_screen(pilot).query_one(f"#{name}").region for name in PANES}
        assert (regions["form"].width, regions["names"].width, regions["layers"].height) == (form, names, low)
        assert regions["form"].height == size[1] - 2
        assert sum(region.area for region in regions.values()) == size[0] * (size[1] - 2)
        assert all(not one.overlaps(other) for one in regions.values() for other in regions.values() if one != other)
        text = "\n".join(screen_lines(pilot))
        assert all(title in text for title in ("1 Hyperparameters", "2 Loss  log scale", "3 Layers", "4 Names"))


@pytest.mark.parametrize("size", [NARROW, (119, 40), (140, 35), (60, 16)])
async def test_narrow_screen_has_tabs_and_one_pane(size):
    async with run_playground(training(), size) as pilot:
        assert visible_panes(pilot) == ["form"]
        pane = lab_screen(pilot).query_one("#form").region
        assert (pane.x, pane.y, pane.width, pane.height) == (0, 1, size[0], size[1] - 2)
        assert TABS in screen_lines(pilot)[1]


@pytest.mark.parametrize("size", [SMALL, (59, 40), (120, 15), (5, 3)])
async def test_small_screen_has_only_focused_pane(size):
    async with run_playground(training(), size) as pilot:
        assert visible_panes(pilot) == ["form"]
        pane = lab_screen(pilot).query_one("#form").region
        assert (pane.width, pane.height) == size
        assert not lab_screen(pilot).query_one(StatusBar).display
        assert not lab_screen(pilot).query_one(KeyBar).display
        for number, name in enumerate(PANES, start=1):
            await pilot.press(str(number))
            assert visible_panes(pilot) == [name]


@pytest.mark.parametrize("size", [WIDE, NARROW, SMALL])
async def test_number_key_focuses_its_pane_and_other_keys_still_work(size):
    engine = training()
    async with run_playground(engine, size) as pilot:
        for number, name in [*enumerate(PANES, start=1)][::-1]:
            await pilot.press(str(number))
            assert lab_screen(pilot).query_one(PaneGrid).current == name
            assert name in visible_panes(pilot)
            assert focused(pilot) == name
            engine.sent.clear()
            await pilot.press("space")
            assert engine.control_commands == [("PauseRun", "ResumeRun")[number % 2]]


async def test_z_maximizes_focused_pane_and_z_restores():
    async with run_playground(training()) as pilot:
        for number, name in enumerate(PANES, start=1):
            await pilot.press(str(number), "z")
            assert visible_panes(pilot) == [name]
            assert lab_screen(pilot).query_one(f"#{name}").region.size == (140, 38)
            await pilot.press("z")
            assert visible_panes(pilot) == PANES
        await pilot.press("z", "3")
        assert visible_panes(pilot) == ["layers"]


async def test_resize_keeps_focus_values_and_panes():
    async with run_playground(training()) as pilot:
        await pilot.press("down", "down", "4")
        for size in [(80, 24), (40, 12), (200, 50), (1, 1), (140, 40)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert focused(pilot) == "names"
            assert lab_screen(pilot).query_one("#form").cursor_field == "fuse"
            assert "names" in visible_panes(pilot) or size == (1, 1)
            assert all(len(line) <= max(size[0], 2) for line in screen_lines(pilot)), (size, screen_lines(pilot))
        assert visible_panes(pilot) == PANES
        assert any("maralynn" in line for line in screen_lines(pilot))


async def test_resize_keeps_editor_open():
    engine = training()
    async with run_playground(engine) as pilot:
        await pilot.press("1", *["down"] * 11, "enter", *"0.02")
        assert lab_screen(pilot).query_one("#form").cursor_field == "lr"
        for size in [NARROW, SMALL, WIDE]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await pilot.press("enter")
        assert lab_screen(pilot).form.draft.config.lr == 0.02


async def test_click_focuses_pane_under_it():
    async with run_playground(training()) as pilot:
        for name in ["names", "layers", "loss", "form"]:
            await pilot.click(f"#{name}", offset=(6, 9))
            assert focused(pilot) == name
            assert lab_screen(pilot).query_one(PaneGrid).current == name
