"""Pasted text in every text field, and keys of other layouts everywhere else."""

from __future__ import annotations

from typing import Any

import pytest
from support import lab_states as scenes
from support.fake_engine import SimulatedEngine, StaticEngine
from support.pilot import WIDE, lab_screen, notification_texts, run_playground, screen_text, type_burst, wait_until
from support.run_records import run_runs_screen
from support.sampler_answers import run_sampler_screen
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH
from charwave_tui.core.metrics import RunState, SampledName
from charwave_tui.core.protocol.commands import PredictNext, ScoreWord, StarName
from charwave_tui.ui.inspector.screen import InspectorScreen
from charwave_tui.ui.runs.screen import RunsScreen
from charwave_tui.ui.sampler.screen import SamplerScreen
from charwave_tui.ui.state.run_state import NamesState
from charwave_tui.ui.terminal.key_queue import pasted_line

PASTED, LINE = "\r\n\n mar\u202eina\x07\tx\r\nsecond", " marinax"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (PASTED, LINE),
        ("marina", "marina"),
        ("", ""),
        ("\n\n", ""),
        ("ශ්\u200dරී\n", "ශ්\u200dරී"),
        ("a\x1b[31mb", "a[31mb"),
    ],
)
def test_first_line_of_pasted_text_without_control_characters(text: str, line: str) -> None:
    assert pasted_line(text) == line


FIELDS = {
    "corpus of the form": ["1", "end", "enter"],
    "prefix in the lab": ["4", "right", "enter"],
    "prefix of the sampler": ["n", "down", "enter"],
    "pattern of the sampler": ["n", *["down"] * 7, "enter"],
    "file to save names in": ["n", "w"],
    "context of the tree": ["3", "down", "i", "slash"],
    "command palette": ["ctrl+p"],
}
SCREENS = {"n": SamplerScreen, "i": InspectorScreen}


@pytest.mark.parametrize("keys", FIELDS.values(), ids=FIELDS)
async def test_paste_in_every_field_is_its_first_line(keys: list[str]) -> None:
    async with run_playground(StaticEngine(scenes.TRAINING), WIDE) as pilot:
        app = pilot.app
        for key in keys:
            await type_burst(pilot, key)
            if key in SCREENS and len(keys) > 1:
                await wait_until(pilot, lambda kind=SCREENS[key]: isinstance(app.screen, kind))
        await assert_takes_pasted_line(pilot)


@pytest.mark.parametrize("key", ["slash", "n", "m"])
async def test_paste_in_filter_name_and_note_of_runs_is_its_first_line(key: str) -> None:
    async with run_runs_screen() as (_, pilot):
        await type_burst(pilot, key)
        await assert_takes_pasted_line(pilot)


async def assert_takes_pasted_line(pilot: Pilot[Any]) -> None:
    app = pilot.app
    await wait_until(pilot, lambda: isinstance(app.focused, Input))
    assert isinstance(app.focused, Input)
    app.focused.value = ""
    app.post_message(events.Paste(PASTED))
    await wait_until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == LINE)


async def test_paste_where_no_text_is_typed_does_nothing() -> None:
    async with run_playground(StaticEngine(scenes.TRAINING), WIDE) as pilot:
        pilot.app.post_message(events.Paste("xq"))
        await pilot.pause()
        assert pilot.app.screen is lab_screen(pilot)
        assert pilot.app.is_running


async def test_paste_extends_prefix_and_unknown_characters_are_named() -> None:
    async with run_sampler_screen("step") as (app, pilot):
        await type_burst(pilot, "m")
        app.post_message(events.Paste("ari\nx"))
        await wait_until(pilot, lambda: "prefix  mari" in screen_text(app))
        app.post_message(events.Paste("naß\u0301é"))
        await wait_until(pilot, lambda: bool(notification_texts(pilot)))
        assert notification_texts(pilot) == ["“ß”, “◌\u0301”, “é” are not in the vocabulary of makemore"]
        assert app.requests_of(PredictNext)[-1].prefix == "mari"
        app.post_message(events.Paste("a" * MAX_NAME_LENGTH))
        await wait_until(pilot, lambda: "at most 1,000 characters" in notification_texts(pilot)[-1])
        assert app.requests_of(PredictNext)[-1].prefix == "mari"


async def test_paste_is_scored_whole_or_refused() -> None:
    async with run_sampler_screen("score") as (app, pilot):
        longest = "m" * MAX_NAME_LENGTH
        app.post_message(events.Paste(f"{longest}\nx"))
        await type_burst(pilot, "m", "enter")
        await wait_until(pilot, lambda: app.requests_of(ScoreWord) != [])
        assert app.requests_of(ScoreWord)[-1].word == longest
        assert "a word has at most 1,000 characters" in notification_texts(pilot)[-1]
        app.post_message(events.Paste("mariela\n"))
        await type_burst(pilot, "enter")
        await wait_until(pilot, lambda: app.requests_of(ScoreWord)[-1].word == "mariela")


async def test_too_long_paste_in_editor_is_refused_with_the_limit() -> None:
    async with run_playground(StaticEngine(scenes.TRAINING), WIDE) as pilot:
        await type_burst(pilot, *FIELDS["context of the tree"])
        await wait_until(pilot, lambda: isinstance(pilot.app.focused, Input))
        pilot.app.post_message(events.Paste("a" * (MAX_NAME_LENGTH + 1)))
        await wait_until(pilot, lambda: "at most 1,000 characters are taken here" in notification_texts(pilot))
        pilot.app.post_message(events.Paste("a" * MAX_NAME_LENGTH))
        await wait_until(pilot, lambda: pilot.app.focused.value == "a" * MAX_NAME_LENGTH)


@pytest.mark.parametrize("letter", ["е", "Е", "τ", "א", "ف", "ｔ"])
async def test_key_in_place_of_t_trains_in_any_layout(letter: str) -> None:
    engine = SimulatedEngine()
    async with run_playground(engine, WIDE) as pilot:
        await type_burst(pilot, letter.lower())
        await wait_until(pilot, lambda: lab_screen(pilot).run.state is RunState.TRAINING)
        await type_burst(pilot, "т")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, SamplerScreen))
        (notice,) = (text for text in notification_texts(pilot) if "acts as" in text)
        assert notice.startswith(f"{letter.lower()} acts as t, the Latin key in its place")


@pytest.mark.parametrize(("letters", "shown"), [("山川", "山"), ("\u0301" * 1_500, "◌\u0301")])
async def test_letter_that_is_no_key_is_named_once(letters: str, shown: str) -> None:
    async with run_playground(StaticEngine(scenes.TRAINING), WIDE) as pilot:
        await type_burst(pilot, *letters, "r")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        assert notification_texts(pilot) == [f"{shown} is no key here; the keys are Latin letters"]


async def test_letters_are_typed_as_they_are_in_fields() -> None:
    async with run_runs_screen() as (_, pilot):
        await type_burst(pilot, "slash", *"етй")
        await wait_until(pilot, lambda: isinstance(pilot.app.focused, Input) and pilot.app.focused.value == "етй")
        assert notification_texts(pilot) == []
    async with run_sampler_screen("score") as (app, pilot):
        await type_burst(pilot, *"шт\u200d")
        await wait_until(pilot, lambda: "word  шт" in screen_text(app))


async def test_joiner_is_typed_in_an_editor() -> None:
    async with run_sampler_screen("names") as (app, pilot):
        await type_burst(pilot, "down", "enter", *"می\u200cخ")
        await wait_until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "می\u200cخ")


async def test_cut_name_cannot_be_starred_and_says_where_it_was_cut() -> None:
    async with run_sampler_screen("names") as (app, pilot):
        app.sampler.names = NamesState(
            step=9, names=(SampledName("m" * 70, 2.0, False, nlls=(0.5,) * 70, is_cut=True),)
        )
        await type_burst(pilot, "2", "s")
        await wait_until(pilot, lambda: "the name was cut off after 70 characters" in notification_texts(pilot)[-1])
        assert app.requests_of(StarName) == []
        assert "cut off after 70 characters" in screen_text(app)
