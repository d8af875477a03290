"""Names with the same chance at every evaluation of a run: how gibberish becomes names."""

from __future__ import annotations

import msgspec

from charwave_tui.core.readings import Sketch
from charwave_tui.core.sampling import Sampling
from charwave_tui.engine.pieces import Pieces
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.sampler import drawing
from charwave_tui.engine.trainer import Trainer

SKETCH = Sampling(count=12)
"""How the names of a timeline are drawn, with a stream of its own for each seed of a run."""


def sketched(trainer: Trainer) -> Pieces[Sketch]:
    """Names of the model as it is, which must stand still meanwhile; raises Mistake where its weights give NaN."""
    step, stream = trainer.step, side_stream(trainer.config.seed, "timeline")
    names = yield from drawing(trainer.model, trainer.corpus, trainer.config, SKETCH, stream)
    return Sketch(step, tuple(msgspec.structs.replace(name, surprises=()) for name in names))
