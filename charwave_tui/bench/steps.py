"""How fast a training step is, told against the lecture's loop, a usual one, and the bare matrix products of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from charwave_tui.bench.contenders import FAST, FLOOR, LECTURE, NAMES, PLAIN, TOLD, by_lecture, contenders, ours
from charwave_tui.bench.figures import Figure, Run, Tick
from charwave_tui.bench.race import Contest, race
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.presets import preset


def step_figures(presets: Sequence[str], corpus: Corpus, rounds: int, seconds: float, tick: Tick) -> list[Figure]:
    """The fast step of each of `presets` (tanh, norm batch, sgd, windows) among all contenders, on the CPU."""
    contests = [race(name, contenders(preset(name).config, corpus), rounds, seconds, tick) for name in presets]
    meaning = "as fast as the lecture's loop is our fast step; the better of 1 and 2 threads for each"
    share = {contest.name: contest.against(FAST, FLOOR) for contest in contests}
    meaning_of_share = "of the fast step's time would its matrix products take alone (from 0 to 1)"
    return [_ratios("step_ratio", meaning, contests), Figure("floor_share", share, "", meaning_of_share)]


def gpu_step_figure(presets: Sequence[str], corpus: Corpus, rounds: int, seconds: float, tick: Tick) -> Figure:
    """The step that a run takes on the GPU which must be there, against the lecture's loop on it."""
    device = torch.device("cuda")
    contests = []
    for name in presets:
        config = preset(name).config
        both = {LECTURE: by_lecture(config, corpus, device), PLAIN: ours(config, corpus, device)}
        contests.append(race(name, both, rounds, seconds, tick, threads=(1,)))
    meaning = "as fast as the lecture's loop is our plain step, which runs there, both on the GPU"
    return _ratios("gpu_step_ratio", meaning, contests, PLAIN)


def standings(contest: Contest) -> Iterator[str]:
    """A heading and a row a contender; the ratios are of positions scored a second."""
    yield f"{contest.name:24}{'steps/s':>9}{'threads':>9}{'positions/s':>13}{'× lecture':>11}{'of the floor':>14}"
    for name in contest.speeds:
        steps = contest.speed(name)
        scored = f"{steps * contest.positions[name]:,.0f}"
        # the floor is that of windows
        share = f"{contest.against(name, FLOOR):.2f}" if FLOOR in contest.speeds and name != NAMES else "–"
        ratio = f"{contest.against(name, LECTURE):.2f}"
        yield f"{TOLD[name]:24}{steps:>9,.0f}{contest.threads(name):>9}{scored:>13}{ratio:>11}{share:>14}"


def _ratios(name: str, meaning: str, contests: Sequence[Contest], step: str = FAST) -> Figure:
    ratios = {contest.name: contest.against(step, LECTURE) for contest in contests}
    runs = tuple(run for contest in contests for run in _runs(contest))
    lines = tuple(line for contest in contests for line in standings(contest))
    return Figure(name, ratios, "×", meaning, runs, lines)


def _runs(contest: Contest) -> Iterator[Run]:
    for name, by_threads in contest.speeds.items():
        for threads, speeds in by_threads.items():
            about: dict[str, str | float] = {"preset": contest.name, "contender": name, "threads": threads}
            yield {**about, "positions": contest.positions[name], "steps_per_second": speeds}
