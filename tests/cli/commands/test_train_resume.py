"""`charwave-tui train --resume`: interrupted runs are resumed; where that is impossible, one line says why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.dispatcher_harness import DispatcherHarness

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import ResumeRun, StartRun, StopRun
from charwave_tui.core.store.run_store import RunStore

FIGURES = ("steps", "state", "first_loss", "train", "val")


@pytest.fixture
def config(words: Path) -> RunConfig:
    return RunConfig(corpus=str(words), context=4, fuse=(2, 2), n_embd=4, n_hidden=8, batch_size=8, max_steps=60)


def train_and_kill(config: RunConfig, step: int = 30) -> None:
    """Leaves the next run behind as one whose process was killed after so many steps."""
    harness = DispatcherHarness()
    harness.send(StartRun(config, "cut", steps=step))
    harness.run_until_idle()
    harness.send(ResumeRun())
    run = harness.dispatcher.active_run
    run.save()
    assert run.autosave is not None
    run.autosave.release()
    harness.store.close()


@pytest.mark.parametrize("words_of", [["--resume"], ["--resume", "1"], ["--resume=run1"]])
def test_killed_run_resumed_ends_like_uninterrupted_run(
    command: Any, config: RunConfig, train: Any, words_of: list[str]
) -> None:
    train_and_kill(config)
    assert RunStore(runs_dir()).summaries()[0].state is RunState.PAUSED
    resumed = command("train", *words_of, "--json")
    assert resumed.code == 0, resumed.err
    alone = json.loads(train("--json").out)
    result = json.loads(resumed.out)
    assert (result["run"], alone["run"]) == (1, 2)
    assert {name: result[name] for name in FIGURES} == {name: alone[name] for name in FIGURES}
    assert "run 1 · cut" in resumed.err


def test_resume_without_number_takes_newest_unfinished_free_run(command: Any, config: RunConfig, train: Any) -> None:
    train_and_kill(config)
    train_and_kill(replace(config, seed=1), step=40)
    train_and_kill(replace(config, seed=2))
    train()
    RunStore(runs_dir()).delete(3)
    lock = RunStore(runs_dir()).folder_of(2).lock()
    assert json.loads(command("train", "--resume", "--json").out)["run"] == 1
    lock.release()
    assert json.loads(command("train", "--resume", "--json").out)["run"] == 2
    printed = command("train", "--resume")
    assert (printed.code, printed.out) == (2, "")
    assert printed.err == "charwave-tui: there is no run to resume; train a new one: charwave-tui train\n"


def test_stopped_or_unevaluated_run_can_be_resumed(command: Any, config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=20))
    harness.run_until_idle()
    harness.send(StopRun())
    harness.run_until_idle()
    harness.dispatcher.shut_down()
    stopped = json.loads(command("train", "--resume", "--json").out)
    assert (stopped["run"], stopped["steps"], stopped["state"]) == (1, 60, "finished")
    harness = DispatcherHarness()
    harness.send(StartRun(config, ""))
    harness.run_until_idle(lambda: harness.dispatcher.active_run.state is RunState.FINISHED)
    assert harness.dispatcher.active_run.autosave is not None
    harness.dispatcher.active_run.autosave.release()
    assert RunStore(runs_dir()).read(2).val is None
    measured = json.loads(command("train", "--resume", "--json").out)
    assert (measured["run"], measured["val"]) == (2, stopped["val"])


def test_unresumable_run_is_one_line_error(command: Any, config: RunConfig, train: Any, words: Path) -> None:
    train()
    train_and_kill(config)
    wild = replace(config, norm="none", activation="relu", output_scale=100.0, n_hidden=64, lr=10.0, max_steps=5_000)
    harness = DispatcherHarness()
    harness.send(StartRun(wild, ""))
    harness.run_until_idle()
    harness.dispatcher.shut_down()
    store = RunStore(runs_dir())
    store.delete(2)

    def refused(run: int) -> str:
        printed = command("train", "--resume", str(run), "--json")
        assert (printed.code, printed.out) == (2, "")
        reported: str = printed.err.splitlines()[-1]
        return reported

    assert "run 1 is at its end; c trains it on in the playground" in refused(1)
    assert "run 2 is unknown; the newest runs are: 1, 3" in refused(2)
    assert "run 3 diverged; w rewinds it in the playground" in refused(3)
    store.restore(2)
    lock = store.folder_of(2).lock()
    assert "run 2 is in use by process" in refused(2)
    lock.release()
    words.write_text(words.read_text("utf-8") + "\nzzz", "utf-8")
    assert "has changed since run 2 learned it" in refused(2)
    assert store.read(2).step == 30


def test_damaged_last_save_falls_back_with_warning_on_stderr(command: Any, config: RunConfig, train: Any) -> None:
    train_and_kill(config)
    newest, before = RunStore(runs_dir()).folder_of(1).checkpoints()
    newest.write_bytes(newest.read_bytes()[:-1])
    assert before.exists()
    resumed = command("train", "--resume", "--json")
    assert resumed.code == 0
    reported = [line for line in resumed.err.splitlines() if "is taken from the save before it, of step 30" in line]
    assert len(reported) == 1
    alone = json.loads(train("--json").out)
    assert {name: json.loads(resumed.out)[name] for name in FIGURES} == {name: alone[name] for name in FIGURES}


@pytest.mark.parametrize("room", [5_000, 15_000])
def test_resume_on_full_disk_prints_losses_and_hint(command: Any, train: Any, full_disk: Any, room: int) -> None:
    with full_disk(room):
        completed = train("--steps", "2000", "--json")
    assert completed.code == 2
    result = json.loads(completed.out)
    assert (result["steps"], result["state"], result["val"] > 0) == (2_000, "finished", True)
    saved = room > 10_000  # the first save, which holds no curve yet
    again = "then go on from its last save with charwave-tui train --resume 1" if saved else "and train it again"
    reported = completed.err.splitlines()
    assert reported[-1] == f"charwave-tui: run 1 could not be saved: File too large; free some space, {again}"
    assert "run 1 is not being saved (File too large); training continues" in reported
    assert not list(runs_dir().rglob(".*"))
    resumed = command("train", "--resume", "--json")
    if saved:
        assert json.loads(resumed.out)["val"] == result["val"]
    else:
        assert resumed.err == "charwave-tui: there is no run to resume; train a new one: charwave-tui train\n"
