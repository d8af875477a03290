"""What a program wrote to its terminal, as words to look for."""

from __future__ import annotations

import re
import time

from charwave_tui.bench.emulator import ANSWERS
from charwave_tui.bench.terminal import Terminal

_MOVE = re.compile(rb"\x1b\[[0-9;]*[Hf]|\x1b\[[0-9]*[A-G]")
_ESCAPE = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # operating system command: a title, say
    rb"|\x1b[PX^_][^\x1b]*\x1b\\"  # device control and other strings
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"  # control sequence: colours, modes
    rb"|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]"  # two or three bytes: character sets, save and restore
)


class NotSeen(Exception):
    """What was waited for did not come; the message quotes what came instead."""


def visible_text(written: bytes) -> str:
    """The words among the escapes; where the cursor jumps a new line begins, an unfinished end is left out."""
    text = _ESCAPE.sub(b"", _MOVE.sub(b"\n", written))
    unfinished = text.find(b"\x1b")
    return (text if unfinished < 0 else text[:unfinished]).decode("utf-8", "ignore")


def wait_for(terminal: Terminal, pattern: str, within: float) -> float:
    """The moment, on time.monotonic's clock, at which what is newly written matches `pattern`; raises NotSeen."""
    sought = re.compile(pattern)
    written = b""
    deadline = time.monotonic() + within
    while not terminal.gone and (left := deadline - time.monotonic()) > 0:
        written += _read(terminal, left)
        now = time.monotonic()
        if sought.search(visible_text(written)):
            return now
    lines = [line.strip() for line in visible_text(written).splitlines() if line.strip()]
    shown = " / ".join(lines[-3:])[-300:]
    raise NotSeen(f"{pattern} was not seen within {within:g} s; the last lines were: {shown}")


def read_for(terminal: Terminal, seconds: float) -> int:
    """Read and forget what is written in the next `seconds`, as a terminal does; how many bytes that were."""
    total = 0
    deadline = time.monotonic() + seconds
    while not terminal.gone and (left := deadline - time.monotonic()) > 0:
        total += len(_read(terminal, left))
    return total


def _read(terminal: Terminal, timeout: float) -> bytes:
    """What is written next, with where the cursor is told as often as it was asked for, as every terminal does."""
    written = terminal.read(timeout)
    if asked := written.count(b"\x1b[6n"):
        terminal.write(ANSWERS[b"6n"] * asked)
    return written
