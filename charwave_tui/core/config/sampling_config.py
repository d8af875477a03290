"""What names are drawn with: the values, their bounds, and how they are read, written and nudged."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import Any

from charwave_tui.core.config.name_pattern import NamePattern, parse_pattern
from charwave_tui.core.config.value_types import Choice, FloatRange, IdNumber, IntRange, SteppedFloat, Value, ValueType
from charwave_tui.core.corpus import JOINERS
from charwave_tui.core.errors import UserError

COLDEST, HOTTEST = 0.05, 5.0
"""The bounds of the temperature: below, the likeliest character always wins; above, all are nearly alike."""


MOST_NAMES = 1_000
"""The most names that are drawn at once."""


LONGEST_PREFIX = 64
"""Characters that a name may have, and a prefix, a suffix or a pattern too."""


MOST_LEFT = 100_000
"""The highest `top_k`: more characters than any corpus has."""


LEAST_SHARE = 0.01
"""The lowest `top_p`, where hardly ever more than the likeliest character is left."""


ANYTHING, NEW = "no", "yes"
"""What `only_new` may be."""


@dataclass(frozen=True, slots=True)
class Temperature(FloatRange):
    """A number that divides the logits, nudged by a tenth."""

    def describe_bounds(self, name: str) -> str:
        return f"{self.low:g} to {self.high:g}"

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int | float)
        return min(max(round(value + direction * 0.1, 2), self.low), self.high)


@dataclass(frozen=True, slots=True)
class CharacterText:
    """Characters as they stand in a name, brought to NFC as a corpus is; none at all is fine."""

    most: int

    def describe_bounds(self, name: str) -> str:
        return f"at most {self.most} characters"

    def parse(self, name: str, text: str) -> Value:
        value = unicodedata.normalize("NFC", text)
        self.validate(name, value)
        return value

    def validate(self, name: str, value: Value) -> None:
        if not isinstance(value, str) or any(
            unicodedata.category(symbol) in ("Cc", "Cf", "Cs") and symbol not in JOINERS for symbol in value
        ):
            raise UserError(f"{name} holds a control character", "type letters", name)
        if len(value) > self.most:
            raise UserError(
                f"a {name} of {len(value)} characters is too long", f"try {self.describe_bounds(name)}", name
            )

    def format(self, value: Value) -> str:
        return str(value)

    def step_by(self, value: Value, direction: int) -> Value:
        return value


SAMPLING_FIELDS: dict[str, ValueType] = {
    "temperature": Temperature(COLDEST, HOTTEST, closed=True),
    "prefix": CharacterText(LONGEST_PREFIX),
    "count": IntRange(1, MOST_NAMES),
    "seed": IdNumber(0, 2**32 - 1),
    "top_k": IntRange(0, MOST_LEFT),
    "top_p": SteppedFloat(LEAST_SHARE, 1, closed=True),
    "suffix": CharacterText(LONGEST_PREFIX),
    "pattern": CharacterText(LONGEST_PREFIX),
    "shortest": IdNumber(0, LONGEST_PREFIX),
    "longest": IdNumber(1, LONGEST_PREFIX),
    "only_new": Choice((ANYTHING, NEW)),
}
"""The kind of every setting by its name, in the order of the screen."""


DEFAULT_SAMPLING = ("temperature", "prefix", "count", "seed")
"""The settings that stand in the pane of the lab; the others have their place in the sampler."""


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    r"""How names are drawn; the same values give the same names from the same weights.

    A name is `prefix`, what `pattern` stands for, and `suffix`: in a pattern `?` is any character and `*` any number of
    them, an empty one is `*`, and `\` stands before a `?`, `*` or `\` that is meant so. Each character is drawn thus:
    the logits are divided by `temperature`; the `top_k` likeliest characters are left (0: all), and of those the
    fewest that come to `top_p` of the odds (1: all), where equals are taken in the order of the alphabet, the end
    first; of these, those are left out that cannot lead to a name of `shortest` to `longest` characters that matches,
    and if none is left, such ones are left out of all characters instead. Where an end is drawn that may not be there,
    the name goes on the shortest way to one, on which it is drawn likewise; else a suffix, which the model seldom makes
    by itself, would stand behind all the characters that there may be. `only_new` draws again in place of names that
    the corpus has.
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
    only_new: str = ANYTHING

    @property
    def unconstrained(self) -> bool:
        """Whether every name that begins with the prefix may come, each character by its odds."""
        usual = replace(
            SamplingConfig(), temperature=self.temperature, prefix=self.prefix, count=self.count, seed=self.seed
        )
        return replace(self, only_new=ANYTHING) == usual

    @property
    def compiled_pattern(self) -> NamePattern:
        """What whole names must look like; raises Mistake on a pattern that cannot be read."""
        return NamePattern((*self.prefix, *parse_pattern(self.pattern), *self.suffix), self.shortest, self.longest)

    def checked(self) -> SamplingConfig:
        """Itself, if every value is within its bounds and a name can be so; raises Mistake on what is not."""
        for name, kind in SAMPLING_FIELDS.items():
            kind.validate(name, getattr(self, name))
        if self.shortest > self.longest:
            raise UserError(
                f"shortest {self.shortest} is more than longest {self.longest}",
                f"try {self.longest} or fewer for shortest",
                "shortest",
            )
        self._refuse_lengths(self.compiled_pattern)
        return self

    def _refuse_lengths(self, form: NamePattern) -> None:
        given = [name for name in ("prefix", "pattern", "suffix") if getattr(self, name)]
        named = " and ".join(f"{name} {getattr(self, name)}" for name in given)
        field = next((name for name in ("pattern", "suffix", "prefix") if name in given), None)
        verb = "needs" if len(given) == 1 else "need"
        if form.least > self.longest:
            fits = form.least <= LONGEST_PREFIX
            remedy = f"set longest to {form.least}" if fits else f"names have at most {LONGEST_PREFIX} characters"
            raise UserError(f"{named} {verb} {form.least} characters, more than longest {self.longest}", remedy, field)
        if form.most is not None and form.most < self.shortest:
            raise UserError(
                f"{named} {'gives' if len(given) == 1 else 'give'} {form.most} characters, fewer than shortest "
                f"{self.shortest}",
                f"put a * in the pattern, or set shortest to {form.most}",
                field,
            )

    def with_text(self, name: str, text: str) -> SamplingConfig:
        """A copy with the setting `name` read from `text`; raises Mistake."""
        return self._with(name, SAMPLING_FIELDS[name].parse(name, text))

    def stepped(self, name: str, direction: int) -> SamplingConfig:
        """A copy with the setting `name` one up (+1) or down (−1)."""
        return self._with(name, SAMPLING_FIELDS[name].step_by(getattr(self, name), direction))

    def formatted(self, name: str) -> str:
        """The setting `name` as a person would write it."""
        return SAMPLING_FIELDS[name].format(getattr(self, name))

    def _with(self, name: str, value: Any) -> SamplingConfig:
        return replace(self, **{name: value})
