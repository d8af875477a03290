"""What version 0.2.0 left on disk is listed, shown, sampled from and trained on as 0.2.0 did.

`python tests/e2e/test_data_of_0_2_0.py --write` writes the digests that are expected of the resumed runs on this
machine. Do that only at a commit that is known to be right, or where a change of the bits is meant.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.digests import digests_of_save, expected, newest_save, program, write

SCRIPT = "tests/e2e/test_data_of_0_2_0.py"


KEPT = Path(__file__).parents[1] / "assets" / "data-0.2.0" / "data"


TREE, GATED = 1, 2


STEPS = {TREE: 400, GATED: 200}


FINAL_VAL = {TREE: 1.7057667, GATED: 1.2445095}
"""What 0.2.0 reached when it resumed the runs; other processors round differently, by 3e-6 at the most so far."""


NAME, NOTE = "tiny tree", "lr halved at step 120; what is it like at 0.05?"


def copied(home: Path) -> Path:
    """Put a copy of the kept data into `home`."""
    shutil.copytree(KEPT, home / "data")
    return home


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of what 0.2.0 kept, as the folder of the user's data."""
    return copied(tmp_path / "kept")


def printed(home: Path, *words: str) -> Any:
    """What a command prints with --json."""
    return json.loads(program(home, *words, "--json"))


def listed(home: Path) -> list[dict[str, Any]]:
    names = ("run", "name", "note", "preset", "corpus", "parameters", "state", "step", "train", "val", "best_val")
    return [{name: row[name] for name in names} for row in printed(home, "runs", "list")]


LISTED = [
    {
        "run": GATED,
        "name": "tiny gated",
        "note": "",
        "preset": "charwave",
        "corpus": "kept-words",
        "parameters": 1350,
        "state": "paused",
        "step": 100,
        "train": 1.149304707845052,
        "val": 1.282511087288534,
        "best_val": 1.282511087288534,
    },
    {
        "run": TREE,
        "name": NAME,
        "note": NOTE,
        "preset": "playground",
        "corpus": "kept-words",
        "parameters": 391,
        "state": "stopped",
        "step": 200,
        "train": 1.7903243834713856,
        "val": 1.8299220952772557,
        "best_val": 1.8299220952772557,
    },
]


@pytest.fixture(scope="module")
def home_of_resumed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which both runs were trained to their end; read only."""
    home = copied(tmp_path_factory.mktemp("resumed"))
    for run in (TREE, GATED):
        resume(home, run)
    return home


def test_kept_runs_are_listed(kept: Path) -> None:
    assert listed(kept) == LISTED


def test_database_is_migrated_with_backup_and_has_no_loss_of_unseen_words(kept: Path) -> None:
    assert [row["best_val_unseen"] for row in printed(kept, "runs", "list")] == [None, None]
    assert printed(kept, "runs", "show", str(TREE))["config"]["repeats"] == "keep"
    database = kept / "data" / "runs" / "runs.db"
    for path, columns in [(database.with_name("runs.db.schema-2"), 3), (database, 4)]:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT * FROM evaluations WHERE run = ?", (TREE,)).fetchone()
        assert len(row) == 2 + columns


def test_kept_runs_are_listed_from_their_folders_without_database(kept: Path) -> None:
    (kept / "data" / "runs" / "runs.db").unlink()
    assert listed(kept) == LISTED


def test_kept_run_is_shown_with_curve_evaluations_and_marks(kept: Path) -> None:
    shown = printed(kept, "runs", "show", str(TREE))
    assert (shown["name"], shown["note"], shown["state"], shown["step"]) == (NAME, NOTE, "stopped", 200)
    assert shown["created"] == "2026-12-01T02:51:19+00:00"
    config = shown["config"]
    assert (config["lr"], config["momentum"], config["fuse"], config["max_steps"]) == (0.05, 0.5, [2, 2], 400)
    history = shown["history"]
    assert history["window"] == 2
    assert [point[0] for point in history["points"]] == list(range(2, 201, 2))
    assert history["points"][0] == [2, 2.7023816108703613, 2.6942014694213867, 2.710561752319336]
    assert [(item["step"], item["split"]) for item in history["evaluations"]] == [
        (50, "val"),
        (100, "val"),
        (150, "val"),
        (200, "val"),
        (200, "train"),
    ]
    assert history["evaluations"][0]["loss"] == 2.2366176978089753
    assert [(mark["step"], mark["text"]) for mark in history["marks"] if not mark["quiet"]] == [(120, "lr 0.1 → 0.05")]
    assert printed(kept, "runs", "show", str(GATED))["ghost"] == TREE


def resume(home: Path, run: int) -> None:
    """Train a kept run to its end."""
    result = printed(home, "train", "--resume", str(run))
    assert (result["run"], result["state"], result["steps"]) == (run, "finished", STEPS[run])


def digests_of_resumed(home: Path, run: int) -> dict[str, Any]:
    """The digests of what the run went on to: its last save, without its record."""
    digests = digests_of_save(newest_save(home, run))
    return {name: digests[name] for name in ("weights", "optimizer", "batches", "standing")}


@pytest.mark.parametrize("run", [TREE, GATED])
def test_kept_run_is_resumed_to_same_losses(run: int, home_of_resumed: Path) -> None:
    shown = printed(home_of_resumed, "runs", "show", str(run))
    assert shown["val"] == pytest.approx(FINAL_VAL[run], abs=5e-5)
    before = next(row for row in LISTED if row["run"] == run)
    assert (shown["name"], shown["note"], shown["state"]) == (before["name"], before["note"], "finished")
    assert shown["history"]["points"][-1][0] == STEPS[run]


@pytest.mark.parametrize("run", [TREE, GATED])
def test_kept_run_is_resumed_to_same_bits(run: int, home_of_resumed: Path) -> None:
    known = expected(f"data-0.2.0 run {run}", SCRIPT)
    assert digests_of_resumed(home_of_resumed, run) == known


def test_starred_names_outlive_use_of_the_data(home_of_resumed: Path) -> None:
    database = home_of_resumed / "data" / "runs" / "runs.db"
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT name, nll, run, step, starred FROM stars ORDER BY star").fetchall()
    assert found == [
        ("tini", 1.8154266357421875, TREE, 200, "2026-12-01T02:51:21+00:00"),
        ("ru", 2.2883501847585044, TREE, 200, "2026-12-01T02:51:21+00:00"),
    ]


def test_kept_run_is_sampled_from_and_inspected(kept: Path) -> None:
    chosen = ("--run", str(TREE))
    names = printed(kept, "sample", "-n", "3", *chosen)
    assert [(item["name"], item["in_corpus"]) for item in names[:2]] == [("tini", False), ("ru", False)]
    assert [item["nll"] for item in names[:2]] == pytest.approx([1.8154266, 2.2883502], abs=1e-4)
    layers = printed(kept, "inspect", *chosen)
    assert sum(layer["parameters"] for layer in layers) == 391
    assert [layer["name"].split()[0] for layer in layers] == [
        "Embedding",
        *("FlattenConsecutive", "Linear", "BatchNorm1d", "Tanh") * 2,
        "Linear",
    ]


def main() -> None:
    """Write the digests that are expected on this machine."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", action="store_true", required=True, help="replace those that there are")
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = copied(Path(folder))
        for run in (TREE, GATED):
            resume(home, run)
        write({f"data-0.2.0 run {run}": digests_of_resumed(home, run) for run in (TREE, GATED)})


if __name__ == "__main__":
    main()
