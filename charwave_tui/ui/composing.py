"""How the form's view follows the person and the engine: pure functions, one for each thing that happens."""

from __future__ import annotations

from dataclasses import replace

from charwave_tui.core import protocol
from charwave_tui.core.config import HYPERPARAMETERS, RunConfig, parse
from charwave_tui.core.corpora import anchored
from charwave_tui.core.fields import Effect
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.kinds import Value
from charwave_tui.core.presets import default_preset, preset, presets
from charwave_tui.core.readings import State
from charwave_tui.ui.draft import Draft, FormView, Problem

LIVE = tuple(name for name, spec in HYPERPARAMETERS.items() if spec.effect is Effect.LIVE)
"""Fields whose edits reach a run in progress."""

RESTING = frozenset({State.STOPPED, State.FINISHED, State.DIVERGED})
"""States of a trained run to which live edits come too late."""


def opening(config: RunConfig, preset_name: str) -> FormView:
    """The form as it opens."""
    return FormView(Draft(config, preset_name), preset(preset_name).applied_to(config), tuple(presets()))


def edited(form: FormView, name: str, value: Value) -> FormView:
    """The form after an edit of one field."""
    return _with_config(form, form.draft.config.with_values({name: value}), form.draft.preset)


def preset_chosen(form: FormView, name: str) -> FormView:
    """The form filled from a preset; corpus, seed and device stay the person's."""
    return _with_config(form, preset(name).applied_to(form.draft.config), name)


def answered(name: str, answer: str) -> Value:
    """The value that a choice from a list, or a typed path, stands for; raises Mistake where it fits no bounds."""
    return parse(name, anchored(answer) if name == "corpus" else answer)


def corpus_read(form: FormView, vocab_size: int | None, problem: Problem | None) -> FormView:
    """The form once the draft's corpus was read, or could not be."""
    return replace(_reporting(form, "corpus", problem), vocab_size=vocab_size)


def after(form: FormView, event: AnyEvent) -> FormView:
    """The form once `event` has happened."""
    match event:
        case protocol.EngineReady(accelerator=accelerator):
            return replace(form, accelerator=accelerator)
        case protocol.RunOpened(run=None):
            return replace(form, running=None, began=None)
        case protocol.RunOpened(config=config):
            return replace(_following(form, config), began=config)
        case protocol.RunEdited(config=config):
            return _following(form, config)
        case protocol.RunChanged(state=state) if state in RESTING:
            return replace(form, began=form.draft.config)
        case protocol.CommandRefused(problem=problem, remedy=remedy, field=name) if name:
            return _reporting(form, name, Problem(name, problem, remedy))
        case _:
            return form


def live_edit(form: FormView, name: str) -> RunConfig | None:
    """The running config with the draft's value of the live field `name`; None where that is no edit of a run."""
    if form.running is None or name not in LIVE:
        return None
    return form.running.with_values({name: getattr(form.draft.config, name)})


def adopted(form: FormView, config: RunConfig, preset_name: str) -> FormView:
    """The form filled from a run that was there before the screen was."""
    return replace(filled(form, Draft(config, preset_name)), running=config, began=config)


def filled(form: FormView, draft: Draft) -> FormView:
    """The form with another draft; one of a preset that is not known here counts as of the first."""
    known = draft.preset if draft.preset in presets() else default_preset().name
    return _with_config(form, draft.config, known)


def beside(form: FormView, config: RunConfig) -> FormView:
    """The form as it stands, next to a run of `config` that was there before the screen was."""
    return replace(form, running=config, began=config)


def _following(form: FormView, config: RunConfig) -> FormView:
    """The form beside a run of `config`: live fields that the draft had as the run had them go along with it."""
    old = form.running or form.draft.config
    along = {name: getattr(config, name) for name in LIVE if getattr(form.draft.config, name) == getattr(old, name)}
    draft = replace(form.draft, config=form.draft.config.with_values(along))
    return replace(form, draft=draft, running=config)


def _with_config(form: FormView, config: RunConfig, preset_name: str) -> FormView:
    same_corpus = config.corpus == form.draft.config.corpus
    # what the engine refused may fit now, and is refused again if not; a corpus that cannot be read stays so
    reported = tuple(item for item in form.reported if item.field == "corpus" and same_corpus)
    return replace(
        form,
        draft=Draft(config, preset_name),
        recipe=preset(preset_name).applied_to(config),
        vocab_size=form.vocab_size if same_corpus else None,
        reported=reported,
    )


def _reporting(form: FormView, name: str, problem: Problem | None) -> FormView:
    others = tuple(item for item in form.reported if item.field != name)
    return replace(form, reported=(*others, problem) if problem else others)
