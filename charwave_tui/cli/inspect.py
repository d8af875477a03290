"""`charwave-tui inspect`: what every layer of a trained run puts out."""

from __future__ import annotations

import argparse
import math
from typing import Any

from charwave_tui.cli.options import add_run_choice, chosen_run
from charwave_tui.cli.output import print_json
from charwave_tui.core.readings import LayerStats


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("inspect", help="shapes, parameters and statistics of a trained run's layers")
    add_run_choice(parser)
    parser.add_argument("--json", action="store_true", help="print an array of objects, one a layer")
    parser.set_defaults(func=inspect)


def inspect(options: argparse.Namespace) -> int:
    """Print a row a layer; saturation in per cent, for tanh alone."""
    run = chosen_run(options)
    from charwave_tui.engine import api

    layers = api.inspect(run)
    if options.json:
        print_json([_plain(layer) for layer in layers])
    else:
        print("\n".join(table(layers)))
    return 0


def table(layers: tuple[LayerStats, ...]) -> list[str]:
    """The layer table in plain lines, its heading first."""
    lines = [f"{'layer':26} {'output':>10} {'params':>9} {'mean':>7} {'std':>7} {'sat %':>6}"]
    for layer in layers:
        output = "×".join(str(size) for size in layer.output_shape[1:])
        saturation = f"{layer.saturation:.1f}" if layer.saturation is not None else ""
        name = f"{layer.name} {layer.detail}"
        figures = f"{layer.parameters:>9,} {layer.mean:>+7.3f} {layer.std:>7.3f} {saturation:>6}"
        lines.append(f"{name:26} {output:>10} {figures}".rstrip())
    return lines


def _plain(layer: LayerStats) -> dict[str, Any]:
    return {
        "name": f"{layer.name} {layer.detail}".rstrip(),
        "output_shape": list(layer.output_shape),
        "parameters": layer.parameters,
        "mean": _finite(layer.mean),
        "std": _finite(layer.std),
        "saturation": layer.saturation,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
