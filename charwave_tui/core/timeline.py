"""A run's timeline: names from its evaluations, few enough to be kept with it and told at once."""

from __future__ import annotations

from charwave_tui.core.readings import Sketch

MOST_SKETCHES = 32
"""Sketches that a timeline has; one more, and the one between whose neighbours there are the fewest steps goes."""


FINEST = 2 * MOST_SKETCHES
"""Parts of a run so far, of which one must pass before the next sketch is due: finer ones would soon go again."""


def due(timeline: tuple[Sketch, ...], step: int) -> bool:
    """Whether an evaluation after `step`, in the midst of training, is worth a sketch: the first FINEST all are."""
    if len(timeline) < 2:
        return True
    first, last = timeline[0].step, timeline[-1].step
    return (step - last) * FINEST >= last - first


def grown(timeline: tuple[Sketch, ...], sketch: Sketch) -> tuple[Sketch, ...]:
    """The timeline with `sketch`, which takes the place of one of the same step, and of those behind it.

    The first and the last stay, and what lies between them stays even.
    """
    before = tuple(item for item in timeline if item.step < sketch.step)
    if len(before) < MOST_SKETCHES:
        return (*before, sketch)
    whole = (*before, sketch)
    spare = min(range(1, len(whole) - 1), key=lambda place: whole[place + 1].step - whole[place - 1].step)
    return (*whole[:spare], *whole[spare + 1 :])
