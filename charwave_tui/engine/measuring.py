"""What a run comes to at a step: whole splits, and names for its timeline, a piece at a time."""

from __future__ import annotations

import math
from contextlib import suppress

from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import SplitEvaluated
from charwave_tui.core.readings import Evaluation, Split, State
from charwave_tui.core.speaking import SketchDrawn
from charwave_tui.core.timeline import due
from charwave_tui.engine.current import CurrentRun
from charwave_tui.engine.pieces import Pieces
from charwave_tui.engine.timeline import sketched


def known(run: CurrentRun, split: Split) -> Evaluation | None:
    """The whole split as measured at this very step, if it was."""
    return run.course.evaluation(split, run.trainer.step)


def evaluate(run: CurrentRun, split: Split) -> Pieces[None]:
    """Measure a whole split, and tell the loss if it is finite; with that of val the timeline grows before."""
    step = run.trainer.step
    loss = yield from run.trainer.evaluate(split)
    if split is Split.VAL and (run.state is not State.TRAINING or due(run.course.timeline, step)):
        yield from sketch(run)
    if math.isfinite(loss):  # told last: who waits for it may take the run for saved
        evaluation = Evaluation(step, split, loss)
        run.course.evaluated(evaluation)
        run.emit(SplitEvaluated(evaluation))


def sketch(run: CurrentRun) -> Pieces[None]:
    """Draw names for the timeline and tell of them; weights that give NaN have none."""
    with suppress(Mistake):
        drawn = yield from sketched(run.trainer)
        run.course.sketched(drawn)
        run.emit(SketchDrawn(drawn))
