"""Frames of the socket: a length of four bytes, big-endian, then MessagePack."""

from __future__ import annotations

import asyncio
import struct
from typing import TypeVar

import msgspec

from charwave_tui.core.protocol.commands import AnyCommand, Command
from charwave_tui.core.protocol.events import AnyEvent, Event

MAX_FRAME_BYTES = 16 * 2**20
MAX_COMMAND_BYTES = 64 * 2**10  # a command carries a config, a short text or a part of a corpus, never measurements

Message = TypeVar("Message", AnyCommand, AnyEvent)

_HEADER = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_command_decoder: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)
_event_decoder: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


class MalformedFrame(Exception):
    """Bytes that are no message of this protocol."""


def encode_frame(message: Command | Event) -> bytes:
    """Return the frame of a message."""
    payload = _encoder.encode(message)
    return _HEADER.pack(len(payload)) + payload


async def read_payload(reader: asyncio.StreamReader, max_bytes: int = MAX_FRAME_BYTES) -> bytes:
    """Return the payload of the next frame.

    Raises MalformedFrame if it is longer than the limit, asyncio.IncompleteReadError at the end of the stream.
    """
    (length,) = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if length > max_bytes:
        raise MalformedFrame(f"a frame of {length:,} bytes")
    return await reader.readexactly(length)


def decode_command(payload: bytes) -> AnyCommand:
    """Return the command of a payload. Raises MalformedFrame."""
    return _decode(_command_decoder, payload)


def decode_event(payload: bytes) -> AnyEvent:
    """Return the event of a payload. Raises MalformedFrame."""
    return _decode(_event_decoder, payload)


def _decode(decoder: msgspec.msgpack.Decoder[Message], payload: bytes) -> Message:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(str(error)) from None
