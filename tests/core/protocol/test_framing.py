"""Messages: every one comes back as it went, and what is none is refused."""

from __future__ import annotations

import types
from contextlib import suppress
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH, MAX_NAMES, SamplingConfig
from charwave_tui.core.metrics import (
    CorpusSummary,
    CurveMarker,
    Evaluation,
    GhostCurve,
    LossPoint,
    RunState,
    SampledName,
    Split,
    TrainingHistory,
)
from charwave_tui.core.protocol.commands import Command, PauseRun, SampleNames
from charwave_tui.core.protocol.events import (
    CommandRefused,
    Event,
    NamesSampled,
    Progress,
    RunOpened,
    RunSaved,
)
from charwave_tui.core.protocol.float_matrix import FLOAT_BYTES, FloatMatrix
from charwave_tui.core.protocol.framing import (
    MAX_FRAME_BYTES,
    MalformedFrame,
    decode_command,
    decode_event,
    encode_frame,
)

COMMANDS = tuple(Command.__subclasses__())
EVENTS = tuple(Event.__subclasses__())


@st.composite
def grids(draw: st.DrawFn) -> FloatMatrix:
    rows, columns = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    size = rows * columns * FLOAT_BYTES
    return FloatMatrix(rows, columns, draw(st.binary(min_size=size, max_size=size)))


PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**64 - 1),
    float: st.floats(allow_nan=False),
    str: st.text(),
    bool: st.booleans(),
    types.NoneType: st.none(),
    RunConfig: st.from_type(RunConfig),
    FloatMatrix: grids(),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that occurs in messages."""
    if kind in PLAIN:
        return PLAIN[kind]
    if get_origin(kind) in (types.UnionType, Union):
        return st.one_of([values(part) for part in get_args(kind)])
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        if parts[-1] is Ellipsis:
            return st.lists(values(parts[0]), max_size=3).map(tuple)
        return st.tuples(*(values(part) for part in parts))
    if issubclass(kind, StrEnum):
        return st.sampled_from(kind)
    return st.builds(kind, **{name: values(part) for name, part in get_type_hints(kind).items() if name[0] != "_"})


def payload(message: Command | Event) -> bytes:
    return encode_frame(message)[4:]


@pytest.mark.parametrize("kind", COMMANDS)
@given(st.data())
def test_command_round_trips(kind: type[Command], data: st.DataObject) -> None:
    command = data.draw(values(kind))
    assert decode_command(payload(command)) == command


@pytest.mark.parametrize("kind", EVENTS)
@given(st.data())
def test_event_round_trips(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(values(kind))
    assert decode_event(payload(event)) == event


def test_nan_loss_round_trips() -> None:
    event = decode_event(payload(Progress(1, 0.0, (), LossPoint(1, float("nan"), float("-inf"), float("inf")))))
    assert isinstance(event, Progress)
    assert event.partial is not None
    assert event.partial.mean != event.partial.mean
    assert (event.partial.low, event.partial.high) == (float("-inf"), float("inf"))


def test_frame_starts_with_payload_length() -> None:
    framed = encode_frame(RunSaved(run=7, step=300))
    assert int.from_bytes(framed[:4], "big") == len(framed) - 4


def test_messages_are_frozen() -> None:
    with pytest.raises(AttributeError):
        PauseRun().anything = 1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        RunSaved(run=1, step=2).step = 3  # type: ignore[misc]


WHOLE = payload(SampleNames(SamplingConfig(prefix="ma")))


MALFORMED = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\xc1", id="a byte MessagePack never uses"),
    pytest.param(b"\x80", id="a map without a type"),
    pytest.param(msgspec.msgpack.encode({"type": "EraseDisk"}), id="an unknown type"),
    pytest.param(msgspec.msgpack.encode({"type": 3}), id="a type that is no word"),
    pytest.param(msgspec.msgpack.encode({"type": "SampleNames", "request": 1}), id="fields missing"),
    pytest.param(WHOLE.replace(b"\xa2ma", b"\x02\x03\x04"), id="a field of another type"),
    pytest.param(WHOLE.replace(b"\xa2ma", b"\xa2\xff\xfe"), id="text that is not UTF-8"),
    pytest.param(WHOLE + b"\0", id="more than a message"),
    pytest.param(b"\x91" * 100_000, id="lists without end"),
    pytest.param(b"\xdd\xff\xff\xff\xff", id="a list said to be huge"),
    pytest.param(b"hello\r\n\r\n", id="another protocol"),
]


@pytest.mark.parametrize("data", MALFORMED)
def test_invalid_bytes_refused(data: bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode_command(data)
    with pytest.raises(MalformedFrame):
        decode_event(data)


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_truncated_message_refused(length: int) -> None:
    with pytest.raises(MalformedFrame):
        decode_command(WHOLE[:length])


def test_event_is_no_command_and_command_no_event() -> None:
    with pytest.raises(MalformedFrame):
        decode_command(payload(CommandRefused("a", "b")))
    with pytest.raises(MalformedFrame):
        decode_event(payload(PauseRun()))


@given(st.binary(max_size=200))
def test_random_bytes_decoded_or_refused(data: bytes) -> None:
    for decode in (decode_command, decode_event):
        with suppress(MalformedFrame):
            assert isinstance(decode(data), Command | Event)


@given(st.data())
def test_message_with_changed_byte_decoded_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(payload(data.draw(values(data.draw(st.sampled_from(EVENTS))))))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MalformedFrame):
        assert isinstance(decode_event(bytes(damaged)), Event)


def test_largest_history_and_names_fit_in_a_frame() -> None:
    points = tuple(LossPoint(100_000_000 + step, 2.0 + step / 7, 1.0 / 7, 3.0 / 7) for step in range(2_000))
    evaluations = tuple(Evaluation(100_000_000 + step, Split.TRAIN, 2.0 + step / 7) for step in range(1_000))
    marks = tuple(CurveMarker(100_000_000 + step, "max_steps 100,000,000 → 100,000,000") for step in range(1_000))
    history = TrainingHistory(100, points, evaluations, marks)
    every_symbol = "".join(chr(code) for code in range(0x20, 0x110000) if not 0xD800 <= code < 0xE000)
    opened = RunOpened(
        run=2**63,
        preset="playground",
        config=RunConfig(corpus="🎈" * 4096),
        corpus=CorpusSummary("🎈" * 255, "f" * 64, 10**8, every_symbol[:300_000], (10**9, 10**9, 10**9)),
        parameters=10**10,
        device="cuda",
        published=1.993,
        state=RunState.TRAINING,
        step=10**8,
        history=history,
        ghost=GhostCurve("run 123456789", 10**8, history),
    )
    assert decode_event(payload(opened)) == opened
    assert len(payload(opened)) < MAX_FRAME_BYTES
    nlls = (1 / 7,) * (MAX_NAME_LENGTH + 1)
    names = tuple(
        SampledName("🎈" * MAX_NAME_LENGTH, 2.0 / 7, False, "🎈" * MAX_NAME_LENGTH, nlls) for _ in range(MAX_NAMES)
    )
    assert len(payload(NamesSampled(10**8, 2**63, names))) < MAX_FRAME_BYTES
