"""The run store: a numbered folder for each run, with its record and its weights."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from charwave_tui.core.atomic import write_whole
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import HOME_VARIABLE, ensure_folder
from charwave_tui.core.records import RunRecord

RECORD = "record.json"
"""What a run's folder calls the record."""

WEIGHTS = "weights.safetensors"
"""What a run's folder calls the weights."""

ATTEMPTS = 1_000
"""Numbers that are tried for a new run, where others take them at the same moment."""


class RunStore:
    """The runs in one folder; it is made when the first run is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> int:
        """A new run's number, its folder made; raises Mistake where that cannot be."""
        ensure_folder(self.folder)
        reason: str | None = "others take every number"
        try:
            first = max(self.numbers(), default=0) + 1
            for number in range(first, first + ATTEMPTS):
                with suppress(FileExistsError):
                    self._place(number).mkdir()
                    return number
        except OSError as error:
            reason = error.strerror
        raise Mistake(
            f"{self.folder} cannot hold a new run ({reason})", f"free it, or set {HOME_VARIABLE} to another folder"
        )

    def numbers(self) -> list[int]:
        """The numbers of all runs that have a record or are about to, in order; raises Mistake."""
        try:
            names = [entry.name for entry in self.folder.iterdir()] if self.folder.is_dir() else []
        except OSError as error:
            raise Mistake(f"{self.folder} cannot be read ({error.strerror})", "allow it with chmod u+rwx") from None
        return sorted(int(name) for name in names if name.isascii() and name.isdecimal())

    def write(self, record: RunRecord) -> None:
        """Keep `record`, whole or not at all; raises OSError."""
        content = msgspec.json.format(msgspec.json.encode(record), indent=1)
        write_whole(self._place(record.run) / RECORD, content)

    def read(self, run: int | None = None) -> RunRecord:
        """The record of `run`, or of the newest that has taken a step; raises Mistake where none can be read."""
        if run is not None:
            return self._read(run)
        for number in reversed(self.numbers()):
            if self.weights_path(number).exists() and (record := self._read(number)).step > 0:
                return record
        raise Mistake("there is no trained run yet", "train one first: charwave-tui train")

    def weights_path(self, run: int) -> Path:
        """Where the weights of `run` are kept."""
        return self._place(run) / WEIGHTS

    def _read(self, run: int) -> RunRecord:
        try:
            return read_record(self._place(run))
        except FileNotFoundError:
            known = ", ".join(map(str, self.numbers()[-8:])) or "none yet"
            raise Mistake(f"run {run} is unknown", f"the newest runs are: {known}") from None

    def _place(self, run: int) -> Path:
        return self.folder / f"{run:04}"


def read_record(folder: Path) -> RunRecord:
    """The record in a run's folder; raises FileNotFoundError where there is none, Mistake where it cannot be read."""
    path = folder / RECORD
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except FileNotFoundError:
        raise
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Mistake(f"{path} cannot be read ({error})", "choose another run with --run") from None
