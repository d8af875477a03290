"""`charwave-tui sample`: names from a trained run, next-character probabilities, and the score of a word."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence

import msgspec

from charwave_tui.cli.output import columns, or_ascii, padded, print_json
from charwave_tui.cli.run_source import add_run_options, query_run
from charwave_tui.client.requests import EngineSession, predict_next, sample_names, score_word
from charwave_tui.core.config.sampling_config import MIN_AUTO_LONGEST, ONLY_NEW, SAMPLING_FIELDS, SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import shown_alone
from charwave_tui.core.memorising import WordProbabilities, memorising_of_names
from charwave_tui.core.metrics import RepeatCounts, SampledName
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.events import NextPredicted, WordScored
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore

END = "end"  # the end of a name; in JSON it is the empty character
MIN_NAME_COLUMNS, CHARACTER_COLUMNS = 24, 6


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("sample", help="sample names from a trained run, or score a word with it")
    default = SamplingConfig()
    parser.add_argument("-n", dest="count", metavar="N", help=f"how many ({default.count})")
    parser.add_argument("--temperature", metavar="T", help=f"below 1 safer, above 1 wilder ({default.temperature})")
    parser.add_argument("--top-k", metavar="K", help="sample only from the K likeliest characters (0: all)")
    parser.add_argument("--top-p", metavar="P", help="sample only from the fewest with P of the probability (1: all)")
    parser.add_argument("--prefix", metavar="P", help="how each name begins")
    parser.add_argument("--suffix", metavar="S", help="how each name ends")
    parser.add_argument(
        "--pattern", metavar="M", help=r"what stands between: ? any character, * any number, \ before a literal ? or *"
    )
    parser.add_argument("--shortest", metavar="L", help=f"characters at least ({default.shortest})")
    parser.add_argument(
        "--longest",
        metavar="L",
        help=f"characters at most (as many as the corpus's longest word, at least {MIN_AUTO_LONGEST})",
    )
    parser.add_argument("--only-new", action="store_const", const=ONLY_NEW, help="resample names that the corpus has")
    parser.add_argument("--seed", metavar="S", help=f"the same seed samples the same names ({default.seed})")
    query = parser.add_mutually_exclusive_group()
    query.add_argument("--score", metavar="WORD", help="the nll of each character of a word, its rank in the corpus")
    query.add_argument("--next", metavar="PREFIX", help="what may follow a prefix, at the temperature")
    memorising = "how much is memorised: words of train against held-out ones, by their probability"
    query.add_argument("--memorising", action="store_true", help=memorising)
    add_run_options(parser)
    moved = "where the run's corpus is now, for this call only (runs relocate stores it)"
    parser.add_argument("--corpus", metavar="C", default=argparse.SUPPRESS, help=moved)
    parser.add_argument("--json", action="store_true", help="print JSON: of a name name, nll, in_corpus, near, …")
    parser.set_defaults(func=sample)


def sample(options: argparse.Namespace) -> int:
    """Print names with their nll per character and a mark.

    `=` is in train, `◇` in the corpus but not in train, `≈` near a word of it, `+` new, `?` unknown, `…` cut off.
    """
    sampling = SamplingConfig()
    settings = {name: text for name in SAMPLING_FIELDS if (text := getattr(options, name, None)) is not None}
    _reject_unused_options(options, settings)
    for name, text in settings.items():
        sampling = sampling.with_setting(name, text)
    sampling.validated()
    if options.score is not None:
        scored = _score(options)
        _print(options.json, score_json(scored), score_lines(scored))
    elif options.next is not None:
        predicted, symbols = _predict(options)
        temperature = sampling.temperature
        as_json, lines = prediction_json(predicted, symbols, temperature), next_lines(predicted, symbols, temperature)
        _print(options.json, as_json, lines)
    elif options.memorising:
        record, probabilities = _memorising(options)
        _print(options.json, memorising_json(record, probabilities), memorising_lines(probabilities))
    else:
        names, repeats = _sample(options, sampling)
        _print(options.json, msgspec.to_builtins(names), name_lines(names))
        if cut := [name for name in names if name.is_cut]:
            count = "1 name was" if len(cut) == 1 else f"{len(cut):,} names were"
            print(f"{count} cut off at {len(cut[0].name):,} characters, without an end", file=sys.stderr)
        if len(names) < sampling.count:
            count = "none" if not names else f"only {len(names):,}"
            print(f"of {sampling.count:,} new names {count} came; try a higher temperature", file=sys.stderr)
        if (memorising := memorising_of_names(names, sampling, repeats)) is not None:
            print(memorising, file=sys.stderr)
    return 0


def memorising_json(record: RunRecord, probabilities: WordProbabilities) -> dict[str, object]:
    return {
        "run": record.run,
        "step": record.step,
        "memorising": probabilities.memorising,
        "train": {"words": probabilities.train_words, "probability": probabilities.train},
        "held_out": {"words": probabilities.held_out_words, "probability": probabilities.held_out},
    }


def memorising_lines(probabilities: WordProbabilities) -> list[str]:
    ratio = or_ascii("–", "-") if probabilities.memorising is None else f"{probabilities.memorising:.2f}"
    return [
        f"memorising {ratio} (1 = none)",
        f"a sampled name is one of the {probabilities.train_words:,} words of train with p {probabilities.train:.4f}, "
        f"one of the {probabilities.held_out_words:,} held-out words with p {probabilities.held_out:.4f}",
    ]


def score_json(scored: WordScored) -> dict[str, object]:
    """Return a score as JSON: nll in nats as `surprise`, `percentile` in per cent of `among` words of the corpus."""
    total = math.fsum(scored.nlls)
    characters = zip([*scored.word, ""], scored.nlls, strict=True)
    return {
        "word": scored.word,
        "known": scored.nearest_word,
        "total": total,
        "mean": total / len(scored.nlls),
        "percentile": scored.percentile,
        "among": scored.compared_words,
        "characters": [{"character": symbol, "surprise": nll} for symbol, nll in characters],
    }


def score_lines(scored: WordScored) -> list[str]:
    """Return a score as lines: each character, then the whole word."""
    total = math.fsum(scored.nlls)
    characters = zip([*map(shown_alone, scored.word), END], scored.nlls, strict=True)
    lines = [f"{padded(text, CHARACTER_COLUMNS)} {nll:6.2f}" for text, nll in characters]
    mean = total / len(scored.nlls)
    rank = (
        f", a lower nll than {scored.percentile:.1f} % of {scored.compared_words:,} words"
        if scored.compared_words
        else ""
    )
    novelty = f"near {scored.nearest_word}" if scored.nearest_word else "new"
    if scored.nearest_word is None:
        novelty = "its word list is missing"
    elif scored.word and scored.nearest_word == scored.word:
        novelty = "in the corpus"
    return [*lines, f"{total:.2f} nats, {mean:.2f} a character{rank}; {novelty}"]


def prediction_json(predicted: NextPredicted, symbols: str, temperature: float) -> dict[str, object]:
    """Return next characters as JSON, the likeliest first: `p` at the temperature, `surprise` in nats at 1."""
    return {
        "prefix": predicted.prefix,
        "step": predicted.step,
        "temperature": temperature,
        "next": [
            {"character": symbol, "p": probability, "surprise": nll}
            for symbol, probability, nll in _ranked(["", *symbols], predicted, temperature)
        ],
    }


def next_lines(predicted: NextPredicted, symbols: str, temperature: float) -> list[str]:
    """Return next characters as lines, the likeliest first, in per cent."""
    ranked = _ranked([END, *map(shown_alone, symbols)], predicted, temperature)
    return [f"{padded(text, CHARACTER_COLUMNS)} {probability:7.2%}" for text, probability, _ in ranked]


def _ranked(symbols: list[str], predicted: NextPredicted, temperature: float) -> list[tuple[str, float, float]]:
    """Return (symbol, softmax(logits / temperature), nll), the likeliest first; −nll serves as the logits."""
    nlls = predicted.nlls
    minimum = min(nlls)
    weights = [math.exp((minimum - nll) / temperature) for nll in nlls]
    total = math.fsum(weights)
    probabilities = [weight / total for weight in weights]
    return sorted(zip(symbols, probabilities, nlls, strict=True), key=lambda row: row[2])


def _reject_unused_options(options: argparse.Namespace, settings: Iterable[str]) -> None:
    """Raise UserError for a sampling setting beside a query that samples nothing; `--next` has a temperature."""
    query, used = ("--score", ()) if options.score is not None else ("--next", ("temperature",))
    if options.memorising:
        query, used = "--memorising", ()
    elif options.score is None and options.next is None:
        return
    if options.next is not None and options.corpus:
        raise UserError("--corpus is for what is compared with words, and --next compares none", "leave it out")
    for name in settings:
        if name not in used:
            flag = "-n" if name == "count" else f"--{name.replace('_', '-')}"
            raise UserError(f"{flag} is for names, and {query} samples none", "leave it out")


def _sample(
    options: argparse.Namespace, sampling: SamplingConfig
) -> tuple[tuple[SampledName, ...], RepeatCounts | None]:
    """Return sampled names, and what words of the run's corpus repeat."""

    async def query(session: EngineSession) -> tuple[tuple[SampledName, ...], RepeatCounts | None]:
        names = await sample_names(session, sampling)
        assert session.opened is not None
        return names, session.opened.corpus.repeats

    def read(run: int) -> tuple[tuple[SampledName, ...], RepeatCounts | None]:
        from charwave_tui.engine import api

        return api.sample(sampling, run, options.corpus or ""), RunStore(runs_dir()).read(run).corpus.repeats

    return query_run(options, query, read, on_disk=bool(options.corpus))


def _memorising(options: argparse.Namespace) -> tuple[RunRecord, WordProbabilities]:
    from charwave_tui.engine import api

    if options.host is not None:
        problem = f"--memorising reads the saved weights, and those on {options.host} are not here"
        raise UserError(problem, f"call it on {options.host}")
    return api.memorising(options.run, options.corpus or "")


def _predict(options: argparse.Namespace) -> tuple[NextPredicted, str]:
    async def query(session: EngineSession) -> tuple[NextPredicted, str]:
        predicted = await predict_next(session, options.next)
        assert session.opened is not None
        return predicted, session.opened.corpus.symbols

    def read(run: int) -> tuple[NextPredicted, str]:
        from charwave_tui.engine import api

        predicted, corpus = api.predict(options.next, run)
        return predicted, corpus.symbols

    return query_run(options, query, read)


def _score(options: argparse.Namespace) -> WordScored:
    def read(run: int) -> WordScored:
        from charwave_tui.engine import api

        return api.score(options.score, run, options.corpus or "")

    return query_run(options, lambda session: score_word(session, options.score), read, on_disk=bool(options.corpus))


def name_lines(names: Sequence[SampledName]) -> list[str]:
    """Return a line for each name, in columns: name, nll, novelty."""
    texts = [shown_alone(item.name) + or_ascii("…", "..") * item.is_cut or or_ascii("–", "-") for item in names]
    width = max(MIN_NAME_COLUMNS, *map(columns, texts)) if texts else 0
    return [f"{padded(text, width)} {item.nll:5.2f} {_novelty(item)}" for text, item in zip(texts, names, strict=True)]


def _novelty(item: SampledName) -> str:
    if item.is_cut:
        return or_ascii("…", "..")
    if item.in_corpus is None:
        return "?"
    if item.held_out:
        return or_ascii("◇", "&")
    return "=" if item.in_corpus else f"{or_ascii('≈', '~')} {item.near}" if item.near else "+"


def _print(as_json: bool, value: object, lines: list[str]) -> None:
    if as_json:
        print_json(value)
        return
    for line in lines:
        print(line)
