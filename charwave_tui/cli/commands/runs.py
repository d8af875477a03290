"""`charwave-tui runs`: list, show, export, relocate, restore and delete runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from charwave_tui.cli.options import run_number
from charwave_tui.cli.output import padded, print_json, shortened
from charwave_tui.core.corpus.registry import find_learned_corpus, resolve_corpus_name
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.checkpoint_metadata import first_valid
from charwave_tui.core.store.export import export_run
from charwave_tui.core.store.run_record import RunRecord, RunSummary
from charwave_tui.core.store.run_store import RunStore

CORPUS_WIDTH = 14


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    runs = commands.add_parser("runs", help="list, show, export or delete stored runs")
    runs_commands = runs.add_subparsers(metavar="COMMAND", required=True)
    listing = runs_commands.add_parser("list", help="all runs, newest first")
    listing.set_defaults(func=list_runs)
    show = runs_commands.add_parser("show", help="a run's configuration, its losses, and where its weights are")
    show.add_argument("run", metavar="RUN", type=run_number, help="its number")
    show.set_defaults(func=show_run)
    export = runs_commands.add_parser("export", help="write a run's record, curve and weights to a folder")
    export.add_argument("run", metavar="RUN", type=run_number, help="its number")
    export.add_argument("--to", metavar="FOLDER", type=Path, help="a new folder (run-NUMBER in the current one)")
    export.set_defaults(func=write_export)
    relocate = runs_commands.add_parser("relocate", help="set the new place of a run's corpus")
    relocate.add_argument("run", metavar="RUN", type=run_number, help="its number")
    relocate.add_argument("path", metavar="PATH", help="the same list under its new name, or a corpus by name")
    relocate.set_defaults(func=relocate_corpus)
    restore = runs_commands.add_parser("restore", help="restore runs that were deleted on the screen")
    restore.add_argument("runs", metavar="RUN", type=run_number, nargs="+", help="their numbers")
    restore.set_defaults(func=restore_runs)
    remove = runs_commands.add_parser("rm", help="delete runs and their weights permanently")
    remove.add_argument("runs", metavar="RUN", type=run_number, nargs="*", help="their numbers")
    remove.add_argument("--deleted", action="store_true", help="also those that were deleted on the screen")
    remove.set_defaults(func=remove_runs)
    for parser in (listing, show, export, relocate, restore, remove):
        parser.add_argument("--json", action="store_true", help="print JSON")


def list_runs(options: argparse.Namespace) -> int:
    summaries = RunStore(runs_dir()).summaries()
    if options.json:
        print_json([_as_json(summary) for summary in summaries])
        return 0
    has_unseen = any(row.best_val_unseen is not None for row in summaries)
    heading = (
        f"{'run':>5}  {'preset':15} {'corpus':{CORPUS_WIDTH}} {'params':>10} {'steps':>19} {'train':>7} {'best val':>8}"
    )
    print(f"{heading}{' of unseen' * has_unseen}  {'state':9} created")
    for row in summaries:
        steps = f"{row.step:,} / {row.config.max_steps:,}"
        unseen = f" {_loss(row.best_val_unseen):>9}" if has_unseen else ""
        losses = f"{_loss(row.train):>7} {_loss(row.best_val):>8}{unseen}"
        tail = f"{row.state:9} {row.created}  {row.name}".rstrip()
        corpus = padded(shortened(escape_invisible(row.corpus), CORPUS_WIDTH), CORPUS_WIDTH)
        print(f"{row.run:>5}  {row.preset:15} {corpus} {row.parameters:>10,} {steps:>19} {losses}  {tail}")
    return 0


def show_run(options: argparse.Namespace) -> int:
    """Print what is stored of a run; `checkpoint` is the absolute path of its newest weights."""
    store = RunStore(runs_dir())
    record = store.read(options.run)
    checkpoint = first_valid(store.folder_of(record.run).checkpoints())
    facts = _as_json(record) | {"checkpoint": str(checkpoint.absolute()) if checkpoint else None}
    if options.json:
        print_json(facts)
        return 0
    history, config = facts.pop("history"), facts.pop("config")
    for name, value in facts.items():
        print(escape_invisible(f"{name:17} {value if value not in (None, '') else '–'}"))
    print(f"{'points':17} {len(history['points']):,}, each the mean of {history['window']} steps or more")
    for name, value in config.items():
        text = " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        print(f"  {name:15} {escape_invisible(text)}")
    return 0


def write_export(options: argparse.Namespace) -> int:
    paths = export_run(RunStore(runs_dir()), options.run, options.to or Path(f"run-{options.run:04}"))
    if options.json:
        print_json({"run": options.run, "files": [str(path.absolute()) for path in paths]})
    else:
        print("\n".join(map(str, paths)))
    return 0


def relocate_corpus(options: argparse.Namespace) -> int:
    store = RunStore(runs_dir())
    record = store.read(options.run)
    corpus = find_learned_corpus(record, options.path)
    path = resolve_corpus_name(options.path)
    try:
        store.relocate_corpus(record.run, path)
    except OSError as error:
        problem = f"the folder of run {record.run} cannot be written ({error.strerror or error})"
        raise UserError(problem, "allow it with chmod u+rwx") from None
    if options.json:
        print_json({"run": record.run, "corpus": path})
    else:
        print(escape_invisible(f"run {record.run} has its {len(corpus.words):,} words in {path}"))
    return 0


def restore_runs(options: argparse.Namespace) -> int:
    store = RunStore(runs_dir())
    for run in options.runs:
        store.restore(run)
    if options.json:
        print_json([{"run": run} for run in options.runs])
    else:
        print("\n".join(f"run {run} is back on the list" for run in options.runs))
    return 0


def remove_runs(options: argparse.Namespace) -> int:
    """Delete all runs that can be deleted, and print the bytes freed; raises the first error afterwards."""
    store = RunStore(runs_dir())
    runs = [*options.runs, *(store.deleted_runs() if options.deleted else ())]
    if not runs and not options.deleted:
        raise UserError("no run is named", "charwave-tui runs list shows their numbers")
    removed: list[dict[str, int]] = []
    errors: list[UserError] = []
    for run in dict.fromkeys(runs):
        try:
            removed.append({"run": run, "bytes": store.delete_permanently(run)})
        except OSError as error:
            problem = f"run {run} cannot be deleted ({error.strerror or error})"
            errors.append(UserError(problem, "allow it with chmod u+rwx"))
        except UserError as error:
            errors.append(error)
    if options.json:
        print_json(removed)
    else:
        for row in removed:
            print(f"run {row['run']} is deleted: {row['bytes']:,} bytes are free again")
    if errors:
        raise errors[0]
    return 0


def _as_json(record: RunRecord | RunSummary) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(record))  # NaN becomes null
    return fields


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}" if abs(value) < 1_000 else f"{value:.1e}"
