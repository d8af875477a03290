"""InspectorPane: keys, cursor, title, editor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from msgspec.structs import replace as replaced
from rich.cells import cell_len
from rich.markup import escape
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Input

from charwave_tui.core.metrics import LayerStats, RunState
from charwave_tui.core.protocol.commands import ReportUpdateRatios
from charwave_tui.core.protocol.events import LayerInspected
from charwave_tui.core.protocol.layer_insights import ProbeBatch
from charwave_tui.ui.drawing.number_format import format_steps
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, join_within, shorten
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import explanation_lines
from charwave_tui.ui.inspector.views.embedding import align_axes
from charwave_tui.ui.inspector.views.registry import CONTEXT_LAYERS, shows_update_ratios, view_for_layer
from charwave_tui.ui.keymap import INSPECTOR_KEYS, KeyBinding
from charwave_tui.ui.messages import Requested, RunKeyPressed, ScreenRequest, SendCommand
from charwave_tui.ui.state.engine_controller import RunKey
from charwave_tui.ui.state.inspector_state import (
    InspectionRequest,
    InspectorSelection,
    ViewCursor,
    next_batch_size,
    polling_interval,
)
from charwave_tui.ui.state.pending_request import InspectionPoller
from charwave_tui.ui.state.run_state import ConnectionState, InspectionState, LayersState, RunViewState
from charwave_tui.ui.state.runs_state import active_run_number
from charwave_tui.ui.tables.layers_table import first_nonfinite, layer_title
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.pane import TimestampedPane
from charwave_tui.ui.widgets.text_lines import TextLines


def keys_for(nouns: CursorAxes) -> tuple[KeyBinding, ...]:
    """The keys where the cursor moves among such things; those that move it nowhere are named nowhere."""
    across, down, on = nouns.across, nouns.down, nouns.on
    if across and across == down:
        told = {"h": (across, f"the nearest {across} that way, also the arrows ← →", "hjkl")}
    else:
        told = {
            "h": (across, f"one {across} to the left or right, also ← →", "hl"),
            "j": (down, f"one {down} down or up", "jk"),
        }
    told["p"] = (on, f"the next {on}, P the one before, round and round", "p")
    moving = {"h", "j", "p"}
    return tuple(_named(key, *told.get(key.key, ("", "", ""))) if key.key in moving else key for key in INSPECTOR_KEYS)


def _named(key: KeyBinding, noun: str, help: str, display: str) -> KeyBinding:
    if not noun:
        return replace(key, help="", shown=False)
    return replace(key, name=noun.capitalize(), help=help, display=display)


def inspector_title(layers: Sequence[LayerStats], gaze: ViewCursor, width: int) -> str:
    """The title in `width` columns, as markup: the layer, its place and its parts, as far as there is room."""
    if not layers:
        return "3 Layers"
    stats = layers[gaze.layer]
    shape = GLYPHS.times.join(map(str, stats.output_shape[1:]))
    name = layer_title(stats) if stats.detail else f"{stats.name} {shape}"
    begun, place = "3 Layers", f"layer {gaze.layer + 1} of {len(layers)}"
    forms = ((begun, place), ("3", place), ("3", f"{gaze.layer + 1} of {len(layers)}"), ("3", ""))
    for head, tail in forms:
        left = width - cell_len(f"{head} {GLYPHS.right} {name}") - (cell_len(tail) + 2 if tail else 0)
        if left >= 0:
            break
    else:
        name = shorten(name, max(width - cell_len(f"{head} {GLYPHS.right} "), 1))
    told = f"[not bold $ink-muted]  {tail}[/]" if tail else ""
    return (
        f"{head} [not bold]{GLYPHS.right}[/] {escape(name)}{told}{_parts(view_for_layer(stats.name).parts, gaze, left)}"
    )


def _parts(parts: tuple[str, ...], gaze: ViewCursor, room: int) -> str:
    """The names of the parts, the one at hand standing out; that one alone where there is no room for all."""
    if len(parts) < 2:
        return ""
    if len("".join(f"   {part}" for part in parts)) > room:
        alone = f"   {parts[gaze.part]} {gaze.part + 1} of {len(parts)}"
        return f"[not bold]{alone}[/]" if len(alone) <= room else ""
    return "".join(
        f"   {name}" if place == gaze.part else f"[not bold $ink-muted]   {name}[/]" for place, name in enumerate(parts)
    )


def empty_state_text(run: RunViewState) -> Iterator[StyledLine]:
    """What to say while there is nothing to see."""
    match run.connection:
        case ConnectionState.LOST:
            yield (Span("The engine is gone.", "error"),)
            yield (Span("esc", "accent", True), Span(" goes back to the lab", "muted"))
        case ConnectionState.OFFLINE:
            yield (Span("The line dropped, and is tried again.", "muted"),)
        case ConnectionState.STARTING:
            yield (Span("starting the engine", "muted"),)
        case _ if run.state is None:
            yield (Span("There is no model of the form yet.", "muted"),)
        case _:
            yield (Span("looking inside", "muted"),)


LONGEST = 64
"""Characters of a context that can be typed."""


LABEL = "context  "
"""What stands before the editor."""


HOLD = 0.3
"""Seconds that the layer seen last stays in sight while another one is being looked into."""


PATIENCE = 5.0
"""Seconds after which a question without an answer is asked again."""


class LayerTyping(TimestampedPane):
    """Lines, and an editor that is opened over the last of them; whoever derives from it takes what is `typed`."""

    def __init__(self, *, id: str) -> None:
        super().__init__(3, "Layers", id=id)
        self.lines = TextLines()
        self._editor = InlineEditor()
        self._editor.max_length = LONGEST

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self._editor

    @property
    def typing(self) -> bool:
        """Whether a context is being typed."""
        return self._editor.is_open

    @property
    def text(self) -> str:
        """The context as it was typed last."""
        raise NotImplementedError

    def typed(self, text: str) -> None:
        """Take what was typed."""
        raise NotImplementedError

    def action_type(self) -> None:
        self._editor.open("context", self.text)
        self.refit()

    @on(Input.Submitted)
    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.typed(event.value)
        self._close_editor()

    @on(InlineEditor.Cancelled)
    def on_field_editor_left(self, event: InlineEditor.Cancelled) -> None:
        event.stop()
        self._close_editor()

    def on_focus(self) -> None:
        if self.typing:
            self.screen.set_focus(self._editor, scroll_visible=False)

    def refit(self) -> None:
        """Draw what changed, with the editor over the last line while it is open."""
        self._editor.styles.offset = (len(LABEL), self.size.height - 1)
        self._editor.styles.width = max(self.size.width - len(LABEL), 1)

    def _close_editor(self) -> None:
        self._editor.close()
        self.screen.set_focus(self, scroll_visible=False)
        self.refit()


class LayerGaze(LayerTyping):
    """A pane that knows all layers and how a person looks at them."""

    probed: reactive[LayersState] = reactive(LayersState, repaint=False)
    """All layers as last probed."""
    looking: reactive[InspectorSelection] = reactive(InspectorSelection, repaint=False)
    """How a person looks."""

    def __init__(self, looking: InspectorSelection, *, id: str) -> None:
        super().__init__(id=id)
        self.set_reactive(LayerGaze.looking, looking)

    @property
    def gaze(self) -> ViewCursor:
        """Where a person points; in a model with fewer layers its last one, of fewer parts the last."""
        gaze, layers = self.looking.gaze, self.probed.layers
        if not layers:
            return gaze
        layer = min(gaze.layer, len(layers) - 1)
        return replace(gaze, layer=layer, part=min(gaze.part, len(view_for_layer(layers[layer].name).parts) - 1))

    @property
    def stats(self) -> LayerStats | None:
        """The figures of the layer at hand, if it was probed."""
        layers = self.probed.layers
        return layers[self.gaze.layer] if layers else None

    def shown(self) -> ViewData | None:
        """What can be drawn now, if anything."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        return self.gaze.text

    def typed(self, text: str) -> None:
        self._set_cursor(replace(self.gaze, text=text))

    @property
    def keys(self) -> tuple[KeyBinding, ...]:
        """The keys as they are named where the cursor is."""
        return keys_for(view_for_layer(self.stats.name).nouns(self.gaze.part) if self.stats else CursorAxes())

    @property
    def seed(self) -> int:
        """The seed that the examples are drawn with: the run's own until a person asks for another."""
        own = self.run.config.seed if self.run.config else 0
        return own if self.looking.batch.seed is None else self.looking.batch.seed

    def _moved(self, key: str) -> ViewCursor | None:
        shown = self.shown()
        return view_for_layer(shown.stats.name).move_cursor(shown, key) if shown else None

    def _set_cursor(self, gaze: ViewCursor) -> None:
        self.looking = replace(self.looking, gaze=gaze)


class LayerWalk(LayerGaze):
    """A pane that looks into one layer and hears the keys; whoever derives from it asks and draws."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in INSPECTOR_KEYS]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("part", "layer", "move", "type", "control_run", "batch", "seed", "request", "explain"):
            return super().check_action(action, parameters)
        if self.typing:
            return False
        view = view_for_layer(self.stats.name) if self.stats else None
        match action, *parameters:
            case "part", *_:
                return None if view is None or len(view.parts) < 2 else True
            case "move", str(key):
                return self._moved(key) is not None
            case ("type",):
                return self.stats is not None and self.stats.name in CONTEXT_LAYERS
            case ("explain",):
                return None if self.shown() is None else True
            case "layer", *_:
                return None if view is None else True
            case "control_run", *_:
                return None if self.run.state is None and self.run.unfinished is None else True
            case _:
                return True

    def action_layer(self, step: int) -> None:
        layers, gaze = self.probed.layers, self.gaze
        if not layers:
            return
        place = min(max(gaze.layer + step, 0), len(layers) - 1)
        here = view_for_layer(layers[gaze.layer].name).parts[gaze.part :][:1]
        there = view_for_layer(layers[place].name).parts
        part = there.index(here[0]) if here and here[0] in there else 0
        self._set_cursor(replace(gaze, layer=place, part=part))

    def action_part(self, step: int) -> None:
        if self.stats is not None:
            self._set_cursor(
                replace(self.gaze, part=(self.gaze.part + step) % len(view_for_layer(self.stats.name).parts))
            )

    def action_move(self, key: str) -> None:
        if (gaze := self._moved(key)) is not None:
            self._set_cursor(gaze)

    def action_explain(self) -> None:
        if shown := self.shown():
            labels = [figure.label for figure in view_for_layer(shown.stats.name).diagnostics(shown)]
            following = labels.index(self.gaze.figure) + 1 if self.gaze.figure in labels else 0
            self._set_cursor(replace(self.gaze, figure=labels[following] if following < len(labels) else ""))

    def action_batch(self) -> None:
        self.looking = replace(self.looking, batch=next_batch_size(self.looking.batch))

    def action_seed(self) -> None:
        batch = self.looking.batch
        self.looking = replace(self.looking, batch=ProbeBatch(batch.examples, self.seed + 1))

    def action_request(self, requested: str) -> None:
        self.post_message(ScreenRequest(Requested(requested)))

    def action_control_run(self, key: str) -> None:
        self.post_message(RunKeyPressed(RunKey(key)))


class InspectionRequests(LayerWalk):
    """A pane that has an answer, or waits for one."""

    inspection: reactive[InspectionState] = reactive(InspectionState, repaint=False)
    """What the engine told."""

    def __init__(self, looking: InspectorSelection) -> None:
        super().__init__(looking, id="layer")
        self._asking = InspectionPoller(looking.asked)
        self._answer: LayerInspected | None = None
        self._resting: Timer | None = None

    @property
    def looked(self) -> InspectorSelection:
        """How a person has looked."""
        return replace(self.looking, asked=self._asking.asked)

    @property
    def has_data(self) -> bool:
        return self._answer is not None

    def shown(self) -> ViewData | None:
        answer, asked = self._answer, self._asking.answered
        if answer is None or asked is None or asked.query.layer != self.gaze.layer or not self.probed.layers:
            return None
        symbols = self.run.corpus.symbols if self.run.corpus else ""
        changes = self.inspection.changes
        return ViewData(answer.step, self.probed.layers, answer.stats, answer.insight, self.gaze, symbols, changes)

    def _ask(self, *, again: bool = False) -> None:
        """Ask what the view needs, unless it is known or being asked for."""
        stats, (width, height) = self.stats, self.size
        if stats is None or not self.size or not self.run.is_connected or self.run.state is None:
            return
        view, shown = view_for_layer(stats.name), self.shown()
        below = explanation_lines(view.diagnostics(shown), self.gaze.figure, width) if shown else ()
        question = InspectionRequest(view.query(self.gaze, width, max(height - len(below), 1)), self.looking.batch)
        command = self._asking.ask(question, again=again)
        if command is None:
            return
        self.post_message(SendCommand(command))
        if shows_update_ratios(stats.name, self.gaze.part):
            self.post_message(SendCommand(ReportUpdateRatios()))
        self._ask_after(PATIENCE)

    def _ask_after(self, seconds: float | None) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._resting = None if seconds is None else self.set_timer(seconds, self._rested)

    def _rested(self) -> None:
        self._resting = None
        self._asking.give_up()
        self._ask(again=True)

    def _hear(self, answer: LayerInspected) -> None:
        """Take in an answer, if it is to the question that is open."""
        if self._asking.heard(answer):
            before = self._answer.insight if self._answer else None
            self._answer = replaced(answer, insight=align_axes(before, answer.insight))
            self.reset_age()
            self._ask_after(polling_interval(answer.seconds) if self.run.state is RunState.TRAINING else None)

    def _forget(self, *, keep: bool = False) -> None:
        """What is known is not of this model; with `keep`, it is only the engine that is gone."""
        if keep:
            self._asking.give_up()
        else:
            self._asking.forget()
            self._answer = None


class InspectorPane(InspectionRequests, can_focus=True):
    """The view of the layer that a person looks at, asked for again while training moves it."""

    def __init__(self, looking: InspectorSelection) -> None:
        super().__init__(looking)
        self._holding: Timer | None = None
        self._meanings: tuple[object, ...] = ()
        self._titled = ""

    def on_resize(self) -> None:
        self._ask()
        self.refit()

    def watch_looking(self, old: InspectorSelection, looking: InspectorSelection) -> None:
        self._ask(again=old.gaze.part != looking.gaze.part)
        if old.gaze.layer != looking.gaze.layer and self._holding is None and self.run.is_connected:
            self._holding = self.set_timer(HOLD, self._let_go)
        self.refit()

    def watch_probed(self, old: LayersState, probed: LayersState) -> None:
        if [layer.name for layer in old.layers] != [layer.name for layer in probed.layers]:
            self._forget()
        self._ask()
        self.refit()

    def watch_inspection(self, old: InspectionState, now: InspectionState) -> None:
        answer = now.inspected
        if answer is None:
            self._forget()
        elif answer is not old.inspected:
            self._hear(answer)
        self._ask()
        self.refit()

    def watch_run(self, old: RunViewState, run: RunViewState) -> None:
        if old.connection is not run.connection or active_run_number(old) != active_run_number(run):
            self._forget(keep=not run.is_connected)
        moved = run.state is not RunState.TRAINING and run.step != old.step
        if moved or old.state is not run.state:
            self._ask(again=True)
        if (old.state, old.connection, active_run_number(old)) != (run.state, run.connection, active_run_number(run)):
            self.refit()

    def refit(self) -> None:
        if not self.is_mounted or not self.size:
            return
        super().refit()
        width, height = self.size
        room = height - 1 if self.typing else height
        if self._holding is None or self.shown() is not None:
            lines = list(self._content(width, room))
            if self.typing:
                lines.append((Span(LABEL, "accent", True),))
            self.lines.set_lines(lines)
        self.problem = self.run.connection is ConnectionState.LOST
        head = inspector_title(self.probed.layers, self.gaze, width - 2)
        if head != self._titled:
            self._titled = head
            self.set_title_markup(head)
        self.update_provenance()
        meanings = (self.stats and self.stats.name, self.gaze.part, self.run.state, self.typing, self.shown() is None)
        if meanings != self._meanings:
            self._meanings = meanings
            for key in self.keys:
                self._bindings.key_to_bindings[key.key] = [key.binding()]
            self.refresh_bindings()

    def update_provenance(self) -> None:
        told = []
        if self.run.connection is ConnectionState.LOST:
            told.append("the engine is gone")
        if self._answer is not None and self.shown() is not None:
            spoilt = first_nonfinite(self.probed.layers)
            if spoilt is None:
                told.append(self.age_text(self._answer.step))
            else:
                told.append(f"step {format_steps(self._answer.step)}")
                told.append(f"first NaN in {layer_title(self.probed.layers[spoilt])}")
            if self._answer.stats.name not in CONTEXT_LAYERS:
                told.append(f"{self._answer.stats.output_shape[0]:,} examples, seed {self.seed}")
        self.provenance = join_within(told, self.size.width - 2)

    def _content(self, width: int, height: int) -> Iterator[StyledLine]:
        """As many lines as there is room for: the view over what is explained, or words while there is no view."""
        shown = self.shown()
        if shown is None:
            lines = tuple(empty_state_text(self.run))
            yield from (*lines, *((),) * (height - len(lines)))  # always as many: only those that changed are drawn
            return
        view = view_for_layer(shown.stats.name)
        below = explanation_lines(view.diagnostics(shown), self.gaze.figure, width)[: max(height - 1, 0)]
        lines = view.lines(shown, width, height - len(below))
        yield from (*lines, *((),) * (height - len(lines) - len(below)), *below)

    def _let_go(self) -> None:
        self._holding = None
        self.refit()
