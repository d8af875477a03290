"""`charwave-tui sample`: names from a run on disk, and what is said where there are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import safetensors.torch
import torch

from charwave_tui.core.places import runs_dir
from charwave_tui.core.readings import SampledName, State
from charwave_tui.core.runs import RECORD, WEIGHTS, RunStore
from charwave_tui.engine import api


def test_json_is_an_array_of_names_with_their_nll_and_whether_the_corpus_has_them(
    command: Any, small_run: Path, words: Path
) -> None:
    drawn = json.loads(command("sample", "-n", "40", "--json").out)
    known = set(words.read_text("utf-8").split())
    assert len(drawn) == 40
    for item in drawn:
        assert {name: type(value) for name, value in item.items()} == {"name": str, "nll": float, "in_corpus": bool}
        assert item["nll"] > 0
        assert item["in_corpus"] == (item["name"] in known)


def test_without_json_a_sign_tells_new_names_from_known_ones(command: Any, train: Any) -> None:
    train("--steps", "1500", "--set", "batch_size=64")
    drawn = json.loads(command("sample", "-n", "400", "--json").out)
    signs = {True: "=", False: "+"}
    assert {item["in_corpus"] for item in drawn} == {True, False}
    shown = [line.split() for line in command("sample", "-n", "400").out.splitlines()]
    assert shown == [[item["name"] or "–", f"{item['nll']:.2f}", signs[item["in_corpus"]]] for item in drawn]


def test_a_name_that_ended_before_it_began_is_still_a_row(command: Any, small_run: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(api, "sample", lambda sampling, run: (SampledName("", 5.85, False),))
    assert command("sample").out.split() == ["–", "5.85", "+"]
    assert json.loads(command("sample", "--json").out) == [{"name": "", "nll": 5.85, "in_corpus": False}]


def test_a_seed_gives_the_same_names_again_and_another_one_others(command: Any, small_run: Path) -> None:
    one, again, other = (command("sample", "--seed", seed).out for seed in ("1", "1", "2"))
    assert one == again != other
    assert len(one.splitlines()) == 20


def test_names_begin_with_the_prefix(command: Any, small_run: Path) -> None:
    drawn = json.loads(command("sample", "--prefix", "ba", "-n", "8", "--json").out)
    assert len(drawn) == 8
    assert all(item["name"].startswith("ba") for item in drawn)


def test_cold_names_are_likelier_than_hot_ones(command: Any, small_run: Path) -> None:
    cold, hot = (json.loads(command("sample", "--temperature", heat, "--json").out) for heat in ("0.1", "5"))
    assert sum(item["nll"] for item in cold) < sum(item["nll"] for item in hot)


def test_the_newest_run_is_taken_unless_another_is_named(command: Any, train: Any) -> None:
    for seed in ("1", "2"):
        train("--seed", seed)
    first, second = (command("sample", "--run", run).out for run in ("1", "2"))
    assert command("sample").out == second != first


def test_a_prefix_beyond_the_alphabet_names_the_letters_there_are(command: Any, small_run: Path) -> None:
    printed = command("sample", "--prefix", "bé")
    assert (printed.code, printed.out) == (2, "")
    assert printed.err == ("charwave-tui: “é” does not occur in the corpus words; its characters are abdeiklmnorstu\n")


def other_weights(path: Path) -> None:
    safetensors.torch.save_file({"elsewhere": torch.zeros(3)}, path, {"step": "60"})


def without_facts(path: Path) -> None:
    safetensors.torch.save_file(safetensors.torch.load_file(path), path)


DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "weights cut off": (WEIGHTS, lambda path: path.write_bytes(path.read_bytes()[:-200]), "holds no weights"),
    "weights of noise": (WEIGHTS, lambda path: path.write_bytes(bytes(range(256)) * 8), "holds no weights"),
    "empty weights": (WEIGHTS, lambda path: path.write_bytes(b""), "holds no weights"),
    "another model's weights": (WEIGHTS, other_weights, "holds no weights of run 1"),
    "weights without their step": (WEIGHTS, without_facts, "holds no weights of run 1"),
    "record cut off": (RECORD, lambda path: path.write_bytes(path.read_bytes()[:-200]), "cannot be read"),
    "record of noise": (RECORD, lambda path: path.write_bytes(b"\xff\x00\n"), "cannot be read"),
    "no record": (RECORD, lambda path: path.unlink(), "run 1 is unknown"),
    "record of something else": (RECORD, lambda path: path.write_text('{"run": "x"}', "utf-8"), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["sample", "inspect"])
def test_a_damaged_run_is_named_in_one_line(command: Any, small_run: Path, name: str, damage: str) -> None:
    file, harm, said = DAMAGES[damage]
    harm(small_run / file)
    printed = command(name)
    assert (printed.code, printed.out) == (2, "")
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert "; " in printed.err


def test_an_older_run_is_still_there_when_the_newest_is_damaged(command: Any, train: Any, home: Path) -> None:
    train()
    train()
    (home / "data" / "runs" / "0002" / WEIGHTS).write_bytes(b"")
    assert command("sample").code == 2
    assert command("sample", "--run", "1").code == 0


@pytest.mark.parametrize(("state", "was"), [(State.TRAINING, "in training"), (State.PAUSED, "paused")])
@pytest.mark.parametrize("name", ["sample", "inspect"])
def test_of_a_run_that_may_have_gone_on_stderr_says_how_old_its_weights_are(
    command: Any, small_run: Path, name: str, state: State, was: str
) -> None:
    assert command(name, "--json").err == ""
    before = command(name, "--json").out
    store = RunStore(runs_dir())
    store.write(msgspec.structs.replace(store.read(), state=state))
    printed = command(name, "--json")
    assert (printed.code, printed.out) == (0, before)
    assert printed.err == f"run 1 was {was} when it was last saved; these are its weights of step 60\n"


def test_a_corpus_that_changed_is_not_mistaken_for_the_one_learned(command: Any, small_run: Path, words: Path) -> None:
    words.write_text(words.read_text("utf-8") + "\nzzz", "utf-8")
    printed = command("sample")
    assert printed.code == 2
    assert printed.err == (
        f"charwave-tui: the corpus {words} has changed since run 1 learned it; "
        "put the old file back, or train a new run\n"
    )


def test_a_corpus_that_is_gone_is_named(command: Any, small_run: Path, words: Path) -> None:
    words.unlink()
    printed = command("inspect")
    assert printed.code == 2
    assert str(words) in printed.err
    assert printed.err.count("\n") == 1
