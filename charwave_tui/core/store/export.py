"""A run as files that other programs read: its record, its curve, its weights."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from charwave_tui.core.atomic_write import write_atomically
from charwave_tui.core.errors import UserError
from charwave_tui.core.store.checkpoint_metadata import RECORD, first_valid
from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore


def export_run(store: RunStore, run: int, folder: Path) -> tuple[Path, ...]:
    """Write `run` into `folder`, which is made, and give the files; raises Mistake, also where `folder` is there."""
    record = store.read(run)
    weights = first_valid(store.folder_of(run).checkpoints())
    try:
        folder.mkdir(parents=True)
        contents = {
            RECORD: msgspec.json.format(msgspec.json.encode(record), indent=1),
            "curve.csv": _curve(record),
            "evaluations.csv": _evaluations(record),
        }
        for name, content in contents.items():
            write_atomically(folder / name, content)
        if weights is not None:
            shutil.copyfile(weights, folder / STANDALONE_WEIGHTS)
    except FileExistsError:
        raise UserError(f"{folder} is there already", "name another folder with --to") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror})", "name another folder with --to") from None
    return tuple(sorted(folder.iterdir()))


def _curve(record: RunRecord) -> bytes:
    rows = ((point.step, point.mean, point.low, point.high) for point in record.history.points)
    return _csv(("step", "mean", "low", "high"), rows)


def _evaluations(record: RunRecord) -> bytes:
    rows = ((item.step, item.split.value, item.loss) for item in record.history.evaluations)
    return _csv(("step", "split", "loss"), rows)


def _csv(heading: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return text.getvalue().encode()
