"""Export of a run for other programs: record as JSON, curve as CSV, weights as safetensors."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from charwave_tui.core.atomic_write import write_atomically
from charwave_tui.core.errors import UserError
from charwave_tui.core.store.checkpoint_metadata import first_valid
from charwave_tui.core.store.folder_record import RECORD_FILE
from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS
from charwave_tui.core.store.run_store import RunStore


def export_run(store: RunStore, run: int, folder: Path) -> tuple[Path, ...]:
    """Write `run` into the new folder `folder`; return the paths. Raises UserError, also if `folder` exists."""
    record = store.read(run)
    weights = first_valid(store.folder_of(run).checkpoints())
    try:
        folder.mkdir(parents=True)
        contents = {
            RECORD_FILE: msgspec.json.format(msgspec.json.encode(record), indent=1),
            "curve.csv": _csv(
                ("step", "mean", "low", "high"),
                ((point.step, point.mean, point.low, point.high) for point in record.history.points),
            ),
            "evaluations.csv": _csv(
                ("step", "split", "loss", "unseen"),
                ((item.step, item.split.value, item.loss, item.unseen) for item in record.history.evaluations),
            ),
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


def _csv(heading: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return text.getvalue().encode()
