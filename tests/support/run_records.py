"""Runs that were never trained, as they are kept, and a hall in which the runs screen can be tried alone."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from support import lab_states as scenes
from textual.pilot import Pilot

from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import CurveMarker, Evaluation, LossPoint, RunState, Split, TrainingHistory
from charwave_tui.core.protocol.commands import Command
from charwave_tui.core.store.run_record import RunRecord, RunSummary
from charwave_tui.ui.drawing.theme import themes
from charwave_tui.ui.messages import SendCommand
from charwave_tui.ui.runs.list_pane import RunsListPane
from charwave_tui.ui.runs.screen import RunsScreen
from charwave_tui.ui.state.run_state import ConnectionState, LossCurveState, RunsState, RunViewState
from charwave_tui.ui.state.runs_state import RunsViewOptions
from charwave_tui.ui.terminal.key_queue import SequentialKeysApp

NOW = datetime(2026, 3, 14, 15, 0, tzinfo=UTC)


def preset_config(name: str, **changes: object) -> RunConfig:
    """The preset's config on the lecture's list, with some fields changed."""
    return get_preset(name).config.with_values({"corpus": "makemore", **changes})


def run_summary(
    run: int,
    preset: str = "tree-76k",
    state: RunState = RunState.FINISHED,
    step: int = 200_000,
    best_val: float | None = 2.0,
    *,
    train: float | None = 1.9,
    seconds: float = 100.0,
    ago: timedelta = timedelta(hours=3),
    parameters: int = 76_579,
    name: str = "",
    note: str = "",
    corpus: str = "makemore",
    **changes: object,
) -> RunSummary:
    """A run with some fields of its own."""
    return RunSummary(
        run=run,
        name=name,
        note=note,
        preset=preset,
        config=preset_config(preset, **changes),
        corpus=corpus,
        parameters=parameters,
        state=state,
        step=step,
        created=(NOW - ago).isoformat(timespec="seconds"),
        training_seconds=seconds,
        train=train,
        val=best_val,
        best_val=best_val,
    )


SUMMARIES = (
    run_summary(
        12, "tree-76k", RunState.TRAINING, 130_000, 2.0121, train=1.86, seconds=87, ago=timedelta(minutes=2), lr=0.01
    ),
    run_summary(
        11,
        "tree-22k",
        RunState.FINISHED,
        200_000,
        2.0219,
        train=1.8873,
        seconds=98,
        ago=timedelta(minutes=31),
        parameters=22_397,
        name="small, for the talk",
        note="the one to show: quick, and good enough that nobody asks",
    ),
    run_summary(10, "playground", RunState.STOPPED, 5_000, 2.4302, train=2.4116, seconds=4, norm="none", init_gain=5.0),
    run_summary(
        9, "tree-76k", RunState.DIVERGED, 412, None, train=math.nan, seconds=1, ago=timedelta(hours=4), lr=10.0
    ),
    run_summary(8, "mlp-8", RunState.PAUSED, 48_200, 2.0271, seconds=65, ago=timedelta(days=1), parameters=22_097),
    run_summary(
        7, "mlp-8", RunState.FINISHED, 60_000, 2.0688, seconds=16, ago=timedelta(days=5), parameters=9_023, n_hidden=68
    ),
    run_summary(
        3, "tree-287k", RunState.FINISHED, 100_000, 1.9775, seconds=192, ago=timedelta(days=120), parameters=286_789
    ),
    run_summary(
        1, "playground", RunState.FINISHED, 60_000, 2.1242, seconds=40, ago=timedelta(days=500), corpus="names"
    ),
)
"""Runs in every state, newest first; run 12 is the one in training of `scenes.TRAINING`."""


def falling_history(last: int, end: float, *marks: CurveMarker, every: int = 10_000) -> TrainingHistory:
    """A history that falls to about `end`, its val measured `every` so many steps."""

    def loss(step: int) -> float:
        return end + 0.5 * (math.exp(-step / 9_000) - math.exp(-last / 9_000)) + 0.2 * (1 - step / last)

    points = tuple(LossPoint(s, loss(s) - 0.1, loss(s) - 0.2, loss(s)) for s in range(100, last + 1, 100))
    return TrainingHistory(
        100, points, tuple(Evaluation(s, Split.VAL, loss(s)) for s in range(every, last + 1, every)), marks
    )


def run_record(of: RunSummary, history: TrainingHistory) -> RunRecord:
    """The whole record of a run with that course."""
    return RunRecord(
        run=of.run,
        preset=of.preset,
        config=of.config,
        corpus=scenes.CARD,
        parameters=of.parameters,
        state=of.state,
        step=of.step,
        created=of.created,
        seconds=of.training_seconds,
        training_seconds=of.training_seconds,
        first_loss=3.3,
        train=of.train,
        val=of.val,
        history=history,
        name=of.name,
        note=of.note,
    )


RECORDS = tuple(run_record(of, falling_history(of.step, of.val or 2.2)) for of in SUMMARIES[1:])
"""The records of all but the one in training."""


ARCHIVE = RunsState(SUMMARIES, RECORDS)
"""All of them as an engine has told them."""


TRAINING_RUN: tuple[RunViewState, LossCurveState] = (
    replace(scenes.TRAINING.run, config=SUMMARIES[0].config),
    replace(
        scenes.TRAINING.curve,
        history=falling_history(132_400, 2.0021, CurveMarker(110_000, "lr 0.1 → 0.01")),
        partial=None,
    ),
)
"""The run in training, and its curve."""


NO_RUN: tuple[RunViewState, LossCurveState] = (RunViewState(ConnectionState.READY), LossCurveState())
"""An engine without an active run."""


class RunsScreenHost(SequentialKeysApp[None]):
    """An app that shows the runs screen, and keeps the commands it sends and the results it is dismissed with."""

    TITLE = "Hall"  # in the frame of the stored snapshots

    def __init__(
        self,
        archive: RunsState = ARCHIVE,
        active_run: tuple[RunViewState, LossCurveState] = TRAINING_RUN,
        view_options: RunsViewOptions | None = None,
        theme: str = "dark",
    ) -> None:
        super().__init__()
        self.requests: list[Command] = []
        self.results: list[RunsViewOptions | None] = []
        self._opening = (theme, archive, active_run, view_options)
        for theme_definition in themes():
            self.register_theme(theme_definition)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes()[0].variables

    async def on_mount(self) -> None:
        theme, archive, active_run, view_options = self._opening
        self.theme = f"charwave-{theme}"
        self.runs = RunsScreen(view_options)
        await self.push_screen(self.runs, self.results.append)
        self.runs.run, self.runs.curve = active_run
        self.runs.stored_runs = archive

    def on_send_command(self, message: SendCommand) -> None:
        self.requests.append(message.command)

    @property
    def table(self) -> RunsListPane:
        """The table."""
        return self.runs.query_one(RunsListPane)

    @property
    def cursor_run(self) -> int | None:
        """The run under the cursor."""
        return self.table.view_options.cursor_run


@asynccontextmanager
async def run_runs_screen(
    archive: RunsState = ARCHIVE,
    active_run: tuple[RunViewState, LossCurveState] = TRAINING_RUN,
    size: tuple[int, int] = (140, 40),
    view_options: RunsViewOptions | None = None,
) -> AsyncIterator[tuple[RunsScreenHost, Pilot[None]]]:
    """Run the app of the runs screen; the requests it sends when it is opened are not kept."""
    app = RunsScreenHost(archive, active_run, view_options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        app.requests.clear()
        yield app, pilot
