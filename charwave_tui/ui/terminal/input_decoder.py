"""The bytes of the terminal's input as text for Textual's parser, without the replies that it does not know."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

from charwave_tui.ui.terminal.identity import TerminalIdentity

# of a reply that comes in two parts the first one may have been passed on, up to its semicolon
_BACKGROUND_REPLY = re.compile(
    r"\x1b?\]?1{0,2};rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)[^\x07\x1b]*(?:\x07|\x1b\\)"
)
_ATTRIBUTES_REPLY = re.compile(r"\x1b\[>([\d;]*)c")
_VERSION_REPLY = re.compile(r"\x1bP>\|([^\x1b]*)\x1b\\")
# a mode that the terminal does not know (0), or has switched off for good (4, as VTE): Textual takes 4 for support
_UNUSABLE_MODE = re.compile(r"\x1b\[\?\d+;[04]\$y")
_UNFINISHED_REPLY = (
    r"\x1b\]1(?:1(?:;[^\x07\x1b]{0,40}\x1b?)?)?|\x1b\[[>?][\d;]{0,20}\$?|\x1bP>(?:\|[^\x1b]{0,80}\x1b?)?"
)
_UNFINISHED = re.compile(rf"(?:{_UNFINISHED_REPLY}|\x1b)$")
_UNFINISHED_OR_BEGUN = re.compile(rf"(?:{_UNFINISHED_REPLY}|\x1b[\[\]P]?)$")

KITTY_ESCAPE = "\x1b[27u"  # Esc in kitty's keyboard protocol, which forms no other key with what follows
# not what begins a sequence, nor what editors use with Alt or as another Shift+Tab: [ O ] P X _ ^ \, f b, Delete, Tab
_ESCAPE_ALONE = re.compile(r"\x1b(?=[^\x1b\[O\]PX_^\\fb\x7f\t])")
DELETE_OF_ST, DELETE = "\x1b[P", "\x1b[3~"


class InputDecoder:
    """Decodes the bytes of the terminal's input; invalid bytes are dropped as line noise.

    Textual decodes UTF-8 alone and ends at the first invalid byte; it takes replies to what it has not asked for keys,
    and an Esc and the key behind it, which a slow line delivers at once, for that key with Alt.

    An Esc, and what looks like the beginning of a reply, is held back until the rest comes or `flush` is called. While
    `awaits_identity`, that is also the case for what begins keys as well.
    """

    def __init__(self, encoding: str) -> None:
        self._decoder = getincrementaldecoder(encoding)("ignore")
        self._pending = ""
        self.awaits_identity = False
        self.identity = TerminalIdentity()
        self.has_light_background: bool | None = None  # None before the terminal has replied

    def decode(self, data: bytes) -> str:
        text = self._pending + self._decoder.decode(data)
        self._pending = ""
        if reply := _BACKGROUND_REPLY.search(text):
            self.has_light_background = _luminance(reply.groups()) > 0.5
            text = _without(text, reply)
        if reply := _ATTRIBUTES_REPLY.search(text):
            numbers = tuple(int(number) for number in reply[1].split(";") if number)
            self.identity = TerminalIdentity(numbers, self.identity.version)
            text = _without(text, reply)
        if reply := _VERSION_REPLY.search(text):
            self.identity = TerminalIdentity(self.identity.attributes, reply[1])
            text = _without(text, reply)
        if unfinished := (_UNFINISHED_OR_BEGUN if self.awaits_identity else _UNFINISHED).search(text):
            text, self._pending = text[: unfinished.start()], unfinished[0]
        return self._keys(text)

    def flush(self) -> str:
        """Return what was held back, for no more has come."""
        text, self._pending = self._pending, ""
        return KITTY_ESCAPE if text == "\x1b" else self._keys(text)

    def _keys(self, text: str) -> str:
        text = _ESCAPE_ALONE.sub(KITTY_ESCAPE, _UNUSABLE_MODE.sub("", text))
        # st's Delete; with kitty's keyboard protocol it is F1
        return text if self.identity.has_kitty_keyboard else text.replace(DELETE_OF_ST, DELETE)


def _without(text: str, found: re.Match[str]) -> str:
    return text[: found.start()] + text[found.end() :]


def _luminance(channels: tuple[str, ...]) -> float:
    """Return 0 for black to 1 for white (Rec. 709); a channel is hexadecimal, with any number of digits."""
    values = (int(digits, 16) / float(16 ** len(digits) - 1) for digits in channels)
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), values, strict=True))
