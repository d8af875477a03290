"""Names of another run than the one in hand, from its newest save."""

from __future__ import annotations

import torch

from charwave_tui.core.runs import RunStore
from charwave_tui.core.speaking import RunSampled, SampleRun
from charwave_tui.engine.pieces import Pieces
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.restoring import to_look_at
from charwave_tui.engine.sampler import Drawing
from charwave_tui.engine.speech import Answer


def names_of_another(store: RunStore, command: SampleRun, answer: Answer) -> Pieces[None]:
    """Draw names as `api.sample` does, without touching the run in hand, whose threads are its own; raises Mistake."""
    threads = torch.get_num_threads()
    try:
        record, corpus, trainer = to_look_at(store, command.run)
    finally:
        torch.set_num_threads(threads)
    yield
    stream = side_stream(command.sampling.seed, "sampling")
    drawing = Drawing(trainer.model, corpus, record.config, command.sampling, stream)
    names = yield from drawing.names()
    answer(RunSampled(record.run, record.step, command.request, names))
