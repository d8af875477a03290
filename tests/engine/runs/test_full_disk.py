"""A disk that is full or read-only: training continues, reports it, and is saved when possible."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from support.dispatcher_harness import WORDS, DispatcherHarness, small_config

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import HOME_VARIABLE
from charwave_tui.core.protocol.commands import DescribeRun, ListRuns, OpenRun, StartRun
from charwave_tui.core.protocol.events import Event, RunOpened, RunSaved, RunsListed, SaveFailed, WarningIssued
from charwave_tui.core.store.run_folder import CHECKPOINTS_KEPT
from charwave_tui.core.store.run_store import DATABASE_FILE
from charwave_tui.engine.runs import active_run, autosave
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint

Full = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def frequent_autosaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Autosave so often that a test need not wait."""
    monkeypatch.setattr(autosave, "AUTOSAVE_SECONDS", 0.02)
    monkeypatch.setattr(autosave, "MAX_TIME_FRACTION", 1e9)
    monkeypatch.setattr(active_run, "BURST_SECONDS", 0.005)


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small_config(words, max_steps=10_000_000, eval_every=10_000_000)


def step_of(harness: DispatcherHarness) -> int:
    return harness.dispatcher.active_run.trainer.step


def partial_files(harness: DispatcherHarness) -> list[str]:
    """Files that were begun and not finished."""
    return [path.name for path in harness.store.folder.rglob(".*")]


def train_until_events(harness: DispatcherHarness, kind: type[Event], times: int = 2) -> None:
    """Train until so many events of that kind have been emitted."""
    harness.clear_events()
    before = step_of(harness)
    harness.run_until_idle(lambda: len(harness.events_of(kind)) >= times)
    assert step_of(harness) > before


def assert_saved_completely(harness: DispatcherHarness, run: int = 1) -> None:
    """Train until the run is saved again, and check that its folder is complete and has nothing else."""
    train_until_events(harness, RunSaved)
    save = load_latest_checkpoint(harness.store.folder_of(run), pytest.fail)
    assert save.record.step == harness.events_of(RunSaved)[-1].step
    assert harness.store.read(run).step == save.record.step
    assert harness.store.summaries()[0].step == save.record.step
    assert len(harness.store.folder_of(run).checkpoints()) == CHECKPOINTS_KEPT
    assert partial_files(harness) == []
    assert harness.dispatcher.active_run.snapshot(None).save_error == ""


@pytest.mark.parametrize("size", [0, 2_000, 5_000])
def test_file_size_limit_training_continues_and_saves_later(config: RunConfig, full_disk: Full, size: int) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, ""))
    train_until_events(harness, RunSaved, CHECKPOINTS_KEPT)
    before = {path: path.read_bytes() for path in harness.store.folder_of(1).checkpoints()}
    with full_disk(size):
        train_until_events(harness, SaveFailed)
        assert {event.problem for event in harness.events_of(SaveFailed)} == {"File too large"}
        assert harness.events_of(RunSaved) == []
        assert harness.dispatcher.active_run.snapshot(None).save_error == "File too large"
        assert {path: path.read_bytes() for path in harness.store.folder_of(1).checkpoints()} == before
        assert partial_files(harness) == []
    assert_saved_completely(harness)


def test_run_started_under_file_size_limit_saves_later(config: RunConfig, full_disk: Full) -> None:
    harness = DispatcherHarness()
    with full_disk():
        harness.send(StartRun(config, ""))
        train_until_events(harness, SaveFailed)
        assert harness.store.folder_of(1).checkpoints() == []
        assert partial_files(harness) == []
    assert_saved_completely(harness)


def test_full_disk_hides_no_run_or_save(config: RunConfig, full_disk: Full) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(replace(config, max_steps=30), ""))
    harness.run_until_idle(lambda: not harness.dispatcher.busy)
    harness.dispatcher.shut_down()
    harness.store.close()
    with full_disk():
        harness = DispatcherHarness()
        harness.send(ListRuns(), OpenRun(1))
        listed = harness.replies[0]
        assert isinstance(listed, RunsListed)
        assert [(row.run, row.state, row.step) for row in listed.runs] == [(1, RunState.FINISHED, 30)]
        assert harness.events_of(RunOpened)[-1].step == 30
        with pytest.raises(UserError, match="the list of runs cannot be written"):
            harness.send(DescribeRun(1, "x", ""))


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A file system of 600 kB as the user's folder; skipped where none may be mounted."""
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(home)]
    try:
        done = subprocess.run(mount, capture_output=True, encoding="utf-8", check=False)
    except OSError as error:
        pytest.skip(f"there is no mount here: {error}")
    if done.returncode:
        pytest.skip(f"nothing may be mounted here: {done.stderr.strip()}")
    yield home
    subprocess.run(["umount", "-l", str(home)], check=True)


def fill_disk(disk: Path) -> Path:
    """A file that takes all space."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 512):
                pass
        except OSError:
            pass
    return filler


def test_disk_filled_by_others_costs_only_its_duration(small_disk: Path, config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(config, "wide"))
    train_until_events(harness, RunSaved, CHECKPOINTS_KEPT)
    harness.send(DescribeRun(1, "mine", ""))
    filler = fill_disk(small_disk)
    train_until_events(harness, SaveFailed, 5)
    assert {event.problem for event in harness.events_of(SaveFailed)} == {"No space left on device"}
    assert len(harness.store.folder_of(1).checkpoints()) == CHECKPOINTS_KEPT
    assert partial_files(harness) == []
    harness.send(ListRuns())
    assert harness.store.read(1).name == "mine"
    with pytest.raises(UserError, match=r"run 1 is not saved \(No space left on device\) and would be lost"):
        harness.send(StartRun(config, ""))
    assert harness.store.run_numbers() == [1]
    filler.unlink()
    assert_saved_completely(harness)
    assert harness.store.read(1).name == "mine"


def test_run_started_on_full_disk_refused_or_saved_later(small_disk: Path, config: RunConfig) -> None:
    filler = fill_disk(small_disk)
    harness = DispatcherHarness()
    harness.send(StartRun(config, ""))
    train_until_events(harness, SaveFailed)
    assert harness.events_of(SaveFailed)[-1].problem == "No space left on device"
    filler.unlink()
    assert_saved_completely(harness)


@pytest.fixture
def unprivileged_config(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, unprivileged: Callable[[], AbstractContextManager[None]]
) -> Iterator[RunConfig]:
    """The config of one whom permissions hold back, as whom all of the test is done."""
    with tempfile.TemporaryDirectory() as folder:
        home, words = Path(folder) / "home", Path(folder) / "words.txt"
        monkeypatch.setenv(HOME_VARIABLE, str(home))
        words.write_text("\n".join(WORDS), "utf-8")
        home.mkdir()
        for path, mode in ((Path(folder), 0o755), (words, 0o644), (home, 0o777)):
            path.chmod(mode)
        with unprivileged():
            yield replace(config, corpus=str(words))


@pytest.mark.parametrize("which", ["the run's folder", "all runs"])
def test_revoked_write_permission_training_continues_and_saves_later(
    unprivileged_config: RunConfig, which: str
) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(unprivileged_config, ""))
    train_until_events(harness, RunSaved, CHECKPOINTS_KEPT)
    closed = [harness.store.folder_of(1).path, *([harness.store.folder] if which == "all runs" else [])]
    before = harness.store.folder_of(1).checkpoints()
    for folder in closed:
        folder.chmod(0o555)
    train_until_events(harness, SaveFailed)
    assert {event.problem for event in harness.events_of(SaveFailed)} == {"Permission denied"}
    assert harness.store.folder_of(1).checkpoints() == before
    assert harness.store.summaries()[0].run == 1
    for folder in closed:
        folder.chmod(0o755)
    assert_saved_completely(harness)
    harness.store.close()


def test_unwritable_run_list_reported_once_and_written_later(unprivileged_config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(unprivileged_config, ""))
    train_until_events(harness, RunSaved, CHECKPOINTS_KEPT)
    harness.store.close()
    (harness.store.folder / DATABASE_FILE).chmod(0o444)
    train_until_events(harness, RunSaved, 3)
    (warning,) = harness.events_of(WarningIssued)
    assert warning.text == "run 1 is saved, but the list of runs is not: attempt to write a readonly database"
    assert harness.events_of(SaveFailed) == []
    assert harness.store.read(1).step == harness.events_of(RunSaved)[-1].step
    (harness.store.folder / DATABASE_FILE).chmod(0o644)
    assert_saved_completely(harness)
    harness.store.close()


def test_run_without_space_refused_and_leaves_nothing(unprivileged_config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.store.folder.mkdir(parents=True)
    harness.store.folder.chmod(0o555)
    with pytest.raises(UserError, match=r"the folder .*runs cannot be written; put that right, or set CHARWAVE_HOME"):
        harness.send(StartRun(unprivileged_config, ""))
    assert harness.broadcasts == []
    assert list(harness.store.folder.iterdir()) == []
    harness.store.folder.chmod(0o755)
