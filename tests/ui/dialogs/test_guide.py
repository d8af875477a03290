"""The guide's pages, links, list of pages and table of contents, without the playground."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from support import lab_states
from support.fake_engine import StaticEngine
from support.pilot import run_playground
from support.pty_screen import PtyScreen
from textual.pilot import Pilot
from textual.widgets import Tree

from charwave_tui.bench.terminal_driver import program_command
from charwave_tui.core.paths import guide_pages
from charwave_tui.ui.app import GuideApp
from charwave_tui.ui.dialogs.guide import GuideScreen, _page_options
from charwave_tui.ui.dialogs.help import HelpScreen

WIDE, NARROW = (120, 40), (80, 24)


@asynccontextmanager
async def guide(page: str = "index", size: tuple[int, int] = NARROW) -> AsyncIterator[Pilot[str]]:
    async with GuideApp(page).run_test(size=size, notifications=True) as pilot:
        await page_shown(pilot, page)
        yield pilot


async def page_shown(pilot: Pilot[str], page: str) -> None:
    source = guide_pages()[page].read_text("utf-8")
    for _ in range(500):
        await pilot.pause()
        screen = pilot.app.screen
        if isinstance(screen, GuideScreen) and screen._viewer.document.source == source:
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail(f"{page} was not shown")
    await pilot.pause()


def viewer(pilot: Pilot[str]):
    screen = pilot.app.screen
    assert isinstance(screen, GuideScreen)
    return screen._viewer


def test_list_of_pages_has_every_page_once():
    names = [option.value for option in _page_options()]
    assert sorted(names) == sorted(guide_pages())
    assert names[0] == "index"
    assert all(option.detail for option in _page_options())


async def test_link_leads_to_page_and_backspace_back():
    async with guide() as pilot:
        link = next(cell for cell in pilot.app.screen.query(".cell") if str(cell.render()) == "sampler")
        await pilot.click(link, offset=(2, 0))
        await page_shown(pilot, "sampler")
        await pilot.press("backspace")
        await page_shown(pilot, "index")


async def test_link_out_of_guide_is_notified_and_not_followed(monkeypatch):
    monkeypatch.setattr(GuideApp, "open_url", lambda app, url: pytest.fail(f"{url} was opened"))
    async with guide() as pilot:
        before = viewer(pilot).document.source
        await viewer(pilot).document.children[1].action_link("../../README.md")
        await pilot.pause()
        assert viewer(pilot).document.source == before
        messages = [notification.message for notification in pilot.app._notifications]
        assert messages == ["README.md is not a page of the guide; it is in the repository"]


async def test_page_chosen_from_list_starts_at_its_top():
    async with guide("training") as pilot:
        await pilot.press("space", "space", "j")
        assert viewer(pilot).scroll_y == 21
        await pilot.press("k", "pagedown")
        assert viewer(pilot).scroll_y > 21
        await pilot.press("g", *"runs", "enter")
        await page_shown(pilot, "runs")
        assert viewer(pilot).scroll_y == 0


async def test_list_of_pages_left_with_escape_keeps_page():
    async with guide("training") as pilot:
        await pilot.press("g", "escape")
        assert viewer(pilot).navigator.location.stem == "training"


@pytest.mark.parametrize(("size", "shown"), [(WIDE, True), (NARROW, False)])
async def test_contents_shown_where_wide_and_by_key(size, shown):
    async with guide("training", size) as pilot:
        assert viewer(pilot).table_of_contents.display is shown
        await pilot.press("t")
        assert viewer(pilot).table_of_contents.display is not shown


async def test_heading_chosen_in_contents_scrolls_page():
    async with guide("training", WIDE) as pilot:
        await pilot.press("tab")
        assert isinstance(pilot.app.focused, Tree)
        await pilot.press("down", "down", "down", "enter")
        await pilot.pause()
        assert viewer(pilot).scroll_y > 0
        await pilot.press("t")  # focus would stay on a hidden widget
        assert pilot.app.focused is viewer(pilot).document


async def test_key_bar_offers_previous_page_only_where_there_is_one():
    def is_offered(pilot: Pilot[str]) -> bool:
        bindings = pilot.app.screen.active_bindings.values()
        return next(active.enabled for active in bindings if active.binding.action == "previous_page")

    async with guide() as pilot:
        assert not is_offered(pilot)
        await pilot.press("g", *"runs", "enter")
        await page_shown(pilot, "runs")
        assert is_offered(pilot)
        await pilot.press("backspace")
        await page_shown(pilot, "index")
        assert not is_offered(pilot)


async def test_help_key_g_opens_guide_and_q_returns_to_help():
    async with run_playground(StaticEngine(lab_states.TRAINING), NARROW) as pilot:
        await pilot.press("question_mark", "g")
        await page_shown(pilot, "index")
        await pilot.press("t", "x", "q")
        assert isinstance(pilot.app.screen, HelpScreen)


@pytest.mark.parametrize("environment", [{"TERM": "vt100", "LC_ALL": "C"}, {"TERM": "linux"}], ids=str)
def test_limited_terminal_shows_page_contents_and_list(environment):
    with PtyScreen(program_command("guide", "training"), 80, 24, **{"COLORTERM": "", **environment}) as screen:
        screen.wait_for("The four panes")
        screen.press("t")
        screen.wait_for(r"\b(2|Ⅱ) Presets")
        screen.press("g")
        screen.wait_for("Pages of the guide")
        screen.press("runs", "enter")
        screen.wait_for("How runs survive")
        if environment.get("LC_ALL") == "C":
            assert screen.text.isascii()
        screen.press("q")
        assert screen.wait_exit() == 0


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c", "ctrl+q"])
async def test_guide_leaves_with_key(key):
    async with guide() as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert not pilot.app.is_running or pilot.app._exit


@pytest.mark.parametrize(("page", "size"), [("index", NARROW), ("training", WIDE)], ids=["narrow", "wide"])
def test_guide_looks(snap_compare, page, size):
    async def prepare(pilot: Pilot[str]) -> None:
        await page_shown(pilot, page)

    assert snap_compare(GuideApp(page), terminal_size=size, run_before=prepare)


def test_playground_does_not_load_markdown_widget():
    code = "import sys, charwave_tui.ui.app; print('textual.widgets._markdown' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout == "False\n"
