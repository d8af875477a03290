"""Stored runs listed, shown, described, deleted and restored; starred names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.dispatcher_harness import DispatcherHarness, small_config

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import (
    DeleteRun,
    DescribeRun,
    ForkRun,
    ListRuns,
    ListStars,
    OpenRun,
    PauseRun,
    ReportStatus,
    RestoreRun,
    ShowRun,
    StarName,
    StartRun,
    StopRun,
    UnstarName,
)
from charwave_tui.core.protocol.events import RunOpened, RunShown, RunsListed, StarsListed, StatusReported
from charwave_tui.core.store.run_record import RunSummary
from charwave_tui.engine.service.archive_commands import MAX_RUN_NAME_LENGTH, MAX_RUN_NOTE_LENGTH


@pytest.fixture
def harness(words: Path) -> DispatcherHarness:
    """Three runs: finished, stopped, and one in training after some steps."""
    config = small_config(words, max_steps=60)
    harness = DispatcherHarness()
    harness.send(StartRun(config, "first"))
    harness.run_until_idle()
    harness.send(StartRun(replace(config, lr=0.05), "second", steps=20))
    harness.run_until_idle()
    harness.send(StartRun(replace(config, max_steps=1_000_000), "third"))
    harness.run_until_idle(lambda: harness.dispatcher.active_run.trainer.step > 10)
    harness.clear_events()
    return harness


def listed(harness: DispatcherHarness) -> tuple[RunSummary, ...]:
    harness.send(ListRuns())
    answer = harness.replies[-1]
    assert isinstance(answer, RunsListed)
    return answer.runs


def test_all_runs_listed_newest_first_with_active_one_current(harness: DispatcherHarness) -> None:
    rows = listed(harness)
    assert [(row.run, row.preset, row.state) for row in rows] == [
        (3, "third", RunState.TRAINING),
        (2, "second", RunState.STOPPED),
        (1, "first", RunState.FINISHED),
    ]
    assert rows[0].step == harness.dispatcher.active_run.trainer.step > harness.store.read(3).step
    assert rows[2].val == rows[2].best_val == harness.store.read(1).val
    assert rows[2].train == harness.store.read(1).train
    assert rows[1].config.lr == 0.05
    assert harness.broadcasts == []  # nobody else asked


def test_shown_run_is_complete_and_active_one_current(harness: DispatcherHarness) -> None:
    harness.send(ShowRun(1), ShowRun(3))
    stored, present = harness.replies
    assert isinstance(stored, RunShown)
    assert isinstance(present, RunShown)
    assert stored.record == harness.store.read(1)
    assert present.record.step == harness.dispatcher.active_run.trainer.step
    assert harness.broadcasts == []


def test_run_name_sent_to_all_viewers_and_outlives_saves(harness: DispatcherHarness) -> None:
    harness.send(DescribeRun(3, " the long one ", "lr 0.1\N{RIGHTWARDS ARROW}0.01, «naïve»"))
    (event,) = harness.events_of(RunsListed)
    assert (event.runs[0].name, event.runs[0].note) == ("the long one", "lr 0.1→0.01, «naïve»")
    harness.dispatcher.active_run.save()
    harness.dispatcher.shut_down()
    assert [(row.name, row.note) for row in listed(DispatcherHarness())[:2]] == [
        ("the long one", "lr 0.1→0.01, «naïve»"),
        ("", ""),
    ]


@pytest.mark.parametrize(
    ("name", "note", "message"),
    [
        ("x" * (MAX_RUN_NAME_LENGTH + 1), "", "a name of 61 characters is too long; at most 60"),
        ("", "x" * (MAX_RUN_NOTE_LENGTH + 1), "a note of 501 characters is too long; at most 500"),
        ("two\nlines", "", "the name holds a control character; type letters"),
        ("", "bell \a", "the note holds a control character"),
    ],
)
def test_unstorable_name_refused_without_change(harness: DispatcherHarness, name: str, note: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        harness.send(DescribeRun(2, name, note))
    assert (listed(harness)[1].name, listed(harness)[1].note) == ("", "")


def test_run_deleted_and_restored_for_all_viewers(harness: DispatcherHarness) -> None:
    harness.send(DescribeRun(2, "keep", ""), DeleteRun(2))
    assert [row.run for row in harness.events_of(RunsListed)[-1].runs] == [3, 1]
    with pytest.raises(UserError, match="run 2 is unknown; the newest runs are: 1, 3"):
        harness.send(OpenRun(2))
    harness.send(RestoreRun(2))
    assert [(row.run, row.name) for row in harness.events_of(RunsListed)[-1].runs] == [(3, ""), (2, "keep"), (1, "")]
    harness.send(OpenRun(2))
    assert harness.events_of(RunOpened)[-1].step == 20


def test_run_in_training_is_not_deleted(harness: DispatcherHarness) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="run 3 is in progress; stop it first"):
            harness.send(DeleteRun(3))
        harness.send(PauseRun())
    assert [row.run for row in listed(harness)] == [3, 2, 1]


def test_paused_active_run_deleted_and_replaced_by_untrained_model(harness: DispatcherHarness) -> None:
    harness.send(StopRun())
    harness.run_until_idle()
    harness.clear_events()
    harness.send(DeleteRun(3))
    assert [row.run for row in harness.events_of(RunsListed)[-1].runs] == [2, 1]
    opened = harness.events_of(RunOpened)[-1]
    assert (opened.run, opened.state, opened.preset) == (None, RunState.READY, "third")
    harness.send(RestoreRun(3), OpenRun(3))
    assert harness.events_of(RunOpened)[-1].run == 3


@pytest.mark.parametrize("command", [ShowRun, OpenRun, ForkRun, DeleteRun])
def test_unknown_run_is_named(harness: DispatcherHarness, command: type) -> None:
    with pytest.raises(UserError, match="run 70 is unknown; the newest runs are: 1, 2, 3"):
        harness.send(command(70))


def test_restoring_run_that_is_unknown_or_not_deleted_says_which(harness: DispatcherHarness) -> None:
    with pytest.raises(UserError, match="run 70 is unknown"):
        harness.send(RestoreRun(70))
    with pytest.raises(UserError, match="run 2 is not deleted; nothing needs restoring"):
        harness.send(RestoreRun(2))


def test_status_is_that_of_active_run(harness: DispatcherHarness) -> None:
    harness.send(ReportStatus())
    step = harness.dispatcher.active_run.trainer.step
    assert harness.replies == [StatusReported(3, RunState.TRAINING, step, 1_000_000)]
    nobody = DispatcherHarness()
    nobody.send(ReportStatus())
    assert nobody.replies == [StatusReported(None, None, 0, 0)]


def test_failed_write_is_one_line_error(harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(harness.store, "delete", full)
    with pytest.raises(UserError, match="the list of runs cannot be written \\(No space left on device\\)"):
        harness.send(DeleteRun(1))


def test_star_list_sent_to_requester_and_changes_to_all() -> None:
    harness = DispatcherHarness()
    harness.send(ListStars())
    assert harness.replies == [StarsListed(())]
    harness.clear_events()
    harness.send(StarName("mara", 1.5, None, 30), StarName("beppo", 2.5, 4, 10), UnstarName("mara"), ReportStatus())
    assert [[star.name for star in event.stars] for event in harness.events_of(StarsListed)] == [
        ["mara"],
        ["beppo", "mara"],
        ["beppo"],
    ]
    assert not [event for event in harness.replies if isinstance(event, StarsListed)]
    (star,) = harness.events_of(StarsListed)[-1].stars
    assert (star.nll, star.run, star.step) == (2.5, 4, 10)
    assert star.starred.endswith("+00:00")
