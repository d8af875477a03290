"""Commands: everything that a viewer sends to the engine."""

from __future__ import annotations

import msgspec

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.metrics import Split
from charwave_tui.core.protocol.layer_insights import InsightQuery, ProbeBatch

UPLOAD_CHUNK_BYTES = 48 * 1024

REWIND_LR_DIVISOR = 3  # what a rewind divides lr by


class Command(msgspec.Struct, frozen=True, tag=True):
    """A request from a viewer to the engine; one that does not fit the state of the run is ignored.

    Viewers number the requests that have a `request` field, and the replies repeat the number.
    """


class PrepareRun(Command, frozen=True):
    """Build the untrained model of `config`. Sent when the form is edited; ignored once a run has begun."""

    config: RunConfig
    preset: str


class StartRun(Command, frozen=True):
    """Create a run and train it. Sent by key t, `start` and `train`.

    With `steps` (0 or more) it pauses after that many, or finishes if they reach `max_steps`.
    """

    config: RunConfig
    preset: str
    steps: int | None = None


class PauseRun(Command, frozen=True):
    """Pause training between two steps. Sent by key space and `pause`."""


class ResumeRun(Command, frozen=True):
    """Continue a paused run. Sent by key space and `resume`."""


class StepRun(Command, frozen=True):
    """Take one step and pause, even past `max_steps`. Sent by key . (full stop).

    Several commands add up; the background tasks are done first.
    """


class StopRun(Command, frozen=True):
    """End the run, evaluate train and val, and save. Sent by key x and `stop`."""


class ResetRun(Command, frozen=True):
    """Create a run with the same initial weights, paused; the old run becomes the ghost curve. Sent by key 0.

    A run that has taken no step is kept instead.
    """


class ExtendRun(Command, frozen=True):
    """Continue a stopped or finished run for as many steps as it had been given. Sent by key c."""


class RewindRun(Command, frozen=True):
    """Restore the last valid checkpoint of a diverged run and train on with lr / REWIND_LR_DIVISOR. Sent by key w."""


class EditRun(Command, frozen=True):
    """Change fields of EditEffect.LIVE from the next step on. Sent when one is edited in the form."""

    config: RunConfig


class EvaluateSplits(Command, frozen=True):
    """Evaluate whole splits in eval mode. Sent by key e.

    Every viewer gets the SplitEvaluated; only the sender, if the split was evaluated at this step already.
    """

    splits: tuple[Split, ...]


class ProbeLayers(Command, frozen=True):
    """Measure output and gradient of every layer on the probe batch. Sent repeatedly while the layer table is shown."""

    batch: ProbeBatch = ProbeBatch()


class SampleNames(Command, frozen=True):
    """Sample names from the active run. Sent by key g, the sampler and `sample`."""

    sampling: SamplingConfig
    request: int = 0


class ReportStatus(Command, frozen=True):
    """Request a StatusReported. Sent by `attach`, `status` and other shell commands."""


class Ping(Command, frozen=True):
    """Request a Pong, which does not wait for the engine's worker thread. `sent` is the viewer's clock in seconds."""

    sent: float


class PredictNext(Command, frozen=True):
    """Request the next-character distribution after `prefix`. Sent by the sampler's step mode and `sample`."""

    prefix: str
    request: int = 0


class ScoreWord(Command, frozen=True):
    """Request the nll of `word`, then its percentile in the corpus. Sent by the sampler's score mode and `sample`."""

    word: str
    request: int = 0


class SampleRun(Command, frozen=True):
    """Sample names from the last checkpoint of another run. Sent by the sampler's compare mode."""

    run: int
    sampling: SamplingConfig
    request: int = 0


class ListStars(Command, frozen=True):
    """Request the starred names. Sent when the sampler opens."""


class StarName(Command, frozen=True):
    """Star a name that was sampled from `run` (None: the pretrained model) after `step`. Sent by the sampler.

    A name that is starred already stays as it is.
    """

    name: str
    nll: float
    run: int | None
    step: int


class UnstarName(Command, frozen=True):
    """Remove a starred name. Sent by the sampler."""

    name: str


class ListRuns(Command, frozen=True):
    """Request all stored runs. Sent when the runs screen or the compare mode opens."""


class ShowRun(Command, frozen=True):
    """Request the record of a run. Sent by the runs screen, which renders its curve."""

    run: int


class OpenRun(Command, frozen=True):
    """Restore a run from its last checkpoint in place of the active one, which is paused and saved before.

    With `train` its training continues. Sent by the runs screen and `resume`.
    """

    run: int
    train: bool = False


class ForkRun(Command, frozen=True):
    """Create a run, paused, with the weights and history of `run`, whose curve becomes the ghost.

    Sent by the runs screen.
    """

    run: int


class DescribeRun(Command, frozen=True):
    """Set the name and note of a run. Sent by the runs screen."""

    run: int
    name: str
    note: str


class DeleteRun(Command, frozen=True):
    """Take a run off the list, from where it can be restored. Sent by the runs screen."""

    run: int


class RestoreRun(Command, frozen=True):
    """Put a deleted run back on the list. Sent by the runs screen."""

    run: int


class InspectLayer(Command, frozen=True):
    """Inspect one layer; ignored if the model has no such layer. Sent repeatedly by the inspector."""

    query: InsightQuery
    batch: ProbeBatch = ProbeBatch()
    request: int = 0


class ReportUpdateRatios(Command, frozen=True):
    """Request the update ratios measured so far. Sent by the inspector."""


class OfferCorpus(Command, frozen=True):
    """Ask for the path of the engine's copy of a corpus with that SHA-256. Sent by viewers on other machines.

    `name` is that of the file. Answered by CorpusStored, CorpusRequested or CorpusRefused.
    """

    sha256: str
    name: str


class UploadCorpusPart(Command, frozen=True):
    """The bytes of a requested corpus of `size` bytes from `offset` on; the last part completes the file."""

    sha256: str
    name: str
    size: int
    offset: int
    part: bytes
