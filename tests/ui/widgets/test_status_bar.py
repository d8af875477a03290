"""The status bar in every state, at every width, and how often it is updated."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support import lab_states as scenes

from charwave_tui.core.metrics import RunState
from charwave_tui.ui.drawing.styled_text import Span, cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.state.run_state import ConnectionState, RunViewState
from charwave_tui.ui.widgets import status_bar
from charwave_tui.ui.widgets.status_bar import StatusBar, status_text

VIEWS = [scenes.EMPTY, scenes.UNTRAINED, scenes.TRAINING, scenes.FINISHED, scenes.DIVERGED]


VIEWS += [scenes.UNSAVED, scenes.UNFINISHED, scenes.ENGINE_LOST]


TRAINING = scenes.TRAINING.run


UNTRAINED = scenes.UNTRAINED.run


def plain_status(run, width):
    return to_plain_text(status_text(run, width))


def test_wide_status_shows_all_of_training_run():
    line = plain_status(TRAINING, 138)
    assert line.startswith("charwave  makemore · tree-76k · run 12   ")
    assert line.endswith("● training  " + "━" * 13 + "─" * 7 + "   66%  132,400 / 200,000   1,512 steps/s   ETA    45s")


def test_status_at_120_columns_keeps_name_and_shortens_bar():
    line = plain_status(TRAINING, 118)
    assert line.startswith("charwave  makemore · tree-76k · run 12  ")
    assert "● training  ━━━━━───   66%  132,400 / 200,000   1,512 steps/s   ETA    45s" in line


def test_status_at_80_columns_keeps_run_count_speed_and_remaining_time():
    line = plain_status(TRAINING, 78)
    assert line.startswith("charwave  run 12  ")
    assert line.endswith("● training  ━━━━━───  132,400/200,000  1,512/s  ETA    45s")


@pytest.mark.parametrize("width", [138, 118, 98, 78, 60, 40])
def test_numbers_keep_positions_from_start_of_run(width):
    start = replace(TRAINING, step=7, steps_per_second=0.0)
    early, late = plain_status(start, width), plain_status(TRAINING, width)
    assert early.index("/") == late.index("/")
    assert cell_width(status_text(start, width)) == cell_width(status_text(TRAINING, width)) == width


@pytest.mark.parametrize("width", range(0, 200, 7))
@pytest.mark.parametrize("view", VIEWS)
def test_every_state_fills_every_width_exactly(view, width):
    assert cell_width(status_text(view.run, width)) == width


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (RunViewState(), "○ starting the engine"),
        (RunViewState(connection=ConnectionState.READY), "○ ready  nothing is running"),
        (UNTRAINED, "○ ready  nothing is running"),
        (scenes.ENGINE_LOST.run, "✗ the engine is gone  space resumes run 12"),
        (replace(RunViewState(), connection=ConnectionState.LOST), "✗ the engine cannot be reached  t tries again"),
        (scenes.UNFINISHED.run, "○ ready  space resumes run 12"),
        (replace(scenes.UNFINISHED.run, step=10_000), "○ ready  space resumes run 12"),
        (scenes.DIVERGED.run, "✗ diverged: the loss is NaN   step 412 / 200,000"),
        (replace(scenes.DIVERGED.run, reason=""), "✗ diverged: the loss is NaN   step 412 / 200,000"),
        (scenes.FINISHED.run, "✓ finished  " + "━" * 20 + "  100%  200,000 / 200,000"),
        (replace(TRAINING, state=RunState.STOPPED), "○ stopped   " + "━" * 13 + "─" * 7 + "   66%  132,400 / 200,000"),
    ],
)
def test_each_state_shown_in_words(run, expected):
    assert plain_status(run, 138).endswith(expected)


def test_unsaved_shown_behind_name_with_reason_if_space():
    why = "run 12  ! not saved: No space left on device  "
    assert why in plain_status(scenes.UNSAVED.run, 138)
    assert plain_status(scenes.UNSAVED.run, 138).endswith("66%  132,400 / 200,000   1,512 steps/s   ETA    45s")
    assert why in plain_status(scenes.UNSAVED.run, 118)
    assert plain_status(scenes.UNSAVED.run, 118).endswith("132,400/200,000  1,512/s  ETA    45s")
    assert plain_status(scenes.UNSAVED.run, 78) == (
        "charwave  run 12  ! not saved      ● training  132,400/200,000  1,512/s    45s"
    )


@pytest.mark.parametrize("width", range(60, 200, 7))
@pytest.mark.parametrize(
    "state", [RunState.TRAINING, RunState.PAUSED, RunState.STOPPED, RunState.FINISHED, RunState.DIVERGED]
)
def test_unsaved_shown_at_every_width_in_warning_style(state, width):
    line = status_text(replace(scenes.UNSAVED.run, state=state), width)
    assert [piece.role for piece in line if "not saved" in piece.text] == ["warning"]
    assert [piece.bold for piece in line if "200,000" in piece.text]


@pytest.mark.parametrize("width", [78, 60])
def test_resume_offer_shown_on_narrow_terminals(width):
    assert plain_status(scenes.ENGINE_LOST.run, width).endswith("✗ the engine is gone  space resumes run 12")
    assert plain_status(scenes.UNFINISHED.run, width).endswith("○ ready  space resumes run 12")


def test_untrained_model_says_so_beside_preset():
    assert plain_status(UNTRAINED, 100).startswith("charwave  makemore · tree-76k · untrained  ")


def test_paused_run_keeps_places_of_speed_and_remaining_time():
    training, paused = plain_status(TRAINING, 138), plain_status(replace(TRAINING, state=RunState.PAUSED), 138)
    assert "○ paused    ━" in paused
    assert paused.index("steps/s") == training.index("steps/s")
    assert paused.endswith("     – steps/s   ETA      –")


async def test_status_bar_on_screen_follows_run(widget_host):
    app = widget_host(StatusBar)
    async with app.run_test(size=(80, 4)) as pilot:
        assert "starting the engine" in app.screen_text()
        app.query_one(StatusBar).run = TRAINING
        await pilot.pause()
        assert "132,400/200,000" in app.screen_text().splitlines()[0]


async def test_numbers_throttled_then_show_newest(widget_host, monkeypatch):
    monkeypatch.setattr(status_bar, "MIN_UPDATE_INTERVAL", 3_600.0)
    app = widget_host(StatusBar)
    async with app.run_test(size=(80, 4)) as pilot:
        line = app.query_one(StatusBar)
        line.run = TRAINING
        for step in (132_500, 132_600):
            line.run = replace(TRAINING, step=step)
        await pilot.pause()
        assert "132,400/200,000" in app.screen_text()
        line._rested()
        await pilot.pause()
        assert "132,600/200,000" in app.screen_text()


async def test_throttle_ends_by_itself(widget_host, monkeypatch):
    monkeypatch.setattr(status_bar, "MIN_UPDATE_INTERVAL", 0.02)
    app = widget_host(StatusBar)
    async with app.run_test(size=(80, 4)) as pilot:
        line = app.query_one(StatusBar)
        line.run = TRAINING
        line.run = replace(TRAINING, step=132_500)
        for _ in range(200):
            await asyncio.sleep(0.01)
            await pilot.pause()
            if "132,500/200,000" in app.screen_text():
                return
        pytest.fail("the newest step never came")


async def test_new_state_is_not_throttled(widget_host, monkeypatch):
    monkeypatch.setattr(status_bar, "MIN_UPDATE_INTERVAL", 3_600.0)
    app = widget_host(StatusBar)
    async with app.run_test(size=(80, 4)) as pilot:
        line = app.query_one(StatusBar)
        line.run = TRAINING
        line.run = replace(TRAINING, state=RunState.PAUSED, step=132_500)
        await pilot.pause()
        assert "○ paused" in app.screen_text()
        assert "132,500/200,000" in app.screen_text()


async def test_only_changed_span_repainted(widget_host, monkeypatch):
    monkeypatch.setattr(status_bar, "MIN_UPDATE_INTERVAL", 0.001)
    app = widget_host(StatusBar)
    async with app.run_test(size=(80, 4)) as pilot:
        line = app.query_one(StatusBar)
        line.run = TRAINING
        await pilot.pause(0.05)
        painted, refresh = [], line.refresh

        def spy(*regions, **options):
            painted.append(regions)
            return refresh(*regions, **options)

        monkeypatch.setattr(line, "refresh", spy)
        line.run = replace(TRAINING, step=132_407)
        (region,) = painted.pop()
        await pilot.pause(0.05)
        assert app.screen_text().splitlines()[0][region.x + 1 : region.right + 1] == "7"
        line.run = replace(TRAINING, step=132_407, steps_per_second=1_512.2)
        await pilot.pause(0.05)
        assert painted == []


async def test_marks_change_colour_with_theme(widget_host):
    app = widget_host(StatusBar)
    async with app.run_test(size=(80, 4)) as pilot:
        line = app.query_one(StatusBar)
        line.run = TRAINING
        await pilot.pause()
        dark = line.render().spans[0].style
        app.theme = "charwave-light"
        await pilot.pause()
        assert line.render().spans[0].style != dark


def test_pretrained_model_says_so_and_offers_training():
    boxed = replace(UNTRAINED, step=10_000)
    line = plain_status(boxed, 100)
    assert line.startswith("charwave  makemore · tree-76k · pretrained  ")
    assert line.endswith("ready  t trains your own model")


@pytest.mark.parametrize("width", [50, 60, 80, 120, 138])
def test_slow_line_reported_beside_name(width):
    row = to_plain_text(status_text(TRAINING, width, "slow line 1.9 KB/s"))
    assert cell_width((Span(row),)) == width
    assert ("  slow line 1.9 KB/s  " in row) is (width > 50)
    assert row.startswith("charwave  ")
    assert "132,400/200,000" in row.replace(" / ", "/")


async def test_message_on_status_bar_is_not_throttled(widget_host, monkeypatch):
    monkeypatch.setattr(status_bar, "MIN_UPDATE_INTERVAL", 3_600.0)
    app = widget_host(StatusBar)
    async with app.run_test(size=(100, 4)) as pilot:
        line = app.query_one(StatusBar)
        line.run = TRAINING
        line.connection_notice = "slow line 1.9 KB/s"
        await pilot.pause()
        assert "slow line 1.9 KB/s" in app.screen_text()
        line.connection_notice = ""
        await pilot.pause()
        assert "slow" not in app.screen_text()
