"""Value types of hyperparameters and sampling settings: how a value is parsed, validated, formatted and stepped."""

from __future__ import annotations

import math
import re
import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass

from charwave_tui.core.errors import UserError

Value = int | float | str | tuple[int, ...]

EMPTY_LIST = "none"  # the text of an empty IntList


class ValueType(ABC):
    """The type of a setting. `name` is the setting's name, for messages; every error is a UserError."""

    __slots__ = ()

    @abstractmethod
    def describe_bounds(self, name: str) -> str:
        """Return the allowed values in a few words, for help and messages."""

    @abstractmethod
    def parse(self, name: str, text: str) -> Value:
        """Return the value of `text`. Raises UserError if it is malformed or out of bounds."""

    @abstractmethod
    def validate(self, name: str, value: Value) -> None:
        """Raise UserError unless `value` is within the bounds."""

    def format(self, value: Value) -> str:
        """Return the text which `parse` reads back as `value`."""
        return str(value)

    def step_by(self, value: Value, direction: int) -> Value:
        """Return the next value up (+1) or down (−1) that is worth trying; `value` itself for texts and lists."""
        return value

    def _out_of_bounds(self, name: str, value: Value) -> UserError:
        return UserError(
            f"{name} {_format_bare(value) or '(empty)'} is out of bounds", f"try {self.describe_bounds(name)}", name
        )


@dataclass(frozen=True, slots=True)
class IntRange(ValueType):
    """An integer from `low` to `high`, stepped by doubling and halving."""

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
            raise self._out_of_bounds(name, value)

    def format(self, value: Value) -> str:
        return f"{value:,}"

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int)
        stepped = value * 2 if direction > 0 else value // 2
        return min(max(stepped or direction, self.low), self.high)


@dataclass(frozen=True, slots=True)
class IdNumber(IntRange):
    """An integer that is no quantity of any size, such as a seed: stepped by 1 and formatted without commas."""

    def format(self, value: Value) -> str:
        return str(value)

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int)
        return min(max(value + direction, self.low), self.high)


@dataclass(frozen=True, slots=True)
class FloatRange(ValueType):
    """A number above `low` (or equal to it, if `closed`) and at most `high`, stepped along 1, 2, 5, 10."""

    low: float
    high: float
    closed: bool = False

    def describe_bounds(self, name: str) -> str:
        return f"{self.low:g} {'≤' if self.closed else '<'} {name} ≤ {self.high:g}"

    def parse(self, name: str, text: str) -> Value:
        try:
            value = float(_ungrouped(text))
        except ValueError:
            number = text.strip()
            remedy = f"try {self.describe_bounds(name)}"
            if re.fullmatch(r"[+-]?\d*,\d+", number):
                remedy = f"write {number.replace(',', '.')}"
            raise UserError(f"{name} {number or '(empty)'} is not a number", remedy, name) from None
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
            raise self._out_of_bounds(name, value)

    def format(self, value: Value) -> str:
        assert isinstance(value, int | float)
        text = f"{value:.6g}"
        if float(text) != value:
            return repr(float(value))
        return text if "." in text or "e" in text or abs(value) >= 10 else f"{value:.1f}"

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int | float)
        grid = [float(f"{mantissa}e{exponent}") for exponent in range(-4, 4) for mantissa in (1, 2, 5)]
        if direction > 0:
            stepped = next((number for number in grid if number > value * 1.001), self.high)
        else:
            lowest = self.low if self.closed else value
            stepped = next((number for number in reversed(grid) if number < value * 0.999), lowest)
        return float(min(max(stepped, self.low), self.high))


@dataclass(frozen=True, slots=True)
class SteppedFloat(FloatRange):
    """A FloatRange that is stepped by `step`."""

    step: float = 0.05

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int | float)
        return min(max(round(value + direction * self.step, 6), self.low), self.high)


@dataclass(frozen=True, slots=True)
class Choice(ValueType):
    """One of `options`; stepping wraps around."""

    options: tuple[str, ...]

    def describe_bounds(self, name: str) -> str:
        return ", ".join(self.options)

    def parse(self, name: str, text: str) -> Value:
        value = text.strip().lower()
        self.validate(name, value)
        return self.options[self.options.index(value)]  # the member, where the options are an enum's

    def validate(self, name: str, value: Value) -> None:
        if value not in self.options:
            choices = self.options[0] if len(self.options) == 1 else f"one of {self.describe_bounds(name)}"
            raise UserError(f"{name} {_format_bare(value)} is unknown", f"try {choices}", name)

    def step_by(self, value: Value, direction: int) -> Value:
        return self.options[(self.options.index(str(value)) + direction) % len(self.options)]


@dataclass(frozen=True, slots=True)
class FreeText(ValueType):
    """A line of text of 1 to `max_length` characters, without the spaces around it."""

    description: str
    max_length: int = 4096

    def describe_bounds(self, name: str) -> str:
        return self.description

    def parse(self, name: str, text: str) -> Value:
        value = text.strip()
        self.validate(name, value)
        return value

    def validate(self, name: str, value: Value) -> None:
        if not isinstance(value, str) or not value:
            raise UserError(f"{name} is empty", f"try {self.describe_bounds(name)}", name)
        if len(value) > self.max_length:
            raise UserError(f"{name} has {len(value):,} characters", f"at most {self.max_length:,} are taken", name)
        categories = {unicodedata.category(character) for character in value}
        if "Cc" in categories:
            raise UserError(f"{name} holds a control character", f"try {self.describe_bounds(name)}", name)
        if "Cs" in categories:
            raise UserError(f"{name} holds bytes that are not UTF-8", "give the file or its folder another name", name)


@dataclass(frozen=True, slots=True)
class IntList(ValueType):
    """`min_length` to `max_length` integers from 1 to `high`, first level first; `constraint` describes their bounds.

    An empty list is formatted as EMPTY_LIST.
    """

    high: int
    max_length: int
    constraint: str
    min_length: int = 1

    def describe_bounds(self, name: str) -> str:
        return self.constraint

    def parse(self, name: str, text: str) -> Value:
        cleaned = text.replace(",", " ").replace("·", " ").replace("×", " ").split()
        if self.min_length == 0 and cleaned in ([], [EMPTY_LIST]):
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
            and self.min_length <= len(value) <= self.max_length
            and all(1 <= part <= self.high for part in value)
        )
        if not inside:
            raise self._out_of_bounds(name, value)

    def format(self, value: Value) -> str:
        assert isinstance(value, tuple)
        return " ".join(map(str, value)) or EMPTY_LIST


def _ungrouped(text: str) -> str:
    """Strip spaces and the commas between thousands, but no other comma."""
    number = text.strip()
    return number.replace(",", "") if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?", number) else number


def _format_bare(value: Value) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
