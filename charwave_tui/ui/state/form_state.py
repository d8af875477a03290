"""State of the form: edits, previews of what is typed, and what-if changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from charwave_tui.core.config.choices import Norm
from charwave_tui.core.config.presets import RUN_ONLY_FIELDS, default_preset, get_preset, presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig, parse_value
from charwave_tui.core.config.value_types import Value
from charwave_tui.core.corpus.registry import resolve_corpus_name
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.events import CommandRefused, EngineReady, Event, RunChanged, RunEdited, RunOpened

PRESET = "preset"  # the form's first row, which is no hyperparameter

ROWS = (PRESET, *HYPERPARAMETERS)

# fields that must fit one another, by the field that the error names
LINKED_FIELDS = {
    "fuse": ("context", "fuse", "dilations"),
    "dilations": ("context", "dilations"),
    "batches": ("batches", "norm"),
    "precision": ("precision", "step"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A user error on the row where it is shown."""

    field: str
    problem: str
    remedy: str

    @staticmethod
    def of(error: UserError, field: str = PRESET) -> Problem:
        """Return the problem on the error's field, or on `field` if it has none."""
        return Problem(error.field or field, error.problem, error.remedy)


@dataclass(frozen=True, slots=True)
class Draft:
    """The hyperparameters of the form, and the preset that they came from."""

    config: RunConfig
    preset: str


@dataclass(frozen=True, slots=True)
class FormState:
    """Everything that the form shows.

    `recipe` is the config of the draft's preset. `running` is the config of the active run, `began` the one that it
    started with; both are None without a run. `vocab_size` is that of the draft's corpus, None while unknown, and
    `repeats_text` says which of its words repeat, as the file has them; empty if none do;
    `reported` are problems from outside: a corpus that cannot be read, a field that the engine refused. `accelerator`
    is what device `auto` stands for, empty while unknown. `filled_fields` are the live fields that came from a preset
    or another config, not from an edit, so that the run keeps its own values.
    """

    draft: Draft = field(default_factory=lambda: Draft(RunConfig(), ""))
    preset_config: RunConfig = field(default_factory=RunConfig)
    presets: tuple[str, ...] = ()
    run_config: RunConfig | None = None
    initial_run_config: RunConfig | None = None
    vocab_size: int | None = None
    repeats_text: str = ""
    reported_problems: tuple[Problem, ...] = ()
    accelerator: str = ""
    filled_fields: frozenset[str] = frozenset()


def changed_fields(view: FormState) -> frozenset[str]:
    """Return the fields in which the draft differs from its preset, except those that no preset has."""
    return view.draft.config.changed_fields(view.preset_config) - set(RUN_ONLY_FIELDS)


def staged_fields(view: FormState) -> frozenset[str]:
    """Return the fields that differ from the run and take effect in the next one.

    Those are all but the live fields that were edited one by one, which the run has or is about to get.
    """
    if view.run_config is None:
        return frozenset()
    return frozenset(
        name
        for name in view.draft.config.changed_fields(view.run_config)
        if HYPERPARAMETERS[name].effect is EditEffect.REBUILD or name in view.filled_fields
    )


def previous_value(view: FormState, name: str) -> Value | None:
    """Return the run's value of a staged field, or the first value of a live one; None if the draft has the same."""
    if name == PRESET:
        return None
    is_applied = HYPERPARAMETERS[name].effect is EditEffect.LIVE and name not in staged_fields(view)
    config = view.initial_run_config if is_applied else view.run_config
    if config is None or getattr(config, name) == getattr(view.draft.config, name):
        return None
    value: Value = getattr(config, name)
    return value


def stepped_value(view: FormState, name: str, direction: int) -> Value:
    """Return the next (+1) or previous (−1) value of the row `name`, or the same if there is none."""
    if name != PRESET:
        return HYPERPARAMETERS[name].value_type.step_by(getattr(view.draft.config, name), direction)
    if view.draft.preset not in view.presets:
        return view.presets[0] if view.presets else view.draft.preset
    return view.presets[(view.presets.index(view.draft.preset) + direction) % len(view.presets)]


def can_step(view: FormState, name: str) -> bool:
    return any(stepped_value(view, name, direction) != stepped_value(view, name, 0) for direction in (-1, 1))


def with_row(view: FormState, name: str, value: Value) -> FormState:
    """Return the form with only the row `name` changed, for the time until the lab has taken the edit."""
    if name == PRESET:
        return replace(view, draft=replace(view.draft, preset=str(value)))
    return replace(view, draft=replace(view.draft, config=view.draft.config.with_values({name: value})))


def preset_value(view: FormState, name: str) -> Value | None:
    """Return the preset's value of the row `name`, None if the row has it already."""
    if name == PRESET:
        return view.draft.preset if changed_fields(view) else None
    value: Value = getattr(view.preset_config, name)
    return None if value == getattr(view.draft.config, name) else value


def validation_error(config: RunConfig) -> UserError | None:
    """Return why no model can be built from the config, None if one can."""
    try:
        config.validated()
    except UserError as error:
        return error
    return None


@dataclass(frozen=True, slots=True)
class EditPreview:
    """The form with the text that is typed; `refused` says why it is no value of the field."""

    form: FormState
    refused: Problem | None = None
    is_typing: bool = False


def preview_edit(view: FormState, name: str, text: str) -> EditPreview:
    """Return the form with `text` typed into the row `name`; an invalid text leaves the draft as it is."""
    try:
        config = view.draft.config.with_settings({name: text})
    except UserError as error:
        return EditPreview(view, Problem.of(error, name), is_typing=True)
    return EditPreview(replace(view, draft=replace(view.draft, config=config)), is_typing=True)


def problems(preview: EditPreview, touched: Iterable[str] = ()) -> dict[str, Problem]:
    """Return the problems by row: reported ones, that of linked fields, and that of the typed text.

    The problem of linked fields is shown on the first of the rows `touched` that is one of them.
    """
    by_row = {problem.field: problem for problem in preview.form.reported_problems}
    if error := validation_error(preview.form.draft.config):
        problem = Problem.of(error)
        linked = LINKED_FIELDS.get(problem.field, ())
        row = next((name for name in touched if name in linked), problem.field)
        by_row[row] = replace(problem, field=row)
    if preview.refused:
        by_row[preview.refused.field] = preview.refused
    return by_row


LIVE_FIELDS = tuple(name for name, spec in HYPERPARAMETERS.items() if spec.effect is EditEffect.LIVE)

ENDED_STATES = frozenset({RunState.STOPPED, RunState.FINISHED, RunState.DIVERGED})


def initial_form(config: RunConfig, preset_name: str) -> FormState:
    """Return the form of the first frame."""
    return FormState(Draft(config, preset_name), get_preset(preset_name).merged_into(config), tuple(presets()))


def with_field(form: FormState, name: str, value: Value) -> FormState:
    edited = _with_config(form, form.draft.config.with_values({name: value}), form.draft.preset)
    return replace(edited, filled_fields=form.filled_fields - {name})


def with_preset(form: FormState, name: str) -> FormState:
    """Return the form filled from a preset; corpus, seed and device stay."""
    return with_draft(form, Draft(get_preset(name).merged_into(form.draft.config), name))


def parse_choice(name: str, answer: str) -> Value:
    """Return the value of a choice from a list or of a typed path; raises UserError if it is out of bounds."""
    return parse_value(name, resolve_corpus_name(answer) if name == "corpus" else answer)


def with_corpus(form: FormState, vocab_size: int | None, problem: Problem | None, repeats_text: str = "") -> FormState:
    """Return the form after the draft's corpus was read, or could not be."""
    return replace(_reporting(form, "corpus", problem), vocab_size=vocab_size, repeats_text=repeats_text)


def reduce_form(form: FormState, event: Event) -> FormState:
    match event:
        case EngineReady(accelerator=accelerator):
            return replace(form, accelerator=accelerator)
        case RunOpened(run=None):
            return replace(form, run_config=None, initial_run_config=None)
        case RunOpened(config=config):
            return replace(_following(form, config), initial_run_config=config)
        case RunEdited(config=config):
            return _following(form, config)
        case RunChanged(state=state) if state in ENDED_STATES:
            return replace(form, initial_run_config=form.draft.config)
        case CommandRefused(problem=problem, remedy=remedy, field=name) if name:
            return _reporting(form, name, Problem(name, problem, remedy))
        case _:
            return form


def live_edit(form: FormState, name: str) -> RunConfig | None:
    """Return the run's config with the draft's value of `name`, None if there is no run or the field is not live."""
    if form.run_config is None or name not in LIVE_FIELDS:
        return None
    return form.run_config.with_values({name: getattr(form.draft.config, name)})


def with_run_config(form: FormState, config: RunConfig, preset_name: str) -> FormState:
    """Return the form filled from a run that the engine had before."""
    return alongside_run(with_draft(form, Draft(config, preset_name)), config)


def with_draft(form: FormState, draft: Draft) -> FormState:
    """Return the form with another draft; a preset that does not exist is replaced by the default."""
    preset = draft.preset if draft.preset in presets() else default_preset().name
    return replace(_with_config(form, draft.config, preset), filled_fields=frozenset(LIVE_FIELDS))


def alongside_run(form: FormState, config: RunConfig) -> FormState:
    """Return the form unchanged beside a run of `config` that the engine had before."""
    filled_fields = frozenset(LIVE_FIELDS)
    return replace(form, run_config=config, initial_run_config=config, filled_fields=filled_fields)


def _following(form: FormState, config: RunConfig) -> FormState:
    """Return the form beside a run of `config`; live fields that had the run's value follow it."""
    draft, previous = form.draft.config, form.run_config or form.draft.config
    followed = {name: getattr(config, name) for name in LIVE_FIELDS if getattr(draft, name) == getattr(previous, name)}
    return replace(form, draft=replace(form.draft, config=draft.with_values(followed)), run_config=config)


def _with_config(form: FormState, config: RunConfig, preset_name: str) -> FormState:
    same_corpus = config.corpus == form.draft.config.corpus
    # what the engine refused may be valid now, and is refused again if not; a corpus that cannot be read stays so
    reported = tuple(item for item in form.reported_problems if item.field == "corpus" and same_corpus)
    return replace(
        form,
        draft=Draft(config, preset_name),
        preset_config=get_preset(preset_name).merged_into(config),
        vocab_size=form.vocab_size if same_corpus else None,
        repeats_text=form.repeats_text if same_corpus else "",
        reported_problems=reported,
    )


def _reporting(form: FormState, name: str, problem: Problem | None) -> FormState:
    others = tuple(item for item in form.reported_problems if item.field != name)
    return replace(form, reported_problems=(*others, problem) if problem else others)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A change of a config that shows a failure of the lesson; the preset `lesson` says what to look for.

    `with_batchnorm` says it for a config with BatchNorm, if that is something else.
    """

    name: str
    apply: Callable[[RunConfig], RunConfig]
    lesson: str
    with_batchnorm: str = ""

    def look_for(self, config: RunConfig) -> str:
        """Return what to see after the change of `config`."""
        is_normalized = self.with_batchnorm and config.norm != Norm.NONE
        return self.with_batchnorm if is_normalized else get_preset(self.lesson).look_for


# in the order of the lesson
WHAT_IFS = (
    WhatIf(
        "gain × 5",
        lambda config: replace(config, init_gain=config.init_gain * 5),
        "lesson-gain",
        "BatchNorm cancels it: the tanh outputs stay as before. But the same gradients now update weights five times "
        "as large: update ratios fall by one or more, and the loss falls more slowly. Without BatchNorm (lesson-gain) "
        "two thirds of every tanh are saturated.",
    ),
    WhatIf("BatchNorm off", lambda config: replace(config, norm=Norm.NONE), "lesson-no-norm"),
    WhatIf(
        "last layer × 10", lambda config: replace(config, output_scale=config.output_scale * 10), "lesson-confident"
    ),
    WhatIf("lr × 10", lambda config: replace(config, lr=config.lr * 10), "lesson-lr"),
)

UNDO_WHAT_IF = "undo"


def apply_what_if(name: str, config: RunConfig) -> RunConfig:
    """Return `config` with the change of that name; raises UserError if a value is out of bounds."""
    if name == UNDO_WHAT_IF:
        return config
    return next(what_if for what_if in WHAT_IFS if what_if.name == name).apply(config).validated()


def describe_changes(what_if: WhatIf, config: RunConfig) -> str:
    """Return what is changed in `config`, such as `lr 0.1 → 1.0`."""
    changed_config = what_if.apply(config)
    texts = []
    for name in sorted(config.changed_fields(changed_config)):
        format_value = HYPERPARAMETERS[name].value_type.format
        values = (format_value(getattr(config, name)), format_value(getattr(changed_config, name)))
        texts.append(f"{name} {' → '.join(values)}")
    return ", ".join(texts) or "no change"
