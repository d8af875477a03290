"""The console script and `python -m charwave_tui`."""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command line; return its exit code."""
    try:  # Ctrl+C is caught during the import too
        from charwave_tui.cli.main import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
