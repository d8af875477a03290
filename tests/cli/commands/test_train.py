"""`charwave-tui train`, from the command line to the run on disk."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.pty_screen import PtyScreen, playground_command

from charwave_tui.cli.process import stop_on_signals
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.metrics import RunState, Split
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.checkpoint import load_weights
from charwave_tui.engine.training.trainer import Trainer

KINDS: dict[str, type | tuple[type, ...]] = {
    "run": int,
    "preset": str,
    "parameters": int,
    "steps": int,
    "seconds": float,
    "steps_per_second": float,
    "first_loss": float,
    "train": float,
    "val": float,
}


WILD = [f"--set={setting}" for setting in ("lr=10", "norm=none", "activation=relu", "output_scale=100", "n_hidden=64")]


def test_json_is_one_object_with_every_metric_alone_on_stdout(train: Any) -> None:
    printed = train("--json")
    assert printed.code == 0
    result = json.loads(printed.out)
    assert printed.out.count("\n") == 1
    assert {name: type(result[name]) for name in KINDS} == KINDS
    assert (result["run"], result["preset"], result["steps"]) == (1, "playground", 60)
    assert result["first_loss"] == pytest.approx(math.log(15), abs=0.2)
    assert "run 1 · playground · 100 words of words" in printed.err
    assert f"val {result['val']:.4f}" in printed.err


def test_text_output_has_same_metrics_as_json(train: Any) -> None:
    rows = dict(line.split() for line in train().out.splitlines())
    assert rows.keys() >= KINDS.keys()
    assert rows["steps"] == "60"


def test_train_and_val_loss_are_whole_splits_in_eval_mode(train: Any, words: Path) -> None:
    result = json.loads(train("--json").out)
    record = RunStore(runs_dir()).read(1)
    trainer = Trainer(record.config, find_corpus(str(words)), torch.device("cpu"))
    weights, _ = load_weights(RunStore(runs_dir()).folder_of(1).checkpoints()[0])
    trainer.load_state(weights, 60)
    trainer.model.train(False)
    for split in (Split.TRAIN, Split.VAL):
        contexts, targets = trainer.splits.windows(split).batch(slice(None))
        with torch.no_grad():
            loss = torch.nn.functional.cross_entropy(trainer.model(contexts), targets)
        assert result[split.value] == pytest.approx(loss.item(), abs=1e-5)
    assert result["parameters"] == sum(parameter.numel() for parameter in trainer.model.parameters())


def test_options_and_set_reach_config_and_last_one_wins(train: Any) -> None:
    train("--seed", "7", "--device", "cpu", "--set", "lr=0.2", "--set", "lr=0.3", "--steps", "12")
    config = RunStore(runs_dir()).read().config
    assert (config.seed, config.device, config.lr, config.max_steps) == (7, "cpu", 0.3, 12)
    assert (config.fuse, config.n_hidden) == ((2, 2), 8)


def test_options_before_command_count_and_later_ones_override(command: Any, words: Path) -> None:
    before = "--preset", "mlp-3", "--corpus", str(words), "--set", "lr=0.2", "--set", "n_hidden=9", "--set", "n_embd=3"
    assert command(*before, "train", "--steps", "12", "--set", "n_hidden=8").code == 0
    record = RunStore(runs_dir()).read()
    config = record.config
    assert (record.preset, record.corpus.name, config.context) == ("mlp-3", "words", 3)
    assert (config.lr, config.n_hidden, config.n_embd) == (0.2, 8, 3)
    assert command(*before, "train", "--preset", "tree-22k", "--steps", "12").code == 0
    assert RunStore(runs_dir()).read().preset == "tree-22k"


def test_unsaved_run_prints_metrics_and_exits_2(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("charwave_tui.engine.runs.autosave.write_checkpoint", refuse)
    printed = train("--json")
    assert printed.code == 2
    result = json.loads(printed.out)
    assert (result["steps"], result["state"]) == (60, "finished")
    assert result["val"] > 0
    assert printed.err.splitlines()[-1].startswith(
        "charwave-tui: run 1 could not be saved: No space left on device; free some space"
    )


def test_same_seed_same_metrics_other_seed_differs(train: Any) -> None:
    one, again, other = (json.loads(train("--json", "--seed", seed).out) for seed in ("3", "3", "4"))
    figures = "first_loss", "train", "val"
    assert [one[name] for name in figures] == [again[name] for name in figures]
    assert all(one[name] != other[name] for name in figures)
    assert [one["run"], again["run"], other["run"]] == [1, 2, 3]


def test_seconds_count_from_process_start(program: Any, words: Path) -> None:
    began = time.monotonic()
    result = json.loads(program("train", "--corpus", str(words), "--steps", "50", "--json").stdout)
    wall = time.monotonic() - began
    # torch alone takes longer to import than these steps to train
    assert 3 * result["steps"] / result["steps_per_second"] < result["seconds"] <= wall


def test_diverged_run_prints_metrics_and_cause_and_exits_2(train: Any) -> None:
    printed = train("--json", *WILD, "--steps", "5000")
    assert printed.code == 2
    result = json.loads(printed.out)
    assert result["state"] == "diverged"
    assert result["steps"] < 5000
    assert result["train"] is None
    last = printed.err.splitlines()[-1]
    assert last.startswith("charwave-tui: run 1 diverged: the loss became ")
    assert "; try lr 3.3" in last


@pytest.fixture
def training(words: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a run that would go on for ever, and waits until it has learned something."""

    def start(*more: str) -> subprocess.Popen[str]:
        command = playground_command("train", "--corpus", str(words), "--steps", "100000000", "--json")
        process = subprocess.Popen(
            [*command, "--set", "eval_every=50", *more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert process.stderr
        assert any("val" in line for line in process.stderr)
        return process

    return start


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signal_stops_evaluates_saves_and_prints(training: Any, name: str) -> None:
    process = training()
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    result = json.loads(out)
    record = RunStore(runs_dir()).read()
    assert record.state is RunState.STOPPED
    assert (record.step, record.train, record.val) == (result["steps"], result["train"], result["val"])
    assert 0 < record.step < 100_000_000
    assert "Traceback" not in err


class StopCounter:
    """A training that notes how often it was stopped."""

    def __init__(self) -> None:
        self.stops = 0

    def stop(self) -> None:
        self.stops += 1


@pytest.mark.parametrize(("nohup", "stops"), [(False, 3), (True, 2)])
def test_closed_terminal_stops_run_except_under_nohup(nohup: bool, stops: int) -> None:
    training = StopCounter()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    try:
        with stop_on_signals(training):  # type: ignore[arg-type]
            for name in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                signal.raise_signal(name)
        assert signal.getsignal(signal.SIGHUP) == (signal.SIG_IGN if nohup else signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert training.stops == stops
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_closed_stdout_leaves_run_saved_without_traceback(words: Path, tmp_path: Path) -> None:
    line = f"{sys.executable} -m charwave_tui train --corpus {words} --steps 3000 --set eval_every=20 2>&1 | head -n 1"
    completed = subprocess.run(["bash", "-c", line], capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert completed.stdout.startswith("run 1 · playground")
    assert completed.stdout.count("\n") == 1
    assert completed.stderr == ""
    record = RunStore(runs_dir()).read()
    assert record.state in (RunState.STOPPED, RunState.FINISHED)
    assert record.val is not None


def test_terminal_shows_progress_bar(words: Path) -> None:
    with PtyScreen(playground_command("train", "--corpus", str(words), "--steps", "400"), 100, 30) as screen:
        assert screen.wait_exit() == 0
        assert "400/400" in screen.text
        assert "run 1 · playground" in screen.text
        assert "steps_per_second" in screen.text


def test_user_error_on_terminal_stands_alone(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "60/60" in train().err
    refused = train("--set", "batch_size=60000")
    assert refused.code == 2
    assert refused.err.startswith("charwave-tui: batch_size 60,000 is more than the 320 examples to train on")
    assert refused.err.count("\n") == 1


REPEATS_FACTS = ("words", "distinct", "val_in_train", "val_unseen")


@pytest.fixture
def repeated(tmp_path: Path) -> Path:
    """Ten words, thirty times each, so that every word of val is in train."""
    path = tmp_path / "repeated.txt"
    path.write_text(
        "\n".join(["anna", "berta", "carl", "dora", "emil", "frida", "gustav", "helga", "ivo", "jana"] * 30), "utf-8"
    )
    return path


def test_repeats_are_told_once_before_training_and_in_result(train: Any, repeated: Path) -> None:
    printed = train("--corpus", str(repeated), "--set", "eval_every=20")
    assert printed.err.count("300 words, 10 distinct; 100 % of val also in train") == 1
    assert printed.err.splitlines()[1] == "300 words, 10 distinct; 100 % of val also in train"
    rows = dict(line.split() for line in printed.out.splitlines())
    assert [rows[name] for name in REPEATS_FACTS] == ["300", "10", "1.0000", "–"]


def test_repeats_once_splits_distinct_words(train: Any, repeated: Path) -> None:
    printed = train("--corpus", str(repeated), "--set", "repeats=once", "--json")
    assert "300 words, 10 distinct; none of val in train" in printed.err
    result = json.loads(printed.out)
    assert [result[name] for name in REPEATS_FACTS] == [300, 10, 0.0, None]
    record = RunStore(runs_dir()).read(1)
    assert record.config.repeats == "once"
    assert record.corpus.examples == (43, 5, 6)


def test_list_without_repeats_tells_nothing_but_in_json(train: Any) -> None:
    printed = train()
    told = printed.out + printed.err
    assert not any(word in told for word in ("distinct", "also in train", "unseen"))
    result = json.loads(train("--json").out)
    assert [result[name] for name in REPEATS_FACTS] == [100, 100, 0.0, None]


def test_too_few_words_without_repeats_are_refused(train: Any, tmp_path: Path) -> None:
    path = tmp_path / "few.txt"
    path.write_text("ab\nba\n" * 10, "utf-8")
    printed = train("--corpus", str(path), "--set", "repeats=once")
    assert printed.code == 2
    assert "few has only 2 words without repeats; take a file of at least 10, or set repeats to keep" in printed.err


@pytest.mark.parametrize("name", ["train", "start"])
def test_file_that_is_not_there_refused_before_torch_is_imported(tmp_path: Path, name: str) -> None:
    script = (
        "import sys; from charwave_tui.cli.main import main\n"
        f"code = main(['{name}', '--corpus', '/none/at/all.txt'])\n"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "2 False\n"
    assert "there is no file /none/at/all.txt" in done.stderr


def test_hints_told_once_before_training(command: Any, train: Any, words: Path) -> None:
    words.write_text("Name\n" + words.read_text("utf-8"), "utf-8")
    printed = train("--steps", "5")
    assert printed.code == 0
    (hint,) = [line for line in printed.err.splitlines() if "heading" in line]
    assert hint == f"words: line 1, Name, may be a heading and would be learned too; tail -n +2 {words} > list.txt"
    assert printed.err.splitlines()[0] == hint


def test_file_name_that_turns_text_around_is_escaped(command: Any, words: Path, tmp_path: Path) -> None:
    path = words.rename(tmp_path / "a\u202ebc.txt")
    printed = command("train", "--corpus", str(path), "--steps", "3", "--set", "batch_size=4")
    assert printed.code == 0
    shown = command("runs", "list"), command("runs", "show", "1"), command("data", "list"), printed
    for result in shown:
        assert "\u202e" not in result.out + result.err
        assert "a\\u202ebc" in result.out + result.err


def test_unseen_words_of_val_have_loss_of_their_own(train: Any, tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text("\n".join([a + b + c for a in "bdk" for b in "aei" for c in "nrst"] * 2 + ["basil", "keril"] * 9))
    printed = train("--corpus", str(path), "--set", "eval_every=20", "--json")
    result = json.loads(printed.out)
    assert 0 < result["val_in_train"] < 1
    assert result["val_unseen"] != result["val"]
    lines = [line for line in printed.err.splitlines() if line.startswith("step")]
    assert len(lines) == 3
    assert f"val {result['val']:.4f}  unseen {result['val_unseen']:.4f}" in lines[-1]
    record = RunStore(runs_dir()).read(1)
    assert [step for step, _ in record.history.val_unseen_losses()] == [20, 40, 60]
    assert record.val_unseen == record.history.val_unseen_losses()[-1][1] == record.summary().val_unseen
    assert record.summary().best_val_unseen == min(loss for _, loss in record.history.val_unseen_losses())


def test_list_of_runs_has_column_of_unseen_words_only_where_measured(
    train: Any, command: Any, repeated: Path, tmp_path: Path
) -> None:
    train()
    assert "unseen" not in command("runs", "list").out
    path = tmp_path / "more.txt"
    path.write_text(repeated.read_text() + "\n" + "\n".join(f"{a}{b}ka" for a in "abcd" for b in "aeio"))
    result = json.loads(train("--corpus", str(path), "--json", "--set", "eval_every=60").out)
    heading, newest, oldest = command("runs", "list").out.splitlines()
    assert "best val of unseen" in heading
    assert newest.split()[9] == f"{result['val_unseen']:.4f}"
    assert oldest.split()[9] == "–"
