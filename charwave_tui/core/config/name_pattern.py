"""Patterns of names, such as `m?r*a`, as an automaton: which characters may follow, and whether a name may end."""

from __future__ import annotations

from enum import Enum

from charwave_tui.core.errors import UserError

ESCAPE = "\\"  # makes the `?`, `*` or `\` after it a literal


class Wildcard(Enum):
    """ONE matches any character, MANY any number of them, none included."""

    ONE = "?"
    MANY = "*"


Token = str | Wildcard  # a literal is a string of one character
State = frozenset[int]  # indices of the tokens that may match the next character; len(tokens) accepts


def parse_pattern(pattern: str) -> tuple[Token, ...]:
    """Return the tokens of `pattern`; an empty one means `*`. Raises UserError if it ends in a single ESCAPE."""
    tokens: list[Token] = []
    symbols = iter(pattern or Wildcard.MANY.value)
    for symbol in symbols:
        if symbol != ESCAPE:
            tokens.append(Wildcard(symbol) if symbol in {wild.value for wild in Wildcard} else symbol)
        elif (literal := next(symbols, None)) is not None:
            tokens.append(literal)
        else:
            raise UserError(
                f"the pattern {pattern} ends in {ESCAPE}, which stands before a ?, a * or a {ESCAPE} that is meant so",
                f"write {ESCAPE}{ESCAPE} for the character itself",
                "pattern",
            )
    return tuple(tokens)


class NamePattern:
    """A nondeterministic automaton that accepts names of `shortest` to `longest` characters made of `parts`.

    `start` is its first state, `advance` the transition; `literals` are the literal characters of the pattern.
    """

    def __init__(self, tokens: tuple[Token, ...], shortest: int, longest: int) -> None:
        self._tokens = tokens
        self._shortest, self._longest = shortest, longest
        # For the tokens from each index on: the characters that they need, and whether they match any number of more.
        self._min_remaining, self._is_unbounded = [0], [False]
        for token in reversed(tokens):
            self._min_remaining.insert(0, self._min_remaining[0] + (token is not Wildcard.MANY))
            self._is_unbounded.insert(0, self._is_unbounded[0] or token is Wildcard.MANY)
        self.literals = frozenset(token for token in tokens if isinstance(token, str))
        self._transitions: dict[tuple[State, str | None], State] = {}
        self.start = self._closure({0})

    @property
    def min_length(self) -> int:
        """Fewest characters that the pattern matches, whatever `shortest` is."""
        return self._min_remaining[0]

    @property
    def max_length(self) -> int | None:
        """Most characters that the pattern matches, whatever `longest` is; None if it has a `*`."""
        return None if self._is_unbounded[0] else self._min_remaining[0]

    def advance(self, state: State, symbol: str | None) -> State:
        """Return the state after `symbol` (None: any character that is no literal); empty if no match is possible."""
        if symbol not in self.literals:
            symbol = None
        key = state, symbol
        if key not in self._transitions:
            reached = set()
            for index in state - {len(self._tokens)}:
                token = self._tokens[index]
                if token is Wildcard.MANY:
                    reached.add(index)
                elif token is Wildcard.ONE or token == symbol:
                    reached.add(index + 1)
            self._transitions[key] = self._closure(reached)
        return self._transitions[key]

    def allows(self, state: State, length: int) -> bool:
        """Return whether the `length` characters that led to `state` are, or can be continued to, an accepted name."""
        for index in state:
            shortest = length + self._min_remaining[index]
            if shortest <= self._longest and (self._is_unbounded[index] or shortest >= self._shortest):
                return True
        return False

    def must_finish(self, state: State, length: int) -> bool:
        """Return whether the shortest continuation of `length` characters in `state` is an accepted name."""
        return self._shortest <= length + self.min_remaining(state) <= self._longest

    def min_remaining(self, state: State) -> int:
        """Return the number of characters in the shortest continuation from `state`."""
        return min((self._min_remaining[index] for index in state), default=self._longest + 1)

    def accepts(self, state: State, length: int) -> bool:
        """Return whether the `length` characters that led to `state` are an accepted name."""
        return len(self._tokens) in state and self._shortest <= length <= self._longest

    def matches(self, name: str) -> bool:
        state = self.start
        for symbol in name:
            state = self.advance(state, symbol)
        return self.accepts(state, len(name))

    def _closure(self, indices: set[int]) -> State:
        """Return `indices` with those after each `*`, which may match nothing."""
        reached = set(indices)
        for index in indices:
            while index < len(self._tokens) and self._tokens[index] is Wildcard.MANY:
                index += 1
                reached.add(index)
        return frozenset(reached)
