"""Kinds of hyperparameter: how a value is read from text, bounded, written and nudged."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Protocol

from charwave_tui.core.errors import UserError

Value = int | float | str | tuple[int, ...]
"""Every type a hyperparameter can have."""


NONE = "none"
"""How a list without numbers is written."""


class ValueType(Protocol):
    """What every kind of hyperparameter can do with its values."""

    def describe_bounds(self, name: str) -> str:
        """The admitted values of the field `name` in a few words, for help and error lines."""

    def parse(self, name: str, text: str) -> Value:
        """Read `text`; raises Mistake naming `name`, the text and the remedy."""

    def validate(self, name: str, value: Value) -> None:
        """Raise Mistake unless `value` lies within the bounds."""

    def format(self, value: Value) -> str:
        """The text that `parse` reads back as `value`, as a person would write it."""

    def step_by(self, value: Value, direction: int) -> Value:
        """The next value up (+1) or down (−1) that a person would try."""


@dataclass(frozen=True, slots=True)
class IntRange:
    """A whole number between `low` and `high`, both included."""

    low: int
    high: int

    def describe_bounds(self, name: str) -> str:
        return f"{self.low:,} to {self.high:,}"

    def parse(self, name: str, text: str) -> Value:
        try:
            value = int(_ungrouped(text).replace("_", ""))
        except ValueError:
            raise UserError(
                f"{name} {text.strip() or '(empty)'} is not a whole number", f"try {self.describe_bounds(name)}", name
            ) from None
        self.validate(name, value)
        return value

    def validate(self, name: str, value: Value) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise UserError(f"{name} {_plain(value)} is out of bounds", f"try {self.describe_bounds(name)}", name)

    def format(self, value: Value) -> str:
        return f"{value:,}"

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int)
        ladder = value * 2 if direction > 0 else value // 2
        return min(max(ladder or direction, self.low), self.high)


@dataclass(frozen=True, slots=True)
class IdNumber(IntRange):
    """A whole number that is an identity, not a size: it is nudged by one and written without commas."""

    def format(self, value: Value) -> str:
        return str(value)

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int)
        return min(max(value + direction, self.low), self.high)


@dataclass(frozen=True, slots=True)
class FloatRange:
    """A number above `low` (or equal to it where `closed`) and at most `high`; nudged along 1, 2, 5, 10."""

    low: float
    high: float
    closed: bool = False

    def describe_bounds(self, name: str) -> str:
        return f"{self.low:g} {'≤' if self.closed else '<'} {name} ≤ {self.high:g}"

    def parse(self, name: str, text: str) -> Value:
        try:
            value = float(_ungrouped(text))
        except ValueError:
            written = text.strip()
            remedy = f"try {self.describe_bounds(name)}"
            if re.fullmatch(r"[+-]?\d*,\d+", written):
                remedy = f"write {written.replace(',', '.')}"
            raise UserError(f"{name} {written or '(empty)'} is not a number", remedy, name) from None
        self.validate(name, value)
        return value

    def validate(self, name: str, value: Value) -> None:
        inside = (
            isinstance(value, int | float)
            and math.isfinite(value)
            and (self.low <= value if self.closed else self.low < value)
            and value <= self.high
        )
        if not inside:
            raise UserError(f"{name} {_plain(value)} is out of bounds", f"try {self.describe_bounds(name)}", name)

    def format(self, value: Value) -> str:
        assert isinstance(value, int | float)
        text = f"{value:.6g}"
        if float(text) != value:
            return repr(float(value))
        return text if "." in text or "e" in text or abs(value) >= 10 else f"{value:.1f}"

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int | float)
        rungs = [float(f"{mantissa}e{exponent}") for exponent in range(-4, 4) for mantissa in (1, 2, 5)]
        if direction > 0:
            wanted = next((rung for rung in rungs if rung > value * 1.001), self.high)
        else:
            wanted = next(
                (rung for rung in reversed(rungs) if rung < value * 0.999), self.low if self.closed else value
            )
        return float(min(max(wanted, self.low), self.high))


@dataclass(frozen=True, slots=True)
class SteppedFloat(FloatRange):
    """A number from `low` to `high` that is nudged by `step`."""

    step: float = 0.05

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int | float)
        return min(max(round(value + direction * self.step, 6), self.low), self.high)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    def describe_bounds(self, name: str) -> str:
        return ", ".join(self.options)

    def parse(self, name: str, text: str) -> Value:
        value = text.strip().lower()
        self.validate(name, value)
        return value

    def validate(self, name: str, value: Value) -> None:
        if value not in self.options:
            choices = self.options[0] if len(self.options) == 1 else f"one of {self.describe_bounds(name)}"
            raise UserError(f"{name} {_plain(value)} is unknown", f"try {choices}", name)

    def format(self, value: Value) -> str:
        return str(value)

    def step_by(self, value: Value, direction: int) -> Value:
        return self.options[(self.options.index(str(value)) + direction) % len(self.options)]


@dataclass(frozen=True, slots=True)
class FreeText:
    """A line of text of at most `longest` characters, taken as it stands but for spaces around it."""

    what: str
    longest: int = 4096

    def describe_bounds(self, name: str) -> str:
        return self.what

    def parse(self, name: str, text: str) -> Value:
        value = text.strip()
        self.validate(name, value)
        return value

    def validate(self, name: str, value: Value) -> None:
        if not isinstance(value, str) or not value:
            raise UserError(f"{name} is empty", f"try {self.describe_bounds(name)}", name)
        if len(value) > self.longest:
            raise UserError(f"{name} has {len(value):,} characters", f"at most {self.longest:,} are taken", name)
        kinds = {unicodedata.category(character) for character in value}
        if "Cc" in kinds:
            raise UserError(f"{name} holds a control character", f"try {self.describe_bounds(name)}", name)
        if "Cs" in kinds:
            raise UserError(f"{name} holds bytes that are not UTF-8", "give the file or its folder another name", name)

    def format(self, value: Value) -> str:
        return str(value)

    def step_by(self, value: Value, direction: int) -> Value:
        return value


@dataclass(frozen=True, slots=True)
class IntList:
    """A few whole numbers, outermost last, each between 1 and `high`; `rule` says what they come to.

    Where `least` is 0 there may be none of them, which is written so.
    """

    high: int
    most: int
    rule: str
    least: int = 1

    def describe_bounds(self, name: str) -> str:
        return self.rule

    def parse(self, name: str, text: str) -> Value:
        cleaned = text.replace(",", " ").replace("·", " ").replace("×", " ").split()
        if self.least == 0 and cleaned in ([], [NONE]):
            return ()
        try:
            value = tuple(int(part) for part in cleaned)
        except ValueError:
            raise UserError(
                f"{name} {text.strip()} is not a list of whole numbers", "write it as 2 2 2", name
            ) from None
        self.validate(name, value)
        return value

    def validate(self, name: str, value: Value) -> None:
        inside = (
            isinstance(value, tuple)
            and self.least <= len(value) <= self.most
            and all(1 <= part <= self.high for part in value)
        )
        if not inside:
            raise UserError(
                f"{name} {_plain(value) or '(empty)'} is out of bounds", f"try {self.describe_bounds(name)}", name
            )

    def format(self, value: Value) -> str:
        assert isinstance(value, tuple)
        return " ".join(str(part) for part in value) or NONE

    def step_by(self, value: Value, direction: int) -> Value:
        return value


def _ungrouped(text: str) -> str:
    """The number without spaces around it and commas between its thousands; any other comma is left."""
    number = text.strip()
    return number.replace(",", "") if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", number) else number


def _plain(value: Value) -> str:
    if isinstance(value, tuple):
        return " ".join(str(part) for part in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
