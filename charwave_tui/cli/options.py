"""Options that several commands share, and the config that they name."""

from __future__ import annotations

import argparse

from charwave_tui.core.config import RunConfig, parse_settings
from charwave_tui.core.corpora import anchored
from charwave_tui.core.presets import default_preset, preset


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """`--preset`, `--corpus` and `--set`."""
    parser.add_argument("--preset", metavar="P", help="a known-good recipe (charwave-tui presets lists them)")
    parser.add_argument("--corpus", metavar="C", help="a corpus by name, or the path of a text file, one word a line")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="any hyperparameter, such as lr=0.05 or fuse=4,2 (repeatable)",
    )


def chosen_config(options: argparse.Namespace, **shortcuts: str | None) -> tuple[RunConfig, str]:
    """The sound config that the options name, and its preset's name; `shortcuts` are options for single fields.

    Raises Mistake.
    """
    base = preset(options.preset) if options.preset else default_preset()
    settings = parse_settings(options.settings)
    settings |= {name: text for name, text in {"corpus": options.corpus, **shortcuts}.items() if text is not None}
    if "corpus" in settings:
        settings["corpus"] = anchored(settings["corpus"])
    return base.config.with_text(settings).checked(), base.name
