"""`charwave-tui sample`: names, predictions and scores from a run on disk, and errors without one."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.cells import cell_len

from charwave_tui.cli.commands.sample import name_lines, next_lines, score_lines
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.metrics import SampledName, Split
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.events import NextPredicted, WordScored
from charwave_tui.core.store.run_store import DATABASE_FILE, RunStore
from charwave_tui.engine import api
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint, save_weights, write_checkpoint


def test_json_is_array_of_names_with_nll_and_corpus_membership(command: Any, small_run: Path, words: Path) -> None:
    drawn = json.loads(command("sample", "-n", "40", "--json").out)
    words_known = set(words.read_text("utf-8").split())
    train_words = set(find_corpus(str(words)).split(Split.TRAIN))
    assert len(drawn) == 40
    for item in drawn:
        kinds = {"name": str, "nll": float, "in_corpus": bool, "near": str, "surprises": list, "is_cut": bool}
        assert {name: type(value) for name, value in item.items() if name != "held_out"} == kinds
        assert item["held_out"] == (item["name"] not in train_words if item["in_corpus"] else None)
        assert item["nll"] > 0
        assert item["nll"] == pytest.approx(sum(item["surprises"]) / (len(item["name"]) + 1))
        assert item["in_corpus"] == (item["name"] in words_known)
        assert item["near"] in words_known or item["near"] == ""


def test_text_output_marks_known_names(command: Any, train: Any) -> None:
    train("--steps", "1500", "--set", "batch_size=64")
    drawn = json.loads(command("sample", "-n", "400", "--json").out)
    assert {(item["in_corpus"], bool(item["near"])) for item in drawn} == {(True, False), (False, True), (False, False)}
    assert {item["held_out"] for item in drawn} == {True, False, None}
    signs = [
        ["◇" if item["held_out"] else "="] if item["in_corpus"] else ["≈", item["near"]] if item["near"] else ["+"]
        for item in drawn
    ]
    shown = [line.split() for line in command("sample", "-n", "400").out.splitlines()]
    assert shown == [
        [item["name"] or "–", f"{item['nll']:.2f}", *sign] for item, sign in zip(drawn, signs, strict=True)
    ]


def test_empty_name_is_still_a_row(command: Any, small_run: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(api, "sample", lambda sampling, run, corpus: (SampledName("", 5.85, False),))
    assert command("sample").out.split() == ["–", "5.85", "+"]
    assert json.loads(command("sample", "--json").out) == [
        {"name": "", "nll": 5.85, "in_corpus": False, "near": "", "surprises": [], "is_cut": False, "held_out": None}
    ]


def test_memorising_compares_words_of_train_with_held_out_ones(command: Any, train: Any) -> None:
    train("--steps", "600")
    result = json.loads(command("sample", "--memorising", "--json").out)
    assert (result["run"], result["step"]) == (1, 600)
    assert (result["train"]["words"], result["held_out"]["words"]) == (80, 20)
    ratio = result["train"]["probability"] / 80 / (result["held_out"]["probability"] / 20)
    assert result["memorising"] == pytest.approx(ratio)
    assert command("sample", "--memorising").out.startswith(f"memorising {ratio:.2f} (1 = none)\n")


def test_enough_samples_tell_how_much_is_memorised(command: Any, train: Any) -> None:
    train("--steps", "600", "--set", "batch_size=64")
    assert "memorising" not in command("sample", "-n", "20").err
    for options in ((), ("--json",)):
        printed = command("sample", "-n", "1000", *options)
        assert re.search(r"^memorising \d+\.\d ± \d+\.\d \(1 = none\)$", printed.err, re.MULTILINE)
        assert "memorising" not in printed.out
    assert "memorising" not in command("sample", "-n", "1000", "--temperature", "0.9").err


def test_memorising_refused_without_held_out_words_or_with_other_options(
    command: Any, train: Any, tmp_path: Path
) -> None:
    path = tmp_path / "repeated.txt"
    path.write_text(
        "\n".join(["anna", "berta", "carl", "dora", "emil", "frida", "gustav", "helga", "ivo", "jana"] * 30)
    )
    train("--corpus", str(path), "--steps", "10")
    refused = command("sample", "--memorising")
    assert refused.code == 2
    assert "every word of val and test is also in train; take a list" in refused.err
    assert "-n is for names, and --memorising samples none" in command("sample", "--memorising", "-n", "3").err
    assert "call it on elsewhere" in command("sample", "--memorising", "--host", "elsewhere").err


def test_numbers_line_up_after_wide_names() -> None:
    lines = name_lines(
        [SampledName(name, 2.0, in_corpus=False) for name in ("anna", "北海道", "e\u0301", "\u0e34a", "")]
    )
    assert {cell_len(line) for line in lines} == {32}
    lines = name_lines([SampledName(name, 2.0, in_corpus=False) for name in ("anna", "x" * 70, "पानी")])
    assert {cell_len(line) for line in lines} == {78}


def test_cut_name_ends_with_ellipsis_in_place_of_a_sign() -> None:
    assert name_lines([SampledName("ab", 2.0, False, is_cut=True)]) == [f"{'ab…':24}  2.00 …"]


CHARACTERS = "a山\u0301\u093e\u200d🇩"


def test_figures_of_each_character_line_up() -> None:
    scored = WordScored(1, 0, CHARACTERS, (12.5,) * (len(CHARACTERS) + 1), "")
    assert {cell_len(line) for line in score_lines(scored)[:-1]} == {13}
    lines = next_lines(NextPredicted(1, 0, "", (2.0,) * (len(CHARACTERS) + 1), ()), CHARACTERS, 1.0)
    assert {cell_len(line) for line in lines} == {14}
    assert [line.split()[0] for line in lines] == ["end", "a", "山", "◌\u0301", "◌\u093e", "U+200D", "🇩"]


def test_seed_repeats_names_and_other_seed_differs(command: Any, small_run: Path) -> None:
    one, again, other = (command("sample", "--seed", seed).out for seed in ("1", "1", "2"))
    assert one == again != other
    assert len(one.splitlines()) == 20


def test_names_start_with_prefix(command: Any, small_run: Path) -> None:
    drawn = json.loads(command("sample", "--prefix", "ba", "-n", "8", "--json").out)
    assert len(drawn) == 8
    assert all(item["name"].startswith("ba") for item in drawn)


def test_every_sampling_setting_has_an_option(command: Any, small_run: Path, words: Path) -> None:
    drawn = command("sample", "-n", "9", "--pattern", "?e*", "--suffix", "a", "--longest", "6", "--shortest", "3")
    names = [line.split()[0] for line in drawn.out.splitlines()]
    assert len(names) == 9
    assert all(3 <= len(name) <= 6 and name[1] == "e" and name[-1] == "a" for name in names)
    alike = json.loads(command("sample", "-n", "9", "--top-k", "1", "--json").out)
    assert len({item["name"] for item in alike}) == 1
    assert alike == json.loads(command("sample", "-n", "9", "--top-p", "0.01", "--json").out)
    new = json.loads(command("sample", "-n", "200", "--only-new", "--json").out)
    assert not {item["name"] for item in new} & set(words.read_text("utf-8").split())


def test_missing_new_names_reported_on_stderr(command: Any, small_run: Path, words: Path) -> None:
    word = words.read_text("utf-8").split()[0]
    printed = command("sample", "-n", "3", "--only-new", "--prefix", word, "--longest", str(len(word)))
    assert (printed.code, printed.out) == (0, "")
    assert printed.err == "of 3 new names none came; try a higher temperature\n"


def test_word_scored_per_character_with_percentile(command: Any, small_run: Path, words: Path) -> None:
    word = words.read_text("utf-8").split()[0]
    reported = json.loads(command("sample", "--score", word, "--json").out)
    surprises = [item["surprise"] for item in reported["characters"]]
    assert [item["character"] for item in reported["characters"]] == [*word, ""]
    assert reported["total"] == pytest.approx(sum(surprises))
    assert reported["mean"] == pytest.approx(sum(surprises) / len(surprises))
    assert (reported["word"], reported["known"], reported["among"]) == (
        word,
        word,
        len(words.read_text("utf-8").split()),
    )
    assert 0 <= reported["percentile"] < 100
    *rows, last = command("sample", "--score", word).out.splitlines()
    expected = [[symbol, f"{surprise:.2f}"] for symbol, surprise in zip([*word, "end"], surprises, strict=True)]
    assert [row.split() for row in rows] == expected
    assert last.startswith(f"{reported['total']:.2f} nats, {reported['mean']:.2f} a character, a lower nll than ")
    assert last.endswith("; in the corpus")


def test_next_characters_ranked_and_probabilities_sum_to_one(command: Any, small_run: Path) -> None:
    reported = json.loads(command("sample", "--next", "ba", "--temperature", "0.5", "--json").out)
    probabilities = [item["p"] for item in reported["next"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1)
    squares = [math.exp(-2 * item["surprise"]) for item in reported["next"]]
    assert probabilities == pytest.approx([square / sum(squares) for square in squares])
    assert {item["character"] for item in reported["next"]} == {"", *"abdeiklmnorstu"}
    first = command("sample", "--next", "ba", "--temperature", "0.5").out.splitlines()[0].split()
    assert first == [reported["next"][0]["character"] or "end", f"{probabilities[0]:.2%}"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pattern", "abcde", "--longest", "3"], "pattern abcde needs 5 characters, more than longest 3"),
        (["--shortest", "9", "--longest", "3"], "shortest 9 is more than longest 3; try 3 or fewer for shortest"),
        (["--pattern", "m\\"], "the pattern m\\ ends in \\"),
        (["--suffix", "é"], "“é” does not occur in the corpus words; its characters are"),
        (["--score", "bé"], "“é” does not occur in the corpus words; its characters are"),
        (["--score", "b\ta"], "word holds a control character; type letters"),
        (["--next", "é"], "“é” does not occur in the corpus words; its characters are"),
        (["--score", "a" * 1_001], "a word of 1,001 characters is too long; try at most 1,000 characters"),
        (["--score", "a", "--next", "a"], "not allowed with"),
        (["--top-p", "0"], "top_p 0 is out of bounds"),
    ],
)
def test_invalid_sampling_request_refused_in_one_line(
    command: Any, small_run: Path, arguments: list[str], message: str
) -> None:
    printed = command("sample", *arguments)
    assert (printed.code, printed.out) == (2, "")
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_low_temperature_names_are_likelier(command: Any, small_run: Path) -> None:
    cold, hot = (json.loads(command("sample", "--temperature", heat, "--json").out) for heat in ("0.1", "5"))
    assert sum(item["nll"] for item in cold) < sum(item["nll"] for item in hot)


def test_newest_run_sampled_unless_another_is_named(command: Any, train: Any) -> None:
    for seed in ("1", "2"):
        train("--seed", seed)
    first, second = (command("sample", "--run", run).out for run in ("1", "2"))
    assert command("sample").out == second != first


def test_prefix_outside_alphabet_refused_with_known_characters(command: Any, small_run: Path) -> None:
    printed = command("sample", "--prefix", "bé")
    assert (printed.code, printed.out) == (2, "")
    assert printed.err == ("charwave-tui: “é” does not occur in the corpus words; its characters are abdeiklmnorstu\n")


def other_weights(path: Path) -> None:
    folder = RunStore(runs_dir()).folder_of(1)
    write_checkpoint(
        folder, load_latest_checkpoint(folder, pytest.fail)._replace(tensors={"elsewhere": torch.zeros(3)})
    )
    folder.checkpoints()[0].rename(path)


def strip_metadata(path: Path) -> None:
    save_weights(path, load_latest_checkpoint(RunStore(runs_dir()).folder_of(1), pytest.fail).tensors, {})


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-200]), "holds no weights"),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 8), "holds no weights"),
    "empty": (lambda path: path.write_bytes(b""), "holds no weights"),
    "one byte another": (lambda path: path.write_bytes(path.read_bytes()[:-9] + b"!" * 9), "not what was written"),
    "another model's weights": (other_weights, "do not fit"),
    "weights without their run": (strip_metadata, "holds no run"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["sample", "inspect"])
def test_run_without_readable_save_is_one_line_error(command: Any, small_run: Path, name: str, damage: str) -> None:
    newest, *others = RunStore(runs_dir()).folder_of(1).checkpoints()
    for other in others:
        other.unlink()
    harm, result = DAMAGES[damage]
    harm(newest)
    printed = command(name)
    assert (printed.code, printed.out) == (2, "")
    assert result in printed.err
    assert printed.err.count("\n") == 1
    assert "; " in printed.err


def test_damaged_newest_save_uses_previous_with_warning(program: Any, command: Any, small_run: Path) -> None:
    before = command("sample").out
    newest = RunStore(runs_dir()).folder_of(1).checkpoints()[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    completed = program("sample")
    assert (completed.returncode, completed.stdout) == (0, before)  # both are of the run's end
    (line,) = completed.stderr.splitlines()
    assert line.startswith(f"{newest} holds no weights that can be read")
    assert line.endswith("run 1 is taken from the save before it, of step 60")


@pytest.mark.parametrize("harm", [b"", b"gone", b"\xff" * 9_000])
def test_sampling_works_with_damaged_database(command: Any, small_run: Path, harm: bytes) -> None:
    before = command("sample").out
    (runs_dir() / DATABASE_FILE).write_bytes(harm)
    assert command("sample") == type(command("--version"))(0, before, "")
    (runs_dir() / DATABASE_FILE).unlink()
    assert command("sample").out == before


def test_older_run_usable_when_newest_is_damaged(command: Any, train: Any, home: Path) -> None:
    train()
    train()
    for save in RunStore(runs_dir()).folder_of(2).checkpoints():
        save.write_bytes(b"")
    assert command("sample").code == 2
    assert command("sample", "--run", "1").code == 0
    shutil.rmtree(home / "data" / "runs" / "0002")
    assert command("sample").code == 0  # it has no weights at all


@pytest.mark.parametrize("name", ["sample", "inspect"])
def test_run_in_use_reports_age_of_weights_on_stderr(command: Any, small_run: Path, name: str) -> None:
    before = command(name, "--json")
    assert before.err == ""
    lock = RunStore(runs_dir()).folder_of(1).lock()
    printed = command(name, "--json")
    assert (printed.code, printed.out) == (0, before.out)
    assert printed.err == "run 1 is in use; these are its weights of step 60\n"
    lock.release()
    assert command(name, "--json").err == ""


@pytest.mark.parametrize("is_gone", [False, True])
def test_run_without_its_words_answers_and_says_so_once(
    program: Any, small_run: Path, words: Path, tmp_path: Path, is_gone: bool
) -> None:
    moved = tmp_path / "moved.txt"
    moved.write_bytes(words.read_bytes())
    if is_gone:
        words.unlink()
    else:
        words.write_text(words.read_text("utf-8") + "\nzzz", "utf-8")
    for call in (("sample",), ("sample", "--json"), ("sample", "--score", "ban"), ("inspect",)):
        printed = program(*call)
        assert (printed.returncode, printed.stderr.count("\n")) == (0, 1)
        assert str(words) in printed.stderr
        assert "charwave-tui runs relocate 1 PATH" in printed.stderr
    assert {line.split()[-1] for line in program("sample").stdout.splitlines()} == {"?"}
    assert {item["in_corpus"] for item in json.loads(program("sample", "--json").stdout)} == {None}
    assert program("sample", "--score", "ban").stdout.endswith("; its word list is missing\n")
    refused = program("sample", "--only-new")
    assert (refused.returncode, refused.stdout) == (2, "")
    there = program("sample", "--corpus", str(moved))
    assert (there.returncode, there.stderr) == (0, "")
    assert "?" not in there.stdout


def test_corpus_of_sample_must_be_the_one_learned(command: Any, small_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "a list.txt"
    other.write_text("\n".join("abcdefghijkl"), "utf-8")
    printed = command("sample", "--corpus", str(other))
    assert printed.code == 2
    assert f"{other} is not the list that run 1 learned" in printed.err
    assert f"charwave-tui train --corpus '{other}'" in printed.err
    assert "compares none" in command("sample", "--next", "b", "--corpus", str(other)).err
