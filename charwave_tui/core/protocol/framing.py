"""Messages as they travel: a length of four bytes, most significant first, then MessagePack."""

from __future__ import annotations

import asyncio
import struct
from typing import TypeVar

import msgspec

from charwave_tui.core.protocol.commands import (
    AnyCommand,
    Command,
)
from charwave_tui.core.protocol.events import (
    AnyEvent,
    Event,
)

MAX_FRAME = 16 * 2**20
"""Bytes of payload that a frame may have; a longer one is refused unread."""


MAX_COMMAND = 64 * 2**10
"""Bytes of payload that a command may have: it carries a config or a person's words, never what was measured."""


Message = TypeVar("Message", AnyCommand, AnyEvent)
"""Either side's messages."""


_HEADER = struct.Struct(">I")


_encoder = msgspec.msgpack.Encoder()


_commands: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)


_events: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


class MalformedFrame(Exception):
    """Bytes that are no message of this protocol."""


def encode_frame(message: Command | Event) -> bytes:
    """A message with its length before it."""
    payload = _encoder.encode(message)
    return _HEADER.pack(len(payload)) + payload


async def read_payload(reader: asyncio.StreamReader, most: int = MAX_FRAME) -> bytes:
    """The next frame's payload of at most `most` bytes.

    Raises MalformedFrame where it is longer, asyncio.IncompleteReadError at the end.
    """
    (length,) = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if length > most:
        raise MalformedFrame(f"a frame of {length:,} bytes")
    return await reader.readexactly(length)


def decode_command(payload: bytes) -> AnyCommand:
    """The command in a frame's payload; raises MalformedFrame."""
    return _decode(_commands, payload)


def decode_event(payload: bytes) -> AnyEvent:
    """The event in a frame's payload; raises MalformedFrame."""
    return _decode(_events, payload)


def _decode(decoder: msgspec.msgpack.Decoder[Message], payload: bytes) -> Message:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(str(error)) from None
