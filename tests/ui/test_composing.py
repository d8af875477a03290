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


def test_it_opens_with_the_recipe_in_the_persons_own_corpus_and_seed():
    assert FORM.draft == Draft(CONFIG, "tree-76k")
    assert FORM.presets == tuple(presets())
    assert changed(FORM) == frozenset()
    assert FORM.recipe.corpus == "makemore"


def test_an_edit_changes_its_field_and_no_other():
    form = composing.edited(FORM, "n_hidden", 64)
    assert form.draft == Draft(replace(CONFIG, n_hidden=64), "tree-76k")
    assert changed(form) == {"n_hidden"}
    assert form.vocab_size == 27


def test_an_edit_forgets_what_the_engine_refused_and_another_corpus_what_was_wrong_with_the_last():
    refused = Problem("device", "there is no cuda here", "try auto")
    form = replace(FORM, reported=(UNREADABLE, refused))
    assert composing.edited(form, "lr", 0.2).reported == (UNREADABLE,)
    assert composing.edited(form, "corpus", "names").reported == ()


def test_another_corpus_has_a_vocabulary_that_is_not_known_yet():
    form = composing.edited(FORM, "corpus", "names")
    assert form.vocab_size is None
    assert form.recipe.corpus == "names"
    assert changed(form) == frozenset()


@pytest.mark.parametrize("name", list(presets()))
def test_a_preset_fills_all_but_corpus_seed_and_device(name):
    form = composing.preset_chosen(composing.edited(FORM, "lr", 5.0), name)
    assert form.draft.preset == name
    for field in HYPERPARAMETERS:
        source = CONFIG if field in ("corpus", "seed", "device") else presets()[name].config
        assert getattr(form.draft.config, field) == getattr(source, field), field
    assert changed(form) == frozenset()


def test_an_answer_is_read_as_the_field_reads_it():
    assert composing.answered("norm", "none") == "none"
    assert composing.answered("threads", "2") == 2


def test_a_typed_path_is_made_absolute_and_a_name_stays_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").touch()
    assert composing.answered("corpus", "words.txt") == str(tmp_path / "words.txt")
    assert composing.answered("corpus", "names") == "names"


def test_an_answer_that_does_not_fit_is_a_mistake_that_names_its_field():
    with pytest.raises(Mistake, match="control character") as caught:
        composing.answered("corpus", "/tmp/bad\x07name.txt")
    assert caught.value.field == "corpus"


def test_a_corpus_that_was_read_gives_its_vocabulary_and_clears_its_problem_alone():
    elsewhere = Problem("device", "there is no cuda here", "try auto")
    form = replace(FORM, vocab_size=None, reported=(elsewhere, UNREADABLE))
    assert composing.corpus_read(form, 45, None) == replace(form, vocab_size=45, reported=(elsewhere,))
    unread = composing.corpus_read(FORM, None, UNREADABLE)
    assert (unread.vocab_size, unread.reported) == (None, (UNREADABLE,))
    assert composing.corpus_read(unread, None, UNREADABLE).reported == (UNREADABLE,)


def test_a_ready_engine_says_what_auto_stands_for():
    assert composing.after(FORM, protocol.EngineReady("2.13", "cuda")).accelerator == "cuda"


def test_a_model_that_is_only_built_is_no_run_to_wait_for():
    form = composing.after(RUNNING, opened(scenes.UNTRAINED.run))
    assert (form.running, form.began) == (None, None)


@pytest.mark.parametrize("state", State)
def test_a_run_with_a_number_is_one_in_whatever_state_it_opens(state):
    form = composing.after(FORM, opened(replace(scenes.TRAINING.run, config=CONFIG, state=state)))
    assert (form.running, form.began) == (CONFIG, CONFIG)
    assert form.draft == FORM.draft


def test_a_live_edit_that_took_hold_shows_in_the_draft_and_beside_what_it_was():
    staged_draft = replace(RUNNING, draft=Draft(replace(CONFIG, n_embd=10), "tree-76k"))
    slower = replace(CONFIG, lr=0.01)
    form = composing.after(staged_draft, protocol.RunEdited(slower))
    assert form.draft.config == replace(CONFIG, n_embd=10, lr=0.01)
    assert form.running == slower
    assert was(form, "lr") == 0.1
    assert staged(form) == {"n_embd"}


def test_an_echo_that_comes_late_does_not_take_back_what_was_edited_since():
    form = composing.edited(composing.edited(RUNNING, "lr", 0.05), "lr", 0.01)
    form = composing.after(form, protocol.RunEdited(replace(CONFIG, lr=0.05)))
    assert form.draft.config.lr == 0.01
    assert form.running.lr == 0.05


def test_a_longer_run_takes_the_draft_along():
    form = composing.after(RUNNING, protocol.RunEdited(replace(CONFIG, max_steps=400_000)))
    assert form.draft.config.max_steps == 400_000


@pytest.mark.parametrize("state", State)
def test_when_a_run_comes_to_rest_its_live_edits_are_history(state):
    form = replace(RUNNING, running=replace(CONFIG, lr=0.01), draft=Draft(replace(CONFIG, lr=0.01), "tree-76k"))
    rests = state in (State.STOPPED, State.FINISHED, State.DIVERGED)
    assert was(composing.after(form, protocol.RunChanged(state, 10)), "lr") == (None if rests else 0.1)


def test_a_refusal_that_names_a_field_stands_on_its_row_and_another_nowhere():
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
def test_what_does_not_concern_the_form_leaves_it_the_very_same(event):
    assert composing.after(RUNNING, event) is RUNNING


NUDGED = {
    name: value
    for name, spec in HYPERPARAMETERS.items()
    if (value := spec.kind.nudge(getattr(CONFIG, name), +1)) != getattr(CONFIG, name)
}


def test_most_fields_can_be_nudged():
    assert len(NUDGED) > 10


@pytest.mark.parametrize(("name", "value"), NUDGED.items())
def test_live_fields_reach_the_run_and_the_others_wait(name, value):
    effect = HYPERPARAMETERS[name].effect
    form = composing.edited(RUNNING, name, value)
    wanted = replace(CONFIG, **{name: value})
    assert composing.live_edit(form, name) == (wanted if effect is Effect.LIVE else None)
    assert staged(form) == (frozenset() if effect is Effect.LIVE else {name})


def test_a_live_edit_goes_out_without_the_edits_beside_it():
    form = composing.preset_chosen(composing.edited(RUNNING, "n_embd", 10), "mlp-3")
    assert composing.live_edit(composing.edited(form, "lr", 0.01), "lr") == replace(CONFIG, lr=0.01)


def test_without_a_run_there_is_no_live_edit():
    assert composing.live_edit(composing.edited(FORM, "lr", 0.01), "lr") is None


def test_a_live_field_that_was_edited_for_the_next_run_stays_so_when_another_field_of_the_run_changes():
    form = replace(RUNNING, draft=Draft(replace(CONFIG, batch_size=7), "tree-76k"))
    followed = composing.after(form, protocol.RunEdited(replace(CONFIG, lr=0.01)))
    assert (followed.draft.config.batch_size, followed.draft.config.lr) == (7, 0.01)


def test_a_run_that_was_there_before_fills_the_form():
    config = replace(CONFIG, corpus="names", n_embd=10)
    form = composing.adopted(replace(FORM, reported=(UNREADABLE,)), config, "tree-22k")
    assert form.draft == Draft(config, "tree-22k")
    assert (form.running, form.began) == (config, config)
    assert form.recipe.corpus == "names"
    assert form.vocab_size is None


def test_a_run_of_a_preset_that_is_no_more_is_shown_beside_the_default_one():
    form = composing.adopted(FORM, RunConfig(), "gone")
    assert form.draft.preset == default_preset().name
