"""The loss pane: what it says around the chart in every state of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import DIVERGED, EMPTY, FINISHED, TRAINING, UNTRAINED
from textual.pilot import Pilot

from charwave_tui.core.readings import State
from charwave_tui.ui.chart import PERIOD
from charwave_tui.ui.panes.loss import LossPane
from charwave_tui.ui.view import LabView


async def shown(pilot: Pilot[None], view: LabView) -> str:
    pane = pilot.app.query_one(LossPane)
    pane.run = view.run
    pane.curve = view.curve
    await pilot.pause(PERIOD * 1.5)
    return pilot.app.screen_text()  # type: ignore[attr-defined, no-any-return]


async def test_before_the_engine_is_there_it_says_so_and_draws_no_axes(stage: type) -> None:
    async with stage(LossPane).run_test(size=(103, 20)) as pilot:
        text = await shown(pilot, EMPTY)
        assert "starting the engine" in text
        assert "steps" not in text
        assert "The engine is gone" in await shown(pilot, replace(EMPTY, run=replace(EMPTY.run, engine="lost")))
        assert "no model of the form yet" in await shown(pilot, replace(EMPTY, run=replace(EMPTY.run, engine="ready")))


async def test_an_untrained_model_offers_the_keys_over_the_grid(stage: type) -> None:
    async with stage(LossPane).run_test(size=(103, 20)) as pilot:
        text = await shown(pilot, UNTRAINED)
        assert "t trains the model of the form: 200,000 steps" in text
        assert "g names from the model as it is" in text
        assert "ln 27     3.2958" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.TRAINING, "taking the first steps"),
        (State.PAUSED, "space trains"),
        (State.STOPPED, "c trains on"),
    ],
)
async def test_a_run_without_a_point_says_what_to_press(stage: type, state: State, words: str) -> None:
    async with stage(LossPane).run_test(size=(103, 20)) as pilot:
        assert words in await shown(pilot, replace(UNTRAINED, run=replace(UNTRAINED.run, state=state)))


@pytest.mark.parametrize("view", [TRAINING, FINISHED])
async def test_a_curve_speaks_for_itself(stage: type, view: LabView) -> None:
    async with stage(LossPane).run_test(size=(103, 20)) as pilot:
        text = await shown(pilot, view)
        assert "2 Loss  log scale" in text
        assert "mean of 100 steps" in text
        assert "trains" not in text
        assert "◆ val" in text


async def test_windows_of_one_step_are_called_every_step(stage: type) -> None:
    history = replace(
        DIVERGED.curve, diverged_at=None, history=type(DIVERGED.curve.history)(1, DIVERGED.curve.history.points)
    )
    async with stage(LossPane).run_test(size=(103, 20)) as pilot:
        assert "every step" in await shown(pilot, replace(TRAINING, curve=history))


async def test_the_scale_can_be_changed_at_once(stage: type) -> None:
    async with stage(LossPane).run_test(size=(103, 20)) as pilot:
        before = await shown(pilot, TRAINING)
        pilot.app.query_one(LossPane).log_scale = False
        await pilot.pause()
        after = pilot.app.screen_text()  # type: ignore[attr-defined]
        assert "linear scale" in after
        assert [line[:9] for line in before.splitlines()] != [line[:9] for line in after.splitlines()]


async def test_nan_turns_the_border_and_says_what_happened_and_what_to_press(stage: type) -> None:
    async with stage(LossPane).run_test(size=(103, 20)) as pilot:
        text = await shown(pilot, DIVERGED)
        pane = pilot.app.query_one(LossPane)
        assert pane.problem
        assert "2 Loss  NaN at step 412" in text
        assert "✗ NaN" in text
        assert "The loss became NaN at step 412." in text
        assert "That lr may be too large" in text
        assert "0 the same weights, from step 0" in text
        await shown(pilot, TRAINING)
        assert not pane.problem
        assert "too large" not in pilot.app.screen_text()  # type: ignore[attr-defined]


async def test_where_there_is_no_room_for_words_the_nan_chart_keeps_all_of_it(stage: type) -> None:
    async with stage(LossPane).run_test(size=(60, 16)) as pilot:
        text = await shown(pilot, DIVERGED)
        assert "too large" not in text
        assert "✗ NaN" in text
        await pilot.resize_terminal(103, 20)
        await pilot.pause()
        assert "too large" in pilot.app.screen_text()  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (8, 4), (20, 6), (80, 22), (156, 28)])
@pytest.mark.parametrize("view", [EMPTY, UNTRAINED, TRAINING, DIVERGED])
async def test_every_state_can_be_shown_at_every_size(stage: type, size: tuple[int, int], view: LabView) -> None:
    async with stage(LossPane).run_test(size=size) as pilot:
        assert len((await shown(pilot, view)).splitlines()) <= size[1]
