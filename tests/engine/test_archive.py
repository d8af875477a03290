"""The kept runs as viewers ask for them: listed, shown, named, deleted and put back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from desk import Desk, small

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import (
    DeleteRun,
    DescribeRun,
    ForkRun,
    ListRuns,
    OpenRun,
    PauseRun,
    ReportStatus,
    RestoreRun,
    ShowRun,
    StartRun,
    StopRun,
)
from charwave_tui.core.protocol.events import RunOpened, RunShown, RunsListed, StatusReported
from charwave_tui.core.store.run_record import RunSummary
from charwave_tui.engine.service.archive_commands import LONGEST_NAME, LONGEST_NOTE


@pytest.fixture
def desk(words: Path) -> Desk:
    """Three runs: finished, stopped, and one in training after some steps."""
    config = small(words, max_steps=60)
    desk = Desk()
    desk.do(StartRun(config, "first"))
    desk.work()
    desk.do(StartRun(replace(config, lr=0.05), "second", steps=20))
    desk.work()
    desk.do(StartRun(replace(config, max_steps=1_000_000), "third"))
    desk.work(lambda: desk.conductor._stage.run.trainer.step > 10)
    desk.forget()
    return desk


def listed(desk: Desk) -> tuple[RunSummary, ...]:
    desk.do(ListRuns())
    answer = desk.answered[-1]
    assert isinstance(answer, RunsListed)
    return answer.runs


def test_all_runs_listed_newest_first_with_active_one_current(desk: Desk) -> None:
    rows = listed(desk)
    assert [(row.run, row.preset, row.state) for row in rows] == [
        (3, "third", RunState.TRAINING),
        (2, "second", RunState.STOPPED),
        (1, "first", RunState.FINISHED),
    ]
    assert rows[0].step == desk.conductor._stage.run.trainer.step > desk.store.read(3).step
    assert rows[2].val == rows[2].best_val == desk.store.read(1).val
    assert rows[2].train == desk.store.read(1).train
    assert rows[1].config.lr == 0.05
    assert desk.told == []  # nobody else asked


def test_shown_run_is_complete_and_active_one_current(desk: Desk) -> None:
    desk.do(ShowRun(1), ShowRun(3))
    kept, present = desk.answered
    assert isinstance(kept, RunShown)
    assert isinstance(present, RunShown)
    assert kept.record == desk.store.read(1)
    assert present.record.step == desk.conductor._stage.run.trainer.step
    assert desk.told == []


def test_run_name_sent_to_all_viewers_and_outlives_saves(desk: Desk) -> None:
    desk.do(DescribeRun(3, " the long one ", "lr 0.1\N{RIGHTWARDS ARROW}0.01, «naïve»"))
    (told,) = desk.heard(RunsListed)
    assert (told.runs[0].name, told.runs[0].note) == ("the long one", "lr 0.1→0.01, «naïve»")
    desk.conductor._stage.run.save()
    desk.conductor.shut_down()
    assert [(row.name, row.note) for row in listed(Desk())[:2]] == [("the long one", "lr 0.1→0.01, «naïve»"), ("", "")]


@pytest.mark.parametrize(
    ("name", "note", "said"),
    [
        ("x" * (LONGEST_NAME + 1), "", "a name of 61 characters is too long; at most 60"),
        ("", "x" * (LONGEST_NOTE + 1), "a note of 501 characters is too long; at most 500"),
        ("two\nlines", "", "the name holds a control character; type letters"),
        ("", "bell \a", "the note holds a control character"),
    ],
)
def test_unstorable_name_refused_without_change(desk: Desk, name: str, note: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        desk.do(DescribeRun(2, name, note))
    assert (listed(desk)[1].name, listed(desk)[1].note) == ("", "")


def test_run_deleted_and_restored_for_all_viewers(desk: Desk) -> None:
    desk.do(DescribeRun(2, "keep", ""), DeleteRun(2))
    assert [row.run for row in desk.heard(RunsListed)[-1].runs] == [3, 1]
    with pytest.raises(UserError, match="run 2 is unknown; the newest runs are: 1, 3"):
        desk.do(OpenRun(2))
    desk.do(RestoreRun(2))
    assert [(row.run, row.name) for row in desk.heard(RunsListed)[-1].runs] == [(3, ""), (2, "keep"), (1, "")]
    desk.do(OpenRun(2))
    assert desk.heard(RunOpened)[-1].step == 20


def test_run_in_training_is_not_deleted(desk: Desk) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="run 3 is in progress; stop it first"):
            desk.do(DeleteRun(3))
        desk.do(PauseRun())
    assert [row.run for row in listed(desk)] == [3, 2, 1]


def test_paused_active_run_deleted_and_replaced_by_untrained_model(desk: Desk) -> None:
    desk.do(StopRun())
    desk.work()
    desk.forget()
    desk.do(DeleteRun(3))
    assert [row.run for row in desk.heard(RunsListed)[-1].runs] == [2, 1]
    opened = desk.heard(RunOpened)[-1]
    assert (opened.run, opened.state, opened.preset) == (None, RunState.READY, "third")
    desk.do(RestoreRun(3), OpenRun(3))
    assert desk.heard(RunOpened)[-1].run == 3


@pytest.mark.parametrize("command", [ShowRun, OpenRun, ForkRun, DeleteRun])
def test_unknown_run_is_named(desk: Desk, command: type) -> None:
    with pytest.raises(UserError, match="run 70 is unknown; the newest runs are: 1, 2, 3"):
        desk.do(command(70))
    with pytest.raises(UserError, match="run 2 is unknown"):
        desk.do(RestoreRun(2))  # it is not among the deleted


def test_status_is_that_of_active_run(desk: Desk) -> None:
    desk.do(ReportStatus())
    step = desk.conductor._stage.run.trainer.step
    assert desk.answered == [StatusReported(3, RunState.TRAINING, step, 1_000_000)]
    nobody = Desk()
    nobody.do(ReportStatus())
    assert nobody.answered == [StatusReported(None, None, 0, 0)]


def test_failed_write_is_one_line_error(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk.store, "delete", full)
    with pytest.raises(UserError, match="the list of runs cannot be written \\(No space left on device\\)"):
        desk.do(DeleteRun(1))
