"""What the loss pane says beside or instead of its curve: what happened, why, and what to press."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape

from charwave_tui.core.readings import Divergence, State
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.view import Curve, RunView


def words(run: RunView, curve: Curve) -> list[str]:
    """What to say, as paragraphs with markup; nothing while a curve speaks for itself."""
    if run.engine == "lost":
        return list(_without_engine(run))
    if curve.diverged_at is not None:
        return list(_after_divergence(run, curve.diverged_at))
    if curve.points:
        return []
    if run.engine == "starting":
        return ["starting the engine"]
    match run.state:
        case None:
            return ["There is no model of the form yet.", f"{_key('1')} says what it waits for"]
        case State.READY:
            return _before_training(run, curve)
        case State.TRAINING:
            return ["taking the first steps"]
        case State.PAUSED:
            return [_said("Paused before the first step."), f"{_key('space')} trains\n{_key('.')} takes a single step"]
        case _:
            return [_said("Stopped before the first step."), f"{_key('c')} trains on\n{_key('t')} starts a new run"]


def _without_engine(run: RunView) -> Iterator[str]:
    yield "[bold $ink-error]The engine is gone.[/]"
    if run.reason:
        yield escape(run.reason)
    anew = f"{_key('t')} starts a new run"
    if run.unfinished is None:
        yield anew
    else:
        yield _said("What was saved is safe.")
        yield f"{_key('space')} goes on with run {run.unfinished.run}\n{anew}"


def _before_training(run: RunView, curve: Curve) -> list[str]:
    length = f": {numbers.steps(curve.max_steps)} steps" if curve.max_steps else ""
    keys = (
        f"{_key('t')} trains the model of the form{length}\n"
        f"{_key('.')} takes a single step\n"
        f"{_key('g')} names from the model as it is"
    )
    if run.unfinished is None:
        return [_said("Nothing is trained yet."), keys]
    left = f"Run {run.unfinished.run} was left at step {numbers.steps(run.unfinished.step)}."
    return [_said(left), f"{_key('space')} goes on with it\n{keys}"]


def _after_divergence(run: RunView, step: int) -> Iterator[str]:
    known = run.divergence
    became = known.became if known else "NaN"
    yield f"[bold $ink-error]The loss became {became} at step {numbers.steps(step)}.[/]"
    keys = [f"{_key('1')} change the form first", f"{_key('0')} the same weights, from step 0"]
    if known is not None:
        yield _said(_cause(known))
    if known is not None and known.saved_step is not None:
        back = numbers.steps(known.saved_step)
        yield f"Step {back} is saved; nothing is lost."
        with_lr = f" with lr {numbers.rate(run.config.lr / 3)}" if run.config else ""
        keys.insert(0, f"{_key('w')} rewind to step {back}{with_lr}")
    yield "\n".join(keys)


def _cause(known: Divergence) -> str:
    """What led there, as far as it was found."""
    lines = [f"{_figure(f'lr {numbers.rate(known.lr)}')} is too large for these weights."]
    norm = f"the gradient before had norm {_figure(numbers.norm(known.gradient))}" if known.gradient else ""
    if known.layer:
        layer = _figure(escape(known.layer.replace("→", GLYPHS.to)))
        lines.append(f"{layer} was the first whose output was not finite{f'; {norm}' if norm else ''}.")
    elif norm:
        lines.append(f"T{norm[1:]}.")
    return "\n".join(lines)


def _said(text: str) -> str:
    return f"[$ink-fg]{text}[/]"


def _figure(text: str) -> str:
    return f"[$ink-bright]{text}[/]"


def _key(key: str) -> str:
    return f"[bold $ink-accent]{key}[/]"
