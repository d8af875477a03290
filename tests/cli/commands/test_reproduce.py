"""`charwave-tui reproduce`: recipes trained again and compared with the published losses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as struct_replace

from charwave_tui.cli.commands import reproduce
from charwave_tui.cli.commands import reproduce as reproduce_module
from charwave_tui.cli.commands.reproduce import PublishedComparison, as_json, as_markdown
from charwave_tui.cli.parallel_training import Job, JobResult, train_in_parallel
from charwave_tui.core.config import presets
from charwave_tui.core.config.presets import Preset, Published
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.metrics import RunState, TrainingHistory
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.events import Event, Progress
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore

SMALL = RunConfig(context=4, fuse=(2, 2), n_embd=4, n_hidden=8, batch_size=8, max_steps=20, eval_every=10)


PUBLISHED = Published("a lecture", 419, 2.0, 2.1)


@pytest.fixture
def small_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small recipes in place of the real ones."""
    small = {
        "first": Preset("first", "", SMALL, PUBLISHED),
        "own": Preset("own", "", SMALL, None),
        "large": Preset("large", "", replace(SMALL, batch_size=60_000), PUBLISHED),
    }
    for module in (presets, reproduce):
        monkeypatch.setattr(module, "presets", lambda: small)


@pytest.fixture
def lecture_corpus(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small words pass for the lecture's."""
    for module in (reproduce_module, reproduce):
        monkeypatch.setattr(module, "LECTURE_SHA256", find_corpus(str(words)).sha256)


@pytest.fixture
def record(words: Path) -> RunRecord:
    card = find_corpus(str(words)).summary()
    figures = {"seconds": 61.4, "training_seconds": 50.0, "first_loss": 3.3, "train": 2.01, "val": 2.105}
    return RunRecord(
        run=1,
        preset="first",
        config=SMALL,
        corpus=card,
        parameters=419,
        state=RunState.FINISHED,
        step=20,
        created="",
        history=TrainingHistory(),
        **figures,
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.usefixtures("lecture_corpus")
def test_val_loss_beyond_tolerance_is_marked(record: RunRecord) -> None:
    near, far = (
        PublishedComparison("first", record, PUBLISHED),
        PublishedComparison("first", struct_replace(record, val=2.1121), PUBLISHED),
    )
    _, rule, near_row, far_row, note = as_markdown([near, far])
    assert set(rule) <= set("|:- ")
    assert cells(near_row) == ["first", "419", "2.0000", "2.0100", "2.1000", "2.1050", "+0.0050", "61 s"]
    assert cells(far_row)[-2] == "+0.0121 (!)"
    assert "further than 0.012" in note
    assert [row["within"] for row in as_json([near, far])] == [True, False]
    assert len({len(line) for line in (rule, near_row, far_row)}) == 1


@pytest.mark.usefixtures("lecture_corpus")
def test_loss_of_unseen_words_has_column_where_any_run_has_it(record: RunRecord) -> None:
    rows = [
        PublishedComparison("first", struct_replace(record, val_unseen=2.13), PUBLISHED),
        PublishedComparison("first", record, PUBLISHED),
    ]
    heading, _, first, second = as_markdown(rows)
    assert cells(heading)[5:7] == ["val", "val unseen"]
    assert [cells(line)[5:8] for line in (first, second)] == [
        ["2.1050", "2.1300", "+0.0050"],
        ["2.1050", "–", "+0.0050"],
    ]
    assert [row["val_unseen"] for row in as_json(rows)] == [2.13, None]
    assert "unseen" not in "".join(as_markdown(rows[1:]))


@pytest.mark.usefixtures("lecture_corpus")
def test_incomparable_losses_are_not_compared(record: RunRecord) -> None:
    stopped = PublishedComparison("first", struct_replace(record, state=RunState.STOPPED), PUBLISHED)
    unknown = PublishedComparison("first", record, replace(PUBLISHED, val=None, remark="worse"))
    others = PublishedComparison("first", record, replace(PUBLISHED, parameters=400))
    _, _, near_row, unknown_row, other_row = as_markdown([stopped, unknown, others])
    assert cells(near_row)[4:7] == ["–", "stopped at step 20", "–"]
    assert cells(unknown_row)[4:7] == ["worse", "2.1050", "–"]
    assert cells(other_row)[1] == "419 (published 400)"


@pytest.mark.usefixtures("small_presets", "lecture_corpus")
def test_all_published_presets_trained_despite_one_failure(command: Any, words: Path) -> None:
    printed = command("reproduce", "--corpus", str(words), "--jobs", "2", "--json")
    assert printed.code == 2
    assert "large: batch_size 60,000 is more than" in printed.err
    assert "first  step        10" in printed.err
    (first,) = json.loads(printed.out)
    assert (first["preset"], first["state"], first["steps"], first["parameters"]) == ("first", "finished", 20, 419)
    assert first["published"]["val"] == 2.1
    assert first["difference"] == pytest.approx(first["val"] - 2.1, abs=1e-6)
    assert first["within"] is (abs(first["difference"]) <= 0.012)
    assert RunStore(runs_dir()).read(first["run"]).val == first["val"]


@pytest.mark.usefixtures("small_presets")
def test_other_corpus_rows_in_order_without_published_losses(
    command: Any, words: Path, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Job] = []

    def train(jobs: list[Job], processes: int, listener: object) -> Iterator[JobResult]:
        trained.extend(jobs)
        yield from (JobResult(job.name, record) for job in reversed(jobs))

    monkeypatch.setattr(reproduce, "train_in_parallel", train)
    printed = command("reproduce", "own", "first", "--corpus", str(words))
    assert "published losses do not apply" in printed.err
    _, _, own, first = printed.out.splitlines()
    assert cells(own)[0] == "own"
    assert cells(first)[2] == cells(first)[4] == cells(first)[6] == "–"
    assert {job.config for job in trained} == {replace(SMALL, corpus=str(words))}


@pytest.mark.usefixtures("small_presets", "lecture_corpus")
def test_interrupt_prints_finished_rows(
    command: Any, words: Path, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Iterator[JobResult]:
        yield JobResult("first", record)
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce, "train_in_parallel", interrupted)
    printed = command("reproduce", "--corpus", str(words))
    assert printed.code == 130
    assert cells(printed.out.splitlines()[-1])[0] == "first"


def test_interrupted_run_is_stopped_and_saved(words: Path) -> None:
    class Stopped(Exception):
        pass

    def stop_early(event: Event) -> None:
        if isinstance(event, Progress) and event.step > 0:
            raise Stopped

    endless = replace(SMALL, corpus=str(words), max_steps=100_000_000)
    with pytest.raises(Stopped):
        list(train_in_parallel([Job("endless", endless)], 1, lambda name: stop_early))
    left = RunStore(runs_dir()).read(1)
    assert (left.state, left.preset) == (RunState.STOPPED, "endless")
    assert left.step > 0
    assert left.val is not None
