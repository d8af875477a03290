"""SamplingConfig: every sampling setting with default and value type; validation."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import Any

from charwave_tui.core.config.name_pattern import NamePattern, parse_pattern
from charwave_tui.core.config.value_types import Choice, FloatRange, IdNumber, IntRange, SteppedFloat, Value, ValueType
from charwave_tui.core.corpus.reading import MAX_WORD_LENGTH
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import JOINERS

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 5.0  # below, sampling is greedy in effect; above, nearly uniform
MAX_NAMES = 1_000
MAX_NAME_LENGTH = MAX_WORD_LENGTH  # also of a prefix, a suffix and a pattern
AUTO_LONGEST = 0  # value of `longest`: as long as the longest word of the corpus, but at least ...
MIN_AUTO_LONGEST = 64
MAX_QUOTED_LENGTH = 24  # characters of a text that an error repeats
MAX_TOP_K = 100_000  # more characters than any corpus has
MIN_TOP_P = 0.01
ALL_NAMES, ONLY_NEW = "no", "yes"  # values of `only_new`


@dataclass(frozen=True, slots=True)
class Temperature(FloatRange):
    """The number that divides the logits, stepped by 0.1."""

    def describe_bounds(self, name: str) -> str:
        return f"{self.low:g} to {self.high:g}"

    def step_by(self, value: Value, direction: int) -> Value:
        assert isinstance(value, int | float)
        return min(max(round(value + direction * 0.1, 2), self.low), self.high)


@dataclass(frozen=True, slots=True)
class CharacterText(ValueType):
    """At most `max_length` characters as they occur in names, normalised to NFC like a corpus."""

    max_length: int

    def describe_bounds(self, name: str) -> str:
        return f"at most {self.max_length:,} characters"

    def parse(self, name: str, text: str) -> Value:
        value = unicodedata.normalize("NFC", text)
        self.validate(name, value)
        return value

    def validate(self, name: str, value: Value) -> None:
        if not isinstance(value, str) or any(
            unicodedata.category(symbol) in ("Cc", "Cf", "Cs") and symbol not in JOINERS for symbol in value
        ):
            raise UserError(f"{name} holds a control character", "type letters", name)
        if len(value) > self.max_length:
            raise UserError(
                f"a {name} of {len(value):,} characters is too long", f"try {self.describe_bounds(name)}", name
            )


SAMPLING_FIELDS: dict[str, ValueType] = {
    "temperature": Temperature(MIN_TEMPERATURE, MAX_TEMPERATURE, closed=True),
    "prefix": CharacterText(MAX_NAME_LENGTH),
    "count": IntRange(1, MAX_NAMES),
    "seed": IdNumber(0, 2**32 - 1),
    "top_k": IntRange(0, MAX_TOP_K),
    "top_p": SteppedFloat(MIN_TOP_P, 1, closed=True),
    "suffix": CharacterText(MAX_NAME_LENGTH),
    "pattern": CharacterText(MAX_NAME_LENGTH),
    "shortest": IdNumber(0, MAX_NAME_LENGTH),
    "longest": IdNumber(AUTO_LONGEST, MAX_NAME_LENGTH),
    "only_new": Choice((ALL_NAMES, ONLY_NEW)),
}

DEFAULT_SAMPLING = ("temperature", "prefix", "count", "seed")  # shown in the lab; the sampler has them all


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    r"""How names are sampled; equal values give equal names from equal weights.

    A name is `prefix`, a match of `pattern` and `suffix`. In a pattern `?` is any character, `*` any number of them, an
    empty one means `*`, and `\` makes the next `?`, `*` or `\` a literal. For each character:

    1. The logits are divided by `temperature`.
    2. The `top_k` most probable characters are kept (0: all), and of those the fewest whose probabilities sum to
       `top_p` (1: all). Ties are broken in alphabetical order, the end first.
    3. Characters that cannot lead to a matching name of `shortest` to `longest` characters are masked. If none of the
       kept ones remains, the mask is applied to all characters instead.
    4. If the end is sampled where the name may not end yet, it continues along the shortest way to an end, on which
       characters are sampled likewise. Otherwise a suffix, which the model rarely generates, would come only after as
       many characters as `longest` allows.

    With `only_new` names that are in the corpus are sampled again. With `longest` AUTO_LONGEST a name that has not
    ended at the length of the longest word (see `limited`) is cut off, unless pattern or suffix need an end.
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
    longest: int = AUTO_LONGEST
    only_new: str = ALL_NAMES

    @property
    def unconstrained(self) -> bool:
        """Whether characters are sampled from the model's distribution alone: no top-k, top-p, pattern or lengths."""
        shown_in_lab = {name: getattr(self, name) for name in DEFAULT_SAMPLING}
        return replace(self, only_new=ALL_NAMES) == SamplingConfig(**shown_in_lab)

    @property
    def compiled_pattern(self) -> NamePattern:
        """The automaton of whole names: prefix, pattern and suffix. Raises UserError for a malformed pattern."""
        tokens = (*self.prefix, *parse_pattern(self.pattern), *self.suffix)
        return NamePattern(tokens, self.shortest, self.longest or MAX_NAME_LENGTH)

    @property
    def may_cut(self) -> bool:
        """Whether a name that has not ended at the limit is cut off there, instead of being led to an end."""
        return self.longest == AUTO_LONGEST and not self.pattern and not self.suffix

    def limited(self, longest_word: int) -> SamplingConfig:
        """Return a copy with a number for AUTO_LONGEST: `longest_word`, or more if the other settings need it."""
        if self.longest != AUTO_LONGEST:
            return self
        needed = self.compiled_pattern.min_length
        return replace(self, longest=max(longest_word, MIN_AUTO_LONGEST, self.shortest, needed))

    def validated(self) -> SamplingConfig:
        """Return the config itself. Raises UserError if a value is out of bounds, or no name can match."""
        for name, value_type in SAMPLING_FIELDS.items():
            value_type.validate(name, getattr(self, name))
        if self.longest != AUTO_LONGEST and self.shortest > self.longest:
            raise UserError(
                f"shortest {self.shortest} is more than longest {self.longest}",
                f"try {self.longest} or fewer for shortest",
                "shortest",
            )
        self._check_pattern_length(self.compiled_pattern)
        return self

    def _check_pattern_length(self, pattern: NamePattern) -> None:
        texts = [name for name in ("prefix", "pattern", "suffix") if getattr(self, name)]
        subject = " and ".join(f"{name} {_quoted(getattr(self, name))}" for name in texts)
        field = next((name for name in ("pattern", "suffix", "prefix") if name in texts), None)
        third_person = "s" if len(texts) == 1 else ""
        least, most = pattern.min_length, pattern.max_length
        if least > MAX_NAME_LENGTH:
            problem = f"{subject} need{third_person} {least:,} characters"
            raise UserError(problem, f"names have at most {MAX_NAME_LENGTH:,} characters", field)
        if self.longest != AUTO_LONGEST and least > self.longest:
            problem = f"{subject} need{third_person} {least} characters, more than longest {self.longest}"
            raise UserError(problem, f"set longest to {least}", field)
        if most is not None and most < self.shortest:
            problem = f"{subject} give{third_person} {most} characters, fewer than shortest {self.shortest}"
            raise UserError(problem, f"put a * in the pattern, or set shortest to {most}", field)

    def with_setting(self, name: str, text: str) -> SamplingConfig:
        """Return a copy with one setting parsed from `text`. Raises UserError."""
        values: dict[str, Any] = {name: SAMPLING_FIELDS[name].parse(name, text)}
        return replace(self, **values)

    def stepped(self, name: str, direction: int) -> SamplingConfig:
        """Return a copy with one setting stepped up (+1) or down (−1)."""
        values: dict[str, Any] = {name: SAMPLING_FIELDS[name].step_by(getattr(self, name), direction)}
        return replace(self, **values)

    def formatted(self, name: str) -> str:
        return SAMPLING_FIELDS[name].format(getattr(self, name))


def _quoted(text: str) -> str:
    return text if len(text) <= MAX_QUOTED_LENGTH else f"{text[:MAX_QUOTED_LENGTH]}…"
