"""What a run's folder says of it, whatever the database knows."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from charwave_tui.core import weights_file
from charwave_tui.core.atomic import write_whole
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.records import RunRecord
from charwave_tui.core.run_folder import RunFolder

RECORD = "record.json"
"""What a run's folder calls a record that stands alone, as in the box and before there was a database."""

IN_SAVE = "record"
"""Under which name a save holds the record of its run."""

OWN = "own.json"
"""What a run's folder calls the file of what a person wrote of it, which the saves do not know."""


class _Own(msgspec.Struct):
    name: str = ""
    note: str = ""


def write_own(folder: RunFolder, name: str, note: str) -> None:
    """Keep what a person calls the run and notes of it, where there is a folder; raises OSError."""
    if folder.path.is_dir():
        write_whole(folder.path / OWN, msgspec.json.encode(_Own(name, note)))


def folder_record(folder: RunFolder) -> RunRecord | None:
    """The record in the newest save that can be read, else the one that stands alone; None where there is neither.

    With what a person wrote of the run, which stands beside it.
    """
    own = _Own()
    with suppress(OSError, ValueError, RecursionError):
        own = msgspec.json.decode((folder.path / OWN).read_bytes(), type=_Own)
    with suppress(Mistake):
        for save in folder.saves():
            with suppress(OSError, ValueError, KeyError, RecursionError):
                record = msgspec.json.decode(weights_file.read_whole(save)[1][IN_SAVE], type=RunRecord)
                if record.run == folder.run:
                    return msgspec.structs.replace(record, name=own.name, note=own.note)
    with suppress(FileNotFoundError, Mistake):
        return msgspec.structs.replace(read_record(folder.path), run=folder.run, name=own.name, note=own.note)
    return None


def read_record(folder: Path) -> RunRecord:
    """The record that stands alone in `folder`; raises FileNotFoundError, Mistake where it cannot be read."""
    path = folder / RECORD
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise Mistake(f"{path} cannot be read ({error})", "choose another run with --run") from None
