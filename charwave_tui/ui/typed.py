"""What comes from the terminal, as text: typed in whatever encoding, less its answer about its background."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

BACKGROUND = "\x1b]11;?\x1b\\"
"""Asks the terminal for the colour of its background; not all answer."""

# of an answer that comes in two parts the first one may have been passed on, up to its semicolon
_ANSWER = re.compile(r"\x1b?\]?1{0,2};rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)[^\x07\x1b]*(?:\x07|\x1b\\)")
_UNFINISHED = re.compile(r"\x1b\]1(?:1(?:;[^\x07\x1b]{0,40}\x1b?)?)?$")

ESCAPE = "\x1b[27u"
"""Esc as the keyboard protocol of kitty spells it, which is no other key whatever comes behind it."""

# not what begins a sequence, nor what editors know with Alt or as another Shift+Tab: [ O ] P X _ ^ \, f b, Delete, Tab
_ALONE = re.compile(r"\x1b(?=[^\x1b\[O\]PX_^\\fb\x7f\t])")

_WEIGHTS = (0.2126, 0.7152, 0.0722)


class Typed:
    """Takes bytes and gives text; bytes that are none in the encoding are left out, as noise on a line is.

    Textual takes UTF-8 alone and ends at the first other byte, and takes that answer for keys, each of which means
    something. An Esc and the key behind it, which a slow line delivers at once, it takes for that key with Alt, which
    means nothing here.
    """

    def __init__(self, encoding: str) -> None:
        self._decoder = getincrementaldecoder(encoding)("ignore")
        self._held = ""
        self.light: bool | None = None
        """Whether the terminal has answered that its background is light; None before it has."""

    def take(self, typed: bytes) -> str:
        """The text of the next bytes."""
        text = self._held + self._decoder.decode(typed)
        self._held = ""
        if answer := _ANSWER.search(text):
            self.light = _luminance(answer.groups()) > 0.5
            text = text[: answer.start()] + text[answer.end() :]
        elif unfinished := _UNFINISHED.search(text):
            text, self._held = text[: unfinished.start()], unfinished[0]
        return _ALONE.sub(ESCAPE, text)


def _luminance(channels: tuple[str, ...]) -> float:
    """From 0 for black to 1 for white; a channel is hexadecimal, with as many digits as the terminal likes."""
    shares = (int(digits, 16) / float(16 ** len(digits) - 1) for digits in channels)
    return sum(weight * share for weight, share in zip(_WEIGHTS, shares, strict=True))
