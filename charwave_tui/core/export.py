"""A run as files that other programs read: its record, its curve, its weights."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from charwave_tui.core.atomic import write_whole
from charwave_tui.core.folder_record import RECORD
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.records import RunRecord
from charwave_tui.core.run_folder import ALONE
from charwave_tui.core.runs import RunStore
from charwave_tui.core.weights_file import first_sound


def export(store: RunStore, run: int, folder: Path) -> tuple[Path, ...]:
    """Write `run` into `folder`, which is made, and give the files; raises Mistake, also where `folder` is there."""
    record = store.read(run)
    weights = first_sound(store.place(run).saves())
    try:
        folder.mkdir(parents=True)
        contents = {
            RECORD: msgspec.json.format(msgspec.json.encode(record), indent=1),
            "curve.csv": _curve(record),
            "evaluations.csv": _evaluations(record),
        }
        for name, content in contents.items():
            write_whole(folder / name, content)
        if weights is not None:
            shutil.copyfile(weights, folder / ALONE)
    except FileExistsError:
        raise Mistake(f"{folder} is there already", "name another folder with --to") from None
    except OSError as error:
        raise Mistake(f"{folder} cannot be written ({error.strerror})", "name another folder with --to") from None
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
