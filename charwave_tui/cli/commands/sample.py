"""`charwave-tui sample`: names from a trained run, what may come next, and how a word scores."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable

import msgspec

from charwave_tui.cli.output import or_ascii, padded, print_json
from charwave_tui.cli.run_source import add_run_options, query_run
from charwave_tui.client.requests import EngineSession, predict_next, sample_names, score_word
from charwave_tui.core.config.sampling_config import NEW, SAMPLING_FIELDS, SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import SampledName
from charwave_tui.core.protocol.events import NextPredicted, WordScored

END = "end"
"""How the end of a name is written; in JSON it is the empty character."""


def score_json(scored: WordScored) -> dict[str, object]:
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


def prediction_json(predicted: NextPredicted, symbols: str, temperature: float) -> dict[str, object]:
    """What may follow as JSON has it, the likeliest first: `p` at the temperature, `surprise` in nats at 1."""
    odds = _softmax(predicted.surprises, temperature)
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
    odds = _softmax(predicted.surprises, temperature)
    return [f"{symbol:5} {chance:7.2%}" for symbol, chance, _ in _ranked([END, *symbols], odds, predicted.surprises)]


def _softmax(surprises: tuple[float, ...], temperature: float) -> list[float]:
    """softmax(logits / temperature), for which −surprises are as good as the logits."""
    least = min(surprises)
    weights = [math.exp((least - surprise) / temperature) for surprise in surprises]
    whole = math.fsum(weights)
    return [weight / whole for weight in weights]


def _ranked(symbols: list[str], odds: list[float], surprises: tuple[float, ...]) -> list[tuple[str, float, float]]:
    return sorted(zip(symbols, odds, surprises, strict=True), key=lambda one: one[2])


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    parser = commands.add_parser("sample", help="draw names from a trained run, or ask it about a word")
    usual = SamplingConfig()
    parser.add_argument("-n", dest="count", metavar="N", help=f"how many ({usual.count})")
    parser.add_argument("--temperature", metavar="T", help=f"below 1 safer, above 1 wilder ({usual.temperature})")
    parser.add_argument("--top-k", metavar="K", help="draw from the K likeliest characters alone (0: from all)")
    parser.add_argument("--top-p", metavar="P", help="draw from the fewest that come to P of the odds (1: from all)")
    parser.add_argument("--prefix", metavar="P", help="how each name begins")
    parser.add_argument("--suffix", metavar="S", help="how each name ends")
    parser.add_argument(
        "--pattern", metavar="M", help=r"what stands between: ? any character, * any number, \ before a literal ? or *"
    )
    parser.add_argument("--shortest", metavar="L", help=f"characters at least ({usual.shortest})")
    parser.add_argument("--longest", metavar="L", help=f"characters at most ({usual.longest})")
    parser.add_argument(
        "--only-new", action="store_const", const=NEW, help="draw again in place of names that the corpus has"
    )
    parser.add_argument("--seed", metavar="S", help=f"the same seed draws the same names ({usual.seed})")
    about = parser.add_mutually_exclusive_group()
    about.add_argument("--score", metavar="WORD", help="how much a word surprises, and its place in the corpus")
    about.add_argument("--next", metavar="PREFIX", help="what may follow a prefix, at the temperature")
    add_run_options(parser)
    parser.add_argument("--json", action="store_true", help="print objects: of a name name, nll, in_corpus, near, …")
    parser.set_defaults(func=sample)


def sample(options: argparse.Namespace) -> int:
    """Print names with their nll per character: `=` the corpus has it, `≈` it has one near, `+` it is new."""
    sampling = SamplingConfig()
    given = {name: text for name in SAMPLING_FIELDS if (text := getattr(options, name, None)) is not None}
    _reject_unused_options(options, given)
    for name, text in given.items():
        sampling = sampling.with_text(name, text)
    sampling.checked()
    if options.score is not None:
        scored = _scored(options)
        _print(options.json, score_json(scored), score_lines(scored))
        return 0
    if options.next is not None:
        predicted, symbols = _predicted(options)
        shown = predicted, symbols, sampling.temperature
        _print(options.json, prediction_json(*shown), next_lines(*shown))
        return 0
    names = _drawn(options, sampling)
    _print(options.json, msgspec.to_builtins(names), [_line(item) for item in names])
    if len(names) < sampling.count:
        found = "none" if not names else f"only {len(names):,}"
        print(f"of {sampling.count:,} new names {found} came; try a higher temperature", file=sys.stderr)
    return 0


def _reject_unused_options(options: argparse.Namespace, given: Iterable[str]) -> None:
    """Raise Mistake on a setting of drawing beside a question that draws nothing; `--next` has a temperature."""
    question, used = ("--score", ()) if options.score is not None else ("--next", ("temperature",))
    if options.score is None and options.next is None:
        return
    for name in given:
        if name not in used:
            flag = "-n" if name == "count" else f"--{name.replace('_', '-')}"
            raise UserError(f"{flag} is for names, and {question} draws none", "leave it out")


def _drawn(options: argparse.Namespace, sampling: SamplingConfig) -> tuple[SampledName, ...]:
    def look(run: int) -> tuple[SampledName, ...]:
        from charwave_tui.engine import api

        return api.sample(sampling, run)

    return query_run(options, lambda talk: sample_names(talk, sampling), look)


def _predicted(options: argparse.Namespace) -> tuple[NextPredicted, str]:
    async def ask(talk: EngineSession) -> tuple[NextPredicted, str]:
        predicted = await predict_next(talk, options.next)
        assert talk.opened is not None
        return predicted, talk.opened.corpus.symbols

    def look(run: int) -> tuple[NextPredicted, str]:
        from charwave_tui.engine import api

        predicted, corpus = api.predict(options.next, run)
        return predicted, corpus.symbols

    return query_run(options, ask, look)


def _scored(options: argparse.Namespace) -> WordScored:
    def look(run: int) -> WordScored:
        from charwave_tui.engine import api

        return api.score(options.score, run)

    return query_run(options, lambda talk: score_word(talk, options.score), look)


def _line(item: SampledName) -> str:
    sign = "=" if item.in_corpus else f"{or_ascii('≈', '~')} {item.near}" if item.near else "+"
    name = item.name or or_ascii("–", "-")
    return f"{padded(name, 24)} {item.nll:5.2f} {sign}"


def _print(as_json: bool, value: object, lines: list[str]) -> None:
    if as_json:
        print_json(value)
    else:
        for line in lines:
            print(line)
