"""The sampler's screen: six modes as tabs, copying and saving of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive

from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import SampledName
from charwave_tui.core.protocol.events import WordScored
from charwave_tui.ui.dialogs.confirm import ConfirmDialog, DialogChoice
from charwave_tui.ui.dialogs.help import HelpScreen
from charwave_tui.ui.dialogs.pick import Option, PickDialog
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, readable, shorten
from charwave_tui.ui.drawing.theme import ThemedWidget, to_rich_text
from charwave_tui.ui.messages import Requested, ScreenRequest
from charwave_tui.ui.sampler.compare_mode import CompareMode
from charwave_tui.ui.sampler.mode import SamplerMode
from charwave_tui.ui.sampler.names_mode import NamesMode
from charwave_tui.ui.sampler.save_names import SaveNamesRow, write_names
from charwave_tui.ui.sampler.score_mode import ScoreMode
from charwave_tui.ui.sampler.starred_mode import StarredMode
from charwave_tui.ui.sampler.step_mode import StepMode
from charwave_tui.ui.sampler.step_state import StepState
from charwave_tui.ui.sampler.timeline_mode import TimelineMode
from charwave_tui.ui.state.run_state import LossCurveState, NamesState, RunsState
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.tables.runs_table import distinguishing_text
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.key_bar import KeyBar
from charwave_tui.ui.widgets.overlay_screen import OverlayScreen

TAB_GAP = 3  # columns before each title, the last two for the mark of the current one; one fewer if they do not fit
MIN_SIDE_BY_SIDE_WIDTH = 100  # columns from which the panes of a mode are side by side
WIDE, WIDEST = 120, 180  # columns from which the left pane is wider
LOW_HEIGHT = 20  # rows below which panes above each other are lower
MIN_WIDTH, MIN_HEIGHT = 60, 16  # below these the bars and tabs are hidden
POLL_INTERVAL_SECONDS = 1.0


class ModeTabs(ThemedWidget):
    """The titles of the modes in one row, which can be clicked."""

    DEFAULT_CSS = "ModeTabs { height: 1; background: $ink-bg; color: $ink-fg; }"

    current_index: reactive[int] = reactive(0)

    @dataclass
    class Clicked(Message):
        """The tab at the index was clicked."""

        index: int

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles = tuple(titles)

    def render(self) -> Text:
        line: StyledLine = ()
        for index, title in enumerate(self._titles):
            is_current = index == self.current_index
            mark = f"{GLYPHS.cursor if is_current else ' '} ".rjust(self._gap)
            line += (Span(mark, "accent"), Span(title, "accent" if is_current else "muted", is_current))
        return to_rich_text(self, line)

    @property
    def _gap(self) -> int:
        fits = sum(len(title) + TAB_GAP for title in self._titles) <= self.size.width
        return TAB_GAP if fits else TAB_GAP - 1

    def on_click(self, event: events.Click) -> None:
        start = 0
        for index, title in enumerate(self._titles):
            end = start + self._gap + len(title)
            if start <= event.x < end:
                self.post_message(self.Clicked(index))
            start = end


@dataclass(frozen=True, slots=True)
class SamplerMemory:
    """What the sampler restores when it is opened again."""

    mode: str = "names"
    step_state: StepState = field(default_factory=StepState)
    words: tuple[WordScored, ...] = ()  # newest first
    scored_model: tuple[object, ...] = ()  # `model_identity` of the model that scored `words`
    compared_run: int | None = None


class SamplerScreen(OverlayScreen[SamplerMemory]):
    """The modes, of which one is shown; dismissed with what is restored when the screen is opened again."""

    CSS_PATH = "screen.tcss"

    curve: reactive[LossCurveState] = reactive(LossCurveState, repaint=False)
    stored_runs: reactive[RunsState] = reactive(RunsState, repaint=False)
    names: reactive[NamesState] = reactive(NamesState, repaint=False)  # those of the lab's names pane
    sampling: reactive[SamplingConfig] = reactive(SamplingConfig, repaint=False)  # settings of `names`
    replies: reactive[SamplerState] = reactive(SamplerState, repaint=False)  # replies to the sampler's own requests

    def __init__(self, memory: SamplerMemory | None = None) -> None:
        super().__init__()
        memory = memory or SamplerMemory()
        self._step_mode = StepMode(memory.step_state)
        self._score_mode = ScoreMode(memory.words, memory.scored_model)
        self._compare_mode = CompareMode(memory.compared_run)
        self._modes: tuple[SamplerMode, ...] = (
            NamesMode(),
            self._step_mode,
            self._score_mode,
            TimelineMode(),
            self._compare_mode,
            StarredMode(),
        )
        mode_ids = [mode.id for mode in self._modes]
        self._current_index = mode_ids.index(memory.mode) if memory.mode in mode_ids else 0
        self._tabs = ModeTabs([mode.title for mode in self._modes])
        self._save_row = SaveNamesRow()
        self._dismissed = False

    @property
    def current_mode(self) -> SamplerMode:
        return self._modes[self._current_index]

    def compose(self) -> ComposeResult:
        yield self.make_status_bar()
        yield self._tabs
        for mode in self._modes:
            yield mode.data_bind(
                SamplerScreen.run,
                SamplerScreen.curve,
                SamplerScreen.stored_runs,
                SamplerScreen.names,
                SamplerScreen.sampling,
                SamplerScreen.replies,
            )
        yield self._save_row
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self._show_mode(self._current_index)
        self.set_interval(POLL_INTERVAL_SECONDS, self._poll)

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < MIN_SIDE_BY_SIDE_WIDTH, "-narrow")
        self.set_class(width >= WIDE, "-wide")
        self.set_class(width >= WIDEST, "-widest")
        self.set_class(height < LOW_HEIGHT, "-low")
        self.set_class(width < MIN_WIDTH, "-slim")
        self.set_class(width < MIN_WIDTH or height < MIN_HEIGHT, "-tiny")

    def _show_mode(self, index: int) -> None:
        self.current_mode.hide()
        self._current_index = self._tabs.current_index = index
        self.current_mode.show()

    def _poll(self) -> None:
        if self.is_current:
            self.current_mode.poll()

    @on(ScreenRequest)
    def handle_request(self, message: ScreenRequest) -> None:
        message.stop()
        match message.requested:
            case Requested.BACK:
                self._go_back()
            case Requested.HELP:
                self.app.push_screen(HelpScreen(None, self.current_mode.keys))
            case Requested.CHOOSE_RUN:
                self._choose_run()
            case Requested.NEXT_MODE:
                self._show_mode((self._current_index + 1) % len(self._modes))
            case Requested.PREVIOUS_MODE:
                self._show_mode((self._current_index - 1) % len(self._modes))

    @on(ModeTabs.Clicked)
    def show_clicked_mode(self, message: ModeTabs.Clicked) -> None:
        message.stop()
        self._show_mode(message.index)

    def _choose_run(self) -> None:
        options = [
            Option(str(row.run), f"run {row.run}  {row.name or row.preset}", distinguishing_text(row))
            for row in self.stored_runs.listed or ()
            if row.run != self.run.run
        ]
        if not options:
            self.notify("there is no other run to compare with yet\nesc goes back, t trains one", markup=False)
            self.current_mode.take_focus()
            return
        run = self._compare_mode.compared_run
        dialog = PickDialog("compare with", options, current=None if run is None else str(run))
        self.app.push_screen(dialog, self._compare_with)

    def _compare_with(self, run: str | None) -> None:
        if run is not None:
            self._compare_mode.compare_with(int(run))
        self._compare_mode.take_focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("copy", "copy_all", "save"):
            return super().check_action(action, parameters)
        if isinstance(self.focused, InlineEditor):
            return False
        mode = self.current_mode
        return True if (mode.current_name if action == "copy" else mode.names_shown) else None

    def action_copy(self) -> None:
        if self.current_mode.current_name:
            self._copy([self.current_mode.current_name.name])

    def action_copy_all(self) -> None:
        self._copy([sampled.name for sampled in self.current_mode.names_shown])

    def _copy(self, names: Sequence[str]) -> None:
        self.app.copy_to_clipboard("\n".join(names))
        text = shorten(readable(names[0]), 40) if len(names) == 1 else f"{len(names):,} names"
        self.notify(f"{text} copied, if the terminal allows it; w saves to a file", markup=False)

    def action_save(self) -> None:
        self._save_row.open(self.current_mode.names_shown)

    @on(SaveNamesRow.Closed)
    def return_focus(self, message: SaveNamesRow.Closed) -> None:
        message.stop()
        self.current_mode.take_focus()

    @on(SaveNamesRow.Submitted)
    def save_names(self, message: SaveNamesRow.Submitted) -> None:
        message.stop()
        if not message.path.exists():
            self._write(message.path, message.names, True)
            return
        dialog = ConfirmDialog(
            "Save",
            f"{message.path} already exists.",
            [
                DialogChoice(("r",), "replace it", True),
                DialogChoice(("enter", "escape"), "keep the old file", False),
            ],
        )
        self.app.push_screen(dialog, partial(self._write, message.path, message.names))

    def _write(self, path: Path, names: Sequence[SampledName], is_confirmed: bool | None) -> None:
        if not is_confirmed:
            return
        try:
            write_names(path, names)
        except UserError as error:
            self.notify(f"{error.problem}\n{error.remedy}", severity="warning", markup=False)
        else:
            self.notify(f"{len(names):,} names saved\n{path}", markup=False)

    def _go_back(self) -> None:
        if not self._dismissed:
            self._dismissed = True
            self.dismiss(
                SamplerMemory(
                    self.current_mode.id or "",
                    self._step_mode.step_state,
                    self._score_mode.words,
                    self._score_mode.scored_model,
                    self._compare_mode.compared_run,
                )
            )
