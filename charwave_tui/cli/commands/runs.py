"""The commands `runs list`, `runs show`, `runs export` and `runs rm`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from charwave_tui.cli.options import run_number
from charwave_tui.cli.output import print_json
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.checkpoint_metadata import first_valid
from charwave_tui.core.store.export import export_run
from charwave_tui.core.store.run_record import RunRecord, RunSummary
from charwave_tui.core.store.run_store import RunStore


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `runs` with its commands; each sets `func`, which takes the parsed arguments and returns the exit code."""
    runs = subparsers.add_parser("runs", help="list, show, export or delete the runs that are kept")
    commands = runs.add_subparsers(metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="all runs, newest first")
    listing.set_defaults(func=list_runs)
    showing = commands.add_parser("show", help="a run's configuration, its losses, and where its weights are")
    showing.add_argument("run", metavar="RUN", type=run_number, help="its number")
    showing.set_defaults(func=show_run)
    exporting = commands.add_parser("export", help="write a run's record, curve and weights to a folder")
    exporting.add_argument("run", metavar="RUN", type=run_number, help="its number")
    exporting.add_argument("--to", metavar="FOLDER", type=Path, help="the folder, made anew (run-NUMBER here)")
    exporting.set_defaults(func=write_export)
    restoring = commands.add_parser("restore", help="put runs back that the screen took off the list")
    restoring.add_argument("runs", metavar="RUN", type=run_number, nargs="+", help="their numbers")
    restoring.set_defaults(func=restore_runs)
    removing = commands.add_parser("rm", help="delete runs and their weights for good")
    removing.add_argument("runs", metavar="RUN", type=run_number, nargs="*", help="their numbers")
    removing.add_argument("--deleted", action="store_true", help="those too that the screen took off the list")
    removing.set_defaults(func=remove_runs)
    for command in (listing, showing, exporting, restoring, removing):
        command.add_argument("--json", action="store_true", help="print JSON")


def list_runs(options: argparse.Namespace) -> int:
    """Print a line a run, newest first."""
    rows = RunStore(runs_dir()).list()
    if options.json:
        print_json([_plain(row) for row in rows])
        return 0
    print(f"{'run':>5}  {'preset':15} {'params':>10} {'steps':>19} {'train':>7} {'best val':>8}  {'state':9} created")
    for row in rows:
        steps = f"{row.step:,} / {row.config.max_steps:,}"
        losses = f"{_loss(row.train):>7} {_loss(row.best_val):>8}"
        when = f"{row.state:9} {row.created}  {row.name}".rstrip()
        print(f"{row.run:>5}  {row.preset:15} {row.parameters:>10,} {steps:>19} {losses}  {when}")
    return 0


def show_run(options: argparse.Namespace) -> int:
    """Print what is kept of a run; `checkpoint` is the absolute path of its newest weights."""
    store = RunStore(runs_dir())
    record = store.read(options.run)
    weights = first_valid(store.folder_of(record.run).checkpoints())
    shown = _plain(record) | {"checkpoint": str(weights.absolute()) if weights else None}
    if options.json:
        print_json(shown)
        return 0
    history, config = shown.pop("history"), shown.pop("config")
    for name, value in shown.items():
        print(f"{name:17} {value if value not in (None, '') else '–'}")
    print(f"{'points':17} {len(history['points']):,}, each the mean of {history['window']} steps or more")
    for name, value in config.items():
        print(f"  {name:15} {' '.join(map(str, value)) if isinstance(value, tuple | list) else value}")
    return 0


def write_export(options: argparse.Namespace) -> int:
    """Write a run to a folder and print what was written."""
    written = export_run(RunStore(runs_dir()), options.run, options.to or Path(f"run-{options.run:04}"))
    if options.json:
        print_json({"run": options.run, "files": [str(path.absolute()) for path in written]})
    else:
        print("\n".join(map(str, written)))
    return 0


def restore_runs(options: argparse.Namespace) -> int:
    """Put runs back on the list, and say which."""
    store = RunStore(runs_dir())
    for run in options.runs:
        store.restore(run)
    if options.json:
        print_json([{"run": run} for run in options.runs])
    else:
        print("\n".join(f"run {run} is back on the list" for run in options.runs))
    return 0


def remove_runs(options: argparse.Namespace) -> int:
    """Delete runs, each as far as it goes, and say what that freed."""
    store = RunStore(runs_dir())
    chosen = [*options.runs, *(store.deleted() if options.deleted else ())]
    if not chosen and not options.deleted:
        raise UserError("no run is named", "charwave-tui runs list shows their numbers")
    rows: list[dict[str, int]] = []
    refused: UserError | None = None
    for run in dict.fromkeys(chosen):
        try:
            rows.append({"run": run, "bytes": store.remove(run)})
        except OSError as error:
            reason = f"run {run} cannot be deleted ({error.strerror or error})"
            refused = refused or UserError(reason, "allow it with chmod u+rwx")
        except UserError as mistake:
            refused = refused or mistake
    if options.json:
        print_json(rows)
    else:
        for row in rows:
            print(f"run {row['run']} is deleted: {row['bytes']:,} bytes are free again")
    if refused is not None:
        raise refused
    return 0


def _plain(value: RunRecord | RunSummary) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))  # NaN has no place in JSON: null
    return plain


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}" if abs(value) < 1_000 else f"{value:.1e}"
