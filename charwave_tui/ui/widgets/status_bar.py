"""The first row and its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Region
from textual.reactive import reactive
from textual.timer import Timer

from charwave_tui.core.metrics import RunState
from charwave_tui.ui.drawing.block_graphics import progress_bar
from charwave_tui.ui.drawing.number_format import format_duration, format_speed, format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify
from charwave_tui.ui.drawing.theme import ThemedWidget, to_plain_text, to_rich_text
from charwave_tui.ui.state.run_state import RunViewState, Unfinished
from charwave_tui.ui.terminal.glyphs import GLYPHS

GAP = 2
"""Columns that stay free between the two ends of the line."""


STATE_MARKS: dict[RunState, Span] = {
    RunState.TRAINING: Span(GLYPHS.running, "train"),
    RunState.PAUSED: Span(GLYPHS.ready, "muted"),
    RunState.STOPPED: Span(GLYPHS.ready, "muted"),
    RunState.FINISHED: Span(GLYPHS.right_so, "train"),
}
"""The mark before the word of each state that a run can rest in."""


_NAME = Span("charwave", "bright", True)


_BETWEEN = Span("  ")


def status_text(run: RunViewState, width: int, line: str = "", place: str = "") -> StyledLine:
    """One row of `width` columns: the run's name and a word on the line at the left, what it is doing at the right.

    `place` is where the engine is, empty where that is here.
    """
    states = list(_states(run))
    for name, state in chain(_pairs(run, states[:-1], line, place) if line else (), _pairs(run, states, "", place)):
        if cell_width(name) + GAP + cell_width(state) <= width:
            return justify(name, state, width)
    return justify(states[-1], (), width)


def _pairs(
    run: RunViewState, states: list[StyledLine], line: str, place: str
) -> Iterator[tuple[StyledLine, StyledLine]]:
    """What may stand at the two ends of the row, most wanted first."""
    word = (_BETWEEN, Span(line, "warning")) if line else ()
    fullest, middling, shortest = ((*name, *word) for name in _names(run, place))
    if run.unsaved:  # why is worth more than the bar, and that it is so more than the speed
        mark = (_BETWEEN, Span(f"{GLYPHS.warning} not saved", "warning", True))
        why = (*mark, Span(f": {run.unsaved}", "warning"))
        yield from ((name + why, state) for state in states[1:4] for name in (fullest, middling))
        yield from ((name + mark, state) for state in states for name in (fullest, middling, shortest))
        return
    # A full name is worth more than a long bar, a speed more than the corpus.
    yield fullest, states[0]
    yield from ((name, state) for state in states[1:] for name in (fullest, middling, shortest))


def _names(run: RunViewState, place: str) -> tuple[StyledLine, StyledLine, StyledLine]:
    number = "" if run.config is None else _number(run)
    corpus = run.corpus.name if run.corpus else ""
    full, middling = (
        f" {GLYPHS.dot} ".join(part for part in parts if part)
        for parts in ((place, corpus, run.preset, number), (place, number))
    )
    return (
        (_NAME, _BETWEEN, Span(full, "muted")),
        (_NAME, _BETWEEN, Span(middling, "muted")),
        (_NAME,),
    )


def _number(run: RunViewState) -> str:
    if run.run is None:
        return "trained, in the box" if run.boxed else "untrained"
    return f"run {run.run}"


def _states(run: RunViewState) -> Iterator[StyledLine]:
    """What the run is doing, from the fullest form to the shortest; two at least."""
    if run.engine == "lost" and run.config is None:  # it never was
        yield from [(Span(f"{GLYPHS.wrong} no engine is reached", "error", True), _BETWEEN, *_again())] * 2
        yield (Span(f"{GLYPHS.wrong} no engine is reached", "error", True),)
    elif run.engine == "lost":
        gone = (Span(f"{GLYPHS.wrong} the engine is gone", "error", True), _BETWEEN)
        offer = _offer(run.unfinished) or (Span("t", "accent", True), Span(" starts a new run", "muted"))
        yield from [(*gone, *offer)] * 2
        yield (*gone, offer[0])
    elif run.engine == "away":
        yield from [(Span(f"{GLYPHS.wrong} the line dropped", "error", True), Span("  trying again", "muted"))] * 2
        yield (Span(f"{GLYPHS.wrong} the line dropped", "error", True),)
    elif run.engine == "starting":
        yield from [(Span(GLYPHS.ready, "muted"), Span(" starting the engine"))] * 2
    elif run.state is None or run.config is None or run.state is RunState.READY:
        ready = (Span(GLYPHS.ready, "muted"), Span(" ready"))
        if run.unfinished:
            yield from [(*ready, _BETWEEN, *_offer(run.unfinished))] * 2
        elif run.boxed:
            yield (*ready, _BETWEEN, Span("t", "accent", True), Span(" trains your own", "muted"))
        else:
            yield (*ready, Span("  nothing is running", "muted"))
        yield ready
    elif run.state is RunState.DIVERGED:
        yield from _diverged(run, run.config.max_steps)
    else:
        yield from _moving(run, run.state, run.config.max_steps)


def _again() -> StyledLine:
    return (Span("t", "accent", True), Span(" tries again", "muted"))


def _offer(unfinished: Unfinished | None) -> StyledLine:
    """The key that goes on with a run that was left in the middle, if there is one."""
    if unfinished is None:
        return ()
    return (Span("space", "accent", True), Span(f" goes on with run {unfinished.run}", "muted"))


def _diverged(run: RunViewState, last: int) -> Iterator[StyledLine]:
    stopped = Span(f"{GLYPHS.wrong} stopped: the loss is NaN", "error", True)
    at = Span(format_steps(run.step), "bright", True)
    yield (stopped, Span("   step ", "muted"), at, Span(f" / {format_steps(last)}", "muted"))
    yield (stopped, _BETWEEN, *_count(run.step, last, "/"))
    yield (Span(f"{GLYPHS.wrong} stopped", "error", True), _BETWEEN, *_count(run.step, last, "/"))


def _moving(run: RunViewState, state: RunState, last: int) -> Iterator[StyledLine]:
    share = run.step / last
    words = (STATE_MARKS[state], Span(f" {state.value:<{len(RunState.TRAINING)}}"))
    percent = Span(f"{int(min(share, 1.0) * 100):>5}%", "fg")
    long_count, short_count = _count(run.step, last, " / "), _count(run.step, last, "/")
    if run.in_progress:  # where a paused run has no figures their places stay, so that nothing jumps
        left = run.seconds_left
        eta = (Span("   ETA ", "muted"), Span(f"{GLYPHS.none if left is None else format_duration(left):>6}"))
        rate = f"{format_speed(run.steps_per_second if state is RunState.TRAINING else 0.0):>6}"
        long_rate: StyledLine = (Span(f"  {rate}"), Span(" steps/s", "muted"), *eta)
        medium_rate: StyledLine = (Span(f" {rate}"), Span("/s  ETA ", "muted"), eta[1])
        short_rate: StyledLine = (Span(f" {rate}"), Span("/s ", "muted"), eta[1])
    else:
        long_rate = medium_rate = short_rate = ()
    yield (*words, *_bar(share, 20), percent, _BETWEEN, *long_count, *long_rate)
    yield (*words, *_bar(share, 8), percent, _BETWEEN, *long_count, *long_rate)
    yield (*words, *_bar(share, 8), _BETWEEN, *short_count, *medium_rate)
    yield (*words, _BETWEEN, *short_count, *short_rate)
    yield (*words, _BETWEEN, *short_count)
    yield short_count


def _bar(share: float, width: int) -> StyledLine:
    done, rest = progress_bar(share, width)
    return (_BETWEEN, Span(done, "train"), Span(rest, "line"))


def _count(step: int, last: int, between: str) -> StyledLine:
    total = format_steps(last)
    return (Span(f"{format_steps(step):>{len(total)}}", "bright", True), Span(f"{between}{total}", "muted"))


REST = 0.25
"""Seconds for which figures stand still once they were written: at most four times a second they change."""


class StatusBar(ThemedWidget):
    """One row: name and number of the run, its state, progress, speed and time to go."""

    DEFAULT_CSS = """
    StatusBar { height: 1; padding: 0 1; background: $ink-bg; color: $ink-fg; }
    """

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    """The run as it is now; a new state is shown at once, new figures when the last ones have rested."""

    line: reactive[str] = reactive("", repaint=False)
    """A word on the line to the terminal, where there is something to say."""

    place: reactive[str] = reactive("", repaint=False)
    """Where the engine is and how far away, empty where that is here."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown = RunViewState()
        self._line: StyledLine = ()
        self._resting: Timer | None = None

    def watch_run(self, run: RunViewState) -> None:
        if self._resting is None or _still(run) != _still(self._shown):
            self._show()

    def watch_line(self) -> None:
        self._show()

    def watch_place(self) -> None:
        self._show()

    def render(self) -> Text:
        self._line = status_text(self._shown, self.size.width, self.line, self.place)
        return to_rich_text(self, self._line)

    def _show(self) -> None:
        self._shown = self.run
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST, self._rested)
        before, now = (
            to_plain_text(self._line),
            to_plain_text(status_text(self._shown, self.size.width, self.line, self.place)),
        )
        if before != now:
            self.refresh(*_changed(before, now))

    def _rested(self) -> None:
        self._resting = None
        if self.run != self._shown:
            self._show()


def _still(run: RunViewState) -> RunViewState:
    """The run without the figures that move as it trains."""
    return replace(run, step=0, steps_per_second=0.0)


def _changed(before: str, now: str) -> tuple[Region, ...]:
    """The stretch in which two lines differ; none, for the whole of it, where characters are not columns."""
    if not len(before) == len(now) == cell_len(before) == cell_len(now):
        return ()
    places = [place for place, (old, new) in enumerate(zip(before, now, strict=True)) if old != new]
    return (Region(places[0], 0, places[-1] - places[0] + 1, 1),)
