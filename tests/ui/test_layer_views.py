"""The views of single layers on the screen of the playground, and in ASCII."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
from fake_engine import ShowingEngine
from pilots import lines, playground, until
from scenes import TRAINING

from charwave_tui.core.grids import Grid
from charwave_tui.core.insights import EmbeddingInsight
from charwave_tui.core.inspection import InspectLayer, LayerInspected

ASCII_VIEWS = """
import sys
from dataclasses import replace
sys.path[:0] = [sys.argv[1]]
import looks
from scenes import CONFIG, STACK
from charwave_tui.core.grids import Grid
from charwave_tui.core.insights import Lens
from charwave_tui.ui.glyphs import ASCII, GLYPHS
from charwave_tui.ui.insight.kinds import view_of
from charwave_tui.ui.written import plain
assert GLYPHS is ASCII
lens = Lens(2, rows=20, columns=60)
singular = Grid.of(3, (4.0, 2.0, 1.0))
for config, layer, insight in (
    (CONFIG, 0, looks.embedding(lens)), (CONFIG, 1, looks.tree(text="emma")), (STACK, 15, looks.tree(STACK, "emma")),
    (CONFIG, 2, looks.linear(48, 128, lens, singular=singular)), (CONFIG, 2, looks.linear(4_096, 2_048, lens)),
):
    look = looks.shown(insight, layer, config, position=1)
    view = view_of(look.stats.name)
    for part in range(len(view.parts)):
        for told in (None, looks.changes()):
            it = replace(look, gaze=replace(look.gaze, part=part), changes=told)
            for height in (20, 40):
                print(*(plain(line) for line in view.lines(it, 120, height)), sep="\\n")
"""


class Turning(ShowingEngine):
    """Tells an embedding the other way round at every second look, as principal components may come."""

    looks = 0

    def reaction(self, command):
        for event in super().reaction(command):
            if isinstance(event, LayerInspected) and isinstance(event.insight, EmbeddingInsight):
                self.looks += 1
                if self.looks % 2 == 0:
                    plane = event.insight.plane
                    turned = Grid.of(2, (-number for number in plane.flat()))
                    event = msgspec.structs.replace(event, insight=msgspec.structs.replace(event.insight, plane=turned))
            yield event


def spots(pilot):
    """Where each character of the plane stands."""
    shown = [line[1:90] for line in lines(pilot)[3:-2]]
    return {letter: (row, line.index(letter)) for row, line in enumerate(shown) for letter in line if letter.isalpha()}


async def test_the_characters_stay_where_they_are_from_look_to_look_and_the_keys_lead_through_the_views():
    engine = Turning(TRAINING)
    async with playground(engine, (140, 40)) as pilot:
        await pilot.press("3", "enter")
        await until(pilot, lambda: "shows 52 % of the variance" in "\n".join(lines(pilot)))
        before = spots(pilot)
        await pilot.press("p")
        await until(pilot, lambda: engine.looks == 2)
        assert len(before) == 26
        assert spots(pilot) == before
        await pilot.press("tab")
        await until(pilot, lambda: "Waiting for the engine's figures." in "\n".join(lines(pilot)))
        await pilot.press("down")
        await until(pilot, lambda: any(line.startswith("│ typed") for line in lines(pilot)))
        await pilot.press("down", "tab", "tab")
        await until(pilot, lambda: "effective rank" in "\n".join(lines(pilot)))
        asked = [command.lens for command in engine.sent_of(InspectLayer)]
        assert [lens.layer for lens in asked if lens.singular] == [2]


def test_in_ascii_every_view_is_ascii():
    run = subprocess.run(
        [sys.executable, "-c", ASCII_VIEWS, str(Path(__file__).parent)],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "effective rank" in run.stdout
