"""The options that choose a run, apart from any command."""

from __future__ import annotations

import pytest

from charwave_tui.cli.options import parse_settings
from charwave_tui.core.mistake import Mistake


def test_settings_from_the_command_line_are_split_at_the_first_equals_sign() -> None:
    assert parse_settings(["lr=0.2", "corpus=a=b.txt", " seed =1"]) == {"lr": "0.2", "corpus": "a=b.txt", "seed": "1"}


def test_a_setting_without_equals_sign_is_named() -> None:
    with pytest.raises(Mistake, match=r"--set lr is not key=value; write it as lr=0\.2"):
        parse_settings(["lr"])
