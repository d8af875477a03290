"""How the score of a word and what may follow a prefix are printed."""

from __future__ import annotations

import math

from charwave_tui.core.speaking import NextPredicted, WordScored

END = "end"
"""How the end of a name is written; in JSON it is the empty character."""


def score_object(scored: WordScored) -> dict[str, object]:
    """A score as JSON has it; surprises are in nats, `percentile` in per cent of `among` words of the corpus."""
    total = math.fsum(scored.surprises)
    characters = zip([*scored.word, ""], scored.surprises, strict=True)
    return {
        "word": scored.word,
        "known": scored.known,
        "total": total,
        "mean": total / len(scored.surprises),
        "percentile": scored.percentile,
        "among": scored.among,
        "characters": [{"character": symbol, "surprise": surprise} for symbol, surprise in characters],
    }


def score_lines(scored: WordScored) -> list[str]:
    """A score for people: each character, then the whole word."""
    total = math.fsum(scored.surprises)
    lines = [
        f"{symbol:5} {surprise:6.2f}" for symbol, surprise in zip([*scored.word, END], scored.surprises, strict=True)
    ]
    mean = total / len(scored.surprises)
    place = f", less surprising than {scored.percentile:.1f} % of {scored.among:,} words" if scored.among else ""
    return [*lines, f"{total:.2f} nats, {mean:.2f} a character{place}; {_known(scored)}"]


def _known(scored: WordScored) -> str:
    if scored.word and scored.known == scored.word:
        return "in the corpus"
    return f"near {scored.known}" if scored.known else "new"


def next_object(predicted: NextPredicted, symbols: str, temperature: float) -> dict[str, object]:
    """What may follow as JSON has it, the likeliest first: `p` at the temperature, `surprise` in nats at 1."""
    odds = _odds(predicted.surprises, temperature)
    return {
        "prefix": predicted.prefix,
        "step": predicted.step,
        "temperature": temperature,
        "next": [
            {"character": symbol, "p": chance, "surprise": surprise}
            for symbol, chance, surprise in _ranked(["", *symbols], odds, predicted.surprises)
        ],
    }


def next_lines(predicted: NextPredicted, symbols: str, temperature: float) -> list[str]:
    """What may follow for people, the likeliest first, in per cent."""
    odds = _odds(predicted.surprises, temperature)
    return [f"{symbol:5} {chance:7.2%}" for symbol, chance, _ in _ranked([END, *symbols], odds, predicted.surprises)]


def _odds(surprises: tuple[float, ...], temperature: float) -> list[float]:
    """softmax(logits / temperature), for which −surprises are as good as the logits."""
    least = min(surprises)
    weights = [math.exp((least - surprise) / temperature) for surprise in surprises]
    whole = math.fsum(weights)
    return [weight / whole for weight in weights]


def _ranked(symbols: list[str], odds: list[float], surprises: tuple[float, ...]) -> list[tuple[str, float, float]]:
    return sorted(zip(symbols, odds, surprises, strict=True), key=lambda one: one[2])
