"""Options shared by several commands."""

from __future__ import annotations

from typing import Any

import pytest

from charwave_tui.cli.options import parse_settings
from charwave_tui.core.errors import UserError


def test_set_options_split_at_first_equals_sign() -> None:
    assert parse_settings(["lr=0.2", "corpus=a=b.txt", " seed =1"]) == {"lr": "0.2", "corpus": "a=b.txt", "seed": "1"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--host nowhere.invalid train --steps 5", "--host is not an option of train; leave it out"),
        ("--host nowhere.invalid runs list", "--host is not an option of runs; leave it out"),
        ("--set lr=1 sample", "--set is not an option of sample; leave it out"),
        ("--fps 3 presets", "--fps is not an option of presets; leave it out"),
        ("--host-program x status", "--host-program x is for another machine, and there is no --host"),
        ("--host nowhere.invalid", "there is no terminal for the playground on nowhere.invalid; charwave-tui start"),
        ("sample --score emma --top-k 3", "--top-k is for names, and --score samples none; leave it out"),
        ("sample --next em --temperature 2 -n 3", "-n is for names, and --next samples none; leave it out"),
    ],
)
def test_option_without_effect_is_named(command: Any, line: str, message: str) -> None:
    printed = command(*line.split())
    assert (printed.code, printed.out) == (2, "")
    assert printed.err.startswith(f"charwave-tui: {message}")


def test_option_before_its_command_counts(command: Any) -> None:
    assert command("--preset", "nosuch", "start").err.startswith("charwave-tui: preset nosuch is unknown")


def test_set_option_without_equals_sign_is_named() -> None:
    with pytest.raises(UserError, match=r"--set lr is not key=value; write it as lr=0\.2"):
        parse_settings(["lr"])
