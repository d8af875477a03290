"""What whatever is on the screen wants of the engine; it bubbles to the app, which hands it on."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from charwave_tui.core.protocol import Command


@dataclass
class Asked(Message):
    """A command for the engine."""

    command: Command
