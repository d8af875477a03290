"""Every file the program reads, damaged: a clear message or an earlier checkpoint; nothing executed or overwritten."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import safetensors.torch
import torch
from support.dispatcher_harness import WORDS, DispatcherHarness

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.corpus.registry import add_recent_corpus, find_corpus, list_corpora
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import HOME_VARIABLE, ensure_runtime_dir, runs_dir, state_dir
from charwave_tui.core.protocol.commands import DescribeRun, ForkRun, OpenRun, StartRun, StepRun
from charwave_tui.core.protocol.engine_socket import acquire_engine_lock, lock_path
from charwave_tui.core.protocol.events import RunOpened, WarningIssued
from charwave_tui.core.store.folder_record import RECORD_FILE, USER_NOTES_FILE, read_folder_record
from charwave_tui.core.store.run_folder import LOCK_FILE
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import DATABASE_FILE, RunStore
from charwave_tui.engine.api import inspect, sample
from charwave_tui.engine.runs.checkpoint import Checkpoint, load_latest_checkpoint

SameBits = Callable[..., bool]


Harm = Callable[[Path], object]


TRIES = pytest.mark.parametrize("tries", [20, pytest.param(200, marks=pytest.mark.soak)])


class Expected(NamedTuple):
    """The undamaged runs: records, records of their checkpoints, and the checkpoint before run 1's latest."""

    records: dict[int, RunRecord]
    saved: dict[int, RunRecord]
    before: Checkpoint


class UnpickleDetector:
    """Makes a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def trained_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    """A data folder with two runs of different steps, both named, and what is true of them."""
    home = tmp_path_factory.mktemp("trained")
    words = home / "words.txt"
    words.write_text("\n".join(WORDS), "utf-8")
    config = RunConfig(
        corpus=str(words), context=4, fuse=(2, 2), n_embd=3, n_hidden=4, batch_size=8, max_steps=400, eval_every=400
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(home))
        harness = DispatcherHarness()
        harness.send(StartRun(config, "first", steps=300))
        harness.run_until_idle()
        before = load_latest_checkpoint(harness.store.folder_of(1), pytest.fail)
        harness.send(StepRun())
        harness.run_until_idle()
        first = harness.dispatcher.active_run.autosave
        assert first is not None
        first.release()  # killed
        harness = DispatcherHarness()
        harness.send(StartRun(config, "second", steps=300))
        harness.run_until_idle()
        for run in (1, 2):
            harness.send(DescribeRun(run, f"the {run}.", "of it"))
        harness.dispatcher.shut_down()
        for path in harness.store.folder_of(1).checkpoints()[2:]:
            path.unlink()
        saved = {run: read_folder_record(harness.store.folder_of(run)) or pytest.fail("it is saved") for run in (1, 2)}
        expected = Expected({run: harness.store.read(run) for run in (1, 2)}, saved, before)
        harness.store.close()
    return home / "data", expected


@pytest.fixture
def expected(trained_runs: tuple[Path, Expected], home: Path) -> Expected:
    """The same runs as the user's."""
    shutil.copytree(trained_runs[0], home / "data")
    return trained_runs[1]


@pytest.fixture
def unpickle_detector(tmp_path: Path) -> UnpickleDetector:
    return UnpickleDetector(tmp_path / "sprung")


def flip_bit(good: bytes, chance: random.Random) -> bytes:
    place, bit = chance.randrange(len(good)), chance.randrange(8)
    return good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :]


def truncate(good: bytes, chance: random.Random) -> bytes:
    return good[: chance.randrange(1, len(good))]


def assert_previous_save(expected: Expected, bit_identical: SameBits) -> None:
    """Check that run 1 is loaded from the checkpoint before its latest, with a warning."""
    folder = RunStore(runs_dir()).folder_of(1)
    warnings: list[str] = []
    found = load_latest_checkpoint(folder, warnings.append)
    assert found.record == expected.before.record
    assert found.resume_state == expected.before.resume_state
    assert bit_identical(found.tensors, expected.before.tensors)
    (line,) = warnings
    assert line.endswith("run 1 is taken from the save before it, of step 300")
    assert line.isprintable()
    adopted = read_folder_record(folder)
    assert adopted is not None
    assert msgspec.structs.replace(adopted, name="", note="") == expected.before.record


@TRIES
@pytest.mark.parametrize("harm", [flip_bit, truncate])
def test_damaged_save_is_not_trusted(
    expected: Expected, bit_identical: SameBits, tries: int, harm: Callable[[bytes, random.Random], bytes]
) -> None:
    chance = random.Random(7)
    newest = RunStore(runs_dir()).folder_of(1).checkpoints()[0]
    good = newest.read_bytes()
    for _ in range(tries):
        damaged = harm(good, chance)
        newest.write_bytes(damaged)
        assert_previous_save(expected, bit_identical)
        assert newest.read_bytes() == damaged


def check_store(expected: Expected) -> list[str]:
    """Check that the store tells the truth of the runs or refuses clearly; return its warnings."""
    warnings: list[str] = []
    with closing(RunStore(runs_dir(), warnings.append)) as store:
        for _ in range(2):
            try:
                rows = store.summaries()
            except UserError as mistake:
                if "runs.db is of schema" not in mistake.problem:
                    raise
                continue
            assert [row.run for row in rows] == [2, 1]
            for row in rows:
                assert row in (expected.records[row.run].summary(), expected.saved[row.run].summary())
                assert store.read(row.run) in (expected.records[row.run], expected.saved[row.run])
    assert all(line.isprintable() for line in warnings)
    return warnings


@TRIES
@pytest.mark.parametrize("harm", [flip_bit, truncate])
def test_damaged_database_is_not_trusted(
    expected: Expected, tries: int, harm: Callable[[bytes, random.Random], bytes]
) -> None:
    chance = random.Random(7)
    database, found = runs_dir() / DATABASE_FILE, 0
    good = database.read_bytes()
    for _ in range(tries):
        damaged = harm(good, chance)
        database.write_bytes(damaged)
        if check_store(expected):
            found += 1
            aside = runs_dir() / f"{DATABASE_FILE}.damaged"
            assert aside.read_bytes() == damaged
            aside.unlink()
    assert found > tries / 4


def write_foreign_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def make_folder(path: Path) -> None:
    path.unlink()
    (path / "within").mkdir(parents=True)


SWAPS: dict[str, Harm] = {
    "nothing": lambda path: path.unlink(),
    "an empty file": lambda path: path.write_bytes(b""),
    "another database": write_foreign_database,
    "the list of runs": lambda path: shutil.copy(runs_dir() / DATABASE_FILE, path.with_name("copy")).replace(path),
    "a save of another run": lambda path: shutil.copy(RunStore(runs_dir()).folder_of(2).checkpoints()[0], path),
    "weights that are not sealed": lambda path: safetensors.torch.save_file({"a": torch.ones(2)}, path),
    "text": lambda path: path.write_text("anna\nben\n", "utf-8"),
    "a folder": make_folder,
}


@pytest.mark.parametrize("other", SWAPS)
def test_foreign_file_at_save_path_opens_previous_save(expected: Expected, bit_identical: SameBits, other: str) -> None:
    newest = RunStore(runs_dir()).folder_of(1).checkpoints()[0]
    SWAPS[other](newest)
    content = newest.read_bytes() if newest.is_file() else None
    if content is not None:
        assert_previous_save(expected, bit_identical)
    harness = DispatcherHarness()
    names = sample(SamplingConfig(), 1)
    harness.send(OpenRun(1))
    opened = harness.events_of(RunOpened)[-1]
    assert (opened.run, opened.step, opened.state) == (1, 300, RunState.PAUSED)
    assert len(harness.events_of(WarningIssued)) == (content is not None)
    aside = list(newest.parent.glob(f"{newest.name}.damaged-*"))
    assert [path.read_bytes() for path in aside] == ([content] if content is not None else [])
    harness.send(StepRun())
    harness.run_until_idle()
    assert load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).record.step == 301
    assert len(names) == 20
    assert not newest.is_dir() or list(newest.iterdir())


@pytest.mark.parametrize("other", [name for name in SWAPS if name != "the list of runs"])
def test_foreign_file_at_database_path_reads_run_folders(expected: Expected, other: str) -> None:
    database = runs_dir() / DATABASE_FILE
    SWAPS[other](database)
    if other == "a folder":
        with pytest.raises(UserError, match=r"runs\.db cannot be read \(unable to open database file\); mend that"):
            RunStore(runs_dir(), pytest.fail).summaries()
        return
    content = database.read_bytes() if database.exists() else b""
    warnings = check_store(expected)
    assert warnings[-1] == "runs.db did not know of these runs, which are taken from their folders: 1, 2"
    if content:
        assert warnings[0].startswith("runs.db was damaged (")
        assert (runs_dir() / f"{DATABASE_FILE}.damaged").read_bytes() == content
    harness = DispatcherHarness()
    harness.send(OpenRun(1))
    assert harness.events_of(RunOpened)[-1].step == 301


def test_no_readable_save_leaves_all_and_names_run(expected: Expected) -> None:
    store = RunStore(runs_dir(), pytest.fail)
    for path in store.folder_of(1).checkpoints():
        path.write_bytes(b"\x80\x04")
    harness = DispatcherHarness()
    for command in (OpenRun(1), OpenRun(1, train=True), ForkRun(1)):
        with pytest.raises(UserError, match=r"save-\d+\.safetensors holds no weights that can be read: it is cut off"):
            harness.send(command)
    assert harness.broadcasts == []
    assert [path.read_bytes() for path in store.folder_of(1).checkpoints()] == [b"\x80\x04"] * 2
    assert not store.folder_of(1).is_locked()
    assert store.read(1) == expected.records[1]
    harness.send(OpenRun(2))
    assert harness.events_of(RunOpened)[-1].run == 2


def test_nothing_is_ever_unpickled(expected: Expected, unpickle_detector: UnpickleDetector, tmp_path: Path) -> None:
    store = RunStore(runs_dir(), lambda text: None)
    torch.save(unpickle_detector, tmp_path / "zipped")
    plain, zipped = pickle.dumps(unpickle_detector), (tmp_path / "zipped").read_bytes()
    ensure_runtime_dir()
    state_dir().mkdir(parents=True)
    for content in (plain, zipped):
        newest, before = store.folder_of(1).checkpoints()
        for path in (
            newest,
            before,
            store.folder_of(1).path / USER_NOTES_FILE,
            store.folder_of(1).path / LOCK_FILE,
            store.folder_of(1).path / RECORD_FILE,
        ):
            path.write_bytes(content)
        for path in (state_dir() / "recent-corpora", lock_path(), runs_dir() / DATABASE_FILE):
            path.write_bytes(content)
        assert [row.run for row in store.summaries()] == [2]
        with pytest.raises(UserError, match="holds no weights"):
            load_latest_checkpoint(store.folder_of(1), pytest.fail)
        with pytest.raises(UserError, match="run 1 is unknown"):
            inspect(1)
        assert sample(SamplingConfig(), 2)
        assert list_corpora()
        store.folder_of(1).lock().release()
        taken = acquire_engine_lock()
        assert taken is not None
        taken.close()
        assert newest.read_bytes() == before.read_bytes() == content
        with pytest.raises(UserError, match=r"is compressed by zip|is binary|not UTF-8"):
            find_corpus(str(newest))
    store.close()
    assert not unpickle_detector.path.exists()
    pickle.loads(plain)
    assert unpickle_detector.path.exists()  # it would have sprung


CORPORA: dict[str, tuple[Harm, str]] = {
    "gone": (lambda path: path.unlink(), "there is no file"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "has changed since run 1 learned it"),
    "a letter another": (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"z"), "has changed since run 1"),
    "noise": (lambda path: path.write_bytes(bytes(range(256))), "is binary"),
    "no UTF-8": (lambda path: path.write_bytes(b"\xff" * 200), "not UTF-8"),
    "a folder": (make_folder, "is a folder"),
    "a save": (lambda path: shutil.copy(RunStore(runs_dir()).folder_of(2).checkpoints()[0], path), "is binary"),
}


@pytest.mark.parametrize("harm", CORPORA)
def test_run_with_damaged_corpus_kept_and_not_trained(
    trained_runs: tuple[Path, Expected], expected: Expected, harm: str
) -> None:
    words = Path(expected.records[1].config.corpus)
    good, found = words.read_bytes(), words.stat()
    spoil, problem = CORPORA[harm]
    harness = DispatcherHarness()
    try:
        spoil(words)
        assert {name.in_corpus for name in sample(SamplingConfig(), 1)} == {None}
        assert inspect(1)
        with pytest.raises(UserError, match=problem) as refusal:
            harness.send(ForkRun(1))
        assert str(refusal.value).isprintable()
        assert "; " in str(refusal.value)
        assert harness.store.read(1) == expected.records[1]
    finally:
        if words.is_dir():
            shutil.rmtree(words)
        words.write_bytes(good)
        os.utime(words, ns=(found.st_atime_ns, found.st_mtime_ns))
    harness.send(OpenRun(1))
    assert harness.events_of(RunOpened)[-1].step == 301


@pytest.mark.parametrize("content", [b"", b"\xff\0\n" * 99, b"words\n../x\n", b"/" * 99_999, b"[" * 99])
def test_damaged_recent_corpora_ignored(tmp_path: Path, content: bytes) -> None:
    state_dir().mkdir(parents=True)
    (state_dir() / "recent-corpora").write_bytes(content)
    before = [entry.name for entry in list_corpora()]
    assert before == ["imena", "names"]
    words = tmp_path / "words.txt"
    words.write_text("\n".join(WORDS), "utf-8")
    add_recent_corpus(words)
    assert [entry.name for entry in list_corpora()] == [*before, str(words)]


def test_folder_at_recent_corpora_path_does_not_block_training(
    trained_runs: tuple[Path, Expected], expected: Expected
) -> None:
    (state_dir() / "recent-corpora").mkdir(parents=True)
    assert [entry.name for entry in list_corpora()] == ["imena", "names"]
    harness = DispatcherHarness()
    harness.send(StartRun(expected.records[1].config, "", steps=1))
    harness.run_until_idle()
    assert harness.store.read(3).step == 1


@pytest.mark.parametrize("content", [b"", b"\xff\0" * 999, b"-1 \n", b"1 elsewhere\n"])
def test_garbage_lock_file_blocks_nobody(expected: Expected, content: bytes) -> None:
    ensure_runtime_dir()
    lock_path().write_bytes(content)
    engine = acquire_engine_lock()
    assert engine is not None
    assert acquire_engine_lock() is None
    engine.close()
    (RunStore(runs_dir()).folder_of(1).path / LOCK_FILE).write_bytes(content)
    harness = DispatcherHarness()
    harness.send(OpenRun(1))
    assert harness.events_of(RunOpened)[-1].step == 301
