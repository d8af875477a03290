"""Parts of the sampler: temperatures, step state, requests, paths, files, replies."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import lab_states as scenes
from support.sampler_answers import NAMES, STARS, TIMELINE, next_nlls, word_nlls

from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH, SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RepeatCounts, SampledName, TimelineSample
from charwave_tui.core.protocol.commands import PredictNext, StarName, UnstarName
from charwave_tui.core.protocol.events import (
    NamesRefused,
    NamesSampled,
    NextPredicted,
    StarsListed,
    TimelineSampled,
    WordScored,
)
from charwave_tui.ui.drawing.styled_text import cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.sampler import step_views
from charwave_tui.ui.sampler.mode import model_identity, unavailable_lines
from charwave_tui.ui.sampler.names_table import name_detail, name_rows, sampling_note
from charwave_tui.ui.sampler.save_names import format_names, resolve_path, write_names
from charwave_tui.ui.sampler.score_mode import character_lines, score_list
from charwave_tui.ui.sampler.starred_mode import StarredSet
from charwave_tui.ui.sampler.step_state import (
    StepState,
    entropy,
    move_in_ranking,
    rank_ids,
    sample_index,
    softmax_at,
    top_k_mass,
)
from charwave_tui.ui.sampler.step_views import NextCharView
from charwave_tui.ui.state import pending_request
from charwave_tui.ui.state.pending_request import POLLS_UNTIL_LOST, PendingRequest
from charwave_tui.ui.state.run_state import ConnectionState, NamesState
from charwave_tui.ui.state.sampler_state import FIRST_REQUEST, SamplerState, reduce_sampler

SYMBOLS = scenes.CARD.symbols


@given(
    logits=st.lists(st.floats(-30, 30), min_size=1, max_size=30),
    temperature=st.sampled_from([0.5, 1.0, 1.5]),
)
def test_temperature_applied_to_nll_equals_softmax_of_scaled_logits(logits, temperature):
    total = math.fsum(math.exp(logit) for logit in logits)
    nlls = [-math.log(math.exp(logit) / total) for logit in logits]
    exponentials = [math.exp(logit / temperature) for logit in logits]
    expected = [power / math.fsum(exponentials) for power in exponentials]
    assert softmax_at(nlls, temperature) == pytest.approx(expected, abs=1e-6)


def test_entropy_and_top_probability_mass():
    assert entropy([0.25] * 4) == pytest.approx(math.log(4))
    assert entropy([1.0, 0.0]) == 0
    assert top_k_mass([0.1, 0.4, 0.2, 0.1, 0.1, 0.05, 0.05]) == pytest.approx(0.9)


def test_draws_follow_distribution_and_are_repeatable():
    weights = [0.5, 0.3, 0.2]
    drawn = [sample_index(weights, 42, time) for time in range(3_000)]
    assert drawn == [sample_index(weights, 42, time) for time in range(3_000)]
    assert drawn != [sample_index(weights, 43, time) for time in range(3_000)]
    for index, weight in enumerate(weights):
        assert drawn.count(index) / 3_000 == pytest.approx(weight, abs=0.04)


def test_name_typed_taken_ended_and_undone():
    steps = StepState().with_text("m").with_choice(1, SYMBOLS)
    assert (steps.prefix, steps.is_ended) == ("ma", False)
    ended = steps.with_choice(0, SYMBOLS)
    assert ended.is_ended
    assert ended.with_text("x") == ended
    assert ended.undone() == steps
    assert steps.undone().undone().undone() == StepState()
    assert ended.restricted_to("xyz") == StepState()
    assert ended.restricted_to("am") == ended


def test_longest_prefix_takes_no_more():
    steps = StepState("a" * MAX_NAME_LENGTH)
    assert steps.with_text("b") == steps
    assert steps.rolled(next_nlls(steps.prefix), 42, SYMBOLS) == steps


def test_redraw_after_undo_differs_and_all_is_repeatable():
    def rolls():
        steps, results = StepState(), []
        for _ in range(12):
            steps = steps.rolled(next_nlls(""), 42, SYMBOLS)
            results.append((steps.prefix, steps.is_ended))
            steps = steps.undone()
        return results

    assert len(set(rolls())) > 1
    assert rolls() == rolls()


def test_cursor_moves_by_descending_probability_and_stops_at_ends():
    order = rank_ids((2.0, math.nan, 0.5, 1.0))
    assert order == [2, 3, 0, 1]
    assert move_in_ranking(order, None, 1) == 3
    assert move_in_ranking(order, 3, -5) == 2
    assert move_in_ranking(order, 3, 99) == 1
    assert move_in_ranking([], None, 1) is None


def test_pending_request_newest_wins():
    sent = []
    pending = PendingRequest(sent.append)
    for prefix in ("m", "ma", "mar"):
        pending.request(lambda number, prefix=prefix: PredictNext(prefix, number))
    assert [command.prefix for command in sent] == ["m"]
    assert not pending.accept(sent[0].request + 1)
    assert pending.accept(sent[0].request)
    assert [command.prefix for command in sent] == ["m", "mar"]
    assert sent[0].request != sent[1].request


def test_pending_request_lost_after_timeout():
    pending = PendingRequest(lambda command: None)
    pending.request(lambda number: PredictNext("", number))
    assert not any(pending.poll() for _ in range(POLLS_UNTIL_LOST))
    assert pending.poll()


def test_late_reply_to_repeated_request_counts_with_growing_intervals():
    sent = []
    pending = PendingRequest(sent.append)
    polls = []
    for _ in range(60):
        polls.append(pending.poll())
        if polls[-1]:
            pending.request(lambda number: PredictNext("m", number))
    assert [index for index, due in enumerate(polls) if due] == [0, 6, 17, 38]
    assert pending.accept(sent[0].request)
    assert not pending.number
    assert not pending.accept(sent[-1].request)
    pending.request(lambda number: PredictNext("m", number))
    while not pending.poll():
        pass
    pending.request(lambda number: PredictNext("ma", number))
    assert not pending.accept(sent[-2].request)  # it was about another prefix
    assert pending.accept(sent[-1].request)


def test_other_seed_is_another_model_and_other_lr_is_not():
    run = scenes.TRAINING.run
    seeded, warmer = replace(run.config, seed=run.config.seed + 1), replace(run.config, lr=run.config.lr / 2)
    assert model_identity(replace(run, config=seeded)) != model_identity(run)
    assert model_identity(replace(run, config=warmer)) == model_identity(run)


def test_expensive_queries_repeat_for_a_fraction_of_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(pending_request, "monotonic", lambda: now[0])
    sent = []
    pending = PendingRequest(sent.append, time_share=0.1)
    pending.request(lambda number: PredictNext("", number))
    now[0] = 102.0
    assert pending.accept(sent[0].request)
    now[0] = 119.9
    assert not pending.poll()
    assert pending.poll(at_rest=True)
    now[0] = 120.0
    assert pending.poll()


@pytest.mark.parametrize(
    ("connection", "word"),
    [
        (ConnectionState.OFFLINE, "lost"),
        (ConnectionState.LOST, "gone"),
        (ConnectionState.STARTING, "starting"),
    ],
)
def test_query_without_model_shows_reason(connection, word):
    run = replace(scenes.TRAINING.run, connection=connection)
    assert word in " ".join(to_plain_text(line) for line in unavailable_lines(run, 80))
    assert unavailable_lines(scenes.TRAINING.run, 80) == []


def test_replies_stored_by_kind_without_lab_names():
    predicted = NextPredicted(1, FIRST_REQUEST, "", (0.1,), ())
    speech = reduce_sampler(reduce_sampler(SamplerState(), predicted), NamesSampled(3, 1, NAMES))
    assert speech == SamplerState(predicted=predicted)
    speech = reduce_sampler(speech, NamesSampled(3, FIRST_REQUEST, NAMES, done=False))
    assert (speech.tried.names, speech.tried.done) == (NAMES, False)
    assert reduce_sampler(speech, NamesRefused(FIRST_REQUEST, "no", "yes")).tried.refusal == "no"
    assert reduce_sampler(speech, StarsListed(STARS)).stars == STARS


def test_timeline_grows_in_order_with_one_sample_per_step():
    speech = SamplerState(timeline=TIMELINE[:3])
    speech = reduce_sampler(speech, TimelineSampled(TIMELINE[3]))
    assert speech.timeline == TIMELINE[:4]
    replacement = TimelineSample(TIMELINE[1].step, ())
    assert reduce_sampler(speech, TimelineSampled(replacement)).timeline == (TIMELINE[0], replacement, *TIMELINE[2:4])


def test_star_shown_before_engine_confirms_or_overrides():
    starred = StarredSet()
    starred.confirm(STARS)
    known, other = SampledName("maralynn", 1.5, False), SampledName("zoe", 1.0, False)
    assert starred.toggle(known, 12, 3) == UnstarName("maralynn")
    assert starred.toggle(known, 12, 3) == StarName("maralynn", 1.5, 12, 3)
    assert starred.toggle(other, None, 0) == StarName("zoe", 1.0, None, 0)
    assert {"maralynn", "zoe"} <= starred.names
    starred.confirm(STARS[1:])
    assert not {"maralynn", "zoe"} & starred.names


def test_distribution_shown_with_its_statistics():
    view = NextCharView.from_nlls(next_nlls("mari"), 1, SYMBOLS)
    lines = [to_plain_text(line) for line in view.lines("mari", None, 80, 40)]
    assert len(lines) == 1 + 27 + 2
    first = view.ranked_ids[0]
    figures = [f"{column[first]:.4f}" for column in view.distributions]
    assert lines[1].split()[-3:] == figures
    assert lines[-1].split()[-1] == "0.0370"
    assert f"entropy {entropy(view.probabilities):.2f} nats" in lines[-1]
    assert sum(view.probabilities) == pytest.approx(1)


@pytest.mark.parametrize("here", [0, 5, 26, None])
@pytest.mark.parametrize("height", range(1, 12))
def test_row_under_cursor_always_visible(here, height):
    view = NextCharView.from_nlls(next_nlls(""), 0, SYMBOLS)
    lines = view.lines("", here, 60, height)
    assert len(lines) <= height
    assert all(cell_width(line) <= 60 for line in lines)
    if height > 2:
        assert any(to_plain_text(line).startswith("▸") for line in lines)


def test_two_thousand_symbols_listed_around_cursor():
    symbols = "".join(chr(0x4E00 + index) for index in range(2_000))
    nlls = tuple(math.log(2_001) + index / 4_000 for index in range(2_001))
    lines = [to_plain_text(line) for line in NextCharView.from_nlls(nlls, 1, symbols).lines("", 1_000, 80, 20)]
    assert len(lines) == 20
    assert any(line.startswith("▸") and symbols[999] in line for line in lines)
    assert "more, ↑" in lines[-1]
    assert "more, ↓" in lines[-1]


def test_nan_shown_without_failure():
    view = NextCharView.from_nlls((math.nan, 1.0, 2.0), 1, "ab")
    assert any("nan" in to_plain_text(line) for line in view.lines("", None, 80, 10))


def test_path_is_table_or_line_of_same_values():
    path = step_views.scored_chars("mari", word_nlls("mari"))
    assert [char.text for char in path] == ["m", "a", "r", "i", "end"]
    assert step_views.total_nll(path) == pytest.approx(sum(word_nlls("mari")))
    assert step_views.mean_nll(path) == pytest.approx(sum(word_nlls("mari")) / 5)
    for width in (20, 30, 60, 100):
        line = step_views.path_line(path, (), width)
        assert cell_width(line) <= width
        assert to_plain_text(line).split()[-2:] == ["end", step_views.format_probability(path[-1].probability)]
        assert all(cell_width(row) <= width for row in step_views.wrapped_path(path, width))
    assert step_views.path_line(path, (), 100)[0].text == "m"
    assert step_views.path_line(path, (), 20)[0].text == "… "


def test_name_page_follows_cursor_and_marks_stars():
    lines = name_rows(NAMES, 7, True, {"mavelyn", "maralynn"}, 40, 5)
    assert [to_plain_text(line).split()[0] for line in lines] == ["marsden", "malia", "▸★", "madrix", "maziyah"]
    assert len(name_rows(NAMES[:2], 0, False, (), 40, 5)) == 5


def test_examined_name_fits_any_space():
    for height in range(1, 20):
        for width in (24, 40):
            lines = name_detail(NAMES[0], width, height)
            assert len(lines) <= height
            assert all(cell_width(line) <= width for line in lines)
    without_nlls = msgspec.structs.replace(NAMES[0], nlls=())
    assert len(name_detail(without_nlls, 40, 10)) == 1


def test_without_words_to_compare_with_nothing_is_called_new_or_placed():
    unknown = SampledName("mae", 1.5, None)
    assert to_plain_text(name_detail(unknown, 40, 5)[0]).rstrip() == "1.50 nll   ? the word list is missing"
    assert json.loads(format_names([unknown], ".json"))[0]["known"] is None
    scored = WordScored(10, 1, "mae", (1.0, 2.0, 0.5, 1.0), None)
    text = "\n".join(to_plain_text(line) for line in character_lines(scored, 60, 20))
    assert "no percentile: the word list of the corpus is missing" in text
    assert "new" not in text
    assert to_plain_text(score_list([scored], 0, 60, 5)[1]).split()[-2:] == ["–", "?"]


def test_fewer_new_names_than_requested_reported():

    few = NamesState(10, NAMES[:13], requested=400)
    assert sampling_note(few, SamplingConfig(only_new="yes"), None) == "13 of 20 new, 400 sampled"
    assert sampling_note(few, SamplingConfig(), None) == "step 10"


def test_enough_names_say_how_much_is_memorised():
    names = tuple(SampledName("a", 1.0, True, held_out=index % 5 == 0) for index in range(500))
    repeats = RepeatCounts(100, 80, 0.1)
    note = sampling_note(NamesState(10, names), SamplingConfig(), repeats)
    assert note == "memorising 1.0 ± 0.1 (1 = none) · step 10"
    assert sampling_note(NamesState(10, names[:20]), SamplingConfig(), repeats) == "step 10"
    assert sampling_note(NamesState(10, names, done=False), SamplingConfig(), repeats) == "step 10 · still sampling"


NOTED = (SampledName("mae", 1.5, True), SampledName('o"neil', math.nan, False, "oneil"), SampledName("zoé", 2.0, False))


def test_names_exported_as_text_csv_and_json():
    assert format_names(NOTED, ".txt") == 'mae\no"neil\nzoé\n'
    rows = list(csv.DictReader(io.StringIO(format_names(NOTED, ".csv"))))
    assert [row["name"] for row in rows] == ["mae", 'o"neil', "zoé"]
    assert [row["known"] for row in rows] == ["corpus", "near", "new"]
    assert [row["nll"] for row in rows] == ["1.5", "", "2.0"]
    assert json.loads(format_names(NOTED, ".json"))[1] == {
        "name": 'o"neil',
        "nll": None,
        "known": "near",
        "near": "oneil",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file has no name"),
        ("names.doc", "names.doc does not end in .txt, .csv, .json"),
        ("nowhere/names.txt", "there is no folder"),
        ("folder.txt", "is a folder"),
        ("a\0b.txt", "has unprintable characters"),
        ("x" * 300 + ".txt", "is not a valid file name"),
    ],
)
def test_unwritable_file_gives_reason(tmp_path, monkeypatch, text, problem):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(UserError, match=problem):
        resolve_path(text)


def test_unwritable_folder_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match="cannot be written"):
        resolve_path(str(tmp_path / "names.txt"))
    with pytest.raises(UserError, match="cannot be written"):
        write_names(tmp_path / "gone" / "names.txt", NOTED)
