"""The entry point: an error becomes one line and an exit code, whatever the encoding of the streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from charwave_tui import __version__
from charwave_tui.__main__ import run
from charwave_tui.cli.commands import presets
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.paths import log_path

CONTEXT_6 = "context 6 is not 2×2×2 = 8; set context to 8 or fuse to 2 3 or 3 2 or 6"


MISTAKES = {
    "train --preset tree-1m": ("preset tree-1m is unknown", "tree-76k"),
    "train --corpus nowhere": ("there is no corpus nowhere", "by its path"),
    "train --corpus /": ("/ is a folder", "name a text file"),
    "train --set lrr=1": ("lrr is no hyperparameter", "there are context, fuse"),
    "train --set lr": ("--set lr is not key=value", "lr=0.2"),
    "train --set lr=fast": ("lr fast is not a number", "0 < lr ≤ 10"),
    "train --set lr=0,1": ("lr 0,1 is not a number", "write 0.1"),
    "train --set lr=1e9": ("lr 1e+09 is out of bounds", "0 < lr ≤ 10"),
    "train --set n_hidden=0": ("n_hidden 0 is out of bounds", "1 to 4,096"),
    "train --set fuse=3,2": ("context 8 is not 3×2 = 6", "set context to 6 or fuse to 2 2 2"),
    "train --set fuse=two": ("fuse two is not a list of whole numbers", "2 2 2"),
    "train --set context=6": (CONTEXT_6,),
    "train --set norm=layer": ("norm layer", "batch-bug"),
    "train --steps 0": ("max_steps 0 is out of bounds", "1 to 100,000,000"),
    "train --device tpu": ("device tpu", "cuda"),
    "--set context=6": (CONTEXT_6,),
    "--preset tree-1m": ("preset tree-1m is unknown", "tree-76k"),
    "sample": ("there is no trained run yet", "charwave-tui train"),
    "inspect": ("there is no trained run yet", "charwave-tui train"),
    "sample --run 7": ("run 7 is unknown", "no runs yet"),
    "sample -n 0": ("count 0 is out of bounds", "1 to 1,000"),
    "sample --temperature 0": ("temperature 0 is out of bounds", "0.05 to 5"),
    "sample --temperature hot": ("temperature hot is not a number", "0.05 to 5"),
    "sample --seed -1": ("seed -1 is out of bounds", "0 to 4,294,967,295"),
    "sample --run newest": ("--run", "newest is no run's number", "charwave-tui runs list"),
    "sample --run -1": ("--run", "charwave-tui sample --help"),
    "sample --run ²": ("² is no run's number",),
    "sample --run 99999999999999999999": ("run 99999999999999999999 is unknown", "no runs yet"),
    "train --resume": ("there is no run to resume", "train a new one"),
    "train --resume 7": ("run 7 is unknown", "no runs yet"),
    "train --resume 0": ("--resume", "0 is no run's number", "charwave-tui runs list"),
    "train --resume last": ("--resume", "last is no run's number"),
    "train --resume --steps 5": ("without max_steps", "fork the run"),
    "train --resume 1 --set lr=1": ("without --set", "fork the run"),
    "--set lr=1 train --resume 1": ("without --set", "fork the run"),
    "train --resume 1 --corpus names": ("without corpus", "fork the run"),
    "runs": ("COMMAND", "charwave-tui runs --help"),
    "runs show": ("RUN", "charwave-tui runs show --help"),
    "runs show x": ("x is no run's number", "charwave-tui runs list"),
    "runs show 3": ("run 3 is unknown", "no runs yet"),
    "runs export 3": ("run 3 is unknown", "no runs yet"),
    "runs rm 3": ("run 3 is unknown", "no runs yet"),
    "runs rm": ("no run is named", "charwave-tui runs list"),
    "runs sweep": ("'sweep'", "charwave-tui runs --help"),
    "data fetch elsewhere": ("there is no corpus elsewhere", "makemore"),
    "teach": ("'teach'", "charwave-tui --help"),
    "train --fast": ("--fast", "charwave-tui --help"),
    "train --corpus": ("--corpus", "charwave-tui train --help"),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_user_error_is_one_line_with_value_and_hint(command: Any, words: str) -> None:
    printed = command(*words.split())
    assert printed.code == 2
    assert printed.out == ""
    assert printed.err.startswith("charwave-tui: ")
    assert printed.err.count("\n") == 1
    for part in MISTAKES[words]:
        assert part in printed.err


@pytest.mark.parametrize("words", [["train", "--set", "lr=1\n2\x1b[31m"], ["train", "--corpus", "no\u2028where\u202e"]])
def test_control_characters_in_error_are_escaped(command: Any, words: list[str]) -> None:
    printed = command(*words)
    assert printed.code == 2
    assert len(printed.err.splitlines()) == 1
    assert printed.err[:-1].isprintable()


def test_non_utf8_path_refused_in_one_line(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    Path(os.fsdecode(odd)).write_text("\n".join("abcdefghijkl"), "utf-8")
    completed = subprocess.run(
        [sys.executable, "-m", "charwave_tui", "train", "--corpus", odd], capture_output=True, check=False
    )
    assert completed.returncode == 2
    assert completed.stderr == (
        b"charwave-tui: corpus holds bytes that are not UTF-8; give the file or its folder another name\n"
    )


def test_engine_internal_error_is_one_line_and_logged(words: Path) -> None:
    broken = f"""
import sys
from charwave_tui.cli.main import main
from charwave_tui.engine.training import trainer
def fail(config, step):
    raise ZeroDivisionError("within")
trainer.learning_rate = fail
sys.exit(main(["train", "--corpus", {str(words)!r}]))
"""
    completed = subprocess.run([sys.executable, "-c", broken], capture_output=True, encoding="utf-8", check=False)
    assert (completed.returncode, completed.stdout) == (1, "")
    progress, fault = completed.stderr.splitlines()
    assert progress.startswith("run 1 · playground")
    assert fault == (
        f"charwave-tui: EngineError: ZeroDivisionError: within (an internal error; the details are in {log_path()})"
    )
    story = log_path().read_text("utf-8")
    assert "in fail" in story
    assert "charwave_tui.engine.service.worker ERROR" in story


def test_user_error_found_by_engine_is_one_line(program: Any, words: Path) -> None:
    completed = program("train", "--corpus", str(words), "--set", "batch_size=50000")
    assert completed.returncode == 2
    assert completed.stdout == ""
    assert completed.stderr == (
        "charwave-tui: batch_size 50,000 is more than the 320 examples to train on; set batch_size to 320 or fewer\n"
    )


def test_version_option_prints_version(command: Any) -> None:
    assert command("--version") == type(command("--version"))(0, f"charwave-tui {__version__}\n", "")


def test_help_names_every_command(command: Any) -> None:
    reported = command("--help").out
    for name in ("train", "sample", "inspect", "runs", "presets", "data", "reproduce", "bench", "engine"):
        assert f"\n    {name} " in reported


def test_module_runs_like_the_program(program: Any) -> None:
    completed = program("--version")
    assert (completed.returncode, completed.stdout) == (0, f"charwave-tui {__version__}\n")


def test_internal_error_names_log_which_has_traceback() -> None:
    broken = """
import sys
from charwave_tui.cli.commands import presets
def fail():
    raise ZeroDivisionError("first line\\nsecond line")
presets.presets = fail
from charwave_tui.cli.main import main
sys.exit(main(["presets"]))
"""
    completed = subprocess.run([sys.executable, "-c", broken], capture_output=True, encoding="utf-8", check=False)
    assert completed.returncode == 1
    assert completed.stdout == ""
    assert completed.stderr == (
        f"charwave-tui: ZeroDivisionError: first line (an internal error; the details are in {log_path()})\n"
    )
    story = log_path().read_text("utf-8")
    assert "Traceback" in story
    assert "second line" in story


def test_internal_error_with_unwritable_log_says_so(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError

    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("CHARWAVE_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr(presets, "presets", fail)
    printed = command("presets")
    assert printed.code == 1
    assert printed.err == "charwave-tui: RuntimeError:  (an internal error; the log cannot be written)\n"


def test_ctrl_c_exits_130_without_traceback(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(presets, "presets", interrupted)
    assert command("presets") == type(command("--version"))(130, "", "")


@pytest.mark.parametrize("words", [["presets"], ["presets", "--json"], ["data", "list"]])
def test_closed_stdout_is_no_error(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "charwave_tui", *words]
    completed = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, encoding="utf-8", check=False)
    os.close(writing)
    assert completed.returncode == 0
    assert "Traceback" not in completed.stderr
    assert "Broken" not in completed.stderr


def test_missing_standard_streams_exit_cleanly() -> None:
    line = f"{sys.executable} -m charwave_tui presets >&- 2>&-"
    assert subprocess.run(["bash", "-c", line], check=False).returncode == 0


ASCII_STREAMS = {"PYTHONIOENCODING": "ascii"}


ASCII_EVERYWHERE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


THE_MAIN_JOB = """
from charwave_tui.cli.main import main
codes = [
    main(["train", "--corpus", "imena", "--steps", "20", "--set", "n_hidden=8"]),
    main(["inspect"]),
    main(["sample", "-n", "5"]),
    main(["sample", "-n", "5", "--json"]),
]
print(codes)
"""


@pytest.mark.parametrize("environment", [{"LC_ALL": "C"}, ASCII_STREAMS, ASCII_EVERYWHERE], ids=lambda it: ",".join(it))
def test_unencodable_characters_are_replaced(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONIOENCODING", "PYTHONUTF8"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    completed = subprocess.run([sys.executable, "-c", THE_MAIN_JOB], capture_output=True, encoding="utf-8", check=False)
    assert completed.returncode == 0, completed.stderr
    assert "Traceback" not in completed.stderr
    *reported, names, codes = completed.stdout.splitlines()
    assert codes == "[0, 0, 0, 0]"
    whole = [item["name"] for item in json.loads(names)]
    assert set("".join(whole)) <= set(find_corpus("imena").symbols)
    shown = [line[:-8].rstrip() for line in reported[-5:]]
    # Python takes the C locale for UTF-8 where it may
    assert shown == (whole if environment == {"LC_ALL": "C"} else ["?" * len(name) for name in whole])


def test_ctrl_c_during_import_is_no_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "charwave_tui.cli.main", Interrupted())  # type: ignore[arg-type]
    assert run() == 130
