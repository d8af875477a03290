"""What a model that never was sampler_state, and a hall in which the sampler's screen can be tried alone."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from support import lab_states as scenes
from support.run_records import ARCHIVE
from textual.pilot import Pilot

from charwave_tui.core.metrics import SampledName, StarredName, TimelineSample
from charwave_tui.core.protocol.commands import Command, PredictNext, SampleNames, SampleRun, ScoreWord
from charwave_tui.core.protocol.events import (
    Event,
    NamesSampled,
    NextPredicted,
    QueryRefused,
    RunSampled,
    WordScored,
)
from charwave_tui.ui.drawing.theme import themes
from charwave_tui.ui.messages import SendCommand
from charwave_tui.ui.sampler.screen import SamplerMemory, SamplerScreen
from charwave_tui.ui.state.run_state import LabState, NamesState
from charwave_tui.ui.state.sampler_state import FIRST_REQUEST, SamplerState, reduce_sampler
from charwave_tui.ui.terminal.key_queue import SequentialKeysApp

RANKED_SYMBOLS = "narilem.stodkcgyjvpuhzxbfwq"
"""Symbols by descending probability; the dot ends the name."""


def next_nlls(prefix: str, symbols: str = scenes.CARD.symbols) -> tuple[float, ...]:
    """Return −log p of every id; the length of the prefix rotates the seven most probable ones."""
    rotation = 3 * len(prefix) % 7
    order = RANKED_SYMBOLS[rotation:7] + RANKED_SYMBOLS[:rotation] + RANKED_SYMBOLS[7:]
    weights = {symbol: math.exp(-rank / 4) for rank, symbol in enumerate(order)}
    probabilities = [weights.get(symbol, 1e-6) for symbol in f".{symbols}"]
    return tuple(-math.log(weight / sum(probabilities)) for weight in probabilities)


def word_nlls(word: str) -> tuple[float, ...]:
    """−log p of each character and of the end."""
    ids = [scenes.CARD.symbols.find(symbol) + 1 for symbol in word] + [0]
    return tuple(next_nlls(word[:index])[char_id] for index, char_id in enumerate(ids))


def sampled_name(text: str, in_corpus: bool = False, near: str = "") -> SampledName:
    """Return a name with its nll."""
    nlls = word_nlls(text)
    return SampledName(text, sum(nlls) / len(nlls), in_corpus, near, nlls)


_WORDS = ("maralynn", "mariela", "makyah", "mateson", "mayrin", "marsden", "malia", "mavelyn", "madrix", "maziyah")


_MORE = ("maelle", "mazzori", "mariko", "mabriella", "matteus", "maika", "marvinne", "mahlani", "marisque", "maritho")


NAMES = tuple(
    sampled_name(text, place % 3 == 1, "mahlan" if place % 5 == 3 else "") for place, text in enumerate(_WORDS + _MORE)
)
"""Twenty names, some copied and some near."""


def _timeline_sample(step: int) -> TimelineSample:
    """Names that come to be as training goes on."""
    kept = 2 + step // 25_000
    return TimelineSample(step, tuple(SampledName(f"{text[:kept]}{'xqzj'[kept - 2 :]}", 2.0, False) for text in _WORDS))


TIMELINE = tuple(map(_timeline_sample, range(10_000, 130_001, 10_000)))
"""Names at each evaluation of the scenes' run."""


STARS = tuple(
    StarredName(text, 1.5 + place / 7, run, 132_400 - 40_000 * place, f"2026-03-14T1{4 - place}:00:00+00:00")
    for place, (text, run) in enumerate((("maralynn", 12), ("mayrin", 11), ("quillon", 10), ("belle", None)))
)
"""Starred names, newest first."""


SAMPLER_STATE = SamplerState(timeline=TIMELINE, stars=STARS)
"""State before the first request of the sampler."""


TRAINING_WITH_NLLS = replace(scenes.TRAINING, names=NamesState(132_400, NAMES, requested=20))
"""The scenes' run in training, with names that have their nll."""


_ENDINGS = ("na", "el", "sque", "tho", "jke", "o", "la", "n", "elle", "ah", "ne", "lyn", "ta", "us", "sa", "mo")


def sampler_replies(command: Command, step: int, symbols: str = scenes.CARD.symbols) -> Iterable[Event]:
    """Yield the replies of an engine to a command of the sampler."""
    match command:
        case PredictNext(prefix=prefix, request=request):
            path = word_nlls(prefix)[:-1]
            yield NextPredicted(step, request, prefix, next_nlls(prefix, symbols), path)
        case ScoreWord(word=word, request=request) if set(word) <= set(symbols):
            known = "mariela" if word == "mariela" else ""
            yield WordScored(step, request, word, word_nlls(word), known)
            yield WordScored(step, request, word, word_nlls(word), known, 61.8, 32_033)
        case ScoreWord(word=word, request=request):
            unknown_symbol = next(symbol for symbol in word if symbol not in symbols)
            yield QueryRefused(request, f"{unknown_symbol!r} is not in the corpus makemore", "leave it out")
        case SampleRun(run=run, request=request):
            yield RunSampled(run, 200_000, request, NAMES[::-1])
        case SampleNames(request=request, sampling=sampling) if request >= FIRST_REQUEST:
            names = [sampled_name(sampling.prefix + end) for end in _ENDINGS]
            yield NamesSampled(step, request, tuple(names[: sampling.count]))


class SamplerScreenHost(SequentialKeysApp[None]):
    """An app that shows the sampler's screen, and keeps the commands it sends and the results it is dismissed with.

    While it is `replying`, every command is replied to at once.
    """

    TITLE = "SamplerHall"  # in the frame of the stored snapshots

    def __init__(
        self,
        view: LabState = TRAINING_WITH_NLLS,
        sampler_state: SamplerState = SAMPLER_STATE,
        theme: str = "dark",
        mode: str = "names",
    ) -> None:
        super().__init__()
        self.requests: list[Command] = []
        self.results: list[SamplerMemory | None] = []
        self.copied: list[str] = []
        self.replying = True
        self._opening = (view, sampler_state, theme)
        self.sampler = SamplerScreen(SamplerMemory(mode=mode))
        for theme_definition in themes():
            self.register_theme(theme_definition)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes()[0].variables

    async def on_mount(self) -> None:
        view, sampler_state, theme = self._opening
        self.theme = f"charwave-{theme}"
        self.show(view)
        self.sampler.replies, self.sampler.stored_runs = sampler_state, ARCHIVE
        await self.push_screen(self.sampler, self.results.append)

    def show(self, view: LabState) -> None:
        """Pass a state of the lab to the screen."""
        self.sampler.run, self.sampler.curve, self.sampler.names = view.run, view.curve, view.names

    def emit(self, event: Event) -> None:
        """Pass a reply to the screen."""
        self.sampler.replies = reduce_sampler(self.sampler.replies, event)

    def on_send_command(self, message: SendCommand) -> None:
        self.requests.append(message.command)
        run = self.sampler.run
        if self.replying and run.corpus is not None:
            for event in sampler_replies(message.command, run.step, run.corpus.symbols):
                self.emit(event)

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)

    def requests_of(self, kind: type[Command]) -> list[Command]:
        """The commands of one kind, oldest first."""
        return [command for command in self.requests if isinstance(command, kind)]


@asynccontextmanager
async def run_sampler_screen(
    mode: str,
    view: LabState = TRAINING_WITH_NLLS,
    sampler_state: SamplerState = SAMPLER_STATE,
    size: tuple[int, int] = (132, 30),
) -> AsyncIterator[tuple[SamplerScreenHost, Pilot[None]]]:
    """Run the app of the sampler's screen in a mode; the first requests have been replied to."""
    app = SamplerScreenHost(view, sampler_state, mode=mode)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        yield app, pilot
