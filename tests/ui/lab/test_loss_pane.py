"""The loss pane: what it says around the chart in every state of a run."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from support.lab_states import DIVERGED, EMPTY, ENGINE_LOST, FINISHED, REPEATED_WORDS, TRAINING, UNFINISHED, UNTRAINED
from textual.pilot import Pilot

from charwave_tui.core.metrics import RunState
from charwave_tui.ui.charts import loss_chart
from charwave_tui.ui.lab.loss_pane import LossPane, loss_text, provenance_text
from charwave_tui.ui.state.run_state import ConnectionState, EngineDisconnected, LabState, reduce


@pytest.fixture(autouse=True)
def no_debounce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_chart, "MIN_FRAME_INTERVAL", 0.0)


async def rendered(pilot: Pilot[None], view: LabState) -> str:
    pane = pilot.app.query_one(LossPane)
    pane.run = view.run
    pane.curve = view.curve
    await pilot.pause()
    await pilot.pause()
    return pilot.app.screen_text()  # type: ignore[attr-defined, no-any-return]


async def test_before_engine_starts_pane_says_so_without_axes(widget_host: type) -> None:
    async with widget_host(LossPane).run_test(size=(103, 20)) as pilot:
        text = await rendered(pilot, EMPTY)
        assert "starting the engine" in text
        assert "steps" not in text
        gone = await rendered(pilot, reduce(EMPTY, EngineDisconnected("it did not start")))
        assert [part in gone for part in ("The engine is gone.", "it did not start", "t starts a new run")] == [
            True
        ] * 3
        assert "No model has been built yet" in await rendered(
            pilot, replace(EMPTY, run=replace(EMPTY.run, connection=ConnectionState.READY))
        )


async def test_untrained_model_shows_keys_over_grid(widget_host: type) -> None:
    async with widget_host(LossPane).run_test(size=(103, 20)) as pilot:
        text = await rendered(pilot, UNTRAINED)
        assert "t trains the model of the form: 200,000 steps" in text
        assert "g samples names from the untrained model" in text
        assert "ln 27     3.2958" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.TRAINING, "The first steps are being trained."),
        (RunState.PAUSED, "space trains"),
        (RunState.STOPPED, "c trains on"),
    ],
)
async def test_run_without_points_says_what_to_press(widget_host: type, state: RunState, words: str) -> None:
    async with widget_host(LossPane).run_test(size=(103, 20)) as pilot:
        assert words in await rendered(pilot, replace(UNTRAINED, run=replace(UNTRAINED.run, state=state)))


@pytest.mark.parametrize("view", [TRAINING, FINISHED])
async def test_curve_shown_without_hint(widget_host: type, view: LabState) -> None:
    async with widget_host(LossPane).run_test(size=(103, 20)) as pilot:
        text = await rendered(pilot, view)
        assert "2 Loss  log scale" in text
        assert "mean of 100 steps" in text
        assert "trains" not in text
        assert "◆ val" in text


async def test_windows_of_one_step_labelled_every_step(widget_host: type) -> None:
    history = replace(
        DIVERGED.curve, diverged_at=None, history=type(DIVERGED.curve.history)(1, DIVERGED.curve.history.points)
    )
    async with widget_host(LossPane).run_test(size=(103, 20)) as pilot:
        assert "every step" in await rendered(pilot, replace(TRAINING, curve=history))


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (103, "32,033 words, 29,494 distinct; 13 % of val also in train · mean of 100 steps"),
        (78, "13 % of val also in train · mean of 100 steps"),
        (40, "mean of 100 steps"),
    ],
)
async def test_repeated_words_are_told_below_curve_as_space_allows(widget_host: type, width: int, told: str) -> None:
    async with widget_host(LossPane).run_test(size=(width, 20)) as pilot:
        border = (await rendered(pilot, REPEATED_WORDS)).splitlines()[-1]
        assert told in border
        assert (" of val" in border) == (" of val" in told)
        assert "val" not in (await rendered(pilot, TRAINING)).splitlines()[-1]


async def test_scale_changes_at_once(widget_host: type) -> None:
    async with widget_host(LossPane).run_test(size=(103, 20)) as pilot:
        before = await rendered(pilot, TRAINING)
        pilot.app.query_one(LossPane).log_scale = False
        await pilot.pause()
        after = pilot.app.screen_text()  # type: ignore[attr-defined]
        assert "linear scale" in after
        assert [line[:9] for line in before.splitlines()] != [line[:9] for line in after.splitlines()]


async def test_nan_changes_border_and_shows_cause_and_key(widget_host: type) -> None:
    async with widget_host(LossPane).run_test(size=(103, 20)) as pilot:
        text = await rendered(pilot, DIVERGED)
        pane = pilot.app.query_one(LossPane)
        assert pane.problem
        assert "2 Loss  diverged at step 412" in text
        assert "✗ diverged" in text
        assert "The loss became NaN at step 412." in text
        assert "lr 10 is too large for these weights." in text
        assert "Linear 256→128 was the first whose" in text
        assert "before had norm 3.2e+04." in text
        assert "Step 400 is saved; nothing is lost." in text
        assert "w rewind to step 400 with lr 3.33" in text
        assert "1 change the form first" in text
        assert "0 the same weights, from step 0" in text
        await rendered(pilot, TRAINING)
        assert not pane.problem
        assert "too large" not in pilot.app.screen_text()  # type: ignore[attr-defined]


async def test_infinite_loss_is_nowhere_called_nan(widget_host: type) -> None:
    divergence = msgspec.structs.replace(DIVERGED.run.divergence, became="infinite")
    async with widget_host(LossPane).run_test(size=(103, 20)) as pilot:
        text = await rendered(pilot, replace(DIVERGED, run=replace(DIVERGED.run, divergence=divergence)))
    assert "The loss became infinite at step 412." in text
    assert "✗ diverged" in text
    assert "NaN" not in text


WHY = (
    "became NaN at step 412",
    "lr 10 is",
    "Linear 256→128",
    "3.2e+04",
    "Step 400 is saved",
    "w rewind",
    "1 change",
    "0 the same",
)


@pytest.mark.parametrize("size", [(103, 20), (79, 16), (78, 22), (60, 20), (60, 22), (48, 12), (50, 14)])
async def test_divergence_cause_readable_at_every_size(widget_host: type, size: tuple[int, int]) -> None:
    async with widget_host(LossPane).run_test(size=size) as pilot:
        text = await rendered(pilot, DIVERGED)
        assert [part for part in WHY if part not in text] == []
        assert ("✗ diverged" in text) is (
            size not in [(48, 12), (50, 14)]
        )  # the curve gives way to the words, not they to it


def test_unknown_divergence_details_left_out() -> None:
    def said(**unknown: object) -> list[str]:
        divergence = msgspec.structs.replace(DIVERGED.run.divergence, **unknown)
        return loss_text(replace(DIVERGED.run, divergence=divergence), DIVERGED.curve)

    cause = ["The loss became infinite", "lr 10", "is too large", "saved; nothing", "rewind to step 400"]
    assert all(part in "\n".join(said(became="infinite")) for part in cause)
    assert "was the first whose output was not finite." in said(gradient=None)[1]
    assert said(layer="")[1].endswith("The gradient before had norm [$ink-bright]3.2e+04[/].[/]")
    assert said(layer="", gradient=None)[1].endswith("is too large for these weights.[/]")
    assert not any("rewind" in part or "saved" in part for part in said(saved_step=None))
    unexplained = loss_text(replace(DIVERGED.run, divergence=None), DIVERGED.curve)
    assert [part for part in unexplained if "lr" in part or "rewind" in part] == []
    assert "The loss became not finite at step 412." in unexplained[0]


@pytest.mark.parametrize("size", [(103, 20), (78, 22)])
async def test_lost_engine_keeps_curve_and_offers_run_first(widget_host: type, size: tuple[int, int]) -> None:
    async with widget_host(LossPane).run_test(size=size) as pilot:
        text = await rendered(pilot, ENGINE_LOST)
        assert text.index("The engine is gone.") < text.index("space resumes run 12") < text.index("t starts a new")
        assert "⣀" in text or "⠤" in text or "⠒" in text
        await rendered(pilot, TRAINING)
        assert not pilot.app.query_one(LossPane).problem


async def test_interrupted_run_is_offered_first(widget_host: type) -> None:
    async with widget_host(LossPane).run_test(size=(103, 20)) as pilot:
        text = await rendered(pilot, UNFINISHED)
        assert "Run 12 is unfinished, at step 48,200." in text
        assert text.index("space resumes it") < text.index("t trains the model of the form: 200,000 steps")


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (8, 4), (20, 6), (80, 22), (156, 28)])
@pytest.mark.parametrize("view", [EMPTY, UNTRAINED, TRAINING, DIVERGED, ENGINE_LOST])
async def test_every_state_renders_at_every_size(widget_host: type, size: tuple[int, int], view: LabState) -> None:
    async with widget_host(LossPane).run_test(size=size) as pilot:
        assert len((await rendered(pilot, view)).splitlines()) <= size[1]


def test_ghost_of_another_corpus_names_it():
    for width in (120, 40):
        text = provenance_text(TRAINING.run, replace(TRAINING.curve, ghost_corpus="greek"), width)
        assert text.startswith("ghost of another corpus: greek")
        assert "ghost" not in provenance_text(TRAINING.run, TRAINING.curve, width)
