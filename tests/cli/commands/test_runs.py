"""`charwave-tui runs`: list, show, export, relocate, restore and delete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.folder_record import read_record_file
from charwave_tui.core.store.run_store import DATABASE_FILE, RunStore
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint, load_weights, write_checkpoint


@pytest.fixture
def store() -> RunStore:
    return RunStore(runs_dir(), pytest.fail)


@pytest.fixture
def two_runs(train: Any, store: RunStore) -> RunStore:
    """Of sixty steps and of thirty."""
    assert train("--preset", "mlp-3", "--set", "n_embd=3", "--set", "context=4").code == 0
    assert train("--steps", "30", "--seed", "9").code == 0
    store.set_name_and_note(1, "the first", "a note, «so»")
    return store


def test_no_runs_list_is_empty_and_creates_no_folder(command: Any) -> None:
    assert json.loads(command("runs", "list", "--json").out) == []
    assert command("runs", "list").out.count("\n") == 1
    assert not runs_dir().exists()


def test_list_json_has_row_per_run_newest_first(command: Any, two_runs: RunStore) -> None:
    printed = command("runs", "list", "--json")
    assert (printed.code, printed.err) == (0, "")
    second, first = json.loads(printed.out)
    assert (first["run"], second["run"]) == (1, 2)
    for row, record in ((first, two_runs.read(1)), (second, two_runs.read(2))):
        assert (row["preset"], row["state"], row["step"]) == (record.preset, "finished", record.step)
        assert (row["train"], row["val"], row["best_val"]) == (record.train, record.val, record.val)
        assert (row["created"], row["parameters"]) == (record.created, record.parameters)
        assert row["config"]["seed"] == record.config.seed
    assert (first["name"], first["note"]) == ("the first", "a note, «so»")


def test_list_table_columns_line_up(command: Any, two_runs: RunStore) -> None:
    heading, second, first = command("runs", "list").out.splitlines()
    assert heading.split() == ["run", "preset", "corpus", "params", "steps", "train", "best", "val", "state", "created"]
    record = two_runs.read(1)
    fields = [
        "1",
        "mlp-3",
        "words",
        f"{record.parameters:,}",
        "60",
        "/",
        "60",
        f"{record.train:.4f}",
        f"{record.val:.4f}",
    ]
    assert first.split() == [*fields, "finished", record.created, "the", "first"]
    for name in ("params", "steps", "train", "best val"):
        end = heading.index(name) + len(name)
        assert all(line[end - 1] != " " and line[end] == " " for line in (first, second))


def test_unmeasured_run_has_dashes_and_nulls(command: Any, small_run: Path, store: RunStore) -> None:
    store.write(msgspec.structs.replace(store.read(1), train=None, val=None, first_loss=None))
    assert json.loads(command("runs", "show", "1", "--json").out)["val"] is None
    assert [line.split() for line in command("runs", "show", "1").out.splitlines()][12][1] == "–"


def test_relocated_words_are_found_and_trained_on(
    command: Any, small_run: Path, words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = command("sample").out
    moved = words.rename(tmp_path / "moved.txt")
    assert "?" in command("sample").out
    monkeypatch.chdir(tmp_path)
    done = command("runs", "relocate", "1", "moved.txt")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"run 1 has its 100 words in {moved}\n"
    assert command("sample").out == before
    assert json.loads(command("runs", "show", "1", "--json").out)["config"]["corpus"] == str(moved)
    assert json.loads(command("runs", "relocate", "1", str(moved), "--json").out) == {"run": 1, "corpus": str(moved)}


def test_other_words_are_no_new_place(command: Any, small_run: Path, words: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(words.read_text("utf-8") + "\nzzz", "utf-8")
    refused = command("runs", "relocate", "1", str(other))
    assert refused.code == 2
    assert f"{other} is not the list that run 1 learned" in refused.err
    assert "there is no file" in command("runs", "relocate", "1", str(tmp_path / "none.txt")).err
    assert "run 7 is unknown" in command("runs", "relocate", "7", str(words)).err
    assert command("sample").err == ""


def test_show_has_config_metrics_and_weights_path(command: Any, two_runs: RunStore) -> None:
    printed = command("runs", "show", "2", "--json")
    assert printed.code == 0
    shown = json.loads(printed.out)
    record = two_runs.read(2)
    assert shown["run"] == 2
    assert (shown["config"]["max_steps"], shown["config"]["seed"]) == (30, 9)
    assert (shown["train"], shown["val"]) == (record.train, record.val)
    assert len(shown["history"]["points"]) == len(record.history.points) == 30
    assert [item["split"] for item in shown["history"]["evaluations"]][-2:] == ["train", "val"]
    weights = Path(shown["checkpoint"])
    assert weights.is_absolute()
    assert sum(tensor.numel() for name, tensor in load_weights(weights)[0].items() if "weight" in name) > 100
    assert json.loads(command("runs", "show", "run2", "--json").out) == shown


def test_show_without_json_prints_one_value_per_line(command: Any, two_runs: RunStore) -> None:
    lines = command("runs", "show", "1").out.splitlines()
    reported = {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1:] for line in lines}
    assert reported["run"] == ["1"]
    assert reported["state"] == ["finished"]
    assert reported["name"] == ["the first"]
    assert reported["n_hidden"] == ["8"]
    assert reported["fuse"] == ["2 2"]
    assert Path(reported["checkpoint"][0]).is_file()
    assert all(len(line) < 400 for line in lines)


def test_show_damaged_save_gives_previous_or_none(command: Any, small_run: Path, store: RunStore) -> None:
    newest, before = store.folder_of(1).checkpoints()
    newest.write_bytes(newest.read_bytes()[:-1])
    assert json.loads(command("runs", "show", "1", "--json").out)["checkpoint"] == str(before)
    before.unlink()
    assert json.loads(command("runs", "show", "1", "--json").out)["checkpoint"] is None


def test_export_writes_to_given_or_current_folder(
    command: Any, two_runs: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = command("runs", "export", "1")
    assert printed.code == 0
    assert printed.out.splitlines() == [
        f"run-0001/{name}" for name in ("curve.csv", "evaluations.csv", "record.json", "weights.safetensors")
    ]
    assert read_record_file(tmp_path / "run-0001") == two_runs.read(1)
    reported = json.loads(command("runs", "export", "2", "--to", "other", "--json").out)
    assert reported["run"] == 2
    assert {Path(path).parent for path in reported["files"]} == {tmp_path / "other"}
    assert load_weights(tmp_path / "other" / "weights.safetensors")[0].keys()
    again = command("runs", "export", "2", "--to", "other")
    assert (again.code, again.out) == (2, "")
    assert again.err == "charwave-tui: other is there already; name another folder with --to\n"


def test_rm_reports_freed_bytes(command: Any, two_runs: RunStore) -> None:
    size = sum(path.stat().st_size for path in two_runs.folder_of(1).path.iterdir())
    printed = command("runs", "rm", "1")
    assert (printed.code, printed.err) == (0, "")
    assert printed.out == f"run 1 is deleted: {size:,} bytes are free again\n"
    assert two_runs.run_numbers() == [2]
    (row,) = json.loads(command("runs", "rm", "2", "--json").out)
    assert (row["run"], row["bytes"] > 1_000) == (2, True)
    assert json.loads(command("runs", "list", "--json").out) == []
    assert command("runs", "rm", "2").code == 2


def test_rm_continues_past_failures_and_reports_them(command: Any, two_runs: RunStore) -> None:
    lock = two_runs.folder_of(2).lock()
    printed = command("runs", "rm", "1", "2", "1")
    assert printed.code == 2
    assert printed.out.startswith("run 1 is deleted: ")
    assert printed.out.count("\n") == 1
    assert printed.err.startswith("charwave-tui: run 2 is in use by process ")
    assert printed.err.count("\n") == 1
    lock.release()
    printed = command("runs", "rm", "70", "2", "--json")
    assert printed.code == 2
    assert [row["run"] for row in json.loads(printed.out)] == [2]
    assert "run 70 is unknown" in printed.err


def test_rm_deleted_removes_deleted_runs(command: Any, two_runs: RunStore) -> None:
    two_runs.delete(1)
    assert [row["run"] for row in json.loads(command("runs", "list", "--json").out)] == [2]
    assert command("runs", "show", "1").code == 2
    printed = command("runs", "rm", "--deleted", "--json")
    assert [row["run"] for row in json.loads(printed.out)] == [1]
    assert two_runs.run_numbers() == [2]
    assert command("runs", "rm", "--deleted") == type(printed)(0, "", "")


@pytest.mark.parametrize("asked", ["list", "show 1", "export 1", "rm 1"])
def test_unopenable_database_is_one_line_error(command: Any, small_run: Path, asked: str) -> None:
    (runs_dir() / DATABASE_FILE).unlink()
    (runs_dir() / DATABASE_FILE).mkdir()
    printed = command("runs", *asked.split())
    assert (printed.code, printed.out) == (2, "")
    assert printed.err == (
        f"charwave-tui: {runs_dir() / DATABASE_FILE} cannot be read (unable to open database file); "
        "mend that, or move it away to have it made anew\n"
    )


def test_damaged_database_warned_on_stderr_and_runs_listed(program: Any, small_run: Path) -> None:
    (runs_dir() / DATABASE_FILE).write_bytes(b"\xff" * 9_000)
    completed = program("runs", "list", "--json")
    assert completed.returncode == 0
    assert [row["run"] for row in json.loads(completed.stdout)] == [1]
    damaged, adopted = completed.stderr.splitlines()
    assert damaged.startswith("runs.db was damaged (file is not a database): it is made anew, the old one is ")
    assert adopted == "runs.db did not know of these runs, which are taken from their folders: 1"


def test_newer_database_refused_in_one_line(command: Any, small_run: Path) -> None:
    path = runs_dir() / DATABASE_FILE
    content = bytearray(path.read_bytes())
    content[60:64] = (99).to_bytes(4, "big")
    path.write_bytes(content)
    for words in ("runs list", "runs show 1", "sample", "inspect", "train --steps 5", "train --resume 1"):
        printed = command(*words.split())
        assert (printed.code, printed.out) == (2, ""), words
        assert printed.err.count("\n") == 1
        assert "runs.db is of schema 99, and this version of the program knows none after" in printed.err
    assert path.read_bytes() == content


def test_run_killed_in_training_listed_as_paused(command: Any, small_run: Path, store: RunStore) -> None:
    left = msgspec.structs.replace(store.read(1), state=RunState.TRAINING)
    store.write(left)
    folder = store.folder_of(1)
    write_checkpoint(folder, load_latest_checkpoint(folder, pytest.fail)._replace(record=left))
    (row,) = json.loads(command("runs", "list", "--json").out)
    assert row["state"] == "paused"


def test_restore_brings_back_run_deleted_in_ui(command: Any, two_runs: RunStore) -> None:
    two_runs.delete(1)
    assert command("runs", "restore", "1").out == "run 1 is back on the list\n"
    assert [row.run for row in two_runs.summaries()] == [2, 1]
    refused = command("runs", "restore", "2")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "charwave-tui: run 2 is not deleted; nothing needs restoring; charwave-tui runs list shows it\n"
    )
    assert command("runs", "restore", "3").err.startswith("charwave-tui: run 3 is unknown")
    two_runs.delete(2)
    assert json.loads(command("runs", "restore", "2", "--json").out) == [{"run": 2}]
