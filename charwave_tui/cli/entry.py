"""What the system starts: the program is imported where ctrl+c is heard already."""

from __future__ import annotations


def start() -> int:
    """Import the program and run the command that was given; its exit code."""
    try:
        from charwave_tui.cli.main import main

        return main()
    except KeyboardInterrupt:
        return 130
