"""`charwave-tui guide`: the pages of the guide, in a reader or as Markdown text."""

from __future__ import annotations

import argparse
import os
import sys

from charwave_tui.cli.commands.play import FRAMES_PER_SECOND, stdio_is_terminal
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import guide_pages


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "read the guide; without a terminal, print a page as Markdown"
    parser = commands.add_parser("guide", help=about, description=about)
    pages = ", ".join(guide_pages())
    parser.add_argument("page", metavar="PAGE", nargs="?", default="index", help=f"{pages} (index)")
    parser.set_defaults(func=show_guide)


def show_guide(options: argparse.Namespace) -> int:
    """Open the page in the reader, or print it where there is no terminal; raises UserError for an unknown page."""
    pages = guide_pages()
    if options.page not in pages:
        raise UserError(f"there is no page {options.page} in the guide", f"there is {', '.join(pages)}")
    if not stdio_is_terminal():
        sys.stdout.write(pages[options.page].read_text("utf-8"))
        return 0
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_PER_SECOND)  # read once, when Textual is imported
    from charwave_tui.ui.app import GuideApp

    app = GuideApp(options.page)
    app.run()
    if app.fault is not None:
        raise app.fault
    return app.return_code or 0
