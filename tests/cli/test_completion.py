"""Shell completion: the printed script works in a real shell."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from charwave_tui.cli.help_examples import EXAMPLES
from charwave_tui.cli.main import _parser


def test_bash_completes_commands_and_options(command: Any, tmp_path: Path) -> None:
    if (bash := shutil.which("bash")) is None:
        pytest.skip("there is no bash here")
    script = tmp_path / "completion.bash"
    script.write_text(command("completion", "bash").out, "utf-8")

    def completed(*words: str) -> set[str]:
        listed = " ".join(f"'{word}'" for word in words)
        ask = f"COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _shtab_charwave_tui; echo ${{COMPREPLY[@]}}"
        reported = subprocess.run(
            [bash, "--norc", "-c", f"source '{script}'; {ask}"], capture_output=True, text=True, check=True
        )
        return set(reported.stdout.split())

    assert completed("charwave-tui", "sta") == {"start", "status"}
    assert completed("charwave-tui", "start", "--rep") == {"--replace"}
    assert completed("charwave-tui", "--theme", "l") == {"light"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_script_with_every_command(command: Any, shell: str) -> None:
    result = command("completion", shell)
    assert (result.code, result.err) == (0, "")
    for name in ("train", "sample", "inspect", "attach", "completion"):
        assert name in result.out
    if there := shutil.which(shell):
        subprocess.run([there, "-n"], input=result.out, text=True, check=True)


def test_every_command_help_ends_with_parsable_examples() -> None:
    parser = _parser()
    for command, lines in EXAMPLES.items():
        for line in lines:
            words = shlex.split(line)
            assert words[0] == "charwave-tui"
            parser.parse_args(words[1:])
            assert not command or command in words


def test_unknown_shell_refused_with_known_ones(command: Any) -> None:
    result = command("completion", "ksh")
    assert result.code == 2
    assert "invalid choice: 'ksh' (choose from" in result.err
