"""`charwave-tui presets`: the known-good recipes and the reason for each."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from charwave_tui.cli.output import print_json
from charwave_tui.core.config.presets import presets


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("presets", help="list the recipes with their published losses")
    parser.add_argument("--json", action="store_true", help="print an array of objects with every field")
    parser.set_defaults(func=list_presets)


def list_presets(options: argparse.Namespace) -> int:
    if options.json:
        print_json([asdict(preset) for preset in presets().values()])
        return 0
    for preset in presets().values():
        val = f"{preset.published.val:.4f}" if preset.published and preset.published.val else "–"
        print(f"{preset.name:16} {val:>7}  {preset.why}")
    return 0
