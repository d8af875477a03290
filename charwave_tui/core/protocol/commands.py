"""Every command and AnyCommand."""

from __future__ import annotations

import msgspec

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import (
    Split,
)
from charwave_tui.core.protocol.layer_insights import InsightQuery, ProbeBatch

UPLOAD_CHUNK = 48 * 1024
"""Bytes of a file that are sent at once."""


class Command(msgspec.Struct, frozen=True, tag=True):
    """What a viewer asks of the engine."""


class PrepareRun(Command, frozen=True):
    """Build the untrained model of `config`, so that it can be looked at; ignored once a run has begun."""

    config: RunConfig
    preset: str


class StartRun(Command, frozen=True):
    """Begin a new run and train it; with `steps` (0 or more), pause after so many, or finish where that is the end."""

    config: RunConfig
    preset: str
    steps: int | None = None


class PauseRun(Command, frozen=True):
    """Hold training between two steps."""


class ResumeRun(Command, frozen=True):
    """Go on training a paused run."""


class StepRun(Command, frozen=True):
    """Take one step, then hold, be it past the end; several are all taken, after what is being measured or drawn."""


class StopRun(Command, frozen=True):
    """End the run, evaluate and save it."""


class ResetRun(Command, frozen=True):
    """Back to the same initial weights, paused, in a new run unless no step was taken; the old one is the ghost."""


class ExtendRun(Command, frozen=True):
    """Train a finished or stopped run on for as many steps as it had been given."""


class RewindRun(Command, frozen=True):
    """Take a diverged run back to its last good save, and train on with a third of lr."""


class EditRun(Command, frozen=True):
    """Change live fields of the run from the next step on."""

    config: RunConfig


class EvaluateSplits(Command, frozen=True):
    """Measure whole splits in eval mode; what was measured at this very step is told to the asker again."""

    splits: tuple[Split, ...]


class ProbeLayers(Command, frozen=True):
    """Measure every layer's output and gradient on the fixed batch."""

    batch: ProbeBatch = ProbeBatch()


class SampleNames(Command, frozen=True):
    """Draw names from the model as it is; a viewer knows its own answer by `request`."""

    sampling: SamplingConfig
    request: int = 0


class ReportStatus(Command, frozen=True):
    """Tell the asker what the engine is doing."""


class Ping(Command, frozen=True):
    """Answer at once, without waiting for the model; `sent` is the asker's own clock."""

    sent: float


class PredictNext(Command, frozen=True):
    """Tell what may follow `prefix`, from the model as it is; a viewer knows its own answer by `request`."""

    prefix: str
    request: int = 0


class ScoreWord(Command, frozen=True):
    """Tell how much each character of `word` surprises the model, at once, and then its place in the corpus."""

    word: str
    request: int = 0


class SampleRun(Command, frozen=True):
    """Draw names from the last save of another run."""

    run: int
    sampling: SamplingConfig
    request: int = 0


class ListStars(Command, frozen=True):
    """Tell the names that were starred."""


class StarName(Command, frozen=True):
    """Keep a name with where it came from; one that is starred already stays as it is."""

    name: str
    nll: float
    run: int | None
    step: int


class UnstarName(Command, frozen=True):
    """Let go of a starred name."""

    name: str


class ListRuns(Command, frozen=True):
    """Tell the asker all runs that are kept."""


class ShowRun(Command, frozen=True):
    """Tell the asker a run's whole record."""

    run: int


class OpenRun(Command, frozen=True):
    """Hold a kept run as its last save has it, in place of the present one; with `train` go on training it.

    A run in progress before it is held and saved.
    """

    run: int
    train: bool = False


class ForkRun(Command, frozen=True):
    """Begin a new run, paused, with the weights and the course that `run` has now; its curve is the ghost."""

    run: int


class DescribeRun(Command, frozen=True):
    """Keep what a person calls a run and notes of it."""

    run: int
    name: str
    note: str


class DeleteRun(Command, frozen=True):
    """Take a run off the list, from where it can be put back."""

    run: int


class RestoreRun(Command, frozen=True):
    """Put a deleted run back on the list."""

    run: int


class InspectLayer(Command, frozen=True):
    """Look inside one layer; a viewer knows its own answer by `request`. Ignored where the model has no such layer."""

    lens: InsightQuery
    batch: ProbeBatch = ProbeBatch()
    request: int = 0


class ReportUpdateRatios(Command, frozen=True):
    """Tell the asker how far steps have moved each matrix over time."""


class OfferCorpus(Command, frozen=True):
    """Say where the corpus of that SHA-256 lies with the engine, or that it is wanted; `name` is that of the file."""

    sha256: str
    name: str


class UploadCorpusPart(Command, frozen=True):
    """A part of a corpus that is wanted, which has `size` bytes, from `offset` on; the last one has it placed."""

    sha256: str
    name: str
    size: int
    offset: int
    part: bytes


AnyCommand = (
    PrepareRun
    | StartRun
    | PauseRun
    | ResumeRun
    | StepRun
    | StopRun
    | ResetRun
    | ExtendRun
    | RewindRun
    | EditRun
    | EvaluateSplits
    | ProbeLayers
    | SampleNames
    | ReportStatus
    | Ping
    | ListRuns
    | ShowRun
    | OpenRun
    | ForkRun
    | DescribeRun
    | DeleteRun
    | RestoreRun
    | InspectLayer
    | ReportUpdateRatios
    | PredictNext
    | ScoreWord
    | SampleRun
    | ListStars
    | StarName
    | UnstarName
    | OfferCorpus
    | UploadCorpusPart
)
"""Every command there is."""
