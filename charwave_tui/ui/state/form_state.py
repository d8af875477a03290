"""FormState, edits, previews, what-if changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from charwave_tui.core.config.presets import default_preset, get_preset, presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, FieldGroup, RunConfig, parse_value
from charwave_tui.core.config.value_types import Value
from charwave_tui.core.corpus_registry import resolve_corpus_name
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.events import AnyEvent, CommandRefused, EngineReady, RunChanged, RunEdited, RunOpened

PRESET = "preset"
"""The name of the form's first row, which is no hyperparameter."""


ROWS = (PRESET, *HYPERPARAMETERS)
"""The rows of the form from top to bottom."""


LINKED_FIELDS = {
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
    def of(mistake: UserError, field: str = PRESET) -> Problem:
        """The problem of a mistake, on its own field or else on `field`."""
        return Problem(mistake.field or field, mistake.problem, mistake.remedy)


@dataclass(frozen=True, slots=True)
class Draft:
    """The hyperparameters as they stand in the form, and the preset that they came from."""

    config: RunConfig
    preset: str


@dataclass(frozen=True, slots=True)
class FormState:
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


def changed(view: FormState) -> frozenset[str]:
    """Fields of the recipe that the draft has otherwise; what belongs to the run alone is left out."""
    return frozenset(
        name
        for name in view.draft.config.changed_fields(view.recipe)
        if HYPERPARAMETERS[name].group is not FieldGroup.RUN
    )


def staged(view: FormState) -> frozenset[str]:
    """Rebuild fields of the draft that wait for the next run."""
    if view.running is None:
        return frozenset()
    return frozenset(
        name
        for name in view.draft.config.changed_fields(view.running)
        if HYPERPARAMETERS[name].effect is EditEffect.REBUILD
    )


def previous_value(view: FormState, name: str) -> Value | None:
    """The value from before an edit: of the run in progress for a staged field, of its start for a live one."""
    if name == PRESET:
        return None
    live = HYPERPARAMETERS[name].effect is EditEffect.LIVE
    before = view.began if live else view.running
    if before is None or getattr(before, name) == getattr(view.draft.config, name):
        return None
    value: Value = getattr(before, name)
    return value


def nudged(view: FormState, name: str, direction: int) -> Value:
    """The value next to that of the row `name`, up (+1) or down (−1); the same value where there is none."""
    if name != PRESET:
        return HYPERPARAMETERS[name].kind.step_by(getattr(view.draft.config, name), direction)
    if view.draft.preset not in view.presets:
        return view.presets[0] if view.presets else view.draft.preset
    return view.presets[(view.presets.index(view.draft.preset) + direction) % len(view.presets)]


def nudges(view: FormState, name: str) -> bool:
    """Whether the row `name` has a value next to its own."""
    return any(nudged(view, name, way) != nudged(view, name, 0) for way in (-1, 1))


def asked(view: FormState, name: str, value: Value) -> FormState:
    """The form as it will be once an edit of the row `name` is answered, as far as the row itself goes."""
    if name == PRESET:
        return replace(view, draft=replace(view.draft, preset=str(value)))
    return replace(view, draft=replace(view.draft, config=view.draft.config.with_values({name: value})))


def reverted(view: FormState, name: str) -> Value | None:
    """The preset's value of the row `name`, None where the row has it already."""
    if name == PRESET:
        return view.draft.preset if changed(view) else None
    value: Value = getattr(view.recipe, name)
    return None if value == getattr(view.draft.config, name) else value


def validation_error(config: RunConfig) -> UserError | None:
    """Why no model can be built from the config, if so."""
    try:
        config.validated()
    except UserError as mistake:
        return mistake
    return None


@dataclass(frozen=True, slots=True)
class EditPreview:
    """The form as it would be if what is typed were taken; `refused` says why the text alone cannot be."""

    view: FormState
    refused: Problem | None = None
    typing: bool = False


def preview_edit(view: FormState, name: str, text: str) -> EditPreview:
    """What typing `text` into the row `name` would do; a text out of bounds leaves the draft as it is."""
    try:
        config = view.draft.config.with_settings({name: text})
    except UserError as mistake:
        return EditPreview(view, Problem.of(mistake, name), typing=True)
    return EditPreview(replace(view, draft=replace(view.draft, config=config)), typing=True)


def problems(tried: EditPreview, touched: Iterable[str] = ()) -> dict[str, Problem]:
    """What wants putting right, by row: reported, of the mix, of the typed text.

    A mix is wrong on every side; its problem stands where it came from, on the one of `touched` that is part of it.
    """
    found = {problem.field: problem for problem in tried.view.reported}
    if mistake := validation_error(tried.view.draft.config):
        problem = Problem.of(mistake)
        mix = LINKED_FIELDS.get(problem.field, ())
        problem = replace(problem, field=next((name for name in touched if name in mix), problem.field))
        found[problem.field] = problem
    if tried.refused:
        found[tried.refused.field] = tried.refused
    return found


LIVE = tuple(name for name, spec in HYPERPARAMETERS.items() if spec.effect is EditEffect.LIVE)
"""Fields whose edits reach a run in progress."""


RESTING = frozenset({RunState.STOPPED, RunState.FINISHED, RunState.DIVERGED})
"""States of a trained run to which live edits come too late."""


def initial_form(config: RunConfig, preset_name: str) -> FormState:
    """The form as it opens."""
    return FormState(Draft(config, preset_name), get_preset(preset_name).merged_into(config), tuple(presets()))


def with_field(form: FormState, name: str, value: Value) -> FormState:
    """The form after an edit of one field."""
    return _with_config(form, form.draft.config.with_values({name: value}), form.draft.preset)


def preset_chosen(form: FormState, name: str) -> FormState:
    """The form filled from a preset; corpus, seed and device stay the person's."""
    return _with_config(form, get_preset(name).merged_into(form.draft.config), name)


def answered(name: str, answer: str) -> Value:
    """The value that a choice from a list, or a typed path, stands for; raises Mistake where it fits no bounds."""
    return parse_value(name, resolve_corpus_name(answer) if name == "corpus" else answer)


def corpus_read(form: FormState, vocab_size: int | None, problem: Problem | None) -> FormState:
    """The form once the draft's corpus was read, or could not be."""
    return replace(_reporting(form, "corpus", problem), vocab_size=vocab_size)


def reduce_form(form: FormState, event: AnyEvent) -> FormState:
    """The form once `event` has happened."""
    match event:
        case EngineReady(accelerator=accelerator):
            return replace(form, accelerator=accelerator)
        case RunOpened(run=None):
            return replace(form, running=None, began=None)
        case RunOpened(config=config):
            return replace(_following(form, config), began=config)
        case RunEdited(config=config):
            return _following(form, config)
        case RunChanged(state=state) if state in RESTING:
            return replace(form, began=form.draft.config)
        case CommandRefused(problem=problem, remedy=remedy, field=name) if name:
            return _reporting(form, name, Problem(name, problem, remedy))
        case _:
            return form


def live_edit(form: FormState, name: str) -> RunConfig | None:
    """The running config with the draft's value of the live field `name`; None where that is no edit of a run."""
    if form.running is None or name not in LIVE:
        return None
    return form.running.with_values({name: getattr(form.draft.config, name)})


def with_run_config(form: FormState, config: RunConfig, preset_name: str) -> FormState:
    """The form filled from a run that was there before the screen was."""
    return replace(filled(form, Draft(config, preset_name)), running=config, began=config)


def filled(form: FormState, draft: Draft) -> FormState:
    """The form with another draft; one of a preset that is not known here counts as of the first."""
    known = draft.preset if draft.preset in presets() else default_preset().name
    return _with_config(form, draft.config, known)


def alongside_run(form: FormState, config: RunConfig) -> FormState:
    """The form as it stands, next to a run of `config` that was there before the screen was."""
    return replace(form, running=config, began=config)


def _following(form: FormState, config: RunConfig) -> FormState:
    """The form beside a run of `config`: live fields that the draft had as the run had them go along with it."""
    old = form.running or form.draft.config
    along = {name: getattr(config, name) for name in LIVE if getattr(form.draft.config, name) == getattr(old, name)}
    draft = replace(form.draft, config=form.draft.config.with_values(along))
    return replace(form, draft=draft, running=config)


def _with_config(form: FormState, config: RunConfig, preset_name: str) -> FormState:
    same_corpus = config.corpus == form.draft.config.corpus
    # what the engine refused may fit now, and is refused again if not; a corpus that cannot be read stays so
    reported = tuple(item for item in form.reported if item.field == "corpus" and same_corpus)
    return replace(
        form,
        draft=Draft(config, preset_name),
        recipe=get_preset(preset_name).merged_into(config),
        vocab_size=form.vocab_size if same_corpus else None,
        reported=reported,
    )


def _reporting(form: FormState, name: str, problem: Problem | None) -> FormState:
    others = tuple(item for item in form.reported if item.field != name)
    return replace(form, reported=(*others, problem) if problem else others)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """An extreme: its `name`, what it makes of a config, and the `lesson` preset that says what to look for.

    `normed` says it for a config with BatchNorm, where that is something else.
    """

    name: str
    spoil: Callable[[RunConfig], RunConfig]
    lesson: str
    normed: str = ""

    def look_for(self, config: RunConfig) -> str:
        """What to see in it once `config` is spoilt."""
        return self.normed if self.normed and config.norm != "none" else get_preset(self.lesson).look_for


WHAT_IFS = (
    WhatIf(
        "gain × 5",
        lambda config: replace(config, init_gain=config.init_gain * 5),
        "lesson-gain",
        "BatchNorm undoes it: the tanh look as before. But the same gradients now meet weights five times as large: "
        "update ratios fall by one and more, and the loss stays behind. Without BatchNorm (lesson-gain) two thirds "
        "of every tanh are flat.",
    ),
    WhatIf("BatchNorm off", lambda config: replace(config, norm="none"), "lesson-no-norm"),
    WhatIf(
        "last layer × 10", lambda config: replace(config, output_scale=config.output_scale * 10), "lesson-confident"
    ),
    WhatIf("lr × 10", lambda config: replace(config, lr=config.lr * 10), "lesson-lr"),
)
"""The extremes in the order in which the lessons come to them."""


UNDO_WHAT_IF = "as it was"
"""The way back from a run that was spoilt: the config from before."""


def apply_what_if(name: str, config: RunConfig) -> RunConfig:
    """The `config` with the extreme of that name, or as it was; raises Mistake where it leads out of bounds."""
    if name == UNDO_WHAT_IF:
        return config
    return next(item for item in WHAT_IFS if item.name == name).spoil(config).validated()


def changes(item: WhatIf, config: RunConfig) -> str:
    """What the extreme changes of `config`, such as `lr 0.1 → 1.0`; says so where it changes nothing."""
    made = item.spoil(config)
    writes = {name: HYPERPARAMETERS[name].kind.format for name in sorted(config.changed_fields(made))}
    said = [f"{name} {write(getattr(config, name))} → {write(getattr(made, name))}" for name, write in writes.items()]
    return ", ".join(said) or "it is so already"
