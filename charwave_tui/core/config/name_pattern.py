"""Patterns of names, such as `m?r*a`: which characters may come next, and whether a name may end."""

from __future__ import annotations

from enum import Enum

from charwave_tui.core.errors import UserError

ESCAPE = "\\"
"""What makes a `?`, a `*` or another of itself stand for just that character."""


class Wildcard(Enum):
    """What stands in a pattern for characters that are not named."""

    ONE = "?"
    MANY = "*"


Token = str | Wildcard
"""A part of a pattern: a character that must stand there, or a wild one."""


State = frozenset[int]
"""How much of a pattern is behind: before which of its tokens one may stand."""


def parse_pattern(pattern: str) -> tuple[Token, ...]:
    """The parts of `pattern`, of which an empty one is `*`; raises Mistake where it ends in a single ESCAPE."""
    found: list[Token] = []
    symbols = iter(pattern or Wildcard.MANY.value)
    for symbol in symbols:
        if symbol != ESCAPE:
            found.append(Wildcard(symbol) if symbol in {wild.value for wild in Wildcard} else symbol)
        elif (literal := next(symbols, None)) is not None:
            found.append(literal)
        else:
            raise UserError(
                f"the pattern {pattern} ends in {ESCAPE}, which stands before a ?, a * or a {ESCAPE} that is meant so",
                f"write {ESCAPE}{ESCAPE} for the character itself",
                "pattern",
            )
    return tuple(found)


class NamePattern:
    """Names of `shortest` to `longest` characters made of `parts`, as an automaton that is read a character at a time.

    `least` is how many characters such a name has at least, `most` at most, None where a `*` leaves that open; neither
    heeds the bounds. `literals` are the characters that are named.
    """

    def __init__(self, parts: tuple[Token, ...], shortest: int, longest: int) -> None:
        self._parts = parts
        self._shortest, self._longest = shortest, longest
        # Of what stands behind each place: the characters it needs, and whether it admits more.
        self._needs = [sum(part is not Wildcard.MANY for part in parts[place:]) for place in range(len(parts) + 1)]
        self._stretches = [Wildcard.MANY in parts[place:] for place in range(len(parts) + 1)]
        self.literals = frozenset(part for part in parts if isinstance(part, str))
        self._afters: dict[tuple[State, str | None], State] = {}
        self.start = self._with_skipped({0})

    @property
    def least(self) -> int:
        """Characters that a name needs."""
        return self._needs[0]

    @property
    def most(self) -> int | None:
        """Characters that a name may have, None for any number."""
        return None if self._stretches[0] else self._needs[0]

    def advance(self, state: State, symbol: str | None) -> State:
        """The state behind one more `symbol`, None for any that is no literal; empty where no name goes on so."""
        if symbol not in self.literals:
            symbol = None
        key = state, symbol
        if key not in self._afters:
            reached = set()
            for place in state - {len(self._parts)}:
                part = self._parts[place]
                if part is Wildcard.MANY:
                    reached.add(place)
                elif part is Wildcard.ONE or part == symbol:
                    reached.add(place + 1)
            self._afters[key] = self._with_skipped(reached)
        return self._afters[key]

    def allows(self, state: State, length: int) -> bool:
        """Whether some name that begins with `length` characters which lead to `state` matches, be it that itself."""
        return any(self._fits(length + self._needs[place], self._stretches[place]) for place in state)

    def must_finish(self, state: State, length: int) -> bool:
        """Whether the shortest way on from `state`, after `length` characters, leads to a name that matches."""
        return self._shortest <= length + self.min_remaining(state) <= self._longest

    def min_remaining(self, state: State) -> int:
        """How many characters the shortest way on from `state` has."""
        return min((self._needs[place] for place in state), default=self._longest + 1)

    def accepts(self, state: State, length: int) -> bool:
        """Whether `length` characters which lead to `state` are a whole name that matches."""
        return len(self._parts) in state and self._shortest <= length <= self._longest

    def matches(self, name: str) -> bool:
        """Whether `name` is such a name."""
        state = self.start
        for symbol in name:
            state = self.advance(state, symbol)
        return self.accepts(state, len(name))

    def _fits(self, length: int, stretches: bool) -> bool:
        return length <= self._longest and (stretches or length >= self._shortest)

    def _with_skipped(self, places: set[int]) -> State:
        """The `places` and those behind each `*` there, which may stand for nothing."""
        reached = set(places)
        for place in places:
            while place < len(self._parts) and self._parts[place] is Wildcard.MANY:
                place += 1
                reached.add(place)
        return frozenset(reached)
