"""What whatever is on the screen wants of the engine; it bubbles to the app, which hands it on."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from charwave_tui.core.protocol.commands import Command


@dataclass
class SendCommand(Message):
    """A command for the engine."""

    command: Command
