"""The sampler's screen: a row of modes, of which one is seen.

Whoever pushes it binds what it has heard (see `screens/runs.py`), and gets back what a person left here, for the next
time. What a mode asks of the engine it posts as `Asked`, which bubbles to the app, and the app hands it on.
"""

from __future__ import annotations

from dataclasses import replace

from textual import events
from textual.app import ComposeResult
from textual.reactive import reactive

from charwave_tui.core.sampling import Sampling
from charwave_tui.ui.archive_view import Archive
from charwave_tui.ui.panes.keys import KeyBar
from charwave_tui.ui.run_cells import told_apart
from charwave_tui.ui.sampler.compare_mode import CompareMode
from charwave_tui.ui.sampler.mode import Mode
from charwave_tui.ui.sampler.mode_row import ModeRow
from charwave_tui.ui.sampler.names_mode import NamesMode
from charwave_tui.ui.sampler.notebook import Notebook
from charwave_tui.ui.sampler.score_mode import ScoreMode
from charwave_tui.ui.sampler.starred_mode import StarredMode
from charwave_tui.ui.sampler.step_mode import StepMode
from charwave_tui.ui.sampler.timeline_mode import TimelineMode
from charwave_tui.ui.screens.help import HelpScreen
from charwave_tui.ui.screens.keeping import Keeping
from charwave_tui.ui.screens.pick import Option, PickScreen
from charwave_tui.ui.speech import Speech
from charwave_tui.ui.view import Curve, NamesView

SIDE_BY_SIDE = 100
"""Columns from which the two panes of a mode stand side by side."""

WIDE, WIDEST = 120, 180
"""Columns from which the pane at the left has more of them, and still more."""

LOW = 20
"""Rows below which panes that stand on each other are kept low."""

TINY = (60, 16)
"""Columns and rows below which the mode has all of them."""

LOOK = 1.0
"""Seconds between two looks at what training has changed."""


class SamplerScreen(Keeping):
    """The modes; dismissed with what a person left in them."""

    CSS_PATH = "sampler.tcss"

    curve: reactive[Curve] = reactive(Curve, repaint=False)
    """Its losses."""
    archive: reactive[Archive] = reactive(Archive, repaint=False)
    """The kept runs as the engine told them."""
    names: reactive[NamesView] = reactive(NamesView, repaint=False)
    """The names that the lab has drawn last."""
    sampling: reactive[Sampling] = reactive(Sampling, repaint=False)
    """What they are drawn with."""
    speech: reactive[Speech] = reactive(Speech, repaint=False)
    """What else the model said."""

    def __init__(self, notebook: Notebook | None = None) -> None:
        super().__init__()
        left = notebook or Notebook()
        self._stepping, self._scoring, self._comparing = StepMode(left), ScoreMode(left), CompareMode(left)
        self._modes: tuple[Mode, ...] = (
            NamesMode(),
            self._stepping,
            self._scoring,
            TimelineMode(),
            self._comparing,
            StarredMode(),
        )
        places = [mode.id for mode in self._modes]
        self._place = places.index(left.mode) if left.mode in places else 0
        self._row = ModeRow([mode.title for mode in self._modes])
        self._left = False

    @property
    def current(self) -> Mode:
        """The mode that is seen."""
        return self._modes[self._place]

    def compose(self) -> ComposeResult:
        yield self.status()
        yield self._row
        for mode in self._modes:
            yield mode.data_bind(
                SamplerScreen.run,
                SamplerScreen.curve,
                SamplerScreen.archive,
                SamplerScreen.names,
                SamplerScreen.sampling,
                SamplerScreen.speech,
            )
        yield self.save_row
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self._show(self._place)
        self.set_interval(LOOK, self._look)

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < SIDE_BY_SIDE, "-narrow")
        self.set_class(width >= WIDE, "-wide")
        self.set_class(width >= WIDEST, "-widest")
        self.set_class(height < LOW, "-low")
        self.set_class(width < TINY[0], "-slim")
        self.set_class(width < TINY[0] or height < TINY[1], "-tiny")

    def on_mode_wanted(self, message: Mode.Wanted) -> None:
        message.stop()
        match message.what:
            case "leave":
                self._leave()
            case "help":
                self.app.push_screen(HelpScreen(None, self.current.keys))
            case "choose":
                self._choose()
            case "turn":
                self._show((self._place + message.places) % len(self._modes))

    def on_mode_row_chosen(self, message: ModeRow.Chosen) -> None:
        message.stop()
        self._show(message.place)

    def _choose(self) -> None:
        """Have the run to compare with picked."""
        runs = [
            Option(str(row.run), f"run {row.run}  {row.name or row.preset}", told_apart(row))
            for row in self.archive.listed or ()
        ]
        if not runs:
            self.notify("there is no other run to compare with yet\nesc goes back, t trains one", markup=False)
            self.current.take_keys()
            return
        present = self._comparing.compared
        picking = PickScreen("compare with", runs, present=None if present is None else str(present))
        self.app.push_screen(picking, self._chosen)

    def _chosen(self, run: str | None) -> None:
        if run is not None:
            self._comparing.compare(int(run))
        self._comparing.take_keys()

    def _show(self, place: int) -> None:
        self.current.depart()
        self._place = place
        self._row.place = place
        self.current.enter()

    def _look(self) -> None:
        if self.is_current:
            self.current.look()

    def _leave(self) -> None:
        if not self._left:
            self._left = True
            left = replace(
                Notebook(mode=self.current.id or ""),
                stepping=self._stepping.stepping,
                words=self._scoring.words,
                scored_by=self._scoring.scored_by,
                compared=self._comparing.compared,
            )
            self.dismiss(left)
