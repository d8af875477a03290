"""The console script and `python -m charwave_tui`; the program is imported where Ctrl+C is caught already."""

from __future__ import annotations

import sys


def run() -> int:
    """Import the program and run the command that was given; return its exit code."""
    try:
        from charwave_tui.cli.main import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
