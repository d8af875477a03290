"""A disk that is full, read-only or gone under a run: training goes on, says so, and is saved when it can be."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from desk import WORDS, Desk, small

from charwave_tui.core import archive, protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import HOME_VARIABLE
from charwave_tui.core.readings import State
from charwave_tui.core.run_folder import KEPT
from charwave_tui.core.runs import DATABASE
from charwave_tui.engine import current, saves
from charwave_tui.engine.checkpoint import newest_save

Full = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves come so often that a test need not wait for them."""
    monkeypatch.setattr(saves, "EVERY", 0.02)
    monkeypatch.setattr(saves, "SHARE", 1e9)
    monkeypatch.setattr(current, "BURST", 0.005)


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small(words, max_steps=10_000_000, eval_every=10_000_000)


def step_of(desk: Desk) -> int:
    return desk.conductor._stage.run.trainer.step


def hidden(desk: Desk) -> list[str]:
    """Files that were begun and not finished."""
    return [path.name for path in desk.store.folder.rglob(".*")]


def trained_on(desk: Desk, kind: type[protocol.Event], times: int = 2) -> None:
    """Trains until that has been told so often from now on."""
    desk.forget()
    before = step_of(desk)
    desk.work(lambda: len(desk.heard(kind)) >= times)
    assert step_of(desk) > before


def saved_whole(desk: Desk, run: int = 1) -> None:
    """Trains until the run is saved again, and sees that all of it is there and nothing besides."""
    trained_on(desk, protocol.RunSaved)
    save = newest_save(desk.store.place(run), pytest.fail)
    assert save.record.step == desk.heard(protocol.RunSaved)[-1].step
    assert desk.store.read(run).step == save.record.step
    assert desk.store.list()[0].step == save.record.step
    assert len(desk.store.place(run).saves()) == KEPT
    assert hidden(desk) == []
    assert desk.conductor._stage.run.opened(None).unsaved == ""


@pytest.mark.parametrize("size", [0, 2_000, 5_000])
def test_file_size_limit_training_continues_and_saves_later(config: RunConfig, full_disk: Full, size: int) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(config, ""))
    trained_on(desk, protocol.RunSaved, KEPT)
    before = {path: path.read_bytes() for path in desk.store.place(1).saves()}
    with full_disk(size):
        trained_on(desk, protocol.SaveFailed)
        assert {event.problem for event in desk.heard(protocol.SaveFailed)} == {"File too large"}
        assert desk.heard(protocol.RunSaved) == []
        assert desk.conductor._stage.run.opened(None).unsaved == "File too large"
        assert {path: path.read_bytes() for path in desk.store.place(1).saves()} == before
        assert hidden(desk) == []
    saved_whole(desk)


def test_run_started_under_file_size_limit_saves_later(config: RunConfig, full_disk: Full) -> None:
    desk = Desk()
    with full_disk():
        desk.do(protocol.StartRun(config, ""))
        trained_on(desk, protocol.SaveFailed)
        assert desk.store.place(1).saves() == []
        assert hidden(desk) == []
    saved_whole(desk)


def test_full_disk_hides_no_run_or_save(config: RunConfig, full_disk: Full) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(replace(config, max_steps=30), ""))
    desk.work(lambda: not desk.conductor.busy)
    desk.conductor.leave()
    desk.store.close()
    with full_disk():
        desk = Desk()
        desk.do(archive.ListRuns(), archive.OpenRun(1))
        listed = desk.answered[0]
        assert isinstance(listed, archive.RunsListed)
        assert [(row.run, row.state, row.step) for row in listed.runs] == [(1, State.FINISHED, 30)]
        assert desk.heard(protocol.RunOpened)[-1].step == 30
        with pytest.raises(Mistake, match="the list of runs cannot be written"):
            desk.do(archive.DescribeRun(1, "x", ""))


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A file system of 600 kB in the place of the user's folder; skipped where none may be mounted."""
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


def filled(disk: Path) -> Path:
    """A file that takes all the room there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 512):
                pass
        except OSError:
            pass
    return filler


def test_disk_filled_by_others_costs_only_its_duration(small_disk: Path, config: RunConfig) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(config, "wide"))
    trained_on(desk, protocol.RunSaved, KEPT)
    desk.do(archive.DescribeRun(1, "mine", ""))
    filler = filled(small_disk)
    trained_on(desk, protocol.SaveFailed, 5)
    assert {event.problem for event in desk.heard(protocol.SaveFailed)} == {"No space left on device"}
    assert len(desk.store.place(1).saves()) == KEPT
    assert hidden(desk) == []
    desk.do(archive.ListRuns())
    assert desk.store.read(1).name == "mine"
    with pytest.raises(Mistake, match=r"run 1 is not saved \(No space left on device\) and would be lost"):
        desk.do(protocol.StartRun(config, ""))
    assert desk.store.numbers() == [1]
    filler.unlink()
    saved_whole(desk)
    assert desk.store.read(1).name == "mine"


def test_run_started_on_full_disk_refused_or_saved_later(small_disk: Path, config: RunConfig) -> None:
    filler = filled(small_disk)
    desk = Desk()
    desk.do(protocol.StartRun(config, ""))
    trained_on(desk, protocol.SaveFailed)
    assert desk.heard(protocol.SaveFailed)[-1].problem == "No space left on device"
    filler.unlink()
    saved_whole(desk)


@pytest.fixture
def nobodys(
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
def test_revoked_write_permission_training_continues_and_saves_later(nobodys: RunConfig, which: str) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(nobodys, ""))
    trained_on(desk, protocol.RunSaved, KEPT)
    closed = [desk.store.place(1).path, *([desk.store.folder] if which == "all runs" else [])]
    before = desk.store.place(1).saves()
    for folder in closed:
        folder.chmod(0o555)
    trained_on(desk, protocol.SaveFailed)
    assert {event.problem for event in desk.heard(protocol.SaveFailed)} == {"Permission denied"}
    assert desk.store.place(1).saves() == before
    assert desk.store.list()[0].run == 1
    for folder in closed:
        folder.chmod(0o755)
    saved_whole(desk)
    desk.store.close()


def test_unwritable_run_list_reported_once_and_written_later(nobodys: RunConfig) -> None:
    desk = Desk()
    desk.do(protocol.StartRun(nobodys, ""))
    trained_on(desk, protocol.RunSaved, KEPT)
    desk.store.close()
    (desk.store.folder / DATABASE).chmod(0o444)
    trained_on(desk, protocol.RunSaved, 3)
    (said,) = desk.heard(protocol.Remarked)
    assert said.text == "run 1 is saved, but the list of runs is not: attempt to write a readonly database"
    assert desk.heard(protocol.SaveFailed) == []
    assert desk.store.read(1).step == desk.heard(protocol.RunSaved)[-1].step
    (desk.store.folder / DATABASE).chmod(0o644)
    saved_whole(desk)
    desk.store.close()


def test_run_without_space_refused_and_leaves_nothing(nobodys: RunConfig) -> None:
    desk = Desk()
    desk.store.folder.mkdir(parents=True)
    desk.store.folder.chmod(0o555)
    with pytest.raises(Mistake, match=r"the folder .*runs cannot be written; put that right, or set CHARWAVE_HOME"):
        desk.do(protocol.StartRun(nobodys, ""))
    assert desk.told == []
    assert list(desk.store.folder.iterdir()) == []
    desk.store.folder.chmod(0o755)
