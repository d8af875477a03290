"""How the form follows the person and the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scenes
from fake_engine import opened

from charwave_tui.core.config.presets import default_preset, get_preset, presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    LayersProbed,
    NamesSampled,
    Progress,
    RunChanged,
    RunEdited,
    RunSaved,
)
from charwave_tui.ui.state.form_state import (
    Draft,
    Problem,
    answered,
    changed,
    corpus_read,
    initial_form,
    live_edit,
    preset_chosen,
    previous_value,
    reduce_form,
    staged,
    with_field,
    with_run_config,
)

CONFIG = replace(get_preset("tree-76k").config, corpus="makemore", seed=7)


FORM = replace(initial_form(CONFIG, "tree-76k"), vocab_size=27)


RUNNING = replace(FORM, running=CONFIG, began=CONFIG)


UNREADABLE = Problem("corpus", "words.txt is not UTF-8", "save it as UTF-8")


def test_form_opens_with_preset_and_user_corpus_and_seed():
    assert FORM.draft == Draft(CONFIG, "tree-76k")
    assert FORM.presets == tuple(presets())
    assert changed(FORM) == frozenset()
    assert FORM.recipe.corpus == "makemore"


def test_edit_changes_only_its_field():
    form = with_field(FORM, "n_hidden", 64)
    assert form.draft == Draft(replace(CONFIG, n_hidden=64), "tree-76k")
    assert changed(form) == {"n_hidden"}
    assert form.vocab_size == 27


def test_edit_clears_engine_refusal_and_new_corpus_clears_corpus_error():
    refused = Problem("device", "there is no cuda here", "try auto")
    form = replace(FORM, reported=(UNREADABLE, refused))
    assert with_field(form, "lr", 0.2).reported == (UNREADABLE,)
    assert with_field(form, "corpus", "names").reported == ()


def test_other_corpus_vocabulary_is_unknown():
    form = with_field(FORM, "corpus", "names")
    assert form.vocab_size is None
    assert form.recipe.corpus == "names"
    assert changed(form) == frozenset()


@pytest.mark.parametrize("name", list(presets()))
def test_preset_sets_all_but_corpus_seed_and_device(name):
    form = preset_chosen(with_field(FORM, "lr", 5.0), name)
    assert form.draft.preset == name
    for field in HYPERPARAMETERS:
        source = CONFIG if field in ("corpus", "seed", "device") else presets()[name].config
        assert getattr(form.draft.config, field) == getattr(source, field), field
    assert changed(form) == frozenset()


def test_input_parsed_like_field():
    assert answered("norm", "none") == "none"
    assert answered("threads", "2") == 2


def test_typed_path_made_absolute_and_name_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").touch()
    assert answered("corpus", "words.txt") == str(tmp_path / "words.txt")
    assert answered("corpus", "names") == "names"


def test_invalid_input_is_user_error_naming_field():
    with pytest.raises(UserError, match="control character") as caught:
        answered("corpus", "/tmp/bad\x07name.txt")
    assert caught.value.field == "corpus"


def test_loaded_corpus_gives_vocabulary_and_clears_only_its_error():
    elsewhere = Problem("device", "there is no cuda here", "try auto")
    form = replace(FORM, vocab_size=None, reported=(elsewhere, UNREADABLE))
    assert corpus_read(form, 45, None) == replace(form, vocab_size=45, reported=(elsewhere,))
    unread = corpus_read(FORM, None, UNREADABLE)
    assert (unread.vocab_size, unread.reported) == (None, (UNREADABLE,))
    assert corpus_read(unread, None, UNREADABLE).reported == (UNREADABLE,)


def test_ready_engine_reports_device_of_auto():
    assert reduce_form(FORM, EngineReady("2.13", "cuda")).accelerator == "cuda"


def test_built_model_without_run_is_not_awaited():
    form = reduce_form(RUNNING, opened(scenes.UNTRAINED.run))
    assert (form.running, form.began) == (None, None)


@pytest.mark.parametrize("state", RunState)
def test_numbered_run_counts_in_any_state(state):
    form = reduce_form(FORM, opened(replace(scenes.TRAINING.run, config=CONFIG, state=state)))
    assert (form.running, form.began) == (CONFIG, CONFIG)
    assert form.draft == FORM.draft


def test_applied_live_edit_shows_in_draft_with_previous_value():
    staged_draft = replace(RUNNING, draft=Draft(replace(CONFIG, n_embd=10), "tree-76k"))
    slower = replace(CONFIG, lr=0.01)
    form = reduce_form(staged_draft, RunEdited(slower))
    assert form.draft.config == replace(CONFIG, n_embd=10, lr=0.01)
    assert form.running == slower
    assert previous_value(form, "lr") == 0.1
    assert staged(form) == {"n_embd"}


def test_late_config_event_does_not_undo_later_edits():
    form = with_field(with_field(RUNNING, "lr", 0.05), "lr", 0.01)
    form = reduce_form(form, RunEdited(replace(CONFIG, lr=0.05)))
    assert form.draft.config.lr == 0.01
    assert form.running.lr == 0.05


def test_extended_run_updates_draft():
    form = reduce_form(RUNNING, RunEdited(replace(CONFIG, max_steps=400_000)))
    assert form.draft.config.max_steps == 400_000


@pytest.mark.parametrize("state", RunState)
def test_paused_run_clears_previous_values_of_live_edits(state):
    form = replace(RUNNING, running=replace(CONFIG, lr=0.01), draft=Draft(replace(CONFIG, lr=0.01), "tree-76k"))
    rests = state in (RunState.STOPPED, RunState.FINISHED, RunState.DIVERGED)
    assert previous_value(reduce_form(form, RunChanged(state, 10)), "lr") == (None if rests else 0.1)


def test_refusal_shown_on_row_of_its_field():
    refused = reduce_form(FORM, CommandRefused("there is no cuda here", "try auto", "device"))
    assert refused.reported == (Problem("device", "there is no cuda here", "try auto"),)
    assert reduce_form(FORM, CommandRefused("no", "yes")) is FORM


@pytest.mark.parametrize(
    "event",
    [
        Progress(1, 1.0, (), None),
        LayersProbed(1, ()),
        NamesSampled(1, 1, ()),
        RunSaved(1, 1),
        EngineFailed("no", "log"),
    ],
)
def test_unrelated_events_return_same_form_object(event):
    assert reduce_form(RUNNING, event) is RUNNING


NUDGED = {
    name: value
    for name, spec in HYPERPARAMETERS.items()
    if (value := spec.kind.step_by(getattr(CONFIG, name), +1)) != getattr(CONFIG, name)
}


def test_most_fields_can_be_stepped():
    assert len(NUDGED) > 10


@pytest.mark.parametrize(("name", "value"), NUDGED.items())
def test_live_fields_sent_to_run_and_others_staged(name, value):
    effect = HYPERPARAMETERS[name].effect
    form = with_field(RUNNING, name, value)
    wanted = replace(CONFIG, **{name: value})
    assert live_edit(form, name) == (wanted if effect is EditEffect.LIVE else None)
    assert staged(form) == (frozenset() if effect is EditEffect.LIVE else {name})


def test_live_edit_sent_without_staged_edits():
    form = preset_chosen(with_field(RUNNING, "n_embd", 10), "mlp-3")
    assert live_edit(with_field(form, "lr", 0.01), "lr") == replace(CONFIG, lr=0.01)


def test_without_run_there_is_no_live_edit():
    assert live_edit(with_field(FORM, "lr", 0.01), "lr") is None


def test_staged_live_field_survives_edit_of_other_field():
    form = replace(RUNNING, draft=Draft(replace(CONFIG, batch_size=7), "tree-76k"))
    followed = reduce_form(form, RunEdited(replace(CONFIG, lr=0.01)))
    assert (followed.draft.config.batch_size, followed.draft.config.lr) == (7, 0.01)


def test_existing_run_fills_form():
    config = replace(CONFIG, corpus="names", n_embd=10)
    form = with_run_config(replace(FORM, reported=(UNREADABLE,)), config, "tree-22k")
    assert form.draft == Draft(config, "tree-22k")
    assert (form.running, form.began) == (config, config)
    assert form.recipe.corpus == "names"
    assert form.vocab_size is None


def test_run_of_unknown_preset_shown_with_default_preset():
    form = with_run_config(FORM, RunConfig(), "gone")
    assert form.draft.preset == default_preset().name
