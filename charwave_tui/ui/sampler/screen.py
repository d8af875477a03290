"""SamplerScreen, mode tabs, saving."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive

from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import SampledName
from charwave_tui.ui.dialogs.confirm import ConfirmDialog, DialogChoice
from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.dialogs.pick import Option, PickDialog
from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.drawing.theme import ThemedWidget, to_rich_text
from charwave_tui.ui.messages import Requested, ScreenRequest
from charwave_tui.ui.sampler.compare_mode import CompareMode
from charwave_tui.ui.sampler.mode import SamplerMemory, SamplerMode
from charwave_tui.ui.sampler.names_mode import NamesMode
from charwave_tui.ui.sampler.save_names import SaveNamesRow, write
from charwave_tui.ui.sampler.score_mode import ScoreMode
from charwave_tui.ui.sampler.starred_mode import StarredMode
from charwave_tui.ui.sampler.step_mode import StepMode
from charwave_tui.ui.sampler.timeline_mode import TimelineMode
from charwave_tui.ui.state.run_state import LossCurveState, NamesState, RunsState
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.tables.runs_table import distinguishing_text
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.key_bar import KeyBar
from charwave_tui.ui.widgets.overlay_screen import OverlayScreen

WIDE_TABS = 3
"""Columns before each name where there is room, of which the last but one is for the mark of the mode that is seen."""


class ModeTabs(ThemedWidget):
    """The names of the modes; the one at `place` is seen, and a click goes to one."""

    DEFAULT_CSS = "ModeTabs { height: 1; background: $ink-bg; color: $ink-fg; }"

    place: reactive[int] = reactive(0)
    """The mode that is seen."""

    @dataclass
    class Chosen(Message):
        """A person clicked on a mode."""

        place: int

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles = tuple(titles)

    def render(self) -> Text:
        line: StyledLine = ()
        for place, title in enumerate(self._titles):
            here = place == self.place
            mark = f"{GLYPHS.cursor if here else ' '} ".rjust(self._before)
            line += (Span(mark, "accent"), Span(title, "accent" if here else "muted", here))
        return to_rich_text(self, line)

    @property
    def _before(self) -> int:
        """Columns before each name."""
        return (
            WIDE_TABS
            if sum(map(len, self._titles)) + WIDE_TABS * len(self._titles) <= self.size.width
            else WIDE_TABS - 1
        )

    @on(Click)
    def on_click(self, event: Click) -> None:
        """Go to the mode under the pointer."""
        start = 0
        for place, title in enumerate(self._titles):
            end = start + self._before + len(title)
            if start <= event.x < end:
                self.post_message(self.Chosen(place))
            start = end


class Keeping(OverlayScreen[SamplerMemory]):
    """A screen on whose modes names can be kept."""

    def __init__(self) -> None:
        super().__init__()
        self.save_row = SaveNamesRow()

    @property
    @abstractmethod
    def current(self) -> SamplerMode:
        """The mode that is seen."""

    @on(SamplerMode.SaveRequested)
    def on_mode_kept(self, message: SamplerMode.SaveRequested) -> None:
        message.stop()
        if message.save:
            self.save_row.open(message.names)
            return
        names = [item.name for item in message.names]
        self.app.copy_to_clipboard("\n".join(names))
        what = names[0] if len(names) == 1 else f"{len(names):,} names"
        self.notify(f"{what} copied, if the terminal lets programs do so", markup=False)

    @on(SaveNamesRow.Closed)
    def on_save_row_closed(self, message: SaveNamesRow.Closed) -> None:
        message.stop()
        self.current.take_keys()

    @on(SaveNamesRow.Named)
    def on_save_row_named(self, message: SaveNamesRow.Named) -> None:
        message.stop()
        if message.path.exists():
            question = ConfirmDialog(
                "Save",
                f"{message.path} is there already.",
                [
                    DialogChoice(("r",), "replace it", True),
                    DialogChoice(("enter", "escape"), "leave it as it is", False),
                ],
            )
            self.app.push_screen(question, partial(self._replace, message.path, message.names))
        else:
            self._write(message.path, message.names)

    def _replace(self, path: Path, names: Sequence[SampledName], yes: bool | None) -> None:
        if yes:
            self._write(path, names)

    def _write(self, path: Path, names: Sequence[SampledName]) -> None:
        try:
            write(path, names)
        except UserError as mistake:
            self.notify(f"{mistake.problem}\n{mistake.remedy}", severity="warning", markup=False)
        else:
            self.notify(f"{len(names):,} names saved\n{path}", markup=False)


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

    CSS_PATH = "screen.tcss"

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    """Its losses."""
    archive: reactive[RunsState] = reactive(RunsState, repaint=False)
    """The kept runs as the engine told them."""
    names: reactive[NamesState] = reactive(NamesState, repaint=False)
    """The names that the lab has drawn last."""
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)
    """What they are drawn with."""
    speech: reactive[SamplerState] = reactive(SamplerState, repaint=False)
    """What else the model said."""

    def __init__(self, notebook: SamplerMemory | None = None) -> None:
        super().__init__()
        left = notebook or SamplerMemory()
        self._stepping, self._scoring, self._comparing = StepMode(left), ScoreMode(left), CompareMode(left)
        self._modes: tuple[SamplerMode, ...] = (
            NamesMode(),
            self._stepping,
            self._scoring,
            TimelineMode(),
            self._comparing,
            StarredMode(),
        )
        places = [mode.id for mode in self._modes]
        self._place = places.index(left.mode) if left.mode in places else 0
        self._row = ModeTabs([mode.title for mode in self._modes])
        self._left = False

    @property
    def current(self) -> SamplerMode:
        """The mode that is seen."""
        return self._modes[self._place]

    def compose(self) -> ComposeResult:
        yield self.make_status_bar()
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

    @on(ScreenRequest)
    def answer_request(self, message: ScreenRequest) -> None:
        message.stop()
        match message.requested:
            case Requested.BACK:
                self._leave()
            case Requested.HELP:
                self.app.push_screen(HelpScreen(None, self.current.keys))
            case Requested.CHOOSE_RUN:
                self._choose()
            case Requested.NEXT_MODE:
                self._show((self._place + 1) % len(self._modes))
            case Requested.PREVIOUS_MODE:
                self._show((self._place - 1) % len(self._modes))

    @on(ModeTabs.Chosen)
    def on_mode_row_chosen(self, message: ModeTabs.Chosen) -> None:
        message.stop()
        self._show(message.place)

    def _choose(self) -> None:
        """Have the run to compare with picked."""
        runs = [
            Option(str(row.run), f"run {row.run}  {row.name or row.preset}", distinguishing_text(row))
            for row in self.archive.listed or ()
        ]
        if not runs:
            self.notify("there is no other run to compare with yet\nesc goes back, t trains one", markup=False)
            self.current.take_keys()
            return
        present = self._comparing.compared
        picking = PickDialog("compare with", runs, present=None if present is None else str(present))
        self.app.push_screen(picking, self._chosen)

    def _chosen(self, run: str | None) -> None:
        if run is not None:
            self._comparing.compare(int(run))
        self._comparing.take_keys()

    def _show(self, place: int) -> None:
        self.current.hide()
        self._place = place
        self._row.place = place
        self.current.enter()

    def _look(self) -> None:
        if self.is_current:
            self.current.poll()

    def _leave(self) -> None:
        if not self._left:
            self._left = True
            left = replace(
                SamplerMemory(mode=self.current.id or ""),
                stepping=self._stepping.stepping,
                words=self._scoring.words,
                scored_by=self._scoring.scored_by,
                compared=self._comparing.compared,
            )
            self.dismiss(left)
