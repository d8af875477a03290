"""The first row of the screen: the run, its state, progress and speed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Region
from textual.reactive import reactive
from textual.timer import Timer

from charwave_tui.core.escaping import escape_invisible
from charwave_tui.core.metrics import RunState
from charwave_tui.ui.drawing.block_graphics import progress_bar
from charwave_tui.ui.drawing.number_format import format_duration, format_speed, format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify, key_span
from charwave_tui.ui.drawing.theme import ThemedWidget, to_plain_text, to_rich_text
from charwave_tui.ui.state.run_state import ConnectionState, RunViewState, Unfinished
from charwave_tui.ui.terminal.glyphs import GLYPHS

GAP = 2  # columns that stay free between the two ends of the line

STATE_MARKS: dict[RunState, Span] = {
    RunState.TRAINING: Span(GLYPHS.running, "train"),
    RunState.PAUSED: Span(GLYPHS.ready, "muted"),
    RunState.STOPPED: Span(GLYPHS.ready, "muted"),
    RunState.FINISHED: Span(GLYPHS.check, "train"),
}

_NAME = Span("charwave", "bright", True)
_SPACE = Span("  ")


def status_text(run: RunViewState, width: int, notice: str = "", host: str = "") -> StyledLine:
    """Return `width` columns: the run's name and a `notice` on the connection at the left, its state at the right.

    `host` is that of the engine, empty if it is local.
    """
    states = list(_states(run))
    for left, right in chain(_pairs(run, states[:-1], notice, host) if notice else (), _pairs(run, states, "", host)):
        if cell_width(left) + GAP + cell_width(right) <= width:
            return justify(left, right, width)
    return justify(states[-1], (), width)


def _pairs(
    run: RunViewState, states: list[StyledLine], notice: str, host: str
) -> Iterator[tuple[StyledLine, StyledLine]]:
    """Yield the possible texts of the two ends, the preferred ones first."""
    suffix = (_SPACE, Span(notice, "warning")) if notice else ()
    long, medium, short = ((*name, *suffix) for name in _names(run, host))
    if run.unsaved:  # its reason is more important than the bar, and the fact itself more than the speed
        unsaved = (_SPACE, Span(f"{GLYPHS.warning} not saved", "warning", True))
        reason = (*unsaved, Span(f": {run.unsaved}", "warning"))
        yield from ((name + reason, state) for state in states[1:4] for name in (long, medium))
        yield from ((name + unsaved, state) for state in states for name in (long, medium, short))
        return
    # A full name is more important than a long bar, and the speed more than the corpus.
    yield long, states[0]
    yield from ((name, state) for state in states[1:] for name in (long, medium, short))


def _names(run: RunViewState, host: str) -> tuple[StyledLine, StyledLine, StyledLine]:
    """Return the long, the medium and the short form of the left end."""
    if run.config is None:
        number = ""
    elif run.run is None:
        number = "pretrained" if run.is_pretrained else "untrained"
    else:
        number = f"run {run.run}"
    corpus = escape_invisible(run.corpus.name) if run.corpus else ""
    long, medium = (
        f" {GLYPHS.dot} ".join(filter(None, parts)) for parts in ((host, corpus, run.preset, number), (host, number))
    )
    return (_NAME, _SPACE, Span(long, "muted")), (_NAME, _SPACE, Span(medium, "muted")), (_NAME,)


def _states(run: RunViewState) -> Iterator[StyledLine]:
    """Yield the state of the run in at least two forms, from the longest to the shortest."""
    if run.connection is ConnectionState.LOST and run.config is None:  # it was never reached
        yield from [
            (
                Span(f"{GLYPHS.cross} the engine cannot be reached", "error", True),
                _SPACE,
                key_span("t"),
                Span(" tries again", "muted"),
            )
        ] * 2
        yield (Span(f"{GLYPHS.cross} the engine cannot be reached", "error", True),)
    elif run.connection is ConnectionState.LOST:
        gone = (Span(f"{GLYPHS.cross} the engine is gone", "error", True), _SPACE)
        offer = _offer(run.unfinished) or (key_span("t"), Span(" starts a new run", "muted"))
        yield from [(*gone, *offer)] * 2
        yield (*gone, offer[0])
    elif run.connection is ConnectionState.OFFLINE:
        yield from [(Span(f"{GLYPHS.cross} connection lost", "error", True), Span("  reconnecting", "muted"))] * 2
        yield (Span(f"{GLYPHS.cross} connection lost", "error", True),)
    elif run.connection is ConnectionState.STARTING:
        yield from [(Span(GLYPHS.ready, "muted"), Span(" starting the engine"))] * 2
    elif run.state is None or run.config is None or run.state is RunState.READY:
        ready = (Span(GLYPHS.ready, "muted"), Span(" ready"))
        if run.unfinished:
            yield from [(*ready, _SPACE, *_offer(run.unfinished))] * 2
        elif run.is_pretrained:
            yield (*ready, _SPACE, key_span("t"), Span(" trains your own model", "muted"))
        else:
            yield (*ready, Span("  nothing is running", "muted"))
        yield ready
    elif run.state is RunState.DIVERGED:
        yield from _diverged(run, run.config.max_steps)
    else:
        yield from _progress(run, run.state, run.config.max_steps)


def _offer(unfinished: Unfinished | None) -> StyledLine:
    """Return the hint at the key that resumes an unfinished run."""
    if unfinished is None:
        return ()
    return (key_span("space"), Span(f" resumes run {unfinished.run}", "muted"))


def _diverged(run: RunViewState, max_steps: int) -> Iterator[StyledLine]:
    reason = Span(f"{GLYPHS.cross} diverged: the loss is {run.diverged_to}", "error", True)
    step = Span(format_steps(run.step), "bright", True)
    yield (reason, Span("   step ", "muted"), step, Span(f" / {format_steps(max_steps)}", "muted"))
    yield (reason, _SPACE, *_count(run.step, max_steps, "/"))
    yield (Span(f"{GLYPHS.cross} diverged", "error", True), _SPACE, *_count(run.step, max_steps, "/"))


def _progress(run: RunViewState, state: RunState, max_steps: int) -> Iterator[StyledLine]:
    fraction = run.step / max_steps
    words = (STATE_MARKS[state], Span(f" {state.value:<{len(RunState.TRAINING)}}"))
    percent = Span(f"{int(min(fraction, 1.0) * 100):>5}%", "fg")
    long_count, short_count = _count(run.step, max_steps, " / "), _count(run.step, max_steps, "/")
    if run.is_in_progress:  # a paused run keeps the places of speed and ETA, so that nothing moves
        seconds = run.seconds_left
        eta = (Span("   ETA ", "muted"), Span(f"{GLYPHS.dash if seconds is None else format_duration(seconds):>6}"))
        rate = f"{format_speed(run.steps_per_second if state is RunState.TRAINING else 0.0):>6}"
        long_rate: StyledLine = (Span(f"  {rate}"), Span(" steps/s", "muted"), *eta)
        medium_rate: StyledLine = (Span(f" {rate}"), Span("/s  ETA ", "muted"), eta[1])
        short_rate: StyledLine = (Span(f" {rate}"), Span("/s ", "muted"), eta[1])
    else:
        long_rate = medium_rate = short_rate = ()
    yield (*words, *_bar(fraction, 20), percent, _SPACE, *long_count, *long_rate)
    yield (*words, *_bar(fraction, 8), percent, _SPACE, *long_count, *long_rate)
    yield (*words, *_bar(fraction, 8), _SPACE, *short_count, *medium_rate)
    yield (*words, _SPACE, *short_count, *short_rate)
    yield (*words, _SPACE, *short_count)
    yield short_count


def _bar(fraction: float, width: int) -> StyledLine:
    done, remaining = progress_bar(fraction, width)
    return (_SPACE, Span(done, "train"), Span(remaining, "line"))


def _count(step: int, max_steps: int, separator: str) -> StyledLine:
    total = format_steps(max_steps)
    return (Span(f"{format_steps(step):>{len(total)}}", "bright", True), Span(f"{separator}{total}", "muted"))


MIN_UPDATE_INTERVAL = 0.25  # seconds between two updates of the numbers, at least


class StatusBar(ThemedWidget):
    """One row: name and number of the run, its state, progress, speed and ETA.

    A new state is shown at once, new numbers REST seconds after the last update. `line` is a notice on the line to the
    terminal; `place` is the host of the engine with its latency, empty if it is local.
    """

    DEFAULT_CSS = """
    StatusBar { height: 1; padding: 0 1; background: $ink-bg; color: $ink-fg; }
    """

    run: reactive[RunViewState] = reactive(RunViewState, repaint=False)
    connection_notice: reactive[str] = reactive("", repaint=False)
    engine_host: reactive[str] = reactive("", repaint=False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown_run = RunViewState()
        self._line: StyledLine = ()
        self._rest_timer: Timer | None = None

    def watch_run(self, run: RunViewState) -> None:
        if self._rest_timer is None or _without_progress(run) != _without_progress(self._shown_run):
            self._update()

    def watch_connection_notice(self) -> None:
        self._update()

    def watch_engine_host(self) -> None:
        self._update()

    def render(self) -> Text:
        self._line = self._text()
        return to_rich_text(self, self._line)

    def _text(self) -> StyledLine:
        return status_text(self._shown_run, self.size.width, self.connection_notice, self.engine_host)

    def _update(self) -> None:
        self._shown_run = self.run
        if self._rest_timer is not None:
            self._rest_timer.stop()
        self._rest_timer = self.set_timer(MIN_UPDATE_INTERVAL, self._rested)
        before, now = to_plain_text(self._line), to_plain_text(self._text())
        if before != now:
            self.refresh(*_changed_regions(before, now))

    def _rested(self) -> None:
        self._rest_timer = None
        if self.run != self._shown_run:
            self._update()


def _without_progress(run: RunViewState) -> RunViewState:
    return replace(run, step=0, steps_per_second=0.0)


def _changed_regions(before: str, now: str) -> tuple[Region, ...]:
    """Return the region in which two lines differ; none, for the whole line, if they have wide characters."""
    if not len(before) == len(now) == cell_len(before) == cell_len(now):
        return ()
    columns = [column for column, (old, new) in enumerate(zip(before, now, strict=True)) if old != new]
    return (Region(columns[0], 0, columns[-1] - columns[0] + 1, 1),)
