"""The kept runs as viewers ask for them: listed, shown, named, deleted and put back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from desk import Desk, small

from charwave_tui.core import archive, protocol
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import State
from charwave_tui.engine.archive import LONGEST_NAME, LONGEST_NOTE


@pytest.fixture
def desk(words: Path) -> Desk:
    """Three runs: finished, stopped, and one in training after some steps."""
    config = small(words, max_steps=60)
    desk = Desk()
    desk.do(protocol.StartRun(config, "first"))
    desk.work()
    desk.do(protocol.StartRun(replace(config, lr=0.05), "second", steps=20))
    desk.work()
    desk.do(protocol.StartRun(replace(config, max_steps=1_000_000), "third"))
    desk.work(lambda: desk.conductor._stage.run.trainer.step > 10)
    desk.forget()
    return desk


def listed(desk: Desk) -> tuple[archive.RunSummary, ...]:
    desk.do(archive.ListRuns())
    answer = desk.answered[-1]
    assert isinstance(answer, archive.RunsListed)
    return answer.runs


def test_all_runs_listed_newest_first_with_active_one_current(desk: Desk) -> None:
    rows = listed(desk)
    assert [(row.run, row.preset, row.state) for row in rows] == [
        (3, "third", State.TRAINING),
        (2, "second", State.STOPPED),
        (1, "first", State.FINISHED),
    ]
    assert rows[0].step == desk.conductor._stage.run.trainer.step > desk.store.read(3).step
    assert rows[2].val == rows[2].best_val == desk.store.read(1).val
    assert rows[2].train == desk.store.read(1).train
    assert rows[1].config.lr == 0.05
    assert desk.told == []  # nobody else asked


def test_shown_run_is_complete_and_active_one_current(desk: Desk) -> None:
    desk.do(archive.ShowRun(1), archive.ShowRun(3))
    kept, present = desk.answered
    assert isinstance(kept, archive.RunShown)
    assert isinstance(present, archive.RunShown)
    assert kept.record == desk.store.read(1)
    assert present.record.step == desk.conductor._stage.run.trainer.step
    assert desk.told == []


def test_run_name_sent_to_all_viewers_and_outlives_saves(desk: Desk) -> None:
    desk.do(archive.DescribeRun(3, " the long one ", "lr 0.1\N{RIGHTWARDS ARROW}0.01, «naïve»"))
    (told,) = desk.heard(archive.RunsListed)
    assert (told.runs[0].name, told.runs[0].note) == ("the long one", "lr 0.1→0.01, «naïve»")
    desk.conductor._stage.run.save()
    desk.conductor.leave()
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
    with pytest.raises(Mistake, match=said):
        desk.do(archive.DescribeRun(2, name, note))
    assert (listed(desk)[1].name, listed(desk)[1].note) == ("", "")


def test_run_deleted_and_restored_for_all_viewers(desk: Desk) -> None:
    desk.do(archive.DescribeRun(2, "keep", ""), archive.DeleteRun(2))
    assert [row.run for row in desk.heard(archive.RunsListed)[-1].runs] == [3, 1]
    with pytest.raises(Mistake, match="run 2 is unknown; the newest runs are: 1, 3"):
        desk.do(archive.OpenRun(2))
    desk.do(archive.RestoreRun(2))
    assert [(row.run, row.name) for row in desk.heard(archive.RunsListed)[-1].runs] == [(3, ""), (2, "keep"), (1, "")]
    desk.do(archive.OpenRun(2))
    assert desk.heard(protocol.RunOpened)[-1].step == 20


def test_run_in_training_is_not_deleted(desk: Desk) -> None:
    for _ in range(2):
        with pytest.raises(Mistake, match="run 3 is in progress; stop it first"):
            desk.do(archive.DeleteRun(3))
        desk.do(protocol.PauseRun())
    assert [row.run for row in listed(desk)] == [3, 2, 1]


def test_paused_active_run_deleted_and_replaced_by_untrained_model(desk: Desk) -> None:
    desk.do(protocol.StopRun())
    desk.work()
    desk.forget()
    desk.do(archive.DeleteRun(3))
    assert [row.run for row in desk.heard(archive.RunsListed)[-1].runs] == [2, 1]
    opened = desk.heard(protocol.RunOpened)[-1]
    assert (opened.run, opened.state, opened.preset) == (None, State.READY, "third")
    desk.do(archive.RestoreRun(3), archive.OpenRun(3))
    assert desk.heard(protocol.RunOpened)[-1].run == 3


@pytest.mark.parametrize("command", [archive.ShowRun, archive.OpenRun, archive.ForkRun, archive.DeleteRun])
def test_unknown_run_is_named(desk: Desk, command: type) -> None:
    with pytest.raises(Mistake, match="run 70 is unknown; the newest runs are: 1, 2, 3"):
        desk.do(command(70))
    with pytest.raises(Mistake, match="run 2 is unknown"):
        desk.do(archive.RestoreRun(2))  # it is not among the deleted


def test_status_is_that_of_active_run(desk: Desk) -> None:
    desk.do(protocol.ReportStatus())
    step = desk.conductor._stage.run.trainer.step
    assert desk.answered == [protocol.StatusReported(3, State.TRAINING, step, 1_000_000)]
    nobody = Desk()
    nobody.do(protocol.ReportStatus())
    assert nobody.answered == [protocol.StatusReported(None, None, 0, 0)]


def test_failed_write_is_one_line_error(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk.store, "delete", full)
    with pytest.raises(Mistake, match="the list of runs cannot be written \\(No space left on device\\)"):
        desk.do(archive.DeleteRun(1))
