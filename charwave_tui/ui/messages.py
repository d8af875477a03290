"""Messages that bubble from widgets to a screen or to the app."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from textual.message import Message

from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.config.value_types import Value
from charwave_tui.core.protocol.commands import Command
from charwave_tui.ui.state.engine_controller import RunKey


@dataclass
class SendCommand(Message):
    """A command for the engine; the app sends it through the lab."""

    command: Command


@dataclass
class RunKeyPressed(Message):
    """A key pressed on another screen that acts on the run as it does in the lab."""

    key: RunKey


class Requested(Enum):
    """What a key asks of the screen around a widget; the values are the parameters of `action_request`."""

    BACK = "back"
    HELP = "help"
    LOG_SCALE = "log_scale"
    OTHER_PANE = "other_pane"
    CHOOSE_RUN = "choose_run"
    NEXT_MODE = "next_mode"
    PREVIOUS_MODE = "previous_mode"


@dataclass
class ScreenRequest(Message):
    """A request to the screen around a widget, which stops the message."""

    requested: Requested


@dataclass
class FieldEdited(Message):
    """The form's field `name` gets `value`, which is within the bounds of the field."""

    name: str
    value: Value


@dataclass
class PresetChosen(Message):
    """The form is filled from the preset `name`."""

    name: str


@dataclass
class PickRequested(Message):
    """The value of the form's field `name` is to be picked from a list."""

    name: str


@dataclass
class SamplingEdited(Message):
    """The sampling settings of the next names."""

    sampling: SamplingConfig


class LayerOpened(Message):
    """The inspector is to show the layer under the cursor of the layer table."""
