"""What names are drawn with: the values, their bounds, and how they are read, written and nudged."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import Any

from charwave_tui.core.corpus import JOINERS
from charwave_tui.core.fields import Choice, Counter, Kind, Real, Value, Whole
from charwave_tui.core.mistake import Mistake

COLDEST, HOTTEST = 0.05, 5.0
"""The bounds of the temperature: below, the likeliest character always wins; above, all are nearly alike."""

MOST_NAMES = 1_000
"""The most names that are drawn at once."""

LONGEST_PREFIX = 64
"""Characters that a prefix may have."""


@dataclass(frozen=True, slots=True)
class Temperature(Real):
    """A number that divides the logits, nudged by a tenth."""

    def bounds(self, name: str) -> str:
        return f"{self.low:g} to {self.high:g}"

    def nudge(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int | float)
        return min(max(round(value + direction * 0.1, 2), self.low), self.high)


@dataclass(frozen=True, slots=True)
class Prefix:
    """Characters that every name begins with, brought to NFC as a corpus is; none at all is fine."""

    most: int

    def bounds(self, name: str) -> str:
        return f"at most {self.most} characters"

    def parse(self, name: str, text: str) -> Value:
        value = unicodedata.normalize("NFC", text)
        self.check(name, value)
        return value

    def check(self, name: str, value: Value) -> None:
        if not isinstance(value, str) or any(
            unicodedata.category(symbol) in ("Cc", "Cf", "Cs") and symbol not in JOINERS for symbol in value
        ):
            raise Mistake(f"{name} holds a control character", "type letters", name)
        if len(value) > self.most:
            raise Mistake(f"a {name} of {len(value)} characters is too long", f"try {self.bounds(name)}", name)

    def write(self, value: Value) -> str:
        return str(value)

    def nudge(self, value: Value, direction: int) -> Value:
        return value


SETTINGS: dict[str, Kind] = {
    "temperature": Temperature(COLDEST, HOTTEST, closed=True),
    "prefix": Prefix(LONGEST_PREFIX),
    "count": Whole(1, MOST_NAMES),
    "seed": Counter(0, 2**32 - 1),
    "top_k": Whole(0, 100_000),
    "top_p": Real(0, 1),
    "suffix": Prefix(LONGEST_PREFIX),
    "pattern": Prefix(LONGEST_PREFIX),
    "shortest": Counter(0, LONGEST_PREFIX),
    "longest": Counter(1, LONGEST_PREFIX),
    "only_new": Choice(("no", "yes")),
}
"""The kind of every setting by its name, in the order of the screen."""

USUAL = ("temperature", "prefix", "count", "seed")
"""The settings that stand in the pane of the lab; the others have their place in the sampler."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How names are drawn; the same values give the same names from the same weights.

    `top_k` (0: all) and `top_p` (1: all) leave only the likeliest characters to draw from. `pattern` is what stands
    between prefix and suffix: `?` for any character, `*` for any number of them, empty for `*`; characters that cannot
    lead to a name of `shortest` to `longest` characters that matches are left out, and what is left is drawn from.
    `only_new` draws again in place of names that the corpus has.
    """

    temperature: float = 1.0
    prefix: str = ""
    count: int = 20
    seed: int = 42
    top_k: int = 0
    top_p: float = 1.0
    suffix: str = ""
    pattern: str = ""
    shortest: int = 0
    longest: int = LONGEST_PREFIX
    only_new: str = "no"

    def checked(self) -> Sampling:
        """Itself, if every value is within its bounds; raises Mistake on the first that is not."""
        for name, kind in SETTINGS.items():
            kind.check(name, getattr(self, name))
        return self

    def with_text(self, name: str, text: str) -> Sampling:
        """A copy with the setting `name` read from `text`; raises Mistake."""
        return self._with(name, SETTINGS[name].parse(name, text))

    def nudged(self, name: str, direction: int) -> Sampling:
        """A copy with the setting `name` one up (+1) or down (−1)."""
        return self._with(name, SETTINGS[name].nudge(getattr(self, name), direction))

    def written(self, name: str) -> str:
        """The setting `name` as a person would write it."""
        return SETTINGS[name].write(getattr(self, name))

    def _with(self, name: str, value: Any) -> Sampling:
        return replace(self, **{name: value})
