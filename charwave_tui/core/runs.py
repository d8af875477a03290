"""The run store: a numbered folder for each run, with its record and its weights."""

from __future__ import annotations

from pathlib import Path

import msgspec

from charwave_tui.core.atomic import write_whole
from charwave_tui.core.config import RunConfig
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import History, State
from charwave_tui.core.readings import CorpusCard

RECORD = "record.json"
"""What a run's folder calls the record."""

WEIGHTS = "weights.safetensors"
"""What a run's folder calls the weights."""


class RunRecord(msgspec.Struct, frozen=True):
    """A run as it is kept: everything but the weights.

    `seconds` is the time since the run was asked for, `training_seconds` the part spent in steps; `train` and `val` are
    nats per character over whole splits as they were at `step`, None where not measured then.
    """

    run: int
    preset: str
    config: RunConfig
    corpus: CorpusCard
    parameters: int
    state: State
    step: int
    created: str
    seconds: float
    training_seconds: float
    first_loss: float | None
    train: float | None
    val: float | None
    history: History

    @property
    def steps_per_second(self) -> float:
        """The speed of training alone, without evaluation and saving."""
        return self.step / self.training_seconds if self.training_seconds else 0.0


class RunStore:
    """The runs in one folder; it is made when the first run is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> int:
        """A new run's number, its folder made; raises Mistake where that cannot be."""
        number = max(self.numbers(), default=0) + 1
        while True:
            try:
                self._place(number).mkdir(parents=True)
            except FileExistsError:
                number += 1
            except OSError as error:
                raise Mistake(
                    f"{self.folder} cannot hold a new run ({error.strerror})",
                    "free it, or set CHARWAVE_HOME to another folder",
                ) from None
            else:
                return number

    def numbers(self) -> list[int]:
        """The numbers of all runs that have a record or are about to, in order."""
        if not self.folder.is_dir():
            return []
        return sorted(int(entry.name) for entry in self.folder.iterdir() if entry.name.isdigit())

    def write(self, record: RunRecord) -> None:
        """Keep `record`, whole or not at all; raises OSError."""
        content = msgspec.json.format(msgspec.json.encode(record), indent=1)
        write_whole(self._place(record.run) / RECORD, content)

    def read(self, run: int | None = None) -> RunRecord:
        """The record of `run`, or of the newest that has weights; raises Mistake where none can be read."""
        if run is None:
            run = next((number for number in reversed(self.numbers()) if self.weights_path(number).exists()), None)
            if run is None:
                raise Mistake("there is no trained run yet", "train one first: charwave-tui train")
        path = self._place(run) / RECORD
        try:
            return msgspec.json.decode(path.read_bytes(), type=RunRecord)
        except FileNotFoundError:
            known = ", ".join(map(str, self.numbers()[-8:])) or "none yet"
            raise Mistake(f"run {run} is unknown", f"the newest runs are: {known}") from None
        except (OSError, msgspec.DecodeError) as error:
            raise Mistake(f"{path} cannot be read ({error})", "choose another run with --run") from None

    def weights_path(self, run: int) -> Path:
        """Where the weights of `run` are kept."""
        return self._place(run) / WEIGHTS

    def _place(self, run: int) -> Path:
        return self.folder / f"{run:04}"
