"""The program as a whole: it opens, dresses, palette and all, and no key at any moment brings it down."""

from __future__ import annotations

import os
import random
import signal
from itertools import cycle

import pytest
from support import lab_states as scenes
from support.fake_engine import FakeEngine, SimulatedEngine, StaticEngine
from support.pilot import (
    NARROW,
    SMALL,
    WIDE,
    lab_screen,
    make_playground,
    notification_texts,
    run_playground,
    screen_text,
    type_burst,
    wait_until,
)

from charwave_tui.ui.dialogs.pick import PickDialog
from charwave_tui.ui.drawing.theme import PALETTES, themes
from charwave_tui.ui.keymap import LAB_KEYS
from charwave_tui.ui.runs.screen import RunsScreen
from charwave_tui.ui.terminal import key_queue
from charwave_tui.ui.terminal.capabilities import GLYPHS_VARIABLE, CharacterSet
from charwave_tui.ui.terminal.display_settings import settings_path
from charwave_tui.ui.terminal.driver import BackgroundDetected, TerminalIdentified
from charwave_tui.ui.terminal.identity import TerminalIdentity

VIEWS = {
    "empty": scenes.EMPTY,
    "untrained": scenes.UNTRAINED,
    "training": scenes.TRAINING,
    "finished": scenes.FINISHED,
    "diverged": scenes.DIVERGED,
}
"""What the screen may show when a key comes."""


WALKS = ("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "backspace", "tab", "shift+tab")


LEAVES = ("q", "ctrl+c", "ctrl+q")


EVERY = (*(key.key for key in LAB_KEYS if key.key not in LEAVES), *WALKS, "enter", "escape", "ctrl+p")
"""Every key that does something and ends nothing."""


async def back(pilot):
    """Leave whatever stands over the lab, and an editor in it."""
    for _ in range(9):
        await type_burst(pilot, "escape")
        if pilot.app.screen is lab_screen(pilot):
            return
    pytest.fail("a dialog does not go away")


@pytest.mark.parametrize(("view", "size"), zip(VIEWS, [NARROW, NARROW, WIDE, SMALL, NARROW], strict=True))
async def test_no_key_in_any_state_breaks_app(view, size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where pictures go
    first = [*VIEWS].index(view)  # each key meets two states or three, and over them most panes
    async with run_playground(StaticEngine(VIEWS[view]), size) as pilot:
        for place, key in enumerate(EVERY[first % 2 :: 2], start=first):
            await type_burst(pilot, "1234"[place % 4], key)
            await back(pilot)
        assert pilot.app.return_value is None
        assert screen_text(pilot.app).strip()


@pytest.mark.parametrize(("chance", "size"), enumerate([WIDE, NARROW, NARROW, SMALL, (5, 3)]))
async def test_no_key_burst_breaks_app(chance, size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(key_queue, "GIVE_UP_DELAY", 0.0)  # of the model's answers none comes
    keys = [key for key in (*EVERY, *"1234567890abc") if key != "ctrl+p"] * 3  # the palette has Quit in it
    random.Random(chance).shuffle(keys)
    async with run_playground(SimulatedEngine(), size) as pilot:
        await type_burst(pilot, *keys)
        await back(pilot)
        assert pilot.app.return_value is None


@pytest.mark.parametrize(
    ("view", "key"),
    [*(("training", key) for key in LEAVES), *zip(VIEWS, cycle(LEAVES), strict=False)],
)
async def test_quit_works_at_any_moment_at_latest_twice(view, key):
    engine = StaticEngine(VIEWS[view])
    app = make_playground(engine)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press(key, key, "q")
        if view == "training":
            assert app.return_value is None
            await pilot.press("enter")
            assert app.return_value.startswith("run 12 continues to train")
        else:
            assert app.return_value == ""
    assert engine.control_commands == []
    assert engine.closed


@pytest.mark.parametrize("name", [name.removeprefix("charwave-") for name in PALETTES])
async def test_app_opens_in_each_of_its_themes(name):
    app = make_playground(StaticEngine(scenes.TRAINING), theme=name)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        assert app.theme == f"charwave-{name}"
        assert "1 Form" in screen_text(app)


async def test_palette_lists_keys_by_name_and_runs_selection():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("ctrl+p")
        assert isinstance(pilot.app.screen, PickDialog)
        await pilot.press(*"train", "enter")
        await wait_until(pilot, lambda: bool(engine.control_commands))
        assert engine.control_commands == ["StartRun"]


async def test_palette_hidden_where_its_commands_are_unavailable():
    async with run_playground(SimulatedEngine(), WIDE) as pilot:
        assert "ctrl+p" in pilot.app.screen.active_bindings
        await type_burst(pilot, "r")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        assert "ctrl+p" not in pilot.app.screen.active_bindings
        await type_burst(pilot, "ctrl+p")
        assert isinstance(pilot.app.screen, RunsScreen)


@pytest.mark.parametrize(
    "keys",
    [("ctrl+p", *"picture", "enter"), ("ctrl+s",), *((screen, "ctrl+s") for screen in "rn"), ("3", "i", "ctrl+s")],
)
async def test_screenshot_of_any_screen_saved_in_working_folder(keys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with run_playground(StaticEngine(scenes.TRAINING), NARROW) as pilot:
        await pilot.press(*keys)
        await wait_until(pilot, lambda: list(tmp_path.glob("*.svg")))
    (picture,) = tmp_path.glob("*.svg")
    assert "charwave" in picture.read_text("utf-8")


async def test_screenshot_falls_back_to_home_and_reports_errors(tmp_path, monkeypatch):
    home, gone = tmp_path / "home", tmp_path / "gone"
    home.mkdir()
    gone.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with run_playground(StaticEngine(scenes.TRAINING), NARROW) as pilot:
        await pilot.press("ctrl+s")
        (picture,) = home.glob("*.svg")
        assert notification_texts(pilot)[-1] == f"screenshot saved\n{picture}"
        monkeypatch.setenv("HOME", str(gone))
        await pilot.press("ctrl+s")
        assert notification_texts(pilot)[-1].startswith(
            "the picture cannot be saved (No such file or directory)\nstart "
        )


async def test_theme_selectable_from_palette():
    async with run_playground(FakeEngine(), NARROW) as pilot:
        await pilot.press("ctrl+p", *"theme", "enter")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, PickDialog))
        assert [option.value for option in pilot.app.screen.options] == [theme.name for theme in themes()]
        await pilot.press(*"light", "enter")
        await wait_until(pilot, lambda: pilot.app.theme == "charwave-light")


async def test_light_background_changes_default_theme_only():
    for chosen, picked, expected in ((None, None, "light"), ("safe", None, "safe"), (None, "safe", "safe")):
        app = make_playground(FakeEngine(), theme=chosen)
        async with app.run_test(size=NARROW) as pilot:
            app.theme = f"charwave-{picked}" if picked else app.theme
            app.post_message(BackgroundDetected(is_light=True))
            await pilot.pause()
            assert app.theme == f"charwave-{expected}"


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGHUP])
async def test_hang_up_exits_cleanly(name):
    engine = StaticEngine(scenes.TRAINING)
    app = make_playground(engine)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        os.kill(os.getpid(), name)
        await pilot.pause()
        await wait_until(pilot, lambda: app._exit)
    assert engine.closed
    assert app.return_code == 0


async def test_picked_theme_and_glyphs_are_those_of_the_next_start(monkeypatch):
    monkeypatch.delenv(GLYPHS_VARIABLE, raising=False)
    async with run_playground(FakeEngine()) as pilot:
        for command, choice in (("theme", "light"), ("glyphs", "blocks")):
            await pilot.press("ctrl+p", *command, "enter")
            await wait_until(pilot, lambda: isinstance(pilot.app.screen, PickDialog))
            await pilot.press(*choice, "enter")
            await wait_until(pilot, lambda: pilot.app.screen is lab_screen(pilot))
        assert pilot.app.characters is CharacterSet.BLOCKS
    again = make_playground(FakeEngine())
    assert (again.theme, again.characters) == ("charwave-light", CharacterSet.BLOCKS)
    assert make_playground(FakeEngine(), theme="dark").theme == "charwave-dark"
    monkeypatch.setenv(GLYPHS_VARIABLE, "braille")
    assert make_playground(FakeEngine()).characters is not CharacterSet.BLOCKS


@pytest.mark.parametrize("content", [b"", b"{", b'{"theme": 3}', b'{"theme": "purple", "glyphs": "runes"}'])
def test_unreadable_settings_leave_it_to_the_terminal(content):
    default = make_playground(FakeEngine())
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_bytes(content)
    app = make_playground(FakeEngine())
    assert (app.theme, app.characters) == (default.theme, default.characters)


@pytest.mark.parametrize(
    ("identity", "remedy"),
    [
        (TerminalIdentity((84, 0, 0), "tmux 3.3a"), "set -s set-clipboard on"),
        (TerminalIdentity((41, 379, 0), "XTerm(379)"), "disallowedWindowOps"),
        (TerminalIdentity((65, 7006, 1)), "VTE"),
        (TerminalIdentity((1, 4000, 26), "kitty(0.26.5)"), ""),
        (TerminalIdentity(), ""),
    ],
    ids=["tmux", "xterm", "VTE", "kitty", "unknown"],
)
async def test_copying_names_what_drops_the_text_in_a_known_terminal(identity, remedy):
    async with run_playground(FakeEngine()) as pilot:
        pilot.app.post_message(TerminalIdentified(identity, is_utf8=True))
        await pilot.pause()
        pilot.app.copy_to_clipboard("mary")
        await pilot.pause()
        assert bool(notification_texts(pilot)) is bool(remedy)
        assert remedy in " ".join(notification_texts(pilot))
