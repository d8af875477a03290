"""The record of a run as its folder has it: in the latest checkpoint, with the user's name and note beside it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from charwave_tui.core.atomic_write import write_atomically
from charwave_tui.core.errors import UserError
from charwave_tui.core.store.checkpoint_metadata import RECORD_KEY, read_verified
from charwave_tui.core.store.run_folder import RunFolder
from charwave_tui.core.store.run_record import RunRecord

RECORD_FILE = "record.json"  # of the pretrained model, and of runs from before there was a database
USER_NOTES_FILE = "own.json"


class UserNotes(msgspec.Struct, frozen=True):
    """What the user says of a run: name, note, and where its `corpus` is now, empty where it was learned from."""

    name: str = ""
    note: str = ""
    corpus: str = ""


def read_user_notes(folder: RunFolder) -> UserNotes:
    with suppress(OSError, ValueError, RecursionError):
        return msgspec.json.decode((folder.path / USER_NOTES_FILE).read_bytes(), type=UserNotes)
    return UserNotes()


def write_user_notes(folder: RunFolder, **changes: str) -> None:
    """Change what the folder, if it exists, has beside the checkpoints. Raises OSError."""
    if folder.path.is_dir():
        notes = msgspec.structs.replace(read_user_notes(folder), **changes)
        write_atomically(folder.path / USER_NOTES_FILE, msgspec.json.encode(notes))


def relocated(record: RunRecord, folder: RunFolder) -> RunRecord:
    """Return the record with the path of its corpus that the user gave last."""
    corpus = read_user_notes(folder).corpus
    return msgspec.structs.replace(record, config=replace(record.config, corpus=corpus)) if corpus else record


def read_folder_record(folder: RunFolder) -> RunRecord | None:
    """Return the record in the latest valid checkpoint, else that of RECORD_FILE, else None.

    Name and note come from USER_NOTES_FILE.
    """
    notes = read_user_notes(folder)
    with suppress(UserError):
        for checkpoint in folder.checkpoints():
            with suppress(OSError, ValueError, KeyError, RecursionError):
                record = msgspec.json.decode(read_verified(checkpoint)[1][RECORD_KEY], type=RunRecord)
                if record.run == folder.run:
                    return msgspec.structs.replace(record, name=notes.name, note=notes.note)
    with suppress(FileNotFoundError, UserError):
        return msgspec.structs.replace(read_record_file(folder.path), run=folder.run, name=notes.name, note=notes.note)
    return None


def read_record_file(folder: Path) -> RunRecord:
    """Return the record of RECORD_FILE. Raises FileNotFoundError, and UserError if it cannot be read."""
    path = folder / RECORD_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error})", "choose another run with --run") from None
