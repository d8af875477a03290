"""The run store: numbers that nobody shares, records that come back, and folders that cannot be used."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from charwave_tui.core import runs
from charwave_tui.core.config import RunConfig
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import CorpusCard, History, LossPoint, State
from charwave_tui.core.records import RunRecord
from charwave_tui.core.runs import RECORD, RunStore


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "data" / "runs")


def record(run: int, step: int = 60) -> RunRecord:
    return RunRecord(
        run=run,
        preset="playground",
        config=replace(RunConfig(), fuse=(4, 2)),
        corpus=CorpusCard("имена", "0" * 64, 100, "абв", (80, 10, 10)),
        parameters=4_321,
        state=State.FINISHED,
        step=step,
        created="2026-01-01T00:00:00+00:00",
        seconds=12.5,
        training_seconds=10.0,
        first_loss=3.3,
        train=2.1,
        val=None,
        history=History(1, (LossPoint(1, 3.3, 3.2, 3.4),)),
    )


def kept(store: RunStore, step: int = 60, weights: bool = True) -> int:
    run = store.create()
    store.write(record(run, step))
    if weights:
        store.weights_path(run).write_bytes(b"weights")
    return run


def test_runs_are_numbered_from_one_and_a_number_is_never_given_twice(store: RunStore) -> None:
    assert store.numbers() == []
    assert [store.create() for _ in range(3)] == [1, 2, 3]
    (store.folder / "0002").rmdir()
    assert store.create() == 4
    (store.folder / "12345").mkdir()
    assert store.create() == 12_346


def test_a_number_that_another_process_takes_at_this_moment_is_left_to_it(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create()
    monkeypatch.setattr(RunStore, "numbers", lambda self: [])
    assert store.create() == 2


def test_tries_to_find_a_number_come_to_an_end(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create()
    monkeypatch.setattr(RunStore, "numbers", lambda self: [])
    monkeypatch.setattr(runs, "ATTEMPTS", 1)
    with pytest.raises(Mistake, match="cannot hold a new run"):
        store.create()


def test_names_that_are_no_numbers_of_ours_are_passed_over(store: RunStore) -> None:
    for name in ("²", "١", "7a", "-3", ".5", "notes"):
        (store.folder / name).mkdir(parents=True)
    assert store.numbers() == []
    assert store.create() == 1


def test_a_dangling_link_in_place_of_the_folder_is_named(store: RunStore) -> None:
    store.folder.parent.mkdir()
    store.folder.symlink_to(store.folder.parent / "gone")
    with pytest.raises(Mistake, match=r"data/runs cannot be made.*CHARWAVE_HOME"):
        store.create()


def test_a_file_in_place_of_the_folder_is_named(store: RunStore) -> None:
    store.folder.parent.mkdir()
    store.folder.write_text("", "utf-8")
    with pytest.raises(Mistake, match="data/runs cannot be made"):
        store.create()


def test_a_folder_that_may_not_be_written_or_read_is_named(
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        store = RunStore(Path(open_to_all) / "runs")
        store.create()
        store.folder.chmod(0o555)
        with unprivileged(), pytest.raises(Mistake, match="runs cannot be written"):
            store.create()
        store.folder.chmod(0o300)
        with unprivileged(), pytest.raises(Mistake, match="runs cannot be read"):
            store.read()
        store.folder.chmod(0o755)


def test_a_record_comes_back_as_it_went(store: RunStore) -> None:
    run = kept(store)
    assert store.read(run) == store.read() == record(run)
    assert store.read(run).steps_per_second == 6.0


def test_a_record_replaces_the_one_before_it(store: RunStore) -> None:
    run = kept(store, step=5)
    store.write(record(run, 9))
    assert store.read(run).step == 9
    assert {path.name for path in (store.folder / "0001").iterdir()} == {RECORD, "weights.safetensors"}


def test_the_newest_run_is_the_last_with_weights_that_has_taken_a_step(store: RunStore) -> None:
    with pytest.raises(Mistake, match="no trained run yet; train one first"):
        store.read()
    kept(store, step=0)
    with pytest.raises(Mistake, match="no trained run yet; train one first"):
        store.read()
    trained = kept(store, step=1)
    untouched = kept(store, step=0)
    kept(store, step=5, weights=False)
    assert store.read().run == trained
    assert store.read(untouched).step == 0


def test_an_unknown_run_is_named_with_those_there_are(store: RunStore) -> None:
    with pytest.raises(Mistake, match="run 7 is unknown; the newest runs are: none yet"):
        store.read(7)
    for _ in range(10):
        kept(store)
    with pytest.raises(Mistake, match="run 70 is unknown; the newest runs are: 3, 4, 5, 6, 7, 8, 9, 10"):
        store.read(70)


@pytest.mark.parametrize("number", [2**63, 10**30, -(2**63)])
def test_a_number_that_the_database_cannot_count_to_is_unknown_too(store: RunStore, number: int) -> None:
    store.create()
    for ask in (store.read, store.delete, store.restore, store.remove):
        with pytest.raises(Mistake, match="is unknown"):
            ask(number)


DAMAGES = {
    "cut off": lambda content: content[:-100],
    "not UTF-8 in a text": lambda content: content.replace(b"playground", b"play\xff\xfe"),
    "noise": lambda content: bytes(range(256)),
    "empty": lambda content: b"",
    "of something else": lambda content: b'{"run": "x"}',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_named_by_its_path(store: RunStore, damage: str) -> None:
    path = store.folder / f"{kept(store):04}" / RECORD
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(Mistake, match=r"0001/record\.json cannot be read") as caught:
        store.read(1)
    assert "--run" in caught.value.remedy


def test_a_folder_in_place_of_the_record_is_named(store: RunStore) -> None:
    (store.folder / "0001" / RECORD).mkdir(parents=True)
    with pytest.raises(Mistake, match=r"record\.json cannot be read"):
        store.read(1)


def test_a_run_that_never_trained_has_no_speed() -> None:
    assert msgspec.structs.replace(record(1), training_seconds=0.0).steps_per_second == 0.0
