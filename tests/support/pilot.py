"""The whole playground before a fake engine, for tests that press its keys and read its screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from support import lab_states as scenes
from support.fake_engine import FakeEngine
from textual import events
from textual.app import App
from textual.pilot import Pilot

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.paths import corpora_dir
from charwave_tui.ui.app import CharwaveApp
from charwave_tui.ui.lab.screen import LabScreen

WIDE, NARROW, SMALL = (140, 40), (80, 24), (50, 14)
"""Columns and rows at which there are four panes, tabs, and one pane alone."""


LETTERS = "abcdefghijklmnopqrstuvwxyz"


KEY_CHARACTERS = {"space": " ", "full_stop": ".", "question_mark": "?"}
"""What keys write whose names are longer."""


TIMEOUT_SECONDS = 10.0
"""Seconds after which something that was waited for will not come any more."""


def write_lecture_corpus() -> None:
    """A list of the lecture's name and symbols, so that the scenes' corpus can be read, and quickly."""
    corpora_dir().mkdir(parents=True, exist_ok=True)
    words = [LETTERS[start:] + LETTERS[:start] for start in range(len(LETTERS))]
    (corpora_dir() / "makemore.txt").write_text("\n".join(words), encoding="utf-8")


def make_playground(
    engine: FakeEngine,
    config: RunConfig = scenes.CONFIG,
    theme: str | None = None,
    keeps_config: bool = False,
    fps: int | None = None,
) -> CharwaveApp:
    """The playground as it opens with the scenes' run in the form."""
    write_lecture_corpus()
    return CharwaveApp(config, "tree-76k", theme=theme, engine=engine, keeps_config=keeps_config, fps=fps)


@asynccontextmanager
async def run_playground(
    engine: FakeEngine,
    size: tuple[int, int] = WIDE,
    config: RunConfig = scenes.CONFIG,
    keeps_config: bool = False,
    fps: int | None = None,
) -> AsyncIterator[Pilot[str]]:
    """The playground on the screen, its corpus read and all the engine's news taken in; faults in it end the test."""
    async with make_playground(engine, config, keeps_config=keeps_config, fps=fps).run_test(
        size=size, notifications=True
    ) as pilot:
        await wait_settled(pilot)
        yield pilot


def lab_screen(pilot: Pilot[str]) -> LabScreen:
    """The lab, whatever stands over it."""
    return next(screen for screen in pilot.app.screen_stack if isinstance(screen, LabScreen))


async def wait_settled(pilot: Pilot[str]) -> None:
    """Wait until the corpus of the form is read and nothing more happens."""
    await wait_until(
        pilot, lambda: lab_screen(pilot).form.vocab_size is not None or bool(lab_screen(pilot).form.reported_problems)
    )


async def wait_until(pilot: Pilot[str], happened: Callable[[], bool]) -> None:
    """Wait for something, and for all that follows from it."""
    end = monotonic() + TIMEOUT_SECONDS
    await pilot.pause()
    while not happened():
        assert monotonic() < end, f"waited in vain, with this on the screen:\n{screen_text(pilot.app)}"
        await asyncio.sleep(0.01)
    await pilot.pause()
    await pilot.pause()


async def type_burst(pilot: Pilot[str], *keys: str) -> None:
    """Type keys in one burst, as a slow line delivers them, and wait for what comes of them."""
    for key in keys:
        pilot.app.post_message(events.Key(key, KEY_CHARACTERS.get(key, key if len(key) == 1 else None)))
    await pilot.pause()


def screen_text(app: App[object]) -> str:
    """What a person reads, line by line."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def screen_lines(pilot: Pilot[str]) -> list[str]:
    """What a person reads, line by line."""
    return screen_text(pilot.app).splitlines()


def notification_texts(pilot: Pilot[str]) -> list[str]:
    """The notices on the screen, oldest first."""
    return [notice.message for notice in pilot.app._notifications]
