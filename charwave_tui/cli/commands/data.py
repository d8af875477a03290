"""`charwave-tui data`: fetch a corpus, or list the corpora."""

from __future__ import annotations

import argparse
import sys

from charwave_tui.cli.output import columns, padded, print_json
from charwave_tui.core.corpus.registry import DOWNLOAD_SOURCES, list_corpora
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.paths import APP_NAME


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    data = commands.add_parser("data", help="fetch a corpus, or list those there are")
    data_commands = data.add_subparsers(metavar="COMMAND", required=True)
    fetch = data_commands.add_parser(
        "fetch", help=f"download a corpus into the data folder: {', '.join(DOWNLOAD_SOURCES)}"
    )
    fetch.add_argument("name", metavar="NAME", help="which one")
    fetch.set_defaults(func=lambda options: fetch_corpus(options.name))
    listing = data_commands.add_parser("list", help="show the built-in, fetched and recently used corpora")
    listing.add_argument("--json", action="store_true", help="as an array of objects with name, kind and path")
    listing.set_defaults(func=lambda options: print_corpora(as_json=options.json))


def fetch_corpus(name: str) -> int:
    """Fetch a corpus with a progress bar on stderr, and print its path; raises UserError."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from charwave_tui.core.corpus.download import download_corpus

    if name not in DOWNLOAD_SOURCES:
        raise UserError(f"there is no corpus {name} to fetch", f"there is {', '.join(DOWNLOAD_SOURCES)}")
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        path = download_corpus(
            DOWNLOAD_SOURCES[name], lambda done, total: bar.update(task, completed=done, total=total)
        )
        size = path.stat().st_size  # an existing file moved no bar
        bar.update(task, completed=size, total=size)
    print(path)
    return 0


def print_corpora(as_json: bool) -> int:
    """Print every corpus, one a line or as JSON; what can be fetched is named on stderr."""
    entries = list_corpora()
    if as_json:
        print_json([{"name": entry.name, "kind": entry.kind, "path": str(entry.path)} for entry in entries])
    else:
        # a recent file has its path as its name: it is not printed twice
        names = [escape_invisible(entry.name) if entry.name != str(entry.path) else "" for entry in entries]
        width = max(map(columns, names), default=0)
        for name, entry in zip(names, entries, strict=True):
            print(f"{padded(name, width)}  {entry.kind:8}  {escape_invisible(str(entry.path))}")
    existing = {entry.name for entry in entries}
    for name in DOWNLOAD_SOURCES:
        if name not in existing:
            print(f"{name} is not here yet; get it with {APP_NAME} data fetch {name}", file=sys.stderr)
    return 0
