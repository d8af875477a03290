"""Frames of the socket: a length of four bytes, big-endian, then MessagePack."""

from __future__ import annotations

import asyncio
import struct
from functools import reduce
from operator import or_
from typing import TypeVar

import msgspec

from charwave_tui.core.protocol.commands import Command
from charwave_tui.core.protocol.events import Event

MAX_FRAME_BYTES = 32 * 2**20
MAX_COMMAND_BYTES = 64 * 2**10  # a command carries a config, a short text or a part of a corpus, never measurements

Message = TypeVar("Message", Command, Event)

_HEADER = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_command_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(reduce(or_, Command.__subclasses__()))
_event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(reduce(or_, Event.__subclasses__()))


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


def decode_command(payload: bytes) -> Command:
    """Return the command of a payload. Raises MalformedFrame."""
    return _decode(_command_decoder, payload)


def decode_event(payload: bytes) -> Event:
    """Return the event of a payload. Raises MalformedFrame."""
    return _decode(_event_decoder, payload)


def _decode(decoder: msgspec.msgpack.Decoder[Message], payload: bytes) -> Message:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(str(error)) from None
