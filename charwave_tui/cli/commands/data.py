"""The commands `data fetch` and `data list`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from charwave_tui.cli.output import print_json
from charwave_tui.core.corpus_registry import SOURCES, list_corpora
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import APP_NAME

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: Subparsers) -> None:
    """Add `data` with its commands; each sets `func`, which takes the parsed arguments and returns the exit code."""
    data = subparsers.add_parser("data", help="fetch a corpus, or list those there are")
    commands = data.add_subparsers(metavar="COMMAND", required=True)
    fetching = commands.add_parser("fetch", help=f"download a corpus into the data folder: {', '.join(SOURCES)}")
    fetching.add_argument("name", metavar="NAME", help="which one")
    fetching.set_defaults(func=lambda arguments: fetch_corpus(arguments.name))
    listing = commands.add_parser("list", help="show the built-in, fetched and recently used corpora")
    listing.add_argument("--json", action="store_true", help="as an array of objects with name, kind and path")
    listing.set_defaults(func=lambda arguments: print_corpora(as_json=arguments.json))


def fetch_corpus(name: str) -> int:
    """Fetch the corpus `name` with a progress bar on stderr, print its path, and return 0; raises Mistake."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from charwave_tui.core.corpus_download import download_corpus

    if name not in SOURCES:
        raise UserError(f"there is no corpus {name} to fetch", f"there is {', '.join(SOURCES)}")
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        path = download_corpus(SOURCES[name], lambda done, total: bar.update(task, completed=done, total=total))
        size = path.stat().st_size  # one that was here already moved no bar
        bar.update(task, completed=size, total=size)
    print(path)
    return 0


def print_corpora(as_json: bool) -> int:
    """Print every corpus there is, one a line or as JSON, and return 0; what can be fetched is said on stderr."""
    entries = list_corpora()
    if as_json:
        rows = [{"name": entry.name, "kind": entry.kind, "path": str(entry.path)} for entry in entries]
        print_json(rows)
    else:
        # A recent one has its path for a name: it need not stand there twice.
        width = max((len(entry.name) for entry in entries if entry.name != str(entry.path)), default=0)
        for entry in entries:
            named = entry.name if entry.name != str(entry.path) else ""
            print(f"{named:{width}}  {entry.kind:8}  {entry.path}")
    here = {entry.name for entry in entries}
    for name in SOURCES:
        if name not in here:
            print(f"{name} is not here yet; get it with {APP_NAME} data fetch {name}", file=sys.stderr)
    return 0
