"""Names sampled per second: in batches by our sampler, one by one by the lecture's loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from torch import Generator

from charwave_tui.bench.baselines import LectureLoop
from charwave_tui.bench.results import UNLIMITED_STEPS, Measurement, OnProgress, Run
from charwave_tui.bench.training_speed import CPU, examples, threads_of
from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import MAX_NAMES, SamplingConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling.sampler import sample
from charwave_tui.engine.training.trainer import Trainer

CALLS = 5  # of our sampler in a round, MAX_NAMES each
LECTURE_NAMES = 50  # sampled by the lecture's loop in a round


def names_per_second(
    presets: Sequence[str], corpus: Corpus, training_steps: int, rounds: int, on_progress: OnProgress
) -> Measurement:
    """Measure names/s for each of `presets` after `training_steps` of either loop, interleaved on one thread."""
    values: dict[str, float] = {}
    runs: list[Run] = []
    lines = []
    with threads_of(1):
        for name in presets:
            on_progress(f"training {name} for {training_steps:,} steps, to draw names")
            sample_ours, sample_lecture = _samplers(get_preset(name).config, corpus, training_steps)
            speeds = []
            for number in range(rounds):
                on_progress(f"names from {name}, round {number + 1} of {rounds}")
                speeds.append((_speed(sample_ours, MAX_NAMES, CALLS), _speed(sample_lecture, LECTURE_NAMES, 1)))
            values[name] = median(ours for ours, _ in speeds)
            runs += [{"preset": name, "ours": ours, "lecture": lecture} for ours, lecture in speeds]
            lecture, ratio = median(speed for _, speed in speeds), median(ours / lecture for ours, lecture in speeds)
            lines.append(f"{name:24}the lecture's loop, one by one: {lecture:,.0f} a second; ours × {ratio:.0f}")
    meaning = (
        f"names drawn in calls of {MAX_NAMES:,}, told with surprises and if known or near, on one thread after "
        f"{training_steps:,} steps"
    )
    return Measurement("names_per_second", values, "/s", meaning, tuple(runs), tuple(lines))


def _samplers(config: RunConfig, corpus: Corpus, training_steps: int) -> tuple[Callable[[int, Generator], object], ...]:
    """Return our sampler and the lecture's, each with the weights of its own training loop."""
    trainer = Trainer(replace(config, max_steps=UNLIMITED_STEPS), corpus, CPU)
    trainer.train_for(float("inf"), training_steps)
    loop = LectureLoop(config, corpus.vocab_size, *examples(config, corpus), CPU)
    for _ in range(training_steps):
        loop.step()

    def sample_ours(count: int, generator: Generator) -> object:
        return sample(trainer.model, corpus, config, SamplingConfig(count=count), generator)

    return sample_ours, lambda count, generator: loop.sample_names(count, corpus.symbols, generator)


def _speed(sample_names: Callable[[int, Generator], object], count: int, calls: int) -> float:
    generators = [derived_generator(call, "names of the benchmark") for call in range(calls)]
    start = time.perf_counter()
    for generator in generators:
        sample_names(count, generator)
    return calls * count / (time.perf_counter() - start)
