"""What a person is composing: the draft of the next run, beside the run in progress, and what does not fit yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from charwave_tui.core.config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.fields import Effect, Group
from charwave_tui.core.kinds import Value
from charwave_tui.core.mistake import Mistake

PRESET = "preset"
"""The name of the form's first row, which is no hyperparameter."""

ROWS = (PRESET, *HYPERPARAMETERS)
"""The rows of the form from top to bottom."""

MIXES = {
    "fuse": ("context", "fuse", "dilations"),
    "dilations": ("context", "dilations"),
    "batches": ("batches", "norm"),
    "precision": ("precision", "step"),
}
"""The hyperparameters that must fit one another, by the one that a mistake of their mix names."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to put right, on the row where it is shown: a Mistake as a value."""

    field: str
    problem: str
    remedy: str

    @staticmethod
    def of(mistake: Mistake, field: str = PRESET) -> Problem:
        """The problem of a mistake, on its own field or else on `field`."""
        return Problem(mistake.field or field, mistake.problem, mistake.remedy)


@dataclass(frozen=True, slots=True)
class Draft:
    """The hyperparameters as they stand in the form, and the preset that they came from."""

    config: RunConfig
    preset: str


@dataclass(frozen=True, slots=True)
class FormView:
    """All that the form shows.

    `recipe` is the config of the draft's preset and `presets` are the names to step through. `running` is the config
    of the run in progress and `began` the one it started with; both are None without a run. `vocab_size` is that of
    the draft's corpus, None while unknown; `reported` are problems found elsewhere: a corpus that cannot be read, a
    field that the engine refused. `accelerator` is what device `auto` stands for, empty while unknown.
    """

    draft: Draft = field(default_factory=lambda: Draft(RunConfig(), ""))
    recipe: RunConfig = field(default_factory=RunConfig)
    presets: tuple[str, ...] = ()
    running: RunConfig | None = None
    began: RunConfig | None = None
    vocab_size: int | None = None
    reported: tuple[Problem, ...] = ()
    accelerator: str = ""


def changed(view: FormView) -> frozenset[str]:
    """Fields of the recipe that the draft has otherwise; what belongs to the run alone is left out."""
    return frozenset(
        name for name in view.draft.config.differences(view.recipe) if HYPERPARAMETERS[name].group is not Group.RUN
    )


def staged(view: FormView) -> frozenset[str]:
    """Rebuild fields of the draft that wait for the next run."""
    if view.running is None:
        return frozenset()
    return frozenset(
        name for name in view.draft.config.differences(view.running) if HYPERPARAMETERS[name].effect is Effect.REBUILD
    )


def was(view: FormView, name: str) -> Value | None:
    """The value from before an edit: of the run in progress for a staged field, of its start for a live one."""
    if name == PRESET:
        return None
    live = HYPERPARAMETERS[name].effect is Effect.LIVE
    before = view.began if live else view.running
    if before is None or getattr(before, name) == getattr(view.draft.config, name):
        return None
    value: Value = getattr(before, name)
    return value


def nudged(view: FormView, name: str, direction: int) -> Value:
    """The value next to that of the row `name`, up (+1) or down (−1); the same value where there is none."""
    if name != PRESET:
        return HYPERPARAMETERS[name].kind.nudge(getattr(view.draft.config, name), direction)
    if view.draft.preset not in view.presets:
        return view.presets[0] if view.presets else view.draft.preset
    return view.presets[(view.presets.index(view.draft.preset) + direction) % len(view.presets)]


def nudges(view: FormView, name: str) -> bool:
    """Whether the row `name` has a value next to its own."""
    return any(nudged(view, name, way) != nudged(view, name, 0) for way in (-1, 1))


def asked(view: FormView, name: str, value: Value) -> FormView:
    """The form as it will be once an edit of the row `name` is answered, as far as the row itself goes."""
    if name == PRESET:
        return replace(view, draft=replace(view.draft, preset=str(value)))
    return replace(view, draft=replace(view.draft, config=view.draft.config.with_values({name: value})))


def reverted(view: FormView, name: str) -> Value | None:
    """The preset's value of the row `name`, None where the row has it already."""
    if name == PRESET:
        return view.draft.preset if changed(view) else None
    value: Value = getattr(view.recipe, name)
    return None if value == getattr(view.draft.config, name) else value


def mistake_of(config: RunConfig) -> Mistake | None:
    """Why no model can be built from the config, if so."""
    try:
        config.checked()
    except Mistake as mistake:
        return mistake
    return None


@dataclass(frozen=True, slots=True)
class Trial:
    """The form as it would be if what is typed were taken; `refused` says why the text alone cannot be."""

    view: FormView
    refused: Problem | None = None
    typing: bool = False


def trial(view: FormView, name: str, text: str) -> Trial:
    """What typing `text` into the row `name` would do; a text out of bounds leaves the draft as it is."""
    try:
        config = view.draft.config.with_text({name: text})
    except Mistake as mistake:
        return Trial(view, Problem.of(mistake, name), typing=True)
    return Trial(replace(view, draft=replace(view.draft, config=config)), typing=True)


def problems(tried: Trial, touched: Iterable[str] = ()) -> dict[str, Problem]:
    """What wants putting right, by row: reported, of the mix, of the typed text.

    A mix is wrong on every side; its problem stands where it came from, on the one of `touched` that is part of it.
    """
    found = {problem.field: problem for problem in tried.view.reported}
    if mistake := mistake_of(tried.view.draft.config):
        problem = Problem.of(mistake)
        mix = MIXES.get(problem.field, ())
        problem = replace(problem, field=next((name for name in touched if name in mix), problem.field))
        found[problem.field] = problem
    if tried.refused:
        found[tried.refused.field] = tried.refused
    return found
