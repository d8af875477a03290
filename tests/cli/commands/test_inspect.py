"""`charwave-tui inspect`: the layer table of a run on disk."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from charwave_tui.core.config.layer_shapes import layer_shapes
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.run_store import RunStore

FIGURES = {"dead_units", "gradient_std", "weight_std", "grad_data", "update_ratio"}


def test_json_has_every_layer_with_shape_parameters_and_statistics(command: Any, small_run: Path) -> None:
    layers = json.loads(command("inspect", "--json").out)
    record = RunStore(runs_dir()).read()
    shapes = layer_shapes(record.config, record.corpus.vocab_size)
    assert [layer["name"] for layer in layers] == [f"{shape.kind} {shape.detail}".rstrip() for shape in shapes]
    assert [layer["parameters"] for layer in layers] == [shape.parameters for shape in shapes]
    (batch,) = {layer["output_shape"][0] for layer in layers}
    assert batch > 1
    assert [layer["output_shape"][1:] for layer in layers] == [list(shape.output) for shape in shapes]
    for layer in layers:
        assert layer.keys() == {"name", "output_shape", "parameters", "mean", "std", "saturation", *FIGURES}
        assert math.isfinite(layer["mean"])
        assert layer["std"] >= 0
    assert sum(layer["parameters"] for layer in layers) == record.parameters


def test_finished_run_has_weight_and_last_step_statistics(command: Any, small_run: Path) -> None:
    layers = json.loads(command("inspect", "--json").out)
    for layer in layers:
        kind = layer["name"].split()[0]
        assert (layer["dead_units"] is not None) == (kind == "Tanh")
        for name in FIGURES - {"dead_units"}:
            assert (layer[name] is not None) == (kind in ("Embedding", "Linear", "BatchNorm1d")), (kind, name)
        if layer["grad_data"] is not None:
            assert layer["grad_data"] == pytest.approx(layer["gradient_std"] / layer["weight_std"])
            assert -8 < layer["update_ratio"] < 1
    ratio = layers[-1]["update_ratio"]
    assert command("inspect").out.splitlines()[-1].endswith(f" {ratio:.2f}")


def test_saturation_is_percentage_for_tanh_and_null_elsewhere(command: Any, train: Any) -> None:
    train("--set", "init_gain=20", "--set", "norm=none")
    for layer in json.loads(command("inspect", "--json").out):
        assert (layer["saturation"] is not None) == (layer["name"] == "Tanh")
        # weights twenty times too large drive nearly every unit to its end
        assert layer["saturation"] is None or 50 < layer["saturation"] <= 100
    train("--set", "activation=relu")
    relu = json.loads(command("inspect", "--json").out)
    assert "ReLU" in [layer["name"] for layer in relu]
    assert [layer["saturation"] for layer in relu] == [None] * len(relu)


def test_table_output_columns_line_up(command: Any, small_run: Path) -> None:
    heading, *rows = command("inspect").out.splitlines()
    words = "layer output params mean std sat % dead grad std w std grad:data update"
    assert heading.split() == words.split()
    assert len(rows) == 10
    assert max(len(line) for line in (heading, *rows)) <= 100
    assert [row.split()[0] for row in rows[:2]] == ["Embedding", "FlattenConsecutive"]
    for name in ("output", "params", "mean", "std"):
        end = heading.index(name) + len(name)
        assert all(row[end - 1].isdigit() and row[end : end + 1] in (" ", "") for row in rows)


def test_ascii_output_keeps_every_mark(program: Any, small_run: Path) -> None:
    table = program("inspect", PYTHONIOENCODING="ascii").stdout
    assert "?" not in table
    assert "4x8" in table or "2x8" in table
    assert "->" in table


def test_inspect_changes_nothing(command: Any, small_run: Path) -> None:
    before = {path.name: path.read_bytes() for path in small_run.iterdir()}
    assert command("inspect").out == command("inspect").out
    assert {path.name: path.read_bytes() for path in small_run.iterdir()} == before


def test_run_defaults_to_newest_or_named_one(command: Any, train: Any) -> None:
    train("--set", "n_hidden=5")
    train("--set", "n_hidden=6")
    first, second = (command("inspect", "--run", run).out for run in ("1", "2"))
    assert "BatchNorm1d 5" in first
    assert "BatchNorm1d 6" in second
    assert command("inspect").out == second
