"""How the form follows the person and the engine."""

from dataclasses import replace

import pytest
import scenes
from fake_engine import opened

from charwave_tui.core import protocol
from charwave_tui.core.config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.fields import Effect
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.presets import default_preset, preset, presets
from charwave_tui.core.readings import State
from charwave_tui.ui import composing
from charwave_tui.ui.draft import Draft, Problem, changed, staged, was

CONFIG = replace(preset("tree-76k").config, corpus="makemore", seed=7)
FORM = replace(composing.opening(CONFIG, "tree-76k"), vocab_size=27)
RUNNING = replace(FORM, running=CONFIG, began=CONFIG)
UNREADABLE = Problem("corpus", "words.txt is not UTF-8", "save it as UTF-8")


def test_form_opens_with_preset_and_user_corpus_and_seed():
    assert FORM.draft == Draft(CONFIG, "tree-76k")
    assert FORM.presets == tuple(presets())
    assert changed(FORM) == frozenset()
    assert FORM.recipe.corpus == "makemore"


def test_edit_changes_only_its_field():
    form = composing.edited(FORM, "n_hidden", 64)
    assert form.draft == Draft(replace(CONFIG, n_hidden=64), "tree-76k")
    assert changed(form) == {"n_hidden"}
    assert form.vocab_size == 27


def test_edit_clears_engine_refusal_and_new_corpus_clears_corpus_error():
    refused = Problem("device", "there is no cuda here", "try auto")
    form = replace(FORM, reported=(UNREADABLE, refused))
    assert composing.edited(form, "lr", 0.2).reported == (UNREADABLE,)
    assert composing.edited(form, "corpus", "names").reported == ()


def test_other_corpus_vocabulary_is_unknown():
    form = composing.edited(FORM, "corpus", "names")
    assert form.vocab_size is None
    assert form.recipe.corpus == "names"
    assert changed(form) == frozenset()


@pytest.mark.parametrize("name", list(presets()))
def test_preset_sets_all_but_corpus_seed_and_device(name):
    form = composing.preset_chosen(composing.edited(FORM, "lr", 5.0), name)
    assert form.draft.preset == name
    for field in HYPERPARAMETERS:
        source = CONFIG if field in ("corpus", "seed", "device") else presets()[name].config
        assert getattr(form.draft.config, field) == getattr(source, field), field
    assert changed(form) == frozenset()


def test_input_parsed_like_field():
    assert composing.answered("norm", "none") == "none"
    assert composing.answered("threads", "2") == 2


def test_typed_path_made_absolute_and_name_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").touch()
    assert composing.answered("corpus", "words.txt") == str(tmp_path / "words.txt")
    assert composing.answered("corpus", "names") == "names"


def test_invalid_input_is_user_error_naming_field():
    with pytest.raises(Mistake, match="control character") as caught:
        composing.answered("corpus", "/tmp/bad\x07name.txt")
    assert caught.value.field == "corpus"


def test_loaded_corpus_gives_vocabulary_and_clears_only_its_error():
    elsewhere = Problem("device", "there is no cuda here", "try auto")
    form = replace(FORM, vocab_size=None, reported=(elsewhere, UNREADABLE))
    assert composing.corpus_read(form, 45, None) == replace(form, vocab_size=45, reported=(elsewhere,))
    unread = composing.corpus_read(FORM, None, UNREADABLE)
    assert (unread.vocab_size, unread.reported) == (None, (UNREADABLE,))
    assert composing.corpus_read(unread, None, UNREADABLE).reported == (UNREADABLE,)


def test_ready_engine_reports_device_of_auto():
    assert composing.after(FORM, protocol.EngineReady("2.13", "cuda")).accelerator == "cuda"


def test_built_model_without_run_is_not_awaited():
    form = composing.after(RUNNING, opened(scenes.UNTRAINED.run))
    assert (form.running, form.began) == (None, None)


@pytest.mark.parametrize("state", State)
def test_numbered_run_counts_in_any_state(state):
    form = composing.after(FORM, opened(replace(scenes.TRAINING.run, config=CONFIG, state=state)))
    assert (form.running, form.began) == (CONFIG, CONFIG)
    assert form.draft == FORM.draft


def test_applied_live_edit_shows_in_draft_with_previous_value():
    staged_draft = replace(RUNNING, draft=Draft(replace(CONFIG, n_embd=10), "tree-76k"))
    slower = replace(CONFIG, lr=0.01)
    form = composing.after(staged_draft, protocol.RunEdited(slower))
    assert form.draft.config == replace(CONFIG, n_embd=10, lr=0.01)
    assert form.running == slower
    assert was(form, "lr") == 0.1
    assert staged(form) == {"n_embd"}


def test_late_config_event_does_not_undo_later_edits():
    form = composing.edited(composing.edited(RUNNING, "lr", 0.05), "lr", 0.01)
    form = composing.after(form, protocol.RunEdited(replace(CONFIG, lr=0.05)))
    assert form.draft.config.lr == 0.01
    assert form.running.lr == 0.05


def test_extended_run_updates_draft():
    form = composing.after(RUNNING, protocol.RunEdited(replace(CONFIG, max_steps=400_000)))
    assert form.draft.config.max_steps == 400_000


@pytest.mark.parametrize("state", State)
def test_paused_run_clears_previous_values_of_live_edits(state):
    form = replace(RUNNING, running=replace(CONFIG, lr=0.01), draft=Draft(replace(CONFIG, lr=0.01), "tree-76k"))
    rests = state in (State.STOPPED, State.FINISHED, State.DIVERGED)
    assert was(composing.after(form, protocol.RunChanged(state, 10)), "lr") == (None if rests else 0.1)


def test_refusal_shown_on_row_of_its_field():
    refused = composing.after(FORM, protocol.CommandRefused("there is no cuda here", "try auto", "device"))
    assert refused.reported == (Problem("device", "there is no cuda here", "try auto"),)
    assert composing.after(FORM, protocol.CommandRefused("no", "yes")) is FORM


@pytest.mark.parametrize(
    "event",
    [
        protocol.Progress(1, 1.0, (), None),
        protocol.LayersProbed(1, ()),
        protocol.NamesSampled(1, 1, ()),
        protocol.RunSaved(1, 1),
        protocol.EngineFailed("no", "log"),
    ],
)
def test_unrelated_events_return_same_form_object(event):
    assert composing.after(RUNNING, event) is RUNNING


NUDGED = {
    name: value
    for name, spec in HYPERPARAMETERS.items()
    if (value := spec.kind.nudge(getattr(CONFIG, name), +1)) != getattr(CONFIG, name)
}


def test_most_fields_can_be_stepped():
    assert len(NUDGED) > 10


@pytest.mark.parametrize(("name", "value"), NUDGED.items())
def test_live_fields_sent_to_run_and_others_staged(name, value):
    effect = HYPERPARAMETERS[name].effect
    form = composing.edited(RUNNING, name, value)
    wanted = replace(CONFIG, **{name: value})
    assert composing.live_edit(form, name) == (wanted if effect is Effect.LIVE else None)
    assert staged(form) == (frozenset() if effect is Effect.LIVE else {name})


def test_live_edit_sent_without_staged_edits():
    form = composing.preset_chosen(composing.edited(RUNNING, "n_embd", 10), "mlp-3")
    assert composing.live_edit(composing.edited(form, "lr", 0.01), "lr") == replace(CONFIG, lr=0.01)


def test_without_run_there_is_no_live_edit():
    assert composing.live_edit(composing.edited(FORM, "lr", 0.01), "lr") is None


def test_staged_live_field_survives_edit_of_other_field():
    form = replace(RUNNING, draft=Draft(replace(CONFIG, batch_size=7), "tree-76k"))
    followed = composing.after(form, protocol.RunEdited(replace(CONFIG, lr=0.01)))
    assert (followed.draft.config.batch_size, followed.draft.config.lr) == (7, 0.01)


def test_existing_run_fills_form():
    config = replace(CONFIG, corpus="names", n_embd=10)
    form = composing.adopted(replace(FORM, reported=(UNREADABLE,)), config, "tree-22k")
    assert form.draft == Draft(config, "tree-22k")
    assert (form.running, form.began) == (config, config)
    assert form.recipe.corpus == "names"
    assert form.vocab_size is None


def test_run_of_unknown_preset_shown_with_default_preset():
    form = composing.adopted(FORM, RunConfig(), "gone")
    assert form.draft.preset == default_preset().name
