"""Texts that commands print, in columns of a terminal."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from charwave_tui.cli.output import padded, shortened


@pytest.mark.parametrize("text", ["", "abc", "山川", "पानी", "e\u0301a", "🇩🇪", "abcdefghijk", "山川水火木石"])
def test_text_shortened_and_padded_takes_exactly_its_columns(text: str) -> None:
    assert cell_len(padded(shortened(text, 8), 8)) == 8
    assert shortened(text, 8).endswith("…") == (cell_len(text) > 8)
