"""The key bar on a test screen."""

from __future__ import annotations

from typing import ClassVar

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from charwave_tui.ui.drawing.theme import themes
from charwave_tui.ui.widgets import key_bar
from charwave_tui.ui.widgets.key_bar import KeyBar, key_text


class EditWidget(Widget, can_focus=True):
    BINDINGS: ClassVar = [
        Binding("enter", "edit", "Edit"),
        Binding("up", "walk", "Walk", show=False),
    ]

    def action_edit(self) -> None:
        self.app.done.append("edit")


class KeyBarScreen(Screen[None]):
    BINDINGS: ClassVar = [
        Binding("t", "do('train')", "Train"),
        Binding("space", "do('pause')", "Pause"),
        Binding(".", "do('step')", "Step"),
        Binding("x", "do('stop')", "Stop"),
        Binding("c", "hidden", "Longer"),
        Binding("g", "do('names')", "Names"),
        Binding("1,2", "do('pane')", "Pane", key_display="1-4"),
        Binding("r", "do('runs')", "Runs"),
        Binding("question_mark", "do('help')", "Help"),
        Binding("q", "do('quit')", "Quit"),
    ]
    paused = False

    def compose(self):
        yield EditWidget(id="walker")
        yield Input(id="input")
        yield KeyBar()

    def check_action(self, action, parameters):
        if action == "hidden":
            return False
        return None if self.paused and parameters == ("step",) else True

    def action_do(self, what):
        self.app.done.append(what)


class KeyBarApp(App[None]):
    CSS = "Screen { background: $ink-bg; } EditWidget { height: 3; } KeyBar { dock: bottom; }"

    def __init__(self):
        super().__init__()
        self.done = []
        for theme in themes():
            self.register_theme(theme)

    def get_theme_variable_defaults(self):
        return themes()[0].variables

    async def on_mount(self):
        self.theme = themes()[0].name
        await self.push_screen(KeyBarScreen())

    def bar(self):
        strip = self.screen._compositor.render_strips()[-1]
        return "".join(segment.text for segment in strip)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (140, "enter Edit  t Train  space Pause  . Step  x Stop  g Names  1-4 Pane  r Runs  ? Help  q Quit"),
        (80, "enter Edit  t Train  space Pause  . Step  x Stop  g Names  ? Help  q Quit"),
        (40, "enter Edit  t Train  ? Help  q Quit"),
    ],
)
async def test_keys_of_focused_widget_first_and_help_and_quit_stay(width, expected):
    app = KeyBarApp()
    async with app.run_test(size=(width, 12)) as pilot:
        await pilot.pause()
        bar = app.bar()
        assert bar.replace("^p palette", "").strip() == expected
        assert cell_len(bar) == width


async def test_palette_key_at_right_edge_if_all_fits():
    app = KeyBarApp()
    async with app.run_test(size=(120, 12)) as pilot:
        await pilot.pause()
        bar = app.bar()
        assert bar.endswith("  ^p palette ")
        assert cell_len(bar) == 120


async def test_editor_leaves_only_keys_it_does_not_consume():
    app = KeyBarApp()
    async with app.run_test(size=(140, 12)) as pilot:
        app.screen.query_one(Input).focus()
        await pilot.pause()
        await pilot.pause()
        assert app.bar().strip() == "^p palette"
        app.screen.query_one(EditWidget).focus()
        await pilot.pause()
        await pilot.pause()
        assert app.bar().startswith(" enter Edit  t Train")


async def test_disabled_key_muted_and_click_does_nothing():
    app = KeyBarApp()
    async with app.run_test(size=(140, 12)) as pilot:
        await pilot.pause()
        bar = app.screen.query_one(KeyBar)
        place = app.bar().index(". Step")

        def ink():
            segments = app.screen._compositor.render_strips()[-1]
            return next(s.style.color.triplet.hex for s in segments if s.text.startswith("."))

        assert ink() == bar.role_style("accent").color.triplet.hex
        app.screen.paused = True
        app.screen.refresh_bindings()
        await pilot.pause()
        await pilot.pause()
        assert ink() == bar.role_style("muted").color.triplet.hex
        await pilot.click(KeyBar, offset=(place, 0))
        assert app.done == []


@pytest.mark.parametrize(
    ("hint", "done"), [("t Train", "train"), ("q Quit", "quit"), ("enter Edit", "edit"), ("1-4 Pane", "pane")]
)
@pytest.mark.parametrize("end", ["first", "last"])
async def test_click_on_key_does_what_key_does(hint, done, end):
    app = KeyBarApp()
    async with app.run_test(size=(140, 12)) as pilot:
        await pilot.pause()
        place = app.bar().index(hint) + (len(hint) - 1 if end == "last" else 0)
        await pilot.click(KeyBar, offset=(place, 0))
        assert app.done == [done]


async def test_click_between_keys_does_nothing():
    app = KeyBarApp()
    async with app.run_test(size=(140, 12)) as pilot:
        await pilot.pause()
        await pilot.click(KeyBar, offset=(app.bar().index("t Train") - 1, 0))
        assert app.done == []


async def test_unchanged_bindings_repaint_nothing(monkeypatch):
    app = KeyBarApp()
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        bar = app.screen.query_one(KeyBar)
        painted = []
        monkeypatch.setattr(bar, "refresh", lambda *_, **__: painted.append("all"))
        app.screen.refresh_bindings()
        await pilot.pause()
        await pilot.pause()
        assert painted == []
        app.screen.paused = True
        app.screen.refresh_bindings()
        await pilot.pause()
        await pilot.pause()
        assert painted == ["all"]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("full_stop", "."),
        ("escape", "esc"),
        ("enter", "enter"),
        ("ctrl+p", "^p"),
        ("up", "↑"),
        ("shift+tab", "shift+tab"),
    ],
)
def test_keys_shown_by_common_names(key, shown):
    assert key_text(Binding(key, "x", "X")) == shown


def test_arrow_keys_have_ascii_form(monkeypatch):
    monkeypatch.setattr(key_bar, "GLYPHS", key_bar.ASCII)
    assert key_text(Binding("up", "x", "X", key_display="↑↓")) == "^v"
