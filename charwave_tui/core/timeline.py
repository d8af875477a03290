"""The timeline of a run: names sampled along its training, of bounded number."""

from __future__ import annotations

from charwave_tui.core.metrics import TimelineSample

MAX_TIMELINE_SAMPLES = 32
TIMELINE_RESOLUTION = 2 * MAX_TIMELINE_SAMPLES  # samples that are closer together would soon be thinned out again


def timeline_sample_due(timeline: tuple[TimelineSample, ...], step: int) -> bool:
    """Return whether an evaluation after `step` during training should add a sample to the timeline."""
    if len(timeline) < 2:
        return True
    first, last = timeline[0].step, timeline[-1].step
    return (step - last) * TIMELINE_RESOLUTION >= last - first


def add_timeline_sample(timeline: tuple[TimelineSample, ...], sample: TimelineSample) -> tuple[TimelineSample, ...]:
    """Return the timeline with a new last sample, which replaces those of the same and of later steps.

    Of more than MAX_TIMELINE_SAMPLES the one whose neighbours are closest together is removed, never the first or last.
    """
    samples = (*(earlier for earlier in timeline if earlier.step < sample.step), sample)
    if len(samples) <= MAX_TIMELINE_SAMPLES:
        return samples
    redundant = min(range(1, len(samples) - 1), key=lambda index: samples[index + 1].step - samples[index - 1].step)
    return (*samples[:redundant], *samples[redundant + 1 :])
