"""`charwave-tui presets`: the recipes, for people and for programs."""

from __future__ import annotations

import json
from typing import Any

from charwave_tui.core.config.presets import presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS


def test_each_preset_has_row_with_published_val_and_reason(command: Any) -> None:
    rows = command("presets").out.splitlines()
    assert [row.split()[0] for row in rows] == list(presets())
    for row, preset in zip(rows, presets().values(), strict=True):
        published = preset.published.val if preset.published else None
        assert row.split()[1] == (f"{published:.4f}" if published else "–")
        assert row.endswith(preset.why)


def test_json_has_every_field_of_every_preset(command: Any) -> None:
    listed = json.loads(command("presets", "--json").out)
    assert [item["name"] for item in listed] == list(presets())
    for item in listed:
        assert item["config"].keys() == HYPERPARAMETERS.keys()
        assert item["why"].endswith(".")
