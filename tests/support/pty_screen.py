"""The real program in a real pseudo-terminal, with a screen that can be read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyte

from charwave_tui.bench.terminal_driver import PtyProcess

KEYS = {"enter": "\r", "escape": "\x1b", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D"}


KEYS |= {"tab": "\t", "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "backspace": "\x7f", "space": " ", "ctrl+c": "\x03"}


TIMEOUT_SECONDS = 60.0
"""Seconds after which what was waited for will not come, however slow the machine."""


# pyte takes the parameters of private sequences for text, and knows neither modes nor strings
UNSUPPORTED_BY_PYTE = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1bP[^\x1b]*\x1b\\")


PARTIAL_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|P[^\x1b]*)?$")


ALTERNATE = re.compile(rb"\x1b\[\?1049([hl])")


MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")


class PtyScreen(PtyProcess):
    """A program and the screen that it paints; `modes` are the private modes that are on, such as 1049 and 1003."""

    def __init__(self, command: Sequence[str], columns: int = 140, rows: int = 40, **environment: str) -> None:
        self._screens = {way: pyte.Screen(columns, rows) for way in (b"l", b"h")}
        self._streams = {way: pyte.ByteStream(screen) for way, screen in self._screens.items()}
        self._buffer = b"l"
        self._rest = b""
        self.modes: set[int] = set()
        super().__init__(command, columns, rows, {"COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", **environment})

    def read_output(self, timeout: float = 0.0) -> None:
        """Take in what was written."""
        written = self._rest + self.read(timeout)
        unfinished = PARTIAL_SEQUENCE.search(written)
        cut = unfinished.start() if unfinished and not self.gone else len(written)
        whole, self._rest = written[:cut], written[cut:]
        for numbers, way in MODE.findall(whole):
            change = self.modes.add if way == b"h" else self.modes.discard
            for number in numbers.split(b";"):
                change(int(number))
        # pyte has one screen: the alternate one is another, and is empty whenever it is entered
        for part in ALTERNATE.split(whole):
            if part in (b"l", b"h"):
                self._buffer = part
                self._screens[b"h"].reset()
            else:
                self._streams[self._buffer].feed(UNSUPPORTED_BY_PYTE.sub(b"", part))

    @property
    def screen(self) -> pyte.Screen:
        """The screen that is shown now."""
        return self._screens[self._buffer]

    @property
    def lines(self) -> list[str]:
        """What a person reads, row by row."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait_until(self, holds: Callable[[], object], what: str, within: float = TIMEOUT_SECONDS) -> None:
        """Go on looking until `holds()`, else fail with the screen."""
        deadline = time.monotonic() + within
        while not holds():
            over = time.monotonic() > deadline or (self.gone and self.process.poll() is not None)
            assert not over, f"waited for {what}; the screen is:\n{self.text}"
            self.read_output(0.05)

    def wait_for(self, pattern: str, within: float = TIMEOUT_SECONDS) -> re.Match[str]:
        """The first place on the screen that matches `pattern`, once there is one."""
        self.wait_until(lambda: re.search(pattern, self.text), pattern, within)
        found = re.search(pattern, self.text)
        assert found
        return found

    def press(self, *keys: str) -> None:
        """Press keys by name, or type text."""
        for key in keys:
            self.write(KEYS.get(key, key).encode())

    def resize_terminal(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        for screen in self._screens.values():
            screen.resize(rows, columns)
        self.resize(columns, rows)

    def wait_exit(self, within: float = TIMEOUT_SECONDS) -> int:
        """The exit code, once the program has ended and everything it wrote is on the screen."""
        deadline = time.monotonic() + within
        while not self.gone and time.monotonic() < deadline:
            self.read_output(0.05)
        return self.wait(max(deadline - time.monotonic(), 1.0))


def playground_command(*arguments: str) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "charwave_tui", *arguments]


def processes_of(home: Path) -> list[int]:
    """Processes that live in the folder `home`, the present one aside."""
    if not Path("/proc/self/environ").exists():
        found = subprocess.run(["pgrep", "-f", "charwave_tui"], capture_output=True, text=True, check=False).stdout
        return [int(pid) for pid in found.split() if int(pid) != os.getpid()]
    sought = f"CHARWAVE_HOME={home}".encode()
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and sought in _environment(pid)]


def wait_no_processes(home: Path, within: float = TIMEOUT_SECONDS) -> None:
    """Fail where a process of `home` is still there after a while."""
    deadline = time.monotonic() + within
    while left := processes_of(home):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)


def _environment(pid: int) -> list[bytes]:
    try:
        # a process that has ended and was not waited for has no command line any more
        if not Path(f"/proc/{pid}/cmdline").read_bytes():
            return []
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
