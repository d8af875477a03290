"""`charwave-tui inspect`: statistics of every layer of a trained run."""

from __future__ import annotations

import argparse
from typing import Any

from charwave_tui.cli.output import finite, or_ascii, print_json
from charwave_tui.cli.run_source import add_run_options, query_run
from charwave_tui.client.requests import probe_layers
from charwave_tui.core.metrics import LayerStats

NAME_WIDTH = 21  # of the longest layer's name
COLUMNS = (  # headings after the name, and widths: 100 columns in all
    ("output", 8),
    ("params", 9),
    ("mean", 7),
    ("std", 7),
    ("sat %", 5),
    ("dead", 4),
    ("grad std", 8),
    ("w std", 6),
    ("grad:data", 9),
    ("update", 6),
)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("inspect", help="shapes, parameters and statistics of a trained run's layers")
    add_run_options(parser)
    parser.add_argument("--json", action="store_true", help="print an array of objects, one a layer")
    parser.set_defaults(func=inspect)


def inspect(options: argparse.Namespace) -> int:
    """Print a row for each layer: saturation in per cent, the update ratio of the last training step."""

    def read(run: int) -> tuple[LayerStats, ...]:
        from charwave_tui.engine import api

        return api.inspect(run)

    layers = query_run(options, probe_layers, read)
    if options.json:
        print_json([_as_json(layer) for layer in layers])
    else:
        print("\n".join(layer_table(layers)))
    return 0


def layer_table(layers: tuple[LayerStats, ...]) -> list[str]:
    """Return the layer table as lines, its heading first; a cell is blank where a layer has no such value."""
    return [_row("layer", [heading for heading, _ in COLUMNS]), *(_row(*_cells(layer)) for layer in layers)]


def _row(name: str, cells: list[str]) -> str:
    aligned = (f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=True))
    return " ".join((f"{name:{NAME_WIDTH}}", *aligned)).rstrip()


def _cells(layer: LayerStats) -> tuple[str, list[str]]:
    return f"{layer.name} {layer.detail.replace('→', or_ascii('→', '->'))}", [
        or_ascii("×", "x").join(str(size) for size in layer.output_shape[1:]),
        f"{layer.parameters:,}",
        f"{layer.mean:+.3f}",
        f"{layer.std:.3f}",
        _format(layer.saturation, ".1f"),
        _format(layer.dead, "d"),
        _format(layer.gradient_std, ".1e"),
        _format(layer.weight_std, ".3f"),
        _format(layer.grad_data, ".1e"),
        _format(layer.update_ratio, ".2f"),
    ]


def _format(value: float | None, spec: str) -> str:
    return "" if value is None else f"{value:{spec}}"


def _as_json(layer: LayerStats) -> dict[str, Any]:
    return {
        "name": f"{layer.name} {layer.detail}".rstrip(),
        "output_shape": list(layer.output_shape),
        "parameters": layer.parameters,
        "mean": finite(layer.mean),
        "std": finite(layer.std),
        "saturation": layer.saturation,
        "dead_units": layer.dead,
        "gradient_std": finite(layer.gradient_std),
        "weight_std": finite(layer.weight_std),
        "grad_data": finite(layer.grad_data),
        "update_ratio": finite(layer.update_ratio),
    }
