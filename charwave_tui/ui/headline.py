"""What the status line says of a run, in the fullest form that fits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from charwave_tui.core.readings import State
from charwave_tui.ui import numbers
from charwave_tui.ui.bars import progress
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns, spread
from charwave_tui.ui.view import RunView, Unfinished

GAP = 2
"""Columns that stay free between the two ends of the line."""

STATE_MARKS: dict[State, Piece] = {
    State.TRAINING: Piece(GLYPHS.running, "train"),
    State.PAUSED: Piece(GLYPHS.ready, "muted"),
    State.STOPPED: Piece(GLYPHS.ready, "muted"),
    State.FINISHED: Piece(GLYPHS.right_so, "train"),
}
"""The mark before the word of each state that a run can rest in."""

_NAME = Piece("charwave", "bright", True)
_BETWEEN = Piece("  ")


def headline(run: RunView, width: int, line: str = "", place: str = "") -> Line:
    """One row of `width` columns: the run's name and a word on the line at the left, what it is doing at the right.

    `place` is where the engine is, empty where that is here.
    """
    states = list(_states(run))
    for name, state in chain(_pairs(run, states[:-1], line, place) if line else (), _pairs(run, states, "", place)):
        if columns(name) + GAP + columns(state) <= width:
            return spread(name, state, width)
    return spread(states[-1], (), width)


def _pairs(run: RunView, states: list[Line], line: str, place: str) -> Iterator[tuple[Line, Line]]:
    """What may stand at the two ends of the row, most wanted first."""
    word = (_BETWEEN, Piece(line, "warning")) if line else ()
    fullest, middling, shortest = ((*name, *word) for name in _names(run, place))
    if run.unsaved:  # why is worth more than the bar, and that it is so more than the speed
        mark = (_BETWEEN, Piece(f"{GLYPHS.warning} not saved", "warning", True))
        why = (*mark, Piece(f": {run.unsaved}", "warning"))
        yield from ((name + why, state) for state in states[1:4] for name in (fullest, middling))
        yield from ((name + mark, state) for state in states for name in (fullest, middling, shortest))
        return
    # A full name is worth more than a long bar, a speed more than the corpus.
    yield fullest, states[0]
    yield from ((name, state) for state in states[1:] for name in (fullest, middling, shortest))


def _names(run: RunView, place: str) -> tuple[Line, Line, Line]:
    number = "" if run.config is None else _number(run)
    corpus = run.corpus.name if run.corpus else ""
    full, middling = (
        f" {GLYPHS.dot} ".join(part for part in parts if part)
        for parts in ((place, corpus, run.preset, number), (place, number))
    )
    return (
        (_NAME, _BETWEEN, Piece(full, "muted")),
        (_NAME, _BETWEEN, Piece(middling, "muted")),
        (_NAME,),
    )


def _number(run: RunView) -> str:
    if run.run is None:
        return "trained, in the box" if run.boxed else "untrained"
    return f"run {run.run}"


def _states(run: RunView) -> Iterator[Line]:
    """What the run is doing, from the fullest form to the shortest; two at least."""
    if run.engine == "lost" and run.config is None:  # it never was
        yield from [(Piece(f"{GLYPHS.wrong} no engine is reached", "error", True), _BETWEEN, *_again())] * 2
        yield (Piece(f"{GLYPHS.wrong} no engine is reached", "error", True),)
    elif run.engine == "lost":
        gone = (Piece(f"{GLYPHS.wrong} the engine is gone", "error", True), _BETWEEN)
        offer = _offer(run.unfinished) or (Piece("t", "accent", True), Piece(" starts a new run", "muted"))
        yield from [(*gone, *offer)] * 2
        yield (*gone, offer[0])
    elif run.engine == "away":
        yield from [(Piece(f"{GLYPHS.wrong} the line dropped", "error", True), Piece("  trying again", "muted"))] * 2
        yield (Piece(f"{GLYPHS.wrong} the line dropped", "error", True),)
    elif run.engine == "starting":
        yield from [(Piece(GLYPHS.ready, "muted"), Piece(" starting the engine"))] * 2
    elif run.state is None or run.config is None or run.state is State.READY:
        ready = (Piece(GLYPHS.ready, "muted"), Piece(" ready"))
        if run.unfinished:
            yield from [(*ready, _BETWEEN, *_offer(run.unfinished))] * 2
        elif run.boxed:
            yield (*ready, _BETWEEN, Piece("t", "accent", True), Piece(" trains your own", "muted"))
        else:
            yield (*ready, Piece("  nothing is running", "muted"))
        yield ready
    elif run.state is State.DIVERGED:
        yield from _diverged(run, run.config.max_steps)
    else:
        yield from _moving(run, run.state, run.config.max_steps)


def _again() -> Line:
    return (Piece("t", "accent", True), Piece(" tries again", "muted"))


def _offer(unfinished: Unfinished | None) -> Line:
    """The key that goes on with a run that was left in the middle, if there is one."""
    if unfinished is None:
        return ()
    return (Piece("space", "accent", True), Piece(f" goes on with run {unfinished.run}", "muted"))


def _diverged(run: RunView, last: int) -> Iterator[Line]:
    stopped = Piece(f"{GLYPHS.wrong} stopped: the loss is NaN", "error", True)
    at = Piece(numbers.steps(run.step), "bright", True)
    yield (stopped, Piece("   step ", "muted"), at, Piece(f" / {numbers.steps(last)}", "muted"))
    yield (stopped, _BETWEEN, *_count(run.step, last, "/"))
    yield (Piece(f"{GLYPHS.wrong} stopped", "error", True), _BETWEEN, *_count(run.step, last, "/"))


def _moving(run: RunView, state: State, last: int) -> Iterator[Line]:
    share = run.step / last
    words = (STATE_MARKS[state], Piece(f" {state.value:<{len(State.TRAINING)}}"))
    percent = Piece(f"{int(min(share, 1.0) * 100):>5}%", "fg")
    long_count, short_count = _count(run.step, last, " / "), _count(run.step, last, "/")
    if run.in_progress:  # where a paused run has no figures their places stay, so that nothing jumps
        left = run.seconds_left
        eta = (Piece("   ETA ", "muted"), Piece(f"{GLYPHS.none if left is None else numbers.duration(left):>6}"))
        rate = f"{numbers.speed(run.steps_per_second if state is State.TRAINING else 0.0):>6}"
        long_rate: Line = (Piece(f"  {rate}"), Piece(" steps/s", "muted"), *eta)
        medium_rate: Line = (Piece(f" {rate}"), Piece("/s  ETA ", "muted"), eta[1])
        short_rate: Line = (Piece(f" {rate}"), Piece("/s ", "muted"), eta[1])
    else:
        long_rate = medium_rate = short_rate = ()
    yield (*words, *_bar(share, 20), percent, _BETWEEN, *long_count, *long_rate)
    yield (*words, *_bar(share, 8), percent, _BETWEEN, *long_count, *long_rate)
    yield (*words, *_bar(share, 8), _BETWEEN, *short_count, *medium_rate)
    yield (*words, _BETWEEN, *short_count, *short_rate)
    yield (*words, _BETWEEN, *short_count)
    yield short_count


def _bar(share: float, width: int) -> Line:
    done, rest = progress(share, width)
    return (_BETWEEN, Piece(done, "train"), Piece(rest, "line"))


def _count(step: int, last: int, between: str) -> Line:
    total = numbers.steps(last)
    return (Piece(f"{numbers.steps(step):>{len(total)}}", "bright", True), Piece(f"{between}{total}", "muted"))
