"""What a cell of the terminal is written with, and the shortest way from one such pen to another."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.style import Style

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "21": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29"}
_COLOURLESS = frozenset({"1", "4", "7"})
_ON_BLANKS = frozenset({"4", "21", "7", "9"})
_WEIGHTS = {
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "underline": "4",
    "blink": "5",
    "blink2": "6",
    "reverse": "7",
    "conceal": "8",
    "strike": "9",
    "underline2": "21",
}


class Pen(NamedTuple):
    """The terminal's parameters for a cell; an empty `ink` is whatever there is, since the cell is blank."""

    weights: tuple[str, ...]
    ink: str
    ground: str

    def blank(self) -> Pen:
        """The pen for a blank, on which neither ink nor most weights are seen."""
        return self if _ON_BLANKS.intersection(self.weights) else _blank(self.ground)

    def fits(self, other: Pen) -> bool:
        """Whether what is to be written with this pen can as well be written with the other."""
        if self.ink:
            return self == other
        return self.ground == other.ground and not _ON_BLANKS.intersection(other.weights)

    def after(self, before: Pen | None) -> tuple[str, Pen]:
        """The sequence that takes the terminal from the pen `before`, None where it is unknown, and its pen then."""
        if before is None:
            return _afresh(self), Pen(self.weights, self.ink or "39", self.ground)
        target = self
        if not self.ink:
            kept = tuple(weight for weight in before.weights if weight not in _ON_BLANKS)
            target = Pen(kept, before.ink, self.ground)
        return _change(before, target), target


PLAIN = Pen((), "39", "49")
"""The terminal's own colours."""


@lru_cache(maxsize=4096)
def pen(style: Style | None, system: ColorSystem | None) -> Pen:
    """The pen for a style on a terminal of so many colours, None for one that has bold, underline and reverse alone."""
    if style is None:
        return PLAIN
    weights = tuple(code for name, code in _WEIGHTS.items() if getattr(style, name))
    if system is None:
        return PLAIN._replace(weights=tuple(code for code in weights if code in _COLOURLESS))
    inks = []
    for colour, foreground in ((style.color, True), (style.bgcolor, False)):
        codes = colour.downgrade(system).get_ansi_codes(foreground) if colour else ("39" if foreground else "49",)
        inks.append(";".join(codes))
    return Pen(weights, *inks)


@lru_cache(maxsize=256)
def _blank(ground: str) -> Pen:
    return Pen((), "", ground)


@lru_cache(maxsize=4096)
def _change(before: Pen, target: Pen) -> str:
    if target[1:] == before[1:] == PLAIN[1:] and not set(before.weights) <= set(target.weights):
        return _afresh(target)  # a terminal without colours may know no other way to end a weight
    off = {_OFF[weight] for weight in before.weights if weight not in target.weights}
    parameters = sorted(off)
    parameters += [code for code in target.weights if code not in before.weights or _OFF[code] in off]
    if target.ink != before.ink:
        parameters.append(target.ink)
    if target.ground != before.ground:
        parameters.append(target.ground)
    return _sequence(parameters) if parameters else ""


def _afresh(target: Pen) -> str:
    """The sequence for a pen whatever was before."""
    colours = (part for part in (target.ink, target.ground) if part not in ("", *PLAIN[1:]))
    return _sequence(["0", *target.weights, *colours])


def _sequence(parameters: list[str]) -> str:
    return f"\x1b[{';'.join(parameters)}m"
