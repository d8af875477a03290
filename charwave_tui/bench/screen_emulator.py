"""As much of a terminal as it takes to see what the playground has painted: where each character stands, no colours."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    rb"\x1b\[(?P<parameters>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~])"  # control sequence
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\"  # titles and other strings
    rb"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"  # character sets, save and restore
    rb"|[\x00-\x1a\x1c-\x1f\x7f]|[^\x00-\x1f\x7f]+"  # one control character, or text
)


ANSWERS = {b"?2026$p": b"\x1b[?2026;2$y", b"6n": b"\x1b[1;1R"}
"""What a terminal answers to the questions after `ESC [`: it paints whole frames at once; its cursor is somewhere."""


class Emulator:
    """A grid of characters, each taken to be one column wide, that reads what a program writes."""

    def __init__(self, columns: int, rows: int) -> None:
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._unread = b""

    def __contains__(self, pattern: str) -> bool:
        """Whether a row matches the regular expression somewhere."""
        return any(re.search(pattern, "".join(row)) for row in self._cells)

    def feed(self, written: bytes) -> bytes:
        """Take in what comes next, in pieces cut anywhere; what a terminal answers to it."""
        self._unread += written
        answers = b""
        end = 0
        for token in _TOKEN.finditer(self._unread):
            if token.start() != end:  # not a whole sequence yet
                break
            if token.group().startswith(b"\x1b"):
                answers += self._obey(token)
            elif not self._type(token.group(), token.end() == len(self._unread)):
                break
            end = token.end()
        self._unread = self._unread[end:]
        return answers

    def _type(self, text: bytes, last: bool) -> bool:
        """Put text at the cursor; False where its last character is not whole yet."""
        try:
            characters = text.decode()
        except UnicodeDecodeError:
            if last:
                return False
            characters = text.decode(errors="replace")
        for character in characters:
            if character == "\r":
                self._column = 0
            elif character == "\n":
                self._row += 1
            elif character >= " ":
                width = len(self._cells[0])
                if 0 <= self._row < len(self._cells):
                    self._cells[self._row][min(self._column, width - 1)] = character  # the last column takes the rest
                self._column = min(self._column + 1, width)
        return True

    def _obey(self, token: re.Match[bytes]) -> bytes:
        parameters, between, final = token["parameters"] or b"", token["between"] or b"", token["final"] or b""
        if final in b"HfGCABDd" and parameters.replace(b";", b"").isdigit() | (parameters == b"") and final:
            first, _, second = parameters.partition(b";")
            self._move(final, int(first or 1), int(second or 1))
        return ANSWERS.get(parameters + between + final, b"")

    def _move(self, final: bytes, first: int, second: int) -> None:
        match final:
            case b"H" | b"f":
                self._row, self._column = first - 1, second - 1
            case b"G":
                self._column = first - 1
            case b"d":
                self._row = first - 1
            case b"C":
                self._column += first
            case b"D":
                self._column = min(self._column, len(self._cells[0]) - 1) - first
            case b"A":
                self._row -= first
            case b"B":
                self._row += first
        self._row = min(max(self._row, 0), len(self._cells) - 1)
        self._column = min(max(self._column, 0), len(self._cells[0]) - 1)
